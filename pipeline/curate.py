"""The user's own training diagrams: taken in from files and folders, given back as a folder.

A picture that is nearly the same as one that is kept for measuring is kept for measuring too, whatever was asked:
nothing that is measured may be found. Knows nothing of terminals.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from diagram.errors import DiascribeError, InputError
from diagram.model import Diagram
from diagram.narrate import narrate
from pipeline.retrieve import Retrieval
from retrieval.examples import METADATA, TRAIN, ExampleFolder, Record, alike, graph_text
from vision.load import SUFFIXES, Limits, open_upload

_TEXTS = (".txt", ".md")
_GRAPHS = (".json", ".bpmn", ".xml", ".mmd", ".mermaid")


def add_example(
    retrieval: Retrieval, image: Path, truth: Path, *, name: str = "", replace_old: bool = False, **told: str
) -> tuple[Record, Record | None]:
    """Add one example. told: title, process, source, licence, split. Returns it and the one it nearly equals, if any.

    Raises:
        InputError: the picture or its truth cannot be used, or the id is taken.
    """
    open_upload(image, Limits()).page(0)
    record = described(name or _id(image), image, truth)
    changes: dict[str, Any] = {key: value for key, value in told.items() if value}
    record = dataclasses.replace(record, **changes)
    record, twin = _safe(record, retrieval.examples.records().values())
    return retrieval.examples.own.add([record], replace=replace_old)[0], twin


def import_folder(retrieval: Retrieval, folder: Path, *, replace_old: bool = False) -> tuple[list[Record], list[str]]:
    """Add every example of a folder, all or none; the notes name near copies.

    Raises:
        InputError: an example cannot be used, or its id is taken.
    """
    if (folder / METADATA).is_file():
        rows = list(ExampleFolder(folder).records().values())
    else:
        rows = [
            described(_id(path), path, path.with_suffix(".json"))
            for path in sorted(folder.iterdir())
            if path.suffix.lower() in SUFFIXES and path.with_suffix(".json").is_file()
        ]
    if not rows:
        raise InputError(f"{folder} holds neither {METADATA} nor pictures with NAME.json beside them")
    known = list(retrieval.examples.records().values())
    notes: list[str] = []
    checked: list[Record] = []
    for row in rows:
        open_upload(row.image, Limits()).page(0)
        safe, twin = _safe(row, [*known, *checked])
        if twin is not None:
            kept = f", kept for measuring as {safe.split}" if safe.split != row.split else ""
            notes.append(f"{row.id} is nearly the same as {twin.id}{kept}")
        checked.append(safe)
    return retrieval.examples.own.add(checked, replace=replace_old), notes


def export_folder(retrieval: Retrieval, folder: Path, *, everything: bool = False) -> int:
    """Write the user's own examples, or all, as a folder; how many.

    Raises:
        DiascribeError: it cannot be written.
    """
    examples = retrieval.examples
    rows = examples.records() if everything else examples.own.records()
    ExampleFolder(folder).add(rows.values())
    (folder / ".lock").unlink(missing_ok=True)
    return len(rows)


def _safe(record: Record, others: Iterable[Record]) -> tuple[Record, Record | None]:
    """The example, in the split of the measured one it nearly equals; and the one it nearly equals."""
    others = list(others)
    measured = [one for one in others if one.split != TRAIN]
    twin = alike(record, measured)
    same = [one for one in measured if record.process and one.process == record.process and one.id != record.id]
    if record.split == TRAIN and (twin or same):
        twin = twin or same[0]
        return dataclasses.replace(record, split=twin.split), twin
    return record, twin or alike(record, others)


def _id(image: Path) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in image.stem)[:80]


def described(name: str, image: Path, truth: Path) -> Record:
    """One example, from a picture and the file that tells what it shows.

    Raises:
        InputError: the truth cannot be used.
    """
    suffix = truth.suffix.lower()
    if suffix not in (*_TEXTS, *_GRAPHS):
        known = ", ".join((*_TEXTS, *_GRAPHS))
        raise InputError(f"{truth}: a truth ending in {suffix or 'nothing'} is not understood", hint=f"known: {known}")
    try:
        text = truth.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{truth} cannot be read: {error}") from error
    if suffix in _TEXTS:
        if not text.strip():
            raise InputError(f"{truth} is empty")
        cyrillic = sum("а" <= letter <= "я" for letter in text.casefold())
        latin = sum("a" <= letter <= "z" for letter in text.casefold())
        return Record(name, image, text.strip(), language="ru" if cyrillic > latin else "en")
    try:
        diagram, data = _graph(text, suffix)
    except DiascribeError as error:
        raise InputError(f"{truth}: {error}", hint=error.hint) from error
    said = narrate(diagram)
    told: dict[str, Any] = {key: str(data.get(key) or "") for key in ("process", "look", "source", "licence")}
    description, title = str(data.get("description") or said.text), str(data.get("title") or said.title)
    return Record(name, image, description, graph_text(diagram), title, diagram.language, diagram.kind, **told)


def _graph(text: str, suffix: str) -> tuple[Diagram, dict[str, object]]:
    """The graph, and what else a JSON file tells."""
    if suffix == ".json":
        try:
            data = json.loads(text)
        except ValueError as error:
            raise InputError(f"this is not JSON: {error}") from error
        return Diagram.from_json(data), data
    if suffix in (".bpmn", ".xml"):
        from bpmn.parse import parse as parse_bpmn

        return parse_bpmn(text), {}
    from mermaid.parse import parse as parse_mermaid

    return parse_mermaid(text), {}
