"""Symbols found on drawn pages: outlines, dashed circles, frames, and the spaces that are none."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.test_connectors import UNIT, blank, page_of, run
from vision.boxes import iou
from vision.parts import Box, Bytes, Scene, Shape, TextLine
from vision.regions import closed, disc_opened, filled, pieces, small
from vision.shapes import find_shapes
from vision.walls import find_walls

BLACK = (0, 0, 0)


def write(rgb: Bytes, text: str, x: int, y: int) -> TextLine:
    """Print a line with its left end on the base line at (x, y), and say where it is."""
    (w, h), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 2)
    cv2.putText(rgb, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.7, BLACK, 2, cv2.LINE_AA)
    return TextLine(text, (float(x), float(y - h), float(x + w), float(y + below)), 0.9)


def task(rgb: Bytes, x: int, y: int, text: str = "Check") -> TextLine:
    """A box of 150 x 80 with a word in its middle."""
    cv2.rectangle(rgb, (x, y), (x + 150, y + 80), BLACK, 2, cv2.LINE_AA)
    (w, h), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 2)
    return write(rgb, text, x + (150 - w) // 2, y + (80 + h) // 2)


def dashes(rgb: Bytes, x: int, y: int, radius: int, count: int, share: float = 0.6, stroke: int = 3) -> None:
    """A dashed circle."""
    for k in range(count):
        start = 360 * k / count
        cv2.ellipse(rgb, (x, y), (radius, radius), 0, start, start + 360 * share / count, BLACK, stroke, cv2.LINE_AA)


def dotted(rgb: Bytes, x0: int, y0: int, x1: int, y1: int) -> None:
    """A frame of dots."""
    for x in range(x0, x1, 9):
        rgb[y0 : y0 + 3, x : x + 4] = rgb[y1 : y1 + 3, x : x + 4] = 0
    for y in range(y0, y1, 9):
        rgb[y : y + 4, x0 : x0 + 3] = rgb[y : y + 4, x1 : x1 + 3] = 0


def at(scene: Scene, box: Box) -> list[Shape]:
    """The shapes about there."""
    return [s for s in scene.shapes if iou(s.box, box) > 0.6]


@pytest.mark.parametrize("stroke", [2, 4])
@pytest.mark.parametrize("colour", [BLACK, (150, 150, 150), (40, 90, 200)])
def test_finds_the_plain_outlines(stroke: int, colour: tuple[int, int, int]) -> None:
    rgb = blank()
    cv2.rectangle(rgb, (60, 60), (220, 150), colour, stroke)
    cv2.circle(rgb, (350, 105), 40, colour, stroke, cv2.LINE_AA)
    diamond = np.array([(520, 50), (590, 105), (520, 160), (450, 105)])
    cv2.polylines(rgb, [diamond], True, colour, stroke, cv2.LINE_AA)
    words = [write(rgb, "Check", 100, 112), write(rgb, "ok", 505, 112)]
    found = sorted(find_shapes(page_of(rgb), words).shapes, key=lambda s: s.box[0])
    assert [s.outline for s in found] == ["rectangle", "circle", "diamond"]
    truth = [(60, 60, 220, 150), (310, 65, 390, 145), (450, 50, 590, 160)]
    assert all(iou(s.box, (*map(float, box),)) > 0.85 for s, box in zip(found, truth, strict=True))
    assert all(s.confidence > 0.9 for s in found)


@pytest.mark.parametrize("count", [8, 10, 12, 16])
def test_a_dashed_circle_is_one_circle(count: int) -> None:
    rgb = blank()
    dashes(rgb, 300, 200, 40, count)
    (found,) = at(find_shapes(page_of(rgb), ()), (260, 160, 340, 240))
    assert found.outline == "circle"
    assert found.dashed
    assert not found.double


def test_two_dashed_circles_around_each_other_are_one_double_circle() -> None:
    rgb = blank()
    dashes(rgb, 300, 200, 46, 12, stroke=2)
    dashes(rgb, 300, 200, 36, 12, stroke=2)
    (found,) = at(find_shapes(page_of(rgb), ()), (254, 154, 346, 246))
    assert found.double
    assert found.dashed


def test_dashes_in_a_row_are_no_circle() -> None:
    rgb = blank()
    for y in (100, 140, 180):
        for x in range(100, 700, 24):
            cv2.line(rgb, (x, y), (x + 14, y), BLACK, 2)
    assert not find_shapes(page_of(rgb), ()).shapes


def test_the_space_between_two_curved_flows_is_no_symbol() -> None:
    rgb = blank(900, 900)
    lines = [task(rgb, 375, 60, "Decide"), task(rgb, 375, 700, "Finish")]
    for side in (-1, 1):
        t = np.linspace(0, 1, 60)
        x = 450 + side * 130 * np.sin(np.pi * t)
        run(rgb, [(round(a), round(b)) for a, b in zip(x, 141 + 559 * t, strict=True)])
    lines.append(write(rgb, "No", 300, 420))
    found = find_shapes(page_of(rgb), lines).shapes
    assert len(found) == 2
    assert all(s.outline == "rectangle" for s in found)


def test_an_event_at_the_start_of_a_pool_is_no_icon_of_it() -> None:
    rgb = blank(1400, 420)
    cv2.rectangle(rgb, (40, 60), (1340, 340), BLACK, 2)
    cv2.circle(rgb, (120, 200), 26, BLACK, 2, cv2.LINE_AA)
    lines = [task(rgb, 240, 160), task(rgb, 600, 160), write(rgb, "Begin", 90, 256)]
    run(rgb, [(147, 200), (239, 200)])
    run(rgb, [(391, 200), (599, 200)])
    scene = find_shapes(page_of(rgb), lines)
    assert len(at(scene, (94, 174, 146, 226))) == 1
    assert sorted(s.outline for s in scene.shapes) == ["circle", "rectangle", "rectangle"]


def pool(rgb: Bytes, y0: int, y1: int) -> list[TextLine]:
    """A pool with a strip for its name and two tasks in a row."""
    cv2.rectangle(rgb, (65, y0), (1330, y1), BLACK, 2)
    cv2.line(rgb, (125, y0), (125, y1), BLACK, 2)
    run(rgb, [(391, (y0 + y1) // 2), (599, (y0 + y1) // 2)])
    return [task(rgb, x, (y0 + y1) // 2 - 40) for x in (240, 600)]


@pytest.mark.parametrize("named", [True, False])
def test_pools_one_below_the_other_in_a_page_frame_are_pools(named: bool) -> None:
    """Also where the name of one stands near the page frame, or none could be read."""
    rgb = blank(1400, 620)
    cv2.rectangle(rgb, (40, 20), (1355, 600), BLACK, 2)
    cv2.line(rgb, (40, 60), (1355, 60), BLACK, 2)
    lines = [write(rgb, "Order", 640, 50), *pool(rgb, 90, 310), *pool(rgb, 350, 570)]
    if named:
        lines.append(TextLine("Shop", (78.0, 170.0, 96.0, 230.0), 0.9, (), 90))
    scene = find_shapes(page_of(rgb), lines)
    frames = [c.box for c in scene.containers if c.kind == "pool"]
    assert len(frames) == 2
    assert {round(box[1] / 10) * 10 for box in frames} == {90, 350}


def test_words_that_run_into_borders_leave_the_box_and_the_flows_at_it_apart() -> None:
    """As compression makes them: the line of text is taken to be as high as the box around it."""
    rgb = blank()
    cv2.rectangle(rgb, (250, 200), (550, 241), BLACK, 2)
    words = write(rgb, "Check the order now", 285, 228)
    run(rgb, [(400, 80), (400, 199)])
    run(rgb, [(400, 243), (400, 360)])
    high = replace(words, box=(words.box[0], 199.0, words.box[2], 243.0))
    walls = find_walls(page_of(rgb), [high])
    assert not walls.joined[210:232, 300:460].any()
    assert walls.joined[198:203, 300:500].any(0).all()
    assert walls.joined[239:244, 300:500].any(0).all()


def test_a_dotted_frame_around_symbols_is_a_sub_process() -> None:
    rgb = blank(900, 420)
    dotted(rgb, 60, 60, 760, 330)
    lines = [task(rgb, 120, 150), task(rgb, 480, 150)]
    run(rgb, [(271, 190), (479, 190)])
    scene = find_shapes(page_of(rgb), lines)
    assert [c.kind for c in scene.containers if iou(c.box, (60, 60, 760, 330)) > 0.9] in (["subprocess"], ["pool"])
    assert len(scene.shapes) == 2


def test_the_ground_of_a_label_is_no_symbol() -> None:
    rgb = blank()
    lines = [task(rgb, 60, 60), task(rgb, 560, 60)]
    run(rgb, [(211, 100), (559, 100)])
    cv2.rectangle(rgb, (350, 84), (400, 116), (232, 232, 232), cv2.FILLED)
    lines.append(write(rgb, "No", 358, 108))
    assert [s.outline for s in find_shapes(page_of(rgb), lines).shapes] == ["rectangle", "rectangle"]


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.uint8, (24, 30), elements=st.sampled_from([0, 0, 255])))
def test_regions_are_those_of_labelled_pixels(mask: Bytes) -> None:
    """Outlines followed give the boxes that connected-component labelling gives."""
    mask = np.pad(mask, 2)
    walls = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:]
    free = cv2.connectedComponentsWithStats(cv2.bitwise_not(mask), connectivity=4)[2][1:]
    assert sorted((r.left, r.top, r.width, r.height) for r in pieces(mask, 1)) == sorted(
        tuple(int(v) for v in s[:4]) for s in walls
    )
    assert {(r.left, r.top, r.width, r.height) for r in small(mask, 6)} == {
        tuple(int(v) for v in s[:4]) for s in walls if max(s[2], s[3]) <= 6
    }
    inner = {tuple(int(v) for v in s[:4]) for s in free if s[0] > 0}
    assert {(r.left, r.top, r.width, r.height) for r in closed(mask, 4)} <= inner
    labels = cv2.connectedComponents(cv2.bitwise_not(mask), connectivity=4)[1]
    kept = filled(mask, 5)
    for name, (x, _, w, h, _) in enumerate(free, 1):
        assert (kept[labels == name] > 0).all() == (x > 0 and max(w, h) <= 5)


@pytest.mark.parametrize("quality", [30, 50, 80])
def test_compression_hides_no_symbol_and_adds_none(quality: int) -> None:
    rgb = np.full((600, 900, 3), (222, 228, 240), np.uint8)
    lines = []
    for x, y in ((60, 60), (400, 60), (400, 360)):
        cv2.rectangle(rgb, (x, y), (x + 150, y + 80), (198, 190, 225), cv2.FILLED)
        lines.append(task(rgb, x, y))
    run(rgb, [(211, 100), (399, 100)])
    run(rgb, [(475, 141), (475, 359)])
    packed = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    page = page_of(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8))
    found = find_shapes(replace(page, background=(222, 228, 240)), lines).shapes
    assert sorted(s.outline for s in found) == ["rectangle"] * 3


def test_bars_are_found_and_thick_flows_are_none() -> None:
    rgb = blank()
    lines = [task(rgb, 60, 60), task(rgb, 500, 60)]
    cv2.rectangle(rgb, (300, 40), (311, 240), BLACK, cv2.FILLED)
    run(rgb, [(211, 100), (285, 100)], stroke=4)
    run(rgb, [(326, 100), (485, 100)], stroke=4)
    found = find_shapes(page_of(rgb), lines).shapes
    assert sorted(s.outline for s in found) == ["bar", "rectangle", "rectangle"]


def test_the_page_of_a_blank_sheet_holds_nothing() -> None:
    assert find_shapes(page_of(blank()), ()) == Scene()


def test_large_gaps_of_a_unit_do_not_close_a_box() -> None:
    rgb = blank()
    cv2.rectangle(rgb, (60, 60), (260, 160), BLACK, 2)
    rgb[55:165, 150 : 150 + int(1.5 * UNIT)] = 255
    assert not at(find_shapes(page_of(rgb), ()), (60, 60, 260, 160))


def test_the_ground_of_a_label_not_read_yet_is_told() -> None:
    rgb = blank()
    lines = [task(rgb, 300, 40), task(rgb, 300, 420)]
    run(rgb, [(375, 121), (375, 419)])
    cv2.rectangle(rgb, (357, 240), (395, 276), (232, 232, 232), cv2.FILLED)
    scene = find_shapes(page_of(rgb), lines)
    assert [s.outline for s in scene.shapes] == ["rectangle"] * 2
    assert len(scene.grounds) == 1
    assert iou(scene.grounds[0], (357, 240, 396, 277)) > 0.8


def test_heads_of_thick_flows_are_no_symbols() -> None:
    rgb = blank()
    lines = [task(rgb, 60, 60), task(rgb, 500, 60)]
    cv2.line(rgb, (211, 100), (480, 100), BLACK, 8)
    cv2.circle(rgb, (484, 100), 13, BLACK, cv2.FILLED, cv2.LINE_AA)
    assert [s.outline for s in find_shapes(page_of(rgb), lines).shapes] == ["rectangle"] * 2


def test_a_disc_with_heads_around_it_is_no_diamond() -> None:
    rgb = blank()
    red = (190, 0, 0)
    cv2.circle(rgb, (400, 300), 30, BLACK, cv2.FILLED, cv2.LINE_AA)
    cv2.circle(rgb, (400, 300), 24, red, cv2.FILLED, cv2.LINE_AA)
    lines = [task(rgb, 60, 260), task(rgb, 325, 60), task(rgb, 325, 460)]
    run(rgb, [(211, 300), (369, 300)])
    run(rgb, [(400, 141), (400, 269)])
    run(rgb, [(400, 459), (400, 331)])
    found = find_shapes(page_of(rgb), lines).shapes
    assert sorted(s.outline for s in found) == ["circle", "rectangle", "rectangle", "rectangle"]


def test_the_answers_of_a_decision_are_no_symbol() -> None:
    rgb = blank()
    cv2.polylines(rgb, [np.array([(120, 300), (170, 250), (220, 300), (170, 350)])], True, BLACK, 2, cv2.LINE_AA)
    lines = [task(rgb, 500, 120), task(rgb, 500, 400), write(rgb, "Yes", 240, 200), write(rgb, "No", 240, 410)]
    run(rgb, [(170, 250), (170, 160), (499, 160)])
    run(rgb, [(170, 350), (170, 440), (499, 440)])
    cv2.line(rgb, (575, 201), (575, 399), BLACK, 2)
    found = find_shapes(page_of(rgb), lines).shapes
    assert sorted(s.outline for s in found) == ["diamond", "rectangle", "rectangle"]


def test_opening_by_a_disc_is_that_of_opencv() -> None:
    rng = np.random.default_rng(3)
    for side, share in ((5, 40), (9, 60), (13, 85), (21, 97)):
        blots = cv2.GaussianBlur(rng.random((150, 220)).astype(np.float32), (0, 0), 0.3 * side)
        mask = np.asarray((blots > np.percentile(blots, share)) * np.uint8(255), np.uint8)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        assert (disc_opened(mask, side) == cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc)).all()
