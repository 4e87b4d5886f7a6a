"""Uploads on disk: one file per content, named by its SHA-256, as long as a row of the database refers to it.

A file comes by a rename, inside the transaction that refers to it, and goes in one that has seen that nothing does.
Knows nothing of what the files are.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.storage.database import Database, StorageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_STALE: Final = 6 * 3600.0  # seconds after which a file that nobody finished is nobody's

_KEEP: Final = (
    "INSERT INTO uploads (sha, size, refs) VALUES (:sha, :size, 1) "
    "ON CONFLICT (sha) DO UPDATE SET refs = uploads.refs + 1"
)


def sha_of(data: bytes) -> str:
    """The name of this content."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that waits to be referred to."""

    sha: str
    size: int
    path: Path


class Uploads:
    """The files under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"

    def path(self, sha: str) -> Path:
        """Where the file of this content is."""
        return self._folder / sha[:2] / sha

    def read(self, sha: str) -> bytes:
        """The content.

        Raises:
            StorageError: the file is gone or cannot be read.
        """
        try:
            return self.path(sha).read_bytes()
        except OSError as error:
            raise StorageError(
                f"the uploaded file is not there any more: {error.strerror}",
                hint="all processes must share the folder DIASCRIBE_STATE_DIR",
            ) from error

    def stage(self, data: bytes) -> Staged:
        """Bring content to the disk, where it waits for `keep`.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._incoming)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(
                f"the upload cannot be written: {error.strerror}", hint="look at the disk of DIASCRIBE_STATE_DIR"
            ) from error
        return Staged(sha_of(data), len(data), Path(name))

    def drop(self, staged: Staged) -> None:
        """Forget a staged file, unless it was kept."""
        with contextlib.suppress(OSError):
            staged.path.unlink(missing_ok=True)

    def keep(self, connection: Connection, staged: Staged) -> None:
        """Count one reference more, and put the file in its place; in the transaction that makes the reference."""
        import sqlalchemy as sa

        connection.execute(sa.text(_KEEP), {"sha": staged.sha, "size": staged.size})
        path = self.path(staged.sha)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            staged.path.replace(path)

    def refer(self, connection: Connection, sha: str, count: int) -> None:
        """Count references more to a file that is kept."""
        from pipeline.storage.schema import UPLOADS

        connection.execute(UPLOADS.update().where(UPLOADS.c.sha == sha).values(refs=UPLOADS.c.refs + count))

    def release(self, connection: Connection, sha: str, count: int = 1) -> None:
        """Count references less; `sweep` removes the file afterwards."""
        from pipeline.storage.schema import UPLOADS

        connection.execute(UPLOADS.update().where(UPLOADS.c.sha == sha).values(refs=UPLOADS.c.refs - count))

    def sweep(self, database: Database) -> int:
        """Remove what nothing refers to; the number of files."""
        import sqlalchemy as sa

        from pipeline.storage.schema import UPLOADS

        with database.read() as connection:
            unused = connection.scalars(sa.select(UPLOADS.c.sha).where(UPLOADS.c.refs <= 0)).all()
        removed = 0
        for sha in unused:
            with database.write() as connection:
                row = sa.select(UPLOADS.c.sha).where(UPLOADS.c.sha == sha, UPLOADS.c.refs <= 0)
                if connection.scalar(row.with_for_update()) is not None:
                    self.path(sha).unlink(missing_ok=True)
                    connection.execute(UPLOADS.delete().where(UPLOADS.c.sha == sha))
                    removed += 1
        with contextlib.suppress(OSError):
            for path in self._incoming.iterdir():
                if time.time() - path.stat().st_mtime > _STALE:
                    path.unlink(missing_ok=True)
        return removed
