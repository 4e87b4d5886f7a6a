"""BPMN DI: the layout of a diagram as `bpmndi:BPMNDiagram`. Knows where things lie, not why."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping

from bpmn.layout import Layout
from bpmn.names import BPMNDI, DC, DI
from bpmn.pools import Pool
from diagram.kinds import FAMILY
from diagram.model import Box, Diagram


def interchange(
    root: ET.Element,
    diagram: Diagram,
    layout: Layout,
    ids: Mapping[str, str],
    *,
    plane: str,
    implicit: Mapping[str, Pool],
) -> None:
    """Append the diagram to the definitions.

    Args:
        ids: XML ids of nodes and lanes; flows are `e1`, `e2` … in the order of the graph.
        plane: the collaboration or process that is drawn.
        implicit: participants that are no lane of the graph, by their XML id.
    """
    page = ET.SubElement(root, f"{{{BPMNDI}}}BPMNDiagram", {"id": "diagram"})
    surface = ET.SubElement(page, f"{{{BPMNDI}}}BPMNPlane", {"id": "plane", "bpmnElement": plane})
    for lane in diagram.lanes:
        x0, y0, x1, y1 = layout.boxes[lane.id]
        upright = y1 - y0 > 1.5 * (x1 - x0)
        _shape(surface, ids[lane.id], layout.boxes[lane.id], isHorizontal="false" if upright else "true")
    for name, pool in implicit.items():
        inside = [layout.boxes[lane] for lane in pool.lanes]
        if pool.free:
            free = {node.id for node in diagram.nodes if node.lane is None}
            inside += [_grown(layout.boxes[name], 30) for name in free]
            for edge in diagram.edges:
                if {edge.source, edge.target} <= free:
                    inside += [_grown((x, y, x, y), 10) for x, y in layout.points.get(edge.id, ())]
        x0 = min((box[0] for box in inside), default=0.0) - 30
        y0 = min((box[1] for box in inside), default=0.0)
        x1 = max((box[2] for box in inside), default=300.0)
        y1 = max((box[3] for box in inside), default=60.0)
        _shape(surface, name, (x0, y0, x1, y1), isHorizontal="true")
    parents = {node.parent for node in diagram.nodes}
    for node in diagram.nodes:
        more = {}
        if node.id in parents:
            more["isExpanded"] = "true"
        elif node.type in ("subprocess", "predefined_process"):
            more["isExpanded"] = "false"
        elif node.type in ("gateway_exclusive", "decision") and not node.attached_to:
            more["isMarkerVisible"] = "true"
        shape = _shape(surface, ids[node.id], layout.boxes[node.id], **more)
        if node.id in layout.labels:
            _bounds(ET.SubElement(shape, f"{{{BPMNDI}}}BPMNLabel"), layout.labels[node.id])
        elif node.text and FAMILY[node.type] in ("event", "gateway", "data"):
            _label(shape, node.text, layout.boxes[node.id])
    for position, edge in enumerate(diagram.edges, 1):
        points = layout.points.get(edge.id)
        if not points:
            continue
        drawn = ET.SubElement(
            surface, f"{{{BPMNDI}}}BPMNEdge", {"id": f"di_e{position}", "bpmnElement": f"e{position}"}
        )
        for x, y in points:
            ET.SubElement(drawn, f"{{{DI}}}waypoint", {"x": _number(x), "y": _number(y)})
        if edge.id in layout.labels:
            _bounds(ET.SubElement(drawn, f"{{{BPMNDI}}}BPMNLabel"), layout.labels[edge.id])


def _shape(surface: ET.Element, element: str, box: Box, **more: str) -> ET.Element:
    shape = ET.SubElement(surface, f"{{{BPMNDI}}}BPMNShape", {"id": f"di_{element}", "bpmnElement": element, **more})
    _bounds(shape, box)
    return shape


def _label(shape: ET.Element, text: str, box: Box) -> None:
    """The place of a name outside its symbol: centred below, as modellers put it."""
    wide = min(110.0, 7.0 * max(map(len, text.split("\n"))) + 4)
    lines = sum(1 + len(line) // 16 for line in text.split("\n"))
    middle = (box[0] + box[2]) / 2
    label = ET.SubElement(shape, f"{{{BPMNDI}}}BPMNLabel")
    _bounds(label, (middle - wide / 2, box[3] + 4, middle + wide / 2, box[3] + 4 + 14 * lines))


def _bounds(parent: ET.Element, box: Box) -> None:
    x0, y0, x1, y1 = box
    size = {"x": _number(x0), "y": _number(y0), "width": _number(x1 - x0), "height": _number(y1 - y0)}
    ET.SubElement(parent, f"{{{DC}}}Bounds", size)


def _grown(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
