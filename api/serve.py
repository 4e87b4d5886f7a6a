"""Run the application: bind, say where, serve until told to stop, and let what is at work finish.

SIGTERM and Ctrl-C drain: no new connections, requests at work have `Service.drain` seconds, then all processes end.
"""

from __future__ import annotations

import errno
import gc
import secrets
import signal
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Any, Final

from starlette.types import ASGIApp

from api.guard import Guard, hashed, is_loopback
from api.settings import Service
from diagram.errors import InputError
from pipeline.settings import Settings

_TRIED: Final = 50
_KEPT: Final = 75  # seconds a connection may rest; clients and proxies that keep theirs shorter never find it closed


class PortTakenError(InputError):
    """Something listens there already."""


def serve(
    settings: Settings,
    service: Service,
    say: Callable[[str], None],
    beside: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Serve until a signal ends it.

    say: is told where the server listens. beside: what runs as long as the server, given its address on this machine.

    Raises:
        InputError: it cannot listen there, or would be open to others without a key.
    """
    from api.app import create_app

    def told(url: str) -> None:
        say(f"Diascribe listens on {url}")
        say(f"  what it can do: {url}/openapi.json; ready yet? {url}/ready")
        say(f"  try: curl -F file=@PICTURE {url}/v1/describe -H 'Accept: text/plain'   (Ctrl-C stops)")

    _run(lambda: create_app(settings, service), service, told, beside)


def run_guarded(app: ASGIApp, service: Service, told: Callable[[str], None]) -> None:
    """Serve another application behind the guard of this one until a signal ends it. told: is given its address.

    Raises:
        InputError: it cannot listen there, or would be open to others without a key.
    """
    _run(lambda: Guard(app, service), service, told, nullcontext)


def _run(
    make: Callable[[], ASGIApp],
    service: Service,
    told: Callable[[str], None],
    beside: Callable[[str], AbstractContextManager[object]],
) -> None:
    import uvicorn

    from api import logs

    if not is_loopback(service.host) and not service.keys and not service.keyless:
        raise InputError(
            f"listening on {service.host} lets other machines in, and there is no API key",
            hint="make one: diascribe serve --new-key; or let everybody in: --keyless",
        )
    listening = bind(service.host, service.port)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    logs.set_up(service.log_file)
    server = uvicorn.Server(
        uvicorn.Config(
            make(),
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEPT,
            timeout_graceful_shutdown=service.drain,
        )
    )
    gc.collect()
    gc.freeze()  # what is here now stays: looking it over again and again would hold up answers for 0.1 s at a time
    told(f"http://{shown}:{port}")
    old = {number: signal.signal(number, _ignored) for number in (signal.SIGTERM, signal.SIGINT)}
    near = "127.0.0.1" if host in ("0.0.0.0", "::") else shown  # noqa: S104 compared, not bound
    try:
        with beside(f"http://{near}:{port}"):
            server.run(sockets=[listening])  # afterwards raises the signal again that ended it: to be ignored then
    finally:
        listening.close()
        for number, handler in old.items():
            signal.signal(number, handler)


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        PortTakenError: another program does; the hint names the next free port. InputError: it cannot be bound.
    """
    try:
        return _bound(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            free = _next_free(host, port)
            hint = f"{free} is free: --port {free}" if free else "choose another --port"
            raise PortTakenError(f"port {port} of {host} is taken", hint=hint) from error
        raise InputError(
            f"cannot listen on {host} port {port}: {error.strerror or error}", hint="choose another --host or --port"
        ) from error


def new_key() -> tuple[str, str]:
    """A key for a client, and its hash for the server's setting `DIASCRIBE_API_KEYS`."""
    key = "dia_" + secrets.token_urlsafe(32)
    return key, hashed(key)


def _next_free(host: str, port: int) -> int | None:
    for other in range(port + 1, min(port + _TRIED, 65536)):
        try:
            with closing(_bound(host, other)):
                return other
        except OSError:
            continue
    return None


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except BaseException:
        listening.close()
        raise
    return listening


def _ignored(*_: Any) -> None:
    """A signal that has been acted on."""
