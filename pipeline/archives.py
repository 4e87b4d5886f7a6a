"""The files in a ZIP, one at a time, none of them trusted: no path leads out, no link, no archive within, no bomb.

What an entry says of its size is not believed; no more of it is unpacked than is accepted. Knows nothing of images.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Final

from diagram.errors import InputError

_END: Final = b"PK\x05\x06"
_DIRECTORY: Final = 4 * 2**20  # bytes of the table of contents: 1,000 entries have far less
_ARCHIVES: Final = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"7z\xbc\xaf",
    b"Rar!",
    b"(\xb5/\xfd",
)
_CHAFF: Final = re.compile(r"(^|/)(__MACOSX/|\.[^/]+$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class ArchiveError(InputError):
    """A ZIP that is broken, or that is not safe to unpack."""


def is_zip(head: bytes) -> bool:
    """Whether a file that begins so is a ZIP."""
    return head.startswith((b"PK\x03\x04", _END))


def files(file: IO[bytes], *, most_files: int, most_bytes: int, most_total: int) -> Iterator[tuple[str, bytes]]:
    """(path, content) of each file. most_bytes: of one, most_total: of all, unpacked.

    Raises:
        ArchiveError: it is broken, too large, or holds what is not accepted; nothing after that is given.
    """
    _check_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = [
                entry for entry in archive.infolist() if not entry.is_dir() and not _CHAFF.search(entry.filename)
            ]
            for entry in archive.infolist():
                _check(entry)
            if len(entries) > most_files:
                raise ArchiveError(f"the ZIP has {len(entries)} files", hint=f"the most is {most_files}: send several")
            total = 0
            for entry in entries:
                most = min(most_bytes, most_total - total)
                data = _unpacked(archive, entry, most, "the ZIP unpacks to" if most < most_bytes else "it unpacks to")
                total += len(data)
                yield entry.filename, data
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, RuntimeError) as error:
        raise ArchiveError(f"the ZIP is broken: {error}", hint="pack it again") from error


def _check_directory(file: IO[bytes]) -> None:
    """Whether the table of contents is of a size that can be read without care."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 65_557))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise ArchiveError("the ZIP is broken: its end is missing", hint="was it sent as a whole? pack it again")
    if struct.unpack_from("<I", tail, at + 12)[0] > _DIRECTORY:
        raise ArchiveError("the ZIP has a table of contents beyond measure", hint="pack it again, with fewer files")
    file.seek(0)


def _check(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    shown = repr(name[:100])
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name) or "\0" in entry.orig_filename:
        raise ArchiveError(f"the ZIP has a path that leads out of it: {shown}", hint="pack the folder itself")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise ArchiveError(f"the ZIP has a link: {shown}", hint="pack the files themselves")
    if entry.flag_bits & 1:
        raise ArchiveError(f"a file in the ZIP is locked with a password: {shown}", hint="pack it without one")
    if entry.compress_type not in _METHODS:
        raise ArchiveError(f"a file in the ZIP is packed in an unknown way: {shown}", hint="pack it as ZIP (deflate)")


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int, what: str) -> bytes:
    shown = repr(entry.filename[:100])
    with archive.open(entry) as source:
        data = source.read(most + 1)
    if len(data) > most:
        raise ArchiveError(f"{shown}: {what} more than {most / 2**20:.1f} MiB", hint="send less at once")
    if data.startswith(_ARCHIVES):
        raise ArchiveError(f"the ZIP has an archive in it: {shown}", hint="pack the pictures themselves")
    return data
