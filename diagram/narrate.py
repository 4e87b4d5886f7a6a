"""Tells a diagram in its language: a title, numbered steps along the flow, a step table. Deterministic.

`narrate` gives the text, `table` the Markdown table. Both hold all of the graph and nothing else: `mermaid.draft_own`
reads either back to the same graph (ids, boxes, way points and confidence aside). What goes without saying is not
said: a step with no word on what comes next is followed by the next number, and an end ends. Safe on any graph, linear
in its size. Knows nothing of pictures and of how the graph was found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from diagram.kinds import EVENTS, FAMILY
from diagram.model import Diagram, Edge, Node, Step
from diagram.phrases import guess_kind
from diagram.telling import Telling

__all__ = ["Narration", "narrate", "table"]

_MOST_LISTED: Final = 12  # starts or ends that the overview names; more would not help anybody
_MOST_POOLS: Final = 3  # pools that the title names
_MOST_ENDS: Final = 2  # different ends that the title names
_OUTER: Final = EVENTS | {"terminator"}
_TITLE_LABEL: Final = 60  # characters of a label in the title


@dataclass(frozen=True)
class Narration:
    """What is told of a diagram. `text` has no title line; `steps` come first in flow order, then data and notes."""

    title: str
    text: str
    steps: tuple[Step, ...]


def narrate(diagram: Diagram) -> Narration:
    """Tell the diagram in its language."""
    telling = Telling(diagram)
    return Narration(_title(telling), "\n".join(_lines(telling)) + "\n", tuple(telling.steps()))


def table(diagram: Diagram) -> str:
    """The steps as a Markdown table: number, step, role, what comes next.

    Rows without a number tell what no step does: the kind of diagram where the steps leave it open, participants
    without steps.
    """
    telling = Telling(diagram)
    rows = [telling.say.table, ("---",) * 4, *_rows(telling)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


def _lines(telling: Telling) -> Iterator[str]:
    say, flow = telling.say, telling.flow
    yield _overview(telling)
    if telling.roles.order:
        yield from ("", say.sections["lanes"])
        yield from map(telling.participant, telling.roles.order)
    if flow.steps:
        yield ""
    for node in flow.steps:
        yield from _step_lines(telling, node)
    links = telling.links()
    if flow.items:
        yield from ("", say.sections["items"])
        for node in flow.items:
            yield f"- {'. '.join([_opening(telling, node), *telling.belongs(node), *links.inline[node.id]])}."
    sections = (("messages", links.messages), ("links", links.associations), ("others", links.others))
    for section, edges in sections:
        if edges:
            yield from ("", say.sections[section])
            yield from (f"- {telling.link(edge)}." for edge in edges)


def _overview(telling: Telling) -> str:
    say, flow = telling.say, telling.flow
    counts = [say.count(len(flow.steps), say.steps) if flow.steps else say.no_steps]
    if telling.roles.order:
        counts.append(say.count(len(telling.roles.order), say.lanes))
    said = [f"{say.kinds[telling.diagram.kind]}: {', '.join(counts)}"]
    for key, nodes in zip(("starts", "ends"), _outer(telling), strict=True):
        if 0 < len(nodes) <= _MOST_LISTED:
            said.append(say.sentence(key, flow.numbers(nodes)))
    if len(flow.parts) > 1:
        said.append(say.sentences["parts"].format(list=say.listing([_span(telling, part) for part in flow.parts])))
    return ". ".join(said) + "."


def _outer(telling: Telling) -> tuple[list[str], list[str]]:
    """Steps of the top level where a path begins, and those where one ends."""
    flow = telling.flow
    starts, ends = [], []
    for part in flow.parts:
        for step in part:
            ins, outs = flow.incoming.get(step), flow.outgoing.get(step)
            plain = flow.number[step].isdecimal()
            if outs and not ins and plain:
                starts.append(step)
            if not outs and (ins or not plain):
                ends.append(step)
    return starts, ends


def _span(telling: Telling, part: Sequence[str]) -> str:
    numbers = [telling.flow.number[step] for step in part if telling.flow.number[step].isdecimal()]
    return numbers[0] if len(numbers) == 1 else f"{numbers[0]}–{numbers[-1]}"


def _opening(telling: Telling, node: Node) -> str:
    number = telling.flow.number[node.id]
    if node.lane is None:
        return f"{number}. {telling.head(node)}"
    return f"{number}. {telling.roles.short[node.lane]}: {telling.head(node, inside_sentence=True)}"


def _step_lines(telling: Telling, node: Node) -> Iterator[str]:
    said, branches = telling.onward(node)
    indent = "   " * telling.flow.number[node.id].count(".")
    yield f"{indent}{'. '.join([_opening(telling, node), *telling.belongs(node), *said])}{':' if branches else '.'}"
    for branch in branches:
        yield f"{indent}   - {branch}."


def _rows(telling: Telling) -> Iterator[tuple[str, str, str, str]]:
    diagram, say = telling.diagram, telling.say
    guess = guess_kind(
        telling.key.values(),
        lanes=bool(diagram.lanes),
        triggers=any(node.trigger for node in diagram.nodes),
        messages=any(edge.kind == "message" for edge in diagram.edges),
    )
    if guess != diagram.kind:
        yield "", say.kinds[diagram.kind], "", ""
    leaving: dict[str, list[Edge]] = defaultdict(list)
    for edge in diagram.edges:
        leaving[edge.source].append(edge)
    for step in telling.steps():
        yield step.number, step.text, step.role, _onward_cell(telling, leaving[step.node])
    shown: set[str | None] = set()
    above = {lane.id: lane.parent for lane in diagram.lanes}
    for at in [node.lane for node in diagram.nodes] + [lane.parent for lane in diagram.lanes]:
        while at is not None and at not in shown:
            shown.add(at)
            at = above[at]
    for lane in telling.roles.order:
        if lane.id not in shown or leaving[lane.id]:
            yield "", say.table_lane, telling.roles.path(lane.id), _onward_cell(telling, leaving[lane.id])


def _onward_cell(telling: Telling, edges: Sequence[Edge]) -> str:
    say = telling.say
    out = []
    for edge in edges:
        number = telling.flow.number.get(edge.target)
        target = number if number is not None else f"{say.table_lane.lower()} {telling.roles.reference(edge.target)}"
        if edge.kind == "sequence":
            label = [say.shown_flow(edge.text)] if edge.text else []
        else:
            label = [say.table_kinds[edge.kind] + (f" {say.quoted(edge.text)}" if edge.text else "")]
        out.append(" → ".join([*label, target]))
    return "; ".join(out) or "—"


def _title(telling: Telling) -> str:
    """The pools by name, else from the first start to the end of its path, else from the first action to the last."""
    diagram, say = telling.diagram, telling.say
    pools = [_one_line(lane.name) for lane in diagram.lanes if lane.parent is None]
    if all(pools) and len(pools) == 1:
        return pools[0]
    if all(pools) and 1 < len(pools) <= _MOST_POOLS and any(lane.parent for lane in diagram.lanes):
        return say.titles["pools"].format(a=say.listing(pools))
    nodes = {node.id: node for node in telling.flow.steps}
    parts = ([nodes[step] for step in part] for part in telling.flow.parts)
    main = next((part for part in parts if any(_says_something(telling, node) for node in part)), [])
    spoken = [node for node in main if _says_something(telling, node)]
    if not spoken:
        return say.kinds[diagram.kind] if diagram.nodes or diagram.lanes else say.titles["none"]
    starts, ends = map(set, _outer(telling))
    first = next((node for node in spoken if node.id in starts and node.type in _OUTER), None)
    last = [_in_title(telling, node) for node in spoken if node.id in ends and node.type in _OUTER]
    last = list(dict.fromkeys(last))
    if first and 0 < len(last) <= _MOST_ENDS:
        return say.titles["from_to"].format(a=_in_title(telling, first), b=say.listing(last, either=True))
    if first and last:
        return say.titles["from"].format(a=_in_title(telling, first))
    actions = [node for node in spoken if FAMILY[node.type] == "task"] or spoken
    first = first or actions[0]
    if first is actions[-1]:
        return say.titles["named"].format(a=_in_title(telling, first))
    return say.titles["span"].format(a=_in_title(telling, first), b=_in_title(telling, actions[-1]))


def _says_something(telling: Telling, node: Node) -> bool:
    return bool(node.text.strip()) and node.text.strip().casefold() not in telling.say.start_labels


def _in_title(telling: Telling, node: Node) -> str:
    label = _one_line(node.text)
    if len(label) > _TITLE_LABEL:
        label = label[:_TITLE_LABEL].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"
    return f"{telling.say.quotes[0]}{label}{telling.say.quotes[1]}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
