"""Files written whole or not at all. Knows nothing of what is in them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from diagram.errors import DiascribeError


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, making its folder.

    Raises:
        DiascribeError: the system refuses; the message says why.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise DiascribeError(f"{path} cannot be written: {reason}", hint="choose another --out") from error


def _umask() -> int:
    """The process's umask; reading it means setting it for a moment."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
