"""Lines traced on drawn pages: ends, directions, marks, styles."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vision.connectors import Tracing, trace
from vision.parts import Box, Bytes, Page, Scene, Shape, TextLine

UNIT = 26.0


def blank(width: int = 900, height: int = 600) -> Bytes:
    """White paper."""
    return np.full((height, width, 3), 255, np.uint8)


def page_of(rgb: Bytes) -> Page:
    """The page of a drawn picture."""
    return Page(
        rgb=rgb,
        gray=np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8),
        background=(255, 255, 255),
        unit=UNIT,
        to_source=np.array([[1.0, 0, 0], [0, 1.0, 0]]),
        source_size=(rgb.shape[1], rgb.shape[0]),
    )


def box(rgb: Bytes, x: int, y: int, w: int = 120, h: int = 70, ink: tuple[int, int, int] = (0, 0, 0)) -> Shape:
    """Draw a rectangle and say where it is."""
    cv2.rectangle(rgb, (x, y), (x + w, y + h), ink, 2)
    where: Box = (x - 1, y - 1, x + w + 2, y + h + 2)
    x0, y0, x1, y1 = where
    return Shape("rectangle", where, np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float), 2.0, 1.0)


def head(rgb: Bytes, tip: tuple[int, int], towards: tuple[int, int], kind: str = "filled", size: int = 14) -> None:
    """An arrowhead with its tip at `tip`, pointing along `towards`."""
    d = np.array(towards, float)
    d /= np.hypot(*d)
    n = np.array([-d[1], d[0]])
    base = np.array(tip) - size * d
    corners = np.round([tip, base + 0.45 * size * n, base - 0.45 * size * n]).astype(np.int32)
    if kind == "filled":
        cv2.fillPoly(rgb, [corners], (0, 0, 0), cv2.LINE_AA)
    elif kind == "hollow":
        cv2.fillPoly(rgb, [corners], (255, 255, 255))
        cv2.polylines(rgb, [corners], True, (0, 0, 0), 2, cv2.LINE_AA)
    else:
        cv2.polylines(rgb, [corners[[1, 0, 2]]], False, (0, 0, 0), 2, cv2.LINE_AA)


def run(rgb: Bytes, points: list[tuple[int, int]], kind: str = "filled", stroke: int = 2) -> None:
    """A line with a head at its last point."""
    cv2.polylines(rgb, [np.array(points, np.int32)], False, (0, 0, 0), stroke, cv2.LINE_AA)
    if kind:
        (ax, ay), (bx, by) = points[-2:]
        head(rgb, points[-1], (bx - ax, by - ay), kind)


def flows(tracing: Tracing) -> list[tuple[int, int]]:
    """(source, target) shape indices, sorted."""
    out = []
    for made in tracing.connectors:
        assert made.source is not None
        assert made.target is not None
        out.append((made.source[1], made.target[1]))
    return sorted(out)


def traced(rgb: Bytes, *shapes: Shape, lines: tuple[TextLine, ...] = ()) -> Tracing:
    """Trace a drawn picture."""
    return trace(page_of(rgb), lines, Scene(tuple(shapes)))


@pytest.mark.parametrize("kind", ["filled", "hollow", "open"])
@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_straight_arrow_keeps_its_direction(kind: str, turn: int) -> None:
    rgb = blank(600, 600)
    centres = [(130, 300), (470, 300)] if turn % 2 == 0 else [(300, 130), (300, 470)]
    if turn >= 2:
        centres.reverse()
    a, b = (box(rgb, x - 60, y - 35) for x, y in centres)
    (ax, ay), (bx, by) = centres
    dx, dy = np.sign(bx - ax), np.sign(by - ay)
    run(rgb, [(ax + dx * 60, ay + dy * 35), (bx - dx * 62, by - dy * 37)], kind)
    tracing = traced(rgb, a, b)
    assert flows(tracing) == [(0, 1)]
    assert tracing.connectors[0].head == kind


def test_lines_that_cross_do_not_mix() -> None:
    rgb = blank()
    a, b = box(rgb, 40, 260), box(rgb, 700, 260)
    c, d = box(rgb, 380, 30), box(rgb, 380, 480)
    run(rgb, [(160, 295), (698, 295)])
    run(rgb, [(440, 100), (440, 478)])
    assert flows(traced(rgb, a, b, c, d)) == [(0, 1), (2, 3)]


def test_two_lines_merge_into_one_head() -> None:
    rgb = blank()
    a, b, c = box(rgb, 40, 60), box(rgb, 40, 400), box(rgb, 600, 230)
    run(rgb, [(160, 95), (400, 95), (400, 265)], "")
    run(rgb, [(160, 435), (400, 435), (400, 265)], "")
    run(rgb, [(400, 265), (598, 265)])
    assert flows(traced(rgb, a, b, c)) == [(0, 2), (1, 2)]


def test_one_line_forks_to_two_heads() -> None:
    rgb = blank()
    a, b, c = box(rgb, 40, 230), box(rgb, 600, 60), box(rgb, 600, 400)
    run(rgb, [(160, 265), (400, 265)], "")
    run(rgb, [(400, 265), (400, 95), (598, 95)])
    run(rgb, [(400, 265), (400, 435), (598, 435)])
    assert flows(traced(rgb, a, b, c)) == [(0, 1), (0, 2)]


def test_nothing_drawn_gives_nothing() -> None:
    assert traced(blank()) == Tracing()
