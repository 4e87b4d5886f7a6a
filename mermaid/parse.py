"""A Mermaid flowchart as a typed graph.

Our own output (see `dialect`) comes back unchanged but for ids, boxes and confidences. In anybody else's flowchart
shapes give the types (ISO 5807: diamond = decision, slanted = data), subgraphs become lanes, or sub-processes when a
flow ends at them; styles, links and clicks are ignored. Comments, frontmatter and directives are skipped. The verdict
whether Mermaid itself accepts a text is `validate`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from diagram.errors import DiascribeError
from diagram.kinds import DIAGRAM_KINDS, LANGUAGES, DiagramKind, EdgeKind, Language, NodeType, Trigger
from diagram.model import Diagram, Edge, Lane, Node
from mermaid import dialect
from mermaid.scan import LinkToken, NodeToken, ScanError, Scanner

HEADER: Final = re.compile(
    r"[ \t]*(?:flowchart-elk|flowchart|graph|swimlane(?:-beta)?)\b[ \t]*(?P<direction>TB|TD|BT|LR|RL|[<>^v])?[ \t]*;?"
)
_FRONTMATTER = re.compile(r"\A\s*---[ \t]*\n.*?\n[ \t]*---[ \t]*(?=\n|\Z)", re.DOTALL)
_DIRECTIVE = re.compile(r"%%\{.*?\}%%", re.DOTALL)
_COMMENT = re.compile(r"(?m)^[ \t]*%%[^\n]*$")
_MARKER = re.compile(rf"(?m)^[ \t]*{re.escape(dialect.MARKER)}[ \t]*(\w+)[ \t]+(\w+)[ \t]*$")
_SUBGRAPH = re.compile(r"subgraph\b[ \t]*(?P<rest>(?:\"[^\"]*\"|[^\n;\"])*)")
_TITLED = re.compile(r"(?P<id>[^\[\"]+?)[ \t]*\[[ \t]*(?P<title>\"[^\"]*\"|[^\]]*)\]$")
_WORD = re.compile(r"(subgraph|end|direction|classDef|class|style|linkStyle|click|href|accTitle|accDescr)\b(?![-\w@])")
_CLASS_LINE = re.compile(r"class[ \t]+([^\n;]+?)[ \t]+([\w-]+)[ \t]*;?[ \t]*$")
_LINE = re.compile(r"[^\n;]*")
_TAG = re.compile(r"</?(?!br\b)[a-zA-Z][^<>]*>")
_ICON = re.compile(r"\bfa[bklrs]?:fa-[\w-]+\s*")
_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
_LATIN = re.compile("[a-z]", re.IGNORECASE)

# What shapes mean in a flowchart, by brackets and by the names of `@{ shape: … }` (with Mermaid's aliases).
_BY_BRACKETS: Final[dict[tuple[str, str], NodeType]] = {
    **dialect.NATURAL,
    ("((", "))"): "terminator",
    ("(((", ")))"): "terminator",
    ("(-", "-)"): "terminator",
    ("[\\", "\\]"): "io",
}
_NAMED: Final[dict[NodeType, str]] = {
    "decision": "diam diamond decision question",
    "terminator": "stadium pill terminal circle circ dbl-circ double-circle sm-circ small-circle start fr-circ"
    " framed-circle stop",
    "io": "lean-r lean-right in-out lean-l lean-left out-in sl-rect manual-input curv-trap display",
    "document": "doc document docs documents st-doc stacked-document lin-doc lined-document tag-doc tagged-document",
    "predefined_process": "fr-rect framed-rectangle subproc subprocess subroutine",
    "data_store": "cyl cylinder database db lin-cyl lined-cylinder disk h-cyl das horizontal-cylinder bow-rect"
    " stored-data datastore",
    "annotation": "text brace brace-l brace-r braces comment",
    "connector": "f-circ filled-circle junction cross-circ crossed-circle summary",
    "gateway_parallel": "fork join",
}
_BY_NAME: Final = {name: node_type for node_type, names in _NAMED.items() for name in names.split()}


class NotAFlowchartError(DiascribeError):
    """The text is no Mermaid flowchart, or one that cannot be read; `line` counts from 1, 0 when unknown."""

    def __init__(self, message: str, *, line: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.line = line


def parse(source: str) -> Diagram:
    """The graph of a Mermaid flowchart.

    Raises:
        NotAFlowchartError: another diagram type, or a statement that is no flowchart syntax.
    """
    text = _blank(source)
    header = HEADER.match(text, len(text) - len(text.lstrip()))
    if not header:
        raise NotAFlowchartError(
            "not a Mermaid flowchart", hint="A flowchart starts with “flowchart TB” or “graph LR”."
        )
    reader = _Reader(text, header.end(), _MARKER.search(source))
    try:
        reader.read()
    except ScanError as error:
        raise NotAFlowchartError(f"line {error.line}: {error}", line=error.line) from error
    return reader.diagram()


def _blank(source: str) -> str:
    """The source without frontmatter, directives and comments, its line numbers kept."""
    text = source.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    for pattern in (_FRONTMATTER, _DIRECTIVE, _COMMENT):
        text = pattern.sub(lambda match: re.sub(r"[^\n]+", "", match[0]), text)
    return text


@dataclass(slots=True)
class _Group:
    """A subgraph while it is read."""

    id: str
    title: str
    parent: str | None
    css: str | None = None


@dataclass(slots=True)
class _Reader:
    text: str
    at: int
    marker: re.Match[str] | None
    nodes: dict[str, NodeToken] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
    groups: dict[str, _Group] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    links: list[tuple[str, str, LinkToken]] = field(default_factory=list)

    def read(self) -> None:
        scanner = Scanner(self.text, self.at)
        while scanner.at < len(self.text):
            if self.text[scanner.at] in " \t\n;":
                scanner.at += 1
            elif match := _WORD.match(self.text, scanner.at):
                self._keyword(scanner, match[1])
            else:
                chain = scanner.chain()
                for group in chain.groups:
                    for token in group:
                        self._mention(token)
                for left, right, link in zip(chain.groups, chain.groups[1:], chain.links, strict=False):
                    self.links += [(a.id, b.id, link) for a in left for b in right]
        if self.open:
            raise scanner.error(f"the subgraph {self.open[-1]!r} is not ended by “end”")

    def _keyword(self, scanner: Scanner, word: str) -> None:
        if word == "subgraph":
            match = _SUBGRAPH.match(self.text, scanner.at)
            scanner.at = match.end() if match else scanner.at + len(word)
            self._open(match["rest"].strip() if match else "")
        elif word == "end":
            if not self.open:
                raise scanner.error("“end” without a subgraph")
            self.open.pop()
            scanner.at += len(word)
        else:
            line = _LINE.match(self.text, scanner.at)
            assert line is not None
            scanner.at = line.end()
            if word == "accDescr" and "{" in line[0] and "}" not in line[0]:
                close = self.text.find("}", scanner.at)
                scanner.at = len(self.text) if close < 0 else close + 1
            if word == "class" and (classes := _CLASS_LINE.match(line[0])):
                for name in classes[1].split(","):
                    self._add_class(name.strip(), classes[2])

    def _open(self, rest: str) -> None:
        titled = _TITLED.match(rest)
        if titled:
            name, title = titled["id"].strip(), titled["title"].strip()
        else:
            name, title = rest.strip('"'), rest
        name = name or f"subgraph-{len(self.groups) + 1}"
        if name not in self.groups:
            self.groups[name] = _Group(name, title.strip('"').strip("`"), self.open[-1] if self.open else None)
            pending = self.nodes.pop(name, None)  # mentioned in a flow before it was opened
            self.groups[name].css = pending.css if pending else None
            self.homes.pop(name, None)
        self.open.append(name)

    def _mention(self, token: NodeToken) -> None:
        if token.id in self.groups:
            if token.css:
                self.groups[token.id].css = token.css
            return
        known = self.nodes.get(token.id)
        if known is None:
            self.nodes[token.id] = token
        else:
            written = token if token.label is not None or token.shape is not None else known
            self.nodes[token.id] = replace(
                written,
                label=written.label if written.label is not None else known.label,
                css=token.css if token.css in dialect.CLASSES or not known.css else known.css,
            )
        if self.open:
            self.homes.setdefault(token.id, self.open[-1])

    def _add_class(self, name: str, css: str) -> None:
        if name in self.groups:
            self.groups[name].css = css
        elif name in self.nodes and (css in dialect.CLASSES or not self.nodes[name].css):
            self.nodes[name] = replace(self.nodes[name], css=css)

    def diagram(self) -> Diagram:
        own = self.marker is not None or any(
            dialect.CLASSES.get(token.css or "", ("", None, False))[0] in _BPMN_ONLY for token in self.nodes.values()
        )
        ends = {end for a, b, link in self.links if link.stroke != "dotted" for end in (a, b)}
        inner = {
            name
            for name, group in self.groups.items()
            if group.css in dialect.CLASSES or (group.css not in ("lane", "pool") and name in ends)
        }
        nodes = self._typed_nodes(inner, own)
        lanes = [
            Lane(name, dialect.unescape(_plain(group.title)), self._lane_above(group.parent, inner))
            for name, group in self.groups.items()
            if name not in inner
        ]
        edges, attached = self._edges(nodes, {lane.id for lane in lanes}, own)
        members = [replace(node, attached_to=attached.get(node.id)) for node in nodes.values()]
        if self.marker and all(re.fullmatch(r"n\d+", node.id) for node in members):
            members.sort(key=lambda node: int(node.id[1:]))
        if self.marker and all(re.fullmatch(r"l\d+", lane.id) for lane in lanes):
            lanes.sort(key=lambda lane: int(lane.id[1:]))
        kind, language = self._kind(lanes, own), self._language(members, edges, lanes)
        return Diagram(kind, tuple(members), tuple(edges), tuple(lanes), language)

    def _typed_nodes(self, inner: set[str], own: bool) -> dict[str, Node]:
        out: dict[str, Node] = {}
        for name, token in self.nodes.items():
            node_type, trigger, _ = _meaning(token, own)
            out[name] = Node(name, node_type, _text(token, node_type), trigger=trigger)
        for name in inner:
            group = self.groups[name]
            node_type, trigger, _ = dialect.CLASSES.get(group.css or "", ("subprocess", None, False))
            out[name] = Node(name, node_type, dialect.unescape(_plain(group.title)), trigger=trigger)
        for name, node in out.items():
            home = self.groups[name].parent if name in inner else self.homes.get(name)
            parent = home if home in inner else None
            out[name] = replace(node, parent=parent, lane=self._lane_above(home, inner))
        return out

    def _lane_above(self, home: str | None, inner: set[str]) -> str | None:
        while home is not None and home in inner:
            home = self.groups[home].parent
        return home

    def _edges(self, nodes: dict[str, Node], lanes: set[str], own: bool) -> tuple[list[Edge], dict[str, str]]:
        edges: list[Edge] = []
        attached: dict[str, str] = {}
        boundary = {name for name, css in self._css().items() if dialect.CLASSES.get(css or "", ("", None, False))[2]}
        for source, target, link in self.links:
            if link.stroke == "invisible":
                continue
            if own and not link.end and not link.start and link.stroke != "dotted" and target in boundary:
                attached[target] = source
                continue
            ends = {nodes[end].type if end in nodes else None for end in (source, target)}
            kind = _edge_kind(link, ends, own)
            if kind == "sequence" and (source in lanes or target in lanes):
                kind = "message"
            text = dialect.unescape(_plain(link.label))
            ways = [(target, source)] if link.start and not link.end else [(source, target)]
            if link.start == "<" and link.end:
                ways.append((target, source))
            edges += [Edge(f"e{len(edges) + i}", a, b, text, kind) for i, (a, b) in enumerate(ways, 1)]
        return edges, attached

    def _css(self) -> dict[str, str | None]:
        return {name: token.css for name, token in self.nodes.items()} | {
            name: group.css for name, group in self.groups.items()
        }

    def _kind(self, lanes: list[Lane], own: bool) -> DiagramKind:
        for kind in DIAGRAM_KINDS:
            if self.marker and self.marker[1] == kind:
                return kind
        return "bpmn" if own or (self.text.lstrip().startswith("swimlane") and lanes) else "flowchart"

    def _language(self, nodes: list[Node], edges: list[Edge], lanes: list[Lane]) -> Language:
        for language in LANGUAGES:
            if self.marker and self.marker[2] == language:
                return language
        words = " ".join([*(n.text for n in nodes), *(e.text for e in edges), *(lane.name for lane in lanes)])
        return "ru" if 2 * len(_CYRILLIC.findall(words)) > len(_LATIN.findall(words)) else "en"


_BPMN_ONLY: Final = frozenset({
    "start_event", "end_event", "intermediate_event", "gateway_exclusive", "gateway_parallel", "gateway_inclusive",
    "gateway_event", "gateway_complex",
})  # fmt: skip


def _meaning(token: NodeToken, own: bool) -> tuple[NodeType, Trigger | None, bool]:
    if token.css in dialect.CLASSES:
        return dialect.CLASSES[token.css]
    if token.shape is not None:
        return _BY_NAME.get(token.shape, "process"), None, False
    node_type = _BY_BRACKETS.get((token.opening, token.closing), "process")
    if not own and token.opening == "((" and len((token.label or "").strip('"')) <= 2:
        node_type = "connector"
    return node_type, None, False


def _text(token: NodeToken, node_type: NodeType) -> str:
    raw = token.id if token.label is None else token.label
    mark = dialect.MARK.get(node_type)
    if mark is not None and raw.strip() == mark:
        return ""
    return dialect.unescape(_plain(raw, markdown=token.markdown))


def _plain(raw: str, *, markdown: bool = False) -> str:
    """A label without tags, icons and markdown's stars, as text that still holds entities."""
    raw = "\n".join(line.strip(" \t") for line in raw.split("\n"))
    raw = _ICON.sub("", _TAG.sub("", raw))
    if markdown:
        raw = re.sub(r"(\*\*|__)(.+?)\1", r"\2", raw)
        raw = re.sub(r"(?<!\w)([*_])(.+?)\1(?!\w)", r"\2", raw)
    return raw


def _edge_kind(link: LinkToken, ends: set[NodeType | None], own: bool) -> EdgeKind:
    if link.stroke != "dotted":
        return "sequence"
    if link.end or link.start:
        return "message" if own else "sequence"
    return "association" if own or ends & {"annotation", "data_object", "data_store"} else "sequence"
