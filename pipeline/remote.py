"""A small client of the service's batches, for the command line: standard library only.

Problem details become `RemoteError`; what is uploaded is streamed from the disk.
"""

from __future__ import annotations

import http.client
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from diagram.errors import DiascribeError, InputError


class RemoteError(DiascribeError):
    """The service refused, or is out of reach."""


class Service:
    """The service at an address. key: sent with every request, where there is one."""

    def __init__(self, url: str, key: str = "", timeout: float = 600.0) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{url}: this is no address", hint="http://127.0.0.1:8000")
        self._parts, self._timeout = parts, timeout
        self._headers = {"authorization": f"Bearer {key}"} if key else {}

    def ask(self, method: str, path: str) -> Any:
        """The JSON of an answer.

        Raises:
            RemoteError: it refused, or cannot be reached.
        """
        with closing(self._connection()) as connection:
            body = self._sent(connection, method, path, None, {}).read()
        return json.loads(body) if body else None

    def lines(self, path: str) -> Iterator[dict[str, Any]]:
        """The objects of JSON Lines, as they come."""
        with closing(self._connection()) as connection:
            for line in self._sent(connection, "GET", path, None, {}):
                if line.strip():
                    yield json.loads(line)

    def save(self, path: str, out: Path) -> None:
        """Bring an answer to a file, which appears when it is whole."""
        with closing(self._connection()) as connection:
            reply = self._sent(connection, "GET", path, None, {})
            out.parent.mkdir(parents=True, exist_ok=True)
            part = out.with_name(f".{out.name}.part")
            with part.open("wb") as file:
                shutil.copyfileobj(reply, file)
            part.replace(out)

    def submit(self, files: Sequence[Path], fields: Mapping[str, str]) -> dict[str, Any]:
        """Make a batch; sent anew after a failure on the way, it is still one batch."""
        boundary, headers = uuid.uuid4().hex, {"idempotency-key": uuid.uuid4().hex}
        headers["content-type"] = f"multipart/form-data; boundary={boundary}"
        with tempfile.TemporaryFile() as body:
            _write_form(body, boundary, files, fields)
            headers["content-length"] = str(body.tell())
            for attempt in (1, 2, 3):
                body.seek(0)
                with closing(self._connection()) as connection:
                    try:
                        reply = self._sent(connection, "POST", "/v1/batches", body, headers).read()
                        return dict(json.loads(reply))
                    except RemoteError as error:
                        if attempt == 3 or not error.retryable:
                            raise
                        time.sleep(attempt)
        raise AssertionError

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=self._timeout)

    def _sent(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: IO[bytes] | None,
        headers: Mapping[str, str],
    ) -> http.client.HTTPResponse:
        try:
            connection.request(method, self._parts.path.rstrip("/") + path, body, {**self._headers, **headers})
            reply = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            where = self._parts.netloc.rpartition("@")[2]
            failed = RemoteError(f"nothing answers at {where}: {error}", hint="start it with: diascribe serve")
            failed.retryable = not isinstance(error, ConnectionRefusedError)
            raise failed from error
        if reply.status >= 400:
            problem: dict[str, Any] = {}
            try:
                problem = json.loads(reply.read())
            except ValueError:
                problem = {"detail": f"the server answered {reply.status}"}
            failed = RemoteError(str(problem.get("detail")), hint=str(problem.get("hint", "")))
            failed.retryable = bool(problem.get("retryable"))
            raise failed
        return reply


def _write_form(body: IO[bytes], boundary: str, files: Sequence[Path], fields: Mapping[str, str]) -> None:
    for name, value in fields.items():
        body.write(f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    for path in files:
        name = path.name.replace("\\", "_").replace('"', "_").replace("\r", " ").replace("\n", " ")
        head = f'--{boundary}\r\ncontent-disposition: form-data; name="files"; filename="{name}"\r\n'
        body.write(f"{head}content-type: application/octet-stream\r\n\r\n".encode("utf-8", "surrogateescape"))
        try:
            with path.open("rb") as file:
                shutil.copyfileobj(file, body)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}", hint="check the name") from error
        body.write(b"\r\n")
    body.write(f"--{boundary}--\r\n".encode())
