"""Name what was seen: symbols become typed nodes, frames lanes and sub-processes, lines flows, texts labels.

In: a `Reading` of a `Page`. Out: a `Diagram` in pixels of the uploaded image, and warnings. Reads no pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from diagram.kinds import DiagramKind, EdgeKind, Language, NodeType, Trigger
from diagram.model import Box as SourceBox
from diagram.model import Diagram, Edge, Lane, Node
from vision.boxes import area, centre, holds, share, size, union
from vision.labels import Labels, label
from vision.naming import ACTIVITIES, attached_to, node_type, notation, speaks_inside, trigger
from vision.parts import Box, Connector, Container, End, Page, Reading, Scene, Shape
from vision.text_language import bare_answer

FRAME_KINDS = ("pool", "lane")
DATA = ("page", "cylinder", "document", "bracket")  # outlines of what flows need not touch


def assemble(page: Page, reading: Reading, language: Language) -> tuple[Diagram, list[str]]:
    """The diagram of a page and what a user should know about it."""
    scene, connectors = reading.scene, reading.connectors
    labels = label(reading.lines, scene, connectors, page.unit)
    kind = _kind(scene, labels)
    scale = _Scale(page)
    keep = _keep(scene, labels, connectors)
    frames = [i for i, c in enumerate(scene.containers) if c.kind in FRAME_KINDS]
    lanes = _lanes(scene.containers, frames, labels, scale)
    ids: dict[End, str] = {("container", i): f"l{k}" for k, i in enumerate(frames, 1)}
    ends: list[End] = [("shape", i) for i in keep]
    ends += [("container", i) for i, c in enumerate(scene.containers) if c.kind == "subprocess"]
    order = sorted(ends, key=lambda end: _position(_box(scene, end), page.unit))
    for number, end in enumerate(order, 1):
        ids[end] = f"n{number}"
    degree = _degrees(connectors)
    nodes = [_node(end, ids, scene, labels, kind, degree, scale) for end in order]
    sure = {node.id: node.confidence for node in nodes}
    edges = _edges(connectors, ids, scene, labels, scale, sure)
    return Diagram(kind, tuple(nodes), tuple(edges), tuple(lanes), language), list(reading.warnings)


class _Scale:
    """From page pixels to pixels of the upload."""

    def __init__(self, page: Page) -> None:
        self._matrix = page.to_source
        self._size = page.source_size

    def points(self, points: np.ndarray) -> list[tuple[float, float]]:
        moved = points @ self._matrix[:, :2].T + self._matrix[:, 2]
        return [(round(float(x), 1), round(float(y), 1)) for x, y in moved]

    def box(self, box: Box) -> SourceBox:
        corners = np.array([(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])])
        moved = np.array(self.points(corners))
        (x0, y0), (x1, y1) = moved.min(0), moved.max(0)
        width, height = self._size
        x0, x1 = (float(np.clip(v, 0, width)) for v in (x0, x1))
        y0, y1 = (float(np.clip(v, 0, height)) for v in (y0, y1))
        return x0, y0, x1, y1


def _box(scene: Scene, end: End) -> Box:
    return scene.shapes[end[1]].box if end[0] == "shape" else scene.containers[end[1]].box


def _position(box: Box, unit: float) -> tuple[int, float]:
    """Reading order: rows of about two text lines, then left to right."""
    return int(box[1] / (2 * unit)), box[0]


def _kind(scene: Scene, labels: Labels) -> DiagramKind:
    """BPMN by its frames, events and bare gateways; else a flowchart."""
    told = notation(scene)
    if told is not None:
        return told
    worded = {i for i, block in labels.shapes.items() if holds(scene.shapes[i].box, centre(block.box))}
    if any(c.kind in FRAME_KINDS for c in scene.containers):
        return "flowchart" if speaks_inside(scene, worded) else "bpmn"
    bare = [
        s.outline
        for i, s in enumerate(scene.shapes)
        if i not in labels.shapes or not holds(s.box, centre(labels.shapes[i].box))
    ]
    wordy = [s.outline for i, s in enumerate(scene.shapes) if i in labels.shapes]
    events = sum(o == "circle" for o in bare)
    diamonds = sum(o == "diamond" for o in bare)
    if "bar" in bare or any(s.outline == "stadium" for s in scene.shapes) or "parallelogram" in wordy:
        return "flowchart"
    return "bpmn" if events + diamonds >= 1 and events >= 1 else "flowchart"


def _keep(scene: Scene, labels: Labels, connectors: Sequence[Connector]) -> list[int]:
    """Indices of shapes that are nodes: those with a word inside or a flow, and symbols like them."""
    touched = {end[1] for c in connectors for end in (c.source, c.target) if end and end[0] == "shape"}
    usual = ("circle", "diamond")

    traced = len(touched) >= 0.6 * len(scene.shapes) and len(touched) >= 3

    def belongs(i: int) -> bool:
        shape = scene.shapes[i]
        worded = i in labels.shapes and holds(shape.box, centre(labels.shapes[i].box))
        if i in touched or (worded and not traced):
            return True
        if (worded and traced) or (shape.outline in usual and touched):
            return any(_alike(shape, scene.shapes[j]) for j in touched)
        return i in labels.shapes and (not traced or shape.outline in DATA)

    apart = _apart(scene, labels, connectors)
    return [i for i in range(len(scene.shapes)) if i not in apart and belongs(i)]


def _apart(scene: Scene, labels: Labels, connectors: Sequence[Connector]) -> set[int]:
    """Shapes outside the diagram: marks joined to each other, but to nothing in it, beside it and unlike its symbols.

    The buttons and panels of the window around a screenshot.
    """
    groups = [{("shape", i)} for i in range(len(scene.shapes))]
    for c in connectors:
        if c.source is not None and c.target is not None:
            ends = {c.source, c.target}
            met = [group for group in groups if group & ends]
            groups = [group for group in groups if not group & ends] + [set().union(ends, *met)]
    shapes = [[scene.shapes[i] for what, i in group if what == "shape"] for group in groups]
    main = max(shapes, key=len, default=[])
    if len(main) < 4:
        return set()
    around = union(s.box for s in main)
    out: set[int] = set()
    for group, members in zip(groups, shapes, strict=True):
        if len(members) < len(group) or 2 * len(members) >= len(main):
            continue
        beside = not any(
            share(s.box, around) > 0 or any(holds(frame.box, centre(s.box)) for frame in scene.containers)
            for s in members
        )
        strange = not any(_alike(s, other) for s in members for other in main)
        mark = len(members) == 1 and members[0].outline == "circle" and not {i for _, i in group} & labels.shapes.keys()
        if beside and (strange or mark):
            out |= {i for _, i in group}
    return out


def _alike(a: Shape, b: Shape) -> bool:
    """Same outline, about the same size."""
    if a.outline != b.outline:
        return False
    return all(abs(x - y) < 0.3 * max(x, y) for x, y in zip(size(a.box), size(b.box), strict=True))


def _lanes(containers: Sequence[Container], frames: Sequence[int], labels: Labels, scale: _Scale) -> list[Lane]:
    ids = {i: f"l{k}" for k, i in enumerate(frames, 1)}
    out = []
    for i in frames:
        parent = containers[i].parent
        while parent is not None and parent not in ids:
            parent = containers[parent].parent
        name = labels.containers[i].text if i in labels.containers else ""
        out.append(Lane(ids[i], name, None if parent is None else ids[parent], scale.box(containers[i].box)))
    return out


def _innermost(box: Box, containers: Sequence[Container], kinds: Sequence[str], skip: int | None = None) -> int | None:
    """The smallest container of these kinds around the middle of the box."""
    around = [
        i
        for i, c in enumerate(containers)
        if i != skip and c.kind in kinds and holds(c.box, centre(box)) and area(c.box) > area(box)
    ]
    return min(around, key=lambda i: area(containers[i].box), default=None)


def _pool(frame: int | None, containers: Sequence[Container]) -> int | None:
    """The outermost pool or lane that holds this one."""
    while frame is not None:
        above = containers[frame].parent
        if above is None or containers[above].kind not in FRAME_KINDS:
            break
        frame = above
    return frame


def _degrees(connectors: Sequence[Connector]) -> dict[End, tuple[int, int]]:
    """(incoming, outgoing) solid flows of every end."""
    out: dict[End, tuple[int, int]] = {}
    for c in connectors:
        if c.style != "solid" or c.source is None or c.target is None:
            continue
        i, o = out.get(c.source, (0, 0))
        out[c.source] = (i, o + 1)
        i, o = out.get(c.target, (0, 0))
        out[c.target] = (i + 1, o)
    return out


def _node(
    end: End,
    ids: dict[End, str],
    scene: Scene,
    labels: Labels,
    kind: DiagramKind,
    degree: dict[End, tuple[int, int]],
    scale: _Scale,
) -> Node:
    box = _box(scene, end)
    frame = _innermost(box, scene.containers, FRAME_KINDS)
    outer = _innermost(box, scene.containers, ("subprocess",), end[1] if end[0] == "container" else None)
    if outer is not None:
        frame = _pool(frame, scene.containers)  # a lane lists its own symbols, not those of their sub-processes
    lane = None if frame is None else ids[("container", frame)]
    parent = None if outer is None else ids[("container", outer)]
    if end[0] == "container":
        block = labels.containers.get(end[1])
        confidence = scene.containers[end[1]].confidence
        named: NodeType = "subprocess"
        event: Trigger | None = None
        host: str | None = None
    else:
        shape = scene.shapes[end[1]]
        block = labels.shapes.get(end[1])
        confidence = shape.confidence
        worded = block is not None and holds(box, centre(block.box))
        named = node_type(shape, worded, kind, degree.get(end, (0, 0)), scene)
        event = trigger(shape, named, kind)
        host = _host(shape, scene, ids) if named.endswith("_event") and kind == "bpmn" else None
    if block is not None:
        confidence = min(confidence, block.confidence)
    return Node(
        ids[end],
        named if host is None else "intermediate_event",
        "" if block is None else block.text,
        scale.box(box),
        lane,
        round(float(np.clip(confidence, 0, 1)), 3),
        trigger=event,
        attached_to=host,
        parent=parent,
    )


def _host(shape: Shape, scene: Scene, ids: dict[End, str]) -> str | None:
    """Id of the activity on whose border a circle sits."""
    ends: list[End] = [end for end in ids if _is_activity(end, scene)]
    found = attached_to(shape, [_box(scene, end) for end in ends])
    return None if found is None else ids[ends[found]]


def _is_activity(end: End, scene: Scene) -> bool:
    if end[0] == "container":
        return scene.containers[end[1]].kind == "subprocess"
    return scene.shapes[end[1]].outline in ACTIVITIES


def _edges(
    connectors: Sequence[Connector],
    ids: dict[End, str],
    scene: Scene,
    labels: Labels,
    scale: _Scale,
    sure: Mapping[str, float | None],
) -> list[Edge]:
    """The flows between what was found. Each is as sure as its line, but no surer than the two symbols it joins: a
    flow is right only where they are."""
    out: list[Edge] = []
    for i, c in enumerate(connectors):
        if c.source is None or c.target is None or c.source not in ids or c.target not in ids:
            continue
        kind = _edge_kind(c, scene)
        if kind == "sequence" and "container" in (_frame_end(c.source, scene), _frame_end(c.target, scene)):
            kind = "message"
        block = labels.connectors.get(i)
        text = "" if block is None else bare_answer(block.text)
        ends = [known for end in (ids[c.source], ids[c.target]) if (known := sure.get(end)) is not None]
        out.append(
            Edge(
                f"e{len(out) + 1}",
                ids[c.source],
                ids[c.target],
                text,
                kind,
                tuple(scale.points(c.points)),
                round(float(np.clip(min(c.confidence, *ends, 1.0), 0, 1)), 3),
            )
        )
    return out


def _frame_end(end: End, scene: Scene) -> str:
    """ "container" for a pool or lane, "node" otherwise."""
    return "container" if end[0] == "container" and scene.containers[end[1]].kind in FRAME_KINDS else "node"


def _edge_kind(c: Connector, scene: Scene) -> EdgeKind:
    touches_data = any(
        end and end[0] == "shape" and scene.shapes[end[1]].outline in DATA for end in (c.source, c.target)
    )
    if touches_data and c.style != "solid":
        return "association"
    if c.style == "solid":
        return "sequence"
    if c.style == "dashed":
        return (
            "message" if c.head == "hollow" or c.tail == "circle" else "association" if c.head == "none" else "message"
        )
    return "association"
