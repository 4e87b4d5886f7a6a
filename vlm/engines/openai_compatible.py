"""Any server with `POST …/chat/completions` as an engine: vLLM, SGLang, Ollama, llama.cpp, LM Studio, a cloud.

Replies are streamed. What passes by itself (no connection, 429, 5xx) is tried again with growing pauses, as long as no
text has come. A server that refuses a `response_format` is asked with a looser one, and from then on always. Servers
on other machines must be allowed explicitly: pictures would leave this one.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from diagram.errors import EngineError, EngineUnavailableError, InputError, MissingDependencyError
from vlm.engine import Finish, Message, OnText, Reply, Schema
from vlm.pictures import data_url, shrunk

if TYPE_CHECKING:
    import httpx

MAX_PIXELS: Final = 1280 * 28 * 28
_FORMATS: Final = ("json_schema", "json_object", "none")
_LONGEST_PAUSE: Final = 30.0


class OpenAICompatible:
    """One model of one server. Threads may share it.

    url: up to and with `/v1`. model: as the server calls it. timeout: seconds without a byte from the server. retries:
    of what passes by itself; pause: seconds before the first, doubled for each further one. max_pixels: larger pictures
    are shrunk before they are sent.

    Raises:
        InputError: the address cannot be used, or is on another machine and `allow_remote` is not given.
    """

    def __init__(
        self,
        url: str,
        model: str,
        key: str = "",
        *,
        timeout: float = 120.0,
        allow_remote: bool = False,
        retries: int = 3,
        pause: float = 0.5,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{url} is not the address of a server", hint="it looks like http://localhost:8000/v1")
        self._local = is_local(parts.hostname)
        if not self._local and not allow_remote:
            hint = "pictures would leave this machine; allow it with DIASCRIBE_ALLOW_REMOTE=1"
            raise InputError(f"{parts.hostname} is another machine", hint=hint)
        self.name = f"{model} at {parts.hostname}"
        self._url = url.rstrip("/") + "/chat/completions"
        self._model, self._key = model, key
        self._timeout, self._retries, self._pause = timeout, retries, pause
        self._max_pixels = max_pixels
        self._format = 0  # the place in _FORMATS of the strictest that the server has not refused

    def generate(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,
        max_tokens: int = 4096,
        on_text: OnText | None = None,
        cancel: threading.Event | None = None,
    ) -> Reply:
        """The server's reply; see `vlm.engine.Engine`. A stream that breaks off gives what came, as "length".

        Raises:
            EngineUnavailableError: the server is out of reach or overloaded. EngineError: it refuses.
        """
        start = time.perf_counter()
        body = {
            "model": self._model,
            "messages": [self._message(message) for message in messages],
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
        }
        attempt = 0
        while True:
            stream = _Stream(on_text, cancel, start)
            try:
                self._send({**body, **self._response_format(schema)}, stream)
            except _RefusedError as error:
                if schema is None or self._format == len(_FORMATS) - 1:
                    raise EngineError(f"{self.name} refuses: {error}", hint=error.hint) from error
                self._format += 1
            except EngineUnavailableError as error:
                if stream.text:
                    stream.finish, stream.notes = "length", (*stream.notes, f"the reply broke off: {error}")
                elif attempt >= self._retries:
                    raise
                else:
                    after = error.after if isinstance(error, _BusyError) else 0.0
                    pause = min(_LONGEST_PAUSE, max(self._pause * 2**attempt * random.uniform(0.8, 1.2), after))
                    attempt += 1
                    if cancel is None:
                        time.sleep(pause)
                    elif cancel.wait(pause):
                        return Reply("", "cancelled", self.name)
                    continue
                return self._reply(stream, schema, start)
            else:
                return self._reply(stream, schema, start)

    def _reply(self, stream: _Stream, schema: Schema | None, start: float) -> Reply:
        notes = stream.notes
        if schema is not None and self._format:
            notes = (*notes, f"the server has no json_schema; used: {_FORMATS[self._format]}")
        elif schema is not None and stream.finish != "cancelled" and "{" not in "".join(stream.text):
            notes = (*notes, "the server did not keep to the schema")
        timings = {"first_token": stream.first or 0.0, "generate": time.perf_counter() - start}
        prompt, tokens = stream.usage.get("prompt_tokens"), stream.usage.get("completion_tokens")
        return Reply("".join(stream.text), stream.finish, self.name, prompt, tokens, notes, timings)

    def _message(self, message: Message) -> dict[str, Any]:
        if not message.images:
            return {"role": message.role, "content": message.text}
        parts: list[dict[str, Any]] = []
        for part in message.parts:
            if isinstance(part, str):
                parts.append({"type": "text", "text": part})
            else:
                parts.append({"type": "image_url", "image_url": {"url": data_url(shrunk(part, self._max_pixels))}})
        return {"role": message.role, "content": parts}

    def _response_format(self, schema: Schema | None) -> dict[str, Any]:
        kind = _FORMATS[self._format]
        if schema is None or kind == "none":
            return {}
        if kind == "json_object":
            return {"response_format": {"type": kind}}
        form = {"name": "graph", "schema": schema, "strict": True}
        return {"response_format": {"type": kind, "json_schema": form}}

    def _send(self, body: Mapping[str, Any], stream: _Stream) -> None:
        try:
            import httpx
        except ImportError as error:
            hint = "install it with: pip install 'diascribe[server]'"
            raise MissingDependencyError("httpx is not installed", hint=hint) from error
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        timeout = httpx.Timeout(self._timeout, connect=min(10.0, self._timeout))
        try:
            with (
                httpx.Client(timeout=timeout, trust_env=not self._local) as client,
                client.stream("POST", self._url, json=body, headers=headers) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise _refusal(response)
                if "text/event-stream" in response.headers.get("content-type", ""):
                    stream.read(response.iter_lines())
                else:
                    response.read()
                    stream.take(_loaded(response.text), whole=True)
        except httpx.TimeoutException as error:
            raise EngineUnavailableError(f"no answer in {self._timeout:g} s", hint="is the server busy?") from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise EngineUnavailableError(f"{self._url}: {reason}", hint="does the server run there?") from error


class _Stream:
    """What comes of one answer, piece by piece."""

    def __init__(self, on_text: OnText | None, cancel: threading.Event | None, start: float) -> None:
        self._on_text, self._cancel, self._start = on_text, cancel, start
        self.text: list[str] = []
        self.finish: Finish = "stop"
        self.first: float | None = None
        self.usage: Mapping[str, Any] = {}
        self.notes: tuple[str, ...] = ()

    def read(self, lines: Iterator[str]) -> None:
        """The lines of server-sent events, to the end or to where `cancel` is set."""
        ended = False
        for line in lines:
            if self._cancel is not None and self._cancel.is_set():
                self.finish = "cancelled"
                return
            if not line.startswith("data:"):
                continue
            data = line[5:].strip()
            if data == "[DONE]":
                return
            ended = self.take(_loaded(data)) or ended
        if not ended:
            raise EngineUnavailableError("the server's answer ended early", hint="try again")

    def take(self, data: Mapping[str, Any], *, whole: bool = False) -> bool:
        """One chunk (or a whole answer); whether it says that this is the end."""
        if "error" in data:
            raise EngineError(f"the server reports: {_message(data)}")
        self.usage = data.get("usage") or self.usage
        choices = data.get("choices") or []
        if not choices:
            return False
        text = (choices[0].get("message" if whole else "delta") or {}).get("content")
        if isinstance(text, str) and text:
            if self.first is None:
                self.first = time.perf_counter() - self._start
            self.text.append(text)
            if self._on_text is not None:
                self._on_text(text)
        reason = choices[0].get("finish_reason")
        if reason == "length":
            self.finish = "length"
        return reason is not None


class _RefusedError(EngineError):
    """The server will not do it like this; the same again would not help."""


class _BusyError(EngineUnavailableError):
    """The server asks to come back later. after: in how many seconds, where it says so."""

    after = 0.0


def is_local(host: str) -> bool:
    """Whether a host is this machine by its name."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _refusal(response: httpx.Response) -> EngineError:
    """The error of an answer that is not 200."""
    status = response.status_code
    try:
        said = _message(response.json())
    except (ValueError, AttributeError):
        said = response.text[:200].strip()
    text = f"{status} {said}".strip()
    if status == 429 or status >= 500:
        error = _BusyError(f"the server answers {text}", hint="it is overloaded or faulty; try again later")
        with contextlib.suppress(ValueError):  # it may also be a date
            error.after = float(response.headers.get("retry-after", ""))
        return error
    if status in (401, 403):
        return EngineError(f"the server answers {text}", hint="set DIASCRIBE_SERVER_KEY")
    if status == 404:
        return EngineError(f"the server answers {text}", hint="check DIASCRIBE_SERVER_URL and DIASCRIBE_SERVER_MODEL")
    return _RefusedError(text)


def _loaded(text: str) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise EngineUnavailableError(
            "the server's answer is not JSON", hint="is it an OpenAI-compatible one?"
        ) from error
    if not isinstance(data, dict):
        raise EngineUnavailableError("the server's answer is not an object", hint="is it an OpenAI-compatible one?")
    return data


def _message(data: Mapping[str, Any]) -> str:
    error = data.get("error", data.get("detail", data))
    return str(error.get("message", error) if isinstance(error, dict) else error)[:300]
