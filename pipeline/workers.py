"""Run a function over many items in worker processes, so that nothing one item does stops the others.

Python's own process pool gives up all work when one worker is killed; here a killed or hung worker costs its item
only, and a fresh one takes its place. Knows nothing of pictures.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final, Generic, TypeVar, cast

from diagram.progress import Kind, Tell, listening

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Lost:
    """Why an item has no result."""

    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    """What the work told of itself."""

    kind: Kind
    value: str


_CANCEL: Final = "cancel"
SCRIPT: Final = 'a script that reads in worker processes must be a file with its work under if __name__ == "__main__":'
"""What to mind where Python itself could not start: it loads the caller's script once more in each worker."""


def step_back() -> None:
    """Let others on this machine come first: servers answer at once even while all cores are at work."""
    with contextlib.suppress(AttributeError, OSError):  # not on Windows
        os.nice(5)


def run_all(
    make: Callable[[], Callable[[T], R]], items: Sequence[T], jobs: int, timeout: float
) -> Iterator[tuple[int, R | Lost]]:
    """(index, result) of every item, as they finish.

    make: called once in each worker process, gives the function that does one item; must be picklable, as items and
    results must. jobs: worker processes. timeout: seconds for one item, after which its worker is killed.
    """
    queue = deque(range(len(items)))
    crew: list[Worker[T, R]] = []
    try:
        while queue or any(worker.item is not None for worker in crew):
            while queue and len(crew) < jobs:
                crew.append(Worker(make))
            for worker in crew:
                if worker.item is None and queue:
                    worker.start(index := queue.popleft(), items[index])
            now = time.monotonic()
            first = min(worker.since + timeout for worker in crew if worker.item is not None)
            wait([worker.pipe for worker in crew if worker.item is not None], timeout=max(0.0, first - now))
            for worker in list(crew):
                if (done := worker.finished(timeout)) is not None:
                    yield done
                if not worker.usable:
                    crew.remove(worker)
    finally:
        for worker in crew:
            worker.kill()


class Worker(Generic[T, R]):
    """One process and the item it works on. Not for several threads.

    pipe: to wait on while it works. since: `time.monotonic()` of the start of the item. usable: not lost yet.
    """

    def __init__(self, make: Callable[[], Callable[[T], R]]) -> None:
        context = multiprocessing.get_context("spawn")  # forked OCR engines and thread pools hang
        self.pipe, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(target=_serve, args=(make, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._told: Tell | None = None
        self.item: int | None = None
        self.since = 0.0
        self.usable = True

    def start(self, index: int, item: T, told: Tell | None = None, *, heeds: bool = False) -> None:
        """Hand it an item, under a number of the caller's.

        told: called by `finished` with what the work tells. heeds: it can be cancelled.
        """
        self.item, self.since = index, time.monotonic()
        self._told = told
        with contextlib.suppress(OSError):  # where it is gone, `finished` will tell
            self.pipe.send((item, told is not None, heeds))

    def cancel(self) -> None:
        """Let the item at work, if it was started with `heeds`, end at its next stage; its result is an error then."""
        with contextlib.suppress(OSError):
            self.pipe.send(_CANCEL)

    def finished(self, timeout: float) -> tuple[int, R | Lost] | None:
        """The result of the item at work, once there is one or it is lost."""
        if self.item is None:
            return None
        result: R | Lost
        if self.pipe.poll():
            try:
                result = cast("R | Lost", self.pipe.recv())
            except (EOFError, OSError):
                result = self._died()
            if isinstance(result, _Told):
                if self._told is not None:
                    self._told(result.kind, result.value)
                return None
        elif time.monotonic() - self.since >= timeout:
            result = Lost(f"given up after {timeout:.0f} s", "a smaller picture takes less time")
            self.kill()
        else:
            return None
        index, self.item = self.item, None
        return index, result

    def alive(self) -> bool:
        """Whether the process is there."""
        return self.usable and self._process.is_alive()

    def kill(self) -> None:
        """End it."""
        self.usable = False
        self._process.kill()
        self._process.join()
        self.pipe.close()

    def _died(self) -> Lost:
        self._process.join(timeout=2)  # it has closed its pipe: let it end by itself, so that its exit code tells why
        self.kill()
        code = self._process.exitcode or 0
        if -code == signal.SIGKILL:
            return Lost(
                "the reader was killed, most likely for want of memory", "use fewer --jobs or a smaller picture"
            )
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Lost(f"the reader stopped ({name})", SCRIPT if code == 1 else "")


def _serve(make: Callable[[], Callable[[T], R]], pipe: Connection) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    work: Callable[[T], R] | None = None
    while True:
        try:
            order = pipe.recv()
        except (EOFError, OSError):
            return
        if order == _CANCEL:  # it came after the end of what it was meant for
            continue
        item, tells, heeds = cast("tuple[T, bool, bool]", order)
        result: R | Lost
        try:
            work = work or make()
            with _listened(pipe, tells=tells) if tells or heeds else contextlib.nullcontext():
                result = work(item)
        except MemoryError:
            result = Lost("there is not enough memory", "use fewer --jobs or a smaller picture")
        except Exception as error:  # a fault of ours: name it, go on with the rest
            result = Lost(f"internal error: {type(error).__name__}: {error}")
        pipe.send(result)


class _Heed(threading.Event):
    """Set when a word to cancel has come by the pipe. It looks when it is asked: no thread need listen meanwhile."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe, self._turn = pipe, threading.Lock()

    def is_set(self) -> bool:
        with self._turn:
            if not super().is_set() and self._pipe.poll():
                with contextlib.suppress(EOFError, OSError):
                    self._pipe.recv()
                self.set()
            return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        until = math.inf if timeout is None else time.monotonic() + timeout
        while not self.is_set() and (left := until - time.monotonic()) > 0:
            self._pipe.poll(min(left, 0.1))
        return self.is_set()


def _listened(pipe: Connection, *, tells: bool) -> contextlib.AbstractContextManager[None]:
    """Within, what the work tells goes out by the pipe, if it is to, and a word to cancel that comes in is heeded."""

    def tell(kind: Kind, value: str) -> None:
        if tells:
            pipe.send(_Told(kind, value))

    return listening(tell, _Heed(pipe))
