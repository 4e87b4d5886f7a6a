"""Descriptions through the API are recorded, and the same question is answered by what was found before, and says so.

A client that wants the picture read again sends `Cache-Control: no-cache`. A history that cannot be used costs no
answer: it is told of in the log. Nothing here blocks the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from diagram.errors import DiascribeError
from pipeline.store import Store
from pipeline.tasks import Describe, drop_places, written

LOG: Final = logging.getLogger("diascribe.history")


class Recording:
    """One description that is asked for. task: what to ask the crew for, where nothing is known yet."""

    def __init__(self, store: Store, asked: Describe, request: Request) -> None:
        self._store, self._asked = store, asked
        self._fresh = not store.settings.reuse or "no-cache" in request.headers.get("cache-control", "")
        self._name = str(getattr(request.state, "upload", ""))
        self._key = ""
        self.task = replace(asked, grounding=True)

    async def earlier(self) -> dict[str, Any] | None:
        """The answer, where it is known."""
        if self._store.settings.history_days < 0:
            return None
        try:
            return await run_in_threadpool(self._earlier)
        except DiascribeError as error:
            LOG.warning("the history cannot be asked: %s", error)
            return None

    async def kept(self, found: dict[str, Any]) -> dict[str, Any]:
        """The answer, after it has been recorded. A client that goes meanwhile does not undo that."""
        recorded = None
        if self._store.settings.history_days >= 0:
            try:
                ident = await asyncio.shield(run_in_threadpool(self._record, found))
                recorded = {"id": ident, "earlier": False, "created": moment()}
            except DiascribeError as error:
                LOG.warning("the history cannot be written: %s", error)
        return self._answer(found, recorded)

    def _earlier(self) -> dict[str, Any] | None:
        self._key = self._store.key(self._asked)
        past = None if self._fresh else self._store.history.earlier(self._key)
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

    def _record(self, found: dict[str, Any]) -> str:
        return self._store.history.record(self._asked.data, self._name, self._key, found)

    def _answer(self, found: dict[str, Any], recorded: dict[str, Any] | None) -> dict[str, Any]:
        if not self._asked.grounding:
            drop_places(found)
        return {**found, "history": recorded}


def moment(seconds: float | None = None) -> str:
    """A time (now, unless given) as RFC 3339 has it, in UTC."""
    when = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
