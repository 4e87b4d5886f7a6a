"""Reads arrow notation: `A -> B -> C`, `A -- yes --> B`, `A -->|нет| C`, one chain a line.

The same words mean the same node. A node that asks (`?`) or stands in braces is a decision; `[Role] step` and
`Role: step` name lanes. Linear in the length of the text.
"""

from __future__ import annotations

import re
from typing import Final

from diagram.kinds import Language, NodeType
from diagram.model import Diagram, Edge, Lane, Node
from mermaid.draft_remarks import Remarks
from mermaid.draft_sentences import SentenceReader

__all__ = ["is_arrows", "read_arrows"]

_HEAD: Final = r"(?:-{1,3}>|={1,2}>|→|⟶|➔|➝|⇒)"
_ARROW: Final = re.compile(
    rf"\s*(?:{_HEAD}(?:\s*\|(?P<bar>[^|\n]{{0,120}})\|)?"
    rf"|(?<=\s)--?\s?(?P<mid>[^\s>|-][^>|\n]{{0,120}}?)\s?{_HEAD}"
    rf"|-\[(?P<cypher>[^\]\n]{{1,120}})\]-?>)\s*"
)
_TERMINAL: Final = re.compile(
    r"(?P<start>начало|старт|start|begin)|(?P<end>конец|стоп|финиш|завершение|end|stop|finish|done)", re.IGNORECASE
)
_TYPES: Final[dict[str, tuple[NodeType, NodeType]]] = {  # in a flowchart, in BPMN
    "action": ("process", "task"),
    "decision": ("decision", "gateway_exclusive"),
    "terminal": ("terminator", "task"),
    "start": ("terminator", "start_event"),
    "end": ("terminator", "end_event"),
}
_ANSWER: Final = re.compile(r"\((да|нет|yes|no)\)", re.IGNORECASE)
_SHAPES: Final = (("{", "}"), ("([", "])"), ("((", "))"), ("(", ")"), ("<", ">"))


def is_arrows(text: str) -> bool:
    """Whether at least half of the lines are chains of arrows and none is a numbered step."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    chains = sum(len(_split(line)[0]) > 1 for line in lines)
    numbered = sum(bool(re.match(r"\d+[.)]\s", line)) for line in lines)
    return chains > 0 and 2 * chains >= len(lines) and not numbered


def read_arrows(text: str, language: Language) -> tuple[Diagram, Remarks]:
    """The graph of the chains and warnings that quote all other lines."""
    warnings = Remarks(language)
    roles = SentenceReader(language, warnings)
    lanes: dict[str, Lane] = {}
    nodes: dict[tuple[str, str], list[str]] = {}  # by role and words: id, type word, text
    found: dict[str, tuple[str, str]] = {}  # words alone: key of the first node
    edges: list[tuple[str, str, str]] = []
    for line in re.split(r"[\n;]", text):
        parts, labels = _split(line.strip())
        if len(parts) < 2 or not all(parts):
            if line.strip():
                warnings.note("unclear", line.strip())
            continue
        chain = []
        for part in parts:
            role, said = roles.role(part)
            kind, label = _shape(said)
            words = label.casefold()
            key = (role, words) if role else found.get(words, ("", words))
            if key not in nodes:
                nodes[key] = [f"n{len(nodes) + 1}", kind, label]
                found.setdefault(words, key)
            elif kind != "action":
                nodes[key][1] = kind
            if role and role not in lanes:
                lanes[role] = Lane(f"l{len(lanes) + 1}", role)
            chain.append(nodes[key][0])
        edges += zip(chain, chain[1:], labels, strict=False)
    bpmn = bool(lanes)
    made = []
    for (role, _), (node_id, kind, label) in nodes.items():
        text = "" if bpmn and kind in ("start", "end") else label
        made.append(Node(node_id, _TYPES[kind][bpmn], text, lane=lanes[role].id if role else None))
    flows = tuple(Edge(f"e{i}", source, target, label) for i, (source, target, label) in enumerate(edges, 1))
    return Diagram("bpmn" if bpmn else "flowchart", tuple(made), flows, tuple(lanes.values()), language), warnings


def _split(line: str) -> tuple[list[str], list[str]]:
    """The nodes of a chain and the labels between them."""
    line = re.sub(r"^[-*•]\s+", "", line).rstrip(";")
    parts, labels = [], []
    at = 0
    for arrow in _ARROW.finditer(line):
        parts.append(line[at : arrow.start()].strip())
        label = arrow["bar"] or arrow["mid"] or arrow["cypher"] or ""
        labels.append(label.strip(' "«»“”'))
        at = arrow.end()
    parts.append(line[at:].strip().removesuffix("."))
    for i in range(len(parts) - 2, 0, -1):
        answer = _ANSWER.fullmatch(parts[i])
        if answer:  # `Верно? → (да) → Принять`
            labels[i - 1 : i + 1] = [answer[1]]
            del parts[i]
    return parts, labels


def _shape(text: str) -> tuple[str, str]:
    """What a node is by its brackets and words, and its label without them."""
    text = text.strip()
    kind = "action"
    for opening, closing in _SHAPES:
        if len(text) > len(opening + closing) and text.startswith(opening) and text.endswith(closing):
            text = text[len(opening) : -len(closing)].strip()
            kind = "decision" if opening in ("{", "<") else "terminal" if opening in ("([", "((") else kind
            break
    for opening, closing in ("[]", '""', "«»", "“”"):
        if len(text) > 2 and text[0] == opening and text[-1] == closing and closing not in text[1:-1]:
            text = text[1:-1].strip()
    text = " ".join(text.split())
    if text.endswith("?"):
        kind = "decision"
    terminal = _TERMINAL.fullmatch(text)
    if terminal:
        kind = "start" if terminal["start"] else "end"
    return kind, text
