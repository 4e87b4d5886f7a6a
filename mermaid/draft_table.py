"""Reads tables of steps: the one that `diagram.narrate.table` writes, exactly, and others with a step and a role.

Markdown rows, cells between bars; a bar within a cell is written `\\|`. Columns are known by their heading. What comes
next is the next row unless a cell says otherwise. Linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, cast

from diagram.kinds import DiagramKind, EdgeKind, Language
from diagram.model import Diagram, Lane
from diagram.phrases import ENDS, MEANING, PLAIN_TYPE, guess_kind
from mermaid.draft_graph import Entry, Ledger, Reference
from mermaid.draft_phrases import READERS, PhraseReader
from mermaid.draft_remarks import Remarks

__all__ = ["cells", "read_table"]

_COLUMNS: Final = {
    "number": {"№", "no", "no.", "#", "n", "№ п/п", "номер", "number", "id"},
    "step": {"шаг", "step", "действие", "action", "операция", "activity", "задача", "task", "описание", "description"},
    "role": {"роль", "role", "исполнитель", "участник", "ответственный", "actor", "who", "owner", "responsible", "кто"},
    "next": {
        "далее",
        "next",
        "следующий шаг",
        "next step",
        "переход",
        "переходы",
        "go to",
        "следующий",
        "дальше",
        "затем",
        "then",
        "что дальше",
        "следующее действие",
        "next action",
    },
}
_RULE: Final = re.compile(r":?-+:?")
_TARGET: Final = re.compile(
    r"(?:(?P<label>.+?)\s*(?:→|->|—|–|:|-)\s*)?(?:шаг\w*\s+|step\s+)?(?P<number>[^\W\d_]?\d[\w.]*?)\.?"
)
_NAMED: Final = re.compile(r"(?P<label>[^→]{1,80}?)\s*(?:→|->|=>|\s[—–-]|:)\s*(?P<name>\S.*)")
_NOTHING: Final = {"—", "–", "-", "конец", "end", "нет", "none"}


def cells(line: str) -> list[str] | None:
    """The cells of a Markdown row; None when the line is none."""
    line = line.strip()
    if not line.startswith("|") and line.count("|") < 1:
        return None
    line = line.removeprefix("|")
    out: list[str] = []
    cell: list[str] = []
    escaped = False
    for char in line:
        if char == "|" and escaped:
            cell[-1] = "|"
        elif char == "|":
            out.append("".join(cell).strip(" \t"))
            cell = []
        else:
            cell.append(char)
        escaped = char == "\\"
    if "".join(cell).strip():
        out.append("".join(cell).strip(" \t"))
    return out


def read_table(text: str, language: Language) -> tuple[Diagram, Remarks] | None:
    """The graph that the table tells and warnings; None when the text does not begin with a table of steps.

    Raises:
        InvalidDiagramError: steps are said to lie within each other.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    first = next((i for i, line in enumerate(lines[:3]) if _columns(cells(line))), None)
    if first is None or first + 1 >= len(lines):
        return None
    heading = cells(lines[first]) or []
    columns = _columns(heading)
    reader = next((r for r in READERS.values() if list(r.say.table) == heading), None)
    table = _Table(reader or READERS[language], columns, own=reader is not None)
    for line in lines[first + 1 :]:
        row = cells(line)
        if row is None or len(row) < 2 or len(row) > len(heading):
            table.ledger.warnings.note("unclear", line.strip())
        elif not all(_RULE.fullmatch(cell) for cell in row):
            table.row([*row, *[""] * (len(heading) - len(row))])
    return table.finish()


def _columns(heading: Sequence[str] | None) -> dict[str, int]:
    """Place of each known column; empty when there is no column of steps beside another one."""
    found: dict[str, int] = {}
    for place, cell in enumerate(heading or ()):
        for column, names in _COLUMNS.items():
            if cell.strip("*_ ").lower() in names:
                found.setdefault(column, place)
    return found if "step" in found and len(found) > 1 else {}


class _Table:
    """The reading of one table."""

    def __init__(self, reader: PhraseReader, columns: dict[str, int], *, own: bool) -> None:
        self.reader = reader
        self.columns = columns
        self.own = own
        self.ledger = Ledger(Remarks(reader.say.language))
        self.lanes: dict[tuple[str, ...], Lane] = {}
        self.kind: DiagramKind | None = None
        self.rows: list[tuple[str, str, str | None, str]] = []  # number, step, lane, next
        self.owners: list[tuple[str, str]] = []  # lane, next

    def row(self, row: list[str]) -> None:
        cell = {column: row[place] for column, place in self.columns.items()}
        number, step = cell.get("number", ""), cell["step"]
        if self.own and not number:
            kind = next((kind for kind, said in self.reader.say.kinds.items() if said == step), None)
            if kind:
                self.kind = kind
                return
            if step == self.reader.say.table_lane:
                self.owners.append((self._lane(cell.get("role", "")) or "", cell.get("next", "")))
                return
        number = number.rstrip(".)") if self.own else number
        self.rows.append(
            (number or str(len(self.rows) + 1), step, self._lane(cell.get("role", "")), cell.get("next", ""))
        )

    def finish(self) -> tuple[Diagram, Remarks]:
        references = self._references()
        onward = [self.reader.onward(following, references) for *_, following in self.rows]
        heads = [self.reader.head(step, 0, "bpmn") for _, step, _, _ in self.rows]
        kind = self.kind or guess_kind(
            (head.key for head in heads),
            lanes=bool(self.lanes),
            triggers=any(head.trigger for head in heads),
            messages=any(flow == "message" for flows in onward for flow, _, _ in flows or ()),
        )
        owned = [(("lane", lane), self.reader.onward(following, references)) for lane, following in self.owners]
        messages = any(flow == "message" for _, flows in owned for flow, _, _ in flows or ())
        kind = "bpmn" if messages and not self.kind else kind
        numbers = [number if self.own else str(place) for place, (number, *_) in enumerate(self.rows, 1)]
        given = {number: numbers[i] for i, (number, *_) in reversed(list(enumerate(self.rows)))}
        by_label = {step.casefold(): numbers[i] for i, (_, step, *_) in reversed(list(enumerate(self.rows)))}
        for place, (_, step, lane, following) in enumerate(self.rows):
            key = self._enter(numbers[place], step, lane, kind)
            if following in ("", "—") or (self.own and onward[place] is not None):
                self._flows(("node", numbers[place]), onward[place] or [] if following != "—" else [])
                if not following and key not in ENDS and place + 1 < len(self.rows):
                    self.ledger.flow(("node", numbers[place]), ("node", numbers[place + 1]))
            else:
                self._free(numbers[place], following, given, by_label)
        for owner, flows in owned:
            self._flows(owner, flows or [])
        lanes = [lane for _, lane in sorted(self.lanes.items(), key=lambda item: self.reader.marked(item[0][-1]))]
        diagram = self.ledger.diagram(kind, self.reader.say.language, lanes)
        return diagram, self.ledger.warnings

    def _lane(self, path: str) -> str | None:
        parts = self.reader.path(path) if path else []
        for length in range(1, len(parts) + 1):
            key = tuple(parts[:length])
            if key not in self.lanes:
                parent = self.lanes[key[:-1]].id if length > 1 else None
                self.lanes[key] = Lane(f"l{len(self.lanes) + 1}", self.reader.lane_name(parts[length - 1])[0], parent)
        return self.lanes[tuple(parts)].id if parts else None

    def _references(self) -> dict[str, str]:
        """Lane ids by the way in which cells refer to them: by path, and by name where that is enough."""
        names: dict[str, list[str]] = {}
        out: dict[str, str] = {}
        for path, lane in self.lanes.items():
            parts = [self.reader.quoted_part(part) for part in path]
            out[" / ".join(parts)] = lane.id
            names.setdefault(parts[-1], []).append(lane.id)
        return out | {name: ids[0] for name, ids in names.items() if len(ids) == 1}

    def _enter(self, number: str, step: str, lane: str | None, kind: DiagramKind) -> str:
        head = self.reader.head(step, 0, kind)
        entry = Entry(number, head.type, head.text, head.trigger, lane)
        sentences = self.reader.sentences(step[head.end :].removeprefix(".").strip())
        if all(
            not isinstance(said, str) and said[0] in ("inside", "border") and len(said[1]) == 1 for said in sentences
        ):
            for key, said in (said for said in sentences if not isinstance(said, str)):
                setattr(entry, key, said[0])
        else:
            entry = Entry(number, PLAIN_TYPE[kind], step, None, lane)
        if step.endswith("?"):
            entry.type = MEANING[kind]["decision"]
        self.ledger.add(entry)
        return head.key

    def _flows(self, source: Reference, flows: Sequence[tuple[str, str, Reference]]) -> None:
        for kind, label, target in flows:
            self.ledger.flow(source, target, label, cast(EdgeKind, kind))

    def _free(self, source: str, following: str, given: Mapping[str, str], by_label: Mapping[str, str]) -> None:
        """What comes next, in words of somebody else: `4`, `да - 4, нет - 5`, `Подписать договор`."""
        for item in re.split(r"[;,]|<br ?/?>", following):
            said = item.strip()
            match = _TARGET.fullmatch(said)
            number = given.get(match["number"]) if match else None
            label = (match["label"] or "").strip('«»"“” ') if match else ""
            if number is None:
                label, number = "", by_label.get(said.casefold())
            if number is None and (named := _NAMED.fullmatch(said)):
                label, number = named["label"].strip('«»"“” '), by_label.get(named["name"].strip('«»"“” ').casefold())
            if number is not None:
                self.ledger.flow(("node", source), ("node", number), label)
            elif said and said.casefold() not in _NOTHING:
                self.ledger.warnings.note("unclear", said)
