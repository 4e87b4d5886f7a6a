"""Outputs are projections of the graph, in its language."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from PIL import Image

from diagram.model import Description, Diagram, Edge, Lane, Node, Step
from diagram.narrate import narrate
from pipeline.formats import CSV_HEADER, FORMATS, csv_rows
from pipeline.overlay import draw_overlay

DIAGRAM = Diagram(
    kind="bpmn",
    language="ru",
    nodes=(
        Node("s", "start_event", "Заявка получена", (10, 40, 40, 70), "l"),
        Node("c", "gateway_exclusive", "Сумма больше 100 тыс.?", (80, 30, 130, 80), "l"),
        Node("a", "task", "Согласовать с директором", (180, 10, 280, 60), "l"),
        Node("e", "end_event", "Готово", (330, 40, 360, 70), "l"),
    ),
    edges=(
        Edge("1", "s", "c", points=((40, 55), (80, 55))),
        Edge("2", "c", "a", "Да", points=((130, 55), (180, 35))),
        Edge("3", "c", "e", "Нет", points=((105, 80), (105, 120), (345, 120), (345, 70))),
        Edge("4", "a", "e", points=((280, 35), (330, 55))),
    ),
    lanes=(Lane("l", "Менеджер", None, (0, 0, 400, 150)),),
)


@pytest.fixture
def found():
    told = narrate(DIAGRAM)
    return Description(DIAGRAM, told.title, told.text, told.steps, "vision", timings={"text": 0.1})


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_tells_the_labels_and_ends_its_last_line(found, name):
    text = FORMATS[name].write(found)
    assert "Согласовать с директором" in text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_json_is_the_public_graph_at_top_level_and_more(found):
    data = json.loads(FORMATS["json"].write(found))
    assert Diagram.from_json(data) == DIAGRAM
    assert {"title", "steps", "warnings", "timings", "engine"} <= data.keys()


def test_csv_has_a_row_per_step_with_what_comes_next(found):
    rows = list(csv.reader(io.StringIO(FORMATS["csv"].write(found))))
    assert rows[0] == ["№", "Шаг", "Роль", "Далее"] == list(CSV_HEADER["ru"])
    assert len(rows) == 1 + len(found.steps)
    decision = next(row for row in rows if "100 тыс" in row[1])
    assert decision[2] == "Менеджер"
    assert "Да: " in decision[3]
    assert "Нет: " in decision[3]


def test_a_cell_never_becomes_a_formula(found):
    steps = (Step("1", '=HYPERLINK("http://x")', "s", "@role", ("2",), ("+1",)), Step("2", "-5", "c"))
    rows = csv_rows(replace(found, steps=steps))
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


@pytest.mark.parametrize(("size", "mode"), [((400, 160), "RGB"), ((400, 160), "LA"), ((12000, 6000), "L")])
def test_the_overlay_draws_every_node_and_flow_over_the_picture(found, size, mode):
    drawn = draw_overlay(Image.new(mode, size, 255 if mode == "L" else "white"), found)
    assert drawn.mode == "RGB"
    assert drawn.width * drawn.height <= 25_100_000
    scale = drawn.width / size[0]
    assert scale >= 1 or size[0] > 10000
    for node in DIAGRAM.nodes:
        x0, y0, x1, y1 = (round(v * scale) for v in node.bbox)
        edge = drawn.crop((x0 - 4, y0 - 4, x1 + 5, y1 + 5))
        assert min(edge.convert("L").getextrema()) < 150, node.id
    x, y = 220 * scale, 120 * scale
    assert drawn.crop((int(x), int(y) - 5, int(x) + 1, int(y) + 6)).convert("L").getextrema()[0] < 150


def test_the_overlay_of_nothing_is_the_faded_picture():
    drawn = draw_overlay(Image.new("RGB", (50, 20), "black"), Description(Diagram()))
    assert drawn.size == (150, 60)
    assert len(drawn.getcolors()) == 1
