"""Work whose progress is sent as it goes: server-sent events, as the HTML standard has them.

`follow` runs the work beside the answer and hands on what it tells; whoever stops following cancels it. Knows nothing
of what is worked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, Final

from fastapi import Request
from fastapi.responses import StreamingResponse

from api import negotiate, problems
from diagram.errors import DiascribeError
from diagram.progress import Tell

MEDIA: Final = "text/event-stream"
PAUSE: Final = 15.0
"""Seconds of silence after which a comment is sent, so that nobody on the way takes the connection for dead."""
Work = Callable[[Tell], Awaitable[Any]]


def wanted(accept: str) -> bool:
    """Whether a client asks for events, by its header `Accept`."""
    return MEDIA in accept.lower() and negotiate.chosen(None, accept, ("json", "events")) == "events"


async def follow(work: Work) -> AsyncGenerator[tuple[str, Any], None]:
    """What the work tells: ("stage" or "token", text), ("", "") after a silence, at last ("result", what it gives).

    The first comes as soon as the work has told something, so that what is refused at once is raised here.

    Raises:
        DiascribeError: the work fails.
    """
    loop = asyncio.get_running_loop()
    news: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    def tell(kind: str, value: str) -> None:
        with contextlib.suppress(RuntimeError):  # the server has stopped meanwhile
            loop.call_soon_threadsafe(news.put_nowait, (kind, value))

    async def run() -> Any:
        return await work(tell)

    task = asyncio.create_task(run())
    task.add_done_callback(lambda _: tell("result", ""))
    try:
        while True:
            try:
                kind, value = await asyncio.wait_for(news.get(), PAUSE)
            except TimeoutError:
                yield "", ""
                continue
            if kind == "result":
                yield kind, task.result()
                return
            yield kind, value
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


async def events(work: Work, request: Request, stages: tuple[str, ...] = ()) -> StreamingResponse:
    """The answer with the events `stage` {stage, done, of}, `token` {text}, `result` and `error` (problem details).

    stages: all that there may be, in their order.

    Raises:
        DiascribeError: the work was refused before it began.
    """
    told = follow(work)
    first = await anext(told)
    ident = problems.request_id(request)

    async def sent() -> AsyncIterator[str]:
        async with contextlib.aclosing(told):
            try:
                yield _shown(*first, stages)
                async for kind, value in told:
                    yield _shown(kind, value, stages)
            except DiascribeError as error:
                yield event("error", bytes(problems.answer(error, ident).body).decode())
            except Exception as error:
                problems.LOG.error("internal error", exc_info=error)
                yield event("error", bytes(problems.internal(ident).body).decode())

    return response(sent())


def response(pieces: AsyncIterator[str]) -> StreamingResponse:
    """An answer that no proxy keeps back."""
    return StreamingResponse(pieces, media_type=MEDIA, headers={"x-accel-buffering": "no"})


def event(name: str, data: str) -> str:
    """One event; data: JSON in one line. name: "" for those that have none."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {data}\n\n"


def _shown(kind: str, value: Any, stages: tuple[str, ...]) -> str:
    if not kind:
        return ": still at work\n\n"
    if kind == "stage":
        value = {"stage": value, "done": stages.index(value) if value in stages else 0, "of": len(stages)}
    elif kind == "token":
        value = {"text": value}
    return event(kind, json.dumps(value, ensure_ascii=False))


SCHEMA: Final[dict[str, Any]] = {
    MEDIA: {
        "schema": {
            "type": "string",
            "description": "Events `stage` {stage, done, of}, `token` {text}, `result` (the JSON that is answered "
            "otherwise), `error` (problem details).",
        }
    }
}
