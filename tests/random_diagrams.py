"""Random graphs for property tests, and when two graphs are the same but for ids, boxes and order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from diagram.kinds import DIAGRAM_KINDS, LANGUAGES, NODE_TYPES, TRIGGERS, Language
from diagram.model import Diagram, Edge, Lane, Node

_NASTY = [
    "&#", "&_", "&#39;",
    "", "end", "<b>", "a|b", '"', "«", "»", "“x", "«a» «b»", "x: y", "a. b", "Да", "No", "C:\\n", "1. Создать", "- x",
    "Начало", "Конец", "Start", "End", "Решение: «x»", "Шаг без подписи", "Без названия", "Unnamed", "Сообщение",
    "участник «x»", "Перейти к шагу 2", "Далее — шаг 3", "go to step 2", "Банк / Отдел", "Банк (участник 2)", "→ 5",
    "line one\nline two", "\u2028", "\x00", "😀 да", " пробел ", "x.", "x:", "?", "\\", "\\|", "Решение (таймер)", "5",
    "От шага 1 к шагу 2", "Participants:", "сообщение «x»", "a; b", "Решение", "decision", "Process", "Процесс BPMN: 3",
    "Flowchart: 2 steps", "\u00a0", "\r\n", "Data object", "(unlabelled)", "Конец (без подписи)", "3a", "П1", "---",
]  # fmt: skip
labels = st.one_of(
    st.sampled_from(_NASTY), st.text(max_size=12), st.lists(st.sampled_from(_NASTY), max_size=3).map(" ".join)
)


@st.composite
def diagrams(draw: st.DrawFn, language: Language | None = None, most: int = 9) -> Diagram:
    """Any graph that the model allows: lanes in lanes, cycles, loops, double flows, events on borders, islands."""
    lanes: list[Lane] = []
    for i in range(draw(st.integers(0, 4))):
        lanes.append(Lane(f"l{i}", draw(labels), draw(st.sampled_from([None, *(lane.id for lane in lanes)]))))
    some_lane = st.sampled_from([None, *(lane.id for lane in lanes)])
    nodes: list[Node] = []
    for i in range(draw(st.integers(0, most))):
        earlier = st.sampled_from([None, None, *(node.id for node in nodes)])
        nodes.append(
            Node(
                f"n{i}",
                draw(st.sampled_from(NODE_TYPES)),
                draw(labels),
                lane=draw(some_lane),
                trigger=draw(st.sampled_from([None, None, None, *TRIGGERS])),
                attached_to=draw(earlier),
                parent=draw(earlier),
            )
        )
    edges: list[Edge] = []
    ends = [node.id for node in nodes]
    for i in range(draw(st.integers(0, 2 * most)) if ends else 0):
        kind = draw(st.sampled_from(["sequence", "sequence", "sequence", "message", "association"]))
        any_end = st.sampled_from(ends if kind == "sequence" else ends + [lane.id for lane in lanes])
        edges.append(Edge(f"e{i}", draw(any_end), draw(any_end), draw(st.one_of(st.just(""), labels)), kind))
    order = draw(st.permutations(nodes))
    kind = draw(st.sampled_from(DIAGRAM_KINDS))
    return Diagram(kind, tuple(order), tuple(edges), tuple(lanes), language or draw(st.sampled_from(LANGUAGES)))


def facts(diagram: Diagram, names: Mapping[str, str]) -> dict[str, Any]:
    """All that the graph says, with its nodes called by `names`; lanes are called by name and place among namesakes."""
    lane_names: dict[str, Any] = {}
    seen: Counter[Any] = Counter()
    waiting = list(diagram.lanes)
    while waiting:
        for lane in list(waiting):
            if lane.parent is None or lane.parent in lane_names:
                key = (lane_names.get(lane.parent or ""), lane.name)
                lane_names[lane.id] = (*key, seen[key])
                seen[key] += 1
                waiting.remove(lane)
    names = {**names, **lane_names}
    return {
        "kind": (diagram.kind, diagram.language),
        "lanes": Counter(lane_names.values()),
        "nodes": {
            names[n.id]: (
                n.type, n.text, n.trigger, *(names.get(other or "") for other in (n.lane, n.attached_to, n.parent))
            )
            for n in diagram.nodes
        },
        "edges": Counter((names[e.source], names[e.target], e.text, e.kind) for e in diagram.edges),
    }  # fmt: skip
