"""Models that are kept loaded: at most so many, the one unused for longest goes first, all go after a time unused.

Engines are made once per name and load themselves at their first request. One lock guards who is resident; a model is
never unloaded under a request that runs, since its own lock makes the unloading wait. Knows nothing of torch.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vlm.engine import Engine, Message, OnText, Reply, Schema


class Loadable(Engine, Protocol):
    """An engine with weights that come and go. state: "absent", "loading", "ready" or "failed"; why: it failed."""

    state: str
    why: str

    def load(self) -> None:
        """Load the weights, if they are not yet."""
        ...

    def unload(self) -> None:
        """Free the memory, after what is running."""
        ...


class Residents:
    """make: an engine by name. most: how many may be loaded at once. idle: seconds unused before one is unloaded."""

    def __init__(self, make: Callable[[str], Loadable], *, most: int = 1, idle: float = 600.0) -> None:
        self._make, self._most, self._idle = make, most, idle
        self._lock = threading.Lock()
        self._engines: dict[str, Loadable] = {}
        self._used: OrderedDict[str, float] = OrderedDict()  # resident ones, the longest unused first
        self._running: dict[str, int] = {}
        self._timer: threading.Timer | None = None

    def engine(self, name: str) -> Engine:
        """The engine of this name; loaded when it is first asked, and again when it was unloaded since."""
        return _Resident(self, name)

    def states(self) -> Mapping[str, tuple[str, str]]:
        """State of each engine that was asked for, and why it failed."""
        with self._lock:
            return {name: (engine.state, engine.why) for name, engine in self._engines.items()}

    def close(self) -> None:
        """Unload all."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            for name in [*self._used]:
                self._evict(name)

    def enter(self, name: str) -> Loadable:
        """The engine, made resident; others have gone to make room. `leave` it after use."""
        with self._lock:
            engine = self._engines.get(name)
            if engine is None:
                engine = self._engines[name] = self._make(name)
            for other in [other for other in self._used if other != name]:
                if len(self._used) - (name in self._used) < self._most:
                    break
                self._evict(other)
            self._used[name] = time.monotonic()
            self._used.move_to_end(name)
            try:
                engine.load()
            except BaseException:
                del self._used[name]
                raise
            self._running[name] = self._running.get(name, 0) + 1
            return engine

    def leave(self, name: str) -> None:
        """The use of an engine ends here."""
        with self._lock:
            self._running[name] -= 1
            if name in self._used:
                self._used[name] = time.monotonic()
            if self._timer is None:
                self._wait(self._idle)

    def _evict(self, name: str) -> None:
        del self._used[name]
        self._engines[name].unload()

    def _wait(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._sweep)
        self._timer.daemon = True
        self._timer.start()

    def _sweep(self) -> None:
        """Unload what was not used for long enough; look again when the next may be due."""
        with self._lock:
            now = time.monotonic()
            for name, used in [*self._used.items()]:
                if not self._running.get(name) and now - used >= self._idle:
                    self._evict(name)
            self._timer = None
            if self._used:
                self._wait(max(0.05, self._idle - (now - min(self._used.values()))))


@dataclass(frozen=True)
class _Resident:
    """An engine of `Residents` as others see it."""

    residents: Residents
    name: str

    def generate(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,
        max_tokens: int = 4096,
        on_text: OnText | None = None,
        cancel: threading.Event | None = None,
    ) -> Reply:
        """See `vlm.engine.Engine`."""
        engine = self.residents.enter(self.name)
        try:
            return engine.generate(messages, schema=schema, max_tokens=max_tokens, on_text=on_text, cancel=cancel)
        finally:
            self.residents.leave(self.name)
