"""One notation into another: .mmd, .bpmn, .json in; those and .dot (Graphviz) out. What the graph holds is kept.

Knows nothing of pictures; `draw` makes those.
"""

from __future__ import annotations

import re
from typing import Final

from diagram.errors import InputError, UnknownNameError
from diagram.kinds import FAMILY, NodeType
from diagram.model import Diagram
from pipeline.draw import Studio, write

WRITES: Final = {
    ".mmd": "mmd",
    ".mermaid": "mmd",
    ".bpmn": "bpmn",
    ".xml": "bpmn",
    ".json": "json",
    ".dot": "dot",
    ".gv": "dot",
}
_DOT_SHAPE: Final[dict[NodeType, str]] = {
    "start_event": "circle",
    "end_event": "circle, penwidth=3",
    "intermediate_event": "doublecircle",
    "terminator": 'box, style="rounded,filled", fillcolor=white',
    "connector": "circle",
    "io": "parallelogram",
    "document": "note",
    "data_object": "note",
    "data_store": "cylinder",
    "annotation": "plaintext",
    "predefined_process": "box, peripheries=2",
    "process": "box",
}


def convert(text: str, suffix: str, studio: Studio) -> tuple[str, tuple[str, ...]]:
    """A diagram in another notation, and warnings on what was not understood.

    Args:
        suffix: of the file to be written, with its dot.

    Raises:
        UnknownNameError: no such output. InputError: the input cannot be read, or is no flowchart.
    """
    if suffix.lower() not in WRITES:
        raise UnknownNameError(f"unknown output {suffix or 'without a suffix'}", hint=f"known: {', '.join(WRITES)}")
    read = studio.read(text)
    if read.diagram is None:
        raise InputError("only flowcharts and BPMN can be converted", hint="Other Mermaid types can be drawn.")
    form = WRITES[suffix.lower()]
    repairs = tuple(f"repaired: {repair}" for repair in read.repairs)
    return dot(read.diagram) if form == "dot" else write(read.diagram, form), read.warnings + repairs


def dot(diagram: Diagram) -> str:
    """The graph in Graphviz's language: lanes and sub-processes as clusters, orthogonal flows."""
    ids = {node.id: f"n{i}" for i, node in enumerate(diagram.nodes, 1)}
    clusters = {lane.id: f"cluster_l{i}" for i, lane in enumerate(diagram.lanes, 1)}
    parents = {node.parent for node in diagram.nodes if node.parent}
    clusters |= {node: f"cluster_{ids[node]}" for node in parents}
    direction = "LR" if diagram.kind == "bpmn" else "TB"
    lines = [
        "digraph {",
        f"    rankdir={direction}; compound=true;",
        '    node [fontname="DejaVu Sans", fontsize=11]; edge [fontname="DejaVu Sans", fontsize=10];',
    ]

    def inside(home: str | None, indent: str) -> None:
        for lane in diagram.lanes:
            if lane.parent == home:
                lines.append(f"{indent}subgraph {clusters[lane.id]} {{ label={_quoted(lane.name)};")
                lines.append(f"{indent}    {_anchor(clusters[lane.id])};")
                inside(lane.id, indent + "    ")
                lines.append(f"{indent}}}")
        for node in diagram.nodes:
            if (node.parent or node.lane) != home:
                continue
            if node.id in parents:
                lines.append(f"{indent}subgraph {clusters[node.id]} {{ label={_quoted(node.text)}; style=rounded;")
                lines.append(f"{indent}    {_anchor(clusters[node.id])};")
                inside(node.id, indent + "    ")
                lines.append(f"{indent}}}")
            else:
                shape = _DOT_SHAPE.get(
                    node.type, "diamond" if FAMILY[node.type] == "gateway" else 'box, style="rounded"'
                )
                lines.append(f"{indent}{ids[node.id]} [label={_quoted(node.text)}, shape={shape}];")

    inside(None, "    ")
    for edge in diagram.edges:
        ends = []
        attributes = [f"label={_quoted(edge.text)}"] if edge.text else []
        for end, side in ((edge.source, "ltail"), (edge.target, "lhead")):
            ends.append(f"{clusters[end]}_anchor" if end in clusters else ids[end])
            if end in clusters:
                attributes.append(f"{side}={clusters[end]}")
        if edge.kind != "sequence":
            attributes.append("style=dashed" if edge.kind == "message" else "style=dotted, arrowhead=none")
        lines.append(f"    {ends[0]} -> {ends[1]}" + (f" [{', '.join(attributes)}]" if attributes else "") + ";")
    for node in diagram.nodes:
        if node.attached_to:
            host = node.attached_to
            start = f"{clusters[host]}_anchor" if host in clusters else ids[host]
            lines.append(f"    {start} -> {ids[node.id]} [arrowhead=none];")
    return "\n".join([*lines, "}"]) + "\n"


def _anchor(cluster: str) -> str:
    return f'{cluster}_anchor [label="", shape=point, style=invis]'


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"\r?\n", "\\\\n", escaped) + '"'
