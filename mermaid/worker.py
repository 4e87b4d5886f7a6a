"""The loop of a worker process: limit yourself, then answer messages until the input ends. Run through `pool`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mermaid import wire

Answer = tuple[dict[str, Any], bytes]
Task = Callable[[Mapping[str, Any], bytes], Answer]


class TaskError(Exception):
    """What a task could not do, in one word (`kind`) and a message for the user."""

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.hint = hint


def limit(kind: str, size: int) -> None:
    """Set a resource limit of this process, where the system has it."""
    try:
        import resource
    except ImportError:
        return
    which = {"address": resource.RLIMIT_AS, "data": resource.RLIMIT_DATA}[kind]
    resource.setrlimit(which, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def resident() -> int:
    """Resident memory of this process in bytes, 0 where it cannot be told."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def serve(task: Task) -> None:
    """Say that the worker is ready, then answer messages from standard input until it ends; never returns."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    sink.write(wire.pack({"ready": True}))
    sink.flush()
    while (message := wire.read(source)) is not None:
        try:
            answer, body = task(*message)
        except TaskError as error:
            answer, body = {"error": error.kind, "message": str(error), "hint": error.hint}, b""
        except MemoryError:
            os._exit(3)
        except Exception as error:
            answer, body = {"error": "failed", "message": f"{type(error).__name__}: {error}"}, b""
        sink.write(wire.pack({**answer, "rss": resident()}, body))
        sink.flush()
    os._exit(0)  # V8's threads can hang the interpreter's own way out
