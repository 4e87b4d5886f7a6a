"""BPMN 2.0 XML as a typed graph.

Reads process and collaboration diagrams of any modeller: pools, nested lanes, sub-processes, every event and gateway,
data and annotations, sequence and message flows, associations and data associations, and the boxes and way points of
the diagram interchange. Attributes of our own name space (see `names`) restore what BPMN cannot say. Choreographies,
conversations and groups hold nothing that the graph knows and are passed over. Hardened: entities, DTDs and external
references are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bpmn import names
from bpmn.names import BPMN, BPMNDI, DC, DI, OURS
from diagram.errors import InputError
from diagram.kinds import DIAGRAM_KINDS, EDGE_KINDS, LANGUAGES, NODE_TYPES, TRIGGERS, EdgeKind, NodeType, Trigger
from diagram.model import Box, Diagram, Edge, Lane, Node, Point

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_BYTES: Final = 50_000_000
_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
_LATIN = re.compile("[a-z]", re.IGNORECASE)


class InvalidBpmnError(InputError):
    """Not well-formed XML, not BPMN 2.0, or XML that tries to reach outside itself."""


def parse(xml: str | bytes) -> Diagram:
    """The graph of a BPMN 2.0 file; see `read` for what was left out.

    Raises:
        InvalidBpmnError: not a BPMN 2.0 document.
    """
    return read(xml)[0]


def read(xml: str | bytes) -> tuple[Diagram, tuple[str, ...]]:
    """The graph of a BPMN 2.0 file and warnings on what it could not hold.

    Raises:
        InvalidBpmnError: not a BPMN 2.0 document.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    if len(xml) > MAX_BYTES:
        raise InvalidBpmnError(f"the BPMN file is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        root = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise InvalidBpmnError(
            f"not readable as XML: {error}", hint="Save the diagram as BPMN 2.0 XML and try again."
        ) from error
    if root.tag != f"{{{BPMN}}}definitions":
        raise InvalidBpmnError(f"not BPMN 2.0: the root element is {root.tag!r}", hint="Expected bpmn:definitions.")
    return _Reader(root).read()


@dataclass(slots=True)
class _Found:
    """A node while it is read."""

    element: Element
    parent: str | None
    process: str
    type: NodeType
    text: str
    trigger: Trigger | None
    attached: str | None


@dataclass(slots=True)
class _Reader:
    root: Element
    found: dict[str, _Found] = field(default_factory=dict)
    flows: list[tuple[str, str, str, str, str, EdgeKind]] = field(default_factory=list)
    lanes: dict[str, Lane] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    pools: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, Box] = field(default_factory=dict)
    ways: dict[str, tuple[Point, ...]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def read(self) -> tuple[Diagram, tuple[str, ...]]:
        self._interchange()
        for collaboration in self.root.iter(_tag("collaboration")):
            self._collaboration(collaboration)
        for element in self.root.iter():
            if _name(element) in ("dataObject", "dataStore"):
                self.names[element.get("id", "")] = element.get("name", "")
        for process in self.root.findall(_tag("process")):
            self._process(process)
        nodes = tuple(self._nodes())
        lanes = tuple(self.lanes.values())
        edges = tuple(self._edges({node.id for node in nodes}, set(self.lanes)))
        words = " ".join([*(node.text for node in nodes), *(lane.name for lane in lanes)])
        russian = 2 * len(_CYRILLIC.findall(words)) > len(_LATIN.findall(words))
        kind, language = self._ours(self.root, "kind"), self._ours(self.root, "language")
        diagram = Diagram(
            kind=next((k for k in DIAGRAM_KINDS if k == kind), "bpmn"),
            nodes=nodes,
            edges=edges,
            lanes=lanes,
            language=next((k for k in LANGUAGES if k == language), "ru" if russian else "en"),
        )
        return diagram, tuple(self.warnings)

    def _interchange(self) -> None:
        for shape in self.root.iter(f"{{{BPMNDI}}}BPMNShape"):
            bounds = shape.find(f"{{{DC}}}Bounds")
            box = _numbers(bounds, ("x", "y", "width", "height")) if bounds is not None else None
            if box and box[2] >= 0 and box[3] >= 0:
                self.boxes[_local(shape.get("bpmnElement"))] = (box[0], box[1], box[0] + box[2], box[1] + box[3])
        for edge in self.root.iter(f"{{{BPMNDI}}}BPMNEdge"):
            points = [_numbers(point, ("x", "y")) for point in edge.findall(f"{{{DI}}}waypoint")]
            if all(points):
                self.ways[_local(edge.get("bpmnElement"))] = tuple((p[0], p[1]) for p in points if p)

    def _collaboration(self, collaboration: Element) -> None:
        for element in collaboration:
            if _name(element) == "participant":
                pool = element.get("id", "")
                if self._ours(element, "implicit"):
                    continue
                if not pool or pool in self.lanes:
                    continue
                self.lanes[pool] = Lane(pool, element.get("name", ""), None, self.boxes.get(pool))
                if process := _local(element.get("processRef")):
                    self.pools[process] = pool
            else:
                self._flow(element)
        self._annotations(collaboration)

    def _annotations(self, collaboration: Element) -> None:
        for element in collaboration.findall(_tag("textAnnotation")):
            self._node(element, None, "")

    def _process(self, process: Element) -> None:
        name = process.get("id", "")
        stack: list[tuple[Element, str | None]] = [(process, None)]
        while stack:
            container, parent = stack.pop()
            inner: list[tuple[Element, str | None]] = []
            for element in container:
                tag = _name(element)
                if tag == "laneSet":
                    self._lane_set(element, self.pools.get(name))
                elif tag in names.NODE_TYPE:
                    self._node(element, parent, name)
                    if tag in ("subProcess", "adHocSubProcess", "transaction"):
                        inner.append((element, element.get("id")))
                else:
                    self._flow(element)
            stack += reversed(inner)

    def _lane_set(self, lane_set: Element, pool: str | None) -> None:
        stack = [(lane_set, pool)]
        while stack:
            at, parent = stack.pop()
            deeper = []
            for lane in at.findall(_tag("lane")):
                name = lane.get("id", "")
                if not name or name in self.lanes:
                    continue
                self.lanes[name] = Lane(name, lane.get("name", ""), parent, self.boxes.get(name))
                for reference in lane.findall(_tag("flowNodeRef")):
                    self.members[_local((reference.text or "").strip())] = name
                deeper += [(child, name) for child in lane.findall(_tag("childLaneSet"))]
            stack += reversed(deeper)

    def _node(self, element: Element, parent: str | None, process: str) -> None:
        name = element.get("id")
        if not name or name in self.found or name in self.lanes:
            return
        tag = _name(element)
        if tag == "textAnnotation":
            text_element = element.find(_tag("text"))
            text = "".join(text_element.itertext()) if text_element is not None else ""
        else:
            text = element.get("name", "")
        if not text and tag.startswith("data"):
            reference = element.get("dataObjectRef") or element.get("dataStoreRef")
            text = self.names.get(_local(reference), "")
        written = self._ours(element, "type")
        node_type = next((t for t in NODE_TYPES if t == written), names.NODE_TYPE[tag])
        attached = _local(element.get("attachedToRef")) or self._ours(element, "attachedTo") or None
        self.found[name] = _Found(element, parent, process, node_type, text, self._trigger(element), attached)
        for association in element:
            if _name(association) in ("dataInputAssociation", "dataOutputAssociation"):
                self._data_association(association, name)

    def _trigger(self, element: Element) -> Trigger | None:
        written = self._ours(element, "trigger")
        for trigger in TRIGGERS:
            if trigger == written:
                return trigger
        kinds = [t for child in element if (t := names.TRIGGER.get(_name(child)))]
        references = element.findall(_tag("eventDefinitionRef"))
        if len(kinds) + len(references) > 1:
            return "parallel_multiple" if element.get("parallelMultiple") == "true" else "multiple"
        if references:
            wanted = _local((references[0].text or "").strip())
            kinds = [t for child in self.root if child.get("id") == wanted and (t := names.TRIGGER.get(_name(child)))]
        return kinds[0] if kinds else None

    def _data_association(self, association: Element, owner: str) -> None:
        ends = [_local((e.text or "").strip()) for e in association.findall(_tag("sourceRef"))]
        if _name(association) == "dataInputAssociation":
            pairs = [(end, owner) for end in ends]
        else:
            pairs = [(owner, _local((e.text or "").strip())) for e in association.findall(_tag("targetRef"))]
        for source, target in pairs:
            self.flows.append((association.get("id", ""), "dataAssociation", source, target, "", "association"))

    def _flow(self, element: Element) -> None:
        tag = _name(element)
        natural: dict[str, EdgeKind] = {
            "sequenceFlow": "sequence",
            "messageFlow": "message",
            "association": "association",
        }
        if tag not in natural:
            return
        written = self._ours(element, "kind")
        kind = next((k for k in EDGE_KINDS if k == written), natural[tag])
        source, target = _local(element.get("sourceRef")), _local(element.get("targetRef"))
        text = element.get("name") or self._ours(element, "name")
        self.flows.append((element.get("id", ""), tag, source, target, text, kind))

    def _nodes(self) -> Iterator[Node]:
        for name, found in self.found.items():
            yield Node(
                id=name,
                type=found.type,
                text=found.text,
                bbox=self.boxes.get(name),
                lane=self._lane_of(name),
                trigger=found.trigger,
                attached_to=found.attached if found.attached in self.found and found.attached != name else None,
                parent=found.parent,
            )

    def _lane_of(self, name: str) -> str | None:
        at: str | None = name
        while at is not None:
            found = self.found[at]
            lane = self._ours(found.element, "lane") or self.members.get(at)
            if lane in self.lanes:
                return lane
            at = found.parent
        return self.pools.get(self.found[name].process)

    def _edges(self, nodes: set[str], lanes: set[str]) -> Iterator[Edge]:
        used: set[str] = set()
        for position, (name, tag, source, target, text, kind) in enumerate(self.flows, 1):
            source, target = self.pools.get(source, source), self.pools.get(target, target)
            ends = nodes if kind == "sequence" else nodes | lanes
            missing = [end for end in (source, target) if end not in ends]
            if missing:
                self.warnings.append(f"{tag} {name!r} was left out: it ends at {missing[0]!r}, which is no node")
                continue
            edge_id = name if name and name not in used else f"flow-{position}"
            used.add(edge_id)
            yield Edge(edge_id, source, target, text, kind, self.ways.get(name, ()))

    def _ours(self, element: Element, key: str) -> str:
        return element.get(f"{{{OURS}}}{key}", "")


def _tag(name: str) -> str:
    return f"{{{BPMN}}}{name}"


def _name(element: Element) -> str:
    """The local name of a BPMN element, "" for elements of other name spaces."""
    tag = element.tag
    return tag[len(BPMN) + 2 :] if isinstance(tag, str) and tag.startswith(f"{{{BPMN}}}") else ""


def _local(reference: str | None) -> str:
    """A QName reference without its prefix."""
    return (reference or "").rpartition(":")[2]


def _numbers(element: Element, keys: tuple[str, ...]) -> tuple[float, ...] | None:
    try:
        values = tuple(float(element.get(key, "nan")) for key in keys)
    except ValueError:
        return None
    return values if all(abs(value) < 1e9 for value in values) else None
