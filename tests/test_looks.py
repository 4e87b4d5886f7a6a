"""Looks that other tools give to the same symbols: discs, bars, lids, shadows, sharp tips, labels on corners."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.test_connectors import UNIT, blank, box, flows, head, page_of, run, traced
from tests.test_frames import frame, kinds, near, turned
from tests.test_shapes import BLACK, at, task, write
from vision.boxes import iou
from vision.connectors import trace
from vision.grounds import grounds
from vision.labels import label
from vision.parts import Container, Scene, Shape, TextLine, Word
from vision.shapes import find_shapes

FILL = (204, 230, 250)


@pytest.mark.parametrize("colour", [(24, 24, 24), (138, 109, 59), (20, 60, 140)])
@pytest.mark.parametrize("radius", [20, 24, 30])
def test_a_large_filled_disc_is_a_disc(colour: tuple[int, int, int], radius: int) -> None:
    rgb = blank()
    cv2.circle(rgb, (300, 100), radius, colour, -1, cv2.LINE_AA)
    run(rgb, [(300, 100 + radius), (300, 300)])
    lines = [task(rgb, 225, 300)]
    found = at(find_shapes(page_of(rgb), lines), (300 - radius, 100 - radius, 300 + radius, 100 + radius))
    assert [(s.outline, s.filled) for s in found] == [("circle", True)]


def test_a_dark_square_is_no_disc() -> None:
    rgb = blank()
    cv2.rectangle(rgb, (280, 80), (330, 130), (24, 24, 24), -1)
    assert all(s.outline != "circle" for s in find_shapes(page_of(rgb), ()).shapes)


@pytest.mark.parametrize("bar", [13, 18, 26])
def test_the_bars_of_a_predefined_process_belong_to_it(bar: int) -> None:
    rgb = blank()
    cv2.rectangle(rgb, (200, 200), (420, 280), FILL, -1)
    cv2.rectangle(rgb, (200, 200), (420, 280), BLACK, 2)
    for x in (200 + bar, 420 - bar):
        cv2.line(rgb, (x, 200), (x, 280), BLACK, 2)
    lines = [write(rgb, "Check data", 250, 248)]
    scene = find_shapes(page_of(rgb), lines)
    assert [s.outline for s in scene.shapes] == ["barred"]
    assert iou(scene.shapes[0].box, (200, 200, 420, 280)) > 0.9
    assert not scene.containers


def test_a_flat_lid_on_a_wide_body_makes_a_cylinder() -> None:
    rgb = blank()
    for y in (220, 228, 236):
        cv2.ellipse(rgb, (300, y), (60, 16), 0, 0 if y > 220 else -180, 180, BLACK, 2, cv2.LINE_AA)
    cv2.ellipse(rgb, (300, 300), (60, 16), 0, 0, 180, BLACK, 2, cv2.LINE_AA)
    for x in (240, 360):
        cv2.line(rgb, (x, 220), (x, 300), BLACK, 2)
    lines = [write(rgb, "Archive", 255, 350)]
    (found,) = find_shapes(page_of(rgb), lines).shapes
    assert found.outline == "cylinder"
    assert iou(found.box, (240, 204, 360, 316)) > 0.85


def test_a_shadow_neither_widens_a_box_nor_makes_a_head() -> None:
    rgb = blank()
    for x, y in ((120, 200), (520, 200)):
        cv2.rectangle(rgb, (x + 8, y + 8), (x + 158, y + 88), (160, 160, 160), -1)
        cv2.rectangle(rgb, (x, y), (x + 150, y + 80), FILL, -1)
    lines = [task(rgb, 120, 200), task(rgb, 520, 200)]
    found = sorted(find_shapes(page_of(rgb), lines).shapes, key=lambda s: s.box[0])
    assert [iou(s.box, (x, 200, x + 150, 280)) > 0.9 for s, x in zip(found, (120, 520), strict=True)] == [True, True]
    cv2.line(rgb, (520, 240), (288, 240), BLACK, 2)
    head(rgb, (279, 240), (340, 240))
    found = sorted(find_shapes(page_of(rgb), lines).shapes, key=lambda s: s.box[0])
    assert flows(traced(rgb, *found, lines=tuple(lines))) == [(1, 0)]


def test_the_sharp_tips_of_a_filled_diamond_are_part_of_it() -> None:
    rgb = blank()
    corners = np.array([(120, 250), (320, 190), (520, 250), (320, 310)])
    cv2.fillPoly(rgb, [corners], FILL, cv2.LINE_AA)
    cv2.polylines(rgb, [corners], True, BLACK, 2, cv2.LINE_AA)
    (found,) = find_shapes(page_of(rgb), [write(rgb, "Is it all right?", 235, 256)]).shapes
    assert found.outline == "diamond"
    assert abs(found.box[0] - 120) < 9
    assert abs(found.box[2] - 520) < 9


def test_the_space_that_crossing_flows_enclose_is_no_symbol() -> None:
    rgb = blank()
    lines = [task(rgb, 60, 60), task(rgb, 600, 400)]
    for x in (330, 410):
        cv2.line(rgb, (x, 60), (x, 420), BLACK, 2)
    for y in (180, 260):
        cv2.line(rgb, (200, y), (560, y), BLACK, 2)
    assert len(find_shapes(page_of(rgb), lines).shapes) == 2


def test_flows_that_leave_a_decision_enclose_no_symbol() -> None:
    rgb = blank()
    diamond = np.array([(200, 270), (235, 305), (200, 340), (165, 305)])
    cv2.polylines(rgb, [diamond], True, BLACK, 2, cv2.LINE_AA)
    cv2.polylines(rgb, [np.array([(200, 270), (200, 150), (440, 150), (440, 305), (235, 305)])], False, BLACK, 2)
    lines = [write(rgb, "Approved by all", 240, 240), task(rgb, 600, 120), task(rgb, 600, 320)]
    found = find_shapes(page_of(rgb), lines).shapes
    assert sorted(s.outline for s in found) == ["diamond", "rectangle", "rectangle"]


@pytest.mark.parametrize("colour", [(232, 232, 232), (150, 150, 150), (250, 235, 200)])
def test_the_ground_of_a_word_is_found_from_the_word(colour: tuple[int, int, int]) -> None:
    rgb = blank()
    cv2.rectangle(rgb, (290, 190), (350, 226), colour, -1)
    line = write(rgb, "No", 304, 216)
    (found,) = grounds(page_of(rgb), [line], ())
    assert iou(found, (290, 190, 351, 227)) > 0.85


def test_words_on_paper_and_on_large_areas_have_no_ground() -> None:
    rgb = blank()
    cv2.rectangle(rgb, (400, 100), (800, 500), FILL, -1)
    lines = [write(rgb, "No", 200, 200), write(rgb, "Yes", 600, 300)]
    assert not grounds(page_of(rgb), lines, ())


@pytest.mark.parametrize("beyond", [0, 8])
def test_a_label_may_hide_the_corner_of_a_flow(beyond: int) -> None:
    rgb = blank()
    shapes = [box(rgb, 400, 80), box(rgb, 400, 380)]
    run(rgb, [(400, 415), (250, 415), (250, 115), (400, 115)])
    rgb[95:135, 235 - beyond : 300] = 255
    line = write(rgb, "No", 252, 123)
    tracing = traced(rgb, *shapes, lines=(line,))
    assert flows(tracing) == [(1, 0)]
    assert not tracing.warnings


def test_a_flow_may_begin_a_little_inside_a_sub_process() -> None:
    rgb = blank(1200, 500)
    cv2.rectangle(rgb, (60, 80), (660, 400), BLACK, 2)
    lines = [task(rgb, 100, 200), task(rgb, 420, 200), task(rgb, 900, 200), write(rgb, "On site", 310, 112)]
    run(rgb, [(250, 240), (420, 240)])
    run(rgb, [(646, 300), (780, 300), (780, 240), (900, 240)])
    page = page_of(rgb)
    scene = find_shapes(page, lines)
    assert kinds(scene) == ["subprocess"]
    ends = {(c.source[0], c.target[0]) for c in trace(page, lines, scene).connectors if c.source and c.target}
    assert ends == {("shape", "shape"), ("container", "shape")}


def test_names_of_lanes_may_stand_beside_the_name_of_their_pool() -> None:
    rgb = blank(1200, 600)
    frame(rgb, 40, 40, 1140, 560)
    cv2.line(rgb, (270, 40), (270, 560), BLACK, 2)
    cv2.line(rgb, (270, 300), (1140, 300), BLACK, 2)
    names = [turned("Office", 80, 260, 340), turned("Clerk", 210, 130, 210), turned("Head", 210, 390, 470)]
    lines = [task(rgb, 400, 120), task(rgb, 400, 390), *names]
    scene = find_shapes(page_of(rgb), lines)
    assert kinds(scene) == ["pool", "lane", "lane"]
    assert near(scene, (270, 40, 1140, 300))
    assert scene.containers[0].header is not None


def test_a_letter_that_was_not_read_is_no_part_of_a_flow() -> None:
    rgb = blank()
    shapes: list[Shape] = [box(rgb, 240, 60), box(rgb, 240, 420)]
    run(rgb, [(300, 130), (300, 420)])
    rgb[250:285, 280:325] = 255
    write(rgb, "No", 286, 276)
    cv2.line(rgb, (300, 274), (300, 286), BLACK, 2)  # its foot touches the flow
    read = write(blank(), "o", 304, 276)
    assert UNIT > 0
    assert flows(traced(rgb, *shapes, lines=(read,))) == [(0, 1)]


def test_a_head_that_was_read_as_a_mark_stays_a_head() -> None:
    rgb = blank()
    shapes = [box(rgb, 400, 80), box(rgb, 400, 380)]
    run(rgb, [(400, 415), (250, 415), (250, 115), (400, 115)])
    rgb[95:135, 235:345] = 255
    word = write(rgb, "No way", 255, 123)
    tip = Word(">", (366.0, 106.0, 398.0, 124.0), 0.8)
    line = TextLine("No way >", (255.0, 106.0, 398.0, 124.0), 0.8, (Word("No way", word.box, 0.8), tip))
    assert flows(traced(rgb, *shapes, lines=(line,))) == [(1, 0)]


def test_pale_words_on_a_dark_fill_do_not_cut_its_box() -> None:
    rgb = blank()
    cv2.rectangle(rgb, (120, 200), (330, 270), (80, 80, 190), -1)
    line = write(rgb, "Beginning", 165, 242)
    x0, y0, x1, y1 = (round(v) for v in line.box)
    dark = rgb[y0:y1, x0:x1].max(2) < 100
    rgb[y0:y1, x0:x1][dark] = 255
    found = find_shapes(page_of(rgb), [line]).shapes
    assert [iou(s.box, (120, 200, 331, 271)) > 0.85 for s in found] == [True]


def test_the_name_of_a_wide_strip_is_not_that_of_a_sub_process_beside_it() -> None:
    strip = Container("lane", (40.0, 40.0, 1140.0, 400.0), (40.0, 40.0, 150.0, 400.0))
    inner = Container("subprocess", (300.0, 80.0, 900.0, 300.0), None, 0)
    labels = label([turned("Auditor", 100, 180, 260)], Scene((), (strip, inner)), (), UNIT)
    assert {i: block.text for i, block in labels.containers.items()} == {0: "Auditor"}
