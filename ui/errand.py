"""One call of the API in a thread of its own, so that the page stays alive and tells how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ui.client import Trouble

T = TypeVar("T")


class Errand(Generic[T]):
    """Runs `work(tell)` at once. stage, done, of: the last that was told; seconds: since the start."""

    def __init__(self, work: Callable[[Callable[[str, int, int], None]], T]) -> None:
        self.stage, self.done, self.of = "", 0, 0
        self.result: T | None = None
        self.trouble: Trouble | None = None
        self._start = time.monotonic()
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self._thread.is_alive()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._start

    def wait(self, seconds: float) -> None:
        """Wait for its end, this long at most."""
        self._thread.join(seconds)

    def _run(self, work: Callable[[Any], T]) -> None:
        try:
            self.result = work(self._tell)
        except Trouble as trouble:
            self.trouble = trouble
        except Exception as error:  # the page must be told, whatever it was
            self.trouble = Trouble("internal", f"{type(error).__name__}: {error}")

    def _tell(self, stage: str, done: int, of: int) -> None:
        self.stage, self.done, self.of = stage, done, of
