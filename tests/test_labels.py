"""Which text belongs to which symbol or flow, on small constructed scenes."""

from __future__ import annotations

import numpy as np
import pytest

from vision.blocks import group
from vision.labels import Labels, label
from vision.parts import Box, Connector, Outline, Scene, Shape, TextLine

UNIT = 20.0


def line(text: str, x: float, y: float, width: float | None = None) -> TextLine:
    """A line of print with its upper left corner at (x, y)."""
    return TextLine(text, (x, y, x + (9.0 * len(text) if width is None else width), y + 16.0), 0.9)


def shape(outline: Outline, x: float, y: float, w: float = 44.0, h: float = 44.0, **more: object) -> Shape:
    """A symbol with its upper left corner at (x, y)."""
    box: Box = (x, y, x + w, y + h)
    contour = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], float)
    return Shape(outline, box, contour, 2.0, 1.0, **more)  # type: ignore[arg-type]


def flow(points: list[tuple[float, float]], source: int, target: int) -> Connector:
    """A plain flow between two symbols."""
    return Connector(np.array(points, float), ("shape", source), ("shape", target), head="filled")


def read(lines: list[TextLine], shapes: list[Shape], flows: list[Connector]) -> Labels:
    """The labels of a scene."""
    return label(lines, Scene(tuple(shapes)), flows, UNIT)


def process() -> tuple[list[Shape], list[Connector]]:
    """start -> task -> decision -> end, the decision also down to a task."""
    shapes = [
        shape("circle", 20, 100),
        shape("rounded", 160, 80, 120, 84),
        shape("diamond", 380, 100),
        shape("circle", 560, 100, double=True),
        shape("rounded", 342, 300, 120, 84),
    ]
    flows = [
        flow([(64, 122), (160, 122)], 0, 1),
        flow([(280, 122), (380, 122)], 1, 2),
        flow([(424, 122), (560, 122)], 2, 3),
        flow([(402, 144), (402, 300)], 2, 4),
    ]
    return shapes, flows


def test_names_go_to_symbols_and_answers_to_flows() -> None:
    shapes, flows = process()
    lines = [
        line("Order received", 0, 150, 120),
        line("Check order", 170, 112),
        line("In stock?", 362, 74),
        line("yes", 470, 102),
        line("no", 408, 200),
        line("Order shipped", 530, 150),
        line("Cancel", 375, 332),
    ]
    found = read(lines, shapes, flows)
    assert {i: b.text for i, b in found.shapes.items()} == {
        0: "Order received", 1: "Check order", 2: "In stock?", 3: "Order shipped", 4: "Cancel",
    }  # fmt: skip
    assert {i: b.text for i, b in found.connectors.items()} == {2: "yes", 3: "no"}
    assert not found.free


@pytest.mark.parametrize(("yes", "no"), [("да", "нет"), ("[ok]", "[else]"), ("Yes", "No")])
def test_an_answer_near_a_gateway_is_no_name(yes: str, no: str) -> None:
    shapes, flows = process()
    found = read([line(yes, 430, 100), line(no, 408, 150)], shapes, flows)
    assert {i: b.text for i, b in found.connectors.items()} == {2: yes, 3: no}
    assert not found.shapes


def test_a_name_that_a_flow_runs_through_is_one_name() -> None:
    shapes, flows = process()
    lines = [line("Non-excl", 318, 152), line("sive", 412, 152), line("Gateway", 372, 174)]
    found = read(lines, shapes, flows)
    assert found.shapes[2].text == "Non-excl sive Gateway"


def test_names_side_by_side_stay_apart() -> None:
    blocks = group([line("Start Event 3", 0, 0), line("End Event 3", 150, 0)], UNIT)
    assert sorted(b.text for b in blocks) == ["End Event 3", "Start Event 3"]


def test_rows_of_one_name_are_joined_in_reading_order() -> None:
    rows = [line("available?", 36, 22), line("All necessary", 0, 0), line("data", 126, 0)]
    (block,) = group(rows, UNIT)
    assert block.text == "All necessary data available?"


def test_a_marker_read_as_letters_is_no_name_of_an_event() -> None:
    shapes, flows = process()
    found = read([line("EXI", 30, 114, 26), line("Order received", 0, 150, 120)], shapes, flows)
    assert found.shapes[0].text == "Order received"


def test_words_of_starts_and_ends_name_events_not_flows() -> None:
    shapes = [shape("rectangle", 40, 80, 120, 70), shape("circle", 400, 93)]
    flows = [flow([(161, 115), (399, 115)], 0, 1)]
    found = read([line("Check", 70, 105), line("End Event", 290, 118)], shapes, flows)
    assert found.shapes[1].text == "End Event"
    assert not found.connectors


def test_an_answer_far_off_goes_to_the_one_flow_that_lacks_it() -> None:
    shapes, flows = process()
    flows.append(flow([(402, 100), (402, 40), (220, 40), (220, 80)], 2, 1))
    answers = [line("yes", 430, 102), line("maybe", 408, 200)]
    assert read([*answers, line("no", 470, -56)], shapes, flows).connectors[4].text == "no"
    assert 4 not in read([*answers, line("notes", 470, -56)], shapes, flows).connectors
    assert 4 not in read([*answers, line("no", 470, -190)], shapes, flows).connectors


def test_an_answer_far_off_from_two_flows_that_lack_one_stays_free() -> None:
    shapes, flows = process()
    del flows[1]
    flows.append(flow([(402, 100), (402, 40), (220, 40), (220, 80)], 2, 1))
    found = read([line("yes", 430, 102), line("no", 305, 130)], shapes, flows)
    assert [block.text for block in found.free] == ["no"]


def test_a_blot_does_not_take_the_place_of_a_sure_answer() -> None:
    shapes, flows = process()
    blot = TextLine("pe", (542, 112, 562, 132), 0.62)
    names = [line("In stock?", 362, 74), line("Cancelled", 530, 150)]
    found = read([line("no", 428, 146), blot, *names], shapes, flows[:3])
    assert found.connectors[2].text == "no"
    assert [block.text for block in found.free] == ["pe"]


@pytest.mark.parametrize(("known", "scrap", "want"), [("yes", "nb", "no"), ("Нет", "La", "Да"), ("yes", "12", "12")])
def test_a_scrap_beside_an_answer_is_the_other_one(known: str, scrap: str, want: str) -> None:
    shapes, flows = process()
    names = [line("In stock?", 362, 74), line("Order shipped", 530, 150)]
    assert read([line(known, 470, 102), line(scrap, 408, 200), *names], shapes, flows).connectors[3].text == want


@pytest.mark.parametrize(("x", "y", "owned"), [(170.0, 100.0, True), (270.0, 158.0, False), (100.0, 104.0, False)])
def test_an_answer_in_the_corner_of_the_box_around_a_diamond_is_not_its_own(x: float, y: float, owned: bool) -> None:
    decision = shape("diamond", 100, 100, 200, 80)
    found = read([line("Is it", 170, 132), line("No", x, y)], [decision], [])
    assert found.shapes[0].text == ("No Is it" if owned else "Is it")
