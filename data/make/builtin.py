"""Pictures of the product's own Mermaid renderer (no browser) with truth measured in its SVG.

The SVG is the renderer's; boxes of nodes and subgraphs and the ways of flows are read from its elements by the ids that
`mermaid.emit` gave them. Knows the few path commands that the renderer writes.
"""

from __future__ import annotations

import io
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Literal

from PIL import Image

from diagram.model import Box, Diagram, Point
from mermaid import native
from mermaid.emit import emit

_SVG = "{http://www.w3.org/2000/svg}"
_TOKEN = re.compile(r"[A-Za-z]|-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?")
_COUNT = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "Q": 4, "A": 7, "Z": 0}
_MARGIN = 8


def draw(diagram: Diagram, theme: str, direction: Literal["TB", "LR"], zoom: float) -> tuple[Image.Image, Diagram]:
    """The picture and the graph with boxes and ways in its pixels. Raises ValueError where an element is missing."""
    source = emit(diagram, direction=direction, style="current")
    svg = native.prune(native.draw(source, theme=theme))
    paper = "#1f2020" if theme in native.DARK else "white"
    shot = Image.open(io.BytesIO(native.png(svg, zoom, paper))).convert("RGB")
    picture = Image.new("RGB", (shot.width + 2 * _MARGIN, shot.height + 2 * _MARGIN), paper)
    picture.paste(shot, (_MARGIN, _MARGIN))
    left, top = _corner(svg)
    boxes, ways = _measure(ET.fromstring(svg))

    def at(p: Point) -> Point:
        return round((p[0] - left) * zoom + _MARGIN, 1), round((p[1] - top) * zoom + _MARGIN, 1)

    def box(key: str) -> Box:
        if key not in boxes:
            raise ValueError(f"{key} is not in the picture")
        a, b, c, d = boxes[key]
        return *at((a, b)), *at((c, d))

    ids = {node.id: f"n{k}" for k, node in enumerate(diagram.nodes, 1)}
    ids |= {lane.id: f"l{k}" for k, lane in enumerate(diagram.lanes, 1)}
    seen: dict[tuple[str, str], int] = {}
    edges = []
    for edge in diagram.edges:
        ends = ids[edge.source], ids[edge.target]
        seen[ends] = seen.get(ends, -1) + 1
        way = ways.get(f"L_{ends[0]}_{ends[1]}_{seen[ends]}")
        if not way:
            raise ValueError(f"the flow {ends} is not in the picture")
        edges.append(replace(edge, points=tuple(at(p) for p in way)))
    truth = diagram.replace(
        nodes=tuple(replace(node, bbox=box(ids[node.id])) for node in diagram.nodes),
        edges=tuple(edges),
        lanes=tuple(replace(lane, bbox=box(ids[lane.id])) for lane in diagram.lanes),
    )
    return picture, truth


def _corner(svg: str) -> Point:
    match = re.search(r'\bviewBox="([^"]+)"', svg[:4000])
    assert match
    x, y, *_ = (float(part) for part in match[1].split())
    return x, y


def _measure(root: ET.Element) -> tuple[dict[str, Box], dict[str, list[Point]]]:
    """Boxes of nodes and subgraphs and ways of flows, by the ids of the source; coordinates of the view box."""
    boxes: dict[str, Box] = {}
    ways: dict[str, list[Point]] = {}

    def walk(element: ET.Element, x: float, y: float, owner: str) -> None:
        dx, dy = _moved(element)
        x, y = x + dx, y + dy
        words = (element.get("class") or "").split()
        name = element.get("id") or ""
        if "node" in words and (match := re.search(r"flowchart-(\w+)-\d+$", name)):
            owner = match[1]
        elif "cluster" in words:
            owner = name.removeprefix("diagram-")
        if "flowchart-link" in words:
            ways[element.get("data-id") or ""] = _path(element.get("d") or "", x, y)
        if owner and owner not in boxes:
            tag = element.tag.removeprefix(_SVG)
            if tag in ("rect", "circle", "polygon", "path") and (points := _outline(element, tag, x, y)):
                boxes[owner] = (
                    min(p[0] for p in points), min(p[1] for p in points),
                    max(p[0] for p in points), max(p[1] for p in points),
                )  # fmt: skip
        for child in element:
            walk(child, x, y, owner)

    walk(root, 0, 0, "")
    return boxes, ways


def _moved(element: ET.Element) -> Point:
    match = re.search(r"translate\(\s*([-\d.e]+)(?:[\s,]+([-\d.e]+))?", element.get("transform") or "")
    return (float(match[1]), float(match[2] or 0)) if match else (0.0, 0.0)


def _outline(element: ET.Element, tag: str, x: float, y: float) -> list[Point]:
    def number(key: str) -> float:
        return float(element.get(key) or 0)

    if tag == "rect":
        a, b, w, h = (number(key) for key in ("x", "y", "width", "height"))
        return [(x + a, y + b), (x + a + w, y + b + h)] if w and h else []
    if tag == "circle":
        a, b, r = (number(key) for key in ("cx", "cy", "r"))
        return [(x + a - r, y + b - r), (x + a + r, y + b + r)]
    if tag == "polygon":
        values = [float(v) for v in re.split(r"[\s,]+", (element.get("points") or "").strip())]
        return [(x + a, y + b) for a, b in zip(values[::2], values[1::2], strict=True)]
    return _path(element.get("d") or "", x, y)


def _path(d: str, x: float, y: float) -> list[Point]:
    """A path as a polyline."""
    tokens = _TOKEN.findall(d)
    out: list[Point] = []
    here: Point = (0.0, 0.0)
    command, k = "M", 0
    while k < len(tokens):
        if tokens[k].isalpha():
            command, k = tokens[k], k + 1
        name = command.upper()
        values = [float(v) for v in tokens[k : k + _COUNT[name]]]
        k += _COUNT[name]
        ox, oy = here if command.islower() else (0.0, 0.0)
        if name == "Z":
            continue
        if name == "H":
            here = (values[0] + ox, here[1])
            out.append(here)
        elif name == "V":
            here = (here[0], values[0] + oy)
            out.append(here)
        elif name == "A":
            end = (values[5] + ox, values[6] + oy)
            out += _arc(here, end, values)
            here = end
        else:
            points = [(a + ox, b + oy) for a, b in zip(values[::2], values[1::2], strict=True)]
            out += points if len(points) == 1 else _curve([here, *points])
            here = points[-1]
        if command in "Mm":
            command = "L" if command == "M" else "l"
    return [(x + a, y + b) for a, b in out]


def _curve(control: list[Point]) -> list[Point]:
    out = []
    for step in range(1, 9):
        points, t = control, step / 8
        while len(points) > 1:
            points = [
                (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for a, b in zip(points, points[1:], strict=False)
            ]
        out.append(points[0])
    return out


def _arc(start: Point, end: Point, values: list[float]) -> list[Point]:
    """An elliptic arc without turn, after the SVG standard's notes on its centre."""
    rx, ry, _, large, sweep = values[:5]
    px, py = (start[0] - end[0]) / 2, (start[1] - end[1]) / 2
    grow = max(1.0, (px / rx) ** 2 + (py / ry) ** 2)
    rx, ry = rx * math.sqrt(grow), ry * math.sqrt(grow)
    below = (rx * py) ** 2 + (ry * px) ** 2
    root = math.sqrt(max(0.0, ((rx * ry) ** 2 - below) / below)) * (1 if large != sweep else -1)
    cx = root * rx * py / ry + (start[0] + end[0]) / 2
    cy = -root * ry * px / rx + (start[1] + end[1]) / 2
    first = math.atan2((start[1] - cy) / ry, (start[0] - cx) / rx)
    turn = math.atan2((end[1] - cy) / ry, (end[0] - cx) / rx) - first
    if sweep and turn < 0:
        turn += 2 * math.pi
    elif not sweep and turn > 0:
        turn -= 2 * math.pi
    angles = (first + turn * step / 8 for step in range(1, 9))
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]
