"""`/v1/ask`: free questions about a picture, answered by a model as it writes or at once."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api import schemas as s
from api import stream, talk
from api.uploads import body_schema, picture
from api.work import Shared
from diagram.progress import Tell
from pipeline.tasks import Ocr

router = APIRouter(prefix="/v1", tags=["talking"])
STAGES = ("waiting", "text", "model")


@router.post(
    "/ask",
    openapi_extra=body_schema(s.AskOptions, needed=False),
    responses={
        200: {
            "model": s.Answer,
            "content": stream.SCHEMA,
            "description": "The answer; or events while it is written.",
        }
    },
)
async def ask(request: Request, app: Shared) -> Response:
    """Ask a model about a picture (or about nothing but words). `history` holds what was said before."""
    data, options = await picture(request, s.AskOptions, app.service.max_bytes, needed=False, longest=1 << 20)
    model = talk.engine(app, options.engine)
    settings = app.settings.model_copy(update={"max_tokens": options.max_tokens or app.settings.max_tokens})
    said = [(one.question, one.answer) for one in options.history]

    async def work(tell: Tell | None) -> dict[str, Any]:
        from pipeline.ask import ask as answer
        from vlm.prompt import Line

        lines = []
        if data and options.grounding:
            _stage(tell, "text")
            found = await app.read(Ocr(data, settings.lang, options.page), request)
            lines = [Line(one["text"], tuple(one["bbox"]), one["confidence"]) for one in found["lines"]]
        image = await talk.page(app, data, request, options.page) if data else None
        _stage(tell, "model")
        reply = await talk.talk(
            app,
            lambda on_text, cancel: answer(
                model, options.prompt, image, said, settings=settings, lines=lines, on_text=on_text, cancel=cancel
            ),
            request,
            tell,
        )
        return {
            "answer": reply.text,
            "engine": reply.engine,
            "finish": reply.finish,
            "prompt_tokens": reply.prompt_tokens,
            "tokens": reply.tokens,
            "notes": list(reply.notes),
            "timings": dict(reply.timings),
        }

    if stream.wanted(request.headers.get("accept", "")):
        return await stream.events(work, request, STAGES)
    return JSONResponse(await work(None))


def _stage(tell: Tell | None, name: str) -> None:
    if tell is not None:
        tell("stage", name)
