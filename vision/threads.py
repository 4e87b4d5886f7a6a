"""The same work on many things at once, in as many threads as a reader may use (one per core unless held to fewer). For
work that leaves the interpreter: recognisers and large arrays. Knows nothing of what the work is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import cv2

TURN = 0.0005  # seconds
MOST = 4  # threads; engines and pictures of more would fill the memory

Thing = TypeVar("Thing")
Result = TypeVar("Result")

_held = [0]


def hold(count: int) -> None:
    """Let readers of this process use so many threads from now on (0: one per core)."""
    _held[0] = count


def allowed() -> int:
    """Threads that a reader may use."""
    return min(MOST, _held[0] or os.cpu_count() or 1)


def prepare() -> None:
    """Set OpenCV and the interpreter up for threads like these. For the whole process.

    OpenCV's own threads wait for work by spinning: beside the short steps of a reader they took a third more processor
    time and gave nothing for it. And a step that comes back to the interpreter waits as long for it as a thread may
    keep it, 5 ms unless set: longer than most steps take.
    """
    cv2.setNumThreads(1)
    sys.setswitchinterval(TURN)


def each(work: Callable[[Thing], Result], things: Sequence[Thing]) -> list[Result]:
    """What `work` returns for each thing, in their order; the first error is raised."""
    count = min(allowed(), len(things))
    if count <= 1:
        return [work(thing) for thing in things]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, things))


def together(*works: Callable[[], Result]) -> list[Result]:
    """What each of the works returns, in their order; they must not need each other."""
    return each(lambda work: work(), works)


@contextmanager
def aside(work: Callable[[], Result]) -> Iterator[Callable[[], Result]]:
    """Does the work while the block goes on, and gives what waits for its result; without a second thread it is done
    when it is asked for."""
    if allowed() == 1:
        yield work
        return
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work).result
