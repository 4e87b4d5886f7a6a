"""The registry and the weights on disk: own entries, whole and broken files, offline, removal."""

import hashlib
import json
import socket
import struct
import subprocess
import sys
import time

import pytest

from diagram.errors import DiascribeError, InputError, MissingDependencyError, UnknownNameError
from vlm import registry, weights
from vlm.stack import import_stack


def test_the_registry_is_complete_and_says_what_may_be_used():
    models = registry.load()
    assert registry.DEFAULT in models
    assert models["qwen2.5-vl-3b"].commercial is False
    assert models["qwen3-vl-4b"].commercial is True
    assert models["qwen2.5-vl-3b"].max_pixels == 1280 * 784
    assert models["dots-ocr"].run == "server"
    assert all(model.loader for model in models.values() if model.run == "native")


def test_every_native_class_is_in_the_pinned_transformers():
    pytest.importorskip("transformers")
    _, transformers = import_stack()
    for model in registry.load().values():
        if model.run == "native":
            assert model.loader in dir(transformers), model.id


def test_own_entries_win(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("- {id: mine, name: Mine, repository: /models/mine, pixels: [4, 8]}\n"
                   "- {id: qwen2-vl-2b, name: Other, repository: me/other}\n")  # fmt: skip
    models = registry.load(own)
    assert models["mine"].max_pixels == 8 * 784
    assert models["qwen2-vl-2b"].repository == "me/other"
    with pytest.raises(UnknownNameError, match="nope") as raised:
        registry.get("nope", own)
    assert "mine" in raised.value.hint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id: x", "not a list"),
        ("- 5", "not a mapping"),
        ("- {id: x, name: X}", "has no repository"),
        ("- {id: x, name: X, repository: a/b, kind: cat}", "kind must be one of"),
        ("- {id: x, name: X, repository: a/b, colour: red}", "unknown field colour"),
        ("- {id: x, name: X, repository: a/b, pixels: [9, 1]}", "pixels must be"),
        ("- [", "cannot be read"),
    ],
)
def test_faults_in_own_entries_are_told(tmp_path, text, says):
    own = tmp_path / f"{abs(hash(text))}.yaml"
    own.write_text(text)
    with pytest.raises(InputError, match=says):
        registry.load(own)


def tensors(path, size=8):
    head = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(size))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    snapshot = tmp_path / "hub" / "models--me--tiny" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    tensors(snapshot / "model.safetensors")
    return snapshot


def test_a_whole_model_is_found_and_not_fetched_again(cache):
    assert weights.find("me/tiny") == cache
    assert weights.download("me/tiny") == cache
    assert [(one.repository, one.size > 0) for one in weights.stored()] == [("me/tiny", True)]


@pytest.mark.parametrize("fault", ["cut", "junk", "gone", "head"])
def test_a_broken_weight_file_is_noticed(cache, fault):
    path = cache / "model.safetensors"
    whole = path.read_bytes()
    if fault == "gone":
        path.unlink()
    else:
        path.write_bytes({"cut": whole[:-3], "junk": b"<html>not found</html>", "head": b"\xff" * 40}[fault])
    assert weights.find("me/tiny") is None
    assert weights.faults(cache)


def test_a_missing_part_is_noticed(cache):
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (cache / "model.safetensors.index.json").write_text(json.dumps(index))
    assert weights.faults(cache) == ["model-2.safetensors is missing"]


def test_a_changed_byte_is_noticed_by_its_digest(cache):
    blobs = cache.parent.parent / "blobs"
    blobs.mkdir()
    good = blobs / hashlib.sha256((cache / "model.safetensors").read_bytes()).hexdigest()
    (cache / "model.safetensors").rename(good)
    (cache / "model.safetensors").symlink_to(good)
    assert weights.faults(cache, thorough=True) == []
    data = bytearray(good.read_bytes())
    data[-1] ^= 1
    good.write_bytes(data)
    assert weights.faults(cache) == []
    assert "damaged" in weights.faults(cache, thorough=True)[0]


def test_nothing_is_fetched_offline_and_failures_are_told(cache, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DiascribeError, match="offline"):
        weights.download("me/other")


def test_a_download_that_fails_says_why(tmp_path):
    pytest.importorskip("huggingface_hub")
    code = "from vlm.weights import download\n"
    code += "try: download('me/other')\nexcept Exception as e: print(type(e).__name__, e)"
    env = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": str(tmp_path), "PATH": "", "PYTHONPATH": "."}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout.startswith("DiascribeError me/other cannot be fetched:")


def test_removing_takes_only_what_is_in_the_cache(cache, tmp_path):
    assert weights.remove("me/absent") == 0
    assert weights.remove("me/tiny") > 0
    assert weights.find("me/tiny") is None
    own = tmp_path / "own"
    own.mkdir()
    assert weights.remove(str(own)) == 0
    assert own.is_dir()


def test_the_commands(cache, capsys):
    from pipeline.cli import main

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["models", *arguments])
        return left.value.code, capsys.readouterr()

    code, said = run("list")
    assert code == 0
    assert "qwen2.5-vl-3b" in said.out
    assert "not for commercial use" in said.out
    assert "on servers" in said.out
    code, said = run("info", "qwen3-vl-4b")
    assert "licence: Apache-2.0" in said.out
    assert "vram_gib: not measured" in said.out
    assert run("info", "nope")[0] == 2
    assert "me/tiny" in run("cache")[1].out
    assert run("download", "dots-ocr")[0] == 1
    assert run("remove", "me/tiny")[0] == 0
    assert run("remove", "me/tiny")[0] == 1


def test_an_own_model_becomes_an_engine_without_being_loaded(cache, tmp_path):
    from pipeline.engines import absent_packages, check, make_engine
    from pipeline.models import shared
    from pipeline.settings import Settings

    own = tmp_path / "own.yaml"
    own.write_text(f"- {{id: mine, name: Mine, repository: '{cache}', precisions: [nf4]}}")
    settings = Settings(engine="mine", models_file=own, server_url="")
    check(settings)
    if absent_packages():
        with pytest.raises(MissingDependencyError, match="mine needs"):
            make_engine(settings, "mine")
        return
    assert make_engine(settings, "mine").name == "mine"
    row = next(row for row in shared(settings).states() if row["id"] == "mine")
    assert (row["state"], row["precisions"], row["loaded"]) == ("here", ("nf4",), 0.0)
    assert shared(settings) is shared(settings.model_copy(update={"lang": "ru"}))


def test_states_tell_what_runs_where_and_why_a_download_failed(cache, tmp_path, monkeypatch):
    from pipeline.models import Models
    from pipeline.settings import Settings

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    models = Models(Settings(server_url=""))

    def state(name):
        return next(row for row in models.states() if row["id"] == name)

    assert state("dots-ocr")["state"] == "server"
    assert state("qwen3-vl-2b")["state"] == "absent"
    with pytest.raises(MissingDependencyError, match="server of its own"):
        models.download("dots-ocr")
    with pytest.raises(UnknownNameError):
        models.load("nope")
    with pytest.raises(MissingDependencyError) as raised:
        models.load("qwen3-vl-2b")
    assert "DIASCRIBE_SERVER_URL" in raised.value.hint
    models.download("qwen3-vl-2b")
    deadline = time.monotonic() + 20
    while state("qwen3-vl-2b")["state"] != "failed" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "set offline" in state("qwen3-vl-2b")["why"]
    assert models.remove("qwen3-vl-2b") == 0
    assert state("qwen3-vl-2b")["state"] == "absent"


def test_the_doctor_names_what_is_broken_taken_and_not_free_to_use(cache, monkeypatch):
    from pipeline.doctor import examine

    entry = "- {id: tiny, name: Tiny, repository: me/tiny, loader: X}\n"
    (cache / "own.yaml").write_text(entry)
    monkeypatch.setenv("DIASCRIBE_MODELS_FILE", str(cache / "own.yaml"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("DIASCRIBE_API_PORT", str(port))
        monkeypatch.setenv("DIASCRIBE_SERVER_URL", f"http://127.0.0.1:{port}/v1")
        lines = list(examine())
        assert any(line.startswith(f"port {port}: taken") for line in lines)
        assert f"server of models: http://127.0.0.1:{port}/v1 takes connections" in lines
    assert "models on this machine: tiny" in lines
    assert any(line.startswith("engine auto: hybrid (a server is set") for line in lines)
    assert any("qwen2.5-vl-3b does not allow commercial use" in line for line in lines)
    (cache / "model.safetensors").write_bytes(b"<html>")
    monkeypatch.setenv("DIASCRIBE_API_PORT", "0")
    monkeypatch.setenv("DIASCRIBE_SERVER_URL", "http://127.0.0.1:9/v1")
    lines = list(examine())
    assert any("diascribe models remove tiny && diascribe models download tiny" in line for line in lines)
    assert any(line.startswith("server of models: missing") for line in lines)
    for what in ("Chromium:", "merman:", "Tesseract", "fonts", "GPU:", "free memory:", "free disk:"):
        assert any(line.startswith(what) for line in lines), what
