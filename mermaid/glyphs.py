"""Which characters of a text no font here can show. Asks fontconfig; where that is missing, nothing is known."""

from __future__ import annotations

import re
import subprocess
import unicodedata
from functools import lru_cache
from typing import Final

BEYOND_FONT: Final = re.compile("[^\u0000-\u058f\u1e00-\u27bf\u2900-\u2bff\ufb00-\ufb06\ufffd]")
"""Characters that the font beside this module has not; for these the system's fonts are loaded too."""
_ASKED: Final = 6
"""Blocks of characters that are asked for, one character of each."""
_SECONDS: Final = 3.0


def lacking(text: str) -> str:
    """Some of the characters that would show as boxes, one of each block of 256; "" where all can be shown."""
    blocks = {ord(ch) >> 8: ch for ch in BEYOND_FONT.findall(text) if unicodedata.category(ch)[0] in "LNPS"}
    return "".join(ch for _, ch in sorted(blocks.items())[:_ASKED] if not _has(ch))


def warning(lacked: str) -> str:
    """What is said of them."""
    fonts = "fonts-noto-cjk (Chinese, Japanese, Korean), fonts-noto-color-emoji (emoji)"
    return f"no font here has “{lacked}”: such characters show as boxes; install {fonts} or other fonts that have them"


@lru_cache(maxsize=256)
def _has(character: str) -> bool:
    """Whether an installed font has a character; yes where that cannot be told."""
    command = ["fc-list", f":charset={ord(character):x}", "family"]
    try:
        found = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True)  # noqa: S603 a number is all
    except (OSError, subprocess.SubprocessError):
        return True
    return bool(found.stdout.strip())
