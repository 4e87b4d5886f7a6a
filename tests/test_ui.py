"""The page without a browser: its client, desk, words, corrections and look; Streamlit's own test run for the logic."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import io
import json
import re
import string
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from diagram.errors import InvalidDiagramError
from diagram.kinds import EDGE_KINDS, NODE_TYPES
from diagram.model import Diagram
from tests.api_client import wait_until
from tests.model_server import model_server, streamed
from tests.test_api_serve import ask, serving
from ui.client import Client, Trouble, events
from ui.desk import Desk, Picture, Shelf
from ui.errand import Errand
from ui.kept import keep_answers
from ui.views.correct import corrected, paths, step_rows

ROOT = Path(__file__).resolve().parent.parent
UI = ROOT / "ui"
WORDS = yaml.safe_load((UI / "words.yaml").read_text("utf-8"))
FOUND = json.loads((ROOT / "data" / "examples" / "order.json").read_text("utf-8"))
SOURCES = {path: path.read_text("utf-8") for path in sorted(UI.rglob("*.py"))}


def test_no_module_is_named_like_a_package():
    taken = {*sys.stdlib_module_names, *importlib.metadata.packages_distributions()} - {"ui"}
    taken |= {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert not {path.stem for path in UI.iterdir() if path.suffix == ".py" or path.is_dir()} & taken


def test_every_word_has_both_languages_and_the_same_places():
    for key, (english, russian) in WORDS["words"].items():
        places = [
            sorted(name for _, name, _, _ in string.Formatter().parse(text) if name) for text in (english, russian)
        ]
        assert places[0] == places[1], key
        assert not re.search("[а-яё]", english, re.IGNORECASE), key
        assert '"' not in english + russian, key  # they also stand in a style sheet


def test_every_word_that_is_asked_for_is_there_and_none_is_idle():
    asked, families = set[str](), set[str]()
    for source in SOURCES.values():
        asked |= set(re.findall(r"""["']([a-z_]+(?:\.[\w-]+)+)["']""", source))
        families |= set(re.findall(r"""f["']([a-z_]+)\.\w*\{""", source)) | {
            "sheet",
            "grid",
            "picture",
            "theme",
            "trouble",
        }
    for name in NODE_TYPES:
        assert f"type.{name}" in WORDS["words"]
    for name in EDGE_KINDS:
        assert f"flow.{name}" in WORDS["words"]
    used = {key for key in WORDS["words"] if key in asked or key.split(".")[0] in families or key == "language"}
    heads = {f"{page}.{part}" for page in pages() for part in ("nav", "title", "lead")}
    assert heads <= set(WORDS["words"])
    assert set(WORDS["words"]) - used - heads == set()


def pages() -> list[str]:
    return [path.stem for path in (UI / "views").glob("*.py") if path.stem != "__init__"]


def test_known_sentences_of_the_api_are_told_in_russian():
    from ui.words import _russian

    assert _russian("3 lines end nowhere") == "Линий, которые никуда не ведут: 3."
    assert _russian("something new") is None


def test_what_the_readers_warn_of_is_told_in_russian():
    """Each warning in the sources of the readers, with what they put into it."""
    from ui.words import _russian

    said = set[str]()
    for path in ("vision/text", "vision/reader", "vision/connectors", "pipeline/retrieve", "vlm/reply", "vlm/memory"):
        source = (ROOT / f"{path}.py").read_text("utf-8")
        said |= set(re.findall(r"""(?:warnings|found|notes)\.(?:append|insert)\((?:0, )?f?"([^"]+)"\)""", source))
        said |= set(re.findall(r"""warning = f?"([^"]+)\"""", source))
    said |= {"1 line ends nowhere", "{2} lines end nowhere", "named by the model, left out: [x](y)"}
    assert len(said) > 7
    for sentence in said:
        told = _russian(re.sub(r"\{[^}]*\}", "7", sentence))
        assert told, sentence
        assert re.search("[а-я]", told), sentence


def test_what_streamlit_says_is_told_in_russian():
    """As the browser does it: patterns of whole texts."""

    def told(text: str, place: int) -> str:
        pairs = ((re.fullmatch(pattern, text), words[place]) for pattern, words in WORDS["frame"].items())
        match, words = next((match, words) for match, words in pairs if match and words)
        return match.expand(re.sub(r"\$(\d)", r"\\\1", words))

    assert told("Error: File must be 200.0MB or smaller.", 1).startswith("Файл слишком велик: можно не больше 200.0 МБ")
    assert told("Remove order.png", 1) == "Убрать order.png"
    assert told("Page 12", 1) == "Страница 12"
    assert "Streamlit" not in told("Is Streamlit still running? If you stopped it, restart it:", 0)
    for pattern, (english, russian) in WORDS["frame"].items():
        assert re.compile(pattern)
        assert not re.search("[а-яё]", english, re.IGNORECASE), pattern
        assert re.search("[а-яё]", russian, re.IGNORECASE) or russian == "Diascribe", pattern


def test_numbers_are_written_as_the_language_has_them(monkeypatch):
    from ui import words

    monkeypatch.setattr(words, "tongue", lambda: "ru")
    assert [words.number(3.75, 2), words.number(4, 2), words.number(23.54)] == ["3,75", "4", "23,5"]
    monkeypatch.setattr(words, "tongue", lambda: "en")
    assert words.number(3.75, 2) == "3.75"


def test_what_a_model_needs_is_held_against_what_is_there():
    from ui.views.service import _facts

    row = {"licence": "MIT", "parameters": 3.75, "precisions": ["nf4", "bf16"], "run": "native", "vram_gib": None}
    with_card = {"memory_total_gb": 64, "gpus": [{"memory_total_gb": 8.0}]}
    assert _facts(row, with_card)[-1] == "fits the 8.0 GB of the graphics card"
    assert _facts({**row, "vram_gib": 7.5}, with_card)[-1] == "more than the 8.0 GB of the graphics card"
    assert _facts(row, {"memory_total_gb": 4, "gpus": []})[-1] == "more than the 4.0 GB of memory here"  # 16 bit there
    assert "server" in _facts({**row, "run": "server"}, with_card)[-1]


def test_a_drawing_is_as_large_as_its_view_box():
    from ui.parts import _drawn_size

    assert _drawn_size(b'<svg viewBox="-8 -8 1107.5 600" width="100%">') == (1108, 600)
    assert _drawn_size(b"<svg>") == (0, 0)


def channels(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((channels(one), channels(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_texts_stand_out_from_their_ground(mode):
    theme = tomllib.loads((UI / "theme.toml").read_text("utf-8"))["theme"][mode]
    for ground in ("backgroundColor", "secondaryBackgroundColor", "codeBackgroundColor"):
        assert contrast(theme["textColor"], theme[ground]) >= 7
        assert contrast(theme["linkColor"], theme[ground]) >= 4.5
    for name in ("blue", "yellow", "green"):
        assert contrast(theme[f"{name}TextColor"], theme[f"{name}BackgroundColor"]) >= 4.5
    side = theme["sidebar"]
    assert contrast(side["textColor"], side["backgroundColor"]) >= 7
    button = {"light": "#0f6e68", "dark": "#0f7a73"}[mode]
    assert button in SOURCES[UI / "app.py"]
    assert contrast("#ffffff", button) >= 4.5
    assert contrast("#ffffff", theme["primaryColor"]) >= 4.5


def test_corrections_keep_what_was_read_and_forget_what_was_not_measured():
    found = whole(FOUND)
    steps = step_rows(found)
    flows = [{name: edge[name] for name in ("id", "source", "target", "text", "kind")} for edge in found["edges"]]
    same, read = corrected(found, steps, flows), Diagram.from_json(found)
    assert {node.id: node for node in same.nodes} == {node.id: node for node in read.nodes}
    assert (same.edges, same.lanes) == (read.edges, read.lanes)
    gone, changed = steps[0]["id"], steps[1]["id"]
    steps[1] |= {"text": "Weigh", "role": "Scales"}
    steps.append({"id": "own-1", "no": "", "text": "New", "type": "task", "role": "Scales"})
    flows.append({"id": "own-2", "source": changed, "target": "own-1", "text": "then", "kind": "sequence"})
    graph = corrected(found, steps[1:], flows)
    assert gone not in {node.id for node in graph.nodes}
    assert gone not in {end for edge in graph.edges for end in (edge.source, edge.target)}
    assert graph.node(changed).confidence is None
    assert graph.node(changed).bbox is not None
    assert graph.lane(graph.node(changed).lane or "").name == "Scales"
    assert graph.node("own-1").lane == graph.node(changed).lane
    lane = next(iter(paths(found)))
    with pytest.raises(InvalidDiagramError):
        corrected(
            found, steps, [*flows, {"id": "x", "source": lane, "target": changed, "text": "", "kind": "sequence"}]
        )


def whole(found: dict[str, Any]) -> dict[str, Any]:
    """The example as the API tells it: with steps."""
    from diagram.narrate import narrate

    graph = Diagram.from_json(found)
    return {**graph.to_json(), "steps": [dataclasses.asdict(step) for step in narrate(graph).steps]}


def test_a_desk_is_found_again_as_a_copy_and_the_shelf_stays_small():
    shelf = Shelf(desks=3, most=1000)
    name, desk = shelf.open(None)
    desk.put(picture=Picture("a", b"x" * 400), words="hello")
    other_name, other = shelf.open(name)
    assert other_name != name
    other.put(words="changed")
    assert desk.get("words") == "hello"
    for _ in range(100):
        _, one = shelf.open(None)
        one.put(picture=Picture("b", b"y" * 400))
    assert len(shelf) <= 3
    assert shelf.open(name)[1].things == {}  # the oldest left
    assert Desk().size() == 0


def test_where_to_upload_to_is_told_even_if_a_run_of_the_page_begins_just_then(monkeypatch):
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

    monkeypatch.setattr(ForwardMsgQueue, "clear", ForwardMsgQueue.clear)  # to be put back
    keep_answers()
    for fragments in (None, ["one"]):
        queue = ForwardMsgQueue()
        where, drawn = ForwardMsg(), ForwardMsg()
        where.file_urls_response.response_id = "1"
        drawn.delta.new_element.text.body = "of the run before"
        queue.enqueue(where)
        queue.enqueue(drawn)
        queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=fragments)
        assert [one for one in queue.flush() if one.WhichOneof("type") != "delta"] == [where]
        assert queue.is_empty()


def test_an_errand_tells_its_stage_and_its_trouble():
    go = threading.Event()

    def work(tell: Any) -> int:
        tell("text", 1, 3)
        go.wait(10)
        return 7

    errand = Errand(work)
    while not errand.stage:
        errand.wait(0.01)
    assert (errand.stage, errand.done, errand.of, errand.running) == ("text", 1, 3, True)
    go.set()
    errand.wait(10)
    assert errand.result == 7

    def broken(_: Any) -> int:
        raise Trouble("unreachable")

    errand = Errand(broken)
    errand.wait(10)
    assert errand.trouble is not None
    assert errand.trouble.kind == "unreachable"


def test_events_are_read_as_they_are_sent():
    lines = ["event: stage", 'data: {"stage": "text"}', "", ": a comment", "data: no json", "", "event: result"]
    lines += ['data: {"a":', "data: 1}", ""]
    assert list(events(iter(lines))) == [("stage", {"stage": "text"}), ("result", {"a": 1})]


@pytest.fixture
def breaking() -> Iterator[str]:
    """A server that answers each path in its own broken way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/cut":
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
                return
            body = json.dumps({"type": "urn:diascribe:problem:full", "detail": "9 requests wait", "request_id": "r1"})
            status = 404 if self.path == "/none" else 429
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<html>" if status == 404 else body.encode())

        def log_message(self, *_: Any) -> None:
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(("path", "kind"), [("/none", "missing"), ("/busy", "full"), ("/cut", "unreachable")])
def test_every_failure_is_a_trouble(breaking, path, kind):
    with pytest.raises(Trouble) as caught:
        Client(breaking).get(path)
    assert caught.value.kind == kind


def test_where_nothing_listens_the_page_says_what_to_do(monkeypatch):
    from streamlit.testing.v1 import AppTest

    monkeypatch.setenv("DIASCRIBE_UI_API", "http://127.0.0.1:9")
    for name in ("library", "service", "batch", "history"):
        script = f"from ui.views import {name}\n{name}.show()\n"
        run = AppTest.from_string(script, default_timeout=60).run()
        assert not run.exception, name
        assert any("diascribe serve" in warning.value for warning in run.warning), name


def test_the_pages_ask_for_a_picture_where_there_is_none(monkeypatch):
    from streamlit.testing.v1 import AppTest

    monkeypatch.setenv("DIASCRIBE_UI_API", "http://127.0.0.1:9")
    run = AppTest.from_string("from ui.views import chat\nchat.show()\n", default_timeout=60)
    run.session_state["tongue"] = "ru"
    run.run()
    assert not run.exception
    assert run.title[0].value == "Спросить о картинке"
    assert run.chat_input[0].disabled


def test_an_answer_is_shown_while_the_model_writes_and_stays_for_the_next_question(monkeypatch):
    from streamlit.testing.v1 import AppTest

    from ui import tab

    gate = threading.Event()
    status, kind, pieces = streamed("It is ", "a shop.")

    def held() -> Iterator[str]:
        yield pieces[0]
        gate.wait(120)
        yield from pieces[1:]

    picture = Picture("order.png", (ROOT / "data" / "examples" / "order.png").read_bytes())
    with model_server() as model, serving(DIASCRIBE_SERVER_URL=model.url, DIASCRIBE_SERVER_MODEL="tiny") as (_, port):
        wait_until(lambda: ask(port, "/ready")[0] == 200)
        address = f"http://127.0.0.1:{port}"
        model.script = [(status, kind, held()), streamed("Two ", "lanes."), streamed("Sales.")]
        with contextlib.closing(Client(address)) as api:
            answer = api.ask(picture.name, picture.data, "What is it?", [])
            assert next(answer) == "It is "  # the model has not written the rest
            gate.set()
            assert list(answer) == ["a shop."]
        monkeypatch.setenv("DIASCRIBE_UI_API", address)
        tab.api.clear()
        run = AppTest.from_string("from ui.views import chat\nchat.show()\n", default_timeout=120)
        run.session_state["desk_name"], run.session_state["desk"] = "asked", Desk({"chat_picture": picture})
        run.run().chat_input[0].set_value("How many lanes?").run()
        run.chat_input[0].set_value("Whose is the first?").run()
        tab.api().close()
        tab.api.clear()
        assert not run.exception
        assert {"How many lanes?", "Two lanes.", "Sales."} <= {text.value for text in run.text}
        turns = [turn["content"] for turn in model.seen[-1]["messages"]]
        assert "Two lanes." in turns


def test_markup_in_titles_is_escaped():
    from ui.outcome import plain

    assert plain("<b>*x*</b> $y$ :red[z]") == r"\<b\>\*x\*\</b\> \$y\$ \:red\[z\]"


def test_pages_that_browsers_do_not_show_become_pictures():
    from PIL import Image

    from ui.preview import shown

    with Image.open(ROOT / "data" / "examples" / "order.png") as picture:
        for form in ("PDF", "TIFF"):
            out = io.BytesIO()
            picture.convert("RGB").save(out, form)
            made = shown(out.getvalue(), 1, 300, 200)
            assert Image.open(io.BytesIO(made)).size == (300, 200), form
    assert shown(b"%PDF broken", 1, 300, 200) == b""
