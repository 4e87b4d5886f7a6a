"""The process that keeps the training diagrams and their index, started when first needed, and how a build goes.

Knows nothing of resources.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from diagram.errors import DiascribeError
from pipeline.crew import Crew
from pipeline.settings import Settings
from pipeline.upkeep import BuildIndex, Nothing, Upkeep, make_keeper

TIMEOUT: Final = 6 * 3600.0
"""Seconds of one build; a large index with a model takes long."""


@dataclass
class Build:
    """How the last build goes, or went. done, of: examples; started: seconds since 1970; 0: there was none."""

    state: Literal["none", "running", "done", "failed"] = "none"
    done: int = 0
    of: int = 0
    error: str = ""
    started: float = 0.0
    seconds: float = 0.0


@dataclass
class Keeper:
    """Threads and the event loop may share it. waiting: tasks that may wait; more are refused."""

    settings: Settings
    waiting: int
    build: Build = field(default_factory=Build)
    _crew: Crew[Upkeep, dict[str, Any]] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def do(self, task: Upkeep) -> dict[str, Any]:
        """The result of a task; it is done even if nobody waits any more.

        Raises:
            FullError: too many wait. And what the task raises.
        """
        return await asyncio.shield(asyncio.wrap_future(self._submit(task)))

    def rebuild(self, *, all_of_it: bool) -> Build:
        """Begin a build, unless one is running; how it goes."""
        with self._lock:
            if self.build.state == "running":
                return self.build
            build = self.build = Build("running", started=time.time())
        try:
            future = self._submit(BuildIndex(all_of_it), build)
        except DiascribeError as error:
            build.state, build.error = "failed", str(error)
            raise
        future.add_done_callback(functools.partial(_ended, build))
        return build

    def close(self) -> None:
        """End the process."""
        if self._crew is not None:
            self._crew.close()

    def _submit(self, task: Upkeep, build: Build | None = None) -> Future[dict[str, Any]]:
        with self._lock:
            if self._crew is None:
                make = functools.partial(make_keeper, self.settings)
                self._crew = Crew(make, Nothing(), size=1, waiting=self.waiting, timeout=TIMEOUT)

        def told(kind: str, value: str) -> None:
            if kind == "count" and build is not None:
                build.done, build.of = map(int, value.split())

        return self._crew.submit(task, told=told)


def _ended(build: Build, future: Future[dict[str, Any]]) -> None:
    build.seconds = time.time() - build.started
    with contextlib.suppress(BaseException):
        error = future.exception()
        if error is None:
            build.state = "done"
            return
        hint = getattr(error, "hint", "")
        build.error = f"{error} ({hint})" if hint else str(error)
    build.state = "failed"
