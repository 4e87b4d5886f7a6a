"""Worker processes that live as long as a server: a call waits its turn, goes to a free worker, and is answered.

A worker that dies or overruns its time costs the call it was at; a fresh one takes its place and gets ready before it
is asked again. At most `waiting` calls wait; more are refused at once. Threads and event loops may share a crew. Knows
nothing of what the workers do.
"""

from __future__ import annotations

import contextlib
import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Final, Generic, Self, TypeVar

from diagram.errors import BusyError, DiascribeError
from diagram.progress import Tell
from pipeline.workers import Lost, Worker

T = TypeVar("T")
R = TypeVar("R")
LOG: Final = logging.getLogger("diascribe.crew")
START: Final = 120.0
"""Seconds a worker may take to get ready; no part of a call's time."""
AGAIN: Final = 10.0
"""Seconds until a worker is tried anew that could not get ready, unless a call comes before."""


class LostError(DiascribeError):
    """A worker ended in the middle of its work; the work has no result."""


class OverrunError(LostError):
    """The work was given up after its time."""


class FullError(BusyError):
    """As many calls wait as may. after: seconds after which it is worth to try again."""

    def __init__(self, waiting: int, after: int) -> None:
        super().__init__(f"{waiting} requests wait already", hint=f"try again in {after} s")
        self.after = after


@dataclass(frozen=True, slots=True)
class Load:
    """workers: processes there are to be; ready: of these, at work or waiting for it; seconds: of a call, about."""

    workers: int
    ready: int
    busy: int
    waiting: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Call(Generic[T, R]):
    item: T
    timeout: float
    answer: Future[R]
    told: Tell | None
    cancel: threading.Event | None


class Crew(Generic[T, R]):
    """Runs calls in worker processes, which start at once in the background.

    Args:
        make: called once in each worker, gives the function that does one item; picklable, as items and results are.
            What it returns as a `DiascribeError` is raised to the caller.
        first: an item that every new worker does before it counts as ready; what comes of it is dropped.
        size: worker processes. waiting: calls that may wait for one. timeout: seconds of one call.
    """

    def __init__(
        self,
        make: Callable[[], Callable[[T], R | DiascribeError]],
        first: T,
        *,
        size: int,
        waiting: int,
        timeout: float,
    ) -> None:
        self._make, self._first = make, first
        self._size, self._most, self._timeout = size, waiting, timeout
        self._calls: queue.SimpleQueue[_Call[T, R] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._pending = self._busy = 0
        self._ready: set[int] = set()
        self._seconds = 0.0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, args=(place,), name=f"crew-{place}", daemon=True)
            for place in range(size)
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self,
        item: T,
        timeout: float | None = None,
        *,
        told: Tell | None = None,
        cancel: threading.Event | None = None,
    ) -> Future[R]:
        """The answer to come. A future that is cancelled before its turn is never worked on.

        told: called, from another thread, with what the work tells of itself. cancel: set by the caller to let work
        that has begun end at its next stage, with an `AbandonedError`.

        Raises:
            FullError: too many calls wait.
        """
        with self._lock:
            if self._closed:
                raise BusyError("the server is stopping", hint="try again soon")
            if (full := self.full()) is not None:
                raise full
            self._pending += 1
        answer: Future[R] = Future()
        self._calls.put(_Call(item, timeout or self._timeout, answer, told, cancel))
        return answer

    def full(self) -> FullError | None:
        """What `submit` would raise now for want of room."""
        if self._pending < self._size + self._most:
            return None
        return FullError(self._pending - self._busy, self._wait_for_room())

    def load(self) -> Load:
        """What the crew is at."""
        with self._lock:
            return Load(self._size, len(self._ready), self._busy, self._pending - self._busy, self._seconds)

    def close(self) -> None:
        """End the workers; calls that wait or are at work are lost."""
        with self._lock:
            self._closed = True
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()
        while True:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return
            if call is not None and call.answer.set_running_or_notify_cancel():
                call.answer.set_exception(LostError("the server was stopped"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait_for_room(self) -> int:
        return max(1, min(60, math.ceil((self._seconds or 1.0) * self._most / self._size / 2)))

    def _serve(self, place: int) -> None:
        """The life of one worker's place: a worker, then another when it is lost."""
        worker = self._fresh(place)
        while not self._closed:
            try:
                call = self._calls.get(timeout=1.0 if worker.usable else AGAIN)
            except queue.Empty:
                if not worker.alive():
                    worker = self._fresh(place, worker)
                continue
            if call is None:
                break
            try:
                if call.answer.set_running_or_notify_cancel():
                    if not worker.alive():
                        worker = self._fresh(place, worker)
                    if not worker.usable:
                        call.answer.set_exception(LostError("no worker can be started", hint="the log tells why"))
                        continue
                    self._answer(worker, call)
            finally:
                with self._lock:
                    self._pending -= 1
            if not worker.usable and not self._closed:
                worker = self._fresh(place, worker)
        worker.kill()

    def _fresh(self, place: int, old: Worker[T, R | DiascribeError] | None = None) -> Worker[T, R | DiascribeError]:
        """A new worker that has done its first item; where it could not, one of no use."""
        with self._lock:
            self._ready.discard(place)
        if old is not None:
            old.kill()
        worker = Worker(self._make)
        worker.start(0, self._first)
        result = self._finish(worker, START)
        if worker.usable:
            with self._lock:
                self._ready.add(place)
        elif isinstance(result, Lost) and not self._closed:
            LOG.error("a worker could not be started: %s", result.reason)
        return worker

    def _answer(self, worker: Worker[T, R | DiascribeError], call: _Call[T, R]) -> None:
        with self._lock:
            self._busy += 1
        start = time.monotonic()
        worker.start(0, call.item, call.told, heeds=call.cancel is not None)
        result = self._finish(worker, call.timeout, call.cancel)
        with self._lock:
            self._busy -= 1
            took = time.monotonic() - start
            self._seconds = took if not self._seconds else 0.8 * self._seconds + 0.2 * took
        if isinstance(result, Lost):
            LOG.warning("a call was lost: %s", result.reason)
            kind = OverrunError if took >= call.timeout else LostError
            call.answer.set_exception(kind(result.reason, hint=result.hint.replace("--jobs", "--workers")))
        elif isinstance(result, DiascribeError):
            call.answer.set_exception(result)
        else:
            call.answer.set_result(result)

    def _finish(
        self, worker: Worker[T, R | DiascribeError], timeout: float, cancel: threading.Event | None = None
    ) -> R | DiascribeError | Lost:
        """What comes of the item at work, which has `timeout` seconds."""
        told = False
        while True:
            pause = 0.1 if cancel is not None and not told else 0.5
            with contextlib.suppress(OSError):
                wait([worker.pipe], timeout=min(pause, max(0.0, worker.since + timeout - time.monotonic())))
            if cancel is not None and cancel.is_set() and not told:
                worker.cancel()
                told = True
            if self._closed:
                worker.kill()
                return Lost("the server was stopped")
            if (done := worker.finished(timeout)) is not None:
                return done[1]
