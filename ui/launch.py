"""Start the page: Streamlit's settings, headers that keep a browser tame, one quiet server.

The API's address goes to the page through the environment (`DIASCRIBE_UI_API`, `DIASCRIBE_UI_KEY`). Nothing is fetched
from elsewhere: fonts and scripts come from this machine, and the headers forbid the rest.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
_CONFIG: Final = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "logger.level": "error",
    "runner.magicEnabled": False,
    "server.disconnectedSessionTTL": 120,
    "server.enableStaticServing": True,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.showEmailPrompt": False,
    "theme.base": str(HERE / "theme.toml"),
}
_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' ws: wss: blob: data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Headers:
    """ASGI middleware: every answer carries the headers."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one request."""

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in dict(_HEADERS)]
                message = {**message, "headers": [*kept, *_HEADERS]}
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


def configure(api: str, host: str, port: int) -> None:
    """Set what Streamlit reads, and where the page finds the API."""
    from streamlit import config

    os.environ["DIASCRIBE_UI_API"] = api
    given = {**_CONFIG, "server.address": host, "server.port": port}
    config.get_config_options(force_reparse=True, options_from_flags=given)


def launch(api: str, host: str = "127.0.0.1", port: int = 8501, parent: int = 0) -> int:
    """Serve the page until a signal ends it, or the process `parent` is gone; 0, or 1 where the port is taken."""
    configure(api, host, port)
    if parent:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    import uvicorn
    from starlette.middleware import Middleware
    from streamlit.web.server.starlette import App

    from ui.kept import keep_answers

    keep_answers()
    logging.getLogger("streamlit").setLevel(logging.ERROR)
    page = App(HERE / "app.py", middleware=[Middleware(Headers)])
    server = uvicorn.Server(
        uvicorn.Config(
            page,
            host=host,
            port=port,
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            ws_max_size=64 << 20,
        )
    )
    with contextlib.suppress(KeyboardInterrupt, SystemExit):
        server.run()
    return 0 if server.started else 1


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)
