"""What one browser tab has in hand: the picture, what was found, texts being written. Kept over reloads of the page.

A desk's name stands in the page's address. Whoever opens that address gets a copy of the desk, so that two tabs never
write into the same one. The shelf holds a bounded number of desks and bytes; the oldest leave first.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

DESKS: Final = 32
BYTES: Final = 192 * 2**20


@dataclass(frozen=True, slots=True)
class Picture:
    """An upload. page: of a PDF, from 1."""

    name: str
    data: bytes
    page: int = 1


@dataclass
class Desk:
    """Things by page and name; `Desk.size` counts the bytes of pictures only, all else is small."""

    things: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        """The thing of this name."""
        return self.things.get(name, default)

    def put(self, **things: Any) -> None:
        """Lay down things; None takes one away."""
        for name, thing in things.items():
            if thing is None:
                self.things.pop(name, None)
            else:
                self.things[name] = thing

    def size(self) -> int:
        """Bytes of the pictures on it."""
        return sum(len(thing.data) for thing in self.things.values() if isinstance(thing, Picture))


class Shelf:
    """All desks of this process by name, the most recently used last."""

    def __init__(self, desks: int = DESKS, most: int = BYTES) -> None:
        self._desks: OrderedDict[str, Desk] = OrderedDict()
        self._lock = threading.Lock()
        self._limits = (desks, most)

    def open(self, name: str | None) -> tuple[str, Desk]:
        """A desk under a new name: a copy of the named one, or an empty one."""
        with self._lock:
            known = self._desks.get(name or "")
            desk = Desk(dict(known.things) if known else {})
            new = secrets.token_urlsafe(12)
            self._desks[new] = desk
            self._tidy()
        return new, desk

    def touch(self, name: str, desk: Desk) -> None:
        """This desk was used just now."""
        with self._lock:
            self._desks[name] = desk
            self._desks.move_to_end(name)
            self._tidy()

    def __len__(self) -> int:
        return len(self._desks)

    def _tidy(self) -> None:
        count, most = self._limits
        while len(self._desks) > count:
            self._desks.popitem(last=False)
        seen: dict[int, int] = {}
        for desk in self._desks.values():  # copies share their pictures
            seen |= {id(t): len(t.data) for t in desk.things.values() if isinstance(t, Picture)}
        while len(self._desks) > 1 and sum(seen.values()) > most:
            _, gone = self._desks.popitem(last=False)
            left = {id(thing) for desk in self._desks.values() for thing in desk.things.values()}
            for thing in gone.things.values():
                if id(thing) not in left:
                    seen.pop(id(thing), None)
