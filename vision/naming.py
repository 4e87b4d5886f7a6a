"""What a symbol is called: node types, triggers of events, and the activity a boundary event sits on.

Words are those of BPMN 2.0 and ISO 5807. Decides from outlines, borders, icons and flows that were measured before;
reads no pixels.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from diagram.kinds import DiagramKind, NodeType, Trigger
from vision.boxes import area, centre, size
from vision.parts import Box, Scene, Shape

FLOWCHART: dict[str, NodeType] = {
    "rectangle": "process",
    "rounded": "process",
    "stadium": "terminator",
    "ellipse": "terminator",
    "circle": "connector",
    "diamond": "decision",
    "parallelogram": "io",
    "trapezoid": "io",
    "cylinder": "data_store",
    "document": "document",
    "page": "document",
    "hexagon": "process",
    "barred": "predefined_process",
    "bar": "gateway_parallel",
    "polygon": "process",
    "bracket": "annotation",
}
BPMN: dict[str, NodeType] = {
    **FLOWCHART,
    "rectangle": "task",
    "rounded": "task",
    "stadium": "task",
    "ellipse": "task",
    "parallelogram": "task",
    "trapezoid": "task",
    "hexagon": "task",
    "polygon": "task",
    "diamond": "gateway_exclusive",
    "document": "data_object",
    "page": "data_object",
    "barred": "task",
}
GATEWAYS: dict[str, NodeType] = {
    "exclusive": "gateway_exclusive",
    "parallel": "gateway_parallel",
    "inclusive": "gateway_inclusive",
    "event": "gateway_event",
    "complex": "gateway_complex",
}
TRIGGER: dict[str, Trigger] = {
    "message": "message",
    "timer": "timer",
    "error": "error",
    "escalation": "escalation",
    "cancel": "cancel",
    "compensation": "compensation",
    "conditional": "conditional",
    "link": "link",
    "signal": "signal",
    "terminate": "terminate",
    "multiple": "multiple",
    "parallel_multiple": "parallel_multiple",
}
SUBPROCESS = "subprocess"  # the icon of an activity that can be opened
ACTIVITIES = ("rectangle", "rounded", "stadium", "barred")
THICK = 0.155  # border over radius, from which a circle is drawn thick


def notation(scene: Scene) -> DiagramKind | None:
    """What icons and borders tell of the notation; None where they tell nothing."""
    circles = [s for s in scene.shapes if s.outline == "circle"]
    if any(s.filled or is_target(s) for s in circles) and not any(s.double for s in circles):
        return "flowchart"  # UML: a filled disc begins, a disc in a thin ring ends
    if any(s.outline == "circle" and s.icon in TRIGGER and s.icon != "terminate" for s in scene.shapes):
        return "bpmn"
    if any(s.outline == "diamond" and s.icon in GATEWAYS for s in scene.shapes):
        return "bpmn"
    return None


def speaks_inside(scene: Scene, worded: Set[int]) -> bool:
    """Whether decisions and terminators have their words inside, as in flowcharts. worded: shapes with words inside."""
    inside = [s.outline for i, s in enumerate(scene.shapes) if i in worded]
    bare = [s.outline for i, s in enumerate(scene.shapes) if i not in worded]
    flowchart = sum(outline in ("diamond", "stadium", "parallelogram", "ellipse") for outline in inside)
    return flowchart > sum(outline in ("diamond", "circle") for outline in bare)


def is_target(shape: Shape) -> bool:
    """Whether a circle is the end of a UML activity: a disc in a thin ring."""
    return shape.icon == "terminate" and not shape.double and shape.stroke < THICK * size(shape.box)[0] / 2


def node_type(shape: Shape, worded: bool, kind: DiagramKind, degree: tuple[int, int], scene: Scene) -> NodeType:
    """The type of a symbol. worded: it has words inside; degree: how many flows come in and go out."""
    if shape.outline == "circle" and (kind == "bpmn" or not worded):
        return event_type(shape, degree, scene)
    if shape.outline == "ellipse" and not worded:
        return event_type(shape, degree, scene)
    if shape.outline == "diamond" and shape.icon in GATEWAYS and not worded:
        return GATEWAYS[shape.icon]
    if shape.icon == SUBPROCESS:
        return "subprocess"
    if worded and shape.outline == "document":
        return "document"
    if kind == "bpmn" and worded and shape.outline == "page" and min(degree) > 0:
        return "task"  # its corner is hidden by an icon or an event
    if kind != "bpmn" and shape.outline in ("hexagon", "stadium") and degree[0] > 0 and degree[1] > 1:
        return "decision"  # the long hexagons of UML tools
    return (BPMN if kind == "bpmn" else FLOWCHART)[shape.outline]


def event_type(shape: Shape, degree: tuple[int, int], scene: Scene) -> NodeType:
    """Start (thin border), intermediate (two lines), end (thick, or a disc in a ring), by border and flows."""
    incoming, outgoing = degree
    ends, begins = incoming > 0 and outgoing == 0, outgoing > 0 and incoming == 0
    if shape.icon == "terminate":
        return "end_event"
    if shape.filled:
        return "end_event" if ends else "start_event"
    if shape.double:
        return "intermediate_event"
    thickness = _thickness(shape)
    value = max(-2.0, min(2.0, (thickness - _middle(scene)) / 0.03)) + 1.5 * ends - 1.5 * begins
    if value > 0:
        return "end_event"
    return "intermediate_event" if incoming and outgoing else "start_event"


def _thickness(shape: Shape) -> float:
    return shape.stroke / max(1.0, size(shape.box)[0] / 2)


def _middle(scene: Scene) -> float:
    """The thickness that parts thin from thick borders: the widest gap between the single-lined circles of a page."""
    found = sorted(_thickness(s) for s in scene.shapes if s.outline == "circle" and not s.double and not s.filled)
    gaps = [(b / max(a, 1e-3), (a + b) / 2) for a, b in zip(found, found[1:], strict=False)]
    widest = max(gaps, default=(1.0, THICK))
    return widest[1] if widest[0] > 1.5 and 0.5 * THICK < widest[1] < 2.2 * THICK else THICK


def trigger(shape: Shape, named: NodeType, kind: DiagramKind) -> Trigger | None:
    """The trigger of an event; None where no icon was seen."""
    if shape.icon is None or not named.endswith("_event") or named.startswith("gateway"):
        return None
    if shape.icon == "terminate" and kind != "bpmn":
        return None
    return TRIGGER.get(shape.icon)


def attached_to(shape: Shape, hosts: Sequence[Box]) -> int | None:
    """Index of the activity on whose border a circle sits; None for circles that stand free.

    Hosts are boxes of activities; of several the smallest wins.
    """
    if shape.outline != "circle" or shape.filled:
        return None
    radius = size(shape.box)[0] / 2
    sat = [i for i, box in enumerate(hosts) if _straddles(centre(shape.box), radius, box)]
    return min(sat, key=lambda i: area(hosts[i]), default=None)


def _straddles(middle: tuple[float, float], radius: float, box: Box) -> bool:
    """Whether a circle lies across the border of a box that is larger than itself."""
    if min(size(box)) < 2.4 * radius:
        return False
    x, y = middle
    deep = min(x - box[0], box[2] - x, y - box[1], box[3] - y)  # negative: outside
    beside = x < box[0] - radius or x > box[2] + radius or y < box[1] - radius or y > box[3] + radius
    return not beside and -0.55 * radius < deep < 0.8 * radius
