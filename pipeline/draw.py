"""Text in, diagram out: text, Mermaid, BPMN XML or JSON becomes a graph, Mermaid and a picture.

One call (`Studio.draw`) reads the input whatever it is, validates and mends Mermaid, chooses how a graph is drawn
best, renders and says what a user should know. A studio holds worker processes and is meant to live long; threads may
share it. Knows nothing of terminals and servers.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, Self, get_args

from diagram.errors import DiascribeError, EngineError, InputError, MissingDependencyError, UnknownNameError
from diagram.model import Diagram, Lane, Node
from diagram.narrate import narrate
from mermaid.dialect import Direction
from mermaid.emit import emit as emit_mermaid
from mermaid.parse import NotAFlowchartError
from mermaid.parse import parse as parse_mermaid
from mermaid.render import FORMATS, PLAIN, Auto, Format, Look, Native, Picture, Renderer, RenderError
from mermaid.repair import repair
from mermaid.validate import Problem, Validator, Verdict

if TYPE_CHECKING:
    from pipeline.settings import Settings

DrawFormat = Literal["svg", "png", "pdf", "mmd", "bpmn", "json"]
DRAW_FORMATS: Final[tuple[DrawFormat, ...]] = get_args(DrawFormat)
PAINTER: Final = "pipeline.painter"
RENDERERS: Final = ("auto", "native", "chromium")
MAX_TEXT: Final = 20_000_000
"""Characters of an input; what the kinds of input accept is less."""
_MERMAID = re.compile(
    r"(?:\s*---\n.*?\n\s*---\s*\n)?(?:\s*%%[^\n]*\n)*\s*(?:flowchart|graph|swimlane|sequenceDiagram|classDiagram"
    r"|stateDiagram|erDiagram|journey|gantt|pie|quadrantChart|requirementDiagram|gitGraph|mindmap|timeline|zenuml"
    r"|sankey|xychart|block|packet|kanban|architecture|radar|treemap|venn|ishikawa|wardley|railroad|usecase|C4\w+"
    r"|treeView|eventmodeling|cynefin|info)(?:-\w+)*\b[^\n.!?]*(?:\n|$)",
    re.DOTALL,
)
_HEADER = re.compile(
    r"\A((?:\s*---\n.*?\n---\s*\n)?(?:\s*%%[^\n]*\n)*\s*(?:flowchart|graph|swimlane-beta)\b)[ \t]*(?:TB|TD|BT|LR|RL)?",
    re.DOTALL,
)
_ANCHOR: Final = "\0anchor "
_FENCED = re.compile(r"(?m)^[ \t]*```+[ \t]*mermaid\b")


class InvalidMermaidError(InputError):
    """Mermaid that does not parse and could not be mended; `problem` says where and why."""

    def __init__(self, verdict: Verdict) -> None:
        problem = verdict.problem or Problem("not valid Mermaid")
        place = f"line {problem.line}, column {problem.column}: " if problem.line else ""
        super().__init__(f"{place}{problem.message}", hint=problem.hint)
        self.verdict = verdict
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Drawing:
    """What came of one input.

    diagram: the graph, None for Mermaid types that are no flowchart. mermaid: the source, "" when there is none.
    data: the bytes asked for. renderer: what drew them, "" for formats that are not drawn. timings: seconds per stage.
    """

    data: bytes
    format: DrawFormat
    diagram: Diagram | None
    mermaid: str
    renderer: str = ""
    warnings: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """An input as read: a graph, or Mermaid that is none, with what is to be said about it."""

    diagram: Diagram | None
    mermaid: str = ""
    warnings: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()


Drafter = Callable[[str], Read]


class Studio:
    """Reads and draws. Workers start when first needed; `close` ends them.

    Args:
        renderer: "auto", "native" or "chromium".
        workers: worker processes of the native renderer.
        deadline: seconds after which a drawing is given up.
        drafter: turns words into a graph; unless given, the built-in rules.
    """

    def __init__(
        self, renderer: str = "auto", *, workers: int = 2, deadline: float = 10.0, drafter: Drafter | None = None
    ) -> None:
        self._draft = drafter or by_rules
        self.validator = Validator(deadline=deadline)
        self.renderer = make_renderer(renderer, workers=workers, deadline=deadline)

    def start(self, format: DrawFormat) -> None:  # noqa: A002
        """Make ready for a first drawing of this format, without waiting for it."""
        if format in FORMATS:
            self.renderer.start()

    def draw(
        self,
        text: str,
        format: DrawFormat = "svg",  # noqa: A002
        *,
        direction: Direction | None = None,
        look: Look = PLAIN,
        renderer: str = "",
        drafter: Drafter | None = None,
    ) -> Drawing:
        """The drawing of an input.

        renderer: one of `RENDERERS` that this studio holds; "": its own choice. drafter: turns words into a graph, in
        place of the studio's own.

        Raises:
            InputError: the input cannot be read; InvalidMermaidError for Mermaid.
            MissingDependencyError: Chromium was asked for and is not installed.
            RenderError: it cannot be drawn, or not within the limits.
        """
        start = time.perf_counter()
        drawer = self._drawer(renderer)
        if format in FORMATS:
            drawer.start()  # while the input is read
        read = self.read(text, drafter)
        mermaid = self._source(read, direction)
        seconds = {"read": time.perf_counter() - start}
        if format in FORMATS:
            start = time.perf_counter()
            picture = self._render(read, mermaid, format, direction, look, drawer)
            seconds["render"] = time.perf_counter() - start
            warnings = read.warnings + picture.warnings
            return Drawing(
                picture.data, format, read.diagram, mermaid, picture.renderer, warnings, read.repairs, seconds
            )
        if format == "mmd":
            data = mermaid
        elif read.diagram is None:
            raise InputError(
                f"only flowcharts can be written as {format}", hint="Other Mermaid types are drawn as svg, png or pdf."
            )
        else:
            data = write(read.diagram, format)
        return Drawing(data.encode(), format, read.diagram, mermaid, "", read.warnings, read.repairs, seconds)

    def read(self, text: str, drafter: Drafter | None = None) -> Read:
        """The graph of an input: JSON of a graph, BPMN 2.0 XML, Mermaid, or text.

        Raises:
            InputError: it cannot be read.
        """
        if len(text) > MAX_TEXT:
            raise InputError(f"the text has {len(text)} characters; {MAX_TEXT} are accepted")
        text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        if not text.strip():
            raise InputError("there is nothing to draw", hint="Give text, Mermaid, BPMN XML or JSON.")
        if re.match(r"\s*<(?:\?xml|!--|(?:\w+:)?definitions\b)", text):
            from bpmn.parse import read

            diagram, warnings = read(text)
            return Read(diagram, warnings=warnings)
        if _MERMAID.match(text) or _FENCED.search(text):
            return self._read_mermaid(text)
        return (drafter or self._draft)(text)

    def verdict(self, source: str, *, mend: bool = True) -> Verdict:
        """Mermaid's verdict on a source; mend: after repairs, where it needs some."""
        return repair(source, self.validator) if mend else self.validator.check(source)

    def _read_mermaid(self, text: str) -> Read:
        verdict = self.verdict(text)
        if not verdict.valid:
            raise InvalidMermaidError(verdict)
        try:
            diagram = parse_mermaid(verdict.source)
        except (NotAFlowchartError, DiascribeError):
            diagram = None
        return Read(diagram, verdict.source, verdict.warnings, verdict.repairs)

    def _source(self, read: Read, direction: Direction | None) -> str:
        if read.mermaid or read.diagram is None:
            return read.mermaid if direction is None else turned(read.mermaid, direction)
        return emit_mermaid(read.diagram, direction=direction)

    def _drawer(self, name: str) -> Renderer:
        own = self.renderer
        if name in ("", own.name):
            return own
        held = {"native": own.native, "chromium": own.chromium} if isinstance(own, Auto) else {}
        if name not in held:
            raise UnknownNameError(f"no such renderer here: {name}", hint=f"known: {', '.join((own.name, *held))}")
        if (found := held[name]) is None:
            raise MissingDependencyError(
                "Chromium is not installed", hint="apt-get install chromium, or choose the native renderer"
            )
        return found

    def _render(
        self, read: Read, mermaid: str, form: Format, direction: Direction | None, look: Look, drawer: Renderer
    ) -> Picture:
        diagram = read.diagram
        look = described(look, diagram)
        own = drawer.native if isinstance(drawer, Auto) else drawer
        if diagram is not None and isinstance(own, Native) and in_symbols(read, look, direction):
            try:
                return own.ask({"graph": True}, json.dumps(diagram.to_json()), form, look)
            except RenderError as error:
                note = f"drawn through Mermaid, without BPMN's own symbols: {error}"
                picture = self._through_mermaid(read, mermaid, form, direction, look, drawer)
                return replace(picture, warnings=(*picture.warnings, note))
        return self._through_mermaid(read, mermaid, form, direction, look, drawer)

    def _through_mermaid(
        self, read: Read, mermaid: str, form: Format, direction: Direction | None, look: Look, drawer: Renderer
    ) -> Picture:
        diagram = read.diagram
        sources = [mermaid] if read.mermaid or diagram is None else pictured(diagram, direction)
        for source in sources[:-1]:
            try:
                return drawer.render(source, form, look)
            except RenderError:
                continue
        return drawer.render(sources[-1], form, look)

    def close(self) -> None:
        """End the workers."""
        self.validator.close()
        self.renderer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def by_rules(text: str) -> Read:
    """The graph of a process told in words, by the built-in rules.

    Raises:
        InputError: it cannot be read.
    """
    from mermaid.draft import draft

    drafted = draft(text)
    return Read(drafted.diagram, warnings=tuple(drafted.warnings))


def make_drafter(settings: Settings) -> Drafter:
    """What turns words into a graph: the rules ("rules", "vision"), or a model.

    Under "auto" the rules stand in where a model fails.

    Raises:
        UnknownNameError: no such engine. MissingDependencyError: the model that was asked for is not here.
    """
    from pipeline.engines import check, choose, make_engine

    automatic = settings.engine == "auto"
    if settings.engine in ("rules", "vision") or (automatic and choose(settings).engine == "vision"):
        return by_rules
    check(settings, "rules")
    from pipeline.model_reader import draft

    names = {"auto": "", "hybrid": "", "qwen": settings.model}
    engine = make_engine(settings, names.get(settings.engine, settings.engine))

    def by_model(text: str) -> Read:
        russian = settings.lang == "ru" or (settings.lang == "auto" and re.search("[а-яё]", text, re.IGNORECASE))
        try:
            answer = draft(engine, text, "ru" if russian else "en", settings.max_tokens)
        except EngineError as error:
            if not automatic:
                raise
            read = by_rules(text)
            return replace(read, warnings=(f"drawn without the model: {error}", *read.warnings))
        return Read(answer.diagram, warnings=answer.warnings)

    return by_model


def make_renderer(name: str, *, workers: int = 2, deadline: float = 10.0) -> Renderer:
    """The renderer of this name.

    Raises:
        UnknownNameError: no such renderer.
        MissingDependencyError: Chromium was asked for and is not installed.
    """
    if name not in RENDERERS:
        raise UnknownNameError(f"unknown renderer: {name}", hint=f"known: {', '.join(RENDERERS)}")
    if name == "native":
        return Native(workers=workers, deadline=deadline, module=PAINTER)
    from mermaid.chromium import Chromium, available

    if name == "chromium":
        return Chromium(deadline=deadline)
    native = Native(workers=workers, deadline=deadline, module=PAINTER)
    return Auto(native, Chromium(deadline=deadline) if available() else None)


def write(diagram: Diagram, form: Literal["mmd", "bpmn", "json"] | str) -> str:
    """A graph as a text of this form: mmd, bpmn or json."""
    if form == "mmd":
        return emit_mermaid(diagram)
    if form == "bpmn":
        from bpmn.emit import emit

        return emit(diagram)
    return json.dumps(diagram.to_json(), ensure_ascii=False, indent=2) + "\n"


def pictured(diagram: Diagram, direction: Direction | None) -> list[str]:
    """Mermaid sources to draw a graph from, the best first: true lanes where every step has one, else subgraphs."""
    sources = []
    lanes = _flat(diagram)
    if lanes is not None:
        unseen = "".join(
            f"    style n{place} fill:none,stroke:none\n"
            for place, node in enumerate(lanes.nodes, 1)
            if node.id.startswith(_ANCHOR)
        )
        sources.append(emit_mermaid(lanes, direction=direction or "LR", style="swimlane") + unseen)
    sources.append(emit_mermaid(diagram, direction=direction, style="current"))
    return sources


def in_symbols(read: Read, look: Look, direction: Direction | None) -> bool:
    """Whether a BPMN graph or flowchart with lanes is drawn by ourselves: not given as Mermaid, in the usual look."""
    from bpmn.picture import drawable

    asked = read.mermaid or look.theme not in ("", "default") or direction == "TB"
    return not asked and read.diagram is not None and drawable(read.diagram)


def _flat(diagram: Diagram) -> Diagram | None:
    """The graph with its innermost lanes only, or None when lanes cannot show it.

    Swimlanes have no flow to a lane itself: one to a closed pool ends at an unseen node in it.
    """
    if not diagram.lanes or any(node.parent or node.lane is None for node in diagram.nodes):
        return None
    lane_ids = {lane.id for lane in diagram.lanes}
    outer = {lane.parent for lane in diagram.lanes}
    filled = {node.lane for node in diagram.nodes}
    ends = {end for edge in diagram.edges for end in (edge.source, edge.target)}
    if filled & outer or ends & lane_ids & (filled | outer):
        return None
    kept = [lane for lane in diagram.lanes if lane.id in filled or (lane.id in ends and lane.id not in outer)]
    pools = len({_path(diagram, lane)[0].id for lane in kept})
    anchors = {lane.id: _ANCHOR + lane.id for lane in kept if lane.id in ends}
    edges = (
        replace(edge, source=anchors.get(edge.source, edge.source), target=anchors.get(edge.target, edge.target))
        for edge in diagram.edges
    )
    return diagram.replace(
        nodes=(*diagram.nodes, *(Node(name, "process", lane=lane) for lane, name in anchors.items())),
        edges=tuple(edges),
        lanes=tuple(Lane(lane.id, _title(diagram, lane) if pools > 1 else lane.name) for lane in kept),
    )


def _path(diagram: Diagram, lane: Lane) -> list[Lane]:
    """The lane and what it lies in, the outermost first."""
    path = [lane]
    while path[0].parent is not None:
        path.insert(0, diagram.lane(path[0].parent))
    return path


def _title(diagram: Diagram, lane: Lane) -> str:
    return ": ".join(above.name for above in _path(diagram, lane) if above.name)


def turned(source: str, direction: Direction) -> str:
    """A Mermaid flowchart with another direction; other types as they are."""
    return _HEADER.sub(rf"\1 {direction}", source, count=1)


def described(look: Look, diagram: Diagram | None) -> Look:
    """The look with a title and a description of the graph for screen readers, where it has none."""
    if diagram is None or look.title:
        return look
    told = narrate(diagram)
    return replace(look, title=told.title, description=told.text)
