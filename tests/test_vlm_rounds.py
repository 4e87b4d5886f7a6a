"""Requests that wait together, and memory that runs out: on a random Qwen2.5-VL of the true classes."""

import json
import subprocess
import sys
import threading
import time

import pytest
from PIL import Image

pytest.importorskip("bitsandbytes", reason="pip install 'diascribe[vlm]'")
pytest.importorskip("llguidance", reason="pip install 'diascribe[vlm]'")
pytestmark = pytest.mark.filterwarnings("default")

from diagram.model import Diagram, Example, Node  # noqa: E402
from tests.tiny_qwen import make  # noqa: E402
from vlm.engine import Message  # noqa: E402
from vlm.engines.native import Loaded, Options, Way  # noqa: E402
from vlm.engines.qwen import QwenEngine  # noqa: E402
from vlm.engines.room import Room  # noqa: E402
from vlm.memory import MemoryShortError  # noqa: E402
from vlm.prompt import to_read  # noqa: E402
from vlm.reply import SCHEMA  # noqa: E402
from vlm.residents import Residents  # noqa: E402
from vlm.stack import import_stack  # noqa: E402

PICTURE = Image.new("RGB", (300, 200), "white")
EXAMPLE = Example("x", "", "", Diagram("bpmn", (Node("n", "task", "Check"),)))
OPTIONS = Options(precision="bf16", device="cpu", least=4, most=64)


def word(*words):
    return {
        "type": "object", "properties": {"a": {"enum": words}}, "required": ["a"], "additionalProperties": False,
    }  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def engine(folder):
    engine = QwenEngine(folder, OPTIONS, "tiny")
    engine.load()
    return engine


@pytest.fixture
def rounds(engine, monkeypatch):
    """How many jobs each round had."""
    sizes = []
    run = engine._model.run

    def counted(jobs):
        sizes.append(len(jobs))
        return run(jobs)

    monkeypatch.setattr(engine._model, "run", counted)
    return sizes


def at_once(engine, requests):
    """The outcomes of requests that all wait before the first is begun."""
    found = {}

    def ask(place, messages, more):
        try:
            found[place] = engine.generate(messages, **more)
        except Exception as error:
            found[place] = error

    threads = [threading.Thread(target=ask, args=(place, *request)) for place, request in enumerate(requests)]
    with engine._turn:
        for place, thread in enumerate(threads, 1):
            thread.start()
            while len(engine._waiting) < place:
                time.sleep(0.005)
    for thread in threads:
        thread.join()
    return [found[place] for place in range(len(requests))]


def test_requests_that_wait_together_are_answered_in_one_round(engine, rounds):
    heard = []
    requests = [
        ([Message("user", ("What?", PICTURE))], {"schema": word("left"), "max_tokens": 40}),
        ([Message("user", ("Hi",))], {"schema": word("right"), "max_tokens": 40, "on_text": heard.append}),
        (to_read(PICTURE), {"max_tokens": 5}),
    ]
    left, right, free = at_once(engine, requests)
    assert rounds == [3]
    assert (json.loads(left.text), json.loads(right.text)) == ({"a": "left"}, {"a": "right"})
    assert "".join(heard) == right.text
    assert (left.finish, right.finish, free.finish, free.tokens) == ("stop", "stop", "length", 5)
    assert right.prompt_tokens < left.prompt_tokens < free.prompt_tokens


def test_who_comes_while_a_round_runs_joins_the_next(engine, rounds):
    residents = Residents(lambda _: engine)
    ask = [Message("user", ("Hi",))]
    running, go = threading.Event(), threading.Event()

    def hold(_):
        running.set()
        assert go.wait(60)

    more = {"max_tokens": 30, "on_text": hold}
    first = threading.Thread(target=residents.engine("a").generate, args=(ask,), kwargs=more)
    others = [
        threading.Thread(target=residents.engine("a").generate, args=(ask,), kwargs={"max_tokens": 4}) for _ in range(3)
    ]
    first.start()
    assert running.wait(60)
    for thread in others:
        thread.start()
    deadline = time.monotonic() + 60
    while len(engine._waiting) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    go.set()
    for thread in (first, *others):
        thread.join()
    assert rounds == [1, 3]


def test_what_one_listener_raises_is_its_own_affair(engine, rounds):
    def broken(_):
        raise RuntimeError("gone")

    ask = [Message("user", ("Hi",))]
    bad, good = at_once(engine, [
        (ask, {"max_tokens": 30, "on_text": broken}), (ask, {"schema": word("x"), "max_tokens": 30}),
    ])  # fmt: skip
    assert str(bad) == "gone"
    assert json.loads(good.text) == {"a": "x"}
    assert rounds == [2]


def test_who_waits_can_go(engine, rounds):
    cancel = threading.Event()
    cancel.set()
    ask = [Message("user", ("Hi",))]
    with engine._turn:
        assert engine.generate(ask, cancel=cancel).finish == "cancelled"
    assert not engine._waiting
    gone, stayed = at_once(engine, [(ask, {"cancel": cancel}), (ask, {"schema": word("x"), "max_tokens": 30})])
    assert (gone.finish, stayed.finish) == ("cancelled", "stop")
    assert sum(rounds) == 1


class Failing:
    """A forward that runs out of memory so many times."""

    def __init__(self, model, times):
        self.forward, self.times = model.forward, times

    def __call__(self, *args, **kwargs):
        if self.times:
            self.times -= 1
            raise import_stack()[0].OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB")
        return self.forward(*args, **kwargs)


@pytest.fixture
def failing(engine, monkeypatch):
    import inspect

    def arm(times):
        fault = Failing(engine._model._model, times)
        fault.__signature__ = inspect.signature(fault.forward)
        monkeypatch.setattr(engine._model._model, "forward", fault)
        return fault

    return arm


def test_when_memory_runs_out_an_example_goes_then_pixels(engine, failing):
    failing(1)
    reply = engine.generate(to_read(PICTURE, examples=[EXAMPLE]), schema=SCHEMA, max_tokens=20)
    assert reply.notes == ("memory ran out: an example left out",)
    failing(1)
    reply = engine.generate(to_read(PICTURE), schema=SCHEMA, max_tokens=20)
    assert reply.notes == ("memory ran out: pictures of at most 0.03 megapixels",)


def test_when_it_runs_out_again_the_request_fails_and_the_next_works(engine, failing):
    failing(2)
    with pytest.raises(MemoryShortError, match="memory ran out") as raised:
        engine.generate(to_read(PICTURE), schema=SCHEMA, max_tokens=20)
    assert raised.value.retryable
    assert json.loads(engine.generate([Message("user", ("Hi",))], schema=word("x"), max_tokens=30).text) == {"a": "x"}


def test_a_round_for_which_memory_does_not_suffice_is_run_one_by_one(engine, rounds, failing):
    fault = failing(1)
    ask = [Message("user", ("Hi",))], {"schema": word("x"), "max_tokens": 30}
    replies = at_once(engine, [ask, ask])
    assert rounds == [2, 1, 1]
    assert [json.loads(reply.text) for reply in replies] == [{"a": "x"}] * 2
    assert not fault.times
    assert all(reply.notes == () for reply in replies)


def test_after_that_the_next_way_to_run_is_taken(folder):
    engine = QwenEngine(folder, OPTIONS, "tiny")
    engine._ways = [Way("cpu"), Way("cpu", note="somewhere else")]
    engine.load()
    first = engine._model
    fault = Failing(first._model, 2)
    import inspect

    fault.__signature__ = inspect.signature(fault.forward)
    first._model.forward = fault
    reply = engine.generate(to_read(PICTURE), schema=SCHEMA, max_tokens=20)
    assert reply.notes == ("somewhere else",)
    assert engine._model is not first
    assert engine.state == "ready"


def test_the_vision_tower_can_be_in_4_bit_too(folder):
    bits = import_stack()[0], __import__("bitsandbytes")
    engine = QwenEngine(folder, Options(precision="nf4", device="cpu", least=4, most=64))
    engine._ways = [Way("cpu", tower_nf4=True, note="tower in 4 bit")]
    engine.load()
    model = engine._model._model
    small = {name for name, module in model.named_modules() if isinstance(module, bits[1].nn.Linear4bit)}
    assert any(".visual." in name for name in small)
    assert not any("lm_head" in name for name in small)


def test_a_limit_that_the_weights_exceed_leaves_no_way(folder):
    engine = QwenEngine(folder, Options(precision="bf16", device="cpu", max_ram=1e-6))
    with pytest.raises(MemoryShortError, match="the weights need"):
        engine.load()
    assert engine.state == "failed"
    assert "DIASCRIBE_MAX_RAM" in engine.why or "the weights need" in engine.why


@pytest.mark.parametrize("precision", ["bf16", "nf4"])
def test_nothing_is_put_where_the_settings_allow_no_memory(folder, precision, monkeypatch):
    """Even where our own count says that it fits: accelerate, which is told the limit, is then asked to think again."""
    probe = QwenEngine(folder, Options(precision=precision, device="cpu"))
    probe.load()
    half = Room(import_stack()[0], "cpu", probe._model._room.weights / 2 / 2**30, 0)
    monkeypatch.setattr(Loaded, "_reserve", lambda _: half)
    with pytest.raises(MemoryShortError, match="the weights need"):
        QwenEngine(folder, Options(precision=precision, device="cpu")).load()


def test_the_share_that_is_loaded_is_told(folder):
    engine = QwenEngine(folder, OPTIONS)
    shares = []
    engine._told = shares.append
    engine.load()
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == 1.0


LIMITED = """
import resource, sys
from PIL import Image
from pathlib import Path
from vlm.engine import Message
from vlm.engines.native import Options
from vlm.engines.native import Loaded  # noqa: E402
from vlm.engines.qwen import QwenEngine
from vlm.memory import MemoryShortError

engine = QwenEngine(Path(sys.argv[1]), Options(precision="bf16", device="cpu", least=4, most=16384, max_ram=64))
small = [Message("user", ("Hi", Image.new("RGB", (60, 60))))]
engine.generate(small, max_tokens=4)
engine._model._room.for_requests = lambda: 1 << 50  # as if the forecast were wrong
used = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + (120 << 20),) * 2)
try:
    print(engine.generate([Message("user", ("Hi", Image.new("RGB", (3500, 3500))))], max_tokens=4).notes)
except MemoryShortError as error:
    print("short:", error)
print(engine.generate(small, max_tokens=4).finish, engine.state)
"""


def test_a_real_lack_of_memory_is_survived(folder):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder)], capture_output=True, text=True, timeout=300, check=True
    )
    first, second = done.stdout.strip().splitlines()[-2:]
    assert "memory ran out" in first
    assert second in ("length ready", "stop ready")


def test_compiled_decoding_says_the_same_or_is_not_used(folder):
    ask = to_read(PICTURE), {"schema": word("x", "yy"), "max_tokens": 30}
    plain = QwenEngine(folder, OPTIONS).generate(ask[0], **ask[1])
    for compiler in ("eager", "no such compiler"):
        engine = QwenEngine(folder, Options(precision="bf16", device="cpu", least=4, most=64, compiler=compiler))
        reply = engine.generate(ask[0], **ask[1])
        assert reply.text == plain.text
        assert bool(engine._model.why_plain) is (compiler != "eager")
        assert reply.notes == ((engine._model.why_plain,) if engine._model.why_plain else ())
        assert (engine._model._cache is not None) is (compiler == "eager")
