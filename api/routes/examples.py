"""Training diagrams: `/v1/examples` lists, takes in and drops them, `/v1/index` tells of their index and builds it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool

from api import schemas_examples as s
from api.problems import NotFoundError
from api.routes.operations import index_state
from api.uploads import body_schema, picture
from api.work import App, Shared
from pipeline.upkeep import AddExample, DropExample
from retrieval.examples import Record

router = APIRouter(prefix="/v1", tags=["examples"])
_MEDIA = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif"}
_GRAPH_BYTES = 1 << 21
_NONE: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such example."}}


@router.get("/examples", response_model=s.ExamplesOut)
async def list_examples(
    app: Shared,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    language: Annotated[str, Query(max_length=10, description="Only these: en or ru.")] = "",
    kind: Annotated[str, Query(max_length=20, description="Only these: bpmn or flowchart.")] = "",
    query: Annotated[str, Query(max_length=200, description="Only those with these words in id or title.")] = "",
    own: Annotated[bool, Query(description="Only those that were added here.")] = False,
) -> Response:
    """The training diagrams, those of the user's own last."""

    def found() -> dict[str, Any]:
        mine = app.examples.own.records()
        words = query.casefold().split()
        rows = [
            row
            for row in (mine if own else app.examples.records()).values()
            if language in ("", row.language)
            and kind in ("", row.kind)
            and all(word in f"{row.id} {row.title}".casefold() for word in words)
        ]
        return {"total": len(rows), "examples": [_told(row, mine) for row in rows[offset : offset + limit]]}

    return JSONResponse(await run_in_threadpool(found))


@router.post(
    "/examples",
    status_code=201,
    openapi_extra=body_schema(s.ExampleGiven),
    responses={201: {"model": s.ExampleAdded, "description": "It is kept, and can be found from now on."}},
)
async def add_example(request: Request, app: Shared) -> Response:
    """Take in a picture with its (corrected) graph: the index learns of it, and readers are told of it from now on."""
    data, given = await picture(request, s.ExampleGiven, app.service.max_bytes, longest=_GRAPH_BYTES)
    graph = given.graph if isinstance(given.graph, str) else json.dumps(given.graph)
    told = tuple((name, getattr(given, name)) for name in ("title", "process", "source", "licence"))
    row = await app.keeper.do(AddExample(data, graph, given.id, told, given.replace))
    record = (await run_in_threadpool(app.examples.own.records))[row["id"]]
    answer = {**_told(record, {record.id: record}, whole=True), "near": row["near"]}
    return JSONResponse(answer, 201, {"location": f"/v1/examples/{record.id}"})


@router.get("/examples/{name}", response_model=s.ExampleWhole, responses=_NONE)
async def one_example(name: str, app: Shared) -> Response:
    """One training diagram with its graph and its description."""
    record = await _record(name, app)
    return JSONResponse(_told(record, await run_in_threadpool(app.examples.own.records), whole=True))


@router.get(
    "/examples/{name}/image",
    response_class=FileResponse,
    responses={
        **_NONE,
        200: {
            "description": "The picture.",
            "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in set(_MEDIA.values())},
        },
    },
)
async def image_of_example(name: str, app: Shared) -> Response:
    """The picture of a training diagram."""
    record = await _record(name, app)
    if not record.image.is_file():
        raise NotFoundError(f"the picture of {record.id} is gone")
    return FileResponse(record.image, media_type=_MEDIA.get(record.image.suffix.lower(), "application/octet-stream"))


@router.delete("/examples/{name}", response_model=s.IndexChange, responses=_NONE)
async def drop_example(name: str, app: Shared) -> Response:
    """Remove an example of the user's own, also from the index. Those that come along cannot be removed."""
    record = await _record(name, app)
    if record.id not in await run_in_threadpool(app.examples.own.records):
        raise NotFoundError(f"{record.id} is not one of your own examples", hint="see /v1/examples?own=true")
    return JSONResponse(await app.keeper.do(DropExample(record.id)))


@router.get("/index", response_model=s.IndexState)
async def index(app: Shared) -> Response:
    """What the index holds, and how a build goes."""
    return JSONResponse(await run_in_threadpool(_index, app))


@router.post("/index/build", status_code=202, response_model=s.IndexState)
async def build_index(
    app: Shared,
    rebuild: Annotated[bool, Query(description="Embed everything anew.")] = False,
) -> Response:
    """Begin to bring the index up to the examples, unless a build is running; GET /v1/index tells how it goes."""
    app.keeper.rebuild(all_of_it=rebuild)
    return JSONResponse(await run_in_threadpool(_index, app), 202)


async def _record(name: str, app: App) -> Record:
    rows = await run_in_threadpool(app.examples.records)
    if name not in rows:
        raise NotFoundError(f"there is no example {name[:100]}", hint="see /v1/examples")
    return rows[name]


def _told(record: Record, own: dict[str, Record], *, whole: bool = False) -> dict[str, Any]:
    keys = ("id", "title", "language", "kind", "process", "source", "licence", "split")
    told = {**{key: getattr(record, key) for key in keys}, "own": record.id in own}
    if whole:
        graph = None if record.diagram is None else record.diagram.to_json()
        told |= {"description": record.description, "graph": graph}
    return told


def _index(app: App) -> dict[str, Any]:
    return {**index_state(app), "findable": len(app.examples.findable()), "build": asdict(app.keeper.build)}
