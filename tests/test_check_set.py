"""The project's own check pictures: their truth is valid, fits the pictures and comes out of the generator again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from diagram.model import Diagram

ROOT = Path(__file__).resolve().parent.parent
CHECK = ROOT / "data" / "check"
TRUTHS = sorted(CHECK.glob("*/*.json"))
PROMISED = {
    "ru": {"corporate", "bpmnio", "bizagi", "plain", "dark", "uml", "gost", "graphviz", "sketch", "web", "visio",
           "drawio", "yed", "mermaid10-dark", "mermaid11-default", "mermaid11-dark", "mermaid12-default"},
    "en": {"corporate", "bpmnio", "bizagi", "plain", "dark", "uml", "gost", "graphviz", "sketch", "web", "visio",
           "drawio", "yed", "mermaid11-default", "mermaid12-default"},
}  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return data


@pytest.mark.parametrize(("name", "count"), [("ru", 100), ("en", 45)])
def test_the_sets_have_the_promised_counts_and_looks(name: str, count: int) -> None:
    rows = [read(path) for path in sorted((CHECK / name).glob("*.json"))]
    assert len(rows) >= count
    assert PROMISED[name] <= {row["look"] for row in rows}
    assert {row["language"] for row in rows} == {name}
    assert len({row["process"] for row in rows}) >= (25 if name == "ru" else 15)
    after = Counter(step for row in rows for step in row["after"])
    assert {"jpeg", "scan", "rotate", "chrome", "small", "grey"} <= set(after)


def test_every_picture_has_its_truth_and_the_folder_stays_small() -> None:
    pictures = {path for path in CHECK.glob("*/*") if path.suffix in (".png", ".jpg")}
    assert pictures == {path.parent / read(path)["image"] for path in TRUTHS}
    assert sum(path.stat().st_size for path in CHECK.glob("*/*")) <= 12_000_000


@pytest.mark.parametrize("path", TRUTHS, ids=[f"{path.parent.name}-{path.stem}" for path in TRUTHS])
def test_the_truth_fits_its_picture(path: Path) -> None:
    data = read(path)
    diagram = Diagram.from_json(data)
    with Image.open(path.parent / data["image"]) as image:
        assert list(image.size) == data["size"]
        assert image.width >= 300
        image.load()
    width, height = image.size
    boxes = {node.id: node.bbox for node in diagram.nodes} | {lane.id: lane.bbox for lane in diagram.lanes}
    for name, box in boxes.items():
        assert box is not None, name
        assert -1 <= box[0] < box[2] <= width + 1, name
        assert -1 <= box[1] < box[3] <= height + 1, name
        part = image.crop((max(0, int(box[0])), max(0, int(box[1])), int(box[2]) + 1, int(box[3]) + 1))
        assert any(high - low > 40 for low, high in part.convert("RGBA").getextrema()), f"{name}: nothing is drawn"
    slack = 0.02 * max(width, height) + 12
    for edge in diagram.edges:
        for end, point in ((edge.source, edge.points[0]), (edge.target, edge.points[-1])):
            box = boxes[end]
            assert box is not None
            away = max(box[0] - point[0], point[0] - box[2], box[1] - point[1], point[1] - box[3])
            assert away <= slack, f"{edge.id} ends {away:.0f} pixels away from {end}"


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_generator_gives_the_kept_truth_again(language: str, tmp_path: Path) -> None:
    """Orders whose fonts are installed; the truth depends on fonts and seed, not on the rasteriser."""
    pattern = "^(yed|uml|bpmnio|gost)-(library|clinic|release|recruit|thermostat|vacation|lab|factorial|change)$"
    done = subprocess.run(
        [sys.executable, str(ROOT / "data/make/main.py"), "--set", language, "--out", str(tmp_path), "--only", pattern,
         "--truth-only", "--installed-fonts"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    made = sorted(tmp_path.glob("*.json"))
    if not made:
        pytest.skip("the fonts of these looks are not installed")
    for path in made:
        assert read(path) == read(CHECK / language / path.name), path.name


def test_a_label_over_a_line_is_called_a_fault(tmp_path: Path) -> None:
    """The check that keeps bad drawings out must itself notice one."""
    code = f"""
import sys
sys.path[:0] = [{str(ROOT / "data/make")!r}, {str(ROOT)!r}]
from labels import faults
from scene import Item, Scene, Wire
from style import Style
from diagram.model import Diagram, Edge, Node
nodes = tuple(Node(i, "process", i) for i in "abc")
edges = (Edge("e1", "a", "b", "Да"), Edge("e2", "a", "c"))
items = [Item(n, (x, 0.0, x + 50, 40.0), (n.text,)) for n, x in zip(nodes, (0.0, 200.0, 400.0))]
wires = [Wire(edges[0], [(50.0, 20.0), (200.0, 20.0)], "line", ("Да",), (100.0, 0.0, 120.0, 16.0)),
         Wire(edges[1], [(50.0, 20.0), (400.0, 20.0)])]
scene = Scene(Diagram("flowchart", nodes, edges), 450, 40, items, wires)
print(faults(scene, Style()))
wires[1].points = [(25.0, 40.0), (25.0, 80.0), (425.0, 80.0), (425.0, 40.0)]
print(faults(scene, Style()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert "e2 passes b" in first
    assert second == "[]"
