"""What our Mermaid flowcharts mean: shape and class per node type, escaping of labels, the arrow per edge kind.

Shared by the writer (`emit`) and the reader (`parse`), so that both directions agree. A class name carries what a shape
cannot: `intermediate_event_timer_boundary` is a timer event on the border of an activity. Knows no grammar.
"""

from __future__ import annotations

import html
import re
from typing import Final, Literal

from diagram.kinds import EVENTS, NODE_TYPES, TRIGGERS, EdgeKind, NodeType, Trigger
from diagram.model import Node

Direction = Literal["TB", "LR"]
DIRECTIONS: Final[tuple[Direction, ...]] = ("TB", "LR")

MARKER: Final = "%% diascribe:"
"""Starts the comment line `%% diascribe: <kind> <language>` that marks a flowchart of our own."""

ARROW: Final[dict[EdgeKind, str]] = {"sequence": "-->", "message": "-.->", "association": "-.-"}
ATTACHED: Final = "---"
"""Ties an activity to the event on its border; read as such only when that event's class says `boundary`."""

# Brackets that every Mermaid since version 9 knows, so that GitHub and GitLab draw them.
BRACKETS: Final[dict[NodeType, tuple[str, str]]] = {
    "task": ("(", ")"),
    "subprocess": ("[[", "]]"),
    "start_event": ("([", "])"),
    "end_event": ("([", "])"),
    "intermediate_event": ("([", "])"),
    "gateway_exclusive": ("{", "}"),
    "gateway_parallel": ("{", "}"),
    "gateway_inclusive": ("{", "}"),
    "gateway_event": ("{", "}"),
    "gateway_complex": ("{", "}"),
    "process": ("[", "]"),
    "decision": ("{", "}"),
    "terminator": ("([", "])"),
    "io": ("[/", "/]"),
    "document": (">", "]"),
    "predefined_process": ("[[", "]]"),
    "connector": ("((", "))"),
    "data_object": (">", "]"),
    "data_store": ("[(", ")]"),
    "annotation": ("[", "]"),
}
BARE_EVENT: Final[dict[NodeType, tuple[str, str]]] = {
    "start_event": ("((", "))"),
    "intermediate_event": ("(((", ")))"),
    "end_event": ("((", "))"),
}
"""Events without a name are circles; a name of any length would blow a circle up, so it gets a stadium."""

SHAPES: Final[dict[NodeType, str]] = {"document": "doc", "data_object": "notch-rect"}
"""Shapes that only `@{ shape: … }` (Mermaid ≥ 11.3) can draw; used when the output is for rendering."""

MARK: Final[dict[NodeType, str]] = {
    "gateway_exclusive": "✕",
    "gateway_parallel": "+",
    "gateway_inclusive": "◯",
    "gateway_event": "⬠",
    "gateway_complex": "✱",
}
"""What stands in a gateway without a name, as BPMN draws it. Mermaid has only one diamond."""

STYLE: Final[dict[str, str]] = {
    "end_event": "stroke-width:4px",
    "annotation": "fill:none,stroke-dasharray:3 3",
    "pool": "fill:none",
    "lane": "fill:none",
}


def class_name(node_type: NodeType, trigger: Trigger | None = None, *, boundary: bool = False) -> str:
    """The class that says all of a node's kind: `type[_trigger][_boundary]`."""
    return node_type + (f"_{trigger}" if trigger else "") + ("_boundary" if boundary else "")


CLASSES: Final[dict[str, tuple[NodeType, Trigger | None, bool]]] = {
    class_name(node_type, trigger, boundary=boundary): (node_type, trigger, boundary)
    for node_type in NODE_TYPES
    for trigger in (None, *TRIGGERS)
    for boundary in (False, True)
}
"""Every class name that `class_name` can give, with what it says."""

NATURAL: Final[dict[tuple[str, str], NodeType]] = {
    ("[", "]"): "process",
    ("(", ")"): "process",
    ("{", "}"): "decision",
    ("([", "])"): "terminator",
    ("[/", "/]"): "io",
    ("[[", "]]"): "predefined_process",
    ("[(", ")]"): "data_store",
}
"""What a shape says without a class, in a flowchart: these types need no class of their own."""


def brackets(node: Node) -> tuple[str, str]:
    """Opening and closing brackets of a node's shape in portable Mermaid."""
    if node.type in EVENTS and not node.text.strip():
        return BARE_EVENT[node.type]
    return BRACKETS[node.type]


_LINE_START = re.compile(r"(?m)^(?:(?P<number>\d+)(?P<dot>[.)])|(?P<bullet>[-+=]))")
_EDGE_SPACE = re.compile(r"(?m)^[ \t]+|[ \t]+$")
_SPECIAL = re.compile(
    r"""["`\#<>*\\\t]            # end the string, start an entity, a tag, markdown, an escape
      | &(?=\w+;)               # would be read as an entity
      | (?<!\w)_ | _(?!\w)      # emphasis
      | %(?=%) | (?<=%)%        # a directive or a comment
      | \$(?=\$) | ~(?=~) | (?<=\])\( | :(?=//|fa-) | (?<=\w)@(?=\w) | (?<=www)\.
    """,
    re.VERBOSE,
)
_STYLE_WORD = re.compile("style|classDef")


def escape(text: str) -> str:
    """A label as it stands between double quotes: shown letter for letter by Mermaid, whatever it holds.

    Mermaid's entities (`#quot;`, `#35;`) replace what would end the string, start a tag, a directive or markdown
    (a label "1. Check" is a list to Mermaid 11). Line breaks become `<br/>`; an empty label one space.
    """
    if not text:
        return " "
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    styled = bool(_STYLE_WORD.search(text))
    out = _SPECIAL.sub(lambda match: _entity(match[0]), text)
    out = _LINE_START.sub(_line_start, out)
    out = _EDGE_SPACE.sub(lambda match: "".join(map(_entity, match[0])), out)
    if styled:  # Mermaid drops the last ";" of a line that looks like `style …:…#…;`
        out = out.replace(":", "#58;")
    return out.replace("\n", "<br/>")


def unescape(label: str) -> str:
    """What Mermaid shows for the inside of a label: entities and line breaks undone, outer space cut."""
    out = re.sub(r"[ \t]*<br\s*/?>[ \t]*", "\n", label.strip(" \t\n"), flags=re.IGNORECASE)
    return re.sub(r"#(\w+);|&(\w+);", _from_entity, out)


def _entity(character: str) -> str:
    return {'"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;"}.get(character, f"#{ord(character)};")


def _line_start(match: re.Match[str]) -> str:
    if match["bullet"]:
        return _entity(match["bullet"])
    return match["number"] + _entity(match["dot"])


def _from_entity(match: re.Match[str]) -> str:
    name = match[1] or match[2]
    entity = f"&#{name};" if name.isdigit() else f"&{name};"
    decoded = html.unescape(entity)
    return match[0] if decoded == entity else decoded
