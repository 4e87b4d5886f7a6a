"""The process that holds the models: started when needed, asked from several, killed, cancelled, idle."""

import json
import os
import signal
import threading
import time

import pytest
from PIL import Image

pytest.importorskip("bitsandbytes", reason="pip install 'diascribe[vlm]'")
pytest.importorskip("llguidance", reason="pip install 'diascribe[vlm]'")
pytestmark = pytest.mark.filterwarnings("default")

from diagram.errors import EngineUnavailableError, MissingDependencyError, UnknownNameError  # noqa: E402
from pipeline.ask import ask  # noqa: E402
from pipeline.engines import make_engine  # noqa: E402
from pipeline.model_host import ModelHost  # noqa: E402
from pipeline.settings import Settings  # noqa: E402
from tests.tiny_qwen import make  # noqa: E402
from vlm.engine import Message  # noqa: E402
from vlm.prompt import to_read  # noqa: E402
from vlm.reply import SCHEMA  # noqa: E402

PICTURE = Image.new("RGB", (90, 60), "white")
SMALL = {"type": "object", "properties": {"a": {"enum": ["x", "yy"]}}, "required": ["a"], "additionalProperties": False}
ASK = [Message("user", ("What?", PICTURE))]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    make(folder / "weights")
    own = folder / "own.yaml"
    entry = f"id: tiny, name: Tiny, repository: '{folder / 'weights'}', precisions: [bf16], pixels: [4, 64]"
    own.write_text(f"- {{{entry}}}\n- {{id: gone, name: Gone, repository: none/none}}\n")
    return Settings(models_file=own, model="tiny", server_url="", device="cpu", max_tokens=24)


@pytest.fixture(scope="module")
def host(settings):
    host = ModelHost(settings)
    yield host
    host.close()


def state(host, name="tiny"):
    return next(row for row in host.states() if row["id"] == name)["state"]


def wait_for(what):
    deadline = time.monotonic() + 120
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert what()


def test_states_cost_no_process(host):
    assert (state(host), state(host, "gone"), state(host, "dots-ocr")) == ("here", "absent", "server")
    with pytest.raises(MissingDependencyError):
        host.load("gone")
    with pytest.raises(UnknownNameError):
        host.load("nope")
    assert not host.running


def test_a_model_is_loaded_there_and_answers_several_at_once(host):
    host.load("tiny")
    wait_for(lambda: state(host) == "ready")
    engine = make_engine(host.settings)
    replies = []
    threads = [
        threading.Thread(target=lambda: replies.append(engine.generate(ASK, schema=SMALL, max_tokens=40)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == 3
    assert all(json.loads(reply.text)["a"] in ("x", "yy") for reply in replies)


def test_a_question_streams_and_remembers(host, settings):
    pieces = []
    history = [("What is it?", "A white picture.")]
    reply = ask(host.engine(), "And now?", PICTURE, history, settings=settings, on_text=pieces.append)
    assert "".join(pieces) == reply.text
    assert reply.tokens <= 24
    assert ask(host.engine(), "Hi", settings=settings).prompt_tokens < reply.prompt_tokens


def test_cancelling_reaches_it(host):
    cancel = threading.Event()
    found = host.engine().generate(
        to_read(PICTURE), schema=SCHEMA, max_tokens=4000, on_text=lambda _: cancel.set(), cancel=cancel
    )
    assert found.finish == "cancelled"


def test_unloading(host):
    host.unload("tiny")
    wait_for(lambda: state(host) == "here")


def test_a_killed_process_fails_its_requests_only(host):
    engine = host.engine()
    assert engine.generate(ASK, max_tokens=2).tokens
    first = host._process.pid
    raised = []

    def run():
        try:
            engine.generate(to_read(PICTURE), schema=SCHEMA, max_tokens=4000, on_text=lambda _: started.set())
        except EngineUnavailableError as error:
            raised.append(error)

    started = threading.Event()
    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(60)
    os.kill(first, signal.SIGKILL)
    thread.join(60)
    assert "want of memory" in str(raised[0])
    assert raised[0].retryable
    assert engine.generate(ASK, max_tokens=2).tokens
    assert host._process.pid != first


def test_it_ends_when_nobody_asks(settings):
    host = ModelHost(settings.model_copy(update={"model_idle": 0.3}))
    assert host.engine().generate(ASK, max_tokens=2).tokens
    wait_for(lambda: not host.running)
    assert state(host) == "here"
    assert host.engine().generate(ASK, max_tokens=2).tokens
    host.close()
