"""The order in which a diagram is told: steps along the flow, branches depth first, joins after all their branches.

`arrange` gives every node its printed number: `3`, `3.1` inside step 3, `3a` (ru `3а`) on the border of step 3, and
`D1` / `N1` for data and notes, which are no steps. A flow back to an earlier number closes a loop: within one level the
numbers of all other flows rise. Linear in nodes and flows, safe on any graph. Knows no words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from diagram.kinds import FAMILY, is_flow
from diagram.model import Diagram, Edge, Node

__all__ = ["Arrangement", "arrange"]

_DEEPEST: Final = 8  # levels of numbers; what lies deeper is numbered from the top again and says where it belongs


@dataclass(frozen=True)
class Arrangement:
    """Nodes in the order in which they are told.

    steps: flow nodes; items: data and notes. number / place: the printed number and the position of each node among
    steps, then items. inside / border: ids of nodes whose `parent` / `attached_to` the number does not tell.
    parts: for each part of the top level that no flow ties to the others, its steps in order. outgoing / incoming:
    sequence flows between steps, by step id, in the order of the diagram.
    """

    steps: tuple[Node, ...]
    items: tuple[Node, ...]
    number: Mapping[str, str]
    place: Mapping[str, int]
    inside: frozenset[str]
    border: frozenset[str]
    parts: tuple[tuple[str, ...], ...]
    outgoing: Mapping[str, Sequence[Edge]]
    incoming: Mapping[str, Sequence[Edge]]

    def follows(self, edge: Edge) -> bool:
        """Whether the flow leads to the number right after, on the same level: what a reader takes for granted."""
        source, target = self.number[edge.source], self.number[edge.target]
        source_level, _, source_last = source.rpartition(".")
        target_level, _, target_last = target.rpartition(".")
        if source_level != target_level or not (source_last.isdecimal() and target_last.isdecimal()):
            return False
        return int(target_last) == int(source_last) + 1

    def numbers(self, node_ids: Iterable[str]) -> list[str]:
        """Their numbers in the order in which the nodes are told."""
        return [self.number[node_id] for node_id in sorted(node_ids, key=self.place.__getitem__)]

    def returns(self, edge: Edge) -> bool:
        """Whether the flow leads back to a step that is told earlier, or to itself."""
        return self.place[edge.target] <= self.place[edge.source]


def arrange(diagram: Diagram, *, letters: str, data_prefix: str, note_prefix: str) -> Arrangement:
    """Order and number the nodes. `letters` count the events on one border; the prefixes mark data and notes."""
    nodes = {node.id: node for node in diagram.nodes}
    steps = [node for node in diagram.nodes if is_flow(node.type)]
    items = [node for node in diagram.nodes if not is_flow(node.type)]
    parent, depth = _levels(steps)
    lettered = _lettered(steps, nodes, parent)
    outgoing: dict[str, list[Edge]] = defaultdict(list)
    incoming: dict[str, list[Edge]] = defaultdict(list)
    for edge in diagram.edges:
        if edge.kind == "sequence" and edge.source in parent and edge.target in parent:
            outgoing[edge.source].append(edge)
            incoming[edge.target].append(edge)
    successors = _successors(steps, outgoing, lettered, parent, depth)
    called = {edge.target for edge in diagram.edges if edge.kind == "message"}
    levels: dict[str | None, list[str]] = defaultdict(list)
    for node in steps:
        levels[parent[node.id]].append(node.id)
    ordered = {scope: _order(members, successors, nodes, called) for scope, members in levels.items()}
    number = _numbers(ordered, lettered, letters)
    told = [nodes[node_id] for node_id in number]
    for prefix, family in ((data_prefix, "data"), (note_prefix, "annotation")):
        number |= {n.id: f"{prefix}{i}" for i, n in enumerate((n for n in items if FAMILY[n.type] == family), 1)}
    items.sort(key=lambda node: FAMILY[node.type] == "annotation")
    return Arrangement(
        steps=tuple(told),
        items=tuple(items),
        number=number,
        place={node.id: i for i, node in enumerate((*told, *items))},
        inside=frozenset(n.id for n in diagram.nodes if n.parent is not None and parent.get(n.id) is None),
        border=frozenset(n.id for n in diagram.nodes if n.attached_to is not None and n.id not in lettered),
        parts=tuple(tuple(part) for part in _parts(ordered.get(None, []), successors)),
        outgoing=outgoing,
        incoming=incoming,
    )


def _levels(steps: Iterable[Node]) -> tuple[dict[str, str | None], dict[str, int]]:
    """The step that each step is numbered within, and how deep that is."""
    ids = {node.id for node in steps}
    children: dict[str | None, list[str]] = defaultdict(list)
    for node in steps:
        children[node.parent if node.parent in ids else None].append(node.id)
    parent: dict[str, str | None] = {}
    depth: dict[str, int] = {}
    waiting = list(children[None])
    parent |= dict.fromkeys(waiting)
    depth |= dict.fromkeys(waiting, 0)
    while waiting:
        at = waiting.pop()
        for child in children[at]:
            fits = depth[at] + 1 < _DEEPEST
            parent[child] = at if fits else None
            depth[child] = depth[at] + 1 if fits else 0
            waiting.append(child)
    return parent, depth


def _lettered(steps: Iterable[Node], nodes: Mapping[str, Node], parent: Mapping[str, str | None]) -> dict[str, str]:
    """Steps numbered by a letter, with the step on whose border they sit."""
    out: dict[str, str] = {}
    for node in steps:
        host = node.attached_to
        if host is not None and host in parent and parent[host] == parent[node.id] and nodes[host].attached_to is None:
            out[node.id] = host
    return out


def _successors(
    steps: Iterable[Node],
    outgoing: Mapping[str, Sequence[Edge]],
    lettered: Mapping[str, str],
    parent: Mapping[str, str | None],
    depth: Mapping[str, int],
) -> dict[str, list[str]]:
    """What comes after each step on its own level: flows across levels count for the steps that enclose their ends."""
    out: dict[str, list[str]] = defaultdict(list)
    for node in steps:
        for edge in outgoing.get(node.id, ()):
            a, b = edge.source, edge.target
            while a != b and parent[a] != parent[b]:
                # The deeper end climbs; on equal depth both have a parent, else the parents would agree.
                climb_a, climb_b = depth[a] >= depth[b], depth[b] >= depth[a]
                a = (parent[a] or a) if climb_a else a
                b = (parent[b] or b) if climb_b else b
            if a != b:
                out[a].append(b)
    for event, host in lettered.items():
        out[host].append(event)
    return out


def _order(
    members: Sequence[str], successors: Mapping[str, Sequence[str]], nodes: Mapping[str, Node], called: set[str]
) -> list[str]:
    """One level in the order of the flow: the reverse postorder of a depth-first walk, first branch first."""
    entered = {after for member in members for after in successors.get(member, ()) if after != member}
    position = {member: i for i, member in enumerate(members)}

    def rank(member: str) -> tuple[bool, bool, int]:
        return nodes[member].type not in ("start_event", "terminator"), member in called, position[member]

    roots = sorted((member for member in members if member not in entered), key=rank)
    reached: set[str] = set()
    for root in roots:
        _reach(root, successors, reached)
    for member in members:
        if member not in reached:  # on a cycle that nothing leads into
            roots.append(member)
            _reach(member, successors, reached)
    component = _components(members, successors)
    first: dict[str, int] = {}
    for i, root in enumerate(roots):
        first.setdefault(component[root], i)
    roots.sort(key=lambda root: first[component[root]])  # stable: parts stay together
    postorder: list[str] = []
    seen: set[str] = set()
    for root in reversed(roots):
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, iter(successors.get(root, ())[::-1]))]
        while stack:
            at, rest = stack[-1]
            for after in rest:
                if after not in seen:
                    seen.add(after)
                    stack.append((after, iter(successors.get(after, ())[::-1])))
                    break
            else:
                postorder.append(at)
                stack.pop()
    return postorder[::-1]


def _reach(start: str, successors: Mapping[str, Sequence[str]], reached: set[str]) -> None:
    waiting = [start]
    while waiting:
        at = waiting.pop()
        if at not in reached:
            reached.add(at)
            waiting.extend(successors.get(at, ()))


def _components(members: Sequence[str], successors: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """For each member one that stands for its part: those that flows tie together, whichever way they point."""
    neighbours: dict[str, list[str]] = defaultdict(list)
    for member in members:
        for after in successors.get(member, ()):
            neighbours[member].append(after)
            neighbours[after].append(member)
    out: dict[str, str] = {}
    for member in members:
        waiting = [member]
        while waiting:
            at = waiting.pop()
            if at not in out:
                out[at] = member
                waiting.extend(neighbours.get(at, ()))
    return out


def _numbers(ordered: Mapping[str | None, Sequence[str]], lettered: Mapping[str, str], letters: str) -> dict[str, str]:
    """Number by step, in the order in which the steps are told."""
    borders: dict[str, list[str]] = defaultdict(list)
    for order in ordered.values():
        for member in order:
            if member in lettered:
                borders[lettered[member]].append(member)
    out: dict[str, str] = {}
    waiting: list[tuple[str, str]] = []

    def wait(scope: str | None, prefix: str) -> None:
        plain = (member for member in ordered.get(scope, ()) if member not in lettered)
        waiting.extend(reversed([(member, f"{prefix}{i}") for i, member in enumerate(plain, 1)]))

    wait(None, "")
    while waiting:
        at, number = waiting.pop()
        out[at] = number
        wait(at, f"{number}.")
        waiting.extend(reversed([(event, number + _letter(i, letters)) for i, event in enumerate(borders.get(at, ()))]))
    return out


def _letter(index: int, letters: str) -> str:
    out = ""
    index += 1
    while index:
        index, digit = divmod(index - 1, len(letters))
        out = letters[digit] + out
    return out


def _parts(order: Sequence[str], successors: Mapping[str, Sequence[str]]) -> list[list[str]]:
    component = _components(order, successors)
    parts: dict[str, list[str]] = {}
    for member in order:
        parts.setdefault(component[member], []).append(member)
    return list(parts.values())
