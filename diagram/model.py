"""The typed graph of one diagram: the single source of truth that every output is a projection of.

Frozen dataclasses, checked when made: an edge with an unknown end, a duplicate id or a box turned inside out is an
`InvalidDiagramError`. Boxes are `(x0, y0, x1, y1)` and points `(x, y)`, in pixels of the *uploaded* image, origin top
left. Confidence is measured, in [0, 1], or `None`; it is never invented. The JSON form (`to_json` / `from_json`,
described by `SCHEMA`) is a public contract. Knows nothing of how graphs are read, drawn or said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, cast, get_args

from diagram.errors import InvalidDiagramError
from diagram.kinds import (
    DIAGRAM_KINDS,
    EDGE_KINDS,
    LANGUAGES,
    NODE_TYPES,
    TRIGGERS,
    DiagramKind,
    EdgeKind,
    Language,
    NodeType,
    Trigger,
)

Box = tuple[float, float, float, float]
Point = tuple[float, float]

__all__ = ["SCHEMA", "Box", "Description", "Diagram", "Edge", "Example", "Lane", "Node", "Point", "Step"]


@dataclass(frozen=True, slots=True)
class Node:
    """One element of the diagram.

    `trigger` is the BPMN event definition of an event (None: none or unknown). `attached_to` is the activity on whose
    border a boundary event sits. `parent` is the expanded sub-process that encloses the node.
    """

    id: str
    type: NodeType
    text: str = ""
    bbox: Box | None = None
    lane: str | None = None
    confidence: float | None = None
    trigger: Trigger | None = None
    attached_to: str | None = None
    parent: str | None = None

    def __post_init__(self) -> None:
        _require(bool(self.id), "a node has an empty id")
        _require(self.type in NODE_TYPES, f"node {self.id!r}: unknown type {self.type!r}")
        _require(
            self.trigger is None or self.trigger in TRIGGERS, f"node {self.id!r}: unknown trigger {self.trigger!r}"
        )
        _check_box(f"node {self.id!r}", self.bbox)
        _check_confidence(f"node {self.id!r}", self.confidence)


@dataclass(frozen=True, slots=True)
class Edge:
    """A flow from `source` to `target`: ids of nodes, or, for message flows and associations, of lanes (pools) too."""

    id: str
    source: str
    target: str
    text: str = ""
    kind: EdgeKind = "sequence"
    points: tuple[Point, ...] = ()
    confidence: float | None = None

    def __post_init__(self) -> None:
        _require(bool(self.id), "an edge has an empty id")
        _require(self.kind in EDGE_KINDS, f"edge {self.id!r}: unknown kind {self.kind!r}")
        for point in self.points:
            _require(len(point) == 2 and all(map(math.isfinite, point)), f"edge {self.id!r}: bad point {point!r}")
        _check_confidence(f"edge {self.id!r}", self.confidence)


@dataclass(frozen=True, slots=True)
class Lane:
    """A pool (no parent) or a lane inside a pool or lane."""

    id: str
    name: str = ""
    parent: str | None = None
    bbox: Box | None = None

    def __post_init__(self) -> None:
        _require(bool(self.id), "a lane has an empty id")
        _check_box(f"lane {self.id!r}", self.bbox)


@dataclass(frozen=True, slots=True)
class Diagram:
    """Nodes, flows and lanes of one picture. An empty graph is valid: a picture may hold no diagram."""

    kind: DiagramKind = "flowchart"
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    lanes: tuple[Lane, ...] = ()
    language: Language = "en"

    def __post_init__(self) -> None:
        _require(self.kind in DIAGRAM_KINDS, f"unknown diagram kind {self.kind!r}")
        _require(self.language in LANGUAGES, f"unknown language {self.language!r}")
        lanes = _unique("lane", (lane.id for lane in self.lanes))
        nodes = _unique("node", (node.id for node in self.nodes))
        _require(not (nodes & lanes), f"the same id names a node and a lane: {sorted(nodes & lanes)}")
        _unique("edge", (edge.id for edge in self.edges))
        for lane in self.lanes:
            _require(lane.parent is None or lane.parent in lanes, f"lane {lane.id!r}: unknown parent {lane.parent!r}")
        _no_cycle("lane", {lane.id: lane.parent for lane in self.lanes})
        for node in self.nodes:
            _require(node.lane is None or node.lane in lanes, f"node {node.id!r}: unknown lane {node.lane!r}")
            for role, other in (("attached_to", node.attached_to), ("parent", node.parent)):
                _require(other is None or other in nodes, f"node {node.id!r}: unknown {role} {other!r}")
        _no_cycle("node", {node.id: node.parent for node in self.nodes})
        _no_cycle("node", {node.id: node.attached_to for node in self.nodes})
        for edge in self.edges:
            ends = nodes if edge.kind == "sequence" else nodes | lanes
            for end in (edge.source, edge.target):
                _require(end in ends, f"edge {edge.id!r}: unknown end {end!r}")

    def node(self, node_id: str) -> Node:
        """The node with this id; KeyError when there is none."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)

    def lane(self, lane_id: str) -> Lane:
        """The lane with this id; KeyError when there is none."""
        for lane in self.lanes:
            if lane.id == lane_id:
                return lane
        raise KeyError(lane_id)

    def replace(self, **changes: Any) -> Diagram:
        """A changed copy, checked again."""
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """The public JSON form; optional fields of nodes that are unset are left out."""
        return {
            "kind": self.kind,
            "language": self.language,
            "nodes": [_node_json(node) for node in self.nodes],
            "edges": [
                {
                    "id": edge.id,
                    "source": edge.source,
                    "target": edge.target,
                    "text": edge.text,
                    "kind": edge.kind,
                    "points": [list(point) for point in edge.points],
                    "confidence": edge.confidence,
                }
                for edge in self.edges
            ],
            "lanes": [
                {"id": lane.id, "name": lane.name, "parent": lane.parent, "bbox": _list(lane.bbox)}
                for lane in self.lanes
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Diagram:
        """Build from the JSON form; unknown keys are ignored so that newer writers stay readable.

        Raises:
            InvalidDiagramError: the data breaks the contract; the message names the place.
        """
        _require(isinstance(data, Mapping), "a diagram must be a JSON object")
        return cls(
            kind=cast(DiagramKind, _text(data, "kind", "diagram", default="flowchart")),
            language=cast(Language, _text(data, "language", "diagram", default="en")),
            nodes=tuple(_node_from(item) for item in _objects(data, "nodes")),
            edges=tuple(_edge_from(item, i) for i, item in enumerate(_objects(data, "edges"), 1)),
            lanes=tuple(_lane_from(item) for item in _objects(data, "lanes")),
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step of a description.

    `number` is what is printed ("3", "3.1"); `node` the id it tells of; `role` the lane path or ""; `next` the numbers
    of the steps that follow, in the order of the flows, with the flow labels in `branches` at the same places.
    """

    number: str
    text: str
    node: str
    role: str = ""
    next: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A training diagram: a picture (path), its graph and its description.

    `score` and `reason` are set where it was chosen for a picture: how similar it is, and why it was chosen.
    """

    id: str
    image: str
    description: str
    diagram: Diagram | None = None
    language: Language = "en"
    source: str = ""
    licence: str = ""
    title: str = ""
    score: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """What is told of one picture. `timings` are seconds per stage; `engine` names what read the picture.

    `evidence` says, where a model and the built-in reader both looked, which of them saw a node or edge (by id).
    """

    diagram: Diagram
    title: str = ""
    text: str = ""
    steps: tuple[Step, ...] = ()
    engine: str = ""
    examples: tuple[Example, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    evidence: Mapping[str, Literal["both", "model", "vision"]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The Diagram JSON at top level, plus `title`, `text`, `steps`, `engine`, `examples`, `warnings`, `timings`."""
        return {
            **self.diagram.to_json(),
            "title": self.title,
            "text": self.text,
            "steps": [
                {
                    "number": step.number,
                    "text": step.text,
                    "node": step.node,
                    "role": step.role,
                    "next": list(step.next),
                    "branches": list(step.branches),
                }
                for step in self.steps
            ],
            "engine": self.engine,
            "examples": [
                {"id": example.id, "title": example.title, "score": example.score, "reason": example.reason}
                for example in self.examples
            ],
            "warnings": list(self.warnings),
            "timings": dict(self.timings),
            **({"evidence": dict(self.evidence)} if self.evidence else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Description:
        """Build from the JSON form.

        Raises:
            InvalidDiagramError: the graph or a step breaks the contract.
        """
        diagram = Diagram.from_json(data)
        try:
            return cls(
                diagram,
                str(data.get("title", "")),
                str(data.get("text", "")),
                tuple(
                    Step(s["number"], s["text"], s["node"], s["role"], tuple(s["next"]), tuple(s["branches"]))
                    for s in data.get("steps", ())
                ),
                str(data.get("engine", "")),
                tuple(
                    Example(e["id"], "", "", title=e["title"], score=e["score"], reason=e["reason"])
                    for e in data.get("examples", ())
                ),
                tuple(data.get("warnings", ())),
                dict(data.get("timings", {})),
                dict(data.get("evidence", {})),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidDiagramError(f"a description has no {error}") from error


_BOX_SCHEMA: Final = {"type": ["array", "null"], "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
_CONFIDENCE_SCHEMA: Final = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
_ID_SCHEMA: Final = {"type": "string", "minLength": 1}
_OPTIONAL_ID_SCHEMA: Final = {"type": ["string", "null"], "minLength": 1}

SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Diagram",
    "type": "object",
    "required": ["kind", "nodes", "edges"],
    "properties": {
        "kind": {"enum": list(DIAGRAM_KINDS)},
        "language": {"enum": list(LANGUAGES)},
        "nodes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "type"],
                "properties": {
                    "id": _ID_SCHEMA,
                    "type": {"enum": list(NODE_TYPES)},
                    "text": {"type": "string"},
                    "bbox": _BOX_SCHEMA,
                    "lane": _OPTIONAL_ID_SCHEMA,
                    "confidence": _CONFIDENCE_SCHEMA,
                    "trigger": {"enum": [*TRIGGERS, None]},
                    "attached_to": _OPTIONAL_ID_SCHEMA,
                    "parent": _OPTIONAL_ID_SCHEMA,
                },
            },
        },
        "edges": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["source", "target"],
                "properties": {
                    "id": _ID_SCHEMA,
                    "source": _ID_SCHEMA,
                    "target": _ID_SCHEMA,
                    "text": {"type": "string"},
                    "kind": {"enum": list(get_args(EdgeKind))},
                    "points": {
                        "type": "array",
                        "items": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
                    },
                    "confidence": _CONFIDENCE_SCHEMA,
                },
            },
        },
        "lanes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": _ID_SCHEMA,
                    "name": {"type": "string"},
                    "parent": _OPTIONAL_ID_SCHEMA,
                    "bbox": _BOX_SCHEMA,
                },
            },
        },
    },
}


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidDiagramError(message, hint="See diagram.model.SCHEMA for the JSON form of a diagram.")


def _check_box(what: str, box: Box | None) -> None:
    if box is None:
        return
    _require(len(box) == 4 and all(map(math.isfinite, box)), f"{what}: a box needs four finite numbers")
    _require(box[0] <= box[2] and box[1] <= box[3], f"{what}: box {box} is turned inside out")


def _check_confidence(what: str, value: float | None) -> None:
    _require(value is None or 0.0 <= value <= 1.0, f"{what}: confidence {value!r} is not in [0, 1]")


def _unique(what: str, ids: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    for item in ids:
        _require(item not in seen, f"duplicate {what} id {item!r}")
        seen.add(item)
    return seen


def _no_cycle(what: str, parents: Mapping[str, str | None]) -> None:
    done: set[str] = set()
    for start in parents:
        path: list[str] = []
        on_path: set[str] = set()
        at: str | None = start
        while at is not None and at not in done:
            _require(at not in on_path, f"{what} {at!r} encloses itself")
            path.append(at)
            on_path.add(at)
            at = parents.get(at)
        done.update(path)


def _list(box: Sequence[float] | None) -> list[float] | None:
    return None if box is None else list(box)


def _node_json(node: Node) -> dict[str, Any]:
    out: dict[str, Any] = {
        "id": node.id,
        "type": node.type,
        "text": node.text,
        "bbox": _list(node.bbox),
        "lane": node.lane,
        "confidence": node.confidence,
    }
    for name in ("trigger", "attached_to", "parent"):
        if (value := getattr(node, name)) is not None:
            out[name] = value
    return out


def _node_from(item: Mapping[str, Any]) -> Node:
    return Node(
        id=_text(item, "id", "node"),
        type=cast(NodeType, _text(item, "type", "node")),
        text=_text(item, "text", "node", default=""),
        bbox=_box(item, "node"),
        lane=_optional(item, "lane", "node"),
        confidence=_number(item, "confidence", "node"),
        trigger=cast("Trigger | None", _optional(item, "trigger", "node")),
        attached_to=_optional(item, "attached_to", "node"),
        parent=_optional(item, "parent", "node"),
    )


def _edge_from(item: Mapping[str, Any], position: int) -> Edge:
    points = item.get("points") or []
    _require(isinstance(points, Sequence) and not isinstance(points, str), "edge: points must be a list")
    return Edge(
        id=_text(item, "id", "edge", default=f"e{position}"),
        source=_text(item, "source", "edge"),
        target=_text(item, "target", "edge"),
        text=_text(item, "text", "edge", default=""),
        kind=cast(EdgeKind, _text(item, "kind", "edge", default="sequence")),
        points=tuple(cast(Point, _numbers(point, 2, "edge: a point")) for point in points),
        confidence=_number(item, "confidence", "edge"),
    )


def _lane_from(item: Mapping[str, Any]) -> Lane:
    return Lane(
        id=_text(item, "id", "lane"),
        name=_text(item, "name", "lane", default=""),
        parent=_optional(item, "parent", "lane"),
        bbox=_box(item, "lane"),
    )


def _objects(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    items = data.get(key)
    if items is None:
        items = []
    _require(isinstance(items, list), f"{key} must be a list")
    for item in items:
        _require(isinstance(item, Mapping), f"{key} must hold objects")
    return cast("list[Mapping[str, Any]]", items)


def _text(item: Mapping[str, Any], key: str, what: str, default: str | None = None) -> str:
    value = item.get(key)
    if value is None:
        value = default
    _require(isinstance(value, str), f"{what}: {key} must be a string")
    return cast(str, value)


def _optional(item: Mapping[str, Any], key: str, what: str) -> str | None:
    value = item.get(key)
    _require(value is None or isinstance(value, str), f"{what}: {key} must be a string or null")
    return cast("str | None", value)


def _number(item: Mapping[str, Any], key: str, what: str) -> float | None:
    value = item.get(key)
    _require(
        value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)),
        f"{what}: {key} must be a number or null",
    )
    return None if value is None else float(cast(float, value))


def _numbers(value: Any, count: int, what: str) -> tuple[float, ...]:
    good = (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and len(value) == count
        and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value)
    )
    _require(good, f"{what} needs {count} numbers")
    return tuple(float(v) for v in value)


def _box(item: Mapping[str, Any], what: str) -> Box | None:
    value = item.get("bbox")
    return None if value is None else cast(Box, _numbers(value, 4, f"{what}: bbox"))
