"""Errors as RFC 9457 problem details: the one place that turns the project's errors into status codes.

A problem's `type` is `urn:diascribe:problem:<name>`; `hint` says what to do, `retryable` whether the same request may
succeed later, `request_id` what to look for in the log. Contents of requests are never repeated.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from diagram.errors import (
    BusyError,
    DiascribeError,
    EngineError,
    EngineUnavailableError,
    ImageTooLargeError,
    IndexUnusableError,
    InputError,
    InvalidDiagramError,
    MissingDependencyError,
    UnknownNameError,
)
from pipeline.batches import KeyReusedError, NoSuchBatchError
from pipeline.crew import LostError, OverrunError
from pipeline.history import NoSuchResultError
from pipeline.storage import StorageError

MEDIA_TYPE: Final = "application/problem+json"
LOG: Final = logging.getLogger("diascribe.api")


class NotAcceptableError(InputError):
    """None of the media types that the client takes can be made."""


class KeyNeededError(DiascribeError):
    """No API key, or an unknown one."""


class TooLargeError(InputError):
    """The request is larger than accepted."""


class SlowError(InputError):
    """The request did not arrive in time."""


class ForeignError(InputError):
    """The request comes from a web page of another site, or names another host."""


class NoModelError(DiascribeError):
    """What was asked for needs a vision-language model, and none is set up."""


class NotFoundError(InputError):
    """There is nothing of this name."""


class RateError(BusyError):
    """A client asks too often. after: seconds until it may ask again."""

    def __init__(self, rate: int, after: int) -> None:
        super().__init__(f"{rate} requests a minute are allowed", hint=f"try again in {after} s")
        self.after = after


class UnsupportedTypeError(InputError):
    """The request's body is of a media type that this resource does not take."""


# The first class that fits decides.
STATUS: Final[Mapping[type[DiascribeError], int]] = {
    KeyNeededError: 401,
    ForeignError: 403,
    NotAcceptableError: 406,
    SlowError: 408,
    TooLargeError: 413,
    ImageTooLargeError: 413,
    UnsupportedTypeError: 415,
    NotFoundError: 404,
    BusyError: 429,
    IndexUnusableError: 409,
    NoModelError: 409,
    NoSuchResultError: 404,
    NoSuchBatchError: 404,
    KeyReusedError: 409,
    StorageError: 503,
    EngineUnavailableError: 503,
    EngineError: 502,
    MissingDependencyError: 501,
    OverrunError: 504,
    LostError: 503,
    InputError: 422,
    InvalidDiagramError: 422,
    DiascribeError: 422,
}


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["urn:diascribe:problem:unreadable-image"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["this is not a picture"])
    hint: str = Field(default="", examples=["use PNG, JPG, WebP, BMP, TIFF, GIF or PDF"])
    retryable: bool = False
    request_id: str = ""
    errors: list[dict[str, Any]] | None = None
    """What is wrong with which field of the request."""
    line: int | None = None
    column: int | None = None


class ProblemError(DiascribeError):
    """An error of a request that is told of by places in it."""

    def __init__(self, message: str, *, status: int, hint: str = "", **more: Any) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.more = more


def answer(error: DiascribeError, request_id: str) -> JSONResponse:
    """The response that tells of an error."""
    status = error.status if isinstance(error, ProblemError) else _status(error)
    more = dict(error.more) if isinstance(error, ProblemError) else {}
    place = getattr(error, "problem", None)
    if place is not None:  # Mermaid that does not parse
        more |= {"line": place.line, "column": place.column}
    headers = {}
    if isinstance(error, BusyError):
        headers["retry-after"] = str(getattr(error, "after", 1))
    if isinstance(error, KeyNeededError):
        headers["www-authenticate"] = "Bearer"
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    name = "invalid-request" if name == "problem" else name
    return _response(status, name, str(error), request_id, headers, hint=error.hint, retryable=error.retryable, **more)


def as_openai(error: DiascribeError, request_id: str) -> JSONResponse:
    """The same as OpenAI's API tells it; a model that is not here is 404, as there."""
    told = answer(error, request_id)
    missing = isinstance(error, UnknownNameError | NoModelError)
    status = 404 if missing else told.status_code
    code = (
        "model_not_found"
        if missing
        else "invalid_api_key"
        if isinstance(error, KeyNeededError)
        else "rate_limit_exceeded"
        if isinstance(error, BusyError)
        else None
    )
    kind = (
        "rate_limit_error"
        if isinstance(error, BusyError)
        else "api_error"
        if isinstance(error, EngineUnavailableError) or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        else "invalid_request_error"
    )
    message = f"{error} ({error.hint})" if error.hint else str(error)
    headers = {name: value for name, value in told.headers.items() if name in ("retry-after", "www-authenticate")}
    fault = {"message": message, "type": kind, "param": None, "code": code}
    return JSONResponse({"error": fault}, status, headers)


def internal(request_id: str) -> JSONResponse:
    """The response that tells of a fault of ours."""
    detail = "internal error; the server's log has it under the request's id"
    return _response(500, "internal", detail, request_id, {})


def install(app: FastAPI) -> None:
    """Let every error of the application end as a problem."""
    app.add_exception_handler(DiascribeError, _own)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


def invalid(errors: Sequence[Any]) -> ProblemError:
    """The problem of fields that do not hold what they should; their values are left out."""
    told = [{"field": _name(error["loc"]), "message": str(error["msg"])} for error in errors[:20]]
    first = told[0] if told else {"field": "", "message": "the request is not valid"}
    detail = f"{first['field']}: {first['message']}" if first["field"] else str(first["message"])
    return ProblemError(detail, status=422, hint="see /openapi.json for what is accepted", errors=told)


def checked(model: type[BaseModel], data: Mapping[str, Any]) -> Any:
    """The model made from this data.

    Raises:
        ProblemError: a field does not hold what it should.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_context=False, include_input=False)) from None


def request_id(request: Request) -> str:
    """The id of a request, as `guard` set it."""
    return str(request.scope.get("state", {}).get("request_id", ""))


async def _own(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DiascribeError)
    return answer(error, request_id(request))


async def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return answer(invalid(error.errors()), request_id(request))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, DiascribeError):  # FastAPI hides what went wrong while a body arrived
        return answer(error.__cause__, request_id(request))
    hints = {404: "see /openapi.json for what there is", 405: "see the header Allow"}
    name = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    hint = hints.get(error.status_code, "")
    headers = dict(error.headers or {})
    return _response(error.status_code, name, str(error.detail), request_id(request), headers, hint=hint)


async def _fault(request: Request, error: Exception) -> JSONResponse:
    LOG.error("internal error", exc_info=error)
    return internal(request_id(request))


def _name(place: Sequence[object]) -> str:
    """The field's name, in letters that can be sent."""
    return ".".join(map(str, place))[:200].encode("utf-8", "replace").decode()


def _status(error: DiascribeError) -> int:
    return next(status for kind, status in STATUS.items() if isinstance(error, kind))


def _response(status: int, name: str, detail: str, ident: str, headers: Mapping[str, str], **more: Any) -> JSONResponse:
    known = Problem(
        type=f"urn:diascribe:problem:{name}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=ident,
        **more,
    )
    return JSONResponse(known.model_dump(exclude_none=True), status, dict(headers), MEDIA_TYPE)
