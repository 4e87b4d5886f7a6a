"""Talking to a model: pictures are decoded by the readers, the answer comes in a thread and can be called off.

What answers is named as everywhere: "auto" is the server of the settings, else their model. Knows nothing of resources.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import anyio
from fastapi import Request

from api.problems import NoModelError
from api.work import App, waited
from diagram.errors import BusyError, MissingDependencyError
from diagram.progress import Tell
from pipeline.engines import THREE_WAYS
from pipeline.tasks import Page

if TYPE_CHECKING:
    from PIL import Image

    from vlm.engine import Engine, OnText, Reply

Talk = Callable[["OnText", threading.Event], "Reply"]
AT_ONCE: Final = 32
"""Answers at work at once; models and servers queue them themselves."""


def engine(app: App, name: str = "auto") -> Engine:
    """What answers by this name. Loads nothing yet.

    Raises:
        UnknownNameError: there is no such model. NoModelError: there is none to ask; the hint tells how to get one.
    """
    if name in ("vision", "rules"):
        raise NoModelError("the built-in reader takes no prompts", hint=THREE_WAYS)
    names = {"auto": "", "hybrid": "", "qwen": app.settings.model, app.settings.server_model: ""}
    try:
        return app.host.engine(names.get(name, name))
    except MissingDependencyError as error:
        raise NoModelError(str(error), hint=error.hint) from error


async def page(app: App, data: bytes, request: Request, number: int = 1) -> Image.Image:
    """A page of an upload, decoded in another process; a large one is shrunk, as models would."""
    from PIL import Image

    found = await app.read(Page(data, number), request)
    return Image.frombytes("RGB", (found["width"], found["height"]), found["pixels"])


async def talk(app: App, work: Talk, request: Request, tell: Tell | None = None) -> Reply:
    """The reply that `work` gets, called in a thread with what takes the pieces and what calls it off.

    tell: is told the pieces, as tokens. A client that goes away is not answered any more.

    Raises:
        BusyError: too many answers are at work. And what `work` raises.
    """
    if app.talking >= AT_ONCE + app.service.waiting:
        raise BusyError(f"{app.talking} answers are at work", hint="try again in 1 s")
    cancel = threading.Event()

    def on_text(piece: str) -> None:
        if tell is not None:
            tell("token", piece)

    app.talking += 1
    answer: asyncio.Task[Any] = asyncio.ensure_future(
        anyio.to_thread.run_sync(functools.partial(work, on_text, cancel), limiter=app.talkers, abandon_on_cancel=True)
    )
    try:
        if tell is not None:
            tell("stage", "waiting")
        await waited(answer, request)
        reply: Reply = answer.result()
    finally:
        app.talking -= 1
        cancel.set()
        answer.cancel()
    app.metrics.talked(reply)
    return reply
