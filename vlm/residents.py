"""Models that are kept loaded: at most so many, the one unused for longest goes first, all go after a time unused.

Engines are made once per name and load themselves at their first request. One gate lets one request at a time decide
who is resident: nothing is loaded beside what is being loaded, and a model is unloaded only when none of its requests
runs. States can be asked for at any time. Knows nothing of torch.
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
    """An engine with weights that come and go. state: "absent", "loading", "ready" or "failed"; why: it failed.

    loaded: the share of the weights that is in memory while it loads, in [0, 1].
    """

    state: str
    why: str
    loaded: float

    def load(self) -> None:
        """Load the weights, if they are not yet."""
        ...

    def unload(self) -> None:
        """Free the memory, after what is running."""
        ...


@dataclass(frozen=True, slots=True)
class Status:
    """How an engine stands: see `Loadable`."""

    state: str
    loaded: float = 0.0
    why: str = ""


class Residents:
    """make: an engine by name. most: how many may be loaded at once. idle: seconds unused before one is unloaded."""

    def __init__(self, make: Callable[[str], Loadable], *, most: int = 1, idle: float = 600.0) -> None:
        self._make, self._most, self._idle = make, most, idle
        self._gate = threading.Lock()  # around deciding who is resident; held while weights are loaded
        self._change = threading.Condition()  # around the fields below; never held for long
        self._engines: dict[str, Loadable] = {}
        self._used: OrderedDict[str, float] = OrderedDict()  # resident ones, the longest unused first
        self._running: dict[str, int] = {}
        self._timer: threading.Timer | None = None

    def engine(self, name: str) -> Engine:
        """The engine of this name; loaded when it is first asked, and again when it was unloaded since."""
        return _Resident(self, name)

    def states(self) -> Mapping[str, Status]:
        """How each engine that was asked for stands; at once, whatever is being loaded."""
        with self._change:
            return {name: Status(one.state, one.loaded, one.why) for name, one in self._engines.items()}

    def load(self, name: str) -> None:
        """Make the engine resident.

        Raises:
            EngineError: it cannot be loaded.
        """
        self.enter(name)
        self.leave(name)

    def unload(self, name: str) -> None:
        """Free its memory, after the requests that run."""
        with self._gate:
            self._evict(name)

    def close(self) -> None:
        """Unload all."""
        with self._gate:
            with self._change:
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
                names = [*self._used]
            for name in names:
                self._evict(name)

    def enter(self, name: str) -> Loadable:
        """The engine, made resident; others have gone to make room. `leave` it after use."""
        with self._gate:
            with self._change:
                engine = self._engines.get(name)
                if engine is None:
                    engine = self._engines[name] = self._make(name)
                others = [other for other in self._used if other != name]
            for other in others[: max(0, len(others) - self._most + 1)]:
                self._evict(other)
            engine.load()
            with self._change:
                self._used[name] = time.monotonic()
                self._used.move_to_end(name)
                self._running[name] = self._running.get(name, 0) + 1
            return engine

    def leave(self, name: str) -> None:
        """The use of an engine ends here."""
        with self._change:
            self._running[name] -= 1
            if name in self._used:
                self._used[name] = time.monotonic()
            self._change.notify_all()
            if self._timer is None:
                self._wait(self._idle)

    def _evict(self, name: str) -> None:
        """Unload it once nothing of it runs; the caller holds the gate, so that nothing new begins."""
        with self._change:
            self._change.wait_for(lambda: not self._running.get(name))
            self._used.pop(name, None)
            engine = self._engines.get(name)
        if engine is not None:
            engine.unload()

    def _wait(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._sweep)
        self._timer.daemon = True
        self._timer.start()

    def _sweep(self) -> None:
        """Unload what was not used for long enough; look again when the next may be due."""
        with self._gate:
            now = time.monotonic()
            with self._change:
                due = [
                    name
                    for name, used in self._used.items()
                    if not self._running.get(name) and now - used >= self._idle
                ]
            for name in due:
                self._evict(name)
            with self._change:
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
