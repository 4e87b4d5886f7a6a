"""What has been described: recorded, found again by words, given as the answer to the same question, and forgotten.

The same content with the same settings is the same question (`pipeline.fingerprint`). Times are seconds since 1970.
Knows nothing of HTTP; blocks, so that event loops call it in a thread.
"""

from __future__ import annotations

import functools
import json
import re
import time
import unicodedata
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from diagram.errors import DiascribeError
from pipeline.storage import Database, Uploads
from pipeline.storage.uploads import Staged

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

MOST: Final = 500
"""Entries of one page of a list."""
_INDEX: Final = {
    "sqlite": "INSERT INTO results_words (rowid, words) VALUES (:number, :words)",
    "postgresql": "INSERT INTO results_words (rowid, words) "
    "VALUES (:number, array_to_tsvector(CAST(:words AS text[])))",
}
_ENDINGS: Final = re.compile(
    "(?:ями|ами|ого|его|ому|ему|ыми|ими|ях|ах|ов|ев|ей|ой|ий|ый|ая|яя|ое|ее|ые|ие|ию|ии|ия|ью|ам|ям|ом|ем|ую|юю"
    "|[аеиоуыэюяйь])$"
)


class NoSuchResultError(DiascribeError):
    """There is no result of this id, or no longer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One result, without the description itself. size: bytes of the upload."""

    id: str
    created: float
    used: float
    name: str
    kind: str
    language: str
    engine: str
    title: str
    nodes: int
    edges: int
    warnings: int
    sha: str
    size: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which results. query: words that all must be there, in any form; "" and None: all."""

    query: str = ""
    kind: str | None = None
    language: str | None = None


class History:
    """The results in a database and their uploads."""

    def __init__(self, database: Database, uploads: Uploads) -> None:
        self._database, self._uploads = database, uploads

    def earlier(self, key: str) -> tuple[Entry, dict[str, Any]] | None:
        """The newest result of this key, with its description; its time of use becomes now."""
        from pipeline.storage.schema import RESULTS

        with self._database.read() as connection:
            row = connection.execute(
                _entries(description=True).where(RESULTS.c.key == key).order_by(RESULTS.c.number.desc()).limit(1)
            ).first()
        if row is None:
            return None
        if time.time() - row.used > 60:
            with self._database.write() as connection:
                connection.execute(RESULTS.update().where(RESULTS.c.id == row.id).values(used=time.time()))
        return _entry(row), json.loads(row.description)

    def stage(self, data: bytes) -> Staged:
        """Bring an upload to the disk, for `record` or `drop`; it is what takes longest of keeping a result.

        Raises:
            StorageError: it cannot be written.
        """
        return self._uploads.stage(data)

    def drop(self, staged: Staged) -> None:
        """Forget an upload that was staged in vain."""
        self._uploads.drop(staged)

    def record(
        self,
        upload: bytes | Staged,
        name: str,
        key: str,
        description: Mapping[str, Any],
        ident: str = "",
        created: float | None = None,
    ) -> str:
        """Keep a result; its id. upload: may be staged already. key: as `Fingerprint.key` gives it.

        ident, created: of the result; unless given, a new id and now.

        Raises:
            StorageError: it cannot be kept.
        """
        staged = self._uploads.stage(upload) if isinstance(upload, bytes) else upload
        try:
            with self._database.write() as connection:
                return self.add(connection, staged, name, key, description, ident, created)
        finally:
            self._uploads.drop(staged)

    def add(
        self,
        connection: Connection,
        staged: Staged,
        name: str,
        key: str,
        description: Mapping[str, Any],
        ident: str = "",
        created: float | None = None,
    ) -> str:
        """The same inside a transaction of the caller's, for an upload that is staged or kept already."""
        now, ident = time.time() if created is None else created, ident or uuid.uuid4().hex
        self._uploads.keep(connection, staged)
        insert, index = _statements(connection.dialect.name)
        row = {
            "id": ident,
            "created": now,
            "used": now,
            "sha": staged.sha,
            "key": key if _lasting(description) else None,
            "name": clean(name),
            "kind": description["kind"],
            "language": description["language"],
            "engine": clean(description["engine"]),
            "title": clean(description["title"]),
            "nodes": len(description["nodes"]),
            "edges": len(description["edges"]),
            "warnings": len(description["warnings"]),
            "description": clean(json.dumps(dict(description), ensure_ascii=False)),
        }
        number = connection.execute(insert, row).scalar_one()
        words: Any = _words(_text_of(name, description))
        words = " ".join(words) if connection.dialect.name == "sqlite" else words
        connection.execute(index, {"number": number, "words": words})
        return ident

    def find(self, chosen: Filter, limit: int = 50, offset: int = 0) -> tuple[int, list[Entry]]:
        """How many there are, and some of them, newest first."""
        with self._database.read() as connection:
            dialect = connection.dialect.name
            sought = _sought(chosen, dialect)
            if sought is None:
                return 0, []
            count, page = _listing(dialect, frozenset(sought))
            limit = min(limit, MOST)
            rows = connection.execute(page, {**sought, "limit": limit, "offset": offset}).all()
            whole = len(rows) < limit and (rows or not offset)  # this page is the last: no need to count
            total = offset + len(rows) if whole else connection.scalar(count, sought) or 0
        return total, [_entry(row) for row in rows]

    def each(self, chosen: Filter) -> Iterator[tuple[Entry, dict[str, Any]]]:
        """All of them with their descriptions, newest first; ones that come or go meanwhile may be among them."""
        from pipeline.storage.schema import RESULTS

        last: int | None = None
        while True:
            with self._database.read() as connection:
                dialect = connection.dialect.name
                sought = _sought(chosen, dialect)
                if sought is None:
                    return
                asked = _entries(description=True).where(*_where(dialect, frozenset(sought)))
                if last is not None:
                    asked = asked.where(RESULTS.c.number < last)
                rows = connection.execute(asked.order_by(RESULTS.c.number.desc()).limit(50), sought).all()
            for row in rows:
                yield _entry(row), json.loads(row.description)
            if not rows:
                return
            last = rows[-1].number

    def get(self, ident: str) -> tuple[Entry, dict[str, Any]]:
        """One result and its description.

        Raises:
            NoSuchResultError: there is none.
        """
        from pipeline.storage.schema import RESULTS

        with self._database.read() as connection:
            row = connection.execute(_entries(description=True).where(RESULTS.c.id == ident)).first()
        if row is None:
            raise _no_such(ident)
        return _entry(row), json.loads(row.description)

    def image(self, ident: str) -> tuple[Entry, bytes]:
        """One result and the upload it tells of.

        Raises:
            NoSuchResultError: there is none. StorageError: the file is gone.
        """
        entry, _ = self.get(ident)
        return entry, self._uploads.read(entry.sha)

    def delete(self, ident: str) -> None:
        """Forget one result, and its upload where nothing else needs it.

        Raises:
            NoSuchResultError: there is none.
        """
        from pipeline.storage.schema import RESULTS

        if not self._delete([RESULTS.c.id == ident]):
            raise _no_such(ident)

    def clear(self, before: float | None = None) -> int:
        """Forget all results, or those that were last used before a time; how many."""
        from pipeline.storage.schema import RESULTS

        removed = 0
        while some := self._delete([] if before is None else [RESULTS.c.used < before]):
            removed += some
        return removed

    def _delete(self, where: list[Any]) -> int:
        """Forget at most 500; the number."""
        import sqlalchemy as sa

        from pipeline.storage.schema import RESULTS

        with self._database.write() as connection:
            rows = connection.execute(sa.select(RESULTS.c.number, RESULTS.c.sha).where(*where).limit(500)).all()
            numbers = [row.number for row in rows]
            gone = sa.text("DELETE FROM results_words WHERE rowid = :number")
            if rows:
                connection.execute(gone, [{"number": number} for number in numbers])
                connection.execute(RESULTS.delete().where(RESULTS.c.number.in_(numbers)))
            for row in rows:
                self._uploads.release(connection, row.sha)
        if rows:
            self._uploads.sweep(self._database)
        return len(rows)


def clean(text: str) -> str:
    """Text that every database takes."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


@functools.cache
def _statements(dialect: str) -> tuple[Any, Any]:
    """What puts in a result, giving its number, and what puts in its words; made once, to be compiled once."""
    import sqlalchemy as sa

    from pipeline.storage.schema import RESULTS

    return RESULTS.insert().returning(RESULTS.c.number), sa.text(_INDEX[dialect])


def _lasting(description: Mapping[str, Any]) -> bool:
    """Whether it may answer again: a model that was out of reach once may be there the next time."""
    return description["engine"] == "vision" or not description["warnings"]


def _entries(*, description: bool = False) -> Select[Any]:
    """Columns as `_entry` takes them, then the number, and the description where it is wanted."""
    import sqlalchemy as sa

    from pipeline.storage.schema import RESULTS, UPLOADS

    names = (one.name for one in fields(Entry) if one.name != "size")
    more = (RESULTS.c.description,) if description else ()
    columns = (*(RESULTS.c[name] for name in names), UPLOADS.c.size, RESULTS.c.number, *more)
    return sa.select(*columns).join(UPLOADS, UPLOADS.c.sha == RESULTS.c.sha)


def _entry(row: Any) -> Entry:
    return Entry(*row[:13])


@functools.cache
def _listing(dialect: str, given: frozenset[str]) -> tuple[Any, Any]:
    """What counts the results sought and what lists a page of them; made once, as that takes longer than asking."""
    import sqlalchemy as sa

    from pipeline.storage.schema import RESULTS

    where = _where(dialect, given)
    page = _entries().where(*where).order_by(RESULTS.c.number.desc())
    return (
        sa.select(sa.func.count()).select_from(RESULTS).where(*where),
        page.limit(sa.bindparam("limit", type_=sa.Integer)).offset(sa.bindparam("offset", type_=sa.Integer)),
    )


def _where(dialect: str, given: frozenset[str]) -> list[Any]:
    """Conditions on the values that are given, by name, as `_sought` makes them."""
    import sqlalchemy as sa

    from pipeline.storage.schema import RESULTS

    where: list[Any] = [RESULTS.c[name] == sa.bindparam(name) for name in sorted(given - {"words"})]
    if "words" in given:
        match = "results_words MATCH :words" if dialect == "sqlite" else "words @@ CAST(:words AS tsquery)"
        found = sa.text(f"SELECT rowid FROM results_words WHERE {match}")  # noqa: S608 one of two
        where.append(RESULTS.c.number.in_(found.columns(sa.column("rowid", sa.Integer))))
    return where


def _sought(chosen: Filter, dialect: str) -> dict[str, Any] | None:
    """Values that results must have; None where none can."""
    sought: dict[str, Any] = {"kind": chosen.kind, "language": chosen.language}
    if chosen.query.strip():
        stems = [_stem(word) for word in _words(chosen.query)][:20]
        if not stems:
            return None
        sqlite = " ".join(f'"{stem}"*' for stem in stems)
        sought["words"] = sqlite if dialect == "sqlite" else " & ".join(f"'{stem}':*" for stem in stems)
    return {name: value for name, value in sought.items() if value}


def _text_of(name: str, description: Mapping[str, Any]) -> str:
    parts = [name, description["title"], description["text"]]
    parts += [node["text"] for node in description["nodes"]] + [edge["text"] for edge in description["edges"]]
    return " ".join([*parts, *(lane["name"] for lane in description["lanes"])])


def _words(text: str) -> list[str]:
    """Letters and digits only, in one case, so that both databases cut the text into the same words."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return re.findall(r"[^\W_]+", folded)


def _stem(word: str) -> str:
    """What the forms of a word begin with: a Russian word of more than three letters loses its ending."""
    return _ENDINGS.sub("", word) if len(word) > 3 and "а" <= word[0] <= "я" else word


def _no_such(ident: str) -> NoSuchResultError:
    return NoSuchResultError(f"there is no result {clean(ident)[:40]}", hint="it may have been deleted or expired")
