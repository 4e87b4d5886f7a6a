"""How many requests a client may make: so many a minute, saved up for a minute. Clients that are at rest are forgotten.

Knows nothing of what a client is.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST: Final = 10_000
"""Clients remembered; beyond, the one that was silent for longest is forgotten, and may start anew."""


class Rate:
    """A bucket for each client that holds `per_minute` requests and fills up within a minute. Not for several threads.

    clock: seconds, growing.
    """

    def __init__(self, per_minute: int, *, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._size, self._speed = float(per_minute), per_minute / 60
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def taken(self, client: str) -> float:
        """0.0 where the client may make a request now, which is counted; else the seconds until it may."""
        now = self._clock()
        left, since = self._left.pop(client, (self._size, now))
        left = min(self._size, left + (now - since) * self._speed)
        wait = 0.0 if left >= 1 else (1 - left) / self._speed
        self._left[client] = (left - (wait == 0.0), now)
        while len(self._left) > self._most or self._rested(now):
            self._left.popitem(last=False)
        return wait

    def _rested(self, now: float) -> bool:
        """Whether the client that was silent for longest has its whole bucket again."""
        left, since = next(iter(self._left.values()))
        return left + (now - since) * self._speed >= self._size
