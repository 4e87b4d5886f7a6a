"""For whoever runs the service: `/health`, `/ready`, `/load`, `/metrics` answer at once; `/doctor` looks."""

from __future__ import annotations

import shutil
import time
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool

from api.metrics import CONTENT_TYPE
from api.schemas_operations import DoctorOut, HealthOut, LoadOut, ReadyOut
from api.work import App, Shared

router = APIRouter(tags=["operations"])


@router.get("/health", response_model=HealthOut)
async def health(app: Shared) -> Response:
    """The process is alive. `model_loaded`: at least one reader is ready."""
    ready = app.crew.load().ready > 0
    return JSONResponse({"status": "healthy", "model_loaded": ready, "timestamp": time.time()})


@router.get(
    "/ready",
    response_model=ReadyOut,
    responses={503: {"model": ReadyOut, "description": "Not yet, or no longer: no reader is ready, or no disk left."}},
)
async def ready(app: Shared) -> Response:
    """Whether requests can be served now, and if not, what is missing."""
    state = await run_in_threadpool(_state, app)
    return JSONResponse(state, 200 if state["ready"] else 503)


@router.get("/load", response_model=LoadOut)
async def load(app: Shared) -> Response:
    """How busy the machine and the readers are."""
    import psutil

    memory = psutil.virtual_memory()
    crew = app.crew.load()
    return JSONResponse(
        {
            "cpu_percent": psutil.cpu_percent(),
            "memory_percent": memory.percent,
            "memory_used_gb": round(memory.used / 2**30, 3),
            "memory_total_gb": round(memory.total / 2**30, 3),
            "workers": crew.workers,
            "ready": crew.ready,
            "busy": crew.busy,
            "waiting": crew.waiting,
            "seconds_per_request": round(crew.seconds, 3),
            "gpus": await run_in_threadpool(_cards, app),
        }
    )


@router.get("/doctor", response_model=DoctorOut)
async def doctor(app: Shared) -> Response:
    """What is installed on this machine, what is missing, and the command that mends it. Looked up anew each minute."""
    return JSONResponse({"findings": await run_in_threadpool(app.checked)})


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "For Prometheus."}},
)
async def metrics(app: Shared) -> Response:
    """Requests, seconds by stage, the queue, tokens, memory of the GPU and cache hits, as Prometheus reads them."""
    return Response(await run_in_threadpool(app.metrics.text), media_type=CONTENT_TYPE)


def _cards(app: App) -> list[dict[str, Any]]:
    card = app.gpu.state()
    if not card["gpu_available"]:
        return []
    used, total = (round(card[f"gpu_memory_{key}"] * 1e6 / 2**30, 3) for key in ("allocated", "total"))
    return [{"name": card["gpu_name"], "memory_used_gb": used, "memory_total_gb": total}]


def _state(app: App) -> dict[str, Any]:
    crew = app.crew.load()
    free = shutil.disk_usage(app.settings.index_dir if app.settings.index_dir.exists() else "/").free
    return {
        "ready": crew.ready > 0 and free > 50 * 2**20,
        "readers": {"workers": crew.workers, "ready": crew.ready},
        "index": {key: value for key, value in index_state(app).items() if key in ("kind", "built", "examples")},
        "disk_free_gb": round(free / 2**30, 3),
        "uptime": round(time.time() - app.started, 1),
    }


def index_state(app: App) -> dict[str, Any]:
    """What the folder of the index says, without loading it."""
    import json

    none = {"kind": app.settings.index, "examples": None, "embedder": None, "built_at": None}
    if app.settings.index != "faiss":
        return {**none, "built": None}
    try:
        told = json.loads((app.settings.index_dir / "manifest.json").read_text("utf-8"))
        return {
            "kind": "faiss",
            "built": True,
            "examples": told["count"],
            "embedder": told["embedder"]["name"],
            "built_at": told["built_at"],
        }
    except (ValueError, OSError, TypeError, KeyError):
        return {**none, "built": False}
