"""What an engine is: messages in, a reply out. An engine knows nothing of diagrams.

Pictures are PIL images of any size; an engine shrinks them as its model needs. `schema` is a JSON schema that a
finished reply must follow. `on_text` is called with each piece of text as it comes; setting `cancel` ends generation
at the next token, and the reply so far is returned with `finish` "cancelled".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from PIL import Image

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "cancelled"]
OnText = Callable[[str], None]
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: texts and pictures in the order in which the model sees them.

    spare: where groups of parts at the start end that may be left out where memory is short, the last first.
    """

    role: Role
    parts: tuple[str | Image.Image, ...]
    spare: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """All texts of the turn, without its pictures."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def images(self) -> tuple[Image.Image, ...]:
        """All pictures of the turn."""
        return tuple(part for part in self.parts if not isinstance(part, str))

    def without_spare(self) -> Message:
        """The turn without the last of its spare groups."""
        *before, end = self.spare
        start = before[-1] if before else 0
        return Message(self.role, (*self.parts[:start], *self.parts[end:]), tuple(before))


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered.

    finish: "stop" (it was done), "length" (`max_tokens` reached) or "cancelled". engine: who answered, to be shown.
    tokens, prompt_tokens: as counted by the engine, None where a server does not say. notes: what had to be given up
    on the way (smaller pictures, no schema …), to be shown. timings: seconds per stage. pixels: the most of a picture
    that memory allowed, None where it was as much as the model takes.
    """

    text: str
    finish: Finish = "stop"
    engine: str = ""
    prompt_tokens: int | None = None
    tokens: int | None = None
    notes: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    pixels: int | None = None


class Engine(Protocol):
    """A vision-language model, wherever it runs. Threads may share one."""

    def generate(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,
        max_tokens: int = 4096,
        on_text: OnText | None = None,
        cancel: threading.Event | None = None,
    ) -> Reply:
        """The model's reply to a conversation.

        Raises:
            EngineError: the model cannot answer; its `retryable` says whether trying again may help.
        """
        ...
