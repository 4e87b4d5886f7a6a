"""The faces of services that people already call: `/analyze`, `/ocr`, `/chat`, `/batch/ocr`, `/gpu`, `/model`.

Thin: field names and forms of those, answered by the same readers as `/v1`. Prompts need a vision-language model; the
built-in reader does not pretend to follow them. New programs use `/v1`.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from api import problems, talk
from api.schemas import Lang
from api.uploads import decoded, limited, parsed
from api.work import App, Shared
from diagram.errors import BusyError, DiascribeError, UnknownNameError
from pipeline.engines import has_gpu
from pipeline.tasks import MARKDOWN, Describe, Ocr

if TYPE_CHECKING:
    from vlm.engine import Engine, Reply

router = APIRouter(tags=["compatible"])
READER = "vision"
_LANGUAGES: dict[str, Lang] = {"ru": "ru", "rus": "ru", "russian": "ru", "en": "en", "eng": "en", "english": "en"}
MOST_FILES = 100
_UNHEEDED = "temperature is not heeded: the likeliest token is always taken, so that answers repeat themselves"


class AnalyzeIn(BaseModel):
    """A picture, and what is asked about it."""

    image_base64: str = Field(min_length=1, examples=["iVBORw0KGgo…"])
    prompt: str = ""


class Analyzed(BaseModel):
    """success with analysis, or no success with error."""

    success: bool
    analysis: str | None = None
    error: str | None = None


class Chatted(BaseModel):
    """What a model answered; processing_time: seconds."""

    response: str
    model: str
    processing_time: float
    prompt: str


class OcrText(BaseModel):
    """image_size: width and height in pixels; processing_time: seconds."""

    text: str
    model: str
    processing_time: float
    image_size: list[int]
    language: str


class OcrResult(BaseModel):
    """One file: its text, or why there is none."""

    filename: str
    status: Literal["success", "error"]
    processing_time: float
    text: str | None = None
    error: str | None = None


class OcrResults(BaseModel):
    """All files, in their order."""

    results: list[OcrResult]
    total: int
    successful: int
    failed: int


class Gpu(BaseModel):
    """The first GPU; memory in MB, of all programs that use it."""

    gpu_available: bool
    gpu_name: str | None
    gpu_memory_allocated: float
    gpu_memory_reserved: float
    gpu_memory_total: float


class Model(BaseModel):
    """What reads pictures. context_length: 0 for a reader that takes no prompts."""

    loaded: bool
    model_name: str
    device: str
    context_length: int


Name = Annotated[str, Query(max_length=100, description="What reads: auto or vision.")]
Language = Annotated[str, Query(max_length=40, description="auto, en or ru.")]


def _file(name: str, more: dict[str, Any], needed: tuple[str, ...] = (), *, many: bool = False) -> dict[str, Any]:
    file: dict[str, Any] = {"type": "string", "format": "binary"}
    field = {"type": "array", "items": file, "minItems": 1, "maxItems": MOST_FILES} if many else file
    schema = {"type": "object", "required": [name, *needed], "properties": {name: field, **more}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@router.post(
    "/analyze",
    response_model=Analyzed,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": AnalyzeIn.model_json_schema()}}}
    },
    responses={"default": {"model": Analyzed, "description": "No success; error says why."}},
)
async def analyze(request: Request, app: Shared) -> Response:
    """What a model says to the prompt; without either, the description in Markdown.

    Errors: `{"success": false, "error": …}`.
    """
    try:
        fields = await run_in_threadpool(parsed, await request.body())
        asked: AnalyzeIn = problems.checked(AnalyzeIn, fields)
        data = await run_in_threadpool(decoded, asked.image_base64, app.service.max_bytes)
        if asked.prompt.strip() and _talks(app):
            reply = await _asked(talk.engine(app), asked.prompt, data, app.settings.max_tokens, request, app)
            return JSONResponse({"success": True, "analysis": reply.text})
        task = Describe(data, app.settings.engine, app.settings.lang, outputs=(MARKDOWN,), examples=0)
        found = await app.read(task, request)
    except DiascribeError as error:
        told = problems.answer(error, problems.request_id(request))
        headers = {name: value for name, value in told.headers.items() if name == "retry-after"}
        return JSONResponse({"success": False, "error": _sentence(error)}, told.status_code, headers)
    return JSONResponse({"success": True, "analysis": found["outputs"][MARKDOWN]})


@router.post("/ocr", response_model=OcrText, openapi_extra=_file("file", {}))
async def ocr(request: Request, app: Shared, model: Name = "auto", language: Language = "auto") -> Response:
    """The text of one picture."""
    _reader(model)
    start = time.perf_counter()
    async with request.form(max_files=1, max_fields=10, max_part_size=1 << 16) as form:
        data = await _upload(form.get("file"), app)
    found = await app.read(Ocr(data, _language(language, app)), request)
    return JSONResponse(
        {
            "text": found["text"],
            "model": READER,
            "processing_time": round(time.perf_counter() - start, 3),
            "image_size": [found["image"]["width"], found["image"]["height"]],
            "language": found["language"],
        }
    )


@router.post("/batch/ocr", response_model=OcrResults, openapi_extra=_file("files", {}, many=True))
async def batch_ocr(request: Request, app: Shared, model: Name = "auto", language: Language = "auto") -> Response:
    """The text of several pictures (together no larger than one may be); a bad one does not stop the others."""
    _reader(model)
    spoken = _language(language, app)
    async with request.form(max_files=MOST_FILES, max_fields=10, max_part_size=1 << 16) as form:
        files = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
        if not files:
            raise problems.ProblemError("there are no files", status=422, hint="send them as the field files")
        turns = asyncio.Semaphore(app.service.crew())

        async def one(file: UploadFile) -> dict[str, Any]:
            async with turns:
                return await _one_of_many(file, spoken, app, request)

        results = await asyncio.gather(*map(one, files))
    good = sum(result["status"] == "success" for result in results)
    return JSONResponse({"results": results, "total": len(results), "successful": good, "failed": len(results) - good})


@router.post(
    "/chat",
    response_model=Chatted,
    openapi_extra=_file("file", {"prompt": {"type": "string"}, "model": {"type": "string"}}, ("prompt",)),
)
async def chat(
    request: Request,
    app: Shared,
    temperature: Annotated[float | None, Query(ge=0, le=2, description=_UNHEEDED)] = None,
    max_tokens: Annotated[int, Query(ge=1, le=1_000_000)] = 2048,
) -> Response:
    """Ask a vision-language model about a picture. Not without one: the built-in reader takes no prompts."""
    start = time.perf_counter()
    async with request.form(max_files=1, max_fields=10, max_part_size=1 << 20) as form:
        prompt, model = form.get("prompt"), form.get("model")
        data = await _upload(form.get("file"), app)
    if not isinstance(prompt, str) or not prompt.strip():
        raise problems.ProblemError("there is no prompt", status=422, hint="send the question as the field prompt")
    engine = talk.engine(app, model if isinstance(model, str) and model else "auto")
    reply = await _asked(engine, prompt, data, max_tokens, request, app)
    took = round(time.perf_counter() - start, 3)
    told = {"response": reply.text, "model": reply.engine, "processing_time": took, "prompt": prompt}
    heeded = not temperature
    return JSONResponse(told, headers={} if heeded else {"x-diascribe-warnings": json.dumps([_UNHEEDED])})


@router.get("/gpu", response_model=Gpu)
async def gpu(app: Shared) -> Response:
    """What the machine's first GPU is."""
    return JSONResponse(await run_in_threadpool(app.gpu.state))


@router.get("/model", response_model=Model)
async def model_(app: Shared) -> Response:
    """What reads pictures here."""
    return JSONResponse(await run_in_threadpool(_model, app))


async def _asked(engine: Engine, prompt: str, data: bytes, most: int, request: Request, app: App) -> Reply:
    from pipeline.ask import ask

    image = await talk.page(app, data, request)
    settings = app.settings.model_copy(update={"max_tokens": most})
    return await talk.talk(
        app,
        lambda on_text, cancel: ask(engine, prompt, image, settings=settings, on_text=on_text, cancel=cancel),
        request,
    )


def _talks(app: App) -> bool:
    from pipeline.engines import choose

    engine = app.settings.engine
    return engine not in ("auto", READER) or (engine == "auto" and choose(app.settings).engine != READER)


def _model(app: App) -> dict[str, Any]:
    if not _talks(app):
        ready = app.crew.load().ready > 0
        return {"loaded": ready, "model_name": READER, "device": "cpu", "context_length": 0}
    settings = app.settings
    if settings.server_url:
        name = settings.server_model or settings.model
        return {"loaded": True, "model_name": name, "device": "server", "context_length": 0}
    row = next((row for row in app.host.states() if row["id"] == settings.model), None)
    device = "cuda" if settings.device != "cpu" and has_gpu() else "cpu"
    loaded = row is not None and row["state"] == "ready"
    length = 0 if row is None else _context(row["repository"])
    return {"loaded": loaded, "model_name": settings.model, "device": device, "context_length": length}


def _context(repository: str) -> int:
    """Tokens that a model takes, as its configuration says; 0: that is not known."""
    from vlm.weights import find

    try:
        folder = find(repository)
        told = {} if folder is None else json.loads((folder / "config.json").read_text("utf-8"))
        text = told.get("text_config") or told
        return int(text.get("max_position_embeddings") or told.get("max_position_embeddings") or 0)
    except (OSError, ValueError, TypeError, AttributeError):
        return 0


async def _one_of_many(file: UploadFile, spoken: Lang, app: App, request: Request) -> dict[str, Any]:
    start = time.perf_counter()
    name = PurePath((file.filename or "").replace("\\", "/")).name[:200].encode("utf-8", "replace").decode()
    told: dict[str, Any]
    try:
        data = await _upload(file, app)
        while True:
            try:
                told = {"status": "success", "text": (await app.read(Ocr(data, spoken), request))["text"]}
                break
            except BusyError:  # others are before it: it has been let in, so it waits for its turn
                if await request.is_disconnected() or time.perf_counter() - start > app.service.timeout:
                    raise
                await asyncio.sleep(0.5)
    except DiascribeError as error:
        told = {"status": "error", "error": _sentence(error)}
    return {"filename": name, **told, "processing_time": round(time.perf_counter() - start, 3)}


async def _upload(file: Any, app: App) -> bytes:
    if not isinstance(file, UploadFile):
        raise problems.ProblemError("there is no file", status=422, hint="send the picture as the field file")
    limited(file.size or 0, app.service.max_bytes)
    return await file.read()


def _reader(name: str) -> None:
    if name not in ("", "auto", READER):
        raise UnknownNameError(f"model {name[:100]} is not here", hint=f"known: auto, {READER}")


def _language(name: str, app: App) -> Lang:
    return _LANGUAGES.get(name.strip().lower(), app.settings.lang)


def _sentence(error: DiascribeError) -> str:
    return f"{error} ({error.hint})" if error.hint else str(error)
