"""Flows end square on the outline that is drawn, with room for their arrowheads."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from mermaid.render import Native
from mermaid.routes import straightened
from mermaid.sanitize import SVG

BOX = [(0, 0), (100, 0), (100, 40), (0, 40)]
DIAMOND = [(50, 0), (100, 50), (50, 100), (0, 50)]


@pytest.mark.parametrize(
    ("points", "source", "target", "mended"),
    [
        # along the border to the middle: the leg ends where it meets the border
        ([(20, -90), (20, -20), (30, -20), (30, 0), (50, 0)], None, BOX, [(20, -90), (20, -20), (30, -20), (30, 0)]),
        # from a diamond: straight on inside its box, not to where a ray from the middle leaves it
        ([(40, 90), (30, 100), (30, 150), (80, 150)], DIAMOND, None, [(30, 80), (30, 150), (80, 150)]),
        # a flow that begins below its node
        ([(50, 60), (300, 60)], BOX, None, [(50, 40), (50, 60), (300, 60)]),
        # the last leg a little aslant
        ([(-90, 90), (-20, 90), (-20, 25), (0, 20)], None, BOX, [(-90, 90), (-20, 90), (-20, 20), (0, 20)]),
        # a step of one pixel on the way
        ([(-90, 20), (-50, 20), (-50, 21), (0, 21)], None, BOX, [(-90, 21), (-50, 21), (0, 21)]),
        # nothing to mend
        ([(50, -50), (50, 0)], None, BOX, [(50, -50), (50, 0)]),
        ([(200, 90), (150, 40)], None, None, [(200, 90), (150, 40)]),
    ],
)
def test_ends(points, source, target, mended):
    found = straightened(points, source, target)
    assert [tuple(round(value, 3) for value in point) for point in found] == mended


FLOWS = """flowchart {direction}
 a(["Начало"]) --> b{{"Количество совпадает?"}}
 b -->|"Нет"| c["Составить акт"]
 b -->|"Да"| d["Проверить качество"]
 c --> d
 d --> e{{"Обнаружен брак?"}}
 e -->|"Да"| f["Переместить в зону возврата"]
 e -->|"Нет"| g["Разместить"]
 f --> h[/"Обновить остатки"/]
 g --> h
 h --> a
"""


@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_every_arrowhead_has_a_straight_leg(direction):
    native = Native(workers=1, deadline=60)
    try:
        root = ET.fromstring(native.render(FLOWS.format(direction=direction), "svg").data)
    finally:
        native.close()
    flows = [path for path in root.iter(f"{{{SVG}}}path") if path.get("marker-end")]
    assert len(flows) == 10
    for path in flows:
        assert "data-points" not in path.attrib
        data = re.sub(r"[A-Z]", " ", path.get("d"))
        (ax, ay), (bx, by) = [tuple(map(float, pair.split(","))) for pair in data.split()][-2:]
        assert min(abs(ax - bx), abs(ay - by)) < 0.5, path.get("data-id")
        assert math.dist((ax, ay), (bx, by)) > 5, path.get("data-id")
