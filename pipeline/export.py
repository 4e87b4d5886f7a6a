"""Many results as one file: ZIP (each as JSON, Markdown, Mermaid, BPMN XML; an overview), CSV, XLSX, JSON Lines.

Written to a file that is open already, one result at a time. Knows nothing of where results come from.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import IO, Any, Final

from diagram.model import Description
from pipeline.formats import cell, csv_line
from pipeline.tasks import MARKDOWN, written

COLUMNS: Final = (
    "No", "Name", "State", "Title", "Kind", "Language", "Steps", "Nodes", "Flows", "Engine", "Warnings", "Error",
    "Earlier", "Result", "Page", "Text",
)  # fmt: skip
MEDIA: Final[Mapping[str, str]] = {
    "zip": "application/zip",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/x-ndjson",
}
"""The forms, with their media types."""
PARTS: Final = (("md", MARKDOWN), ("mmd", "mermaid"), ("bpmn", "bpmn"))
_LONGEST: Final = 32_000  # characters of a cell: spreadsheets take 32,767
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class Row:
    """One result, or why there is none (error). earlier: it was known before. result: its id in the history.

    page: of the file; 0: not known.
    """

    number: int
    name: str
    state: str
    description: Mapping[str, Any] | None = None
    error: str = ""
    earlier: bool = False
    result: str = ""
    page: int = 0

    def to_json(self) -> dict[str, Any]:
        """All of it, with the description."""
        return {
            "number": self.number,
            "name": self.name,
            **({"page": self.page} if self.page else {}),
            "state": self.state,
            "earlier": self.earlier,
            "result": self.result or None,
            "error": self.error or None,
            "description": self.description,
        }


def write(rows: Iterable[Row], form: str, file: IO[bytes]) -> None:
    """Write the rows in one of the forms of `MEDIA`."""
    {"zip": _zip, "csv": _csv, "xlsx": _xlsx, "jsonl": _lines}[form](rows, file)


def json_line(row: Row) -> bytes:
    """A row as one line of JSON."""
    return (json.dumps(row.to_json(), ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _lines(rows: Iterable[Row], file: IO[bytes]) -> None:
    for row in rows:
        file.write(json_line(row))


def _csv(rows: Iterable[Row], file: IO[bytes]) -> None:
    file.write(csv_line(COLUMNS).encode())
    for row in rows:
        file.write(csv_line([str(value) for value in _cells(row)]).encode("utf-8", "replace"))


def _xlsx(rows: Iterable[Row], file: IO[bytes]) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Overview")
    sheet.freeze_panes = "A2"
    for letter, width in {"B": 28, "D": 40, "L": 40, "P": 80}.items():
        sheet.column_dimensions[letter].width = width
    sheet.append(COLUMNS)
    for row in rows:
        sheet.append(_cells(row))
    book.save(file)


def _zip(rows: Iterable[Row], file: IO[bytes]) -> None:
    import tempfile

    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, tempfile.TemporaryFile() as kept:
        lean: list[Row] = []
        for row in rows:
            stem = f"{row.number:04d}-{_stem(row.name)}{f'-p{row.page}' if row.page > 1 else ''}"
            if row.description is None:
                lean.append(row)
                continue
            found = dict(row.description)
            outputs = found.pop("outputs", {})
            archive.writestr(f"{stem}.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n")
            for suffix, name in PARTS:
                text = outputs.get(name) or written(Description.from_json(found), name)
                archive.writestr(f"{stem}.{suffix}", text)
            lean.append(
                replace(
                    row,
                    description={
                        **found,
                        "nodes": [0] * len(found["nodes"]),
                        "edges": [0] * len(found["edges"]),
                        "steps": [0] * len(found["steps"]),
                        "text": found["text"][:_LONGEST],
                    },
                )
            )
        with archive.open("overview.csv", "w") as out:
            _csv(lean, out)
        _xlsx(lean, kept)
        kept.seek(0)
        archive.writestr("overview.xlsx", kept.read())


def _cells(row: Row) -> list[str | int]:
    found: Mapping[str, Any] = row.description or {}
    texts = {
        name: cell(_CONTROL.sub("", str(value)).strip())[:_LONGEST]
        for name, value in {
            "name": row.name,
            "title": found.get("title", ""),
            "engine": found.get("engine", ""),
            "warnings": "; ".join(found.get("warnings", ())),
            "error": row.error,
            "text": found.get("text", ""),
        }.items()
    }
    return [
        row.number, texts["name"], row.state, texts["title"], found.get("kind", ""), found.get("language", ""),
        len(found.get("steps", ())), len(found.get("nodes", ())), len(found.get("edges", ())), texts["engine"],
        texts["warnings"], texts["error"], "yes" if row.earlier else "no", row.result, _page(row), texts["text"],
    ]  # fmt: skip


def _page(row: Row) -> int:
    """Which page of its file it is."""
    return row.page or int((row.description or {}).get("image", {}).get("page", 1))


def _stem(name: str) -> str:
    """A file name that every system takes."""
    stem = re.sub(r"[^\w. -]+", "_", name.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]).strip(". ")
    return stem[:80] or "picture"
