"""A headless Chromium, driven over a pair of pipes with the Chrome DevTools Protocol; no package is needed for it.

Offline three times over: every request goes to a proxy that does not exist, the context is offline, and the page's own
policy allows nothing. Knows nothing of Mermaid.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from typing import Any, Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
_FLAGS: Final = (
    "--headless", "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--no-default-browser-check", "--disable-extensions", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--disable-default-apps", "--disable-breakpad", "--mute-audio", "--hide-scrollbars",
    "--disable-features=Translate,OptimizationHints,MediaRouter", "--proxy-server=127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>", "--js-flags=--max-old-space-size=512",
)  # fmt: skip


class CdpError(Exception):
    """Chromium refused a command, or the page threw; the message is for users."""


class GoneError(Exception):
    """Chromium ended or its pipe broke."""


def find() -> str | None:
    """The path of an installed Chromium or Chrome, None when there is none."""
    named = os.environ.get("DIASCRIBE_CHROMIUM", "")
    if named:
        return named if os.access(named, os.X_OK) else None
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One Chromium process. Not safe for threads."""

    def __init__(self, path: str) -> None:
        self._profile = tempfile.mkdtemp(prefix="diascribe-chromium-")
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        # The browser reads commands from descriptor 3 and answers on 4; ours must stand elsewhere.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (to_read, from_write)]
        for end in (to_read, from_write):
            os.close(end)
        flags = [*_FLAGS, f"--user-data-dir={self._profile}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # Chromium's sandbox cannot be set up by root
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, ends[0], 3),
            (os.POSIX_SPAWN_DUP2, ends[1], 4),
        ]
        self.pid = os.posix_spawn(path, [path, *flags, "about:blank"], os.environ, file_actions=actions, setpgroup=0)
        for end in ends:
            os.close(end)
        self._out, self._in = to_write, from_read
        os.set_blocking(self._out, False)
        self._number = 0
        self._buffer = bytearray()
        self._alive = True

    def call(
        self, method: str, params: dict[str, Any] | None = None, *, session: str | None = None, deadline: float
    ) -> dict[str, Any]:
        """The result of a command.

        Raises:
            CdpError: the command failed. TimeoutError: no answer by `deadline`. GoneError: the browser ended.
        """
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        self._send(json.dumps(message).encode() + b"\0", deadline)
        while True:
            answer = json.loads(self._receive(deadline))
            if answer.get("id") != self._number:
                continue
            if "error" in answer:
                raise CdpError(str(answer["error"].get("message", "")))
            result: dict[str, Any] = answer["result"]
            return result

    def _send(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            self._wait(self._out, select.POLLOUT, deadline)
            try:
                view = view[os.write(self._out, view) :]
            except OSError as error:
                raise GoneError from error

    def _receive(self, deadline: float) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\0", searched)) < 0:
            searched = len(self._buffer)
            self._wait(self._in, select.POLLIN, deadline)
            part = os.read(self._in, 1 << 20)
            if not part:
                raise GoneError
            self._buffer += part
        message = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return message

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError

    def kill(self) -> None:
        """End the browser with all its processes and remove its profile."""
        if not self._alive:
            return
        self._alive = False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        for descriptor in (self._out, self._in):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        shutil.rmtree(self._profile, ignore_errors=True)
