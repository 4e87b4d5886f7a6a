"""Reads back the text that `diagram.narrate` writes, to the same graph.

The first line names the kind and with it the language; a title may stand above it. Lines that do not follow the
grammar, because somebody has edited them, become warnings that quote them. Linear in the length of the text.
"""

from __future__ import annotations

import re
from typing import Final

from diagram.kinds import DiagramKind, EdgeKind, Language
from diagram.model import Diagram, Lane
from diagram.phrases import ENDS
from diagram.roles import Roles
from mermaid.draft_graph import Entry, Ledger
from mermaid.draft_phrases import NUMBER, READERS, PhraseReader
from mermaid.draft_remarks import Remarks

__all__ = ["read_own"]

_STEP: Final = re.compile(rf" *({NUMBER})\. (.*)")
_ITEM: Final = re.compile(rf"- ({NUMBER})\. (.*)")
_BULLET: Final = re.compile(r"( *)- (.*)")
_LINKS: Final[dict[str, EdgeKind]] = {"messages": "message", "links": "association", "others": "sequence"}


def read_own(text: str) -> tuple[Diagram, Remarks] | None:
    """The graph that the text tells and warnings; None when the text is not of this form.

    Raises:
        InvalidDiagramError: steps are said to lie within each other.
    """
    lines = text.split("\n")
    filled = [i for i, line in enumerate(lines) if line.strip()][:2]
    for at in reversed(filled):
        for reader in READERS.values():
            for kind, said in reader.say.kinds.items():
                if re.match(rf"{said}: (?:\d|{reader.say.no_steps})", lines[at]):
                    return _OwnText(reader, kind).read(lines[at + 1 :])
    return None


class _OwnText:
    """The reading of one text."""

    def __init__(self, reader: PhraseReader, kind: DiagramKind) -> None:
        self.reader = reader
        self.kind = kind
        self.language: Language = reader.say.language
        self.ledger = Ledger(Remarks(self.language))
        self.lanes: list[Lane] = []
        self.outer: list[str] = []
        self.roles: dict[str, str] = {}
        self.references: dict[str, str] = {}
        self.onward: dict[int, bool] = {}  # by place of the entry: whether what follows it is said
        self.keys: list[str] = []

    def read(self, lines: list[str]) -> tuple[Diagram, Remarks]:
        sections = {heading: key for key, heading in self.reader.say.sections.items()}
        section = "steps"
        for line in lines:
            if not line.strip():
                section = section if section == "lanes" and not self.lanes else "steps"
            elif line in sections:
                self._name_roles()
                section = sections[line]
            elif not self._line(section, line):
                self.ledger.warnings.note("unclear", line.strip())
        self._follow()
        diagram = self.ledger.diagram(self.kind, self.language, self.lanes)
        return diagram, self.ledger.warnings

    def _line(self, section: str, line: str) -> bool:
        if section == "lanes":
            return self._lane(line)
        body = line[:-1] if line.endswith((".", ":")) else line
        if section == "items":
            match = _ITEM.fullmatch(body)
            return bool(match) and self._node(match[1], match[2], step=False) if match else False
        if section in _LINKS:
            return body.startswith("- ") and self._link(section, body[2:])
        self._name_roles()
        match = _STEP.fullmatch(body)
        if match:
            return self._node(match[1], match[2], step=True)
        match = _BULLET.fullmatch(body)
        return bool(match) and self._branch(match[2]) if match else False

    def _lane(self, line: str) -> bool:
        match = _BULLET.fullmatch(line)
        if not match:
            return False
        name, around = self.reader.lane_name(match[2])
        depth = len(match[1]) // 2
        lane = f"l{len(self.lanes) + 1}"
        if around is not None:
            parent = f"l{around}" if around <= len(self.lanes) else None
        else:
            del self.outer[depth:]
            parent = self.outer[-1] if self.outer else None
            self.outer.append(lane)
        self.lanes.append(Lane(lane, name, parent))
        return True

    def _name_roles(self) -> None:
        if self.lanes and not self.roles:
            roles = Roles(self.lanes, self.reader.say)
            self.roles = {roles.short[lane.id]: lane.id for lane in self.lanes}
            self.references = {roles.reference(lane.id): lane.id for lane in self.lanes}

    def _node(self, number: str, text: str, *, step: bool) -> bool:
        lane, at = self.reader.role(text, self.roles)
        head = self.reader.head(text, at, self.kind)
        entry = Entry(number, head.type, head.text, head.trigger, lane)
        place = len(self.ledger.entries)
        self.ledger.add(entry)
        self.keys.append(head.key)
        self.onward[place] = not step
        for sentence in self.reader.sentences(text[head.end :].removeprefix(".").strip()):
            if isinstance(sentence, str) or not self._sentence(entry, place, *sentence):
                said = sentence if isinstance(sentence, str) else text
                self.ledger.warnings.note("unclear", said)
        return True

    def _sentence(self, entry: Entry, place: int, key: str, numbers: list[str]) -> bool:
        own = ("node", entry.number)
        if key in ("waits", "merges"):
            return True
        if key in ("stop", "alone", "again", "next", "together", "either", "back"):
            self.onward[place] = True
            for number in [entry.number] if key == "again" else numbers:
                self.ledger.flow(own, ("node", number))
        elif key in ("inside", "border") and len(numbers) == 1:
            setattr(entry, key, numbers[0])
        elif key in ("input", "note_to"):
            for number in numbers:
                self.ledger.flow(own, ("node", number), kind="association")
        elif key in ("output", "note_at"):
            for number in numbers:
                self.ledger.flow(("node", number), own, kind="association")
        else:
            return False
        return True

    def _branch(self, text: str) -> bool:
        place = len(self.ledger.entries) - 1
        if place < 0:
            return False
        own = self.ledger.entries[place].number
        branch = self.reader.branch(text, own)
        if branch is None:
            return False
        self.onward[place] = True
        self.ledger.flow(("node", own), ("node", branch[1]), branch[0])
        return True

    def _link(self, section: str, text: str) -> bool:
        link = self.reader.link(text, self.references)
        if link is None:
            return False
        self.ledger.flow(link[1], link[2], link[0], _LINKS[section])
        return True

    def _follow(self) -> None:
        """A step that says nothing of what comes next is followed by the next number of its level."""
        for place, entry in enumerate(self.ledger.entries):
            level, dot, last = entry.number.rpartition(".")
            if self.onward[place] or self.keys[place] in ENDS or not last.isdecimal():
                continue
            following = f"{level}{dot}{int(last) + 1}"
            if self.ledger.knows(following):
                self.ledger.flow(("node", entry.number), ("node", following))
