"""The page under load, in Debian's Chromium: large diagrams open quickly, and its memory stays where it was."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.page_server import CHROMIUM, browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: scripts/system-packages.sh chromium"),
]
PARTS = Path(__file__).resolve().parent.parent / "ui" / "parts"


def large(nodes: int) -> dict[str, Any]:
    """What the page hands its component for a diagram of so many nodes."""
    boxes, items, arrows = [], [], []
    for i in range(nodes):
        x, y = 40 + 150 * (i % 20), 40 + 110 * (i // 20)
        name = f"n{i}"
        boxes.append(
            {"id": name, "box": [x, y, x + 110, y + 60], "family": "task", "number": str(i + 1), "label": name}
        )
        links = [{"id": f"n{i + 1}", "text": f"→ {i + 2}"}] if i + 1 < nodes else []
        items.append(
            {"id": name, "number": str(i + 1), "text": f"Step {i} <img src=x onerror=boom()>", "family": "task"}
            | {"links": links, "role": "Sales", "facts": "Task"}
        )
        if links:
            arrows.append(
                {
                    "points": [[x + 110, y + 30], [x + 150, y + 30]],
                    "kind": "sequence",
                    "source": name,
                    "target": links[0]["id"],
                }
            )
    words = dict.fromkeys(("smaller", "larger", "fit", "boxes", "arrows", "none", "list"), "word")
    image = {"src": "data:image/gif;base64,R0lGODlhAQABAAAAACw=", "width": 3100, "height": 1200, "alt": "x", "most": 2}
    return {"image": image, "boxes": boxes, "arrows": arrows, "items": items, "count": "", "words": words, "same": 1}


def test_a_diagram_of_200_nodes_is_drawn_at_once_and_only_as_text():
    script = re.sub(r"export default function", "window.mount = function", (PARTS / "reader.js").read_text("utf-8"))
    css = (PARTS / "base.css").read_text("utf-8") + (PARTS / "reader.css").read_text("utf-8")
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 1280, "height": 720})
        page.set_content(f"<style>{css}</style><div id=here><div class='part reader'></div></div>")
        page.add_script_tag(content=script)
        took = page.evaluate(
            """data => { const start = performance.now();
            mount({data, parentElement: document.getElementById('here'), setTriggerValue: () => {}});
            document.body.getBoundingClientRect(); return performance.now() - start; }""",
            large(200),
        )
        assert page.locator(".row").count() == 200
        assert page.locator(".box").count() == 200
        assert page.locator("img").count() == 1  # the picture itself; labels made none
        assert took < 20_000  # a busy machine; alone it is some 50 ms


def test_the_memory_of_the_page_stays_flat_over_100_uploads():
    """Uploads go over one tab's desk; the shelf and the tab hold only the last."""
    from ui.desk import Picture, Shelf

    shelf = Shelf()
    process = psutil.Process()
    name, desk = shelf.open(None)

    def upload(number: int) -> None:
        desk.put(picture=Picture(f"{number}.png", bytes([number % 256]) * 5_000_000), found={"nodes": []})
        shelf.touch(name, desk)

    for number in range(5):
        upload(number)
    before = process.memory_info().rss
    for number in range(100):
        upload(number)
    assert process.memory_info().rss - before < 40 * 2**20
