"""A page of a PDF or TIFF as a PNG that browsers show, made in a process of its own with limits of time and memory.

What is uploaded is not trusted: whatever happens to that process, the page lives on and shows an empty sheet.
"""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any, Final

SECONDS: Final = 20
_MEMORY: Final = 2 * 2**30


def shown(data: bytes, page: int, width: int, height: int) -> bytes:
    """The page (from 1) in this size, as PNG; nothing where it cannot be made."""
    command = [sys.executable, "-m", "ui.preview", str(page), str(width), str(height)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, check=True)  # noqa: S603 our own
    except (subprocess.SubprocessError, OSError):
        return b""
    return done.stdout


def render(data: bytes, page: int, size: tuple[int, int]) -> bytes:
    """The work itself; raises whatever the libraries raise."""
    from PIL import Image

    picture: Any
    if data[:1024].lstrip().startswith(b"%PDF"):
        import pypdfium2

        sheet = pypdfium2.PdfDocument(data)[page - 1]
        picture = sheet.render(scale=size[0] / sheet.get_width()).to_pil()
    else:
        picture = Image.open(io.BytesIO(data))
        picture.seek(page - 1)
    out = io.BytesIO()
    picture.convert("RGB").resize(size).save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    number, wide, high = map(int, sys.argv[1:4])
    sys.stdout.buffer.write(render(sys.stdin.buffer.read(), number, (wide, high)))
