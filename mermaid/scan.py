"""Tokens of a Mermaid flowchart: statements, nodes with their shapes and labels, links with theirs.

Reads what Mermaid's own grammar reads (chains, `&`, labels in pipes or inside the arrow, `@{ … }`), leniently: what
makes no sense ends the statement with a `ScanError` that names the place. Knows nothing of graphs or node types.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

_SPACE = re.compile(r"[ \t]*")
_ID = re.compile(r"(?:[^\W_]|[_!#$%'*+.`?\\/]|-(?![->.])|=(?!=)|:(?!::))+")
_LINK = re.compile(
    r"""(?P<start>[xo<](?=--|==|-\.))?
    (?: (?P<body>--+|==+|-\.+-?) (?P<end>[xo>])?
      | (?P<invisible>~~~+) )""",
    re.VERBOSE,
)
_EDGE_ID = re.compile(r"[\w-]+@(?=[xo<]?(?:--|==|-\.|~~~))")
_LABELLED_END = {
    "-": re.compile(r"(?P<end>--+[xo>]|---+)"),
    "=": re.compile(r"(?P<end>==+[xo>]|===+)"),
    ".": re.compile(r"(?P<end>\.+-[xo>]?)"),
}
_CLASS = re.compile(r":::([\w-]+)")
# Longest opening first; the closings that may follow it.
_SHAPES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("(((", (")))",)), ("((", ("))",)), ("([", ("])",)), ("(-", ("-)",)), ("(", (")",)),
    ("[[", ("]]",)), ("[(", (")]",)), ("[/", ("/]", "\\]")), ("[\\", ("\\]", "/]")), ("[|", ("|]",)), ("[", ("]",)),
    ("{{", ("}}",)), ("{", ("}",)), (">", ("]",)), ("<[", ("]>",)),
)  # fmt: skip
MAX_PRODUCT: Final = 20_000
"""Flows that one statement may make through `&`; far above any drawing, far below harm."""


class ScanError(ValueError):
    """A statement that is no Mermaid; `line` counts from 1 in the source as given."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class NodeToken:
    """A mention of a node. label None: no shape was written here. label is raw, entities and tags untouched."""

    id: str
    opening: str = ""
    closing: str = ""
    label: str | None = None
    markdown: bool = False
    css: str | None = None
    shape: str | None = None


@dataclass(frozen=True, slots=True)
class LinkToken:
    """One arrow. stroke as drawn; heads at its start and end: "" none, "<", ">", "x" or "o"."""

    stroke: Literal["normal", "thick", "dotted", "invisible"]
    start: str
    end: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """`groups[0] links[0] groups[1] …`: every node of a group is linked with every node of the next."""

    groups: tuple[tuple[NodeToken, ...], ...]
    links: tuple[LinkToken, ...] = ()


@dataclass(slots=True)
class Scanner:
    """Reads one vertex statement at a time from `text`, starting at `at`."""

    text: str
    at: int = 0
    _lines: list[int] = field(default_factory=list)

    def chain(self) -> Chain:
        """The statement at the cursor, up to a line break or semicolon (consumed)."""
        groups = [self._group()]
        links: list[LinkToken] = []
        while True:
            self._space()
            if self._ends():
                return Chain(tuple(groups), tuple(links))
            links.append(self._link())
            while self._peek("\n"):  # a chain may go on after an arrow at the end of a line
                self.at += 1
                self._space()
            groups.append(self._group())
            if len(groups[-2]) * len(groups[-1]) > MAX_PRODUCT:
                raise self.error("this statement makes too many flows")

    def error(self, message: str, at: int | None = None) -> ScanError:
        """An error at the cursor, or at an offset."""
        place = self.at if at is None else at
        return ScanError(message, self.text.count("\n", 0, place) + 1)

    def _group(self) -> tuple[NodeToken, ...]:
        nodes = [self._node()]
        while True:
            mark = self.at
            self._space()
            if not self._peek("&"):
                self.at = mark
                return tuple(nodes)
            self.at += 1
            self._space()
            nodes.append(self._node())

    def _node(self) -> NodeToken:
        self._space()
        match = _ID.match(self.text, self.at)
        if not match:
            raise self.error(f"expected a node, found {self._near()!r}")
        self.at = match.end()
        token = NodeToken(match[0])
        if self._peek("@{"):
            token = self._attributes(token.id)
        else:
            token = self._shaped(token.id) or token
        if match := _CLASS.match(self.text, self.at):
            self.at = match.end()
            token = NodeToken(
                token.id, token.opening, token.closing, token.label, token.markdown, match[1], token.shape
            )
        return token

    def _shaped(self, node: str) -> NodeToken | None:
        mark = self.at
        for opening, closings in _SHAPES:
            if not self.text.startswith(opening, mark):
                continue
            self.at = mark + len(opening)
            if opening == "[|" and (keyed := re.compile(r"\w+:\w+\|").match(self.text, self.at)):
                self.at = keyed.end()
                closings = ("]",)
            found = self._label(closings)
            if found is None:
                continue
            label, markdown, closing = found
            return NodeToken(node, opening, closing, label, markdown)
        self.at = mark
        if self.text[mark : mark + 1] not in tuple("([{>"):
            return None
        raise self.error(f"the label of {node!r} is not closed: {self._near()!r}")

    def _label(self, closings: tuple[str, ...]) -> tuple[str, bool, str] | None:
        """Label, whether markdown, and the closing that ended it; None when none of the closings comes."""
        self._space(lines=True)
        if self._peek('"'):
            end = self.text.find('"', self.at + 1)
            if end < 0:
                return None
            raw = self.text[self.at + 1 : end]
            self.at = end + 1
            self._space(lines=True)
            for closing in closings:
                if self.text.startswith(closing, self.at):
                    self.at += len(closing)
                    markdown = len(raw) > 1 and raw[0] == raw[-1] == "`"
                    return (raw[1:-1] if markdown else raw), markdown, closing
            return None
        best: tuple[int, str] | None = None
        for closing in closings:
            place = self.text.find(closing, self.at)
            if place >= 0 and (best is None or place < best[0]):
                best = place, closing
        if best is None:
            return None
        raw = self.text[self.at : best[0]]
        if "\n" in raw and any(mark in raw for mark in "[]{}"):
            return None
        self.at = best[0] + len(best[1])
        return raw.strip(), False, best[1]

    def _attributes(self, node: str) -> NodeToken:
        """`id@{ shape: …, label: "…" }`; other keys are ignored."""
        start = self.at
        values: dict[str, str] = {}
        self.at += 2
        pattern = re.compile(r"""\s*,?\s*([\w-]+)\s*:\s*("(?:[^"]*)"|'(?:[^']*)'|[^,}\n]*)\s*""")
        while match := pattern.match(self.text, self.at):
            value = match[2].strip()
            values[match[1]] = value[1:-1] if value[:1] in ("'", '"') and len(value) > 1 else value
            self.at = match.end()
        self._space(lines=True)
        if not self._peek("}"):
            raise self.error(f"the attributes of {node!r} are not closed", start)
        self.at += 1
        return NodeToken(node, label=values.get("label"), shape=values.get("shape"))

    def _link(self) -> LinkToken:
        if match := _EDGE_ID.match(self.text, self.at):
            self.at = match.end()
        match = _LINK.match(self.text, self.at)
        if not match:
            raise self.error(f"expected an arrow, found {self._near()!r}")
        self.at = match.end()
        if match["invisible"]:
            return LinkToken("invisible", "", "")
        body, start, end = match["body"], match["start"] or "", match["end"] or ""
        stroke: Literal["normal", "thick", "dotted"] = (
            "dotted" if "." in body else "thick" if body[0] == "=" else "normal"
        )
        whole = bool(end) or (len(body) > 2 and not body.endswith("."))
        label = ""
        if not whole:
            label, end = self._inner_label(stroke)
        else:
            mark = self.at
            self._space()
            if self._peek("|"):
                label = self._piped()
            else:
                self.at = mark
        return LinkToken(stroke, start, end, label)

    def _inner_label(self, stroke: str) -> tuple[str, str]:
        """`-- text -->`: the text, and the head after it."""
        self._space()
        kind = {"normal": "-", "thick": "=", "dotted": "."}[stroke]
        start = self.at
        if self._peek('"') and (close := self.text.find('"', self.at + 1)) > 0:
            start, self.at = self.at + 1, close + 1
            match = _LABELLED_END[kind].match(self.text, _SPACE.match(self.text, self.at).end())  # type: ignore[union-attr]
            stop = close
        else:
            line_end = self.text.find("\n", self.at)
            match = _LABELLED_END[kind].search(self.text, self.at, line_end if line_end >= 0 else len(self.text))
            stop = match.start() if match else self.at
        if not match:
            raise self.error("the arrow's label is not followed by the rest of the arrow")
        self.at = match.end()
        head = match["end"][-1]
        return self.text[start:stop].strip(), head if head in "xo>" else ""

    def _piped(self) -> str:
        start = self.at
        self.at += 1
        self._space()
        if self._peek('"'):
            end = self.text.find('"', self.at + 1)
            label = self.text[self.at + 1 : end]
            self.at = end + 1
            self._space()
            if end < 0 or not self._peek("|"):
                raise self.error("the label between pipes is not closed", start)
            self.at += 1
            return label
        end = self.text.find("|", self.at)
        if end < 0:
            raise self.error("the label between pipes is not closed", start)
        label = self.text[self.at : end].strip()
        self.at = end + 1
        return label

    def _space(self, *, lines: bool = False) -> None:
        blank = " \t\n" if lines else " \t"
        while self.at < len(self.text) and self.text[self.at] in blank:
            self.at += 1

    def _peek(self, mark: str) -> bool:
        return self.text.startswith(mark, self.at)

    def _ends(self) -> bool:
        """True at the end of a statement, which is consumed."""
        if self.at >= len(self.text):
            return True
        if self.text[self.at] in "\n;":
            self.at += 1
            return True
        return False

    def _near(self) -> str:
        return self.text[self.at : self.at + 20].split("\n", 1)[0]
