"""How the lanes of a diagram are called when it is told.

A lane goes by its name; one that shares it with a sister, or has none, also gets its place in the list of participants.
Knows nothing of nodes and flows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from diagram.model import Lane
from diagram.phrases import Phrases

__all__ = ["DEEPEST_INDENT", "Roles"]

DEEPEST_INDENT: Final = 20  # levels of the list that are shown by indenting; deeper lanes say where they belong


@dataclass(frozen=True)
class Roles:
    """Names for lanes. `order`: pools and their lanes, parents first, each lane followed by those within it."""

    lanes: Sequence[Lane]
    phrases: Phrases

    @cached_property
    def order(self) -> tuple[Lane, ...]:
        """The lanes as the list of participants shows them."""
        return tuple(lane for lane, _ in self._walk)

    @cached_property
    def depth(self) -> Mapping[str, int]:
        """Levels above each lane, by id."""
        return {lane.id: depth for lane, depth in self._walk}

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Place in the list of participants, from 1, by id."""
        return {lane.id: i for i, lane in enumerate(self.order, 1)}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """The name of each lane among its sisters, by id."""
        return {lane.id: self._called(lane, self.phrases.shown(lane.name)) for lane in self.lanes}

    @cached_property
    def short(self) -> Mapping[str, str]:
        """The name used in sentences, by id: as short as it can be without doubt."""
        names = Counter(self.names.values())
        return {lane.id: self.names[lane.id] if names[self.names[lane.id]] == 1 else self.path(lane.id)
                for lane in self.lanes}  # fmt: skip

    def path(self, lane_id: str | None) -> str:
        """`Pool / Lane`, or "" for no lane."""
        return " / ".join(self.names[lane.id] for lane in self._chain(lane_id))

    def reference(self, lane_id: str) -> str:
        """The short name with every part in quotes, for the middle of a sentence."""
        chain = self._chain(lane_id) if " / " in self.short[lane_id] else [self._by_id[lane_id]]
        return " / ".join(self._called(lane, self.phrases.quoted(lane.name)) for lane in chain)

    @cached_property
    def _by_id(self) -> Mapping[str, Lane]:
        return {lane.id: lane for lane in self.lanes}

    @cached_property
    def _walk(self) -> list[tuple[Lane, int]]:
        within: dict[str | None, list[Lane]] = defaultdict(list)
        for lane in self.lanes:
            within[lane.parent].append(lane)
        out: list[tuple[Lane, int]] = []
        waiting = [(lane, 0) for lane in reversed(within[None])]
        while waiting:
            lane, depth = waiting.pop()
            out.append((lane, depth))
            waiting.extend((inner, depth + 1) for inner in reversed(within.get(lane.id, [])))
        return out

    @cached_property
    def _sisters(self) -> Counter[tuple[str | None, str]]:
        return Counter((lane.parent, lane.name) for lane in self.lanes)

    def _called(self, lane: Lane, name: str) -> str:
        mark = f" {self.phrases.lane_mark.format(n=self.index[lane.id])}"
        if not lane.name:
            return self.phrases.unnamed_lane + mark
        return name + (mark if self._sisters[lane.parent, lane.name] > 1 else "")

    def _chain(self, lane_id: str | None) -> list[Lane]:
        chain: list[Lane] = []
        while lane_id is not None:
            chain.append(self._by_id[lane_id])
            lane_id = chain[-1].parent
        return chain[::-1]
