"""Training diagrams on disk: folders of pictures with `metadata.jsonl`, the ImageFolder convention of Hugging Face.

One JSON object a line: `file_name` (inside the folder), `id`, `graph` (the Diagram JSON, as an object or as a string),
`description`, `title`, `language`, `kind`, `process`, `look`, `source`, `licence`, `split`. Only rows whose split is
"train" may be found later: the others are kept for measuring. Rows are checked when read, their graphs when first asked
for (there may be many); a fault names the file, and the line or the example.
A folder that is written to is changed whole or not at all, by one process at a time. Knows nothing of vectors.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from diagram.errors import DiascribeError, InputError
from diagram.kinds import LANGUAGES, Language
from diagram.model import Diagram, Example

METADATA: Final = "metadata.jsonl"
TRAIN: Final = "train"
_ID: Final = re.compile(r"[\w.-]{1,80}")


@dataclass(frozen=True)
class Record:
    """One example and what is known about it. image: the picture's path. graph: the Diagram JSON, "" where unknown."""

    id: str
    image: Path
    description: str
    graph: str = ""
    title: str = ""
    language: Language = "en"
    kind: str = ""
    process: str = ""
    look: str = ""
    source: str = ""
    licence: str = ""
    split: str = TRAIN
    more: Mapping[str, Any] = field(default_factory=dict)

    @functools.cached_property
    def diagram(self) -> Diagram | None:
        """The graph.

        Raises:
            InputError: it breaks the contract of graphs.
        """
        try:
            return Diagram.from_json(json.loads(self.graph)) if self.graph else None
        except (ValueError, DiascribeError) as error:
            raise InputError(f"{self.image.parent / METADATA}, example {self.id}: {error}") from error

    def example(self, score: float | None = None, reason: str = "") -> Example:
        """As describers are given it.

        Raises:
            InputError: its graph breaks the contract of graphs.
        """
        return Example(
            self.id, str(self.image), self.description, self.diagram, self.language, self.source, self.licence,
            self.title, score, reason,
        )  # fmt: skip

    def digest(self) -> str:
        """Of what vectors depend on: the picture's bytes, the graph and the title.

        Raises:
            InputError: the picture is gone.
        """
        try:
            whole = hashlib.sha256(self.image.read_bytes())
        except OSError as error:
            raise InputError(f"example {self.id}: {self.image} cannot be read: {error.strerror}") from error
        whole.update(f"\0{self.graph}\0{self.title}".encode())
        return whole.hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The row. The graph is a string: rows of one table must have one shape."""
        names = ("title", "language", "kind", "process", "look", "source", "licence", "split")
        known = {"file_name": self.image.name, "id": self.id, "graph": self.graph, "description": self.description}
        return {**known, **{name: getattr(self, name) for name in names}, **self.more}


def graph_text(diagram: Diagram) -> str:
    """A graph as records hold it."""
    return json.dumps(diagram.to_json(), ensure_ascii=False)


class ExampleFolder:
    """The examples of one folder; an absent folder holds none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[tuple[int, int, int], dict[str, Record]] | None = None

    def records(self) -> dict[str, Record]:
        """id -> row, in the order of the file; read again only when the file was replaced or changed.

        Raises:
            InputError: a row breaks the contract.
        """
        try:
            stat = (self.path / METADATA).stat()
        except FileNotFoundError:
            return {}
        stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if self._seen is None or self._seen[0] != stamp:
            self._seen = stamp, _read(self.path)
        return self._seen[1]

    def add(self, records: Iterable[Record], *, replace: bool = False) -> list[Record]:
        """Copy pictures in and append the rows; what is returned names the copies.

        Raises:
            InputError: an id is taken (unless `replace`) or no good name. DiascribeError: the folder cannot be written.
        """
        with self._alone():
            rows = dict(self.records())
            added = []
            for record in records:
                if not _ID.fullmatch(record.id):
                    raise InputError(
                        f"{record.id!r} is no id", hint="up to 80 letters, digits, dots, dashes, underscores"
                    )
                if record.id in rows and not replace:
                    raise InputError(f"there is an example {record.id} already", hint="name another --id, or --replace")
                target = self.path / f"{record.id}{record.image.suffix.lower()}"
                if record.image.resolve() != target.resolve():
                    _copy(record.image, target)
                old = rows.get(record.id)
                rows[record.id] = dataclasses.replace(record, image=target)
                added.append(rows[record.id])
                if old is not None and old.image != target:
                    old.image.unlink(missing_ok=True)
            self._write(rows.values())
        return added

    def remove(self, ids: Sequence[str]) -> None:
        """Drop rows and their pictures.

        Raises:
            InputError: there is no such example here.
        """
        with self._alone():
            rows = dict(self.records())
            for name in ids:
                if name not in rows:
                    raise InputError(f"there is no example {name} in {self.path}")
            gone = [rows.pop(name) for name in ids]
            self._write(rows.values())
            for record in gone:
                record.image.unlink(missing_ok=True)

    def _write(self, rows: Iterable[Record]) -> None:
        lines = "".join(json.dumps(row.to_json(), ensure_ascii=False) + "\n" for row in rows)
        _replace(self.path / METADATA, lines.encode())

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / ".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._seen = None
                yield
        except OSError as error:
            hint = "set DIASCRIBE_EXAMPLES_DIR to a folder of your own"
            raise DiascribeError(f"{self.path} cannot be written: {error.strerror or error}", hint=hint) from error


class Examples:
    """All folders together. own: the one that takes new examples; its rows hide rows of the same id in `others`."""

    def __init__(self, own: Path, others: Sequence[Path] = ()) -> None:
        self.own = ExampleFolder(own)
        self._others = [ExampleFolder(path) for path in others]

    def records(self) -> dict[str, Record]:
        """id -> row."""
        rows: dict[str, Record] = {}
        for folder in (*self._others, self.own):
            rows |= folder.records()
        return rows

    def findable(self) -> dict[str, Record]:
        """Rows that the index may hold."""
        return {name: row for name, row in self.records().items() if row.split == TRAIN}


def alike(record: Record, others: Iterable[Record], least: float = 0.8) -> Record | None:
    """The first of the others that shows the same: the same picture, or mostly the same texts (of three or more).

    least: common texts over all texts of the two; whoever draws a process again changes a word or two.
    """
    mine = _said(record)
    picture = record.image.read_bytes()
    for other in others:
        if other.id == record.id:
            continue
        theirs = _said(other)
        if min(len(mine), len(theirs)) >= 3 and len(mine & theirs) >= least * len(mine | theirs):
            return other
        if _size(other.image) == len(picture) and other.image.read_bytes() == picture:
            return other
    return None


def _said(record: Record) -> set[str]:
    if record.diagram is None:
        return set()
    return {" ".join(re.findall(r"\w+", node.text.casefold())) for node in record.diagram.nodes} - {""}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _read(folder: Path) -> dict[str, Record]:
    path = folder / METADATA
    rows: dict[str, Record] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = _record(folder, json.loads(line))
            if row.id in rows:
                raise InputError(f"the id {row.id} occurs twice")
        except (ValueError, DiascribeError) as error:
            raise InputError(f"{path}, line {number}: {error}") from error
        rows[row.id] = row
    return rows


def _record(folder: Path, data: Any) -> Record:
    if not isinstance(data, dict):
        raise InputError("a row must be a JSON object")
    data = dict(data)
    name = data.pop("file_name", None)
    if not isinstance(name, str) or not name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise InputError("`file_name` must name a file inside the folder")
    graph = data.pop("graph", None) or ""
    if not isinstance(graph, str):
        graph = json.dumps(graph, ensure_ascii=False)
    keys = ("description", "title", "language", "kind", "process", "look", "source", "licence", "split")
    texts = {key: data.pop(key, None) or "" for key in keys}
    if wrong := [key for key, value in texts.items() if not isinstance(value, str)]:
        raise InputError(f"`{wrong[0]}` must be text")
    if graph and not (texts["language"] and texts["kind"]):
        diagram = Diagram.from_json(json.loads(graph))
        texts |= {"language": texts["language"] or diagram.language, "kind": texts["kind"] or diagram.kind}
    language = texts.pop("language") or "en"
    if language not in LANGUAGES:
        raise InputError(f"unknown language {language!r}", hint=f"known: {', '.join(LANGUAGES)}")
    texts["split"] = texts["split"] or TRAIN
    identity = str(data.pop("id", None) or Path(name).stem)
    return Record(identity, folder / name, graph=graph, language=cast(Language, language), more=data, **texts)


def _copy(source: Path, target: Path) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    os.close(handle)
    try:
        shutil.copyfile(source, name)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
