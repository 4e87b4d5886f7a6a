"""What a call tells of itself while it works, to whoever listens to it, and whether it is still wanted.

Whoever works calls `stage` as each stage begins, `count` as many like things get done and `token` with each piece of
a model's answer; without a listener they do nothing. Listeners belong to a context (a thread, a task), so nothing is
handed through. Knows nothing of who listens.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Literal

from diagram.errors import DiascribeError

Kind = Literal["stage", "count", "token"]
Tell = Callable[[Kind, str], None]


class AbandonedError(DiascribeError):
    """Nobody waits for this work any more."""


@dataclass(frozen=True, slots=True)
class _Listener:
    tell: Tell
    cancel: threading.Event


_LISTENER: Final[ContextVar[_Listener | None]] = ContextVar("listener", default=None)


@contextlib.contextmanager
def listening(tell: Tell, cancel: threading.Event) -> Iterator[None]:
    """Within, `tell` is called with what the work tells; when `cancel` is set, the work ends at its next stage."""
    token = _LISTENER.set(_Listener(tell, cancel))
    try:
        yield
    finally:
        _LISTENER.reset(token)


def stage(name: str) -> None:
    """A stage begins.

    Raises:
        AbandonedError: the work is no longer wanted.
    """
    listener = _LISTENER.get()
    if listener is None:
        return
    if listener.cancel.is_set():
        raise AbandonedError("nobody waits for this any more")
    listener.tell("stage", name)


def count(done: int, of: int) -> None:
    """So many of so many are done; told as "done of".

    Raises:
        AbandonedError: the work is no longer wanted.
    """
    listener = _LISTENER.get()
    if listener is None:
        return
    if listener.cancel.is_set():
        raise AbandonedError("nobody waits for this any more")
    listener.tell("count", f"{done} {of}")


def token(text: str) -> None:
    """A piece of a model's answer has come."""
    listener = _LISTENER.get()
    if listener is not None:
        listener.tell("token", text)


def cancelled() -> threading.Event | None:
    """The event that is set when the work is no longer wanted, for those who can watch it; None: nobody listens."""
    listener = _LISTENER.get()
    return None if listener is None else listener.cancel
