"""Small round symbols that other things stick to: tails, heads, borders, icons, each other."""

from __future__ import annotations

import cv2
import numpy as np

from tests.test_connectors import blank, page_of, run
from tests.test_shapes import BLACK, at, dashes, task
from vision.parts import Bytes
from vision.shapes import find_shapes

WHITE = (255, 255, 255)


def ring(rgb: Bytes, x: int, y: int, radius: int, stroke: int = 2) -> None:
    cv2.circle(rgb, (x, y), radius, WHITE, cv2.FILLED)
    cv2.circle(rgb, (x, y), radius, BLACK, stroke, cv2.LINE_AA)


def envelope(rgb: Bytes, x: int, y: int, width: int, height: int) -> None:
    """Its middle is at (x, y)."""
    x0, y0, x1, y1 = x - width // 2, y - height // 2, x + width // 2, y + height // 2
    cv2.rectangle(rgb, (x0, y0), (x1, y1), WHITE, cv2.FILLED)
    cv2.rectangle(rgb, (x0, y0), (x1, y1), BLACK, 2)
    cv2.polylines(rgb, [np.array([(x0, y0), (x, y), (x1, y0)])], False, BLACK, 2, cv2.LINE_AA)


def test_an_event_with_heads_and_a_tail_at_it_is_one_circle() -> None:
    rgb = blank()
    run(rgb, [(60, 200), (262, 200)], stroke=4)
    cv2.fillConvexPoly(rgb, np.array([(240, 184), (272, 200), (240, 216)]), BLACK)
    cv2.fillConvexPoly(rgb, np.array([(290, 262), (306, 232), (322, 262)]), BLACK)
    ring(rgb, 306, 244, 12)
    ring(rgb, 306, 200, 36, 3)
    ring(rgb, 306, 200, 29, 2)
    envelope(rgb, 306, 200, 30, 22)
    found = at(find_shapes(page_of(rgb), ()), (270, 164, 342, 236))
    assert [s.outline for s in found] == ["circle"]
    assert found[0].double


def test_close_dashed_circles_on_the_border_of_a_task_are_one_event() -> None:
    rgb = blank()
    lines = [task(rgb, 240, 120)]
    cv2.circle(rgb, (315, 200), 36, WHITE, cv2.FILLED)
    dashes(rgb, 315, 200, 35, 14, 0.62, 2)
    dashes(rgb, 315, 200, 29, 13, 0.62, 2)
    envelope(rgb, 315, 200, 30, 22)
    scene = find_shapes(page_of(rgb), lines)
    (found,) = (s for s in scene.shapes if s.outline == "circle")
    assert found.dashed
    assert found.double
    assert [s.outline for s in scene.shapes if s.outline != "circle"] == ["rectangle"]


def test_the_envelope_of_a_message_flow_is_no_event() -> None:
    rgb = blank(800, 700)
    lines = [task(rgb, 240, 60), task(rgb, 240, 520)]
    for y in range(145, 520, 22):
        cv2.line(rgb, (315, y), (315, min(519, y + 12)), BLACK, 2)
    cv2.line(rgb, (40, 330), (760, 330), BLACK, 2)
    envelope(rgb, 315, 325, 40, 28)
    assert sorted(s.outline for s in find_shapes(page_of(rgb), lines).shapes) == ["rectangle", "rectangle"]


def test_the_tail_of_a_message_flow_is_no_event() -> None:
    rgb = blank(800, 700)
    lines = [task(rgb, 240, 60), task(rgb, 240, 520)]
    for y in range(160, 520, 22):
        cv2.line(rgb, (315, y), (315, min(519, y + 12)), BLACK, 2)
    ring(rgb, 315, 140, 13)
    assert sorted(s.outline for s in find_shapes(page_of(rgb), lines).shapes) == ["rectangle", "rectangle"]


def test_a_task_with_an_event_on_its_corner_is_no_sheet() -> None:
    rgb = blank()
    lines = [task(rgb, 240, 120)]
    ring(rgb, 384, 126, 30, 2)
    ring(rgb, 384, 126, 24, 2)
    scene = find_shapes(page_of(rgb), lines)
    assert sorted(s.outline for s in scene.shapes) in (["circle", "rectangle"], ["circle", "rounded"])
