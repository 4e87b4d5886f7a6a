"""The folder of training diagrams: its metadata (one JSON row a line), read, written and checked.

Knows what a row promises, not how pictures are made.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from PIL import Image

from diagram.errors import DiascribeError
from diagram.model import Box, Diagram
from diagram.narrate import narrate

NAME: Final = "metadata.jsonl"
FIELDS: Final = (
    "file_name", "id", "title", "language", "kind", "process", "domain", "notation", "renderer", "look", "options",
    "after", "split", "width", "height", "source", "licence", "description", "graph",
)  # fmt: skip


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a folder, none where there is no metadata yet."""
    path = folder / NAME
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []


def write(folder: Path, table: list[dict[str, Any]]) -> None:
    """Write the rows, all at once."""
    text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in table)
    fresh = folder / f".{NAME}"
    fresh.write_text(text, "utf-8")
    fresh.replace(folder / NAME)


def prune(folder: Path) -> None:
    """Take away pictures that no row names."""
    named = {str(row["file_name"]) for row in rows(folder)}
    for path in pictures(folder):
        if path.name not in named:
            path.unlink()


def pictures(folder: Path) -> list[Path]:
    """The pictures that lie in the folder."""
    return sorted(path for path in folder.iterdir() if path.suffix in (".png", ".jpg"))


def check(folder: Path) -> list[str]:
    """What is wrong: rows without picture, pictures without row, graphs that are none, boxes outside."""
    table = rows(folder)
    wrong = [f"{name}: {count} rows" for name, count in Counter(row["id"] for row in table).items() if count > 1]
    strays = {path.name for path in pictures(folder)} ^ {str(row["file_name"]) for row in table}
    wrong += [f"{name}: a picture without a row or a row without a picture" for name in sorted(strays)]
    for row in table:
        if (folder / str(row["file_name"])).is_file():
            wrong += [f"{row['id']}: {fault}" for fault in _faults(folder, row)]
    for name in sorted({row["process"] for row in table}):
        looks: dict[str, list[tuple[str, ...]]] = {"train": [], "heldout": []}
        for row in table:
            if row["process"] == name:
                looks[row["split"]].append((row["renderer"], row["look"], row["notation"]))
        if len(looks["heldout"]) != 1 or len(looks["train"]) < 2:
            wrong.append(f"{name}: {len(looks['train'])} looks to train with and {len(looks['heldout'])} held out")
        elif looks["heldout"][0] in looks["train"]:
            wrong.append(f"{name}: the held-out look is trained with too")
    return wrong


def _faults(folder: Path, row: dict[str, Any]) -> list[str]:
    if tuple(row) != FIELDS:
        return [f"other fields: {', '.join(set(row) ^ set(FIELDS)) or 'another order'}"]
    out = [f"{name} is empty" for name in FIELDS if row[name] == "" and name not in ("options", "after")]
    with Image.open(folder / row["file_name"]) as image:
        image.load()
        size = image.size
    if size != (row["width"], row["height"]):
        out.append(f"the picture has {size} pixels")
    try:
        graph = Diagram.from_json(json.loads(row["graph"]))
    except (ValueError, DiascribeError) as error:
        return [*out, f"the graph cannot be read: {error}"]
    if (graph.kind, graph.language) != (row["kind"], row["language"]):
        out.append("kind or language differ from the graph's")
    if narrate(graph).text != row["description"]:
        out.append("the description is not the graph's")
    boxes: dict[str, Box | None] = {node.id: node.bbox for node in graph.nodes}
    boxes |= {lane.id: lane.bbox for lane in graph.lanes}
    out += [f"the box of {name} is missing or outside" for name, box in boxes.items() if not _within(box, size)]
    for edge in graph.edges:
        out += [f"{edge.id} runs outside" for x, y in edge.points if not _within((x, y, x + 1, y + 1), size)][:1]
        for end, point in zip((edge.source, edge.target), (edge.points[:1], edge.points[-1:]), strict=True):
            if not point or not _near(point[0], boxes[end], 0.02 * max(size) + 14):
                out.append(f"{edge.id} does not reach {end}")
    return out


def _within(box: Box | None, size: tuple[int, int]) -> bool:
    return box is not None and -1 <= box[0] < box[2] <= size[0] + 1 and -1 <= box[1] < box[3] <= size[1] + 1


def _near(point: tuple[float, float], box: Box | None, slack: float) -> bool:
    (x, y) = point
    return box is not None and max(box[0] - x, x - box[2], box[1] - y, y - box[3]) <= slack
