"""The tools for assistants, called by the protocol's own client: over stdin and stdout, and over HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
import threading

import pytest

from pipeline.settings import Settings
from tests.api_client import EXAMPLES, ORDER
from tests.test_api_serve import ROOT

mcp = pytest.importorskip("mcp", reason="pip install 'diascribe[mcp]'")
CODE = "from pipeline.cli import main; main()"
TOOLS = {"describe_diagram", "draw_diagram", "search_diagrams", "validate_mermaid"}


async def calls(server, picture: str) -> None:
    from mcp.client import Client

    stages = []

    async def progress(done, of, message):
        stages.append((message, done < of))

    async with Client(server, read_timeout_seconds=200) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == TOOLS
        assert all(tool.description and tool.annotations.read_only_hint for tool in tools)

        told = await client.call_tool("describe_diagram", {"image": picture}, progress_callback=progress)
        assert not told.is_error, told
        assert told.content[0].text.startswith("# Web shop")
        assert "Pack goods" in [node["text"] for node in told.structured_content["nodes"]]
        told = await client.call_tool("describe_diagram", {"image": picture, "format": "mermaid"})
        assert told.content[0].text.startswith("flowchart")
        assert ("text", True) in stages

        told = await client.call_tool("draw_diagram", {"text": "Take the order -> Pack goods -> Ship"})
        assert told.content[0].mime_type == "image/png"
        assert base64.b64decode(told.content[0].data).startswith(b"\x89PNG")
        told = await client.call_tool("draw_diagram", {"text": "A -> B", "format": "mermaid"})
        assert told.content[0].text.startswith("flowchart")

        told = await client.call_tool("validate_mermaid", {"source": "flowchart TB\n a -> b"})
        assert told.structured_content["repairs"]
        told = await client.call_tool("validate_mermaid", {"source": "flowchart TB\n a -%> b[["})
        assert "line 2" in told.content[0].text

        for tool, arguments, word in (
            ("describe_diagram", {"image": "bm9uc2Vuc2U="}, "PNG"),
            ("describe_diagram", {"image": "/no/such/file.png"}, "base64"),
            ("search_diagrams", {}, "needed"),
        ):
            told = await client.call_tool(tool, arguments)
            assert told.is_error
            assert word in told.content[0].text


def test_over_stdin_and_stdout_pictures_may_be_named():
    from mcp.client.stdio import StdioServerParameters

    server = StdioServerParameters(command=sys.executable, args=["-c", CODE, "mcp"], env=dict(os.environ), cwd=ROOT)
    asyncio.run(asyncio.wait_for(calls(server, str(EXAMPLES / "order.png")), 300))


def test_over_http_pictures_are_sent_and_files_of_the_server_are_not_read():
    command = [sys.executable, "-c", CODE, "mcp", "--http", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = process.stderr.readline().split()[-1]
            threading.Thread(target=process.stderr.read, daemon=True).start()
            image = "data:image/png;base64," + base64.b64encode(ORDER).decode()
            asyncio.run(asyncio.wait_for(calls(url, image), 300))
            asyncio.run(asyncio.wait_for(refused(url), 60))
        finally:
            process.terminate()
            assert process.wait(60) == 0


async def refused(url: str) -> None:
    from mcp.client import Client

    async with Client(url) as client:
        told = await client.call_tool("describe_diagram", {"image": str(EXAMPLES / "order.png")})
        assert told.is_error
        assert "base64" in told.content[0].text


def test_training_diagrams_are_found_by_words_and_by_picture(tmp_path):
    from pipeline.mcp import make_server
    from pipeline.retrieve import Retrieval

    train = tmp_path / "train"
    train.mkdir()
    lines = (ROOT / "data" / "train" / "metadata.jsonl").read_text("utf-8").splitlines()[:6]
    (train / "metadata.jsonl").write_text("\n".join(lines), "utf-8")
    rows = [json.loads(line) for line in lines]
    for row in rows:
        shutil.copy(ROOT / "data" / "train" / row["file_name"], train)
    settings = Settings(data_dir=train, examples_dir=tmp_path / "own", index_dir=tmp_path / "index", embedder="builtin")
    retrieval = Retrieval(settings)
    retrieval.build()
    wanted = next(iter(retrieval.by_text("process", 1))).record

    async def search() -> None:
        from mcp.client import Client

        async with Client(make_server(settings), read_timeout_seconds=200) as client:
            told = await client.call_tool("search_diagrams", {"text": wanted.title, "count": 3})
            assert not told.is_error, told
            hits = told.structured_content["results"]
            assert 1 <= len(hits) <= 3
            assert wanted.id in [hit["id"] for hit in hits]
            assert told.content[0].text.splitlines()[0].startswith(f"{hits[0]['id']} (")
            picture = next(train / row["file_name"] for row in rows if wanted.id in row["file_name"])
            told = await client.call_tool("search_diagrams", {"image": str(picture), "count": 1})
            assert [hit["id"] for hit in told.structured_content["results"]] == [wanted.id]

    asyncio.run(asyncio.wait_for(search(), 300))
