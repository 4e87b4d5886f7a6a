"""A BPMN graph as SVG in BPMN's own symbols, laid out by `layout`: pools, lanes, events on borders, marks of gateways.
A flowchart with lanes is drawn in the same way, its decisions and terminators as flowcharts have them.

Widths of text come from the caller, which knows the font; every text is wrapped, and made smaller where it must be, to
stay in its place. Units are CSS pixels, 36 for an event, as modellers draw it. What comes out is plain SVG without
style sheets, markers and scripts. Knows nothing of XML files and of Mermaid.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from bpmn.layout import Layout, layout
from bpmn.marks import INK, gateway_mark, trigger_mark
from bpmn.place import HEADER, WORDED, label_size, labelled
from diagram.kinds import EVENTS, FAMILY, NodeType
from diagram.model import Box, Diagram, Edge, Lane, Node, Point

Measure = Callable[[str, float], float]
"""Width of one line of text at a font size, both in CSS pixels."""
Wrap = Callable[[str, float, float], list[str]]
"""Lines of a text at a font size, broken at single spaces, so that none is wider than so many CSS pixels."""

DRAWN: Final[frozenset[NodeType]] = frozenset({
    "task", "subprocess", *EVENTS, "gateway_exclusive", "gateway_parallel", "gateway_inclusive", "gateway_event",
    "gateway_complex", "data_object", "data_store", "annotation", "process", "predefined_process", "io", "document",
    "decision",
})  # fmt: skip
"""The types that BPMN has symbols for, and those of flowcharts that fit in a task's place or are a gateway."""
FONT: Final = '"DejaVu Sans", "Segoe UI", Arial, sans-serif'
_UNHEARD: Final = re.compile("[\x00-\x1f\ud800-\udfff\ufffe\uffff]")
_BAND: Final = "#5c6270"
_SIZE: Final = 12.0
_LEAST: Final = 5.0
_LINE: Final = 1.18
_MARGIN: Final = 14.0
_HEAD: Final = 9.0
_CORNER: Final = 5.0


def drawable(diagram: Diagram) -> bool:
    """Whether there is a symbol for everything in the graph, which is BPMN or a flowchart with lanes."""
    if diagram.kind == "bpmn":
        return all(node.type in DRAWN for node in diagram.nodes)
    return bool(diagram.lanes) and all(node.type in DRAWN | WORDED for node in diagram.nodes)


def picture(diagram: Diagram, measure: Measure, wrap: Wrap) -> str:
    """The SVG of a graph that is `drawable`. Its own boxes and ways are left out: all is laid out anew."""
    bare = diagram.replace(
        nodes=tuple(replace(node, bbox=None) for node in diagram.nodes),
        edges=tuple(replace(edge, points=()) for edge in diagram.edges),
        lanes=tuple(replace(lane, bbox=None) for lane in diagram.lanes),
    )
    placed = layout(bare, chart=diagram.kind == "flowchart")
    return "".join(_Sheet(bare, placed, measure, wrap).svg())


class _Sheet:
    def __init__(self, diagram: Diagram, placed: Layout, measure: Measure, wrap: Wrap) -> None:
        self.diagram = diagram
        self.placed = placed
        self.measure = measure
        self.wrap = wrap
        self.chart = diagram.kind == "flowchart"
        self.frames = {node.parent for node in diagram.nodes}
        self.filled = {node.lane for node in diagram.nodes} | {lane.parent for lane in diagram.lanes}
        self.types = {node.id: node.type for node in diagram.nodes}

    def svg(self) -> Iterator[str]:
        boxes = [*self.placed.boxes.values(), *self.placed.labels.values()]
        boxes += [(x, y, x, y) for points in self.placed.points.values() for x, y in points]
        left, top = (min((box[i] for box in boxes), default=0.0) - _MARGIN for i in (0, 1))
        right, bottom = (max((box[i] for box in boxes), default=0.0) + _MARGIN for i in (2, 3))
        view = f"{_n(left)} {_n(top)} {_n(right - left)} {_n(bottom - top)}"
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(right - left)}" height="{_n(bottom - top)}" '
            f'viewBox="{view}" font-family=\'{FONT}\' fill="none" stroke="{INK}" stroke-width="2">'
        )
        for lane in self.diagram.lanes:
            yield from self._lane(lane)
        inner = [node for node in self.diagram.nodes if node.id in self.frames]
        for node in sorted(inner, key=lambda node: -_area(self.placed.boxes[node.id])):
            yield from self._frame(node)
        for edge in self.diagram.edges:
            yield from self._flow(edge)
        for node in sorted(self.diagram.nodes, key=lambda node: node.attached_to is not None):
            if node.id not in self.frames:
                yield from self._node(node)
        texts = [(node.id, node.text) for node in self.diagram.nodes]
        for name, text in [*texts, *((edge.id, edge.text) for edge in self.diagram.edges)]:
            if name in self.placed.labels:
                yield from self._text(text, self.placed.labels[name], size=_SIZE - 1, halo=True)
        yield "</svg>"

    def _lane(self, lane: Lane) -> Iterator[str]:
        box = self.placed.boxes[lane.id]
        x0, y0, _, y1 = box
        yield f'<g class="{"lane" if lane.parent else "pool"}" stroke="{_BAND}" stroke-width="1.5">{_rect(box)}'
        if lane.id not in self.filled:
            yield "</g>"
            yield from self._text(lane.name, box)
            return
        yield f"{_path([(x0 + HEADER, y0), (x0 + HEADER, y1)])}</g>"
        if lane.name.strip():
            cx, cy = x0 + HEADER / 2, (y0 + y1) / 2
            half = (y1 - y0) / 2
            yield f'<g transform="rotate(-90 {_n(cx)} {_n(cy)})">'
            yield from self._text(lane.name, (cx - half + 4, cy - HEADER / 2 + 1, cx + half - 4, cy + HEADER / 2 - 1))
            yield "</g>"

    def _frame(self, node: Node) -> Iterator[str]:
        """A sub-process that shows what is in it, its name at the top."""
        box = self.placed.boxes[node.id]
        yield _rect(box, 10, "#ffffff")
        x0, y0, x1, _ = box
        yield from self._text(node.text, (x0 + 12, y0 + 3, x1 - 8, y0 + 19), left=True)

    def _node(self, node: Node) -> Iterator[str]:
        box = self.placed.boxes[node.id]
        x0, y0, x1, y1 = box
        family = FAMILY[node.type]
        yield f'<g class="{node.type}">'
        if self.chart and node.type in WORDED:
            yield from self._worded(node, box)
        elif family == "event":
            yield from _event(node, box)
        elif family == "gateway":
            cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
            yield _path([(cx, y0), (x1, cy), (cx, y1), (x0, cy)], fill="#ffffff", close=True)
            yield from gateway_mark(node.type, cx, cy, (x1 - x0) / 2)
        elif node.type == "data_object":
            fold = 12.0
            yield _path([(x0, y0), (x1 - fold, y0), (x1, y0 + fold), (x1, y1), (x0, y1)], fill="#ffffff", close=True)
            yield _path([(x1 - fold, y0), (x1 - fold, y0 + fold), (x1, y0 + fold)])
        elif node.type == "data_store":
            yield _store(box)
        elif node.type == "annotation":
            yield _path([(x0 + 12, y0), (x0, y0), (x0, y1), (x0 + 12, y1)])
            yield from self._text(node.text, (x0 + 6, y0 + 2, x1, y1 - 2), left=True)
        else:
            yield from _activity(node.type, box)
            low = y1 - 12 if node.type == "document" else y1
            if node.type == "subprocess":
                cx, low = (x0 + x1) / 2, y1 - 16
                yield _rect((cx - 7, y1 - 15, cx + 7, y1 - 1), width=1.2)
                yield _path([(cx - 4, y1 - 8), (cx + 4, y1 - 8)], width=1.2)
                yield _path([(cx, y1 - 12), (cx, y1 - 4)], width=1.2)
            aside = {"io": 8, "predefined_process": 11}.get(node.type, 4)
            yield from self._text(node.text, (x0 + aside, y0 + 3, x1 - aside, low - 3))
        yield "</g>"
        if labelled(node, chart=self.chart) and node.id not in self.placed.labels:
            yield from self._text(node.text, (x0 - 40, y1 + 3, x1 + 40, y1 + 45), size=_SIZE - 1)

    def _worded(self, node: Node, box: Box) -> Iterator[str]:
        """A symbol of a flowchart with its text inside."""
        x0, y0, x1, y1 = box
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        if node.type == "decision":
            yield _path([(cx, y0), (x1, cy), (cx, y1), (x0, cy)], fill="#ffffff", close=True)
            wide, high = label_size(node.text)
            box = (cx - wide / 2 - 4, cy - high / 2 - 4, cx + wide / 2 + 4, cy + high / 2 + 4)
        else:
            yield _rect(box, (y1 - y0) / 2, "#ffffff")
            inset = 2.0 if node.type == "connector" else (y1 - y0) / 4
            box = (x0 + inset, y0 + 2, x1 - inset, y1 - 2)
        yield from self._text(node.text, box)

    def _flow(self, edge: Edge) -> Iterator[str]:
        points = list(self.placed.points.get(edge.id, ()))
        if len(points) < 2 or math.dist(points[-2], points[-1]) < 0.01:
            return
        yield f'<g class="{edge.kind}">'
        data = {"data_object", "data_store"} & {self.types.get(edge.source), self.types.get(edge.target)}
        headed = edge.kind != "association" or bool(data)
        tip, ux, uy = points[-1], *_unit(points[-2], points[-1])
        if edge.kind == "message":
            (x, y), (out_x, out_y) = points[0], _unit(*points[:2])
            ring, points[0] = (x + 4 * out_x, y + 4 * out_y), (x + 8 * out_x, y + 8 * out_y)
        if headed and data:
            yield _path([_beside(tip, ux, uy, 8, 4), tip, _beside(tip, ux, uy, 8, -4)], width=1.5)
        elif headed:
            back = (tip[0] - ux * _HEAD, tip[1] - uy * _HEAD)
            points[-1] = back
            wide = 3.5 if edge.kind == "sequence" else 4.5
            fill = INK if edge.kind == "sequence" else "#ffffff"
            head = [tip, _beside(tip, ux, uy, _HEAD, wide), _beside(tip, ux, uy, _HEAD, -wide)]
            yield _path(head, fill=fill, close=True, width=0.8 if fill == INK else 1.2)
        dash = {"sequence": "", "message": "8 5", "association": "2 4"}[edge.kind]
        yield _path(points, corner=_CORNER, dash=dash, width=1.5)
        if edge.kind == "message":
            yield _circle(*ring, 4, fill="#ffffff", width=1.2)
        yield "</g>"

    def _text(
        self, text: str, box: Box, *, size: float = _SIZE, halo: bool = False, left: bool = False
    ) -> Iterator[str]:
        """A text in a box, as large as fits, at most `size`."""
        if not text.strip():
            return
        x0, y0, x1, y1 = box
        plain = "\n".join(" ".join(line.split()) for line in text.strip().split("\n"))
        while True:
            lines = (self.wrap if left else self._balanced)(plain, size, x1 - x0)
            fits = len(lines) * size * _LINE <= y1 - y0 + 1 and all(
                self.measure(line, size) <= x1 - x0 + 0.5 for line in lines
            )
            if fits or size <= _LEAST:
                break
            size -= 0.5
        x = x0 if left else (x0 + x1) / 2
        y = (y0 + y1) / 2 - (len(lines) * size * _LINE) / 2 + size * 0.93
        edge = ' paint-order="stroke" stroke="#ffffff" stroke-width="3"' if halo else ' stroke="none"'
        anchor = "start" if left else "middle"
        yield f'<text font-size="{_n(size)}" text-anchor="{anchor}" fill="{INK}"{edge}>'
        for k, line in enumerate(lines):
            yield f'<tspan x="{_n(x)}" y="{_n(y + k * size * _LINE)}">{_escaped(line)}</tspan>'
        yield "</text>"

    def _balanced(self, text: str, size: float, most: float) -> list[str]:
        """As few lines as the width allows; of those the widest as narrow as can be, as people break a text."""
        lines: list[str] = []
        for paragraph in text.split("\n"):
            part = narrower = self.wrap(paragraph, size, most)
            while 1 < len(narrower) == len(part):
                part = narrower
                widest = max(self.measure(line, size) for line in part)
                narrower = self.wrap(paragraph, size, widest - 0.01)
                if max(self.measure(line, size) for line in narrower) >= widest:
                    break
            lines += part
        return lines


def _event(node: Node, box: Box) -> Iterator[str]:
    cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    radius = (box[2] - box[0]) / 2
    end = node.type == "end_event"
    yield _circle(cx, cy, radius - (1 if end else 0), fill="#ffffff", width=4 if end else 2)
    if node.type == "intermediate_event":
        yield _circle(cx, cy, radius - 4, width=1.5)
    if node.trigger:
        yield from trigger_mark(node.trigger, cx, cy, radius, full=end)


def _activity(kind: NodeType, box: Box) -> Iterator[str]:
    """The outline of a step."""
    x0, y0, x1, y1 = box
    if kind == "document":
        mid, wave = (x0 + x1) / 2, 12
        low = f"Q{_n((mid + x1) / 2)},{_n(y1 - 2 * wave)} {_n(mid)},{_n(y1 - wave)}"
        low += f"Q{_n((mid + x0) / 2)},{_n(y1)} {_n(x0)},{_n(y1 - wave)}"
        yield f'<path d="M{_n(x0)},{_n(y0)}H{_n(x1)}V{_n(y1 - wave)}{low}Z" fill="#ffffff"/>'
    elif kind == "io":
        # half of it beyond the box, whose sides flows reach
        yield _path([(x0 + 7, y0), (x1 + 7, y0), (x1 - 7, y1), (x0 - 7, y1)], fill="#ffffff", close=True)
    else:
        yield _rect(box, 0 if kind in ("process", "predefined_process") else 10, "#ffffff")
        if kind == "predefined_process":
            yield _path([(x0 + 8, y0), (x0 + 8, y1)])
            yield _path([(x1 - 8, y0), (x1 - 8, y1)])


def _store(box: Box) -> str:
    x0, y0, x1, y1 = box
    rx, ry = (x1 - x0) / 2, (y1 - y0) * 0.13
    arc = f"A{_n(rx)},{_n(ry)} 0 0"
    rings = "".join(f"M{_n(x0)},{_n(y0 + ry + k)}{arc},0 {_n(x1)},{_n(y0 + ry + k)}" for k in (0, 5, 10))
    body = f"M{_n(x0)},{_n(y0 + ry)}{arc},1 {_n(x1)},{_n(y0 + ry)}V{_n(y1 - ry)}{arc},1 {_n(x0)},{_n(y1 - ry)}Z"
    return f'<path d="{body}" fill="#ffffff"/><path d="{rings}" stroke-width="1.5"/>'


def _path(
    points: Sequence[Point],
    *,
    fill: str = "",
    close: bool = False,
    width: float = 0.0,
    dash: str = "",
    corner: float = 0.0,
) -> str:
    parts = [f"M{_at(points[0])}"]
    for i in range(1, len(points)):
        before, here = points[i - 1], points[i]
        if not corner or i == len(points) - 1:
            parts.append(f"L{_at(here)}")
            continue
        after = points[i + 1]
        round_ = min(corner, math.dist(before, here) / 2, math.dist(here, after) / 2)
        (ux, uy), (vx, vy) = _unit(here, before), _unit(here, after)
        parts.append(f"L{_at((here[0] + ux * round_, here[1] + uy * round_))}")
        parts.append(f"Q{_at(here)} {_at((here[0] + vx * round_, here[1] + vy * round_))}")
    more = f' fill="{fill}"' if fill else ""
    more += f' stroke-width="{_n(width)}"' if width else ""
    more += f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="{"".join(parts)}{"Z" if close else ""}"{more}/>'


def _rect(box: Box, radius: float = 0.0, fill: str = "", width: float = 0.0) -> str:
    x0, y0, x1, y1 = box
    more = f' rx="{_n(radius)}"' if radius else ""
    more += f' fill="{fill}"' if fill else ""
    more += f' stroke-width="{_n(width)}"' if width else ""
    return f'<rect x="{_n(x0)}" y="{_n(y0)}" width="{_n(x1 - x0)}" height="{_n(y1 - y0)}"{more}/>'


def _circle(x: float, y: float, radius: float, *, fill: str = "none", width: float) -> str:
    return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{fill}" stroke-width="{_n(width)}"/>'


def _unit(a: Point, b: Point) -> Point:
    whole = math.dist(a, b) or 1.0
    return (b[0] - a[0]) / whole, (b[1] - a[1]) / whole


def _beside(tip: Point, ux: float, uy: float, back: float, aside: float) -> Point:
    return tip[0] - ux * back - uy * aside, tip[1] - uy * back + ux * aside


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _at(point: Point) -> str:
    return f"{_n(point[0])},{_n(point[1])}"


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _escaped(text: str) -> str:
    """Text as it stands in XML, without what XML cannot hold."""
    return html.escape(_UNHEARD.sub("", text), quote=False)
