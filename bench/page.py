"""How quick the page is with a large diagram, and whether its memory stays flat over many uploads.

    python bench/page.py [UPLOADS]

The page runs as it does for users; Debian's Chromium looks at it. The API beside it is a small one that answers at
once with a made diagram, so that nothing but the page is measured: seconds from the API's last byte until the browser
has laid out all 200 nodes (asked: < 2), and the memory of the page's process before and after UPLOADS small pictures
(100 unless given). Written to bench/results/page.md.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
NODES = 200
DRAWN = '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"><rect width="300" height="200"/></svg>'
WARM = 10
"""Uploads before the memory is looked at: imports and first renderings are over by then."""


def found(nodes: int, title: str) -> dict[str, Any]:
    """What the API answers for a chain of tasks in rows of twenty."""
    from diagram.model import Diagram, Edge, Node
    from diagram.narrate import narrate
    from mermaid.emit import emit

    places = [(40 + 150 * (i % 20), 40 + 110 * (i // 20)) for i in range(nodes)]
    boxes = [Node(f"n{i}", "task", f"Step {i}", (x, y, x + 110, y + 60)) for i, (x, y) in enumerate(places)]
    diagram = Diagram(nodes=tuple(boxes), edges=tuple(Edge(f"e{i}", f"n{i}", f"n{i + 1}") for i in range(nodes - 1)))
    told = narrate(diagram)
    return {
        **diagram.to_json(),
        "title": title,
        "text": told.text,
        "steps": [dataclasses.asdict(step) for step in told.steps],
        "engine": "vision",
        "image": {"width": 3100, "height": 1200, "pages": 1},
        "outputs": {"text": told.text, "mermaid": emit(diagram)},
        "examples": [],
        "warnings": [],
        "timings": {"total": 0.1},
    }


@contextlib.contextmanager
def api() -> Iterator[ThreadingHTTPServer]:
    """An API that answers `answer`; `answered` is when it last did, on the clock of `time.time`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say({"engines": ["auto", "vision"], "models": []})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            if self.path != "/v1/describe":
                self._say({"content": DRAWN, "mermaid": "", "warnings": [], "repairs": []})
                return
            self._say(self.server.answer)
            self.server.answered = time.time()

        def _say(self, told: object) -> None:
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextlib.contextmanager
def page_beside(address: str) -> Iterator[tuple[str, psutil.Process]]:
    """The page as a process: its address, and the process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen([sys.executable, "-m", "ui", "--api", address, "--port", str(port)], cwd=ROOT) as process:
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
        finally:
            process.terminate()


def picture(number: int) -> dict[str, Any]:
    out = io.BytesIO()
    Image.new("RGB", (320, 240), (number % 256, 200, 200)).save(out, "PNG")
    return {"name": f"{number}.png", "mimeType": "image/png", "buffer": out.getvalue()}


def main(uploads: int = 100) -> None:
    from tests.page_server import browser

    field = "[data-testid=stFileUploader] input"
    with (
        api() as server,
        page_beside(f"http://127.0.0.1:{server.server_port}") as (address, process),
        browser() as chromium,
    ):
        tab = chromium.new_page(viewport={"width": 1280, "height": 720}, locale="en-US")
        tab.set_default_timeout(60_000)
        seconds = []
        for turn in range(4):
            server.answer = found(NODES, f"Large {turn}")
            tab.goto(address)
            tab.set_input_files(field, picture(turn))
            tab.locator("h1", has_text=f"Large {turn}").wait_for()
            tab.locator(".list .row").nth(NODES - 1).wait_for()
            tab.locator(".page .box").nth(NODES - 1).wait_for()
            seconds.append(time.time() - server.answered)
        memory = []
        for turn in range(WARM + uploads):
            server.answer = found(5, f"Small {turn:03}")
            tab.set_input_files(field, picture(turn))
            tab.locator("h1", has_text=f"Small {turn:03}").wait_for()
            memory.append(process.memory_info().rss / 2**20)
    before, after, most = memory[WARM - 1], memory[-1], max(memory[WARM:])
    rest = sorted(seconds[1:])
    lines = [
        "# The page",
        "",
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; made by `python bench/page.py`",
        "",
        "| what | measured | asked |",
        "| --- | --- | --- |",
        f"| {NODES} nodes, from the API's answer until drawn, the first time | {seconds[0]:.2f} s | < 2 s |",
        f"| the same again, median of {len(rest)} | {rest[len(rest) // 2]:.2f} s | < 2 s |",
        f"| memory of the page's process after {WARM} uploads | {before:.0f} MiB | |",
        f"| after {uploads} more (the most in between: {most:.0f}) | {after:.0f} MiB | flat |",
    ]
    (ROOT / "bench" / "results" / "page.md").write_text("\n".join(lines) + "\n", "utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main(*(int(given) for given in sys.argv[1:2]))
