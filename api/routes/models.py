"""The models of this machine: `/models` tells of them, loads, fetches and frees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api.problems import NoModelError, NotFoundError
from api.schemas_operations import ModelFreed, ModelRow, ModelsOut
from api.work import App, Shared
from diagram.errors import MissingDependencyError, UnknownNameError

router = APIRouter(prefix="/models", tags=["models"])
_NONE: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such model."}}


@router.get("", response_model=ModelsOut)
async def models(app: Shared) -> Response:
    """What can read pictures here, and all models with how each stands."""
    return JSONResponse(await run_in_threadpool(_models, app))


@router.get("/{name}", response_model=ModelRow, responses=_NONE)
async def one_model(name: str, app: Shared) -> Response:
    """One model and how it stands."""
    return JSONResponse(await run_in_threadpool(_row, app, name))


@router.post("/{name}/load", status_code=202, response_model=ModelRow, responses=_NONE)
async def load(name: str, app: Shared) -> Response:
    """Begin to load a model; GET /models/{name} tells how it goes."""
    return await _begun(app.host.load, name, app)


@router.post("/{name}/download", status_code=202, response_model=ModelRow, responses=_NONE)
async def download(name: str, app: Shared) -> Response:
    """Begin to fetch a model's weights from the Hugging Face hub; GET /models/{name} tells how it goes."""
    return await _begun(app.host.download, name, app)


@router.delete("/{name}", response_model=ModelFreed, responses=_NONE)
async def free(
    name: str,
    app: Shared,
    weights: Annotated[bool, Query(description="Delete its weights from the disk too.")] = False,
) -> Response:
    """Free the memory of a model, after the requests that run."""

    def work() -> dict[str, Any]:
        _row(app, name)
        freed = 0
        if weights:
            freed = app.host.remove(name)
        else:
            app.host.unload(name)
        return {"success": True, "model": name, "freed_bytes": freed, "state": _row(app, name)["state"]}

    return JSONResponse(await run_in_threadpool(work))


async def _begun(begin: Callable[[str], None], name: str, app: App) -> Response:
    def work() -> dict[str, Any]:
        try:
            begin(name)
        except UnknownNameError as error:
            raise NotFoundError(str(error), hint=error.hint) from error
        except MissingDependencyError as error:
            raise NoModelError(str(error), hint=error.hint) from error
        return _row(app, name)

    return JSONResponse(await run_in_threadpool(work), 202)


def _row(app: App, name: str) -> dict[str, Any]:
    rows = {row["id"]: row for row in app.host.states()}
    if name not in rows:
        raise NotFoundError(f"unknown model: {name[:100]}", hint=f"known: {', '.join(rows)}")
    return rows[name]


def _models(app: App) -> dict[str, Any]:
    from pipeline.build import DESCRIBERS
    from pipeline.engines import choose

    chosen = choose(app.settings)
    return {
        "engines": list(DESCRIBERS),
        "default": app.settings.engine,
        "auto": {"engine": chosen.engine, "why": chosen.why},
        "model": app.settings.model,
        "server": app.settings.server_url or None,
        "models": app.host.states(),
    }
