"""The vocabulary of a diagram: node types, edge kinds, event triggers, languages.

Words are those of BPMN 2.0 (OMG formal/2013-12-09) and ISO 5807 / ГОСТ 19.701-90. Every type belongs to one family;
`task`, `event` and `gateway` are the *flow* families that take part in the sequence flow. Does not know how anything
is drawn or said.
"""

from __future__ import annotations

from typing import Final, Literal

DiagramKind = Literal["bpmn", "flowchart"]
Language = Literal["en", "ru"]
EdgeKind = Literal["sequence", "message", "association"]
Family = Literal["task", "event", "gateway", "data", "annotation"]
NodeType = Literal[
    "task", "subprocess", "start_event", "end_event", "intermediate_event",
    "gateway_exclusive", "gateway_parallel", "gateway_inclusive", "gateway_event", "gateway_complex",
    "process", "decision", "terminator", "io", "document", "predefined_process", "connector",
    "data_object", "data_store", "annotation",
]  # fmt: skip
Trigger = Literal[
    "message", "timer", "error", "escalation", "cancel", "compensation", "conditional", "link", "signal",
    "terminate", "multiple", "parallel_multiple",
]  # fmt: skip

DIAGRAM_KINDS: Final[tuple[DiagramKind, ...]] = ("bpmn", "flowchart")
LANGUAGES: Final[tuple[Language, ...]] = ("en", "ru")
EDGE_KINDS: Final[tuple[EdgeKind, ...]] = ("sequence", "message", "association")
TRIGGERS: Final[tuple[Trigger, ...]] = (
    "message", "timer", "error", "escalation", "cancel", "compensation", "conditional", "link", "signal",
    "terminate", "multiple", "parallel_multiple",
)  # fmt: skip

FAMILY: Final[dict[NodeType, Family]] = {
    "task": "task",
    "subprocess": "task",
    "process": "task",
    "predefined_process": "task",
    "io": "task",
    "document": "task",
    "start_event": "event",
    "end_event": "event",
    "intermediate_event": "event",
    "terminator": "event",
    "connector": "event",
    "gateway_exclusive": "gateway",
    "gateway_parallel": "gateway",
    "gateway_inclusive": "gateway",
    "gateway_event": "gateway",
    "gateway_complex": "gateway",
    "decision": "gateway",
    "data_object": "data",
    "data_store": "data",
    "annotation": "annotation",
}
NODE_TYPES: Final[tuple[NodeType, ...]] = tuple(FAMILY)
FLOW_FAMILIES: Final[frozenset[Family]] = frozenset({"task", "event", "gateway"})
EVENTS: Final[frozenset[NodeType]] = frozenset({"start_event", "end_event", "intermediate_event"})


def is_flow(node_type: NodeType) -> bool:
    """True for types that take part in the sequence flow (activities, events, gateways)."""
    return FAMILY[node_type] in FLOW_FAMILIES
