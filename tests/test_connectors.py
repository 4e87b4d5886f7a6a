"""Lines traced on drawn pages: ends, directions, marks, styles."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.connectors import Tracing, trace
from vision.parts import Box, Bytes, Container, Page, Scene, Shape, TextLine

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


@pytest.mark.parametrize("size", [10, 14, 20])
@pytest.mark.parametrize("slope", [0, 4, 9])
def test_thin_open_heads_do_not_break_their_line(size: int, slope: int) -> None:
    """Such as those of UML: one wing and the line are one run of pixels, the other wing another."""
    rgb = blank(400, 600)
    a, b = box(rgb, 120, 60), box(rgb, 120, 400)
    cv2.line(rgb, (180 - slope, 131), (180, 398), (60, 60, 60), 1, cv2.LINE_AA)
    head(rgb, (180, 398), (slope, 267), "open", size)
    tracing = traced(rgb, a, b)
    assert flows(tracing) == [(0, 1)]
    assert not tracing.warnings


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


def dashed(rgb: Bytes, points: list[tuple[int, int]], dash: int = 10, gap: int = 7, stroke: int = 2) -> None:
    """A dashed line; a dash shorter than the stroke is a dot."""
    for (ax, ay), (bx, by) in zip(points[:-1], points[1:], strict=True):
        length = float(np.hypot(bx - ax, by - ay))
        for start in np.arange(0, length, dash + gap):
            ends = [start / length, min(start + dash, length) / length]
            a, b = ((round(ax + (bx - ax) * t), round(ay + (by - ay) * t)) for t in ends)
            cv2.line(rgb, a, b, (0, 0, 0), stroke, cv2.LINE_AA)


def test_a_message_flow_is_dashed_with_a_circle_and_a_hollow_head() -> None:
    rgb = blank()
    a, b = box(rgb, 100, 60), box(rgb, 500, 420)
    dashed(rgb, [(160, 146), (160, 260), (560, 260), (560, 400)])
    cv2.circle(rgb, (160, 139), 7, (255, 255, 255), -1)
    cv2.circle(rgb, (160, 139), 7, (0, 0, 0), 2, cv2.LINE_AA)
    head(rgb, (560, 418), (0, 1), "hollow", 18)
    tracing = traced(rgb, a, b)
    assert flows(tracing) == [(0, 1)]
    assert tracing.connectors[0].style == "dashed"
    assert tracing.connectors[0].head == "hollow"
    assert tracing.connectors[0].tail == "circle"


def test_a_dotted_association_has_no_head() -> None:
    rgb = blank()
    a, b = box(rgb, 60, 260), box(rgb, 600, 260)
    dashed(rgb, [(166, 295), (596, 295)], dash=1, gap=8, stroke=3)
    tracing = traced(rgb, a, b)
    assert [{made.source, made.target} for made in tracing.connectors] == [{("shape", 0), ("shape", 1)}]
    assert tracing.connectors[0].style == "dotted"
    assert tracing.connectors[0].head == "none"


def test_a_line_runs_on_beneath_its_label() -> None:
    rgb = blank()
    a, b = box(rgb, 60, 260), box(rgb, 600, 260)
    run(rgb, [(180, 295), (598, 295)])
    cv2.rectangle(rgb, (340, 280), (420, 310), (255, 255, 255), -1)
    cv2.putText(rgb, "label", (344, 302), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2, cv2.LINE_AA)
    tracing = traced(rgb, a, b, lines=(TextLine("label", (342, 280, 420, 310), 0.9),))
    assert flows(tracing) == [(0, 1)]


def test_a_curve_is_followed() -> None:
    rgb = blank()
    a, b = box(rgb, 60, 60), box(rgb, 600, 460)
    t = np.linspace(0, 1, 40)[:, None]
    p = [np.array(v, float) for v in ((120, 132), (120, 330), (660, 260), (660, 458))]
    curve = p[0] * (1 - t) ** 3 + 3 * p[1] * t * (1 - t) ** 2 + 3 * p[2] * t**2 * (1 - t) + p[3] * t**3
    run(rgb, [(round(x), round(y)) for x, y in curve.tolist()], "")
    head(rgb, (660, 458), (0, 1))
    assert flows(traced(rgb, a, b)) == [(0, 1)]


def test_a_loop_returns_to_its_own_symbol() -> None:
    rgb = blank()
    a = box(rgb, 300, 260)
    run(rgb, [(420, 280), (500, 280), (500, 180), (360, 180), (360, 258)])
    assert flows(traced(rgb, a)) == [(0, 0)]


@pytest.mark.parametrize("colour", [(120, 120, 120), (255, 140, 60), (60, 160, 230), (190, 190, 190)])
@pytest.mark.parametrize("stroke", [1, 3, 7])
def test_faint_coloured_and_thick_lines_survive(colour: tuple[int, int, int], stroke: int) -> None:
    rgb = blank()
    a, b = box(rgb, 60, 260), box(rgb, 600, 260)
    cv2.line(rgb, (182, 295), (585, 295), colour, stroke)
    cv2.fillPoly(rgb, [np.array([(598, 295), (574, 281), (574, 309)], np.int32)], colour)
    assert flows(traced(rgb, a, b)) == [(0, 1)]


def test_a_flow_crosses_the_border_between_lanes() -> None:
    rgb = blank()
    cv2.rectangle(rgb, (20, 20), (880, 580), (0, 0, 0), 2)
    cv2.line(rgb, (20, 300), (880, 300), (0, 0, 0), 2)
    a, b = box(rgb, 100, 100), box(rgb, 600, 420)
    run(rgb, [(160, 170), (160, 455), (598, 455)])
    lanes = (
        Container("pool", (20, 20, 881, 581)),
        Container("lane", (20, 20, 881, 301), parent=0),
        Container("lane", (20, 300, 881, 581), parent=0),
    )
    assert flows(trace(page_of(rgb), (), Scene((a, b), lanes))) == [(0, 1)]


def test_a_flow_may_end_at_a_subprocess() -> None:
    rgb = blank()
    a = box(rgb, 60, 260)
    outer = box(rgb, 400, 100, 400, 400)
    inner = box(rgb, 560, 260)
    run(rgb, [(180, 300), (398, 300)])
    sub = Container("subprocess", outer.box, shape=outer)
    (made,) = trace(page_of(rgb), (), Scene((a, inner), (sub,))).connectors
    assert (made.source, made.target) == (("shape", 0), ("container", 0))


def test_the_ends_of_a_connector_lie_where_it_was_drawn() -> None:
    rgb = blank()
    a, b = box(rgb, 60, 60), box(rgb, 600, 400)
    run(rgb, [(180, 95), (400, 95), (400, 435), (598, 435)])
    (made,) = traced(rgb, a, b).connectors
    assert np.abs(made.points[0] - (183, 95)).max() <= 4
    assert np.abs(made.points[-1] - (597, 435)).max() <= 4
    corners = [np.abs(made.points - corner).sum(1).min() for corner in ((400, 95), (400, 435))]
    assert max(corners) <= 6


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_orthogonal_arrows_between_boxes_on_a_grid_are_traced_exactly(data: st.DataObject) -> None:
    """Each box of the upper row is joined to a box of the lower row, each flow on a track of its own."""
    count = data.draw(st.integers(2, 5))
    order = data.draw(st.permutations(range(count)))
    stroke = data.draw(st.sampled_from([1, 2, 4]))
    kind = data.draw(st.sampled_from(["filled", "open", "hollow"]))
    rgb = blank(200 * count + 60, 700)
    upper = [box(rgb, 60 + 200 * k, 60) for k in range(count)]
    lower = [box(rgb, 60 + 200 * k, 560) for k in range(count)]
    for k, target in enumerate(order):
        out, into, track = 100 + 200 * k, 140 + 200 * target, 190 + 60 * k
        cv2.polylines(
            rgb, [np.array([(out, 132), (out, track), (into, track), (into, 550)], np.int32)], False, (0, 0, 0), stroke
        )
        head(rgb, (into, 558), (0, 1), kind, 18)
    expected = sorted((k, count + target) for k, target in enumerate(order))
    assert flows(traced(rgb, *upper, *lower)) == expected


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["noise", "strokes", "grid", "black"]))
def test_no_picture_breaks_the_tracer(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    rgb = blank(500, 400)
    if kind == "noise":
        rgb[:] = rng.integers(0, 256, rgb.shape, dtype=np.uint8)
    elif kind == "strokes":
        for x0, y0, x1, y1 in rng.integers(0, 400, (200, 4)).tolist():
            cv2.line(rgb, (x0, y0), (x1, y1), (0, 0, 0), int(rng.integers(1, 6)))
    elif kind == "grid":
        rgb[:: int(rng.integers(3, 9))] = 0
        rgb[:, :: int(rng.integers(3, 9))] = 0
    else:
        rgb[:] = 0
    shapes = [box(rgb, int(x), int(y)) for x, y in rng.integers(0, 300, (6, 2))]
    first = traced(rgb, *shapes)
    again = traced(rgb, *shapes)
    assert len(first.connectors) == len(again.connectors)
    for one, other in zip(first.connectors, again.connectors, strict=True):
        assert (one.source, one.target) == (other.source, other.target)
        assert np.array_equal(one.points, other.points)
        assert 0 <= one.confidence <= 1


def test_a_flow_along_the_edge_of_a_symbol_passes_it() -> None:
    rgb = blank()
    a, middle, b = box(rgb, 60, 200), box(rgb, 330, 200), box(rgb, 640, 160)
    run(rgb, [(183, 200), (637, 200)])
    assert flows(traced(rgb, a, middle, b)) == [(0, 2)]


def test_flows_that_meet_a_symbol_head_on_end_there() -> None:
    rgb = blank()
    a, middle, b = box(rgb, 60, 200), box(rgb, 330, 200), box(rgb, 640, 200)
    run(rgb, [(183, 235), (327, 235)])
    run(rgb, [(453, 235), (637, 235)])
    assert flows(traced(rgb, a, middle, b)) == [(0, 1), (1, 2)]


@pytest.mark.parametrize("gap", [1, 2, 3])
def test_a_head_off_its_line_still_tells_the_way(gap: int) -> None:
    rgb = blank()
    a, b = box(rgb, 60, 200), box(rgb, 500, 200)
    run(rgb, [(183 + 14 + gap, 235), (497, 235)], "")
    head(rgb, (184, 235), (-1, 0))
    assert flows(traced(rgb, a, b)) == [(1, 0)]


def test_a_crossing_is_left_straight_on_even_without_a_head() -> None:
    rgb = blank()
    up, down, left, right = box(rgb, 390, 20), box(rgb, 390, 500), box(rgb, 60, 260), box(rgb, 700, 260)
    run(rgb, [(183, 295), (697, 295)])
    run(rgb, [(450, 497), (450, 93)], "")
    assert {frozenset(flow) for flow in flows(traced(rgb, up, down, left, right))} == {
        frozenset((0, 1)),
        frozenset((2, 3)),
    }


def test_a_line_goes_on_beneath_the_ground_of_its_label() -> None:
    rgb = blank()
    a, b = box(rgb, 400, 40), box(rgb, 400, 400)
    run(rgb, [(460, 113), (460, 397)])
    cv2.rectangle(rgb, (440, 220), (480, 256), (120, 120, 120), cv2.FILLED)
    ground = (440.0, 220.0, 481.0, 257.0)
    assert flows(trace(page_of(rgb), (), Scene((a, b), grounds=(ground,)))) == [(0, 1)]
