"""The API as Python calls. Every failure is a `Trouble`: what kind, what the API said, whether trying again may help.

Knows HTTP and the API's addresses; knows nothing of the page, of languages, or of what answers mean.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import httpx

TIMEOUT: Final = httpx.Timeout(180, connect=5)
Progress = Callable[[str, int, int], None]


class Trouble(Exception):  # noqa: N818 it is what the user is told of, not only an error
    """The API could not do it.

    kind: the last part of the problem's type ("unreadable-image"), or "unreachable", "interrupted", "missing" (this
    API has no such route). line, column: where a text is wrong, from 1; 0 where there is no place.
    """

    def __init__(self, kind: str, detail: str = "", hint: str = "", *, status: int = 0, **more: Any) -> None:
        super().__init__(detail or kind)
        self.kind = kind
        self.detail = detail
        self.hint = hint
        self.status = status
        self.line = int(more.get("line") or 0)
        self.column = int(more.get("column") or 0)
        self.request_id = str(more.get("request_id") or "")


class Client:
    """Calls of one API. Safe to use from many threads."""

    def __init__(self, address: str, key: str = "") -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self.address = address.rstrip("/")
        self._http = httpx.Client(base_url=self.address, headers=headers, timeout=TIMEOUT, trust_env=False)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a resource."""
        return self._send("GET", path, params=_form(query)).json()

    def data(self, path: str, **query: Any) -> bytes:
        """The bytes of a resource."""
        return self._send("GET", path, params=_form(query)).content

    def post(self, path: str, **body: Any) -> Any:
        """Send JSON, get JSON (None where nothing comes back)."""
        answer = self._send("POST", path, json=body)
        return answer.json() if answer.content else None

    def delete(self, path: str) -> None:
        """Remove a resource."""
        self._send("DELETE", path)

    def send(self, path: str, files: Any, fields: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        """Send a form with files, get JSON. files: as httpx takes them."""
        return self._send("POST", path, files=files, data=_form(fields), headers=dict(headers or {})).json()

    def describe(self, name: str, picture: bytes, tell: Progress, **options: Any) -> dict[str, Any]:
        """Describe a picture; `tell(stage, done, of)` hears how far it is, where the API says so."""
        found: dict[str, Any] = {}
        files = {"file": (name, picture)}
        for event, told in self._stream("/v1/describe", files=files, data=_form(options)):
            if event == "stage":
                tell(str(told.get("stage", "")), int(told.get("done") or 0), int(told.get("of") or 0))
            elif event == "result":
                found = told
        if not found:
            raise Trouble("interrupted")
        return found

    def ask(self, name: str, picture: bytes, prompt: str, history: list[dict[str, str]]) -> Iterator[str]:
        """The words of an answer as they come."""
        files = {"file": (name, picture)}
        fields = {"prompt": prompt, "history": json.dumps(history, ensure_ascii=False)}
        streamed = False
        for event, told in self._stream("/v1/ask", files=files, data=fields):
            if event == "token":
                streamed = True
                yield str(told.get("text", ""))
            elif event == "result" and not streamed:
                yield str(told.get("answer", ""))

    def draw(self, path: str = "/v1/draw", **body: Any) -> dict[str, Any]:
        """A drawing with its graph, source, warnings."""
        found: dict[str, Any] = self.post(path, **body, details=True)
        return found

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **request)
        except httpx.TimeoutException as error:
            raise Trouble("slow", str(error)) from error
        except httpx.HTTPError as error:
            raise Trouble("unreachable", str(error)) from error
        if answer.is_error:
            raise _trouble(answer.status_code, answer.content)
        return answer

    def _stream(self, path: str, **request: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """Server-sent events; one `result` where the API answers with JSON at once."""
        headers = {"accept": "text/event-stream, application/json;q=0.9"}
        try:
            with self._http.stream("POST", path, headers=headers, **request) as answer:
                if answer.is_error:
                    raise _trouble(answer.status_code, answer.read())
                if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                    yield "result", json.loads(answer.read())
                    return
                for event, told in events(answer.iter_lines()):
                    if event == "error":
                        raise _problem(told, int(told.get("status") or 0))
                    yield event, told
        except httpx.TimeoutException as error:
            raise Trouble("slow", str(error)) from error
        except httpx.HTTPError as error:
            raise Trouble("unreachable", str(error)) from error


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and JSON of each server-sent event; what is no JSON object is left out."""
    name, data = "message", list[str]()
    for line in lines:
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            try:
                told = json.loads("\n".join(data))
            except ValueError:
                told = None
            if isinstance(told, dict):
                yield name, told
            name, data = "message", []


def _form(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items() if value not in (None, "")}


def _trouble(status: int, body: bytes) -> Trouble:
    try:
        told = json.loads(body)
    except ValueError:
        told = {}
    return _problem(told if isinstance(told, dict) else {}, status)


def _problem(told: Mapping[str, Any], status: int) -> Trouble:
    kind = str(told.get("type", "")).rpartition(":")[2]
    unrouted = status == 405 or (status == 404 and str(told.get("detail", "")) in ("", "Not Found"))
    if not kind or unrouted:
        kind = "missing" if unrouted else "internal"
    return Trouble(
        kind,
        str(told.get("detail", "")),
        str(told.get("hint", "")),
        status=status,
        line=told.get("line"),
        column=told.get("column"),
        request_id=told.get("request_id"),
    )
