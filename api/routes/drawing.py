"""Texts in: `/v1/draw`, `/v1/render`, `/v1/validate`, `/v1/convert`."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final, cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api import negotiate
from api import schemas as s
from api.problems import NoModelError, TooLargeError
from api.work import App, Shared
from diagram.errors import MissingDependencyError

if TYPE_CHECKING:
    from pipeline.draw import Drafter, DrawFormat, Drawing, Studio

router = APIRouter(prefix="/v1", tags=["drawing"])
_DRAWN: Final = ("svg", "png", "pdf")
_WRITTEN: Final = (*_DRAWN, "mmd", "bpmn", "json")


def _contents(names: tuple[str, ...]) -> dict[str, Any]:
    return {
        negotiate.MEDIA[name]: {"schema": {"type": "string", "format": "binary"} if name in _DRAWN else {}}
        for name in names
        if name != "json"
    }


@router.post(
    "/draw",
    responses={200: {"content": _contents(_WRITTEN), "model": s.DrawOut, "description": "Drawn."}},
)
async def draw(asked: s.DrawRequest, request: Request, app: Shared) -> Response:
    """Draw words, Mermaid, BPMN XML or JSON. With `details`, or where only JSON is accepted, the answer is JSON."""
    from pipeline.draw import by_rules

    _limited(asked.text, app)
    form, details = _form(asked, request, _WRITTEN)
    drafter = await run_in_threadpool(_drafter, asked.engine, app)
    drawing = await app.draw(
        lambda studio: _draw(studio, asked.text, form, asked, drafter), talks=drafter is not by_rules
    )
    return _drawn(drawing, details=details)


@router.post(
    "/render",
    responses={200: {"content": _contents(_DRAWN), "model": s.DrawOut, "description": "Drawn."}},
)
async def render(asked: s.RenderRequest, request: Request, app: Shared) -> Response:
    """Draw Mermaid of any type; what does not parse is answered 422 with line, column and a hint."""
    from pipeline.draw import InvalidMermaidError

    _limited(asked.source, app)
    form, details = _form(asked, request, _DRAWN)

    def work(studio: Studio) -> Drawing:
        verdict = studio.verdict(asked.source)
        if not verdict.valid:
            raise InvalidMermaidError(verdict)
        return _draw(studio, verdict.source, form, asked)

    return _drawn(await app.draw(work), details=details)


@router.post("/validate", response_model=s.VerdictOut)
async def validate(asked: s.ValidateRequest, app: Shared) -> Response:
    """Mermaid's own verdict on a source, with the place, a hint, and the repaired source where there is one."""
    _limited(asked.source, app)
    verdict = await app.draw(lambda studio: studio.verdict(asked.source, mend=asked.repair))
    return JSONResponse(verdict.to_json())


@router.post(
    "/convert",
    responses={200: {"model": s.ConvertOut, "content": _contents(("mmd", "bpmn", "dot")), "description": "Converted."}},
)
async def convert(asked: s.ConvertRequest, request: Request, app: Shared) -> Response:
    """Write a diagram in another notation: as JSON with warnings, or as itself where `Accept` says so."""
    from pipeline.convert import convert as turn

    _limited(asked.text, app)
    itself = "mmd" if asked.to == "json" else asked.to
    form = negotiate.chosen(None, request.headers.get("accept", ""), ("json", itself))
    content, warnings = await app.draw(lambda studio: turn(asked.text, f".{asked.to}", studio))
    if form == "json" or asked.to == "json":
        return JSONResponse({"to": asked.to, "content": content, "warnings": list(warnings)})
    return Response(content, media_type=negotiate.media_type(form))


def _limited(text: str, app: App) -> None:
    if len(text) > app.service.max_text:
        raise TooLargeError(f"the text has {len(text)} characters", hint=f"the most is {app.service.max_text}")


def _form(asked: s.Look, request: Request, offers: tuple[str, ...]) -> tuple[DrawFormat, bool]:
    """What to make, and whether to wrap it in JSON: where that is asked for, or is all that the client accepts."""
    if asked.format is not None:
        return asked.format, asked.details
    if asked.details:
        return "svg", True
    form = negotiate.chosen(None, request.headers.get("accept", ""), (*(o for o in offers if o != "json"), "json"))
    return ("svg", True) if form == "json" else (cast("DrawFormat", form), False)


def _drafter(engine: str, app: App) -> Drafter:
    from pipeline.draw import make_drafter

    chosen = engine if engine != "auto" else app.settings.engine
    try:
        return make_drafter(app.settings.model_copy(update={"engine": chosen}))
    except MissingDependencyError as error:
        raise NoModelError(str(error), hint=error.hint) from error


def _draw(studio: Studio, text: str, form: DrawFormat, asked: s.Look, drafter: Drafter | None = None) -> Drawing:
    from mermaid.render import Look

    look = Look(theme=asked.theme, scale=asked.scale, background=asked.background)
    return studio.draw(text, form, direction=asked.direction, look=look, renderer=asked.renderer, drafter=drafter)


def _drawn(drawing: Drawing, *, details: bool) -> Response:
    media = negotiate.media_type(drawing.format)
    if not details:
        notes = len(drawing.warnings) + len(drawing.repairs)
        return Response(drawing.data, media_type=media, headers={"x-diascribe-notes": str(notes)} if notes else {})
    as_text = drawing.format not in ("png", "pdf")
    return JSONResponse(
        {
            "format": drawing.format,
            "media_type": media,
            "encoding": "text" if as_text else "base64",
            "content": drawing.data.decode() if as_text else base64.b64encode(drawing.data).decode(),
            "mermaid": drawing.mermaid,
            "diagram": None if drawing.diagram is None else drawing.diagram.to_json(),
            "renderer": drawing.renderer,
            "warnings": list(drawing.warnings),
            "repairs": list(drawing.repairs),
            "timings": dict(drawing.timings),
        }
    )
