"""The engine in this process, on a random Qwen2.5-VL of the true classes: loading, decoding, stopping, failing."""

import json
import threading

import pytest
from PIL import Image

pytest.importorskip("bitsandbytes", reason="pip install 'diascribe[vlm]'")
pytest.importorskip("llguidance", reason="pip install 'diascribe[vlm]'")
pytestmark = pytest.mark.filterwarnings("default")  # the stack below warns in many ways

from diagram.errors import EngineError, EngineUnavailableError  # noqa: E402
from diagram.model import Diagram, Example, Node  # noqa: E402
from tests import torchvision_mended  # noqa: E402
from tests.tiny_qwen import make  # noqa: E402
from vlm.engine import Message  # noqa: E402
from vlm.engines.qwen import Options, QwenEngine  # noqa: E402
from vlm.prompt import to_read  # noqa: E402
from vlm.reply import SCHEMA, decode  # noqa: E402

PICTURE = Image.new("RGB", (300, 200), "white")
SMALL = {"type": "object", "properties": {"a": {"enum": ["x", "yy"]}}, "required": ["a"], "additionalProperties": False}
ASK = [Message("user", ("What?", PICTURE))]


def options(**more):
    return Options(**{"precision": "bf16", "device": "cpu", "least": 4, "most": 64, **more})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def engine(folder):
    return QwenEngine(folder, options(precision="nf4"), "tiny")


def test_a_reply_in_nf4_follows_the_schema(engine):
    reply = engine.generate(ASK, schema=SMALL, max_tokens=40)
    assert json.loads(reply.text)["a"] in ("x", "yy")
    assert (reply.finish, reply.engine, engine.state) == ("stop", "tiny", "ready")
    assert reply.tokens > 0
    assert {"wait", "prepare", "first_token", "generate"} <= set(reply.timings)


def test_a_graph_that_is_cut_off_is_read_as_far_as_it_goes(engine):
    example = Example("x", "", "", Diagram("bpmn", (Node("n", "task", "Check"),)))
    reply = engine.generate(to_read(PICTURE, examples=[example]), schema=SCHEMA, max_tokens=60)
    assert reply.finish in ("length", "stop")
    assert decode(reply.text + ("" if reply.finish == "stop" else " ")).diagram is not None


def test_several_pictures_and_none(engine):
    several = [Message("user", (PICTURE, "and", Image.new("L", (90, 40)), "differ?"))]
    assert engine.generate(several, schema=SMALL, max_tokens=40).prompt_tokens > 0
    assert json.loads(engine.generate([Message("user", ("Hi",))], schema=SMALL, max_tokens=40).text)


def test_text_is_streamed_as_it_comes(engine):
    pieces = []
    reply = engine.generate(ASK, max_tokens=12, on_text=pieces.append)
    assert "".join(pieces) == reply.text
    assert reply.tokens <= 12


def test_cancelling_stops_in_the_middle_and_the_next_request_works(engine):
    cancel = threading.Event()
    cancelled = engine.generate(
        to_read(PICTURE), schema=SCHEMA, max_tokens=400, on_text=lambda _: cancel.set(), cancel=cancel
    )
    assert cancelled.finish == "cancelled"
    assert cancelled.tokens < 10
    assert engine.generate(ASK, schema=SMALL, max_tokens=40).finish == "stop"


def test_two_requests_at_once_both_get_their_own_reply(engine):
    replies = {}

    def ask(word):
        schema = {**SMALL, "properties": {"a": {"enum": [word]}}}
        replies[word] = engine.generate(ASK, schema=schema, max_tokens=40).text

    threads = [threading.Thread(target=ask, args=(word,)) for word in ("left", "right")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {json.loads(text)["a"] for text in replies.values()} == {"left", "right"}
    assert all(json.loads(text)["a"] == word for word, text in replies.items())


def test_a_huge_picture_is_made_small(engine):
    reply = engine.generate([Message("user", (Image.new("L", (10_000, 10_000)),))], schema=SMALL, max_tokens=40)
    assert reply.prompt_tokens < 64 + 30


def test_unloading_and_loading_again(folder):
    engine = QwenEngine(folder, options())
    assert engine.state == "absent"
    engine.load()
    assert engine.state == "ready"
    engine.unload()
    assert engine.state == "absent"
    assert engine.generate(ASK, schema=SMALL, max_tokens=40).finish == "stop"


def test_a_damaged_weight_file_is_told_and_remembered(folder, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in folder.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    engine = QwenEngine(broken, options())
    with pytest.raises(EngineError, match="cannot be loaded"):
        engine.generate(ASK)
    assert engine.state == "failed"
    assert "cannot be loaded" in engine.why


def test_a_folder_without_a_tokenizer_is_told(folder, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors", "preprocessor_config.json"):
        (bare / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(EngineError):
        QwenEngine(bare, options()).load()


def test_too_little_memory_is_told_before_anything_is_loaded(folder):
    with pytest.raises(EngineUnavailableError, match="the weights need"):
        QwenEngine(folder, options(max_ram=1e-6)).load()


def test_an_adapter_is_attached(folder, tmp_path):
    peft = pytest.importorskip("peft")
    from vlm.stack import import_stack

    _, transformers = import_stack()
    model = transformers.AutoModelForImageTextToText.from_pretrained(str(folder))
    config = peft.LoraConfig(r=8, lora_alpha=64, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    peft.get_peft_model(model, config).save_pretrained(str(tmp_path / "lora"))
    plain = QwenEngine(folder, options(precision="nf4")).generate(ASK, max_tokens=20).text
    engine = QwenEngine(folder, options(lora=tmp_path / "lora", precision="nf4"))
    assert engine.generate(ASK, max_tokens=20).text != plain
    assert json.loads(engine.generate(ASK, schema=SMALL, max_tokens=40).text)


def test_examples_with_pictures_are_shown(engine, tmp_path):
    path = tmp_path / "example.png"
    PICTURE.save(path)
    example = Example("x", str(path), "", Diagram("bpmn", (Node("n", "task", "Check"),)))
    without = engine.generate(to_read(PICTURE, examples=[example]), max_tokens=2)
    shown = engine.generate(to_read(PICTURE, examples=[example], with_pictures=True), max_tokens=2)
    assert shown.prompt_tokens > without.prompt_tokens + 20


def copied(folder, target, **changed):
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(changed.get(file.name.split(".")[0], file.read_bytes()))
    return target


def test_a_processor_of_another_kind_is_told(folder, tmp_path):
    other = json.dumps({"image_processor_type": "CLIPImageProcessor", "processor_class": "CLIPProcessor"})
    wrong = QwenEngine(copied(folder, tmp_path / "wrong", preprocessor_config=other.encode()), options())
    with pytest.raises(EngineError, match="pictures are prepared by CLIPImageProcessor"):
        wrong.generate(ASK)
    assert wrong.state == "failed"


def test_weights_of_another_shape_are_told(folder, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 96
    engine = QwenEngine(copied(folder, tmp_path / "shape", config=json.dumps(config).encode()), options())
    with pytest.raises(EngineError, match="cannot be loaded"):
        engine.load()


def test_unloading_frees_the_weights(folder):
    import gc

    from vlm.stack import import_stack

    torch, _ = import_stack()
    engine = QwenEngine(folder, options())

    def held():
        gc.collect()
        return sum(thing.numel() for thing in gc.get_objects() if isinstance(thing, torch.nn.Parameter))

    before = held()
    engine.generate(ASK, max_tokens=2)
    assert held() > before + 100_000
    engine.unload()
    assert held() == before


def test_a_second_model_takes_the_place_of_the_first(folder):
    from vlm.residents import Residents

    residents = Residents(lambda name: QwenEngine(folder, options(), name))
    for name in ("a", "b", "a"):
        assert residents.engine(name).generate(ASK, max_tokens=2).engine == name
        ready = [one for one, status in residents.states().items() if status.state == "ready"]
        assert ready == [name]
    residents.close()


def test_a_torchvision_that_cannot_be_imported_does_no_harm(folder, tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom PIL import Image\nfrom vlm.engine import Message\n"
        "from vlm.engines.native import Options\nfrom vlm.engines.qwen import QwenEngine\n"
        "engine = QwenEngine(Path(sys.argv[1]), Options(precision='bf16', device='cpu', least=4, most=64))\n"
        "print(engine.generate([Message('user', ('Hi', Image.new('RGB', (90, 60))))], max_tokens=2).tokens)\n"
    )
    done = torchvision_mended.beside_a_broken_one(tmp_path, code, str(folder))
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-1] in ("1", "2")
