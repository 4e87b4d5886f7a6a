"""One whole request and one whole answer of every operation, for the OpenAPI: `samples.json`, taken from a real server.

A request of a form names the file as curl does (`@order.png`). Answers in other forms than JSON have none.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, Final

_METHODS: Final = frozenset({"get", "post", "put", "delete", "patch"})


@functools.cache
def samples() -> dict[str, dict[str, Any]]:
    """By "METHOD path": `answer`, and `request` where the operation takes a body."""
    told: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("samples.json").read_text("utf-8"))
    return told


def add(schema: dict[str, Any]) -> None:
    """Put the samples into an OpenAPI document."""
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if method in _METHODS:
                _add(operation, samples().get(f"{method.upper()} {path}", {}))


def _add(operation: dict[str, Any], sample: dict[str, Any]) -> None:
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        if "request" in sample:
            body["example"] = _sent(sample["request"], kind, body["schema"].get("properties", {}))
    for status, answer in operation["responses"].items():
        for kind, body in answer.get("content", {}).items():
            if status.startswith("2") and "json" in kind and "answer" in sample:
                body["example"] = sample["answer"]


def _sent(request: dict[str, Any], kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The request as this kind of body has it: pictures are `file` in a form and `image` in JSON."""
    if kind != "multipart/form-data":
        return request
    named = {"image": "file"} if "file" in fields else {}
    form = {named.get(name, name): value for name, value in request.items()}
    return form | {name: "@order.png" for name in ("file",) if name in form}
