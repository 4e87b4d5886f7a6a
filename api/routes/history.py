"""What has been described: `/v1/history`. Every description that succeeded is there until it expires or is deleted."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from typing import IO, Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.recorder import moment
from api.schemas import Described
from api.work import Shared, settled
from pipeline.export import MEDIA, Row, write
from pipeline.history import MOST, Entry, Filter, History

router = APIRouter(prefix="/v1/history", tags=["history"], dependencies=[Depends(settled)])
Form = Literal["zip", "csv", "xlsx", "jsonl"]
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{1,40}$", examples=["0f8c6a3e9d1b4c7f8a2e5d6c7b8a9f01"])]
Query_ = Annotated[str, Query(max_length=1000, description="Words that must all be in it, in any form.")]
Kind = Annotated[Literal["bpmn", "flowchart"] | None, Query(description="Only diagrams of this kind.")]
Language = Annotated[Literal["en", "ru"] | None, Query(description="Only diagrams in this language.")]
_MAGIC: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF", "application/pdf"),
)


class HistoryEntry(BaseModel):
    """One result. size: bytes of the upload, sha256: of its content; created, used: RFC 3339, UTC."""

    id: str = Field(examples=["0f8c6a3e9d1b4c7f8a2e5d6c7b8a9f01"])
    created: str = Field(examples=["2026-11-21T13:02:11.120Z"])
    used: str = Field(description="When it was last answered; it expires some days after.")
    name: str = Field(examples=["order.png"])
    kind: str
    language: str
    engine: str
    title: str
    nodes: int
    edges: int
    warnings: int
    sha256: str
    size: int


class HistoryOut(BaseModel):
    """Results, newest first; total: without limit and offset."""

    total: int
    entries: list[HistoryEntry]


class HistoryItem(HistoryEntry):
    """One result with the description."""

    description: Described


class Removed(BaseModel):
    """How many were deleted."""

    deleted: int


@router.get("", response_model=HistoryOut)
async def find(
    app: Shared,
    query: Query_ = "",
    kind: Kind = None,
    language: Language = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """List or search what has been described, newest first."""
    chosen = Filter(query, kind, language)
    total, entries = await run_in_threadpool(app.store.history.find, chosen, limit, offset)
    return JSONResponse({"total": total, "entries": [told(entry) for entry in entries]})


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {media.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
                                 for media in MEDIA.values()}, "description": "The file."}},
)  # fmt: skip
async def export(
    app: Shared,
    format: Form = "zip",  # noqa: A002
    query: Query_ = "",
    kind: Kind = None,
    language: Language = None,
) -> Response:
    """All results, or those that are searched for, as one file."""
    history, chosen = app.store.history, Filter(query, kind, language)
    return await sent(lambda file: write(_rows(history, chosen), format, file), format, "history")


@router.get("/{id}", response_model=HistoryItem)
async def fetch(app: Shared, id: Id) -> Response:  # noqa: A002 as clients see it
    """One result: the whole description."""
    entry, description = await run_in_threadpool(app.store.history.get, id)
    description["history"] = {"id": entry.id, "earlier": True, "created": moment(entry.created)}
    return JSONResponse({**told(entry), "description": {"outputs": {}, **description}})


@router.get(
    "/{id}/image",
    response_class=Response,
    responses={200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def image(app: Shared, id: Id) -> Response:  # noqa: A002
    """The upload as it came."""
    entry, data = await run_in_threadpool(app.store.history.image, id)
    name = quote(entry.name.replace("/", "_") or "picture", safe="")
    return Response(data, media_type=_media(data), headers={"content-disposition": f"inline; filename*=UTF-8''{name}"})


@router.delete("/{id}", status_code=204)
async def delete(app: Shared, id: Id) -> Response:  # noqa: A002
    """Forget one result and its upload."""
    await run_in_threadpool(app.store.history.delete, id)
    return Response(status_code=204)


@router.delete("", response_model=Removed)
async def clear(
    app: Shared,
    all: Annotated[Literal["true"], Query(description="To be sure that all is meant.")],  # noqa: A002, ARG001
) -> Response:
    """Forget all results and their uploads."""
    return JSONResponse({"deleted": await run_in_threadpool(app.store.history.clear)})


async def sent(make: Callable[[IO[bytes]], None], form: str, name: str) -> Response:
    """A file that `make` writes, as a download; made in a thread and on the disk."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 closed when it has been sent
    try:
        await run_in_threadpool(make, file)
        size = file.seek(0, 2)
    except BaseException:
        file.close()
        raise
    headers = {"content-disposition": f'attachment; filename="{name}.{form}"', "content-length": str(size)}
    return StreamingResponse(_pieces(file), media_type=MEDIA[form], headers=headers)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with closing(file):
        await run_in_threadpool(file.seek, 0)
        while piece := await run_in_threadpool(file.read, 1 << 18):
            yield piece


def told(entry: Entry) -> dict[str, Any]:
    """An entry as clients see it."""
    created = moment(entry.created)
    return {
        "id": entry.id,
        "created": created,
        "used": created if entry.used == entry.created else moment(entry.used),
        "name": entry.name,
        "kind": entry.kind,
        "language": entry.language,
        "engine": entry.engine,
        "title": entry.title,
        "nodes": entry.nodes,
        "edges": entry.edges,
        "warnings": entry.warnings,
        "sha256": entry.sha,
        "size": entry.size,
    }


def _rows(history: History, chosen: Filter) -> Any:
    for number, (entry, description) in enumerate(history.each(chosen), 1):
        yield Row(number, entry.name, "done", description, result=entry.id)


def _media(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((media for magic, media in _MAGIC if data.startswith(magic)), "application/octet-stream")
