"""Puts together a graph from numbered entries and references between them, as the readers of text and table find them.

Numbers say where an entry belongs (`3.1` within 3, `3a` on the border of 3) unless the entry says otherwise. What a
reference names in vain becomes a warning. Knows nothing of how the text looks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from diagram.kinds import DiagramKind, EdgeKind, Language, NodeType, Trigger
from diagram.model import Diagram, Edge, Lane, Node
from mermaid.draft_remarks import Remarks

__all__ = ["Entry", "Ledger", "Reference"]

Reference = tuple[str, str]
"""("node", number) or ("lane", id)."""

_LAST = re.compile(r"(.*?)(?:\.(\d+)|([^\W\d_]+))?")


@dataclass
class Entry:
    """One node to be. `inside` and `border` are numbers that the text names in words."""

    number: str
    type: NodeType
    text: str = ""
    trigger: Trigger | None = None
    lane: str | None = None
    inside: str | None = None
    border: str | None = None


@dataclass
class Ledger:
    """Entries and flows in the order in which they are read."""

    warnings: Remarks
    entries: list[Entry] = field(default_factory=list)
    flows: list[tuple[Reference, Reference, str, EdgeKind]] = field(default_factory=list)
    _known: dict[str, int] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Enter a node; of two with the same number, references mean the first."""
        if entry.number in self._known:
            self.warnings.note("twice", entry.number)
        else:
            self._known[entry.number] = len(self.entries)
        self.entries.append(entry)

    def flow(self, source: Reference, target: Reference, text: str = "", kind: EdgeKind = "sequence") -> None:
        """Enter a flow."""
        self.flows.append((source, target, text, kind))

    def knows(self, number: str) -> bool:
        """Whether a node has this number."""
        return number in self._known

    def diagram(self, kind: DiagramKind, language: Language, lanes: Sequence[Lane]) -> Diagram:
        """The graph; ids are `n1 …`, `e1 …`.

        Raises:
            InvalidDiagramError: two nodes are said to lie within each other.
        """
        nodes = [
            Node(
                id=f"n{i}",
                type=entry.type,
                text=entry.text,
                lane=entry.lane,
                trigger=entry.trigger,
                attached_to=self._place(entry.number, entry.border, self._host(entry.number)),
                parent=self._place(entry.number, entry.inside, self._parent(entry.number)),
            )
            for i, entry in enumerate(self.entries, 1)
        ]
        ids = {lane.id for lane in lanes}
        edges: list[Edge] = []
        for source, target, text, edge_kind in self.flows:
            ends = [self._end(reference, ids) for reference in (source, target)]
            if ends[0] is None or ends[1] is None:
                missing = source if ends[0] is None else target
                self.warnings.note("no_step", missing[1])
                continue
            edges.append(Edge(f"e{len(edges) + 1}", ends[0], ends[1], text, edge_kind))
        return Diagram(kind, tuple(nodes), tuple(edges), tuple(lanes), language)

    def _end(self, reference: Reference, lanes: set[str]) -> str | None:
        what, name = reference
        if what == "lane":
            return name if name in lanes else None
        return f"n{self._known[name] + 1}" if name in self._known else None

    def _place(self, number: str, said: str | None, told: str | None) -> str | None:
        name = said if said is not None else told
        if name is None:
            return None
        if name not in self._known or name == number:
            self.warnings.note("no_owner", name, number)
            return None
        return f"n{self._known[name] + 1}"

    def _host(self, number: str) -> str | None:
        match = _LAST.fullmatch(number)
        return match[1] if match and match[3] and match[1] else None

    def _parent(self, number: str) -> str | None:
        match = _LAST.fullmatch(self._host(number) or number)
        return match[1] if match and match[2] and match[1] else None
