"""Which BPMN 2.0 element stands for which node type, both ways, and the XML name spaces.

What BPMN cannot say (a flowchart's `decision`, a trigger of unknown direction) goes into attributes of our own name
space, which the OMG schema allows on every element and other tools keep or ignore.
"""

from __future__ import annotations

from typing import Final

from diagram.kinds import NodeType, Trigger
from diagram.model import Node

BPMN: Final = "http://www.omg.org/spec/BPMN/20100524/MODEL"
BPMNDI: Final = "http://www.omg.org/spec/BPMN/20100524/DI"
DC: Final = "http://www.omg.org/spec/DD/20100524/DC"
DI: Final = "http://www.omg.org/spec/DD/20100524/DI"
OURS: Final = "urn:diascribe:1"
PREFIXES: Final = {"bpmn": BPMN, "bpmndi": BPMNDI, "dc": DC, "di": DI, "diascribe": OURS}

ELEMENT: Final[dict[NodeType, str]] = {
    "task": "task",
    "subprocess": "subProcess",
    "start_event": "startEvent",
    "end_event": "endEvent",
    "intermediate_event": "intermediateCatchEvent",
    "gateway_exclusive": "exclusiveGateway",
    "gateway_parallel": "parallelGateway",
    "gateway_inclusive": "inclusiveGateway",
    "gateway_event": "eventBasedGateway",
    "gateway_complex": "complexGateway",
    "process": "task",
    "decision": "exclusiveGateway",
    "terminator": "intermediateThrowEvent",
    "io": "task",
    "document": "task",
    "predefined_process": "subProcess",
    "connector": "intermediateThrowEvent",
    "data_object": "dataObjectReference",
    "data_store": "dataStoreReference",
    "annotation": "textAnnotation",
}
"""The element of each type; `element` chooses more exactly for events."""

NODE_TYPE: Final[dict[str, NodeType]] = {
    "task": "task",
    "userTask": "task",
    "serviceTask": "task",
    "scriptTask": "task",
    "sendTask": "task",
    "receiveTask": "task",
    "manualTask": "task",
    "businessRuleTask": "task",
    "callActivity": "subprocess",
    "subProcess": "subprocess",
    "adHocSubProcess": "subprocess",
    "transaction": "subprocess",
    "startEvent": "start_event",
    "endEvent": "end_event",
    "intermediateCatchEvent": "intermediate_event",
    "intermediateThrowEvent": "intermediate_event",
    "boundaryEvent": "intermediate_event",
    "exclusiveGateway": "gateway_exclusive",
    "parallelGateway": "gateway_parallel",
    "inclusiveGateway": "gateway_inclusive",
    "eventBasedGateway": "gateway_event",
    "complexGateway": "gateway_complex",
    "dataObjectReference": "data_object",
    "dataInput": "data_object",
    "dataOutput": "data_object",
    "dataStoreReference": "data_store",
    "textAnnotation": "annotation",
}
"""Every element of a BPMN file that becomes a node, choreography and conversation diagrams aside."""

DEFINITION: Final[dict[Trigger, str]] = {
    "message": "messageEventDefinition",
    "timer": "timerEventDefinition",
    "error": "errorEventDefinition",
    "escalation": "escalationEventDefinition",
    "cancel": "cancelEventDefinition",
    "compensation": "compensateEventDefinition",
    "conditional": "conditionalEventDefinition",
    "link": "linkEventDefinition",
    "signal": "signalEventDefinition",
    "terminate": "terminateEventDefinition",
}
TRIGGER: Final[dict[str, Trigger]] = {element: trigger for trigger, element in DEFINITION.items()}

THROWN: Final[frozenset[Trigger | None]] = frozenset({None, "escalation", "compensation"})
"""Triggers that an intermediate event inside the flow can only throw."""

ARTIFACTS: Final = frozenset({"textAnnotation", "association", "group"})
FLOW_NODES: Final = frozenset(NODE_TYPE) - {"textAnnotation"} - frozenset(n for n in NODE_TYPE if n.startswith("data"))


def element(node: Node, *, sources: bool, targets: bool, inner: bool) -> str:
    """The element for a node.

    Args:
        sources: whether a sequence flow comes in. targets: whether one goes out. inner: whether nodes lie inside.
    """
    if inner:
        return "subProcess"
    if node.attached_to is not None:
        return "boundaryEvent"
    if node.type in ("terminator", "connector"):
        return "startEvent" if not sources else "endEvent" if not targets else "intermediateThrowEvent"
    if node.type == "intermediate_event":
        thrown = node.trigger in THROWN or (node.trigger == "link" and not targets)
        return "intermediateThrowEvent" if thrown else "intermediateCatchEvent"
    return ELEMENT[node.type]
