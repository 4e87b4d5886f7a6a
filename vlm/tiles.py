"""Very large pictures in overlapping tiles: where to cut so that a model can still read the text, and one graph of the
graphs of the tiles.

A model shrinks what exceeds its most pixels; where lines of text would fall below `LEGIBLE` pixels, the picture is cut.
What the built-in reader saw holds the tiles together: a node that it saw is the same node in every tile. Knows nothing
of engines.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from diagram.kinds import FAMILY
from diagram.model import Box, Diagram, Edge, Lane, Node
from vlm.prompt import Line
from vlm.reconcile import match, normal

LEGIBLE: Final = 8.0
"""Pixels of height that a line of text needs."""
MOST_TILES: Final = 9
_OVERLAP: Final = 0.15  # of a tile's side, to both sides: what stands on a border is whole in one of two


def cut(size: tuple[int, int], lines: Sequence[Line], most: int) -> list[Box]:
    """Tiles of a picture of this size that a model of so many pixels is shown; one, the whole, where that will do."""
    width, height = size
    scale = math.sqrt(most / (width * height))
    heights = [min(line.bbox[2] - line.bbox[0], line.bbox[3] - line.bbox[1]) for line in lines]
    whole: list[Box] = [(0, 0, width, height)]
    if scale >= 1 or len(heights) < 3 or statistics.median(heights) * scale >= LEGIBLE:
        return whole
    wanted = (LEGIBLE / (statistics.median(heights) * scale)) ** 2 * (1 + 2 * _OVERLAP) ** 2
    columns, rows = 1, 1
    while columns * rows < wanted:
        more = (columns + 1, rows) if width / columns >= height / rows else (columns, rows + 1)
        if more[0] * more[1] > MOST_TILES:
            break
        columns, rows = more
    wide, high = width / columns, height / rows
    return [
        (
            max(0, round((x - _OVERLAP) * wide)),
            max(0, round((y - _OVERLAP) * high)),
            min(width, round((x + 1 + _OVERLAP) * wide)),
            min(height, round((y + 1 + _OVERLAP) * high)),
        )
        for y in range(rows)
        for x in range(columns)
    ]


def part(diagram: Diagram, tile: Box) -> Diagram:
    """What of a graph lies in a tile: its nodes, ids kept, boxes in pixels of the tile, and the flows between them."""
    nodes = [node for node in diagram.nodes if node.bbox is not None and _inside(node.bbox, tile)]
    kept = {node.id for node in nodes}
    return diagram.replace(
        nodes=tuple(
            replace(
                node, bbox=_moved(node.bbox, tile), lane=None, attached_to=_known(node.attached_to, kept), parent=None
            )
            for node in nodes
            if node.bbox is not None
        ),
        edges=tuple(replace(edge, points=()) for edge in diagram.edges if edge.source in kept and edge.target in kept),
        lanes=(),
    )


def lines_in(lines: Sequence[Line], tile: Box) -> tuple[Line, ...]:
    """The lines in a tile, in its pixels."""
    return tuple(replace(line, bbox=_moved(line.bbox, tile)) for line in lines if _inside(line.bbox, tile))


def merged(answers: Sequence[Diagram], seen: Diagram, tiles: Sequence[Box]) -> Diagram:
    """One graph of the graphs of the tiles. seen: what the built-in reader made of the whole picture."""
    texts = [normal(node.text) for node in seen.nodes]
    nodes: dict[str, Node] = {}
    lanes: dict[str, Lane] = {}
    edges: dict[tuple[str, str, str], Edge] = {}
    for answer, tile in zip(answers, tiles, strict=True):
        names = {lane.id: f"lane:{normal(lane.name)}" for lane in answer.lanes}
        for lane in answer.lanes:
            parent = names.get(lane.parent) if lane.parent else None
            lanes.setdefault(names[lane.id], replace(lane, id=names[lane.id], parent=parent))
        pairs = match(answer, part(seen, tile))
        for node in answer.nodes:
            text = normal(node.text)
            if node.id in pairs:
                names[node.id] = f"seen:{pairs[node.id]}"
            elif text and any(text in other for other in texts):
                continue  # cut off by the tile's border, or seen elsewhere
            else:
                names[node.id] = f"{FAMILY[node.type]}:{text}" if text else f"{len(nodes)}:{node.id}"
            nodes.setdefault(names[node.id], replace(node, id=names[node.id], lane=_link(node.lane, names)))
        for node in answer.nodes:
            if node.id in names:
                held = nodes[names[node.id]]
                nodes[held.id] = replace(
                    held,
                    attached_to=held.attached_to if held.attached_to in nodes else _link(node.attached_to, names),
                    parent=held.parent if held.parent in nodes else _link(node.parent, names),
                )
        for edge in answer.edges:
            if edge.source in names and edge.target in names:
                ends = names[edge.source], names[edge.target]
                edges.setdefault((*ends, normal(edge.text)), replace(edge, source=ends[0], target=ends[1]))
    first = answers[0]
    return Diagram(
        first.kind,
        tuple(_sound(node, nodes) for node in nodes.values()),
        tuple(replace(edge, id=f"e{number}") for number, edge in enumerate(edges.values(), 1)),
        tuple(lanes.values()),
        first.language,
    )


def _sound(node: Node, nodes: dict[str, Node]) -> Node:
    """Without links to what is not there or to itself."""

    def link(name: str | None) -> str | None:
        return name if name in nodes and name != node.id else None

    return replace(node, attached_to=link(node.attached_to), parent=link(node.parent))


def _link(name: str | None, names: dict[str, str]) -> str | None:
    return names.get(name) if name is not None else None


def _known(name: str | None, kept: set[str]) -> str | None:
    return name if name in kept else None


def _inside(box: Box, tile: Box) -> bool:
    return box[0] >= tile[0] and box[1] >= tile[1] and box[2] <= tile[2] and box[3] <= tile[3]


def _moved(box: Box, tile: Box) -> Box:
    return box[0] - tile[0], box[1] - tile[1], box[2] - tile[0], box[3] - tile[1]
