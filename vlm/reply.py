"""The compact JSON in which a model writes a graph: `SCHEMA`, `encode` and `decode`.

    {"kind": "bpmn", "language": "en", "lanes": [[1, "Clerk", 0]],
     "nodes": [[2, "start", "Order", 1, [3]], [3, "task", "Check", 1, [[4, "ok"]]], [4, "end", "Done", 1, []]]}

A lane is `[id, name, id of the enclosing lane or 0]`, a node `[id, type, text, lane or 0, flows]`; a flow is the id of
its target, or `[id, label]`, or `[id, label, kind]`. A node may end with an object of rarer facts (`trigger`; `on`: the
activity on whose border it sits; `in`: the sub-process around it), a lane with flows of its own. Ids are numbers, lanes
and nodes share them. Rows need about half the tokens of objects with short keys (bench/reply_tokens.py), and flows that
stand with their source survive when a reply is cut off. Boxes, way points and confidence are no business of a model.

`decode(encode(d))` is `d` but for ids, order of flows, boxes, way points and confidence. Knows nothing of engines.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from diagram.errors import ReplyError
from diagram.kinds import (
    DIAGRAM_KINDS,
    EDGE_KINDS,
    LANGUAGES,
    TRIGGERS,
    DiagramKind,
    EdgeKind,
    Language,
    NodeType,
    Trigger,
)
from diagram.model import Diagram, Edge, Lane, Node

WORDS: Final[Mapping[NodeType, str]] = {
    "task": "task", "subprocess": "subprocess", "start_event": "start", "end_event": "end",
    "intermediate_event": "event", "gateway_exclusive": "xor", "gateway_parallel": "and", "gateway_inclusive": "or",
    "gateway_event": "event_gateway", "gateway_complex": "complex", "process": "process", "decision": "decision",
    "terminator": "terminator", "io": "io", "document": "document", "predefined_process": "predefined",
    "connector": "connector", "data_object": "data", "data_store": "store", "annotation": "note",
}  # fmt: skip
"""Node types as models write them: most are one token."""
_TYPES: Final = {word: kind for kind, word in WORDS.items()}
_MOST: Final = 9999  # the largest id; without a limit a weak model writes digits for ever

_ID: Final = {"type": "integer", "minimum": 1, "maximum": _MOST}
_ID_OR_NONE: Final = {"type": "integer", "minimum": 0, "maximum": _MOST}
_STRING: Final = {"type": "string"}


def _row(least: int, *items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "prefixItems": list(items), "items": False, "minItems": least, "maxItems": len(items)}


_FLOWS: Final = {"type": "array", "items": {"anyOf": [_ID, _row(2, _ID, _STRING, {"enum": list(EDGE_KINDS)})]}}
_RARE: Final = {
    "type": "object",
    "properties": {"trigger": {"enum": list(TRIGGERS)}, "on": _ID, "in": _ID},
    "additionalProperties": False,
}
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "kind": {"enum": list(DIAGRAM_KINDS)},
        "language": {"enum": list(LANGUAGES)},
        "lanes": {"type": "array", "items": _row(3, _ID, _STRING, _ID_OR_NONE, _FLOWS)},
        "nodes": {
            "type": "array",
            "items": _row(5, _ID, {"enum": list(_TYPES)}, _STRING, _ID_OR_NONE, _FLOWS, _RARE),
        },
    },
    "required": ["kind", "language", "lanes", "nodes"],
    "additionalProperties": False,
}
"""What every finished reply follows."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A graph as a model gave it. complete: False where the reply was cut off. warnings: what had to be left out."""

    diagram: Diagram
    complete: bool = True
    warnings: tuple[str, ...] = ()


def encode(diagram: Diagram) -> str:
    """The graph as a model is to write it: one line of JSON."""
    ids = [*(lane.id for lane in diagram.lanes), *(node.id for node in diagram.nodes)]
    number = {name: i for i, name in enumerate(ids, 1)}
    flows: dict[str, list[Any]] = defaultdict(list)
    for edge in diagram.edges:
        flow: list[Any] = [number[edge.target], edge.text]
        if edge.kind != "sequence":
            flow.append(edge.kind)
        flows[edge.source].append(flow if len(flow) > 2 or edge.text else flow[0])
    lanes = []
    for lane in diagram.lanes:
        row = [number[lane.id], lane.name, number[lane.parent] if lane.parent else 0]
        lanes.append([*row, flows[lane.id]] if flows[lane.id] else row)
    nodes = []
    for node in diagram.nodes:
        row = [number[node.id], WORDS[node.type], node.text, number[node.lane] if node.lane else 0, flows[node.id]]
        rare = {"trigger": node.trigger, "on": node.attached_to, "in": node.parent}
        told = {key: value if key == "trigger" else number[value] for key, value in rare.items() if value is not None}
        nodes.append([*row, told] if told else row)
    whole = {"kind": diagram.kind, "language": diagram.language, "lanes": lanes, "nodes": nodes}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def decode(text: str) -> Answer:
    """The graph of a reply, finished or not. What is not sound is left out and told.

    Text around the JSON (a code fence, a preamble) is skipped, for servers that know no schema.

    Raises:
        ReplyError: there is no graph in it.
    """
    data, complete = _parsed(text)
    reader = _Reader()
    diagram = reader.read(data)
    warnings = [*reader.faults()]
    if not complete:
        warnings.insert(0, f"the model's reply was cut off after {len(diagram.nodes)} nodes")
    return Answer(diagram, complete, tuple(warnings))


def _parsed(text: str) -> tuple[Mapping[str, Any], bool]:
    """The object in a reply, and whether it is whole; else as much of it as ends with a whole row."""
    start = text.find("{")
    text = text[max(start, 0) :]
    try:
        try:
            data, _ = json.JSONDecoder().raw_decode(text)
            complete = True
        except json.JSONDecodeError as error:
            data, complete = json.loads(_closed(text[: error.pos])), False
    except (ValueError, RecursionError) as error:  # ValueError: also a number of thousands of digits
        raise ReplyError("the model did not answer with a graph", hint="Try again, or another model.") from error
    if not isinstance(data, dict) or not isinstance(data.get("nodes", []), list):
        raise ReplyError("the model did not answer with a graph", hint="Try again, or another model.")
    return data, complete


def _closed(text: str) -> str:
    """The longest beginning of JSON text that ends with a whole row or key of the outermost object, closed."""
    depth, cut, closing = 0, 0, ""
    quoted = escaped = False
    for place, letter in enumerate(text):
        if quoted:
            quoted = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            quoted = True
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
            if depth in (1, 2):
                cut, closing = place + 1, "]}"[2 - depth :]
        elif letter == "," and depth == 1:
            cut, closing = place, "}"
    return text[:cut] + closing


class _Reader:
    """Turns rows into a graph; counts what it leaves out by kind of fault."""

    def __init__(self) -> None:
        self._faults: dict[str, int] = defaultdict(int)
        self._ids: dict[int, str] = {}

    def faults(self) -> Iterable[str]:
        """One sentence for each kind of fault."""
        return (f"left out of the model's reply: {count} × {what}" for what, count in self._faults.items())

    def read(self, data: Mapping[str, Any]) -> Diagram:
        lanes = self._numbered(data.get("lanes"), "l", 3, lambda row: isinstance(row[1], str))
        nodes = self._numbered(data.get("nodes"), "n", 5, _is_node)
        lane_ids, node_ids = [self._ids[row[0]] for row in lanes], [self._ids[row[0]] for row in nodes]
        rare = [row[5] if len(row) > 5 and isinstance(row[5], dict) else {} for row in nodes]
        inside = self._enclosing(lane_ids, [row[2] for row in lanes], lane_ids)
        on = self._enclosing(node_ids, [more.get("on", 0) for more in rare], node_ids)
        parent = self._enclosing(node_ids, [more.get("in", 0) for more in rare], node_ids)
        lane_of = self._links([row[3] for row in nodes], lane_ids)
        made = []
        for row, name, more, lane in zip(nodes, node_ids, rare, lane_of, strict=True):
            trigger = more.get("trigger") if more.get("trigger") in TRIGGERS else None
            made.append(
                Node(
                    name, _TYPES[row[1]], _text(row[2]), lane=lane, trigger=cast("Trigger | None", trigger),
                    attached_to=on.get(name), parent=parent.get(name),
                )
            )  # fmt: skip
        flows = [*((row[0], row[3]) for row in lanes if len(row) > 3), *((row[0], row[4]) for row in nodes)]
        return Diagram(
            cast(DiagramKind, data["kind"]) if data.get("kind") in DIAGRAM_KINDS else "flowchart",
            tuple(made),
            tuple(self._edges(flows, set(lane_ids))),
            tuple(Lane(name, _text(row[1]), inside.get(name)) for row, name in zip(lanes, lane_ids, strict=True)),
            cast(Language, data["language"]) if data.get("language") in LANGUAGES else "en",
        )

    def _numbered(
        self, rows: Any, prefix: str, least: int, good: Callable[[Sequence[Any]], bool]
    ) -> list[Sequence[Any]]:
        """The rows that are whole and whose number is new; names their numbers."""
        kept: list[Sequence[Any]] = []
        for row in rows if isinstance(rows, list) else ():
            if not (isinstance(row, list) and len(row) >= least and _is_number(row[0]) and good(row)):
                self._faults["malformed row"] += 1
            elif row[0] in self._ids:
                self._faults["id given twice"] += 1
            else:
                self._ids[row[0]] = f"{prefix}{row[0]}"
                kept.append(row)
        return kept

    def _links(self, numbers: Sequence[Any], known: Sequence[str]) -> list[str | None]:
        """Numbers as ids; None for 0 and for what is not known."""
        allowed = set(known)
        links = []
        for number in numbers:
            name = self._ids.get(number) if _is_number(number) else None
            links.append(name if name in allowed else None)
            if number and links[-1] is None:
                self._faults["link to nothing"] += 1
        return links

    def _enclosing(self, names: Sequence[str], numbers: Sequence[Any], known: Sequence[str]) -> dict[str, str]:
        """Child -> parent, without the links that would close a circle."""
        parents: dict[str, str] = {}
        for name, parent in zip(names, self._links(numbers, known), strict=True):
            at = parent
            while at is not None and at != name:
                at = parents.get(at)
            if parent is not None and at is None:
                parents[name] = parent
            elif parent is not None:
                self._faults["circle"] += 1
        return parents

    def _edges(self, flows: Iterable[tuple[int, Any]], lanes: set[str]) -> Iterable[Edge]:
        count = 0
        for source, targets in flows:
            for flow in targets if isinstance(targets, list) else ():
                row = flow if isinstance(flow, list) else [flow]
                target = self._ids.get(row[0]) if row and _is_number(row[0]) else None
                text = _text(row[1]) if len(row) > 1 and isinstance(row[1], str) else ""
                if target is None:
                    self._faults["flow to nothing"] += 1
                    continue
                kind = cast(EdgeKind, row[2]) if len(row) > 2 and row[2] in EDGE_KINDS else "sequence"
                if kind == "sequence" and {self._ids[source], target} & lanes:
                    kind = "message"  # the only flow that a pool takes part in
                count += 1
                yield Edge(f"e{count}", self._ids[source], target, text, kind)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_node(row: Sequence[Any]) -> bool:
    return isinstance(row[1], str) and row[1] in _TYPES and isinstance(row[2], str)


def _text(value: str) -> str:
    """Without halves of surrogate pairs, which JSON can spell and UTF-8 cannot."""
    return value.encode("utf-8", "replace").decode()
