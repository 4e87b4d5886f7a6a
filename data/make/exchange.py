"""Layout by the product's own BPMN files: a graph is written as BPMN, read back, and drawn where its interchange says.

What people get who export a diagram and open it in an editor: places of shapes and lanes come from the file (shapes
snap to the editor's grid), way points too, or the editor lays the flows anew. Texts outside shapes are placed as an
editor would. Knows nothing of looks beyond their letter sizes.
"""

from __future__ import annotations

from dataclasses import replace

from bpmn.emit import emit
from bpmn.parse import parse
from diagram.model import Box, Diagram
from grid import route
from labels import place_labels
from measure import outside, size
from route import STEP
from scene import Band, Item, Scene, Wire
from style import Style
from text import wrap

HEADER = 30.0
MARGIN = 40.0  # room around the drawing for flows that are laid anew


def lay_out(
    diagram: Diagram, style: Style, kinds: dict[str, str], *, routed: bool, spread: float = 1.0
) -> Scene:  # fmt: skip
    """The scene of a BPMN graph at the places of its own interchange. `routed`: flows are laid anew, after the shapes
    were drawn apart by `spread`.

    Raises RuntimeError when a flow finds no way."""
    placed = parse(emit(diagram))
    node_of = {f"n{k}": node for k, node in enumerate(diagram.nodes, 1)}
    lane_of = {f"l{k}": lane for k, lane in enumerate(diagram.lanes, 1)}
    off = MARGIN if routed else 0.0
    boxes = {node_of[node.id].id: _moved(node.bbox, off, spread, stiff=True) for node in placed.nodes}
    whole = {node_of[node.id].id: node.bbox for node in placed.nodes}
    for node in diagram.nodes:
        if node.attached_to:  # stays on its border
            boxes[node.id] = _moved(whole[node.id], off, spread, stiff=True, about=whole[node.attached_to])
    areas = {lane_of[lane.id].id: _moved(lane.bbox, off, spread, stiff=False) for lane in placed.lanes}
    ways = {edge.id: edge.points for edge in placed.edges}
    items = []
    parents = {node.parent for node in diagram.nodes}
    hosts = {node.attached_to for node in diagram.nodes}
    for node in diagram.nodes:
        box = boxes[node.id]
        if routed:
            dx, dy = (_snap((box[k] + box[k + 2]) / 2) - (box[k] + box[k + 2]) / 2 for k in (0, 1))
            box = box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy
        away = outside(node, style, "bpmn")
        text = size(node, style, "bpmn")[2] if away else wrap(node.text, style.font, style.size, box[2] - box[0] - 12)
        if node.type == "annotation":
            text = wrap(node.text, style.font, style.size, box[2] - box[0] - 8)
        kind = "box" if node.id in parents else "bound" if node.attached_to else kinds[node.id]
        if node.id in hosts:  # no icon above the text: the event needs the room below it
            kind = "task"
        items.append(Item(node, box, text, (0, 0, 0, 0) if away and text else None, kind))
    items.sort(key=lambda item: item.kind != "box")
    wires = []
    for k, edge in enumerate(() if routed else diagram.edges, 1):
        lines = wrap(edge.text, style.font, style.size, 130)
        wires.append(Wire(edge, list(ways[f"e{k}"]), "line", lines, (0, 0, 0, 0) if lines else None))
    bands = []
    outer = {lane.parent for lane in diagram.lanes}
    for lane in diagram.lanes:
        area = areas[lane.id]
        strip = (area[0], area[1], area[0] + HEADER, area[3])
        closed = lane.id.startswith("ext_")
        bands.append(Band(replace(lane), area, None if closed else strip, turned=not closed))
    bands.sort(key=lambda band: band.lane.id not in outer)
    x1 = max(box[2] for box in [*boxes.values(), *areas.values()])
    y1 = max(box[3] for box in [*boxes.values(), *areas.values()])
    scene = Scene(diagram, x1 + MARGIN, y1 + MARGIN, items, wires, bands)
    if routed:
        route(scene, style, False)
    place_labels(scene, style)
    return scene


def _moved(box: Box | None, by: float, spread: float, *, stiff: bool, about: Box | None = None) -> Box:
    """The box farther off by the factor and the distance. A stiff one keeps its size; `about` goes the same way."""
    assert box is not None
    if not stiff:
        return box[0] * spread + by, box[1] * spread + by, box[2] * spread + by, box[3] * spread + by
    middle = about or box
    dx, dy = ((middle[k] + middle[k + 2]) / 2 * (spread - 1) + by for k in (0, 1))
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def _snap(value: float) -> float:
    return round(value / STEP) * STEP
