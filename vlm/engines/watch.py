"""What happens while `generate` of transformers runs: tokens are collected and told row by row, rows end when they
should. Knows nothing of models.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from vlm.engine import Finish, OnText


class Row:
    """One reply in the making: its tokens, and how it ended.

    error: what `on_text` raised, which ends the reply. first: seconds from `start` to the first token.
    """

    def __init__(self, max_tokens: int, on_text: OnText | None, cancel: threading.Event | None) -> None:
        self._most, self._on_text, self._cancel = max_tokens, on_text, cancel
        self.tokens: list[int] = []
        self.finish: Finish | None = None
        self.first: float | None = None
        self.error: Exception | None = None
        self._given = 0
        self._ending = False

    def is_over(self) -> bool:
        """Whether the token that is being made is to be the last."""
        self._ending = self.cancelled or self.error is not None or len(self.tokens) + 1 >= self._most
        return self.finish is not None or self._ending

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._cancel is not None and self._cancel.is_set()

    def take(self, token: int, ends: set[int], decode: Callable[[list[int]], str], since: float) -> None:
        """The next token; `is_over` was asked before."""
        if self.finish is not None:
            return
        if self.first is None:
            self.first = time.perf_counter() - since
        self.tokens.append(token)
        if token in ends:
            self.finish = "stop"
        elif self._ending:
            self.finish = "cancelled" if self.cancelled else "length"
        self._tell(decode)

    def _tell(self, decode: Callable[[list[int]], str]) -> None:
        if self._on_text is None or self.error is not None:
            return
        text = decode(self.tokens)
        if text.endswith("\ufffd") and self.finish is None:  # half a letter
            return
        if len(text) > self._given:
            piece, self._given = text[self._given :], len(text)
            try:
                self._on_text(piece)
            except Exception as error:  # the listener's own: no matter of the other rows
                self.error = error


class Watch:
    """A streamer and a stopping criterion at once, for rows that are made together. ends: tokens that end a reply."""

    def __init__(self, rows: Sequence[Row], ends: set[int], decode: Callable[[list[int]], str]) -> None:
        self._rows, self._ends, self._decode = rows, ends, decode
        self._start = time.perf_counter()
        self._prompt_seen = False

    def put(self, value: Any) -> None:
        """A streamer's: the prompt first, then one token of each row."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        for row, token in zip(self._rows, value.reshape(-1).tolist(), strict=True):
            row.take(token, self._ends, self._decode, self._start)

    def end(self) -> None:
        """A streamer's: nothing more will come."""

    def stop(self, input_ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG002 as transformers calls it
        """Which rows end with the token that was just made."""
        import torch

        return torch.tensor([row.is_over() for row in self._rows], dtype=torch.bool, device=input_ids.device)
