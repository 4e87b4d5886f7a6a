"""Starts the page as a process of its own; nothing of it is imported here. It ends with the process that started it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from diagram.errors import InputError, MissingDependencyError

_TRIED: Final = 50
Say = Callable[[str], None]


@contextlib.contextmanager
def beside(api: str, port: int, say: Say, key: str = "") -> Iterator[None]:
    """The page for this API while the block runs, to this machine only, on the first free port from `port` on.

    Where it cannot be had, one line says why and the block runs without it.
    """
    chosen = next((p for p in range(port, min(port + _TRIED, 65536)) if _is_free("127.0.0.1", p)), None)
    if chosen is None or importlib.util.find_spec("streamlit") is None:
        say("  no page: " + ("no port is free for it" if chosen is None else "streamlit is not installed"))
        yield
        return
    process = _start(api, "127.0.0.1", chosen, key)
    say(f"The page, for people: http://127.0.0.1:{chosen}")
    try:
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()


def alone(api: str, host: str, port: int, say: Say) -> int:
    """The page until it ends; its exit code.

    Raises:
        InputError: the port is taken. MissingDependencyError: Streamlit is not installed.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise MissingDependencyError("streamlit is not installed", hint="pip install streamlit")
    if not _is_free(host, port):
        raise InputError(f"port {port} of {host} is taken", hint="choose another --port")
    process = _start(api, host, port, os.environ.get("DIASCRIBE_UI_KEY", ""))
    say(f"The page, for people: http://{host}:{port} (it asks {api}; Ctrl-C stops)")
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        return process.wait()


def _start(api: str, host: str, port: int, key: str) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    command = [
        sys.executable,
        "-m",
        "ui",
        "--api",
        api,
        "--host",
        host,
        "--port",
        str(port),
        "--parent",
        str(os.getpid()),
    ]
    return subprocess.Popen(command, env={**os.environ, "DIASCRIBE_UI_KEY": key, "PYTHONPATH": path})  # noqa: S603 our own


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with closing(socket.socket(family, kind, protocol)) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
    except OSError:
        return False
    return True
