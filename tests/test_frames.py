"""Pools, lanes and sub-processes on drawn pages: frames that touch, hide or cover each other."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.test_connectors import blank, page_of, run
from tests.test_shapes import BLACK, task, write
from vision.assemble import assemble
from vision.boxes import iou
from vision.parts import Box, Bytes, Container, Reading, Scene, TextLine
from vision.shapes import find_shapes


def frame(rgb: Bytes, x0: int, y0: int, x1: int, y1: int) -> None:
    cv2.rectangle(rgb, (x0, y0), (x1, y1), BLACK, 2)


def turned(text: str, x: int, y0: int, y1: int) -> TextLine:
    """A name that runs up the page (told, not printed)."""
    return TextLine(text, (float(x), float(y0), float(x + 18), float(y1)), 0.9, turn=90)


def kinds(scene: Scene) -> list[str]:
    return [c.kind for c in scene.containers]


def near(scene: Scene, box: Box) -> list[Container]:
    """The containers about there."""
    return [c for c in scene.containers if iou(c.box, box) > 0.93]


def two_lanes(rgb: Bytes) -> list[TextLine]:
    """A pool with a strip for its name and two lanes, one task in each."""
    frame(rgb, 40, 40, 1140, 560)
    cv2.line(rgb, (80, 40), (80, 560), BLACK, 2)
    cv2.line(rgb, (80, 300), (1140, 300), BLACK, 2)
    names = [turned("Office", 52, 260, 340), turned("Clerk", 92, 130, 210), turned("Head", 92, 390, 470)]
    return [task(rgb, 300, 120), task(rgb, 300, 390), *names]


def test_a_double_frame_has_one_strip_for_its_name() -> None:
    rgb = blank(1200, 420)
    frame(rgb, 40, 40, 1140, 340)
    cv2.line(rgb, (48, 40), (48, 340), BLACK, 2)
    cv2.line(rgb, (90, 40), (90, 340), BLACK, 2)
    lines = [task(rgb, 240, 150), task(rgb, 700, 150), turned("Office", 58, 150, 230)]
    run(rgb, [(391, 190), (699, 190)])
    scene = find_shapes(page_of(rgb), lines)
    assert kinds(scene) == ["pool"]
    header = scene.containers[0].header
    assert header is not None
    assert abs(header[2] - 90) < 4


@pytest.mark.parametrize("space", [24, 60])
def test_pools_above_each_other_are_two(space: int) -> None:
    rgb = blank(1200, 800)
    lines = []
    for top in (40, 340 + space):
        frame(rgb, 40, top, 1140, top + 300)
        cv2.line(rgb, (80, top), (80, top + 300), BLACK, 2)
        lines += [task(rgb, 240, top + 110), task(rgb, 700, top + 110), turned("Office", 52, top + 110, top + 190)]
        run(rgb, [(391, top + 150), (699, top + 150)])
    scene = find_shapes(page_of(rgb), lines)
    assert kinds(scene) == ["pool", "pool"]


def test_a_lane_line_goes_on_behind_sub_processes() -> None:
    rgb = blank(1200, 620)
    lines = two_lanes(rgb)
    for x in (500, 860):
        cv2.rectangle(rgb, (x, 200), (x + 240, 480), (255, 255, 255), cv2.FILLED)
        frame(rgb, x, 200, x + 240, 480)
        lines += [task(rgb, x + 40, 225), task(rgb, x + 40, 375)]
        run(rgb, [(x + 115, 306), (x + 115, 374)])
    scene = find_shapes(page_of(rgb), lines)
    assert sorted(kinds(scene)) == ["lane", "lane", "pool", "subprocess", "subprocess"]
    assert near(scene, (80, 40, 1140, 300))


def test_a_mark_over_the_border_does_not_hide_a_pool() -> None:
    rgb = blank(1200, 620)
    lines = [*two_lanes(rgb), task(rgb, 640, 120), task(rgb, 640, 390)]
    run(rgb, [(451, 160), (639, 160)])
    cv2.circle(rgb, (1140, 100), 18, (200, 60, 60), 3, cv2.LINE_AA)
    scene = find_shapes(page_of(rgb), lines)
    assert kinds(scene) == ["pool", "lane", "lane"]


def test_a_corner_of_a_lane_that_flows_cut_off_is_no_symbol() -> None:
    rgb = blank(1200, 620)
    lines = [*two_lanes(rgb), task(rgb, 640, 390), write(rgb, "Begin", 120, 210)]
    cv2.circle(rgb, (150, 160), 24, BLACK, 2, cv2.LINE_AA)
    run(rgb, [(175, 160), (299, 160)])
    run(rgb, [(375, 41), (375, 119)])
    run(rgb, [(375, 201), (375, 389)])
    scene = find_shapes(page_of(rgb), lines)
    assert kinds(scene) == ["pool", "lane", "lane"]
    assert sorted(s.outline for s in scene.shapes) == ["circle", "rectangle", "rectangle", "rectangle"]


def test_the_steps_of_a_sub_process_belong_to_the_pool() -> None:
    rgb = blank(1200, 620)
    lines = two_lanes(rgb)
    frame(rgb, 560, 70, 1100, 270)
    lines += [task(rgb, 600, 130, "Weigh"), task(rgb, 900, 130, "Pack")]
    run(rgb, [(751, 170), (899, 170)])
    page = page_of(rgb)
    diagram, _ = assemble(page, Reading(tuple(lines), find_shapes(page, lines)), "en")
    names = {lane.id: lane.name for lane in diagram.lanes}
    where = {(node.text, node.type): names[node.lane or ""] for node in diagram.nodes}
    assert where[("Weigh", "task")] == where[("Pack", "task")] == "Office"
    assert sorted(name for (_, kind), name in where.items() if kind == "subprocess") == ["Clerk"]
    assert {names[node.lane or ""] for node in diagram.nodes if node.text == "Check"} == {"Clerk", "Head"}


def test_the_picture_is_not_changed() -> None:
    rgb = blank(1200, 620)
    lines = two_lanes(rgb)
    before = rgb.copy()
    find_shapes(page_of(rgb), lines)
    assert np.array_equal(before, rgb)
