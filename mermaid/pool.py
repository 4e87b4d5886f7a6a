"""A pool of worker processes, each with a memory limit of its own and a deadline per call.

A worker that dies, overruns its deadline or grows beyond its size is killed and replaced; the caller gets an error and
the next call a healthy worker. Workers start when first needed and speak `wire` over their standard streams. Threads
may call a pool at the same time. Knows nothing of what the workers do.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from diagram.errors import DiascribeError
from mermaid import wire

START: Final = 60.0
"""Seconds a worker may take to load; no part of a call's deadline: a busy machine must not fail a small diagram."""
_ROOT: Final = str(Path(__file__).resolve().parent.parent)


class WorkerError(DiascribeError):
    """A worker could not do what it was asked; `kind` says why: "limit", "deadline", or the worker's own word."""

    def __init__(self, message: str, *, kind: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class _Worker:
    """One process. Not safe for threads: the pool hands it to one caller at a time."""

    def __init__(self, module: str) -> None:
        path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH", "")]))
        self.process = subprocess.Popen(  # noqa: S603 our own module
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in, self._out = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._ready = False

    def wait_ready(self, deadline: float) -> None:
        """Wait until the worker has loaded what it needs; its first message says so. Errors as of `call`."""
        if not self._ready:
            self._read(sum(wire.sizes(self._read(wire.HEAD_SIZE, deadline))), deadline)
            self._ready = True

    def call(self, message: bytes, deadline: float) -> tuple[dict[str, Any], bytes]:
        """Send one message and wait for the answer.

        Raises:
            TimeoutError: no answer by `deadline` (`time.monotonic()` seconds).
            EOFError: the process ended.
        """
        view = memoryview(message)
        while view:
            self._wait(self._in, deadline, writing=True)
            try:
                view = view[os.write(self._in, view) :]
            except BrokenPipeError as error:
                raise EOFError from error
        header, body = wire.sizes(self._read(wire.HEAD_SIZE, deadline))
        data = self._read(header + body, deadline)
        return json.loads(data[:header]), data[header:]

    def _read(self, size: int, deadline: float) -> bytes:
        parts: list[bytes] = []
        while size:
            self._wait(self._out, deadline, writing=False)
            part = os.read(self._out, min(size, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _wait(self, descriptor: int, deadline: float, *, writing: bool) -> None:
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT if writing else select.POLLIN)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class Pool:
    """Up to `size` workers running `python -m module`.

    Args:
        deadline: seconds one call may take, waiting for a free worker not counted.
        steady: bytes of resident memory above which a worker is replaced after its answer.
    """

    def __init__(self, module: str, *, size: int = 2, deadline: float = 10.0, steady: int = 150_000_000) -> None:
        self.module = module
        self.deadline = deadline
        self.steady = steady
        self._free: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(size):
            self._free.put(None)
        self._size = size
        self.resident = 0
        """The most bytes of resident memory that a worker has told of."""
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start a worker, unless one is there already; the next call then need not wait for it. Returns at once."""
        if self._closed:
            return
        try:
            worker = self._free.get_nowait()
        except queue.Empty:
            return
        try:
            worker = worker or _Worker(self.module)
        finally:
            self._free.put(worker)

    def call(
        self, header: Mapping[str, Any], body: bytes = b"", *, deadline: float | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """The answer of a worker. The worker's `{"error": kind, "message": …}` becomes a `WorkerError`.

        Raises:
            WorkerError: kind "deadline", "limit" (the worker died, as a rule of its memory limit), or the worker's.
        """
        if self._closed:
            raise WorkerError("the renderer is closed", kind="closed")
        seconds = self.deadline if deadline is None else deadline
        worker = self._free.get()
        keep: _Worker | None = None
        try:
            worker = worker or _Worker(self.module)
            try:
                worker.wait_ready(time.monotonic() + START)
                answer, data = worker.call(wire.pack(header, body), time.monotonic() + seconds)
                self.resident = max(self.resident, answer.get("rss", 0))
                if answer.get("rss", 0) <= self.steady:
                    keep = worker
            except TimeoutError as error:
                raise WorkerError(
                    f"not finished within {seconds:g} s", kind="deadline", hint="Make the diagram smaller or split it."
                ) from error
            except (EOFError, ValueError, OSError) as error:
                raise WorkerError(
                    "the diagram needs more memory than a worker may use",
                    kind="limit",
                    hint="Make the diagram smaller or split it.",
                ) from error
        finally:
            if worker is not None and keep is None:
                worker.kill()
            self._free.put(keep)
        if "error" in answer:
            raise WorkerError(answer.get("message", ""), kind=answer["error"], hint=answer.get("hint", ""))
        return answer, data

    def close(self) -> None:
        """End all workers; calls under way finish first."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        for _ in range(self._size):
            worker = self._free.get()
            if worker is not None:
                worker.kill()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
