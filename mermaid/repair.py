"""Deterministic repairs of Mermaid that does not parse, each reported in a sentence.

A repair mends how a diagram is written, never what it says: fences and prose around the code, straight quotes, labels
into quotes, reserved ids, arrows in foreign spelling, an arrow that a cut-off text leaves dangling. No bracket is ever
guessed. What Mermaid accepts is not touched, and what cannot be mended is returned as it came, with its problem.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mermaid.validate import Validator, Verdict

_LONGEST_TEXT: Final = 100_000
_LONGEST_LINE: Final = 2_000

Repair = Callable[[str], tuple[str, str]]

_TYPES: Final = (
    "flowchart|graph|swimlane|sequenceDiagram|classDiagram|stateDiagram|erDiagram|journey|gantt|pie|quadrantChart"
    "|requirementDiagram|gitGraph|mindmap|timeline|zenuml|sankey|xychart|block|packet|kanban|architecture|radar|treemap"
    "|C4Context|C4Container|C4Component|C4Dynamic|C4Deployment|info"
)
_HEADER = re.compile(rf"(?m)^[ \t]*(?:{_TYPES})\b")
_FENCE = re.compile(r"(?ms)^[ \t]*(```+|~~~+)[ \t]*([\w-]*)[^\n]*\n(.*?)(?:^[ \t]*\1|\Z)")
_FLOWCHART = re.compile(r"(?m)^[ \t]*(?:flowchart|graph|swimlane)\b")
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")
_BLANKS = re.compile("[\t\u00a0\u2007\u202f\u3000]")
_RESERVED: Final = "end|graph|flowchart|subgraph|style|class|click|default|linkStyle|href|call|direction|classDef"
_ARROW = r"(?:[xo<]?(?:--+|==+|-\.+-?)[>xo]?|~~~+)"
# Closings by opening, longest first: what stands between is the label.
_PAIRS: Final = (
    ("(((", ")))"), ("([", "])"), ("((", "))"), ("[[", "]]"), ("[(", ")]"), ("[/", "/]"), ("[/", "\\]"), ("[\\", "\\]"),
    ("[\\", "/]"), ("{{", "}}"), ("[", "]"), ("(", ")"), ("{", "}"),
)  # fmt: skip
_AFTER_LABEL = rf"(?=[ \t]*(?:$|;|&|:::|{_ARROW}|%%))"
_NEEDS_QUOTES = re.compile(r'[()\[\]{}"|<>@#;]|--|==|\bend\b')


def repair(source: str, validator: Validator) -> Verdict:
    """Mermaid's verdict on a text, mended as far as possible when it is not valid.

    The verdict's `source` and `repairs` tell what was changed. When the mended text is still not valid, the verdict is
    that on the text as given. Texts and lines far beyond what a diagram has are not mended, nor is anything after the
    validator's deadline: trying must not cost more than a verdict.
    """
    end = time.monotonic() + validator.deadline
    first = validator.check(source)
    if first.valid or len(source) > _LONGEST_TEXT or max(map(len, source.split("\n"))) > _LONGEST_LINE:
        return first
    text = source
    done: list[str] = []
    for step in REPAIRS:
        mended, sentence = step(text)
        if mended == text:
            continue
        if time.monotonic() > end:
            break
        text = mended
        done.append(sentence)
        verdict = validator.check(text)
        if verdict.valid:
            return replace(verdict, repairs=tuple(done))
    return first


def _unwrap(text: str) -> tuple[str, str]:
    fences = [match for match in _FENCE.finditer(text) if _HEADER.search(match[3])]
    if not fences:
        stripped = re.sub(r"(?m)^[ \t]*(?:```+|~~~+)[^\n]*\n?", "", text)
        return stripped, "removed code fences"
    named = [match for match in fences if match[2].lower() == "mermaid"]
    return (named or fences)[0][3], "took the code out of its fence"


def _prose(text: str) -> tuple[str, str]:
    header = _HEADER.search(text)
    if not header:
        return text, ""
    before = text[: header.start()]
    kept_front = re.search(r"(?s)---\n.*?\n---\s*\Z|(?:^[ \t]*%%[^\n]*\s*)+\Z", before, re.MULTILINE)
    body = (kept_front[0] if kept_front else "") + text[header.start() :]
    paragraphs = re.split(r"(\n[ \t]*\n)", body)
    while len(paragraphs) > 2 and _is_prose(paragraphs[-1]):
        paragraphs = paragraphs[:-2]
    return "".join(paragraphs), "removed prose around the code"


def _is_prose(paragraph: str) -> bool:
    plain = paragraph.strip()
    code = re.search(
        r"-->|---|==>|-\.|->>|\[|\{|\||:::|^\s*(?:end|class|style|click|classDef)\b|^%%", plain, re.MULTILINE
    )
    return not plain or (not code and bool(re.search(r"[.!?:]\s*$", plain)))


def _blanks(text: str) -> tuple[str, str]:
    return _BLANKS.sub(" ", _INVISIBLE.sub("", text)), "replaced tabs and invisible characters"


def _entities(text: str) -> tuple[str, str]:
    mended = re.sub(r"-(?:-|\.-)&gt;|=&gt;|-&gt;(?:&gt;)?", lambda match: html.unescape(match[0]), text)
    mended = re.sub(r"([\[({|])&quot;(.*?)&quot;([\])}|])", r'\1"\2"\3', mended)
    return mended, "replaced HTML entities in the code"


def _header(text: str) -> tuple[str, str]:
    """The diagram type in its right spelling, or the missing type of what can only be a flowchart."""
    mended = re.sub(r"\A\s*mermaid[ \t]*:?[ \t]*\n", "", text)
    mended = re.sub(
        r"(?mi)\A(\s*)flow[ -]?chart[ \t:-]*(TB|TD|BT|RL|LR)\b", lambda m: f"{m[1]}flowchart {m[2].upper()}", mended
    )
    mended = re.sub(
        r"(?mi)\A(\s*)graph[ \t]*[:-]?[ \t]*(TB|TD|BT|RL|LR)\b", lambda m: f"{m[1]}graph {m[2].upper()}", mended
    )
    for name in ("sequenceDiagram", "classDiagram", "stateDiagram-v2", "erDiagram", "gitGraph", "mindmap"):
        mended = re.sub(rf"(?i)\A(\s*){re.escape(name)}\b", rf"\1{name}", mended)
    first = next((line for line in mended.split("\n") if line.strip() and not line.lstrip().startswith("%%")), "")
    if not _HEADER.search(mended) and re.search(r"[\w\])}]\s*(?:-->|==>|-\.->)", first):
        return "flowchart TB\n" + mended, "added the missing first line “flowchart TB”"
    return mended, "corrected the diagram type"


def _quotes(text: str) -> tuple[str, str]:
    pattern = r"([\[({|])[ \t]*[“„”«]([^“„”«»\"\n]*)[“”»][ \t]*([\])}|])"
    return re.sub(pattern, r'\1"\2"\3', text), "replaced typographic quotes around labels"


def _lines(text: str, change: Callable[[str], str]) -> str:
    """A flowchart's statements changed line by line; comments, and text of other diagram types, left alone."""
    if not _FLOWCHART.search(text):
        return text
    return "\n".join(line if line.lstrip().startswith("%%") else change(line) for line in text.split("\n"))


def _outside_labels(line: str, change: Callable[[str], str]) -> str:
    """A line with `change` applied outside quotes, brackets and pipes."""
    parts = re.split(r'("[^"]*"|\|[^|]*\||\[[^\]]*\]|\([^)]*\)|\{[^}]*\})', line)
    return "".join(part if i % 2 else change(part) for i, part in enumerate(parts))


def _arrows(text: str) -> tuple[str, str]:
    def change(part: str) -> str:
        part = re.sub(r"(?<![-=.<>])(?:->|—>|–>|→|⟶)(?!>)", "-->", part)
        return re.sub(r"(?<![-=.<>])=>", "==>", part)

    text = re.sub(r"(?m)(?<=[\w\])} ])--(?=\|[^|\n]*\|)", "-->", text)
    return _lines(text, lambda line: _outside_labels(line, change)), "wrote arrows as “-->”"


def _labels(text: str) -> tuple[str, str]:
    return _lines(text, _quote_line), "put labels into quotes"


def _quote_line(line: str) -> str:
    if re.match(r"\s*(?:classDef|class|style|linkStyle|click|direction|flowchart|graph|swimlane)\b", line):
        return line
    if match := re.match(r"(\s*subgraph\s+)([^\[\"]*[()\[\]{}|:;][^\"\[]*)$", line):
        return f'{match[1]}"{_quoted(match[2].strip())}"'
    line = re.sub(
        r"\|([^|\"]*)\|", lambda m: f'|"{_quoted(m[1].strip())}"|' if _NEEDS_QUOTES.search(m[1]) else m[0], line
    )
    out, at = "", 0
    while at < len(line):
        match = re.compile(r"(?<![\w>])([^\W\d][\w.-]*|\w+)[ \t]*(?=[\[({])").search(line, at)
        if not match or line.count('"', 0, match.start()) % 2:
            break
        found = _label(line, match.end())
        if found is None:  # where the label ends is not plain: leave the line alone
            return line
        opening, label, closing, end = found
        out += line[at : match.start()] + match[1]
        bare = label.strip()
        whole = len(bare) > 1 and bare[0] == bare[-1] == '"' and '"' not in bare[1:-1]
        out += opening + (label if whole or not _NEEDS_QUOTES.search(label) else f'"{_quoted(bare)}"') + closing
        at = end
    return out + line[at:]


def _label(line: str, at: int) -> tuple[str, str, str, int] | None:
    """Opening, label, closing and end of the label that starts at `at`; None when it is not plain where it ends.

    The label ends at the first closing bracket that an arrow, “&”, a class or the end of the line follows.
    """
    for opening, closing in _PAIRS:
        if not line.startswith(opening, at):
            continue
        pattern = re.compile(re.escape(closing) + _AFTER_LABEL)
        match = pattern.search(line, at + len(opening))
        if match:
            return opening, line[at + len(opening) : match.start()], closing, match.end()
    return None


def _quoted(label: str) -> str:
    return label.replace('"', "#quot;")


def _reserved(text: str) -> tuple[str, str]:
    def change(line: str) -> str:
        if re.match(rf"\s*(?:end\s*;?\s*$|(?:{_RESERVED})\s+(?![\[({{]|{_ARROW}))", line):
            return line  # the word in its own meaning
        bare = rf"(?<![\w\"#-])({_RESERVED})(?=\s*(?:$|;|&|{_ARROW}))"
        shaped = rf"(?<![\w\"#-])({_RESERVED})(?=[\[({{])"

        def outside(part: str) -> str:
            return re.sub(bare, r'\1_node["\1"]', part)

        line = re.sub(shaped, r"\1_node", line) if '"' not in line else _outside_quotes(line, shaped)
        return _outside_labels(line, outside)

    return _lines(text, change), "renamed nodes whose id is a reserved word"


def _outside_quotes(line: str, pattern: str) -> str:
    parts = line.split('"')
    return '"'.join(re.sub(pattern, r"\1_node", part) if i % 2 == 0 else part for i, part in enumerate(parts))


def _dangling(text: str) -> tuple[str, str]:
    """An arrow to nowhere at the very end, as a text that was cut off leaves it."""
    if not _FLOWCHART.search(text):
        return text, ""
    mended = re.sub(rf"[ \t]*{_ARROW}[ \t]*(?:\|[^|\n]*\|?)?\s*((?:\n\s*end\s*)*)\Z", r"\1", text.rstrip())
    return mended, "removed an arrow that leads nowhere at the end"


REPAIRS: Final[tuple[Repair, ...]] = (
    _unwrap, _prose, _blanks, _entities, _header, _quotes, _arrows, _labels, _reserved, _dangling,
)  # fmt: skip
