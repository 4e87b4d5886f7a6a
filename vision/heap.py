"""How the C library keeps memory for a process that reads pictures. Knows nothing of pictures."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache
from typing import Final

M_ARENA_MAX: Final = -8  # malloc.h of glibc


@cache
def share_one() -> None:
    """Let all threads share one heap, where the C library is glibc.

    Each thread would have one of its own, and what large arrays leave in it serves no other: after some pictures a
    process held half as much again. For the whole process; does nothing elsewhere.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
