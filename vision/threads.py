"""The same work on many things at once, in as many threads as OpenCV may use (`cv2.setNumThreads`; one per core unless
set). For work that leaves the interpreter: recognisers and large arrays. Knows nothing of what the work is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import cv2

MOST = 4  # threads; engines and pictures of more would fill the memory

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def each(work: Callable[[Thing], Result], things: Sequence[Thing]) -> list[Result]:
    """What `work` returns for each thing, in their order; the first error is raised."""
    count = min(MOST, cv2.getNumThreads(), len(things))
    if count <= 1:
        return [work(thing) for thing in things]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, things))


def together(*works: Callable[[], Result]) -> list[Result]:
    """What each of the works returns, in their order; they must not need each other."""
    return each(lambda work: work(), works)
