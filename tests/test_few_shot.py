"""Examples on their way to a model: chosen for its picture, within the tokens, shown, and told in the result."""

import json

import pytest

from pipeline.describe import describe
from pipeline.retrieve import Retrieval
from pipeline.settings import Settings
from retrieval.examples import ExampleFolder
from retrieval.select import token_count
from tests.model_server import model_server, streamed
from vlm.reply import encode

pytest.importorskip("httpx", reason="pip install 'diascribe[server]'")

TRAIN = ExampleFolder(Settings().data_dir)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    settings = Settings(index_dir=tmp_path_factory.mktemp("index"), embedder="builtin")
    Retrieval(settings).build()
    return settings.index_dir


@pytest.fixture(scope="module")
def asked():
    """A held-out picture: its process is in the index in other looks."""
    return next(row for row in TRAIN.records().values() if row.split == "heldout" and row.look == "bpmnio")


@pytest.fixture
def server():
    with model_server() as http:
        yield http


def run(server, folder, asked, **more):
    server.script = [streamed(encode(asked.diagram))]
    settings = Settings(
        server_url=server.url, embedder="builtin", index_dir=folder, examples_dir=folder / "own", **more
    )
    found = describe(asked.image, settings)
    content = server.seen[-1]["messages"][1]["content"]
    text = "".join(part.get("text", "") for part in content)
    return found, text, sum(part["type"] == "image_url" for part in content)


@pytest.mark.parametrize("engine", ["server", "hybrid"])
def test_the_model_is_shown_what_the_result_names(server, folder, asked, engine):
    found, text, pictures = run(server, folder, asked, engine=engine)
    rows = TRAIN.records()
    assert 1 <= len(found.examples) <= 3
    assert {rows[one.id].process for one in found.examples} == {asked.process}
    for one in found.examples:
        shown = json.dumps(json.loads(encode(one.diagram)), ensure_ascii=False, separators=(",", ":"))
        assert shown.replace("<", "\\u003c") in text
        assert "similarity" in one.reason
    assert text.count('<data kind="example">') == len(found.examples)
    assert sum(token_count(encode(one.diagram)) for one in found.examples) <= 1500
    assert pictures == 1
    assert found.timings["examples"] > 0


def test_their_pictures_are_shown_where_that_is_set(server, folder, asked):
    found, text, pictures = run(server, folder, asked, engine="server", example_pictures=True)
    assert pictures == 1 + len(found.examples) > 1
    assert text.index("Another diagram, to show" if found.diagram.language == "en" else "Другая схема") >= 0


def test_none_are_shown_and_none_told_where_none_are_asked_for_or_close(server, folder, asked):
    for more in ({"examples": 0}, {"min_similarity": 1.0}):
        found, text, _ = run(server, folder, asked, engine="server", **more)
        assert found.examples == ()
        assert "example" not in text


def test_the_controls_of_measuring_reach_the_model(server, folder, asked):
    for policy in ("fixed", "random"):
        found, text, _ = run(server, folder, asked, engine="server", examples=2, examples_policy=policy)
        assert len(found.examples) == text.count('<data kind="example">') == 2
