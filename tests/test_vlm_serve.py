"""The engine for servers against one that is not ours: `transformers serve`, with a tiny random model."""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from tests.torchvision_mended import installed

for package in ("httpx", "openai", "fastapi", "uvicorn", "transformers"):
    pytest.importorskip(package, reason="pip install 'transformers[serving]'")
pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.slow,
    pytest.mark.skipif(not installed("torchvision"), reason="transformers serve needs it: pip install torchvision"),
]

from diagram.errors import ReplyError  # noqa: E402
from pipeline.ask import ask  # noqa: E402
from pipeline.settings import Settings  # noqa: E402
from tests.tiny_qwen import make  # noqa: E402
from vlm.engine import Message  # noqa: E402
from vlm.engines.openai_compatible import OpenAICompatible  # noqa: E402
from vlm.prompt import to_read  # noqa: E402
from vlm.reply import SCHEMA, decode  # noqa: E402

PICTURE = Image.new("RGB", (120, 80), "white")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address and the name of the model of a server that runs."""
    folder = tmp_path_factory.mktemp("served")
    make(folder / "tiny")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["serve", str(folder / "tiny"), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.serve_tiny", *arguments],
            cwd=Path(__file__).parent.parent, env={**os.environ, "HF_HUB_OFFLINE": "1"}, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            for _ in range(600):
                time.sleep(0.2)
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                    break
                except OSError:
                    assert process.poll() is None, (folder / "log").read_text()[-2000:]
            yield f"http://127.0.0.1:{port}/v1", str(folder / "tiny")
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def engine(server):
    return OpenAICompatible(*server, timeout=120)


def test_it_streams_an_answer_about_a_picture(engine):
    pieces = []
    settings = Settings(max_tokens=16)
    reply = ask(engine, "What is it?", PICTURE, [("Hm?", "A picture.")], settings=settings, on_text=pieces.append)
    assert reply.text
    assert "".join(pieces) == reply.text
    assert reply.finish in ("stop", "length")
    assert reply.engine.endswith("at 127.0.0.1")


def test_pictures_cost_tokens(engine):
    without = engine.generate([Message("user", ("Hi",))], max_tokens=2)
    with_one = engine.generate([Message("user", ("Hi", PICTURE))], max_tokens=2)
    assert with_one.prompt_tokens > without.prompt_tokens
    assert with_one.finish == "length"


def test_a_schema_that_it_passes_over_is_noticed(engine):
    reply = engine.generate(to_read(PICTURE), schema=SCHEMA, max_tokens=8)
    assert reply.notes == ("the server did not keep to the schema",)
    with pytest.raises(ReplyError, match="did not answer with a graph"):
        decode(reply.text)


def test_several_at_once_and_one_that_leaves(engine):
    cancel = threading.Event()
    found = {}

    def one(place):
        found[place] = engine.generate([Message("user", (f"Number {place}", PICTURE))], max_tokens=4)

    def leaving():
        found["gone"] = engine.generate(to_read(PICTURE), max_tokens=300, on_text=lambda _: cancel.set(), cancel=cancel)

    threads = [threading.Thread(target=one, args=(place,)) for place in range(3)]
    threads.append(threading.Thread(target=leaving))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found["gone"].finish == "cancelled"
    assert all(found[place].finish == "length" for place in range(3))
