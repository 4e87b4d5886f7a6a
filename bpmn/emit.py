"""A typed graph as BPMN 2.0 XML that validates against the OMG schema and opens in BPMN modellers.

A lane without parent is a pool: a participant with a process of its own, or a black box when it holds nothing. Flows
that BPMN does not allow (a sequence flow between pools, or to a document) become message flows or associations that
remember in an attribute what they were. Text that XML cannot hold (control characters) is dropped.
Knows nothing of where things lie: `layout` gives boxes and way points, `interchange` writes them.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable

from bpmn import names
from bpmn.interchange import interchange
from bpmn.layout import layout
from bpmn.names import BPMN, OURS
from bpmn.pools import Pool, pools
from diagram.errors import InvalidDiagramError
from diagram.kinds import Trigger
from diagram.model import Diagram, Edge, Lane, Node

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def emit(diagram: Diagram) -> str:
    """The BPMN 2.0 XML document of a graph, UTF-8 text with its declaration.

    Raises:
        InvalidDiagramError: lanes or sub-processes are nested too deep to be written.
    """
    for prefix, uri in names.PREFIXES.items():
        ET.register_namespace(prefix, uri)
    try:
        root = _Writer(diagram).definitions()
        ET.indent(root)
        text = ET.tostring(root, encoding="unicode")
    except RecursionError as error:
        raise InvalidDiagramError("lanes or sub-processes are nested too deep") from error
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


class _Writer:
    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.lanes = {lane.id: lane for lane in diagram.lanes}
        self.nodes = {node.id: node for node in diagram.nodes}
        self.ids = {node.id: f"n{i}" for i, node in enumerate(diagram.nodes, 1)}
        self.ids |= {lane.id: f"l{i}" for i, lane in enumerate(diagram.lanes, 1)}
        self.children: dict[str, list[Node]] = {}
        for node in diagram.nodes:
            if node.parent is not None:
                self.children.setdefault(node.parent, []).append(node)
        self.pools = pools(diagram)
        self.tags = self._tags()
        self.edges = [(f"e{i}", edge, self._carrier(edge)) for i, edge in enumerate(diagram.edges, 1)]
        self.incoming: dict[str, list[str]] = {}
        self.outgoing: dict[str, list[str]] = {}
        self.flows: dict[str, list[tuple[str, Edge, str]]] = {}
        for edge_id, edge, carrier in self.edges:
            if carrier == "sequenceFlow":
                self.incoming.setdefault(edge.target, []).append(edge_id)
                self.outgoing.setdefault(edge.source, []).append(edge_id)
            home = "collaboration" if carrier == "messageFlow" else self._home(edge)
            self.flows.setdefault(home, []).append((edge_id, edge, carrier))

    def definitions(self) -> ET.Element:
        root = ET.Element(_tag("definitions"), {"id": "definitions", "targetNamespace": OURS})
        root.set(f"{{{OURS}}}kind", self.diagram.kind)
        root.set(f"{{{OURS}}}language", self.diagram.language)
        messages = any(carrier == "messageFlow" for _, _, carrier in self.edges)
        collaborates = bool(self.diagram.lanes) or messages
        if collaborates:
            self._collaboration(root)
        self._data_stores(root)
        written = [i for i, pool in enumerate(self.pools.pools) if self._has_content(pool)]
        for i in written:
            self._process(root, i)
        if not written and not collaborates:
            _add(root, "process", id="process", isExecutable="false")
        interchange(
            root,
            self.diagram,
            layout(self.diagram),
            self.ids,
            plane="collaboration" if collaborates else "process",
            implicit={self._participant(i): pool for i, pool in self._implicit()} if collaborates else {},
        )
        return root

    def _collaboration(self, root: ET.Element) -> None:
        collaboration = _add(root, "collaboration", id="collaboration")
        for i, pool in enumerate(self.pools.pools):
            participant = _add(collaboration, "participant", id=self._participant(i))
            if pool.named:
                participant.set("name", _clean(self.lanes[pool.lanes[0]].name))
            else:
                participant.set(f"{{{OURS}}}implicit", "true")
            if self._has_content(pool):
                participant.set("processRef", self._process_id(i))
        self._flows(collaboration, "collaboration", "messageFlow")
        self._flows(collaboration, "collaboration", "association")

    def _implicit(self) -> list[tuple[int, Pool]]:
        return [(i, pool) for i, pool in enumerate(self.pools.pools) if not pool.named]

    def _participant(self, index: int) -> str:
        pool = self.pools.pools[index]
        if pool.named:
            return self.ids[pool.lanes[0]]
        return "participant" if pool.free else f"participant_{self.ids[pool.lanes[0]]}"

    def _process_id(self, index: int) -> str:
        pool = self.pools.pools[index]
        return "process" if pool.free else f"process_{self.ids[pool.lanes[0]]}"

    def _data_stores(self, root: ET.Element) -> None:
        for node in self.diagram.nodes:
            if self.tags[node.id] == "dataStoreReference":
                _add(root, "dataStore", id=f"store_{self.ids[node.id]}", name=node.text)

    def _process(self, root: ET.Element, index: int) -> None:
        pool, name = self.pools.pools[index], self._process_id(index)
        process = _add(root, "process", id=name, isExecutable="false")
        if pool.named:
            lanes = [lane for lane in self.diagram.lanes if lane.parent == pool.lanes[0]]
        else:
            lanes = [self.lanes[lane] for lane in pool.lanes]
        if lanes:
            self._lane_set(process, lanes, f"lanes_{name}", "laneSet")
        members = [n for n in self.diagram.nodes if self.pools.of_node[n.id] == index and not n.parent]
        self._elements(process, members, name)

    def _lane_set(self, parent: ET.Element, lanes: list[Lane], set_id: str, tag: str) -> None:
        lane_set = _add(parent, tag, id=set_id)
        for lane in lanes:
            element = _add(lane_set, "lane", id=self.ids[lane.id], name=lane.name)
            for node in self.diagram.nodes:
                if node.lane == lane.id and not node.parent and self.tags[node.id] in names.FLOW_NODES:
                    _add(element, "flowNodeRef").text = self.ids[node.id]
            deeper = [inner for inner in self.diagram.lanes if inner.parent == lane.id]
            if deeper:
                self._lane_set(element, deeper, f"lanes_{self.ids[lane.id]}", "childLaneSet")

    def _elements(self, parent: ET.Element, members: Iterable[Node], home: str) -> None:
        """Flow elements first, artifacts last, as the schema orders them."""
        members = list(members)
        for node in members:
            if self.tags[node.id] != "textAnnotation":
                self._node(parent, node)
        self._flows(parent, home, "sequenceFlow")
        for node in members:
            if self.tags[node.id] == "textAnnotation":
                annotation = _add(parent, "textAnnotation", id=self.ids[node.id])
                self._remember(annotation, node)
                _add(annotation, "text").text = _clean(node.text)
        self._flows(parent, home, "association")

    def _flows(self, parent: ET.Element, home: str, wanted: str) -> None:
        for edge_id, edge, carrier in self.flows.get(home, ()):
            if carrier == wanted:
                self._flow(parent, edge_id, edge, carrier)

    def _node(self, parent: ET.Element, node: Node) -> None:
        tag, name = self.tags[node.id], self.ids[node.id]
        if tag == "dataObjectReference":
            _add(parent, "dataObject", id=f"object_{name}")
        element = _add(parent, tag, id=name, name=node.text)
        self._remember(element, node)
        if tag == "dataObjectReference":
            element.set("dataObjectRef", f"object_{name}")
        elif tag == "dataStoreReference":
            element.set("dataStoreRef", f"store_{name}")
        if tag.startswith("data"):
            return
        if node.attached_to is not None:
            element.set("attachedToRef", self.ids[node.attached_to])
        for edge_id in self.incoming.get(node.id, ()):
            _add(element, "incoming").text = edge_id
        for edge_id in self.outgoing.get(node.id, ()):
            _add(element, "outgoing").text = edge_id
        if tag.endswith("Event"):
            self._event_definitions(element, node)
        if tag == "subProcess":
            self._elements(element, self.children.get(node.id, ()), node.id)

    def _event_definitions(self, element: ET.Element, node: Node) -> None:
        trigger = node.trigger
        if trigger is None:
            return
        if trigger in ("multiple", "parallel_multiple"):
            if trigger == "parallel_multiple" and _catches(element.tag):
                element.set("parallelMultiple", "true")
            parts: tuple[Trigger, ...] = ("message", "signal")
        else:
            parts = (trigger,)
        for part in parts:
            definition = _add(element, names.DEFINITION[part], id=f"{part}_{self.ids[node.id]}")
            if part == "link":
                definition.set("name", _clean(node.text))
            elif part == "conditional":
                condition = _add(definition, "condition", id=f"condition_{self.ids[node.id]}")
                condition.text = _clean(node.text)

    def _remember(self, element: ET.Element, node: Node) -> None:
        """What the element itself does not say of the node."""
        tag = self.tags[node.id]
        if names.NODE_TYPE[tag] != node.type:
            element.set(f"{{{OURS}}}type", node.type)
        shown = tag.endswith("Event") and (node.trigger != "parallel_multiple" or _catches(tag))
        if node.trigger is not None and not shown:
            element.set(f"{{{OURS}}}trigger", node.trigger)
        if node.attached_to is not None and tag != "boundaryEvent":
            element.set(f"{{{OURS}}}attachedTo", self.ids[node.attached_to])
        pool = self.pools.pools[self.pools.of_node[node.id]]
        inherited = self.nodes[node.parent].lane if node.parent else pool.lanes[0] if pool.named else None
        if node.lane not in (None, inherited) and (node.parent is not None or tag not in names.FLOW_NODES):
            element.set(f"{{{OURS}}}lane", self.ids[node.lane])

    def _flow(self, parent: ET.Element, edge_id: str, edge: Edge, carrier: str) -> None:
        flow = _add(parent, carrier, id=edge_id)
        if edge.text and carrier != "association":
            flow.set("name", _clean(edge.text))
        elif edge.text:
            flow.set(f"{{{OURS}}}name", _clean(edge.text))
        flow.set("sourceRef", self.ids[edge.source])
        flow.set("targetRef", self.ids[edge.target])
        plain = {"sequence": "sequenceFlow", "message": "messageFlow", "association": "association"}[edge.kind]
        if plain != carrier:
            flow.set(f"{{{OURS}}}kind", edge.kind)

    def _tags(self) -> dict[str, str]:
        sequence = [edge for edge in self.diagram.edges if edge.kind == "sequence"]
        targets = {edge.target for edge in sequence}
        sources = {edge.source for edge in sequence}
        return {
            node.id: names.element(
                node, sources=node.id in targets, targets=node.id in sources, inner=node.id in self.children
            )
            for node in self.diagram.nodes
        }

    def _carrier(self, edge: Edge) -> str:
        """The element that may carry this flow: sequence flows stay inside one process and end at flow nodes."""
        if edge.kind == "association":
            return "association"
        ends = {self.tags.get(end) for end in (edge.source, edge.target)}
        if not ends <= names.FLOW_NODES | {None}:
            return "association"
        if edge.kind == "message":
            return "messageFlow"
        a, b = edge.source, edge.target
        return "sequenceFlow" if self._container(a) == self._container(b) else "messageFlow"

    def _container(self, end: str) -> str | None:
        """The element that holds a node: its sub-process or its process."""
        node = self.nodes[end]
        return node.parent or self._process_id(self.pools.of_node[end])

    def _home(self, edge: Edge) -> str:
        """Where a flow is written: the container of both ends, else the collaboration or the process outside."""
        ends = [self._container(end) if end in self.nodes else "collaboration" for end in (edge.source, edge.target)]
        if ends[0] == ends[1] and ends[0] is not None:
            return ends[0]
        return "collaboration" if self.diagram.lanes else "process"

    def _has_content(self, pool: Pool) -> bool:
        """Whether a pool is more than a black box."""
        if not pool.named:
            return True
        lane = pool.lanes[0]
        inside = self.pools.of_lane[lane] in self.pools.of_node.values()
        return inside or any(inner.parent == lane for inner in self.diagram.lanes)


def _catches(tag: str) -> bool:
    return tag.rpartition("}")[2] in ("startEvent", "intermediateCatchEvent", "boundaryEvent")


def _tag(name: str) -> str:
    return f"{{{BPMN}}}{name}"


def _add(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    kept = {key: _clean(value) for key, value in attributes.items() if key != "name" or value}
    return ET.SubElement(parent, _tag(tag), kept)


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
