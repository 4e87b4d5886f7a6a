"""Is a text valid Mermaid, and if not, where and why: Mermaid's own verdict in the user's own lines and columns.

Mermaid parses a text without its frontmatter, directives and comments, so the places it names are mapped back. Each
problem carries what was expected, the offending line and a hint that a person or a small model can act on. Needs no
browser. Changing a text is `repair`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Self

from diagram.errors import DiascribeError, MissingDependencyError
from mermaid.hints import hint_for, said
from mermaid.pool import Pool, WorkerError

MAX_TEXT: Final = 50_000
"""Mermaid's own `maxTextSize`: above it every viewer shows an error picture instead of the diagram."""
MAX_INPUT: Final = 2_000_000
_HINTED: Final = 1_000
"""Characters of a line that are looked at for a hint."""

_FRONTMATTER = re.compile(r"\A-{3}\s*\n(.*?)\n-{3}\s*\n+", re.DOTALL)
_DIRECTIVE = re.compile(r"%%\{\s*(?:(\w+)\s*:|(\w+))\s*(?:(\w+)|(?:(?!\}%%).|\n)*)?\s*(?:\}%%)?")
_COMMENT = re.compile(r"^\s*%%(?!\{)[^\n]+\n?", re.MULTILINE)
_BRACE_SPACE = re.compile(r"(?<=\})\s*(?=\n)")
_LINE_IN_MESSAGE = re.compile(r"line:? (\d+)(?:, column:? (\d+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text is not valid. line and column count from 1 in the text as given; 0 when there is no single place."""

    message: str
    line: int = 0
    column: int = 0
    expected: tuple[str, ...] = ()
    text: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Mermaid's verdict. `type` is Mermaid's name of the diagram type, "" when it knows none.

    `source` is the text judged: the one given, or what `repairs` (one sentence each) made of it.
    """

    valid: bool
    source: str
    type: str = ""
    problem: Problem | None = None
    repairs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The form that the CLI and the API give out."""
        problem = self.problem
        return {
            "valid": self.valid,
            "type": self.type,
            "line": problem.line if problem else 0,
            "column": problem.column if problem else 0,
            "message": problem.message if problem else "",
            "expected": list(problem.expected) if problem else [],
            "text": problem.text if problem else "",
            "hint": problem.hint if problem else "",
            "repairs": list(self.repairs),
            "warnings": list(self.warnings),
            "source": self.source,
        }


class Validator:
    """Mermaid's parser in worker processes, kept warm between calls. Threads may share one."""

    def __init__(self, *, workers: int = 1, deadline: float = 10.0) -> None:
        self.deadline = deadline
        self._pool = Pool("mermaid.verdict", size=workers, deadline=deadline)

    def check(self, source: str) -> Verdict:
        """The verdict on a text as it is.

        Raises:
            MissingDependencyError: the JavaScript engine is not installed.
        """
        if len(source) > MAX_INPUT:
            problem = Problem(f"the text has {len(source)} characters; {MAX_INPUT} are read", hint="Split the diagram.")
            return Verdict(False, source, problem=problem)
        try:
            answer, _ = self._pool.call({}, source.encode("utf-8", "replace"))
        except WorkerError as error:
            if error.kind == "missing":
                raise MissingDependencyError(str(error), hint="pip install mini-racer") from error
            if error.kind not in ("deadline", "limit"):
                raise DiascribeError(f"the Mermaid parser failed: {error}") from error
            problem = Problem(f"Mermaid could not parse this: {error}", hint=error.hint)
            return Verdict(False, source, problem=problem)
        warnings = _warnings(source)
        if answer["valid"]:
            return Verdict(True, source, type=answer["type"], warnings=warnings)
        return Verdict(False, source, problem=_problem(source, answer), warnings=warnings)

    def labels(self, source: str) -> dict[str, Any]:
        """What Mermaid itself reads in a flowchart: `vertices`, `edges` and `subgraphs` with their raw texts."""
        return self._pool.call({"labels": True}, source.encode())[0]

    def memory(self) -> int:
        """Bytes of resident memory, the most that a worker had after an answer."""
        return self._pool.resident

    def close(self) -> None:
        """End the workers."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _warnings(source: str) -> tuple[str, ...]:
    if len(source) <= MAX_TEXT:
        return ()
    return (
        f"the text has {len(source)} characters: viewers with Mermaid's usual limit of {MAX_TEXT} will not draw it",
    )


def _problem(source: str, answer: dict[str, Any]) -> Problem:
    raw = str(answer["message"])
    line, column = answer.get("line"), answer.get("column")
    if line is None and (match := _LINE_IN_MESSAGE.search(raw)):
        line, column = int(match[1]), int(match[2]) - 1 if match[2] else None
    at, place, text = 0, 0, ""
    if line is not None:
        at, place = locate(source, line, column or 0)
        lines = source.replace("\r\n", "\n").split("\n")
        at = min(at, len(lines))
        text = lines[at - 1] if at else ""
        place = min(place, len(text) + 1) if column is not None else 0
    expected = tuple(dict.fromkeys(said(name) for name in answer.get("expected", ()) if said(name)))
    message = _message(raw, answer.get("got"), expected)
    return Problem(message, at, place, expected, text, hint_for(source[:MAX_TEXT], raw, at, text[:_HINTED]))


def _message(raw: str, got: str | None, expected: tuple[str, ...]) -> str:
    if not expected:
        if wanted := re.search(r"Expecting [^\n]+", raw):
            return wanted[0][:300]
        first = re.sub(r"^Parsing failed:\s*", "", raw.strip())
        first = re.sub(r"^Parse error on line \d+(?:, column \d+)?:\s*", "", first)
        return re.sub(r"^Lexical error on line \d+\.\s*", "", first).split("\n", 1)[0][:300]
    found = said(got or "") or ("the end of the text" if got in (None, "1", "EOF") else str(got))
    listed = ", ".join(expected[:5]) + (" …" if len(expected) > 5 else "")
    return f"found {found}, expected {listed}"


def locate(source: str, line: int, column: int) -> tuple[int, int]:
    """Line and column (from 1) in `source` of a place that Mermaid names (line from 1, column from 0)."""
    text, origin = _processed(source)
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    start = starts[min(line, len(starts)) - 1] if line > 0 else 0
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    place = min(start + _shown(text[start:end], column), len(text))
    while 0 < place >= len(text) and place > start:
        place -= 1
    if place >= len(origin):
        return source.count("\n") + 1, 1
    offset = origin[place] + (1 if column and start + column >= len(text) else 0)
    normal = source.replace("\r\n", "\n").replace("\r", "\n")
    before = normal.rfind("\n", 0, offset) + 1
    return normal.count("\n", 0, offset) + 1, offset - before + 1


def _shown(line: str, column: int) -> int:
    """The column in a line as written, of a column in the line with Mermaid's own entities, which are longer."""
    shift = 0
    for match in re.finditer(r"#\w+;", line):
        longer = 3 if match[0][1:-1].isdigit() else 2  # "#35;" becomes "ﬂ°°35¶ß", "#lt;" becomes "ﬂ°lt¶ß"
        if match.start() + shift >= column:
            break
        shift += longer
    return max(0, min(column - shift, len(line)))


def _processed(source: str) -> tuple[str, list[int]]:
    """The text that Mermaid's parser sees, and where each of its characters stands in the source (line ends as LF)."""
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    origin = list(range(len(text)))

    def remove(pattern: re.Pattern[str]) -> None:
        nonlocal text, origin
        kept: list[str] = []
        places: list[int] = []
        at = 0
        for match in pattern.finditer(text):
            kept.append(text[at : match.start()])
            places += origin[at : match.start()]
            at = match.end()
        text, origin = "".join([*kept, text[at:]]), places + origin[at:]

    lead = len(text) - len(text.lstrip())
    text, origin = text[lead:], origin[lead:]
    for pattern in (_FRONTMATTER, _DIRECTIVE, _COMMENT):
        remove(pattern)
    lead = len(text) - len(text.lstrip())
    text, origin = text[lead:], origin[lead:]
    if re.match(r"(?:flowchart|graph|swimlane)", text):
        remove(_BRACE_SPACE)
    return text, origin
