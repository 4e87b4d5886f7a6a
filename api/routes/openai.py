"""The face of OpenAI's API: `POST /v1/chat/completions` and `GET /v1/models`, as their own client speaks it.

Errors come in the form of that API, the guard's too (`problems.as_openai`). Fields that mean nothing here (temperature,
seed, …) are taken and not heeded: decoding takes the likeliest token. Pictures come as data URLs; addresses are not
fetched.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api import problems, stream, talk
from api.uploads import decoded, parsed, schema_of
from api.work import App, Shared
from diagram.errors import DiascribeError, InputError, UnknownNameError
from diagram.progress import Tell

if TYPE_CHECKING:
    from vlm.engine import Message, Reply

router = APIRouter(prefix="/v1", tags=["openai"])
AUTO: Final = "auto"
"""The name of whatever model answers here."""

_UNHEEDED: Final = "Accepted and not heeded: the likeliest token is always taken, so that answers repeat themselves."


class Part(BaseModel):
    """A piece of a message: a text, or a picture as a data URL."""

    type: Literal["text", "image_url"]
    text: str = ""
    image_url: dict[str, Any] | None = Field(default=None, examples=[{"url": "data:image/png;base64,iVBORw0KGgo…"}])


class Turn(BaseModel):
    """One message."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part] | None = None


class Form(BaseModel):
    """What the answer must be: any text, JSON, or JSON by a schema."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: dict[str, Any] | None = Field(default=None, examples=[{"name": "it", "schema": {"type": "object"}}])


class Completion(BaseModel):
    """A request as OpenAI's API takes it; fields that are not named here are not heeded."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(default=AUTO, max_length=200)
    messages: list[Turn] = Field(min_length=1, max_length=1000)
    stream: bool | None = False
    stream_options: dict[str, Any] | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    n: int | None = Field(default=1, ge=1, le=1, description="One answer.")
    temperature: float | None = Field(default=None, ge=0, le=2, description=_UNHEEDED)
    seed: int | None = Field(default=None, description=_UNHEEDED)
    response_format: Form | None = None


class Fault(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class FaultOut(BaseModel):
    """An error in the form of OpenAI's API."""

    error: Fault


class ModelCard(BaseModel):
    """A model that can be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelCards(BaseModel):
    """The models that can be asked."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class Said(BaseModel):
    """The message that a model wrote."""

    role: Literal["assistant"]
    content: str
    refusal: str | None = None


class Choice(BaseModel):
    """The one answer."""

    index: int
    message: Said
    logprobs: None = None
    finish_reason: Literal["stop", "length"]


class Usage(BaseModel):
    """Tokens, as the model counts them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completed(BaseModel):
    """A completion."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = None


_FAULTS: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "model": FaultOut,
        "description": "An error in the form of OpenAI's API.",
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


@router.get("/models", response_model=ModelCards, responses=_FAULTS)
async def list_models(app: Shared) -> Response:
    """The models that can be asked here."""
    return JSONResponse({"object": "list", "data": await run_in_threadpool(_cards, app)})


@router.get("/models/{name:path}", response_model=ModelCard, responses=_FAULTS)
async def one_model(name: str, request: Request, app: Shared) -> Response:
    """One model that can be asked here."""
    for card in await run_in_threadpool(_cards, app):
        if card["id"] == name:
            return JSONResponse(card)
    missing = UnknownNameError(f"the model {name[:100]} is not here", hint="see /v1/models")
    return problems.as_openai(missing, problems.request_id(request))


@router.post(
    "/chat/completions",
    responses={
        **_FAULTS,
        200: {
            "model": Completed,
            "content": {stream.MEDIA: {"schema": {"type": "string"}}},
            "description": "The answer; or chunks of it while it is written.",
        },
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema_of(Completion)}},
        }
    },
)
async def complete(request: Request, app: Shared) -> Response:
    """Answer a conversation with pictures by a model."""
    try:
        asked: Completion = problems.checked(Completion, await run_in_threadpool(parsed, await request.body()))
        model = talk.engine(app, asked.model or AUTO)
        messages = await _messages(asked, request, app)
        schema = _schema(asked.response_format)
        most = asked.max_completion_tokens or asked.max_tokens or app.settings.max_tokens

        async def work(tell: Tell | None) -> Reply:
            return await talk.talk(
                app,
                lambda on_text, cancel: model.generate(
                    messages, schema=schema, max_tokens=most, on_text=on_text, cancel=cancel
                ),
                request,
                tell,
            )

        if not asked.stream:
            return JSONResponse(_completed(await work(None), asked))
        told = stream.follow(work)
        kind, value = "", None
        while kind in ("", "stage"):  # what fails before the first word is told by its status
            kind, value = await anext(told)
        return stream.response(_chunks(kind, value, told, asked, request))
    except DiascribeError as error:
        return problems.as_openai(error, problems.request_id(request))


async def _chunks(kind: str, value: Any, told: Any, asked: Completion, request: Request) -> AsyncIterator[str]:
    head = {"id": _id(), "object": "chat.completion.chunk", "created": int(time.time()), "model": asked.model}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return stream.event("", json.dumps({**head, "choices": [choice]}, ensure_ascii=False))

    yield chunk({"role": "assistant", "content": ""})
    said = False
    try:
        while True:
            if kind == "token":
                said = True
                yield chunk({"content": value})
            elif kind == "result":
                if not said and value.text:  # an engine that does not stream
                    yield chunk({"content": value.text})
                yield chunk({}, _finish(value))
                if (asked.stream_options or {}).get("include_usage"):
                    yield stream.event("", json.dumps({**head, "choices": [], "usage": _usage(value)}))
                yield stream.event("", "[DONE]")
                return
            elif not kind:
                yield ": still at work\n\n"
            kind, value = await anext(told)
    except DiascribeError as error:
        told_as = problems.as_openai(error, problems.request_id(request))
        yield stream.event("", bytes(told_as.body).decode())
    finally:
        await told.aclose()


async def _messages(asked: Completion, request: Request, app: App) -> list[Message]:
    from vlm.engine import Message
    from vlm.prompt import plain

    messages = []
    for turn in asked.messages:
        parts: list[Any] = []
        for part in [Part(type="text", text=turn.content)] if isinstance(turn.content, str) else turn.content or []:
            if part.type == "text":
                parts.append(plain(part.text))
                continue
            url = (part.image_url or {}).get("url")
            data = await run_in_threadpool(decoded, url, app.service.max_bytes)
            parts.append(await talk.page(app, data, request))
        messages.append(Message("system" if turn.role == "developer" else turn.role, tuple(parts)))
    if not any(message.role == "user" for message in messages):
        raise InputError("messages: there is none of the user's")
    return messages


def _schema(form: Form | None) -> dict[str, Any] | None:
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return {"type": "object"}
    schema = (form.json_schema or {}).get("schema")
    if not isinstance(schema, dict):
        raise InputError("response_format: json_schema holds no schema", hint='{"name": …, "schema": {…}}')
    return schema


def _completed(reply: Reply, asked: Completion) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(reply)}
    head = {"id": _id(), "object": "chat.completion", "created": int(time.time()), "model": asked.model}
    return {**head, "choices": [choice], "usage": _usage(reply)}


def _finish(reply: Reply) -> str:
    return "stop" if reply.finish == "stop" else "length"


def _usage(reply: Reply) -> dict[str, int] | None:
    if reply.tokens is None or reply.prompt_tokens is None:
        return None
    both = reply.prompt_tokens + reply.tokens
    return {"prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.tokens, "total_tokens": both}


def _id() -> str:
    return "chatcmpl-" + uuid.uuid4().hex


def _cards(app: App) -> list[dict[str, Any]]:
    settings, cards = app.settings, []
    if settings.server_url:
        cards.append((settings.server_model or settings.model, "server"))
    for row in app.host.states():
        if row["state"] in ("here", "loading", "ready") and row["kind"] == "vlm":
            cards.append((row["id"], row["repository"].partition("/")[0]))
    return [{"id": name, "object": "model", "created": int(app.started), "owned_by": owner} for name, owner in cards]
