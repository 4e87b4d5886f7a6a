"""The real API and the real page as processes, and Debian's Chromium that looks at them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.api_client import wait_until

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


def free_port() -> str:
    """One that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@contextlib.contextmanager
def page_alone(api: str) -> Iterator[str]:
    """`diascribe ui` for an API that may not be there: its address."""
    place = free_port()
    command = [sys.executable, "-m", "ui", "--api", api, "--port", place]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            wait_until(lambda: _answers(f"http://127.0.0.1:{place}/_stcore/health"))
            yield f"http://127.0.0.1:{place}"
        finally:
            process.terminate()
            process.wait(60)


@contextlib.contextmanager
def running(listens: str = "0", **env: str) -> Iterator[tuple[str, str]]:
    """`diascribe serve` with its page: the addresses of the API and of the page. listens: the API's port."""
    port = free_port()
    main = "from pipeline.cli import main; main()"
    command = [sys.executable, "-c", main, "serve", "--port", listens, "--workers", "1"]
    with subprocess.Popen(
        [*command, "--page-port", port], cwd=ROOT, env={**os.environ, **env}, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said: list[str] = []
        stderr = process.stderr
        threading.Thread(target=lambda: said.extend(iter(stderr.readline, "")), daemon=True).start()

        def address(words: str) -> str:
            found = re.search(rf"{words}\S*? (http://[\d.:]+)", "".join(said))
            return found[1] if found else ""

        try:
            wait_until(lambda: (address("listens on") and address("people:")) or process.poll() is not None)
            api, page = address("listens on"), address("people:")
            assert api, "".join(said)
            assert page, "".join(said)
            wait_until(lambda: _answers(f"{page}/_stcore/health") and _answers(f"{api}/ready"))
            yield api, page
        finally:
            process.terminate()
            process.wait(60)


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Chromium as the system has it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
