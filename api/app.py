"""The application: `create_app(settings, service)` wires routes, errors and the guard; nothing is global.

Importing this loads nothing heavy: pictures are read in other processes.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from api import problems, samples
from api.guard import Answered, Guard
from api.routes import batches, compatible, drawing, examples, history, models, openai, operations, reading, talking
from api.settings import Service
from api.work import App
from diagram.errors import DiascribeError
from pipeline.settings import Settings

_ABOUT = "Reads pictures of process diagrams into typed graphs and draws diagrams from text, on your own machine."


class Application(FastAPI):
    """FastAPI behind the guard, which also sees what FastAPI itself answers."""

    def __init__(
        self, service: Service, answered: Answered, full: Callable[[], DiascribeError | None], **more: Any
    ) -> None:
        super().__init__(**more)
        self._guard = Guard(super().__call__, service, answered, full)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, with a sample of every request and answer."""
        if self.openapi_schema is None:
            samples.add(super().openapi())
        return super().openapi()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        await self._guard(scope, receive, send)


def create_app(settings: Settings | None = None, service: Service | None = None) -> FastAPI:
    """The application. Its processes start and end with its lifespan.

    settings, service: read from the environment unless given.
    """
    settings, service = settings or Settings(), service or Service()
    shared = App(settings, service)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        shared.start()
        try:
            yield
        finally:
            await shared.recordings.settled()
            shared.stop()

    app = Application(
        service,
        shared.metrics.answered,
        lambda: shared.crew.full(),  # noqa: PLW0108 there is no crew yet
        title="Diascribe",
        version=_version(),
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        responses={
            "default": {
                "model": problems.Problem,
                "description": "RFC 9457 problem details.",
                "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
        },
    )
    app.state.shared = shared
    problems.install(app)
    for part in (reading, batches, drawing, examples, history, talking, openai, models, operations, compatible):
        app.include_router(part.router)

    @app.get("/", include_in_schema=False)
    async def root() -> JSONResponse:
        return JSONResponse({"name": "Diascribe", "version": _version(), "openapi": "/openapi.json", "about": _ABOUT})

    return app


def _version() -> str:
    try:
        return version("diascribe")
    except PackageNotFoundError:
        return "0"
