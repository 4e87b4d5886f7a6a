"""The index in PostgreSQL with pgvector: the same promises as the one on disk, for many machines that share it.

One table holds the vectors of one embedder, one the vectors of a build at work (so that a killed one goes on), and
`diascribe_index` names the table in use. A build ends in one transaction; readers see the old state until then.
Builders wait for each other on an advisory lock, which goes with their connection. Beyond `flat_up_to` vectors searches
use an HNSW graph. Knows nothing of examples.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from diagram.errors import (
    BrokenIndexError,
    BusyError,
    IndexUnusableError,
    MissingDependencyError,
    MissingIndexError,
)
from retrieval.embedder import Vectors
from retrieval.index import (
    REBUILD,
    Embed,
    Entries,
    Hit,
    Identity,
    Manifest,
    Progress,
    Synced,
    check_embedder,
    check_ids,
    digest_of,
    embedded,
    entry_digest,
    missing_index,
)

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.sql import Composed

BATCH: Final = 64
FLAT_UP_TO: Final = 10_000
PATIENCE: Final = 600.0
_HNSW_DIMENSIONS: Final = 2000  # pgvector builds no graph beyond


class PostgresIndex:
    """An index in the database that the URL names.

    name: of the index, where several share a database. flat_up_to: vectors up to which searches are exact. patience:
    seconds to wait for another process that builds.
    """

    def __init__(
        self, url: str, *, name: str = "examples", flat_up_to: int = FLAT_UP_TO, patience: float = PATIENCE
    ) -> None:
        self._connection: Connection[tuple[Any, ...]] | None = None
        self._url = url
        self._name = name
        self._flat_up_to = flat_up_to
        self._patience = patience
        self._turn = threading.RLock()

    def manifest(self) -> Manifest:
        """What it holds now."""
        with self._errors():
            return self._state()[0]

    def search(self, vector: Vectors, k: int, embedder: Identity) -> list[Hit]:
        """The nearest entries, best first; see `Index.search`."""
        from psycopg.errors import UndefinedTable

        with self._errors():
            for attempt in range(3):
                manifest, table = self._state()
                check_embedder(manifest.embedder, embedder)
                if k <= 0 or not np.any(vector):
                    return []
                try:
                    return self._nearest(table, vector, min(k, manifest.count))
                except UndefinedTable:  # another build was published in between
                    if attempt == 2:
                        raise
        raise AssertionError

    def sync(
        self,
        wanted: Callable[[], Entries],
        embed: Embed,
        embedder: Identity,
        *,
        rebuild: bool = False,
        progress: Progress = None,
    ) -> Synced:
        """Hold exactly the wanted entries; see `Index.sync`."""
        with self._errors(), self._alone():
            start = time.perf_counter()
            entries = wanted()
            check_ids(entries)
            old = self._built_by(embedder)
            have = {} if old is None or rebuild else self._digests(old[1])
            digests = {name: entry_digest(name, digest) for name, digest in entries.items()}
            kept = [name for name in entries if have.get(name) == digests[name]]
            fresh = [name for name in entries if have.get(name) != digests[name]]
            removed = sum(digests.get(name) != digest for name, digest in have.items())
            if old is not None and not rebuild and not fresh and not removed:
                return Synced(old[0], kept=len(kept))
            pending = self._pending(embedder, clear=rebuild)
            ready = {bytes(row[0]) for row in self._do(_sql("select digest from {}", pending))}
            todo = [name for name in fresh if digests[name] not in ready]
            resumed = len(fresh) - len(todo)
            for batch, vectors in embedded(todo, BATCH, embed, embedder, resumed, progress):
                rows = [(digests[name], _text(vector)) for name, vector in zip(batch, vectors, strict=True)]
                self._many(_sql("insert into {} values (%s, %s) on conflict do nothing", pending), rows)
            manifest = self._publish(entries, digests, kept, fresh, embedder, pending, start)
            return Synced(manifest, len(todo), len(kept), resumed, removed)

    def verify(self) -> list[str]:
        """Faults found by reading everything."""
        with self._errors():
            manifest, table = self._state()
            rows = sorted((str(row[0]), bytes(row[1])) for row in self._do(_sql("select id, digest from {}", table)))
            faults = []
            if len(rows) != manifest.count:
                faults.append(f"the index has {len(rows)} entries, not {manifest.count}")
            elif hashlib.sha256(b"".join(digest for _, digest in rows)).hexdigest() != manifest.data:
                faults.append("entries were changed after the index was built")
            query = _sql("select count(*) from {} where abs(v <#> v) > 0.001 and abs((v <#> v) + 1) > 0.001", table)
            if self._do(query)[0][0]:
                faults.append("there are vectors of a wrong length")
            return faults

    def drop(self) -> None:
        """Remove this index and whatever was begun of it."""
        with self._errors(), self._alone():
            for table in self._tables():
                self._do(_sql("drop table if exists {}", table))
                self._do(_sql("drop table if exists {}", table.replace("diascribe_v_", "diascribe_p_")))
            self._do(_plain("delete from diascribe_index where name = %s"), (self._name,))

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __del__(self) -> None:
        self.close()

    # Reading

    def _nearest(self, table: str, vector: Vectors, k: int) -> list[Hit]:
        query = _text(vector)
        with self._open().transaction():
            self._do(_plain(f"set local hnsw.ef_search = {min(1000, max(40, 4 * k))}"))
            statement = _sql(
                "select id, place, -(v <#> %s::vector), v::text from {} order by v <#> %s::vector limit %s", table
            )
            rows = self._do(statement, (query, query, k))
        rows.sort(key=lambda row: (-row[2], row[1]))
        return [Hit(str(row[0]), float(row[2]), _vector(row[3])) for row in rows]

    def _state(self) -> tuple[Manifest, str]:
        """What the index holds, and the table that holds it."""
        if not self._do(_plain("select to_regclass('diascribe_index') is not null"))[0][0]:
            raise missing_index()
        rows = self._do(_plain("select * from diascribe_index where name = %s"), (self._name,))
        if not rows:
            raise missing_index()
        _, embedder, fingerprint, dim, *told, table = rows[0]
        return Manifest(Identity(embedder, fingerprint, dim), *told), table

    def _built_by(self, embedder: Identity) -> tuple[Manifest, str] | None:
        with contextlib.suppress(MissingIndexError):
            manifest, table = self._state()
            exists = self._do(_plain("select to_regclass(%s) is not null"), (table,))[0][0]
            if manifest.embedder == embedder and exists:
                return manifest, table
        return None

    def _tables(self) -> set[str]:
        """The table in use, if there is one."""
        rows = self._do(_plain("select vectors from diascribe_index where name = %s"), (self._name,))
        return {str(row[0]) for row in rows}

    def _digests(self, table: str) -> dict[str, bytes]:
        return {str(row[0]): bytes(row[1]) for row in self._do(_sql("select id, digest from {}", table))}

    # Writing

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the advisory lock of this index."""
        self._prepare()
        end = time.monotonic() + self._patience
        while not self._do(_plain("select pg_try_advisory_lock(hashtext(%s))"), (f"diascribe {self._name}",))[0][0]:
            if time.monotonic() >= end:
                raise BusyError("another process is building the index", hint="try again later")
            time.sleep(0.05)
        try:
            yield
        finally:
            if self._connection is not None and not self._connection.closed:
                self._do(_plain("select pg_advisory_unlock(hashtext(%s))"), (f"diascribe {self._name}",))

    def _prepare(self) -> None:
        from psycopg import errors

        try:
            self._do(_plain("create extension if not exists vector"))
        except (errors.UniqueViolation, errors.DuplicateObject):  # another process was quicker
            pass
        except (errors.FeatureNotSupported, errors.UndefinedFile, errors.InsufficientPrivilege) as error:
            hint = "install pgvector on the server and run there: CREATE EXTENSION vector"
            raise IndexUnusableError("the database has no pgvector", hint=hint) from error
        with contextlib.suppress(errors.UniqueViolation, errors.DuplicateTable):
            self._do(
                _plain(
                    "create table if not exists diascribe_index (name text primary key, embedder text,"
                    " fingerprint text, dim int, count int, kind text, data text, built_at text,"
                    " seconds float8, vectors text)"
                )
            )

    def _pending(self, embedder: Identity, *, clear: bool) -> str:
        """The table of vectors that are made but not published."""
        table = self._table("p", embedder)
        if clear:
            self._do(_sql("drop table if exists {}", table))
        self._do(_sql(f"create table if not exists {{}} (digest bytea primary key, v vector({embedder.dim}))", table))
        return table

    def _publish(
        self,
        entries: Entries,
        digests: dict[str, bytes],
        kept: Sequence[str],
        fresh: Sequence[str],
        embedder: Identity,
        pending: str,
        start: float,
    ) -> Manifest:
        """Make the vectors the current ones, in one transaction."""
        table = self._table("v", embedder)
        kind = "flat" if len(entries) <= self._flat_up_to or embedder.dim > _HNSW_DIMENSIONS else "hnsw"
        old = self._tables()
        columns = f"place bigserial, id text primary key, digest bytea, v vector({embedder.dim})"
        with self._open().transaction():
            self._do(_sql(f"create table if not exists {{}} ({columns})", table))
            self._do(_sql("delete from {} where not id = any(%s)", table), (list(kept),))
            self._do(_plain("create temp table diascribe_new (id text, digest bytea) on commit drop"))
            rows = [(name, digests[name]) for name in fresh]
            self._many(_plain("insert into diascribe_new values (%s, %s)"), rows)
            statement = "insert into {} (id, digest, v) select id, digest, v from diascribe_new join {} using (digest)"
            self._do(_sql(statement, table, pending))
            graph = f"{table}_graph"
            if kind == "hnsw":
                self._do(_sql("create index if not exists {} on {} using hnsw (v vector_ip_ops)", graph, table))
            else:
                self._do(_sql("drop index if exists {}", graph))
            now = datetime.now(UTC).isoformat(timespec="seconds")
            seconds = round(time.perf_counter() - start, 3)
            manifest = Manifest(embedder, len(entries), kind, digest_of(entries), now, seconds)
            self._do(_plain("delete from diascribe_index where name = %s"), (self._name,))
            values = (self._name, embedder.name, embedder.fingerprint, embedder.dim, *_told(manifest), table)
            self._do(_plain("insert into diascribe_index values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"), values)
            for gone in (pending, *(old - {table})):
                self._do(_sql("drop table if exists {}", gone))
        return manifest

    def _table(self, kind: str, embedder: Identity) -> str:
        text = f"{self._name}\0{embedder.fingerprint}\0{embedder.dim}"
        return f"diascribe_{kind}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    # Talking to the server

    def _open(self) -> Connection[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            import psycopg

            self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=10, client_encoding="utf8")
            self._connection.execute("set client_min_messages = warning")
        return self._connection

    def _do(self, statement: Composed, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        cursor = self._open().execute(statement, values)
        return cursor.fetchall() if cursor.description else []

    def _many(self, statement: Composed, rows: Sequence[Sequence[Any]]) -> None:
        with self._open().transaction(), self._open().cursor() as cursor:
            cursor.executemany(statement, rows)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """One thread at a time, and the driver's errors as ours."""
        try:
            import psycopg
        except ImportError as error:
            hint = "install it with: pip install 'diascribe[postgres]'"
            raise MissingDependencyError("psycopg is not installed", hint=hint) from error
        try:
            with self._turn:
                yield
        except psycopg.OperationalError as error:
            self.close()
            raise IndexUnusableError(
                f"the database cannot be used: {str(error).splitlines()[0]}", hint="check DIASCRIBE_DATABASE_URL"
            ) from error
        except psycopg.Error as error:
            self.close()
            raise BrokenIndexError(f"the index in the database is unusable: {error}", hint=REBUILD) from error


def _told(manifest: Manifest) -> tuple[Any, ...]:
    return manifest.count, manifest.kind, manifest.data, manifest.built_at, manifest.seconds


def _plain(statement: str) -> Composed:
    from psycopg.sql import SQL, Composed

    return Composed([SQL(statement)])


def _sql(statement: str, *names: str) -> Composed:
    """A statement with names of tables filled in, quoted."""
    from psycopg.sql import SQL, Identifier

    return SQL(statement).format(*map(Identifier, names))


def _text(vector: Vectors) -> str:
    """As pgvector reads it; nine digits give every float32 back."""
    return "[" + ",".join(f"{number:.9g}" for number in vector.tolist()) + "]"


def _vector(text: str) -> Vectors:
    return np.array(text.strip("[]").split(","), np.float32)
