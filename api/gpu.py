"""What the machine's first GPU is and how much of its memory is taken, as the driver's own program says.

Loads nothing and asks at most once in some seconds. Memory in MB (10^6 bytes), of all programs that use it.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from typing import Any, Final

_MEMORY: Final = ("gpu_memory_allocated", "gpu_memory_reserved", "gpu_memory_total")
NONE: Final[dict[str, Any]] = {"gpu_available": False, "gpu_name": None, **dict.fromkeys(_MEMORY, 0.0)}
FRESH: Final = 5.0
"""Seconds for which an answer is good."""


class Gpu:
    """Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._program = shutil.which("nvidia-smi")
        self._state, self._until = NONE, 0.0

    def state(self) -> dict[str, Any]:
        """gpu_available, gpu_name, gpu_memory_allocated, gpu_memory_reserved, gpu_memory_total."""
        if self._program is None:
            return NONE
        with self._lock:
            if time.monotonic() >= self._until:
                self._state = _asked(self._program)
                self._until = time.monotonic() + FRESH
            return self._state


def _asked(program: str) -> dict[str, Any]:
    query = "--query-gpu=name,memory.used,memory.reserved,memory.total"
    try:
        done = subprocess.run(  # noqa: S603 a fixed command
            [program, query, "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=5, check=True
        )
        name, *memory = (part.strip() for part in done.stdout.splitlines()[0].rsplit(",", 3))
        numbers = [round(float(value) * 1.048576, 1) for value in memory]
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return NONE
    return {"gpu_available": True, "gpu_name": name, **dict(zip(_MEMORY, numbers, strict=True))}
