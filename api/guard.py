"""What stands before every request: an id, a key, limits of size, time and number, and headers that keep browsers tame.

A pure ASGI middleware, outside of all routes. Knows nothing of what is asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import math
import re
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.logs import REQUEST
from api.rate import Rate
from api.settings import Service
from diagram.errors import BusyError, DiascribeError

LOG: Final = logging.getLogger("diascribe.access")
OPEN_PATHS: Final = frozenset({"/health", "/ready"})
"""Asked for by whoever watches the process; no key, and no part of the limit of requests."""
OPENAI_PATHS: Final = ("/v1/chat/completions", "/v1/models")
"""Where errors have the form of OpenAI's API."""
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
QUEUED: Final = frozenset({"/v1/describe", "/v1/ocr", "/v1/search"})
"""What waits for a reader: where none can be waited for, refused before its picture is received."""
Answered = Callable[[str, str, int, float], None]
_ID = re.compile(r"[\w.-]{1,64}")
_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "frame-ancestors 'none'; sandbox",
    "cache-control": "no-store",
}


def hashed(key: str) -> str:
    """The form in which a key is kept: SHA-256, hex. Keys are long and random, so no slower hash is needed."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    return host in LOOPBACK or host.startswith("127.")


class Guard:
    """Wraps the application. answered: is told route, method, status and seconds of every request.

    full: says why no request can wait for a reader now, if so.
    """

    def __init__(
        self,
        app: ASGIApp,
        service: Service,
        answered: Answered | None = None,
        full: Callable[[], DiascribeError | None] | None = None,
    ) -> None:
        self._app = app
        self._service = service
        self._answered, self._full = answered, full
        self._rate = Rate(service.rate) if service.rate else None
        self._most_of_batch = service.batch_bytes + 2**20 + 1024 * service.batch_items
        self._most = service.max_bytes * 4 // 3 + 2 * service.max_text * 4 + 2**16  # base64, or text in JSON
        self._hosts = {*LOOPBACK, service.host.lower(), *(host.lower() for host in service.hosts)}
        # Without a key, web pages that a user of this machine looks at must not reach the server by other names.
        self._check_host = not service.keys and is_loopback(service.host)
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        ident = headers.get("x-request-id", "")
        ident = ident if _ID.fullmatch(ident) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = ident
        token = REQUEST.set(ident)
        start, status = time.perf_counter(), 499

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                out["x-request-id"] = ident
                for name, value in _HEADERS.items():
                    out.setdefault(name, value)
            await send(message)

        free = scope["path"] in OPEN_PATHS
        batch = scope["path"] == "/v1/batches"
        most = self._most_of_batch if batch else self._most
        seconds = self._service.batch_seconds if batch else self._service.upload_seconds
        self._running += not free
        try:
            refusal = self._refusal(scope, headers, most, free=free)
            if refusal is not None:
                tell = problems.as_openai if scope["path"].startswith(OPENAI_PATHS) else problems.answer
                await tell(refusal, ident)(scope, receive, sending)
            else:
                await self._app(scope, _Body(receive, most, seconds), sending)
        except Exception:  # told of and logged by `problems` already
            if status == 499:
                raise
        finally:
            self._running -= not free
            took = time.perf_counter() - start
            level = logging.DEBUG if free else logging.INFO
            LOG.log(level, "%s %s status=%d ms=%.0f", scope["method"], _shown(scope["path"]), status, took * 1000)
            if self._answered is not None:
                refused = str(scope["path"]) if scope["path"] in QUEUED else ""
                self._answered(getattr(scope.get("route"), "path", refused), scope["method"], status, took)
            REQUEST.reset(token)

    def _refusal(self, scope: Scope, headers: Headers, most: int, *, free: bool) -> DiascribeError | None:
        """Why the request is not let in, if so."""
        if self._check_host and _name(headers.get("host", "localhost")) not in self._hosts:
            return problems.ForeignError("the server is not called so", hint="name it: DIASCRIBE_API_HOSTS=…")
        origin = headers.get("origin")
        if origin is not None and origin.split("://")[-1] != headers.get("host"):
            return problems.ForeignError("requests of web pages of other sites are not answered")
        if free:
            return None
        if self._service.keys and not _known(_key(headers), self._service.keys):
            return problems.KeyNeededError("an API key is needed", hint="send the header Authorization: Bearer KEY")
        if self._rate is not None:
            who = hashed(_key(headers)) if self._service.keys else (scope.get("client") or ("",))[0]
            if wait := self._rate.taken(who):
                return problems.RateError(self._service.rate, math.ceil(wait))
        if self._running > self._service.requests:
            return BusyError(f"{self._service.requests} requests are at work", hint="try again in 1 s")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > most:
            return _too_large(most)
        if self._full is not None and scope["path"] in QUEUED and scope["method"] == "POST":
            return self._full()
        return None


class _Body:
    """The body of a request as it arrives, within its limits."""

    def __init__(self, receive: Receive, most: int, seconds: float) -> None:
        self._receive, self._most = receive, most
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._got = 0
        self._done = False

    async def __call__(self) -> Message:
        if self._done:  # only "disconnected" can follow
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._until - time.monotonic())):
                message: Any = await self._receive()
        except TimeoutError:
            raise _slow(self._seconds) from None
        self._got += len(message.get("body", b""))
        self._done = message["type"] != "http.request" or not message.get("more_body", False)
        if self._got > self._most:
            raise _too_large(self._most)
        return message  # type: ignore[no-any-return]


def _too_large(most: int) -> DiascribeError:
    return problems.TooLargeError(f"the request is larger than {most / 2**20:.0f} MiB")


def _slow(seconds: float) -> DiascribeError:
    return problems.SlowError(f"the request was not here after {seconds:.0f} s")


def _key(headers: Headers) -> str:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _known(key: str, hashes: Iterable[str]) -> bool:
    """Whether one of the hashes is of this key; takes as long whichever it is."""
    mine = hashed(key)
    return sum(hmac.compare_digest(mine, other) for other in hashes) > 0


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    host = host.lower()
    return host[1 : host.find("]")] if host.startswith("[") else host.rsplit(":", 1)[0] if ":" in host else host


def _shown(path: str) -> str:
    return "".join(char if char.isprintable() and char != " " else "?" for char in path[:200])
