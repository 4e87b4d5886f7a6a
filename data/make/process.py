"""Processes as plain text (`processes/*.txt`) and their reading into a graph in one of four notations.

The notations: BPMN, flowchart, flowchart with lanes (cross-functional), UML activity. A file holds many processes.
`= id: title` starts one; `domain NAME` says where it comes from; `pool NAME`, `lane KEY: name`, `ext KEY: name` (a pool
shown as a closed box) and `party KEY: name` (a further pool with steps) give the roles; `KEY ID: kind[:trigger] text`
(KEY `-` where there are no lanes) a step; `a > b > c: text` flows (the text belongs to the last one), `a => b: text`
message flows, `a ~ b` associations. Kinds: start end mid throw bound@HOST · task user service send receive manual
script rule · sub call · box (an expanded sub-process, its steps written `kind^BOX`) · xor or and evt · docstep (a
document among the steps) io conn · doc store note.
Knows nothing of places and looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from diagram.model import Diagram, Edge, Lane, Node

Notation = Literal["bpmn", "flow", "cross", "uml"]

_BPMN = {
    "start": "start_event", "end": "end_event", "mid": "intermediate_event", "throw": "intermediate_event",
    "bound": "intermediate_event", "xor": "gateway_exclusive", "or": "gateway_inclusive", "and": "gateway_parallel",
    "evt": "gateway_event", "sub": "subprocess", "call": "subprocess", "box": "subprocess", "doc": "data_object",
    "store": "data_store", "note": "annotation", "docstep": "document",
}  # fmt: skip
_FLOW = {
    "start": "terminator", "end": "terminator", "xor": "decision", "or": "decision", "sub": "predefined_process",
    "call": "predefined_process", "io": "io", "send": "io", "receive": "io", "docstep": "document",
    "and": "gateway_parallel", "conn": "connector",
}  # fmt: skip
_UML = {"start": "start_event", "end": "end_event", "xor": "decision", "or": "decision", "and": "gateway_parallel"}
_ATTACHED = {"doc", "store", "note"}


@dataclass
class Step:
    """One node as written: `marker` keeps the written kind (user, service, send …) for the drawing."""

    id: str
    kind: str
    text: str
    lane: str | None
    trigger: str | None = None
    host: str | None = None
    parent: str | None = None


@dataclass
class Process:
    """One process as written, before a notation is chosen."""

    id: str
    title: str
    language: str
    domain: str = ""
    pool: str = ""
    lanes: list[tuple[str, str]] = field(default_factory=list)
    outside: list[tuple[str, str]] = field(default_factory=list)
    parties: list[tuple[str, str]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    flows: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def kinds(self) -> set[str]:
        """The written kinds in use."""
        return {step.kind for step in self.steps}

    def suits(self, notation: Notation) -> bool:
        """Whether nothing is lost that the notation cannot show."""
        if notation == "bpmn":
            return True
        unsaid = {"evt", "bound", "box"} | ({"and"} if notation in ("flow", "cross") else set())
        return not (self.kinds & unsaid)


def load(folder: Path) -> dict[str, Process]:
    """All processes of a folder by id; the file's first letters (`ru_`, `en_`) give the language."""
    out: dict[str, Process] = {}
    for path in sorted(folder.glob("*.txt")):
        for process in _parse(path.read_text("utf-8"), path.name[:2]):
            if process.id in out:
                raise ValueError(f"{path.name}: process {process.id!r} is written twice")
            out[process.id] = process
    return out


def every(folder: Path) -> Iterator[tuple[str, Diagram]]:
    """Every process in every notation that can show all of it, with a name: more than 200 graphs in two languages."""
    for process in load(folder).values():
        for notation in get_args(Notation):
            if process.suits(notation):
                yield f"{process.language}-{process.id}-{notation}", graph(process, notation)


def _parse(text: str, language: str) -> list[Process]:
    out: list[Process] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        try:
            _line(line, language, out)
        except (ValueError, IndexError) as error:
            raise ValueError(f"line {number}: {line!r}: {error}") from error
    return out


def _line(line: str, language: str, out: list[Process]) -> None:
    if line.startswith("= "):
        name, title = line[2:].split(":", 1)
        out.append(Process(name.strip(), title.strip(), language))
        return
    process = out[-1]
    if line.startswith("domain "):
        process.domain = line[7:].strip()
    elif line.startswith("pool "):
        process.pool = line[5:].strip()
    elif line.startswith("party "):
        key, name = line[6:].split(":", 1)
        process.parties.append((key.strip(), name.strip()))
    elif line.startswith(("lane ", "ext ")):
        word, rest = line.split(" ", 1)
        key, name = rest.split(":", 1)
        (process.lanes if word == "lane" else process.outside).append((key.strip(), name.strip()))
    elif any(sign in line.split(":", 1)[0] for sign in (" > ", " => ", " ~ ")):
        head, _, label = line.partition(":")
        words = head.split()
        for i in range(0, len(words) - 2, 2):
            last = i + 3 == len(words)
            kind = {">": "sequence", "=>": "message", "~": "association"}[words[i + 1]]
            process.flows.append((words[i], words[i + 2], label.strip() if last else "", kind))
    else:
        head, rest = line.split(":", 1)
        lane, name = head.split()
        kind, _, text = rest.strip().partition(" ")
        kind, _, parent = kind.partition("^")
        kind, _, host = kind.partition("@")
        kind, _, trigger = kind.partition(":")
        step = Step(
            name, kind, text.strip(), None if lane == "-" else lane, trigger or None, host or None, parent or None
        )
        process.steps.append(step)


def graph(process: Process, notation: Notation, *, numbered: bool = False, lanes: bool = True) -> Diagram:
    """The process as a graph without boxes. `numbered` writes «1. …» before activities, as offices do."""
    table = {"bpmn": _BPMN, "flow": _FLOW, "cross": _FLOW, "uml": _UML}[notation]
    other = "task" if notation == "bpmn" else "process"
    keep = [step for step in process.steps if notation == "bpmn" or step.kind not in _ATTACHED]
    ids = {step.id for step in keep}
    lane_list: list[Lane] = []
    if lanes and notation != "flow":
        if process.pool:
            lane_list.append(Lane("pool", process.pool))
        parent = "pool" if process.pool else None
        lane_list += [Lane(f"lane_{key}", name, parent) for key, name in process.lanes]
        lane_list += [Lane(f"lane_{key}", name) for key, name in process.parties]
        if notation == "bpmn":
            lane_list += [Lane(f"ext_{key}", name) for key, name in process.outside]
    known = {lane.id for lane in lane_list}
    nodes, count = [], 0
    for step in keep:
        kind, text = table.get(step.kind, other), step.text
        if notation == "uml" and step.kind in ("start", "end"):
            text = ""
        if numbered and kind in ("task", "process", "subprocess"):
            count += 1
            text = f"{count}. {text}"
        home = f"lane_{step.lane}" if f"lane_{step.lane}" in known else ("pool" if "pool" in known else None)
        nodes.append(
            Node(
                id=step.id, type=kind, text=text, lane=home,  # type: ignore[arg-type]
                trigger=step.trigger if notation == "bpmn" else None,  # type: ignore[arg-type]
                attached_to=step.host if notation == "bpmn" else None,
                parent=step.parent,
            )
        )  # fmt: skip
    edges: list[Edge] = []
    for source, target, label, flow in process.flows:
        ends = [end if end in ids else f"ext_{end}" for end in (source, target)]
        if all(end in ids or end in known for end in ends):
            if notation == "uml" and label:
                label = f"[{label.lower() if len(label) > 1 else label}]"
            edges.append(Edge(f"e{len(edges) + 1}", ends[0], ends[1], label, flow))  # type: ignore[arg-type]
    return Diagram(
        kind="bpmn" if notation == "bpmn" else "flowchart", nodes=tuple(nodes), edges=tuple(edges),
        lanes=tuple(lane_list), language=process.language,  # type: ignore[arg-type]
    )  # fmt: skip
