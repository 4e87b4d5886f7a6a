"""The faces of services that people already call: `/analyze`, `/ocr`, `/chat`, `/batch/ocr`, `/gpu`, `/model`.

Thin: field names and forms of those, answered by the same readers as `/v1`. Prompts need a vision-language model; the
built-in reader does not pretend to follow them. New programs use `/v1`.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from pathlib import PurePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from api import problems
from api.schemas import Lang
from api.uploads import decoded, limited, parsed
from api.work import App, Shared
from diagram.errors import BusyError, DiascribeError, UnknownNameError
from pipeline.tasks import MARKDOWN, Describe, Ocr

router = APIRouter(tags=["compatible"])
READER = "vision"
_LANGUAGES: dict[str, Lang] = {"ru": "ru", "rus": "ru", "russian": "ru", "en": "en", "eng": "en", "english": "en"}
MOST_FILES = 100
_MEMORY = ("gpu_memory_allocated", "gpu_memory_reserved", "gpu_memory_total")


class AnalyzeIn(BaseModel):
    """A picture, and what is asked about it."""

    image_base64: str = Field(min_length=1, examples=["iVBORw0KGgo…"])
    prompt: str = ""


class Analyzed(BaseModel):
    """success with analysis, or no success with error."""

    success: bool
    analysis: str | None = None
    error: str | None = None


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


def _file(name: str, more: dict[str, Any], *, many: bool = False) -> dict[str, Any]:
    file: dict[str, Any] = {"type": "string", "format": "binary"}
    field = {"type": "array", "items": file, "minItems": 1, "maxItems": MOST_FILES} if many else file
    schema = {"type": "object", "required": [name], "properties": {name: field, **more}}
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
    """Describe the diagram in a picture, in Markdown. Errors come as `{"success": false, "error": …}`."""
    try:
        fields = await run_in_threadpool(parsed, await request.body())
        asked: AnalyzeIn = problems.checked(AnalyzeIn, fields)
        data = await run_in_threadpool(decoded, asked.image_base64, app.service.max_bytes)
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
    openapi_extra=_file("file", {"prompt": {"type": "string"}, "model": {"type": "string"}}),
)
async def chat(
    temperature: Annotated[float, Query(ge=0, le=2)] = 0.7,  # noqa: ARG001 the form of those services
    max_tokens: Annotated[int, Query(ge=1, le=1_000_000)] = 2048,  # noqa: ARG001
) -> Response:
    """Ask a vision-language model about a picture. Not without one: the built-in reader takes no prompts."""
    raise problems.NoModelError(
        "no vision-language model is set up, and the built-in reader takes no prompts",
        hint="POST /v1/describe or /analyze describes the diagram without one",
    )


@router.get("/gpu", response_model=Gpu)
async def gpu() -> Response:
    """What the machine's first GPU is."""
    return JSONResponse(await run_in_threadpool(_gpu))


@router.get("/model", response_model=Model)
async def model_(app: Shared) -> Response:
    """What reads pictures here."""
    ready = app.crew.load().ready > 0
    return JSONResponse({"loaded": ready, "model_name": READER, "device": "cpu", "context_length": 0})


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


def _gpu() -> dict[str, Any]:
    """What the driver's own program says; nothing is loaded for it."""
    none = {"gpu_available": False, "gpu_name": None, **dict.fromkeys(_MEMORY, 0.0)}
    program = shutil.which("nvidia-smi")
    if program is None:
        return none
    query = "--query-gpu=name,memory.used,memory.reserved,memory.total"
    try:
        done = subprocess.run(  # noqa: S603 a fixed command
            [program, query, "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=5, check=True
        )
        name, *memory = (part.strip() for part in done.stdout.splitlines()[0].rsplit(",", 3))
        numbers = [round(float(value) * 1.048576, 1) for value in memory]
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return none
    return {"gpu_available": True, "gpu_name": name, **dict(zip(_MEMORY, numbers, strict=True))}
