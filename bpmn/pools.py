"""Which lanes share a process. A lane without parent is a pool, unless a sequence flow joins it with another: BPMN lets
sequence flows cross lanes but never pools, so such lanes are lanes of one pool that has no name of its own."""

from __future__ import annotations

from dataclasses import dataclass

from diagram.kinds import FAMILY
from diagram.model import Diagram


@dataclass(frozen=True, slots=True)
class Pool:
    """One process. lanes: ids of the outermost lanes in it. free: whether nodes outside of all lanes belong to it.

    `named` is true for a lane that is a pool by itself; else the pool is implicit.
    """

    lanes: tuple[str, ...]
    free: bool = False

    @property
    def named(self) -> bool:
        """Whether this is one lane that is a pool by itself."""
        return len(self.lanes) == 1 and not self.free


@dataclass(frozen=True, slots=True)
class Pools:
    """The pools of a diagram in the order of its lanes, and the index of the pool of each node and outermost lane."""

    pools: tuple[Pool, ...]
    of_node: dict[str, int]
    of_lane: dict[str, int]


def pools(diagram: Diagram) -> Pools:
    """How the nodes and lanes of a diagram fall into processes."""
    lanes = {lane.id: lane for lane in diagram.lanes}
    nodes = {node.id: node for node in diagram.nodes}
    roots = [lane.id for lane in diagram.lanes if lane.parent is None]

    def root_of(name: str) -> str | None:
        node = nodes[name]
        while node.parent is not None:
            node = nodes[node.parent]
        at = node.lane
        while at is not None and (above := lanes[at].parent) is not None:
            at = above
        return at

    home = {node.id: root_of(node.id) for node in diagram.nodes}
    joined: dict[str | None, str | None] = {root: root for root in [*roots, None]}

    def find(root: str | None) -> str | None:
        while joined[root] != root:
            root = joined[root]
        return root

    inner = {node.parent for node in diagram.nodes}
    flowing = {node.id for node in diagram.nodes if FAMILY[node.type] not in ("data", "annotation") or node.id in inner}
    for edge in diagram.edges:
        if edge.kind == "sequence" and {edge.source, edge.target} <= flowing:
            a, b = find(home[edge.source]), find(home[edge.target])
            if a != b:
                joined[b if a is not None else a] = a if a is not None else b
    groups: dict[str | None, list[str]] = {}
    for root in roots:
        groups.setdefault(find(root), []).append(root)
    free = find(None) if None in home.values() else "none"
    found = [Pool(tuple(members), free=key == free) for key, members in groups.items()]
    if None in home.values() and free not in groups:
        found.append(Pool((), free=True))
    of_lane = {lane: i for i, pool in enumerate(found) for lane in pool.lanes}
    last = next((i for i, pool in enumerate(found) if pool.free), -1)
    of_node = {name: last if root is None else of_lane[root] for name, root in home.items()}
    return Pools(tuple(found), of_node, of_lane)
