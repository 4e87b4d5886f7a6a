"""Pictures in: `/v1/describe`, `/v1/ocr`, `/v1/search`."""

from __future__ import annotations

import json
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api import negotiate, stream
from api.problems import ProblemError
from api.schemas import OUTPUTS, Described, DescribeOptions, OcrOptions, OcrOut, SearchOptions, SearchOut
from api.uploads import body_schema, picture
from api.work import Shared
from pipeline.tasks import STAGES, Describe, Ocr, Search

router = APIRouter(prefix="/v1", tags=["reading"])
_FORMS: Final[dict[str, Any]] = {
    negotiate.MEDIA[name]: {"schema": {"type": "string"}} for name in OUTPUTS if name != "json"
}


@router.post(
    "/describe",
    openapi_extra=body_schema(DescribeOptions),
    responses={
        200: {
            "model": Described,
            "content": {**_FORMS, **stream.SCHEMA},
            "description": "The description, in the form asked for; or events while it is made.",
        }
    },
)
async def describe(request: Request, app: Shared) -> Response:
    """Describe the process diagram in a picture: graph, title, text, steps; as JSON or in another form."""
    data, options = await picture(request, DescribeOptions, app.service.max_bytes)
    accept = request.headers.get("accept", "")
    streams = stream.wanted(accept)
    form = options.format or "json" if streams else negotiate.chosen(options.format, accept, OUTPUTS)
    outputs = dict.fromkeys((*options.formats, *(() if form == "json" else (form,))))
    task = Describe(
        data,
        options.engine if options.engine != "auto" else app.settings.engine,
        options.language if options.language != "auto" else app.settings.lang,
        options.page,
        tuple(outputs),
        options.k,
        options.grounding,
    )
    if streams:
        return await stream.events(lambda tell: app.read(task, request, tell), request, STAGES)
    found = await app.read(task, request)
    if form == "json":
        return JSONResponse(found)
    return Response(found["outputs"][form], media_type=negotiate.media_type(form), headers=_warned(found["warnings"]))


@router.post(
    "/ocr",
    openapi_extra=body_schema(OcrOptions),
    responses={
        200: {
            "model": OcrOut,
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "description": "The text, as JSON with places, or plain.",
        }
    },
)
async def ocr(request: Request, app: Shared) -> Response:
    """Read the text of a picture, line by line."""
    data, options = await picture(request, OcrOptions, app.service.max_bytes)
    form = negotiate.chosen(None, request.headers.get("accept", ""), ("json", "text"))
    language = options.language if options.language != "auto" else app.settings.lang
    found = await app.read(Ocr(data, language, options.page), request)
    if form == "json":
        return JSONResponse(found)
    return Response(found["text"] + "\n", media_type=negotiate.media_type(form), headers=_warned(found["warnings"]))


@router.post(
    "/search",
    openapi_extra=body_schema(SearchOptions, needed=False),
    responses={200: {"model": SearchOut, "description": "Training diagrams, nearest first."}},
)
async def search(request: Request, app: Shared) -> Response:
    """Find training diagrams like a picture, or ones that words tell of."""
    data, options = await picture(request, SearchOptions, app.service.max_bytes, needed=False)
    if bool(data) == bool(options.text.strip()):
        raise ProblemError("a picture or a text is needed, one of them", status=422)
    return JSONResponse(await app.read(Search(data or None, options.text, options.k), request))


def _warned(warnings: list[str]) -> dict[str, str]:
    """Warnings as a header, where the body has no room for them: a JSON array in ASCII."""
    return {"x-diascribe-warnings": json.dumps(warnings)[:4000]} if warnings else {}
