"""Layout by Graphviz: nodes and flows of a flowchart without lanes, orthogonal or curved.

Runs `dot -Tjson`; coordinates come back in points with the origin below, turned here into pixels with it above.
"""

from __future__ import annotations

import json
import math
import subprocess
from typing import Literal

from diagram.model import Box, Diagram, Point
from labels import place_labels
from measure import LINE, block, label_size, outside, size
from scene import Item, Scene, Wire
from shapes import outline
from style import Style
from text import wrap

Lines = Literal["ortho", "spline", "polyline", "curved"]
_SHAPES = {"decision": "diamond", "terminator": "box", "connector": "circle"}


def lay_out(
    diagram: Diagram, style: Style, kinds: dict[str, str], *, lines: Lines = "spline", direction: str = "TB",
    gap: tuple[float, float] = (40, 46),
) -> Scene:  # fmt: skip
    """Place the diagram's nodes and flows. Raises RuntimeError when Graphviz fails."""
    fs = label_size(style)
    sizes = {node.id: size(node, style, diagram.kind) for node in diagram.nodes}
    src = [
        f"digraph G {{ rankdir={direction}; splines={lines}; nodesep={gap[0] / 72}; ranksep={gap[1] / 72};",
        'graph [pad=0 margin=0]; node [label="" fixedsize=true]; edge [arrowhead=none];',
    ]
    for node in diagram.nodes:
        w, h, _ = sizes[node.id]
        shape = _SHAPES.get(node.type, "box")
        if node.type.endswith("event") or (node.type == "terminator" and style.terminator == "ellipse"):
            shape = "ellipse"
        src.append(f"{node.id} [shape={shape} width={round(w / 2) * 2 / 72:.4f} height={round(h / 2) * 2 / 72:.4f}];")
    texts = {e.id: wrap(e.text, style.font, fs, 130) for e in diagram.edges}
    for e in diagram.edges:
        attr = f'id="{e.id}"'
        if texts[e.id] and lines != "ortho":
            w, h = block(texts[e.id], style, fs)
            attr += (
                f' label=<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="0"><TR><TD FIXEDSIZE="TRUE" '
                f'WIDTH="{int(w + 12)}" HEIGHT="{int(h + 6)}"></TD></TR></TABLE>>'
            )
        src.append(f"{e.source} -> {e.target} [{attr}];")
    done = subprocess.run(["dot", "-Tjson"], input="\n".join([*src, "}"]), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    out = json.loads(done.stdout)
    _, _, width, height = (float(v) for v in out["bb"].split(","))

    def point(text: str) -> Point:
        x, y = text.split(",")
        return float(x), height - float(y)

    items: dict[str, Item] = {}
    for obj in out.get("objects", []):
        node = diagram.node(obj["name"])
        x, y = point(obj["pos"])
        w, h, text = sizes[node.id]
        item = Item(node, (x - w / 2, y - h / 2, x + w / 2, y + h / 2), text, kind=kinds.get(node.id, ""))
        if outside(node, style, diagram.kind) and text:
            item.label = _beside(item, block(text, style, fs))
        items[node.id] = item
    wires = []
    for obj in out.get("edges", []):
        e = next(edge for edge in diagram.edges if edge.id == obj["id"])
        raw = [part for part in obj["pos"].split() if part[:2] not in ("s,", "e,")]
        ends = {part[0]: point(part[2:]) for part in obj["pos"].split() if part[:2] in ("s,", "e,")}
        points = [point(part) for part in raw]
        if "e" in ends:
            points[-1] = ends["e"]
        wire = Wire(e, points, "bezier", texts[e.id])
        if lines in ("ortho", "polyline"):
            wire.curve, wire.points = "line", _straighten(points, ortho=lines == "ortho")
        if wire.curve == "line":
            wire.points = attach(wire.points, items[e.source], items[e.target], style)
        if "lp" in obj and texts[e.id]:
            x, y = point(obj["lp"])
            w, h = block(texts[e.id], style, fs)
            wire.label = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        wires.append(wire)
    scene = Scene(diagram, width, height, [items[n.id] for n in diagram.nodes], wires)
    if lines == "ortho":
        for wire in wires:
            wire.label = (0, 0, 0, 0) if wire.lines else None
        for item in scene.items:
            item.label = (0, 0, 0, 0) if item.label else None
    place_labels(scene, style)
    return scene


def _beside(item: Item, extent: tuple[float, float]) -> Box:
    w, h = extent
    x1, y0 = item.box[2], item.box[1]
    return x1 + 4, y0 - h * 0.6, x1 + 4 + w, y0 + h * 0.4


def _straighten(points: list[Point], *, ortho: bool) -> list[Point]:
    """The corners of a polyline that Graphviz wrote as a Bézier curve."""
    out = [points[0]]
    for p in points[3::3]:
        if ortho and abs(p[0] - out[-1][0]) < 1.5:
            p = (out[-1][0], p[1])
        if ortho and abs(p[1] - out[-1][1]) < 1.5:
            p = (p[0], out[-1][1])
        if len(out) > 1 and _inline(out[-2], out[-1], p):
            out[-1] = p
        elif p != out[-1]:
            out.append(p)
    return out


def attach(points: list[Point], source: Item, target: Item, style: Style) -> list[Point]:
    """The polyline with its ends moved along their own lines onto the drawn outlines."""
    out = list(points)
    for end, item in ((0, source), (-1, target)):
        far, near = (out[1], out[0]) if end == 0 else (out[-2], out[-1])
        length = math.dist(far, near) or 1.0
        ux, uy = (near[0] - far[0]) / length, (near[1] - far[1]) / length
        shape, _ = outline(item.node.type, item.box, style.radius, style.terminator)
        beyond = near[0] + ux * 40, near[1] + uy * 40
        hits = [t for a, b in zip(shape, shape[1:], strict=False) if (t := _crossing(far, beyond, a, b)) is not None]
        hits = [t for t in hits if t > 2]
        if hits and abs(min(hits) - length) < 38:
            out[end] = far[0] + ux * min(hits), far[1] + uy * min(hits)
    return out


def _crossing(p: Point, q: Point, a: Point, b: Point) -> float | None:
    """How far from p the segments p–q and a–b meet."""
    rx, ry, sx, sy = q[0] - p[0], q[1] - p[1], b[0] - a[0], b[1] - a[1]
    det = rx * sy - ry * sx
    if abs(det) < 1e-9:
        return None
    t = ((a[0] - p[0]) * sy - (a[1] - p[1]) * sx) / det
    u = ((a[0] - p[0]) * ry - (a[1] - p[1]) * rx) / det
    return t * math.hypot(rx, ry) if 0 <= t <= 1 and 0 <= u <= 1 else None


def _inline(a: Point, b: Point, c: Point) -> bool:
    return abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) < 1.0


__all__ = ["LINE", "lay_out"]
