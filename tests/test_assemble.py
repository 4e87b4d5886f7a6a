"""Which symbols of a scene become nodes, of which type, and how sure its flows are."""

from __future__ import annotations

from dataclasses import replace

from diagram.model import Diagram
from tests.test_connectors import blank, page_of
from tests.test_labels import flow, line, shape
from vision.assemble import assemble
from vision.parts import Connector, Reading, Scene, Shape, TextLine


def made(shapes: list[Shape], flows: list[Connector], lines: list[TextLine]) -> Diagram:
    """The diagram of a scene."""
    return assemble(page_of(blank()), Reading(tuple(lines), Scene(tuple(shapes)), tuple(flows), ()), "en")[0]


def row(count: int) -> tuple[list[Shape], list[Connector], list[TextLine]]:
    """Tasks from left to right, joined."""
    shapes = [shape("rectangle", 200 + 160 * k, 300, 120, 70) for k in range(count)]
    flows = [flow([(320 + 160 * k, 335), (360 + 160 * k, 335)], k, k + 1) for k in range(count - 1)]
    return shapes, flows, [line(f"Step {k + 1}", 225 + 160 * k, 325) for k in range(count)]


def test_buttons_of_the_window_are_no_nodes() -> None:
    shapes, flows, lines = row(5)
    shapes += [shape("circle", 5, 20, 30, 30), shape("circle", 5, 120, 30, 30)]
    flows.append(flow([(20, 50), (20, 120)], 5, 6))
    found = made(shapes, flows, [*lines, line("Save", 8, 28, 24), line("Undo", 8, 128, 24)])
    assert [node.text for node in found.nodes] == [f"Step {k}" for k in range(1, 6)]


def test_a_second_process_beside_the_first_stays() -> None:
    shapes, flows, lines = row(4)
    shapes += [shape("rectangle", 5, 20, 120, 70), shape("rectangle", 5, 120, 120, 70)]
    flows.append(flow([(65, 90), (65, 120)], 4, 5))
    found = made(shapes, flows, [*lines, line("Alpha", 30, 45), line("Beta", 30, 145)])
    assert len(found.nodes) == 6


def test_a_task_whose_corner_is_hidden_is_no_data_object() -> None:
    shapes, flows, lines = row(3)
    shapes[1] = shape("page", 360, 300, 120, 70)
    shapes += [shape("circle", 60, 310), shape("circle", 700, 310)]
    flows += [flow([(104, 335), (200, 335)], 3, 0), flow([(640, 335), (700, 335)], 2, 4)]
    found = made(shapes, flows, [*lines, line("Start", 50, 360), line("End", 700, 360)])
    assert {node.text: node.type for node in found.nodes}["Step 2"] == "task"


def test_a_flow_is_no_surer_than_the_symbols_it_joins() -> None:
    shapes, flows, lines = row(4)
    shapes[1] = replace(shapes[1], confidence=0.6)
    lines[1] = replace(lines[1], confidence=0.9)
    flows[2] = replace(flows[2], confidence=0.5)
    found = made(shapes, flows, lines)
    sure = {node.id: node.confidence for node in found.nodes}
    assert sorted(edge.confidence or 0 for edge in found.edges) == [0.5, 0.6, 0.6]
    assert all((edge.confidence or 0) <= min(sure[edge.source] or 0, sure[edge.target] or 0) for edge in found.edges)
