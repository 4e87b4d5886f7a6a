"""The words in which diagrams are told, Russian and English, and the quoting that keeps labels exact.

One `Phrases` per language (`diagram.wording`) holds every word and template that `diagram.narrate` prints; whoever
reads such text back (`mermaid.draft_own`) uses the same table, so the two cannot drift apart. Labels of the diagram are
set in the quotes of the language, «так» or “so”; nested pairs stay as they are, lone quotes, backslashes and control
characters get a backslash. A *tame* label needs no quotes. Knows nothing of graphs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from diagram.kinds import DiagramKind, Language, NodeType, Trigger

__all__ = ["ENDS", "MEANING", "PLAIN_TYPE", "Phrases", "guess_kind", "quote", "tame", "unquote"]

PLAIN_TYPE: Final[dict[DiagramKind, NodeType]] = {"bpmn": "task", "flowchart": "process"}
"""The type of a step that is told by its label alone."""

_COMMON: Final[dict[str, NodeType]] = {
    "task": "task",
    "action": "process",
    "subprocess": "subprocess",
    "start_point": "start_event",
    "end_point": "end_event",
    "event": "intermediate_event",
    "boundary": "intermediate_event",
    "exclusive": "gateway_exclusive",
    "parallel_split": "gateway_parallel",
    "parallel_join": "gateway_parallel",
    "parallel_both": "gateway_parallel",
    "parallel": "gateway_parallel",
    "inclusive_split": "gateway_inclusive",
    "inclusive_join": "gateway_inclusive",
    "event_gateway": "gateway_event",
    "complex": "gateway_complex",
    "condition": "decision",
    "terminator": "terminator",
    "io": "io",
    "document": "document",
    "predefined": "predefined_process",
    "connector": "connector",
    "data_object": "data_object",
    "data_store": "data_store",
    "note": "annotation",
}
MEANING: Final[dict[DiagramKind, dict[str, NodeType]]] = {
    "bpmn": {
        **_COMMON,
        "start": "start_event",
        "end": "end_event",
        "decision": "gateway_exclusive",
        "merge": "gateway_exclusive",
        "unnamed": "task",
    },
    "flowchart": {
        **_COMMON,
        "start": "terminator",
        "end": "terminator",
        "decision": "decision",
        "merge": "decision",
        "unnamed": "process",
    },
}
"""What the words (keys of `Phrases.words`) mean in a diagram of each kind."""

ENDS: Final = frozenset({"end", "end_point"})
"""Words after which nothing follows unless it is said."""

_BPMN_WORDS: Final = frozenset(
    key for key, node_type in _COMMON.items() if node_type.startswith(("gateway", "data", "intermediate", "annotation"))
)


def guess_kind(words: Iterable[str], *, lanes: bool, triggers: bool, messages: bool) -> DiagramKind:
    """The kind of diagram that a step table suggests, by the keys of its words and by what else it holds."""
    if lanes or triggers or messages or not _BPMN_WORDS.isdisjoint(words):
        return "bpmn"
    return "flowchart"


@dataclass(frozen=True)
class Phrases:
    """All that is said in one language.

    `words`: node words by key of `MEANING`, with a capital; `plural`: forms of a counted noun as `_plural` picks them;
    `sentences`: templates with `{n}` (one number) or `{list}` (several); the other fields speak for themselves.
    """

    language: Language
    quotes: tuple[str, str]
    kinds: Mapping[DiagramKind, str]
    words: Mapping[str, str]
    triggers: Mapping[Trigger, str]
    sentences: Mapping[str, str]
    sections: Mapping[str, str]
    steps: tuple[str, str, str]
    lanes: tuple[str, str, str]
    no_steps: str
    joiner: str
    either: str
    unlabelled: str
    unnamed_lane: str
    lane_mark: str
    lane_within: str
    go: str
    back: str
    again: str
    from_to: str
    step_from: str
    step_to: str
    lane_from: str
    lane_to: str
    table: tuple[str, str, str, str]
    table_lane: str
    table_kinds: Mapping[str, str]
    letters: str
    data_prefix: str
    note_prefix: str
    start_labels: frozenset[str]
    titles: Mapping[str, str]
    keyword: re.Pattern[str] = field(init=False, repr=False, compare=False)
    flow_keyword: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own = {self.table_lane, self.unnamed_lane, *self.words.values(), *self.table_kinds.values()}
        own |= {*self.kinds.values(), *self.sentences.values(), self.go, self.back, self.again}
        ways = "|".join(sorted(map(re.escape, own), key=len, reverse=True))
        marks = "|".join(re.escape(mark) for mark in (self.lane_mark.split("{")[0].strip(), self.unlabelled))
        pattern = re.compile(rf"(?:{ways})(?: \(.*)?$|.*(?:{marks})", re.IGNORECASE)
        object.__setattr__(self, "keyword", pattern)
        ways = "|".join(map(re.escape, (self.table_lane, *self.table_kinds.values())))
        object.__setattr__(self, "flow_keyword", re.compile(rf"(?:{ways})$|.*(?:{marks})", re.IGNORECASE))

    def count(self, number: int, forms: tuple[str, str, str]) -> str:
        """`3 шага`, `1 step`: the number with the noun in agreement."""
        return f"{number} {forms[_plural(number, self.language)]}"

    def listing(self, numbers: Sequence[str], *, either: bool = False) -> str:
        """`5, 7 и 9`, or with `either` `5, 7 или 9`."""
        if len(numbers) < 2:
            return "".join(numbers)
        return f"{', '.join(numbers[:-1])} {self.either if either else self.joiner} {numbers[-1]}"

    def sentence(self, key: str, numbers: Sequence[str]) -> str:
        """The template `key` for one number or `key + "_many"` for several."""
        if len(numbers) == 1:
            return self.sentences[key].format(n=numbers[0])
        return self.sentences[f"{key}_many"].format(list=self.listing(numbers))

    def quoted(self, label: str) -> str:
        """The label in the quotes of the language."""
        return quote(label, self.quotes)

    def shown(self, label: str) -> str:
        """The label of a node or lane as it is where it is tame, else quoted."""
        return label if tame(label, self.keyword) else self.quoted(label)

    def shown_flow(self, label: str) -> str:
        """The label of a flow as it is where it is tame, else quoted."""
        return label if tame(label, self.flow_keyword) else self.quoted(label)


def _plural(number: int, language: Language) -> int:
    if language == "en":
        return 0 if number == 1 else 2
    if number % 10 == 1 and number % 100 != 11:
        return 0
    return 1 if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else 2


_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}
_UNESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


def quote(label: str, quotes: tuple[str, str]) -> str:
    """`label` between `quotes`, on one line; `unquote` gives it back exactly."""
    opening, closing = quotes
    lone = not _balanced(label, opening, closing)
    out = [opening]
    for char in label:
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char in quotes and lone:
            out.append("\\" + char)
        elif unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs"):
            out.append(f"\\u{ord(char):04x}")
        else:
            out.append(char)
    out.append(closing)
    return "".join(out)


def unquote(text: str, at: int, quotes: tuple[str, str]) -> tuple[str, int] | None:
    """The label that is quoted at `text[at]` and the place behind its closing quote; None when there is none."""
    opening, closing = quotes
    if not text.startswith(opening, at):
        return None
    out: list[str] = []
    depth = 1
    at += 1
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            follower = text[at + 1]
            code = re.compile(r"u([0-9a-f]{4})").match(text, at + 1) if follower == "u" else None
            out.append(chr(int(code[1], 16)) if code else _UNESCAPES.get(follower, follower))
            at += 6 if code else 2
            continue
        at += 1
        if char == closing:
            depth -= 1
            if not depth:
                return "".join(out), at
        elif char == opening:
            depth += 1
        out.append(char)
    return None


def tame(label: str, keyword: re.Pattern[str]) -> bool:
    """Whether the label can stand without quotes and still be told from the words around it, such as `keyword`."""
    return (
        bool(label)
        and label.isprintable()
        and (label[0].isalnum() or label[0] in "\"'([<>=≥≤≠+№#")
        and (label[-1].isalnum() or label[-1] in "\"')]%°+")
        and "  " not in label
        and not re.search(r": |[.!?] | / |[«»“”\\|;→`]|--|->", label)
        and not keyword.match(label)
    )


def _balanced(label: str, opening: str, closing: str) -> bool:
    depth = 0
    for char in label:
        depth += (char == opening) - (char == closing)
        if depth < 0:
            return False
    return depth == 0
