"""A picture and options out of a request: a form with a `file`, JSON with an `image`, or the bytes themselves.

`image` is base64 or a data URL. What a file is, its content decides, later and in another process; here only its
size is looked at. Nothing of it is decoded on the event loop.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request

from api.problems import ProblemError, UnsupportedTypeError, checked
from diagram.errors import ImageTooLargeError

Options = TypeVar("Options", bound=BaseModel)
_DATA_URL = re.compile(r"data:[\w.+-]*/?[\w.+-]*(?:;[\w.+-]+=[^;,]*)*;base64,", re.ASCII)
_LISTS: Final = ("formats",)


async def picture(
    request: Request, options: type[Options], most: int, *, needed: bool = True, longest: int = 1 << 16
) -> tuple[bytes, Options]:
    """The bytes of the picture (b"" where none is needed and none came), and the options.

    most: bytes of the picture; longest: bytes of a field of a form.

    Raises:
        ProblemError: no picture, or options that are not understood. UnsupportedTypeError: neither form nor JSON nor
        picture. ImageTooLargeError: more than `most` bytes.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        data, fields = await _form(request, most, longest)
    elif kind == "application/json":
        data, fields = await run_in_threadpool(_json, await request.body(), most)
    elif kind.startswith("image/") or kind in ("application/pdf", "application/octet-stream"):
        data, fields = await request.body(), _query(request)
    else:
        raise UnsupportedTypeError(
            f"the body is {kind or 'of no type'}",
            hint="send multipart/form-data with file, application/json with image, or the picture itself",
        )
    chosen: Options = checked(options, fields)
    if data is None:
        if needed:
            raise ProblemError("there is no picture", status=422, hint="send it as the field file, or as image in JSON")
        data = b""
    limited(len(data), most)
    return data, chosen


async def _form(request: Request, most: int, longest: int) -> tuple[bytes | None, dict[str, Any]]:
    data: bytes | None = None
    fields: dict[str, Any] = {}
    async with request.form(max_files=1, max_fields=30, max_part_size=longest) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                if name != "file":
                    raise ProblemError(f"{name}: files are sent as the field file", status=422)
                limited(value.size or 0, most)
                data = await value.read()
                request.state.upload = value.filename or ""
            elif name == "file":
                raise ProblemError("file: this is text, not a file", status=422, hint="curl -F file=@NAME")
            elif name in _LISTS:
                fields.setdefault(name, []).extend(part.strip() for part in value.split(",") if part.strip())
            else:
                fields[name] = value
    return data, fields


def _json(body: bytes, most: int) -> tuple[bytes | None, dict[str, Any]]:
    fields = parsed(body)
    image = fields.pop("image", None)
    return None if image is None else decoded(image, most), fields


def _query(request: Request) -> dict[str, Any]:
    return {name: value.split(",") if name in _LISTS else value for name, value in request.query_params.items()}


def parsed(body: bytes) -> dict[str, Any]:
    """The object that a JSON body holds.

    Raises:
        ProblemError: it is none.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise ProblemError("the body is not JSON", status=400, hint="check quotes and commas") from None
    if not isinstance(data, Mapping):
        raise ProblemError("the body is not a JSON object", status=422)
    return dict(data)


def decoded(image: object, most: int) -> bytes:
    """The bytes of base64 or a data URL; line breaks and missing padding are forgiven.

    Raises:
        ProblemError: it is neither. ImageTooLargeError: more than `most` bytes.
    """
    if not isinstance(image, str) or not image:
        raise ProblemError("image: this is not a text of base64", status=422, hint="send base64 or a data URL")
    head = image[:200]
    if head.startswith("data:"):
        match = _DATA_URL.match(head)
        if match is None:
            raise ProblemError("image: this data URL is not base64", status=422, hint="data:image/png;base64,…")
        image = image[match.end() :]
    elif re.match(r"https?:|file:", head):
        raise ProblemError("image: addresses are not fetched", status=422, hint="send the picture itself, as base64")
    packed = "".join(image.split()).rstrip("=").replace("-", "+").replace("_", "/")
    limited(len(packed) * 3 // 4, most)
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ProblemError("image: this is not base64", status=422, hint="send base64 or a data URL") from None


def body_schema(options: type[BaseModel], *, needed: bool = True) -> dict[str, Any]:
    """The request body for the OpenAPI: the same options as form and as JSON."""
    fields = schema_of(options)
    properties = fields.get("properties", {})
    file = {"type": "string", "format": "binary", "description": "PNG, JPG, WebP, BMP, TIFF, GIF or PDF."}
    image = {
        "type": "string",
        "minLength": 1,
        "description": "Base64 or a data URL.",
        "examples": ["data:image/png;base64,iVBORw0KGgo…"],
    }

    def body(name: str, picture: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: picture, **properties},
            "required": [*([name] if needed else []), *fields.get("required", [])],
        }

    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": body("file", file)},
                "application/json": {"schema": body("image", image)},
            },
        }
    }


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model, with the models it holds in their places: the OpenAPI does not know them by name."""
    schema = model.model_json_schema()
    held = schema.pop("$defs", {})

    def filled(part: Any) -> Any:
        if isinstance(part, list):
            return [filled(one) for one in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return filled(held[part["$ref"].rsplit("/", 1)[1]])
        return {key: filled(value) for key, value in part.items()}

    whole: dict[str, Any] = filled(schema)
    return whole


def limited(size: int, most: int) -> None:
    """Check a picture's size in bytes.

    Raises:
        ImageTooLargeError: it has more than `most`.
    """
    if size > most:
        raise ImageTooLargeError(
            f"the picture has {size / 2**20:.1f} MiB", hint=f"the most is {most / 2**20:.0f} MiB; save it as PNG or JPG"
        )
