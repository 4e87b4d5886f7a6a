"""How a pool and its workers talk: one message is a JSON header and a body of bytes, both length-prefixed."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

_HEAD: Final = struct.Struct(">II")
MAX_MESSAGE: Final = 256 * 1024 * 1024


def pack(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """One message as bytes."""
    text = json.dumps(header, ensure_ascii=False).encode("utf-8", "replace")  # lone surrogates become "?"
    return _HEAD.pack(len(text), len(body)) + text + body


def sizes(head: bytes) -> tuple[int, int]:
    """Lengths of header and body; ValueError when they are out of bounds."""
    header, body = _HEAD.unpack(head)
    if header + body > MAX_MESSAGE:
        raise ValueError("message too large")
    return header, body


HEAD_SIZE: Final = _HEAD.size


def read(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next message of a blocking stream; None at its end."""
    head = stream.read(HEAD_SIZE)
    if len(head) < HEAD_SIZE:
        return None
    header, body = sizes(head)
    text = stream.read(header)
    return json.loads(text), stream.read(body)
