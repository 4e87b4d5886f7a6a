"""Many files out of one request, each brought to the disk as soon as it is here; a ZIP among them is unpacked.

Memory holds one file at a time, and no more temporary files are open than one. Nothing is decoded.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api.problems import ProblemError, UnsupportedTypeError
from api.uploads import limited
from diagram.errors import InputError
from pipeline import archives
from pipeline.storage import Uploads
from pipeline.storage.uploads import Staged

_FIELDS: Final = 30
_FIELD: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Most:
    """Limits: files, bytes of one file, bytes of all."""

    files: int
    bytes: int
    total: int


@dataclass(slots=True)
class Received:
    """What came: (name, file) of each picture, the fields, and a digest of all of it."""

    files: list[tuple[str, Staged]] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)

    def digest(self) -> str:
        """Of names, contents and fields: the same request has the same."""
        made = hashlib.sha256(repr(sorted(self.fields.items())).encode())
        for name, staged in self.files:
            made.update(f"{staged.sha} {name}\n".encode("utf-8", "replace"))
        return made.hexdigest()


async def receive(request: Request, uploads: Uploads, folder: Path, most: Most) -> Received:
    """The files and fields of a form. Where this raises, nothing of it is left on the disk.

    Raises:
        ProblemError: not a form, or one that is broken. ArchiveError: a ZIP that is not accepted. InputError: too much.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise UnsupportedTypeError(
            f"the body is {kind.partition(';')[0][:60] or 'of no type'}", hint="send multipart/form-data with files"
        )
    got = Received()
    try:
        with _parser(kind, got, uploads, folder, most) as parser:
            async for piece in request.stream():
                if piece:
                    await run_in_threadpool(parser.write, piece)
            await run_in_threadpool(parser.finalize)
        if not got.files:
            raise ProblemError("there is no file", status=422, hint="send pictures as the field files: -F files=@NAME")
    except BaseException:
        drop(uploads, got)
        raise
    return got


def drop(uploads: Uploads, got: Received) -> None:
    """Forget the files that were not kept."""
    for _, staged in got.files:
        uploads.drop(staged)


@contextlib.contextmanager
def _parser(kind: str, got: Received, uploads: Uploads, folder: Path, most: Most) -> Iterator[Any]:
    from python_multipart import FormParser
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import parse_options_header

    ended = []

    def on_field(one: Any) -> None:
        if len(got.fields) >= _FIELDS:
            raise ProblemError(f"there are more than {_FIELDS} fields", status=422)
        name, value = _text(one.field_name), _text(one.value)
        if name in ("files", "file"):
            raise ProblemError(f"{name}: this is text, not a file", status=422, hint=f"curl -F {name}=@NAME")
        got.fields[name] = value

    def on_file(one: Any) -> None:
        file, name, of = one.file_object, _text(one.file_name), _text(one.field_name)
        try:
            if of not in ("files", "file"):
                raise ProblemError(f"{of[:40]}: files are sent as the field files", status=422)
            if not name and not one.size:
                return  # what a form without a chosen file sends
            file.seek(0)
            head = file.read(4)
            if archives.is_zip(head):
                room = most.files - len(got.files)
                for path, data in archives.files(file, most_files=room, most_bytes=most.bytes, most_total=most.total):
                    got.files.append((path, uploads.stage(data)))
                return
            if len(got.files) >= most.files:
                raise InputError(f"there are more than {most.files} files", hint="send several batches")
            limited(one.size, most.bytes)
            file.seek(0)
            got.files.append((name.replace("\\", "/").rsplit("/", 1)[-1], uploads.stage(file.read())))
        finally:
            one.close()

    folder.mkdir(parents=True, exist_ok=True)
    config = {"UPLOAD_DIR": str(folder), "MAX_MEMORY_FILE_SIZE": 1 << 20, "MAX_FIELD_SIZE": _FIELD}
    try:
        boundary = parse_options_header(kind)[1].get(b"boundary")
        parser = FormParser(
            "multipart/form-data", on_field, on_file, lambda: ended.append(True), boundary, config=config
        )
        try:
            yield parser
            if not ended:
                raise FormParserError("its end is missing")
        finally:
            with contextlib.suppress(Exception):
                parser.close()
    except FormParserError as error:
        raise ProblemError(f"the form is broken: {str(error)[:200]}", status=400, hint="curl -F files=@NAME") from None


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
