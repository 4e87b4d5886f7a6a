"""BPMN graphs drawn in BPMN's own symbols: all is there, every text is in its place, hostile graphs do no harm."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bpmn.layout import layout
from bpmn.picture import DRAWN, drawable, picture
from diagram.kinds import TRIGGERS, DiagramKind
from diagram.model import Diagram, Edge, Lane, Node
from mermaid.measure import width, wrap
from mermaid.render import Look, Native, Picture, RenderError
from mermaid.sanitize import sanitize
from pipeline.draw import Studio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "data" / "make"))

import process  # noqa: E402

TRAIN = process.load(ROOT / "data" / "make" / "processes" / "train")
SVG = "{http://www.w3.org/2000/svg}"


def texts(root: ET.Element) -> list[tuple[str, float, float, float, float]]:
    """Each line of text with its box."""
    found = []
    for text in root.iter(f"{SVG}text"):
        size = float(text.get("font-size", "0"))
        for line in text.iter(f"{SVG}tspan"):
            wide = width(line.text or "", size)
            x, y = float(line.get("x", "0")), float(line.get("y", "0"))
            left = x - wide / 2 if text.get("text-anchor") == "middle" else x
            found.append((line.text or "", left, y - 0.93 * size, left + wide, y + 0.25 * size))
    return found


@pytest.mark.parametrize("name", [name for name in TRAIN if TRAIN[name].suits("bpmn")][::4])
def test_every_text_of_a_process_is_there_and_in_its_place(name: str) -> None:
    diagram = process.graph(TRAIN[name], "bpmn")
    root = ET.fromstring(picture(diagram, width, wrap))
    lines = texts(root)
    words = " ".join(line for line, *_ in lines).split()
    wanted = [item.text for item in (*diagram.nodes, *diagram.edges)] + [lane.name for lane in diagram.lanes]
    assert sorted(words) == sorted(" ".join(wanted).split())
    placed = layout(diagram)
    inner = {node.parent for node in diagram.nodes}
    for node in diagram.nodes:
        if node.type != "task" or node.id in inner or node.attached_to:
            continue
        x0, y0, x1, y1 = placed.boxes[node.id]
        inside = [t for t in lines if x0 < (t[1] + t[3]) / 2 < x1 and y0 < (t[2] + t[4]) / 2 < y1]
        assert " ".join(t[0] for t in inside).split() == node.text.split()
        assert all(x0 <= t[1] and t[3] <= x1 and y0 <= t[2] and t[4] <= y1 for t in inside), node.text


def test_lines_of_a_text_are_about_as_wide_as_each_other() -> None:
    names = ("Ввод массива A", "Направить на экспертизу", "result = 1, i = 1", "Check report")
    diagram = Diagram("bpmn", tuple(Node(f"n{i}", "task", name) for i, name in enumerate(names)))
    lines = [line for line, *_ in texts(ET.fromstring(picture(diagram, width, wrap)))]
    assert lines == ["Ввод", "массива A", "Направить на", "экспертизу", "result =", "1, i = 1", "Check report"]


def test_a_text_of_a_flow_keeps_away_from_that_of_its_gateway() -> None:
    nodes = (Node("a", "task", "A"), Node("g", "gateway_exclusive", "i <= n?"), Node("b", "task", "B"))
    nodes += (Node("c", "task", "C"), Node("d", "task", "D"))
    edges = (Edge("1", "a", "g"), Edge("2", "g", "b", "True"), Edge("3", "b", "d"), Edge("4", "d", "g"))
    labels = layout(Diagram("bpmn", nodes, (*edges, Edge("5", "g", "c", "False")))).labels
    one, other = labels["g"], labels["5"]
    assert one[3] < other[1] - 20 or other[3] < one[1] - 20


@pytest.mark.parametrize("kind", ["bpmn", "flowchart"])
@pytest.mark.parametrize("character", ["汉", "📦", "𓀀", "Ж"])
def test_characters_without_a_font_are_told(kind: DiagramKind, character: str) -> None:
    fonts = shutil.which("fc-list")
    if fonts is None:
        pytest.skip("fontconfig is not installed")
    query = [fonts, f":charset={ord(character):x}", "family"]
    has = bool(subprocess.run(query, capture_output=True, check=True).stdout.strip())
    diagram = Diagram(kind, (Node("a", "task" if kind == "bpmn" else "process", f"Шаг {character}"),))
    with Studio("native", workers=1, deadline=60) as studio:
        warnings = studio.draw(json.dumps(diagram.to_json()), "png").warnings
    assert [character in warning for warning in warnings] == ([] if has else [True])


def test_every_symbol_and_mark_differs() -> None:
    marks = set()
    for kind in sorted(DRAWN):
        for trigger in (None, *TRIGGERS) if kind.endswith("event") and kind != "gateway_event" else (None,):
            svg = picture(Diagram("bpmn", (Node("a", kind, trigger=trigger),)), width, wrap)
            marks.add(re.sub(r'class="\w+"', "", svg))
    assert len(marks) == 3 * (1 + len(TRIGGERS)) + len(DRAWN) - 3


def test_what_bpmn_has_no_symbol_for_is_left_to_mermaid() -> None:
    assert not drawable(Diagram("bpmn", (Node("a", "terminator", "x"),)))
    assert not drawable(Diagram("flowchart", (Node("a", "task", "x"),)))
    with Studio("native", workers=1, deadline=60) as studio:
        told = json.dumps(Diagram("bpmn", (Node("a", "terminator", "x"), Node("b", "task", "y"))).to_json())
        assert "flowchart" in studio.draw(told).data.decode()


@pytest.mark.parametrize("name", [name for name in TRAIN if TRAIN[name].lanes and TRAIN[name].suits("cross")][::6])
def test_flowcharts_with_lanes_are_drawn_so_too_and_hold_their_texts(name: str) -> None:
    diagram = process.graph(TRAIN[name], "cross")
    root = ET.fromstring(picture(diagram, width, wrap))
    lines = texts(root)
    wanted = [item.text for item in (*diagram.nodes, *diagram.edges)] + [lane.name for lane in diagram.lanes]
    assert sorted(" ".join(line for line, *_ in lines).split()) == sorted(" ".join(wanted).split())
    placed = layout(diagram.replace(nodes=tuple(replace(n, bbox=None) for n in diagram.nodes)), chart=True)
    for node in diagram.nodes:
        if node.type not in ("decision", "terminator") or not node.text:
            continue
        x0, y0, x1, y1 = placed.boxes[node.id]
        inside = [t for t in lines if x0 < (t[1] + t[3]) / 2 < x1 and y0 < (t[2] + t[4]) / 2 < y1]
        assert " ".join(t[0] for t in inside).split() == node.text.split()
        if node.type == "decision":  # the corners of every line lie within the slanting sides, or just on them
            for _, left, top, right, bottom in inside:
                out = max(abs(x - (x0 + x1) / 2) for x in (left, right)) / ((x1 - x0) / 2)
                up = max(abs(y - (y0 + y1) / 2) for y in (top + 2, bottom - 3)) / ((y1 - y0) / 2)
                assert out + up < 1.05, node.text


def test_a_theme_or_a_direction_is_mermaids() -> None:
    diagram = Diagram("bpmn", (Node("a", "task", "x"), Node("b", "task", "y")), (Edge("e", "a", "b"),))
    told = json.dumps(diagram.to_json())
    with Studio("native", workers=1, deadline=60) as studio:
        assert 'class="task"' in studio.draw(told).data.decode()
        assert "flowchart" in studio.draw(told, direction="TB").data.decode()
        assert "flowchart" in studio.draw(told, look=Look(theme="forest")).data.decode()


def test_hostile_words_stay_words() -> None:
    evil = '"><script>x</script> & \x01 <b> ]]> \ud800 http://x/ javascript:x'
    nodes = (Node("a", "task", evil, lane="l"), Node("b", "gateway_exclusive", evil, lane="l"))
    diagram = Diagram("bpmn", nodes, (Edge("e", "a", "b", evil),), (Lane("l", evil),))
    with Studio("native", workers=1, deadline=60) as studio:
        svg = studio.draw(json.dumps(diagram.to_json())).data.decode()
    root = ET.fromstring(svg)
    allowed = ("svg", "g", "rect", "path", "circle", "text", "tspan", "title", "desc")
    assert {element.tag for element in root.iter()} <= {SVG + tag for tag in allowed}
    assert not any("href" in name or name.startswith("on") for element in root.iter() for name in element.attrib)


def test_a_huge_graph_ends_in_time_and_the_next_is_drawn() -> None:
    nodes = tuple(Node(f"n{k}", "task", f"Step {k}") for k in range(3000))
    edges = tuple(Edge(f"e{k}", f"n{k}", f"n{(k * 7919) % 3000}") for k in range(3000))
    small = json.dumps(Diagram("bpmn", nodes[:2], (Edge("e", "n0", "n1"),)).to_json())
    with Studio("native", workers=1, deadline=8) as studio:
        with contextlib.suppress(RenderError):
            studio.draw(json.dumps(Diagram("bpmn", nodes, edges).to_json()))
        assert 'class="task"' in studio.draw(small).data.decode()


def test_what_its_own_symbols_fail_at_is_drawn_through_mermaid_and_told(monkeypatch) -> None:
    ask = Native.ask

    def fails(native: Native, more: Mapping[str, object], *rest: Any) -> Picture:
        if more.get("graph"):
            raise RenderError("too large")
        return ask(native, more, *rest)

    monkeypatch.setattr(Native, "ask", fails)
    graph = Diagram("bpmn", (Node("a", "task", "Step"), Node("b", "end_event", "Done")), (Edge("e", "a", "b"),))
    with Studio("native", workers=1, deadline=60) as studio:
        drawn = studio.draw(json.dumps(graph.to_json()))
    assert b"Step" in drawn.data
    assert drawn.warnings[-1:] == ("drawn through Mermaid, without BPMN's own symbols: too large",)


def test_a_picture_is_read_back() -> None:
    from pipeline.describe import describe
    from pipeline.score import score

    lanes = (Lane("l1", "Менеджер"), Lane("l2", "Директор"))
    nodes = (
        Node("s", "start_event", "Заявка получена", lane="l1", trigger="message"),
        Node("a", "task", "Проверить заявку", lane="l1"),
        Node("g", "gateway_exclusive", "Сумма больше лимита?", lane="l1"),
        Node("b", "task", "Согласовать договор", lane="l2"),
        Node("c", "task", "Подписать договор", lane="l1"),
        Node("t", "end_event", "Договор подписан", lane="l1"),
    )
    pairs = [("s", "a", ""), ("a", "g", ""), ("g", "b", "Да"), ("g", "c", "Нет"), ("b", "c", ""), ("c", "t", "")]
    edges = tuple(Edge(f"e{k}", a, b, text) for k, (a, b, text) in enumerate(pairs))
    diagram = Diagram("bpmn", nodes, edges, lanes, "ru")
    with Studio("native", workers=1, deadline=60) as studio:
        drawn = studio.draw(json.dumps(diagram.to_json()), "png")
    found = describe(Image.open(io.BytesIO(drawn.data))).diagram
    one = score(diagram.to_json(), found.to_json())
    assert (one.nodes.f1, one.edges.f1) == (1.0, 1.0)
    assert [lane.name for lane in found.lanes if lane.name] == ["Менеджер", "Директор"]


def test_nothing_but_the_name_space_is_an_address() -> None:
    assert sanitize(picture(Diagram("bpmn", (Node("a", "task", "x"),)), width, wrap)).count("http") == 1


def test_an_empty_graph_is_an_empty_picture() -> None:
    assert ET.fromstring(picture(Diagram("bpmn"), width, wrap)).get("viewBox")
