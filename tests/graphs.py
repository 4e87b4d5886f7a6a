"""Random graphs (hypothesis) and the comparison "equal up to ids" that the round trips assert."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import strategies as st

from diagram.kinds import EVENTS, FAMILY, NODE_TYPES, TRIGGERS, EdgeKind, Language, NodeType, is_flow
from diagram.model import Diagram, Edge, Lane, Node

NASTY = [
    "end", "subgraph", "Да", "Проверить «заявку»", 'say "yes"', "a | b", "[x]", "(y)", "{z}", "<b>bold</b>", "A & B",
    "&amp; #quot; #35;", "1. Создание запроса", "- item", "# title", "*star* _under_ `code`", "line one\nline two",
    "🙂 emoji 漢字", "a --> b", "---o", "%% comment", "%%{init: {}}%%", "style x:#fff;", "https://ya.ru/?a=1",
    "www.ya.ru", "me@ya.ru", "[a](b)", "fa:fa-car", "50%", "C:\\new", "x;y", "'q'", "+", "✕", "$$x$$", "~~no~~",
    "ё Ё", "<br/>", "---", " padded ", "\ttab", "a\n\nb", ":::task", "@{ shape: x }",
    "#", ";", "class n1 task", "click", "graph TD", "\\n",
]  # fmt: skip
_LETTERS = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\n\t", exclude_characters="\ufffe\uffff"
    ),
    max_size=12,
)
TEXT = st.one_of(
    st.sampled_from(NASTY), st.sampled_from(NASTY).flatmap(lambda a: _LETTERS.map(lambda b: a + b)), _LETTERS
)


@st.composite
def diagrams(draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXT, max_nodes: int = 8) -> Diagram:
    """Graphs as readers and drafters make them: what lies in a sub-process or on a border shares its owner's lane."""
    lanes: list[Lane] = []
    for i in range(draw(st.integers(0, 4))):
        parents = [None, *(lane.id for lane in lanes)]
        lanes.append(Lane(f"L{i}", draw(texts), draw(st.sampled_from(parents))))
    nodes: list[Node] = []
    for i in range(draw(st.integers(0, max_nodes))):
        node_type = cast(NodeType, draw(st.sampled_from(NODE_TYPES)))
        owners = [node for node in nodes if node.type in ("subprocess", "task")]
        lane = draw(st.sampled_from([None, *(lane.id for lane in lanes)])) if lanes else None
        parent: str | None = None
        attached: str | None = None
        owner = draw(st.sampled_from([None, None, *owners])) if owners else None
        if owner is not None and node_type == "intermediate_event" and owner.attached_to is None:
            attached, parent, lane = owner.id, owner.parent, owner.lane
        elif owner is not None and owner.type == "subprocess":
            parent, lane = owner.id, owner.lane
        trigger = draw(st.sampled_from([None, *TRIGGERS])) if node_type in EVENTS else None
        nodes.append(
            Node(f"N-{i}", node_type, draw(texts), lane=lane, trigger=trigger, attached_to=attached, parent=parent)
        )
    edges: list[Edge] = []
    for i in range(draw(st.integers(0, 12)) if nodes else 0):
        kind = cast(EdgeKind, draw(st.sampled_from(["sequence", "sequence", "message", "association"])))
        ends = [node.id for node in nodes] + ([lane.id for lane in lanes] if kind == "message" else [])
        edges.append(Edge(f"E{i}", draw(st.sampled_from(ends)), draw(st.sampled_from(ends)), draw(texts), kind))
    kind_of_diagram = draw(st.sampled_from(["bpmn", "flowchart"]))
    language = cast(Language, draw(st.sampled_from(["en", "ru"])))
    return Diagram(cast(Any, kind_of_diagram), tuple(nodes), tuple(edges), tuple(lanes), language)


def shape(diagram: Diagram) -> tuple[Any, ...]:
    """All that a graph says, with ids replaced by positions and pixels left out."""
    order: dict[str | None, str | None] = {None: None}
    order |= {node.id: f"n{i}" for i, node in enumerate(diagram.nodes)}
    order |= {lane.id: f"l{i}" for i, lane in enumerate(diagram.lanes)}
    return (
        diagram.kind,
        diagram.language,
        [(n.type, n.text, n.trigger, order[n.lane], order[n.parent], order[n.attached_to]) for n in diagram.nodes],
        [(order[e.source], order[e.target], e.text, e.kind) for e in diagram.edges],
        [(lane.name, order[lane.parent]) for lane in diagram.lanes],
    )


__all__ = ["FAMILY", "NASTY", "TEXT", "diagrams", "is_flow", "shape"]
