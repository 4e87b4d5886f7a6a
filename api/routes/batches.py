"""Many pictures at once: `/v1/batches`. A batch outlives the server; nothing of it is lost or done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.incoming import Most, drop, receive
from api.problems import checked
from api.recorder import moment
from api.routes.history import sent
from api.schemas import Described, Given, Lang
from api.work import App, Shared
from pipeline.batches import Batches, Item
from pipeline.engines import check
from pipeline.export import MEDIA, Row, json_line, write

router = APIRouter(prefix="/v1/batches", tags=["batches"])
Form = Literal["zip", "csv", "xlsx", "jsonl"]
State = Literal["queued", "running", "done", "failed", "cancelled"]
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{1,40}$", examples=["5b1f0c6e2d8a4f7b9c3e1a0d6f4b8c27"])]
_PAUSE: Final = 0.3


class BatchOptions(Given):
    """How the pictures of a batch are described."""

    engine: str = Field(default="auto", max_length=40, description="What reads the pictures.", examples=["auto"])
    language: Lang = Field(default="auto", description="Of the text in the pictures and of the descriptions.")
    k: int = Field(default=3, ge=0, le=10, description="How many similar training diagrams may be told of.")
    fresh: bool = Field(default=False, description="Read every picture, also those that are in the history.")
    webhook: str = Field(default="", max_length=2000, description="Called when the batch has finished, signed.")


class BatchOut(BaseModel):
    """A batch: counts of its items by state. rate: items a second; eta: seconds, null where it is not known."""

    id: str = Field(examples=["5b1f0c6e2d8a4f7b9c3e1a0d6f4b8c27"])
    state: Literal["queued", "running", "done", "cancelled"]
    total: int
    queued: int
    running: int
    done: int
    failed: int
    cancelled: int
    rate: float
    eta: float | None
    created: str = Field(examples=["2026-11-21T13:02:11.120Z"])
    finished: str | None
    options: dict[str, Any]
    webhook: str


class BatchesOut(BaseModel):
    """Batches, newest first; total: without limit and offset."""

    total: int
    batches: list[BatchOut]


class Problem(BaseModel):
    """Why an item has no result."""

    detail: str
    hint: str
    retryable: bool


class ItemOut(BaseModel):
    """A picture of a batch. page: of its file; result: id in the history; earlier: known before the batch."""

    number: int
    name: str
    page: int
    state: State
    error: Problem | None
    result: str | None
    earlier: bool
    started: str | None
    finished: str | None


class ItemsOut(BaseModel):
    """Items, in the order in which they were sent; then the further pages of files that have several."""

    items: list[ItemOut]


class ResultLine(BaseModel):
    """One line of the results: an item that has ended."""

    number: int
    name: str
    page: int
    state: Literal["done", "failed", "cancelled"]
    earlier: bool
    result: str | None
    error: str | None
    description: Described | None


class Retried(BatchOut):
    """retried: items that are queued again."""

    retried: int


_FILES: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "Pictures (PNG, JPG, WebP, BMP, TIFF, GIF, PDF), or a ZIP of pictures.",
                        },
                        **BatchOptions.model_json_schema()["properties"],
                    },
                }
            }
        },
    }
}


@router.post(
    "",
    status_code=202,
    openapi_extra=_FILES,
    responses={202: {"model": BatchOut, "description": "The batch; `Location` says where its state is told."}},
)
async def submit(
    request: Request,
    app: Shared,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="Sending it twice makes one batch.")
    ] = None,
) -> Response:
    """Describe many pictures, or a ZIP of them, in the background.

    Each page of a PDF or TIFF is an item: the first at once, the others (`total` grows) when the first has been read.
    """
    service, store = app.service, app.store
    most = Most(service.batch_items, service.max_bytes, service.batch_bytes)
    got = await receive(request, store.uploads, store.settings.state_dir / "uploads" / "incoming", most)
    try:
        options: BatchOptions = checked(BatchOptions, got.fields)
        chosen = {
            "engine": options.engine if options.engine != "auto" else app.settings.engine,
            "language": options.language if options.language != "auto" else app.settings.lang,
            "k": options.k,
            "fresh": options.fresh,
        }
        check(app.settings.model_copy(update={"engine": chosen["engine"]}))
        if options.webhook:
            await run_in_threadpool(app.webhook.check, options.webhook)

        def create() -> tuple[str, bool]:
            return store.batches.create(
                got.files, chosen, webhook=options.webhook, key=idempotency_key, digest=got.digest()
            )

        ident, new = await run_in_threadpool(create)
    finally:
        await run_in_threadpool(drop, store.uploads, got)
    app.jobs.wake()
    status = told(await run_in_threadpool(store.batches.status, ident))
    headers = {"location": f"/v1/batches/{ident}", **({} if new else {"idempotent-replayed": "true"})}
    return JSONResponse(status, 202, headers)


@router.get("", response_model=BatchesOut)
async def find(
    app: Shared,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """List batches, newest first."""
    total, batches = await run_in_threadpool(app.store.batches.find, limit, offset)
    return JSONResponse({"total": total, "batches": [told(batch) for batch in batches]})


@router.get("/{id}", response_model=BatchOut)
async def status(app: Shared, id: Id) -> Response:  # noqa: A002 as clients see it
    """How far a batch is."""
    return JSONResponse(told(await run_in_threadpool(app.store.batches.status, id)))


@router.get("/{id}/items", response_model=ItemsOut)
async def items(
    app: Shared,
    id: Id,  # noqa: A002
    state: Annotated[State | None, Query(description="Only items in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """What has become of each picture."""
    found = await run_in_threadpool(app.store.batches.items, id, state, limit, offset)
    return JSONResponse({"items": [_item(item) for item in found]})


@router.get(
    "/{id}/results",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"application/x-ndjson": {"schema": {"$ref": "#/components/schemas/ResultLine"}}},
            "model": ResultLine,
            "description": "One line of JSON per item, as they end; the answer ends with the batch.",
        }
    },
)
async def results(
    request: Request,
    app: Shared,
    id: Id,  # noqa: A002
    wait: Annotated[bool, Query(description="Go on until the batch has finished; else only what is there.")] = True,
) -> Response:
    """The results as they come, as JSON Lines."""
    batches = app.store.batches
    await run_in_threadpool(batches.status, id)
    return StreamingResponse(_lines(request, batches, id, wait=wait), media_type=MEDIA["jsonl"])


@router.get(
    "/{id}/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {
                media.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA.values()
            },
            "description": "The file.",
        }
    },
)
async def export(app: Shared, id: Id, format: Form = "zip") -> Response:  # noqa: A002
    """All that there is of a batch by now, as one file."""
    batches = app.store.batches
    await run_in_threadpool(batches.status, id)
    return await sent(lambda file: write(_rows(batches, id), format, file), format, f"batch-{id[:8]}")


@router.post("/{id}/cancel", response_model=BatchOut)
async def cancel(app: Shared, id: Id) -> Response:  # noqa: A002
    """End what has not ended; results that are there stay."""
    ended = await run_in_threadpool(app.store.batches.cancel, id)
    await run_in_threadpool(app.jobs.cancelled, ended)
    app.jobs.wake()
    return await _answer(app, id)


@router.post("/{id}/retry", response_model=Retried)
async def retry(app: Shared, id: Id) -> Response:  # noqa: A002
    """Try the failed items again."""
    count = await run_in_threadpool(app.store.batches.retry, id)
    app.jobs.wake()
    return await _answer(app, id, retried=count)


@router.delete("/{id}", status_code=204)
async def delete(app: Shared, id: Id) -> Response:  # noqa: A002
    """Cancel and forget a batch; its results stay in the history."""
    ended = await run_in_threadpool(app.store.batches.cancel, id)
    await run_in_threadpool(app.jobs.cancelled, ended)
    await run_in_threadpool(app.store.batches.delete, id)
    return Response(status_code=204)


async def _answer(app: App, ident: str, **more: Any) -> Response:
    return JSONResponse({**told(await run_in_threadpool(app.store.batches.status, ident)), **more})


async def _lines(request: Request, batches: Batches, ident: str, *, wait: bool) -> AsyncIterator[bytes]:
    seen: set[int] = set()
    while True:
        over = (await run_in_threadpool(batches.status, ident))["finished"] is not None
        while some := await run_in_threadpool(batches.results, ident, seen):
            for item, description in some:
                yield json_line(_row(item, description))
        if over or not wait or await request.is_disconnected():
            return
        await asyncio.sleep(_PAUSE)


def _rows(batches: Batches, ident: str) -> Iterator[Row]:
    for item, description in batches.every(ident):
        yield _row(item, description)


def _row(item: Item, description: dict[str, Any] | None) -> Row:
    error = str(item.error["detail"]) if item.error else ""
    if item.state == "done" and description is None:
        error = "the result was deleted from the history"
    return Row(item.number, item.name, item.state, description, error, item.earlier, item.result or "", item.page)


def _item(item: Item) -> dict[str, Any]:
    return {
        "number": item.number,
        "name": item.name,
        "page": item.page,
        "state": item.state,
        "error": item.error,
        "result": item.result,
        "earlier": item.earlier,
        "started": moment(item.started) if item.started else None,
        "finished": moment(item.finished) if item.finished else None,
    }


def told(status: dict[str, Any]) -> dict[str, Any]:
    """A batch as clients see it."""
    finished = status["finished"]
    return {**status, "created": moment(status["created"]), "finished": moment(finished) if finished else None}
