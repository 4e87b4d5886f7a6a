"""The outputs of a description: a registry of name -> (file ending, writer). Each is a projection of the graph.

Knows nothing of where the text goes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from diagram.kinds import Language
from diagram.model import Description, Step

CSV_HEADER: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": ("No", "Step", "Role", "Next"),
    "ru": ("№", "Шаг", "Роль", "Далее"),
}


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a description. suffix: of its file, with the dot; write: the whole text, newline at its end."""

    suffix: str
    write: Callable[[Description], str]


def _text(found: Description) -> str:
    return _ended("\n\n".join(part for part in (found.title, found.text) if part))


def _table(found: Description) -> str:
    from diagram.narrate import table

    return _ended(table(found.diagram))


def _json(found: Description) -> str:
    return json.dumps(found.to_json(), ensure_ascii=False, indent=2) + "\n"


def _csv(found: Description) -> str:
    return "".join(map(csv_line, [CSV_HEADER[found.diagram.language], *csv_rows(found)]))


def _mermaid(found: Description) -> str:
    from mermaid.emit import emit

    return _ended(emit(found.diagram))


def _bpmn(found: Description) -> str:
    from bpmn.emit import emit

    return _ended(emit(found.diagram))


FORMATS: Final[Mapping[str, Format]] = {
    "text": Format(".txt", _text),
    "table": Format(".md", _table),
    "json": Format(".json", _json),
    "csv": Format(".csv", _csv),
    "mermaid": Format(".mmd", _mermaid),
    "bpmn": Format(".bpmn", _bpmn),
}


def examples_text(found: Description) -> str:
    """The training diagrams like it, a line each, under a heading."""
    heading = {"en": "Similar examples:", "ru": "Похожие примеры:"}[found.diagram.language]
    none = {"en": "none is close enough", "ru": "достаточно близких нет"}[found.diagram.language]
    lines = [f"- {example.id}: {example.title or 'untitled'} ({example.reason})" for example in found.examples]
    return "\n".join(["", heading, *(lines or [f"- {none}"])]) + "\n"


def csv_rows(found: Description) -> list[tuple[str, ...]]:
    """One row per step: number, step, role, the steps that follow ("3", or "Да: 3; Нет: 5")."""
    return [(cell(step.number), cell(step.text), cell(step.role), cell(_next(step))) for step in found.steps]


def csv_line(cells: Sequence[str]) -> str:
    """One line of CSV (RFC 4180 quoting), newline at its end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _next(step: Step) -> str:
    labels = (*step.branches, *[""] * len(step.next))
    return "; ".join(
        f"{label}: {number}" if label else number for number, label in zip(step.next, labels, strict=False)
    )


def cell(text: str) -> str:
    """A spreadsheet runs cells that begin so as formulas; what was read off a picture must stay text."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
