"""Batches of pictures and what has become of each, as rows of the database.

An item goes queued → running → done | failed, or cancelled from either of the first two; `retry` queues failed ones
again. Each time an item is given out anew its `round` goes up, and only the round that was given out may write its end:
a process that was believed dead and comes back changes nothing. An upload of several pages is one item at first; when
that is done, the other pages become items of their own, at the end. Knows nothing of queues; blocks.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from diagram.errors import DiascribeError, InputError
from pipeline.history import History, clean
from pipeline.storage import Database, Uploads
from pipeline.storage.uploads import Staged

if TYPE_CHECKING:
    from sqlalchemy import Connection

STATES: Final = ("queued", "running", "done", "failed", "cancelled")
OPEN: Final = ("queued", "running")
_RECENT: Final = 30  # finished items that the rate is taken from


class NoSuchBatchError(DiascribeError):
    """There is no batch of this id, or no longer."""


class KeyReusedError(InputError):
    """The idempotency key was sent before, with something else."""


@dataclass(frozen=True, slots=True)
class Job:
    """One item that was given out."""

    batch: str
    number: int
    round: int


@dataclass(frozen=True, slots=True)
class Given:
    """What is to be done. page: of the upload; starts: how often it was begun, this time included."""

    name: str
    sha: str
    page: int
    starts: int
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of a batch. error: "" or problem; result: id in the history; earlier: it was known before."""

    number: int
    name: str
    page: int
    state: str
    error: Mapping[str, Any] | None
    result: str | None
    earlier: bool
    started: float | None
    finished: float | None


class Batches:
    """The batches in a database."""

    def __init__(self, database: Database, uploads: Uploads, history: History) -> None:
        self._database, self._uploads, self._history = database, uploads, history

    def create(
        self,
        files: Sequence[tuple[str, Staged]],
        options: Mapping[str, Any],
        *,
        webhook: str = "",
        key: str | None = None,
        digest: str = "",
    ) -> tuple[str, bool]:
        """(id, whether it is new). key: of idempotency; digest: of what was sent under it.

        Raises:
            KeyReusedError: the key stands for something else.
        """
        import sqlalchemy as sa

        from pipeline.storage.schema import BATCHES, ITEMS

        now, ident = time.time(), uuid.uuid4().hex
        with self._database.write() as connection:
            if key is not None:
                if connection.dialect.name == "postgresql":  # a second request with the key waits for the first
                    lock = sa.text("SELECT pg_advisory_xact_lock(hashtext(:key))")
                    connection.execute(lock, {"key": key})
                known = connection.execute(
                    sa.select(BATCHES.c.id, BATCHES.c.digest).where(BATCHES.c.key == key)
                ).first()
                if known is not None:
                    if known.digest != digest:
                        raise KeyReusedError(
                            "this Idempotency-Key was sent before, with other files or options", hint="make a new key"
                        )
                    return known.id, False
            connection.execute(
                BATCHES.insert().values(
                    id=ident,
                    created=now,
                    key=key,
                    digest=digest,
                    options=json.dumps(dict(options)),
                    webhook=clean(webhook),
                    told=0,
                    total=len(files),
                )
            )
            for _, staged in sorted(files, key=lambda file: file[1].sha):  # one order, so that writers never cross
                self._uploads.keep(connection, staged)
            connection.execute(
                ITEMS.insert(),
                [_row(ident, number, name, staged.sha) for number, (name, staged) in enumerate(files, 1)],
            )
        return ident, True

    def status(self, ident: str) -> dict[str, Any]:
        """State, counts, rate (a second) and eta (seconds; None: unknown).

        Raises:
            NoSuchBatchError: there is none.
        """
        import sqlalchemy as sa

        from pipeline.storage.schema import BATCHES, ITEMS

        with self._database.read() as connection:
            row = connection.execute(sa.select(BATCHES).where(BATCHES.c.id == ident)).first()
            if row is None:
                raise _no_such(ident)
            return self._status(connection, row, ITEMS)

    def find(self, limit: int = 50, offset: int = 0) -> tuple[int, list[dict[str, Any]]]:
        """How many there are, and some of them, newest first."""
        import sqlalchemy as sa

        from pipeline.storage.schema import BATCHES, ITEMS

        with self._database.read() as connection:
            total = connection.scalar(sa.select(sa.func.count()).select_from(BATCHES)) or 0
            chosen = sa.select(BATCHES).order_by(BATCHES.c.created.desc(), BATCHES.c.id).limit(limit).offset(offset)
            return total, [self._status(connection, row, ITEMS) for row in connection.execute(chosen).all()]

    def items(self, ident: str, state: str | None = None, limit: int = 1000, offset: int = 0) -> list[Item]:
        """Its items, in their order.

        Raises:
            NoSuchBatchError: there is none.
        """
        import sqlalchemy as sa

        from pipeline.storage.schema import BATCHES, ITEMS

        with self._database.read() as connection:
            if connection.scalar(sa.select(BATCHES.c.id).where(BATCHES.c.id == ident)) is None:
                raise _no_such(ident)
            chosen = sa.select(ITEMS).where(ITEMS.c.batch == ident, *([ITEMS.c.state == state] if state else []))
            return [
                _item(row) for row in connection.execute(chosen.order_by(ITEMS.c.number).limit(limit).offset(offset))
            ]

    def results(self, ident: str, seen: set[int]) -> list[tuple[Item, dict[str, Any] | None]]:
        """Up to 50 items that have ended and are not in `seen`, with what was found; they are in `seen` then."""
        import sqlalchemy as sa

        from pipeline.storage.schema import ITEMS, RESULTS

        with self._database.read() as connection:
            ended = sa.select(ITEMS.c.number).where(ITEMS.c.batch == ident, ITEMS.c.state.not_in(OPEN))
            fresh = [n for n in connection.scalars(ended.order_by(ITEMS.c.finished, ITEMS.c.number)) if n not in seen][
                :50
            ]
            rows = connection.execute(
                sa.select(ITEMS, RESULTS.c.description)
                .join(RESULTS, RESULTS.c.id == ITEMS.c.result, isouter=True)
                .where(ITEMS.c.batch == ident, ITEMS.c.number.in_(fresh))
                .order_by(ITEMS.c.finished, ITEMS.c.number)
            ).all()
        seen.update(row.number for row in rows)
        return [(_item(row), json.loads(row.description) if row.description else None) for row in rows]

    def every(self, ident: str) -> Iterator[tuple[Item, dict[str, Any] | None]]:
        """All items in their order, with what was found."""
        import sqlalchemy as sa

        from pipeline.storage.schema import ITEMS, RESULTS

        last = 0
        while True:
            with self._database.read() as connection:
                rows = connection.execute(
                    sa.select(ITEMS, RESULTS.c.description)
                    .join(RESULTS, RESULTS.c.id == ITEMS.c.result, isouter=True)
                    .where(ITEMS.c.batch == ident, ITEMS.c.number > last)
                    .order_by(ITEMS.c.number)
                    .limit(50)
                ).all()
            for row in rows:
                yield _item(row), json.loads(row.description) if row.description else None
            if not rows:
                return
            last = rows[-1].number

    def cancel(self, ident: str) -> list[Job]:
        """End all that has not ended; what was given out of it.

        Raises:
            NoSuchBatchError: there is none.
        """
        from pipeline.storage.schema import BATCHES, ITEMS

        now = time.time()
        with self._database.write() as connection:
            self._lock(connection, ident)
            ended = connection.execute(
                ITEMS.update()
                .where(ITEMS.c.batch == ident, ITEMS.c.state.in_(OPEN))
                .values(state="cancelled", finished=now, process="")
                .returning(ITEMS.c.number, ITEMS.c.round)
            ).all()
            if ended:
                mine = BATCHES.update().where(BATCHES.c.id == ident)
                connection.execute(mine.values(cancelled=now, finished=now, told=BATCHES.c.told + 1))
        return [Job(ident, row.number, row.round) for row in ended]

    def retry(self, ident: str) -> int:
        """Queue the failed items again; how many.

        Raises:
            NoSuchBatchError: there is none.
        """
        from pipeline.storage.schema import BATCHES, ITEMS

        with self._database.write() as connection:
            self._lock(connection, ident)
            count = connection.execute(
                ITEMS.update()
                .where(ITEMS.c.batch == ident, ITEMS.c.state == "failed")
                .values(state="queued", round=ITEMS.c.round + 1, starts=0, error="", started=None, finished=None)
            ).rowcount
            if count:
                connection.execute(BATCHES.update().where(BATCHES.c.id == ident).values(finished=None, cancelled=None))
        return int(count)

    def begin(self, job: Job, process: str) -> Given | None:
        """Take an item up; None where it is not to be done any more, or by another round."""
        import sqlalchemy as sa

        from pipeline.storage.schema import BATCHES, ITEMS

        with self._database.write() as connection:
            row = connection.execute(
                ITEMS.update()
                .where(
                    *_is(job),
                    sa.or_(ITEMS.c.state == "queued", sa.and_(ITEMS.c.state == "running", ITEMS.c.process == process)),
                )
                .values(state="running", process=process, started=time.time(), starts=ITEMS.c.starts + 1)
                .returning(ITEMS.c.name, ITEMS.c.sha, ITEMS.c.page, ITEMS.c.starts)
            ).first()
            if row is None:
                return None
            options = connection.scalar(sa.select(BATCHES.c.options).where(BATCHES.c.id == job.batch))
        return Given(row.name, row.sha, row.page, row.starts, json.loads(options or "{}"))

    def wanted(self, job: Job) -> bool:
        """Whether the item is still to be done by this round."""
        import sqlalchemy as sa

        from pipeline.storage.schema import ITEMS

        with self._database.read() as connection:
            return connection.scalar(sa.select(ITEMS.c.state).where(*_is(job))) == "running"

    def done(self, job: Job, given: Given, key: str, description: Mapping[str, Any], pages: int = 1) -> bool:
        """Write the result of an item; False where it is not wanted any more. pages: up to which to make items."""
        import sqlalchemy as sa

        from pipeline.storage.schema import ITEMS, UPLOADS

        with self._database.write() as connection:
            self._lock(connection, job.batch)
            if connection.scalar(sa.select(ITEMS.c.state).where(*_is(job))) != "running":
                return False
            size = connection.scalar(sa.select(UPLOADS.c.size).where(UPLOADS.c.sha == given.sha)) or 0
            staged = Staged(given.sha, size, self._uploads.path(given.sha))
            result = self._history.add(connection, staged, given.name, key, description)
            self._add_pages(connection, job, given, pages)
            return self._end(connection, job, state="done", result=result)

    def known(self, job: Job, given: Given, result: str, pages: int = 1) -> bool:
        """Write that the result of an item was known before. pages: as of `done`."""
        import sqlalchemy as sa

        from pipeline.storage.schema import ITEMS

        with self._database.write() as connection:
            self._lock(connection, job.batch)
            if connection.scalar(sa.select(ITEMS.c.state).where(*_is(job))) != "running":
                return False
            self._add_pages(connection, job, given, pages)
            return self._end(connection, job, state="done", result=result, earlier=1)

    def room(self, batch: str, most: int) -> int:
        """How many items more a batch may have."""
        import sqlalchemy as sa

        from pipeline.storage.schema import BATCHES

        with self._database.read() as connection:
            return max(0, most - (connection.scalar(sa.select(BATCHES.c.total).where(BATCHES.c.id == batch)) or 0))

    def failed(self, job: Job, error: Mapping[str, Any]) -> bool:
        """Write why an item has no result."""
        with self._database.write() as connection:
            self._lock(connection, job.batch)
            return self._end(connection, job, state="failed", error=clean(json.dumps(dict(error), ensure_ascii=False)))

    def give_back(self, job: Job) -> Job | None:
        """Queue an item anew that was given out and will not be done there; None where it has ended."""
        from pipeline.storage.schema import ITEMS

        with self._database.write() as connection:
            row = connection.execute(
                ITEMS.update()
                .where(*_is(job), ITEMS.c.state.in_(OPEN))
                .values(state="queued", process="", round=ITEMS.c.round + 1)
                .returning(ITEMS.c.round)
            ).first()
        return None if row is None else Job(job.batch, job.number, row.round)

    def queued(self) -> list[Job]:
        """All items that wait, the oldest batch first."""
        import sqlalchemy as sa

        from pipeline.storage.schema import BATCHES, ITEMS

        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(ITEMS.c.batch, ITEMS.c.number, ITEMS.c.round)
                .join(BATCHES, BATCHES.c.id == ITEMS.c.batch)
                .where(ITEMS.c.state == "queued")
                .order_by(BATCHES.c.created, ITEMS.c.number)
            ).all()
        return [Job(*row) for row in rows]

    def running(self) -> list[tuple[Job, str]]:
        """All items at work, each with the process that is at it."""
        import sqlalchemy as sa

        from pipeline.storage.schema import ITEMS

        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(ITEMS.c.batch, ITEMS.c.number, ITEMS.c.round, ITEMS.c.process).where(
                    ITEMS.c.state == "running"
                )
            ).all()
        return [(Job(row.batch, row.number, row.round), row.process) for row in rows]

    def to_tell(self, since: float) -> list[tuple[str, int, str]]:
        """(id, how often it finished, webhook) of the batches that finished since then and have a webhook."""
        import sqlalchemy as sa

        from pipeline.storage.schema import BATCHES

        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(BATCHES.c.id, BATCHES.c.told, BATCHES.c.webhook).where(
                    BATCHES.c.finished > since, BATCHES.c.webhook != ""
                )
            ).all()
        return [(row.id, row.told, row.webhook) for row in rows]

    def clear(self, before: float) -> int:
        """Forget batches that finished before a time; their results stay in the history. How many."""
        import sqlalchemy as sa

        from pipeline.storage.schema import BATCHES

        with self._database.read() as connection:
            old = connection.scalars(sa.select(BATCHES.c.id).where(BATCHES.c.finished < before)).all()
        for ident in old:
            self.delete(ident)
        return len(old)

    def delete(self, ident: str) -> None:
        """Forget a batch, and its uploads where nothing else needs them; its results stay in the history.

        Raises:
            NoSuchBatchError: there is none.
        """
        import sqlalchemy as sa

        from pipeline.storage.schema import BATCHES, ITEMS

        with self._database.write() as connection:
            self._lock(connection, ident)
            for sha in sorted(connection.scalars(sa.select(ITEMS.c.sha).where(ITEMS.c.batch == ident))):
                self._uploads.release(connection, sha)
            connection.execute(ITEMS.delete().where(ITEMS.c.batch == ident))
            connection.execute(BATCHES.delete().where(BATCHES.c.id == ident))
        self._uploads.sweep(self._database)

    def _add_pages(self, connection: Connection, job: Job, given: Given, pages: int) -> None:
        """Make items of the pages after the first one, up to `pages`."""
        from pipeline.storage.schema import BATCHES, ITEMS

        if given.page != 1 or pages < 2:
            return
        mine = BATCHES.update().where(BATCHES.c.id == job.batch)
        total = connection.execute(
            mine.values(total=BATCHES.c.total + pages - 1).returning(BATCHES.c.total)
        ).scalar_one()
        self._uploads.refer(connection, given.sha, pages - 1)
        connection.execute(
            ITEMS.insert(),
            [
                _row(job.batch, total - pages + page, given.name, given.sha, page)  # the last number is `total`
                for page in range(2, pages + 1)
            ],
        )

    def _end(self, connection: Connection, job: Job, **values: Any) -> bool:
        import sqlalchemy as sa

        from pipeline.storage.schema import BATCHES, ITEMS

        now = time.time()
        ended = connection.execute(
            ITEMS.update().where(*_is(job), ITEMS.c.state == "running").values(finished=now, process="", **values)
        ).rowcount
        left = sa.select(sa.func.count()).where(ITEMS.c.batch == job.batch, ITEMS.c.state.in_(OPEN))
        if ended and not connection.scalar(left):
            mine = BATCHES.update().where(BATCHES.c.id == job.batch)
            connection.execute(mine.values(finished=now, told=BATCHES.c.told + 1))
        return bool(ended)

    def _lock(self, connection: Connection, ident: str) -> None:
        """Let no other process end items of this batch meanwhile, so that one of them sees that it was the last."""
        import sqlalchemy as sa

        from pipeline.storage.schema import BATCHES

        if connection.scalar(sa.select(BATCHES.c.id).where(BATCHES.c.id == ident).with_for_update()) is None:
            raise _no_such(ident)

    def _status(self, connection: Connection, row: Any, items: Any) -> dict[str, Any]:
        import sqlalchemy as sa

        of = items.c.batch == row.id
        counts = dict.fromkeys(STATES, 0)
        grouped = sa.select(items.c.state, sa.func.count()).where(of).group_by(items.c.state)
        counts |= {str(state): int(count) for state, count in connection.execute(grouped).all()}
        over, left = counts["done"] + counts["failed"], counts["queued"] + counts["running"]
        ended = sa.select(items.c.finished).where(of, items.c.state.in_(("done", "failed")))
        recent = connection.scalars(ended.order_by(items.c.finished.desc()).limit(_RECENT)).all()
        first = connection.scalar(sa.select(sa.func.min(items.c.started)).where(of)) or row.created
        if row.finished is not None:
            rate = over / max(row.finished - first, 1e-3)
        else:  # of the last ones up to now, so that a standstill shows
            rate = len(recent) / max(time.time() - (recent[-1] if len(recent) == _RECENT else first), 1e-3)
        return {
            "id": row.id,
            "state": _state(row, counts),
            "total": row.total,
            **counts,
            "rate": round(rate, 3),
            "eta": round(left / rate, 1) if left and rate else None if left else 0.0,
            "created": row.created,
            "finished": row.finished,
            "options": json.loads(row.options),
            "webhook": row.webhook,
        }


def _state(row: Any, counts: Mapping[str, int]) -> str:
    if counts["queued"] + counts["running"] == 0:
        return "cancelled" if row.cancelled else "done"
    return "queued" if counts["queued"] == row.total else "running"


def _is(job: Job) -> Iterable[Any]:
    from pipeline.storage.schema import ITEMS

    return ITEMS.c.batch == job.batch, ITEMS.c.number == job.number, ITEMS.c.round == job.round


def _row(batch: str, number: int, name: str, sha: str, page: int = 1) -> dict[str, Any]:
    """An item that waits."""
    return {
        "batch": batch, "number": number, "name": clean(name), "sha": sha, "page": page, "state": "queued", "round": 0,
        "starts": 0, "process": "", "earlier": 0, "error": "",
    }  # fmt: skip


def _item(row: Any) -> Item:
    error = json.loads(row.error) if row.error else None
    return Item(
        row.number, row.name, row.page, row.state, error, row.result, bool(row.earlier), row.started, row.finished
    )


def _no_such(ident: str) -> NoSuchBatchError:
    return NoSuchBatchError(f"there is no batch {clean(ident)[:40]}", hint="it may have expired")
