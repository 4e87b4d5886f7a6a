"""Descriptions through the API are recorded, and the same question is answered by what was found before, and says so.

A client that wants the picture read again sends `Cache-Control: no-cache`. The upload comes to the disk while the
picture is read, and the row into the database as the answer is sent: whoever asks this server for the history
afterwards finds it (`Recordings.settled`). Writing it first would hold up every answer by some 5 ms, more than half of
what the server takes for itself; so a process that is killed within milliseconds of an answer may lose its row. A
history that cannot be used costs no answer: it is told of in the log. Nothing here blocks the event loop.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from diagram.errors import DiascribeError
from pipeline.storage.uploads import Staged
from pipeline.store import Store
from pipeline.tasks import Describe, drop_places, written

LOG: Final = logging.getLogger("diascribe.history")
_REFUSED: Final = 0.05  # seconds in which what is no picture has been refused, so that it never comes to the disk


class Recordings:
    """The results that are just being written. For one event loop."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def add(self, work: asyncio.Task[None]) -> None:
        """One more."""
        self._running.add(work)
        work.add_done_callback(self._running.discard)

    async def settled(self) -> None:
        """Wait until all results that have been answered with are there."""
        if self._running:
            await asyncio.wait(tuple(self._running))


class Recording:
    """One description that is asked for. task: what to ask the crew for, where nothing is known yet."""

    def __init__(self, store: Store, running: Recordings, asked: Describe, request: Request) -> None:
        self._store, self._running, self._asked = store, running, asked
        self._fresh = not store.settings.reuse or "no-cache" in request.headers.get("cache-control", "")
        self._name = str(getattr(request.state, "upload", ""))
        self._key = ""
        self._staging: asyncio.Task[Staged | None] | None = None
        self._vain = False
        self.task = replace(asked, grounding=True)

    async def earlier(self) -> dict[str, Any] | None:
        """The answer, where it is known."""
        if self._fresh or self._store.settings.history_days < 0:
            return None
        await self._running.settled()
        try:
            return await run_in_threadpool(self._earlier)
        except DiascribeError as error:
            LOG.warning("the history cannot be asked: %s", error)
            return None

    def begin(self) -> None:
        """Bring the upload to the disk while the picture is read. `kept` or `dropped` is to follow."""
        if self._store.settings.history_days >= 0:
            self._staging = asyncio.create_task(self._stage())

    def dropped(self) -> None:
        """There is no answer: nothing is to be kept."""
        self._vain = True
        if self._staging is not None:
            self._staging.add_done_callback(self._drop)

    async def kept(self, found: dict[str, Any]) -> dict[str, Any]:
        """The answer, which is recorded from here on. A client that goes meanwhile does not undo that."""
        recorded = None
        staged = await asyncio.shield(self._staging) if self._staging is not None else None
        if staged is not None:
            ident, now = uuid.uuid4().hex, time.time()
            self._running.add(asyncio.create_task(self._record(staged, found, ident, now)))
            recorded = {"id": ident, "earlier": False, "created": moment(now)}
        return self._answer(found, recorded)

    def _earlier(self) -> dict[str, Any] | None:
        self._key = self._store.key(self._asked)
        past = self._store.history.earlier(self._key)
        if past is None:
            return None
        entry, found = past
        outputs = found.get("outputs", {})
        if missing := [name for name in self._asked.outputs if name not in outputs]:
            from diagram.model import Description

            description = Description.from_json(found)
            outputs |= {name: written(description, name) for name in missing}
        found["outputs"] = {name: outputs[name] for name in self._asked.outputs}
        return self._answer(found, {"id": entry.id, "earlier": True, "created": moment(entry.created)})

    async def _stage(self) -> Staged | None:
        await asyncio.sleep(_REFUSED)
        try:
            return None if self._vain else await run_in_threadpool(self._staged)
        except DiascribeError as error:
            LOG.warning("the history cannot be written: %s", error)
            return None

    def _staged(self) -> Staged:
        self._key = self._key or self._store.key(self._asked)
        with self._store.database.read():  # where it is out of reach, no record is promised
            return self._store.history.stage(self._asked.data)

    def _drop(self, staging: asyncio.Task[Staged | None]) -> None:
        if not staging.cancelled() and (staged := staging.result()) is not None:
            staging.get_loop().run_in_executor(None, self._store.history.drop, staged)

    async def _record(self, staged: Staged, found: dict[str, Any], ident: str, now: float) -> None:
        record = self._store.history.record
        try:
            await run_in_threadpool(record, staged, self._name, self._key, found, ident, now)
        except DiascribeError as error:
            LOG.error("result %s is not in the history: %s", ident, error)

    def _answer(self, found: dict[str, Any], recorded: dict[str, Any] | None) -> dict[str, Any]:
        if not self._asked.grounding:
            found = copy.deepcopy(found)  # the places are recorded
            drop_places(found)
        return {**found, "history": recorded}


def moment(seconds: float | None = None) -> str:
    """A time (now, unless given) as RFC 3339 has it, in UTC."""
    when = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
