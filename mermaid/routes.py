"""Straightens the ends of flows in a flowchart's SVG where the native renderer lets them run along or beside a border.

merman aims the last leg of an orthogonal flow at the middle of a node: it bends at the border and lays the arrowhead on
its side; in swimlanes a flow may even begin beside its node. Here the leg goes straight on to the outline as drawn,
jogs of a pixel or two are taken out, and corners leave room for the arrowhead. The layout itself is not touched. Knows
the markup of merman; what it does not recognise stays as it is.
"""

from __future__ import annotations

import base64
import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Final

from mermaid.sanitize import SVG

Point = tuple[float, float]
Outline = Sequence[Point]
"""Corners of a closed polygon, in CSS pixels of the picture."""

_NODE: Final = re.compile(r"-(?:flowchart|swimlane)-(.+)-\d+\Z")
_TRANSLATE: Final = re.compile(r"translate\(\s*([-\d.e]+)[\s,]+([-\d.e]+)\s*\)")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_ROUNDED: Final = re.compile(r"[MLQ\d.,\s-]+")
_HEAD: Final = 4.0
"""How far an arrowhead reaches beyond the end of its path."""
_LEG: Final = 10.0
"""Straight pixels before an arrowhead that no corner may eat."""
_RADIUS: Final = 7.0
_JOG: Final = 3.0
_ASLANT: Final = 1.0
_SLANT: Final = 12.0


def mend(root: ET.Element) -> None:
    """Mend all flows of a picture, and drop the way points that merman keeps beside them."""
    outlines: dict[str, Outline] = {}
    for group in root.iter(f"{{{SVG}}}g"):
        if "node" in group.get("class", "").split() and (name := _NODE.search(group.get("id", ""))):
            outline = _outline(group)
            if outline:
                outlines[name[1]] = outline
    for path in root.iter(f"{{{SVG}}}path"):
        encoded = path.attrib.pop("data-points", None)
        if encoded is None or not _ROUNDED.fullmatch(path.get("d", "")):
            continue
        points = _decoded(encoded)
        ends = _ends(path.get("data-id", ""), outlines)
        if ends is None or len(points) < 2:
            continue
        mended = straightened(points, *ends)
        if mended != points:
            path.set("d", _drawn(mended, "marker-start" in path.attrib, "marker-end" in path.attrib))


def straightened(points: Sequence[Point], source: Outline | None, target: Outline | None) -> list[Point]:
    """The way points of a flow from the outline of its source to that of its target; None where that is not known."""
    out = _arriving(_without_jogs(points), target)
    return _arriving(out[::-1], source)[::-1]


def _arriving(points: list[Point], outline: Outline | None) -> list[Point]:
    """The same way, its last leg ending on the outline."""
    if outline is None or len(points) < 2:
        return points
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    left, top, right, bottom = min(xs) - 1, min(ys) - 1, max(xs) + 1, max(ys) + 1

    def near(point: Point) -> bool:
        return left <= point[0] <= right and top <= point[1] <= bottom

    at = len(points)
    while at > 1 and near(points[at - 1]):
        at -= 1
    if at == len(points):  # the way ends beside the node
        x, y = points[-1]
        middle = ((left + right) / 2, (top + bottom) / 2)
        ahead = (x, middle[1]) if left < x < right else (middle[0], y) if top < y < bottom else None
        hit = ahead and _hit((x, y), ahead, outline)
        return [*points, hit] if hit else points
    before, arrival = points[at - 1], points[at]
    if at > 1 and not _upright(before, arrival) and _upright(points[at - 2], before):
        vertical = points[at - 2][0] == before[0]
        moved = (before[0], arrival[1]) if vertical else (arrival[0], before[1])
        if math.dist(moved, before) <= _SLANT:
            return _arriving([*points[: at - 1], moved, arrival], outline)
    hit = _hit(before, arrival, outline) if _upright(before, arrival) else None
    return [*points[:at], hit] if hit else points


def _hit(start: Point, ahead: Point, outline: Outline) -> Point | None:
    """Where the ray from `start` through `ahead` first meets the outline."""
    dx, dy = ahead[0] - start[0], ahead[1] - start[1]
    best = math.inf
    for (ax, ay), (bx, by) in zip(outline, [*outline[1:], outline[0]], strict=True):
        ex, ey = bx - ax, by - ay
        cross = dx * ey - dy * ex
        if abs(cross) < 1e-9:
            continue
        along = ((ax - start[0]) * ey - (ay - start[1]) * ex) / cross
        across = ((ax - start[0]) * dy - (ay - start[1]) * dx) / cross
        if along > 1e-6 and -1e-6 <= across <= 1 + 1e-6:
            best = min(best, along)
    return (start[0] + best * dx, start[1] + best * dy) if math.isfinite(best) else None


def _upright(a: Point, b: Point) -> bool:
    return (abs(a[0] - b[0]) < 0.1) != (abs(a[1] - b[1]) < 0.1)


def _without_jogs(points: Sequence[Point]) -> list[Point]:
    """The way without repeated points, its legs upright where they nearly are, and without upright steps of less than
    `_JOG` between parallel legs."""
    out: list[Point] = []
    for x, y in points:
        if out:
            x = out[-1][0] if abs(x - out[-1][0]) < _ASLANT else x
            y = out[-1][1] if abs(y - out[-1][1]) < _ASLANT else y
        if not out or out[-1] != (x, y):
            out.append((x, y))
    at = 1
    while at < len(out) - 2:
        (ax, ay), (bx, by) = out[at], out[at + 1]
        if math.dist(out[at], out[at + 1]) >= _JOG or not _upright(out[at], out[at + 1]):
            at += 1
            continue
        axis = 1 if abs(ax - bx) < 0.1 else 0  # the coordinate that jumps
        old, new = (ay, by) if axis else (ax, bx)
        start = at
        while start >= 0 and abs(out[start][axis] - old) < 0.1:
            out[start] = (out[start][0], new) if axis else (new, out[start][1])
            start -= 1
        del out[at]
    return out


def _drawn(points: Sequence[Point], head_at_start: bool, head_at_end: bool) -> str:
    """Path data with rounded corners, cut back where arrowheads stand."""
    line = list(points)
    if head_at_start:
        line[0] = _towards(line[0], line[1], _HEAD)
    if head_at_end:
        line[-1] = _towards(line[-1], line[-2], _HEAD)
    parts = [f"M{_text(line[0])}"]
    for i in range(1, len(line) - 1):
        before, corner, after = line[i - 1], line[i], line[i + 1]
        into = math.dist(before, corner) / (1 if i == 1 else 2)
        out = math.dist(corner, after) / (1 if i == len(line) - 2 else 2)
        if i == len(line) - 2 and head_at_end:
            out = max(0.0, out - _LEG)
        if i == 1 and head_at_start:
            into = max(0.0, into - _LEG)
        radius = min(_RADIUS, into, out)
        parts.append(f"L{_text(_towards(corner, before, radius))}")
        parts.append(f"Q{_text(corner)} {_text(_towards(corner, after, radius))}")
    return "".join([*parts, f"L{_text(line[-1])}"])


def _towards(start: Point, end: Point, length: float) -> Point:
    whole = math.dist(start, end)
    share = min(1.0, length / whole) if whole else 0.0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _text(point: Point) -> str:
    return f"{point[0]:.3f},{point[1]:.3f}".replace(".000", "")


def _decoded(encoded: str) -> list[Point]:
    try:
        return [(float(point["x"]), float(point["y"])) for point in json.loads(base64.b64decode(encoded))]
    except (ValueError, KeyError, TypeError):
        return []


def _ends(edge: str, outlines: dict[str, Outline]) -> tuple[Outline | None, Outline | None] | None:
    """The outlines at both ends of a flow called `L_source_target_n`; ids may themselves hold underscores."""
    parts = edge.split("_")
    if len(parts) < 4 or parts[0] != "L":
        return None
    found: tuple[Outline | None, Outline | None] | None = None
    for cut in range(2, len(parts) - 1):
        pair = outlines.get("_".join(parts[1:cut])), outlines.get("_".join(parts[cut:-1]))
        if all(pair):
            return pair
        if any(pair):
            found = pair
    return found


def _outline(group: ET.Element) -> Outline | None:
    """The polygon of a node's shape; None for shapes whose outline is not plain in the markup."""
    offset = _offset(group)
    for shape in group:
        tag = shape.tag.rpartition("}")[2]
        if tag == "g" and "outer-path" in shape.get("class", ""):
            shape = next(iter(shape), shape)
            tag = shape.tag.rpartition("}")[2]
        x, y = _offset(shape)
        x, y = x + offset[0], y + offset[1]
        if tag == "rect" and shape.get("width"):
            left, top = x + float(shape.get("x", 0)), y + float(shape.get("y", 0))
            right, bottom = left + float(shape.get("width", 0)), top + float(shape.get("height", 0))
            return [(left, top), (right, top), (right, bottom), (left, bottom)]
        if tag == "polygon":
            return [(a + x, b + y) for a, b in _pairs(shape.get("points", ""))]
        if tag == "circle":
            radius = float(shape.get("r", 0))
            turns = [math.tau * i / 48 for i in range(48)]
            return [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]
        if tag == "path":
            return _curve(shape.get("d", ""), x, y)
    return None


def _curve(data: str, x: float, y: float) -> Outline | None:
    """The end points of a path of lines and curves in absolute coordinates."""
    if re.search(r"[a-df-zABD-KN-PR-Z]", data):
        return None
    corners: list[Point] = []
    for _, numbers in re.findall(r"([MLC])([^MLC]*)", data):
        pairs = _pairs(numbers)
        if pairs:
            corners.append((pairs[-1][0] + x, pairs[-1][1] + y))
    return corners if len(corners) > 2 else None


def _pairs(text: str) -> list[Point]:
    numbers = [float(number) for number in _NUMBER.findall(text)]
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def _offset(element: ET.Element) -> Point:
    match = _TRANSLATE.match(element.get("transform", ""))
    return (float(match[1]), float(match[2])) if match else (0.0, 0.0)
