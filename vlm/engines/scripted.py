"""An engine that answers from a list: for tests and for trying things out without a model."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from diagram.errors import EngineError
from vlm.engine import Message, OnText, Reply, Schema


class ScriptedEngine:
    """Gives the replies in order, text by text; raises those that are errors. `requests` holds what it was asked."""

    name = "scripted"

    def __init__(self, replies: Iterable[str | Reply | Exception]) -> None:
        self._replies = iter(replies)
        self._lock = threading.Lock()
        self.requests: list[tuple[Message, ...]] = []

    def generate(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,  # noqa: ARG002 a script needs none
        max_tokens: int = 4096,  # noqa: ARG002
        on_text: OnText | None = None,
        cancel: threading.Event | None = None,
    ) -> Reply:
        """The next reply, cut short where `cancel` is set. Raises EngineError when there is none left."""
        with self._lock:
            self.requests.append(tuple(messages))
            reply = next(self._replies, EngineError("the script has no more replies"))
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, str):
            reply = Reply(reply, engine=self.name)
        if cancel is not None and cancel.is_set():
            return Reply("", "cancelled", self.name)
        if on_text is not None:
            on_text(reply.text)
        return reply
