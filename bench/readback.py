"""Graph → picture → graph: the built-in reader reads what the native renderer drew, for the project's own graphs.

    python bench/readback.py [--every N] [--jobs N] [--out FOLDER]

Every process of data/make in every notation that shows all of it (`process.every`); PNG as `diascribe draw` makes them.
Printed, and written to bench/results/readback.md: F1 of nodes and flows by notation and language, macro (mean over
pictures), and the worst pictures. --out keeps pictures and graphs.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "data" / "make")]

import process  # noqa: E402
from diagram.model import Diagram  # noqa: E402
from pipeline.draw import Studio  # noqa: E402
from pipeline.score import Score, macro, score  # noqa: E402

RESULTS = ROOT / "bench" / "results" / "readback.md"
SHOWN = ("node_f1", "typed_f1", "edge_f1", "label_acc", "exact")


def drawn(studio: Studio, diagram: Diagram) -> bytes:
    """The picture of a graph as `draw` makes it."""
    return studio.draw(json.dumps(diagram.to_json()), "png").data


def read(picture: bytes) -> dict[str, object]:
    """The graph that the built-in reader finds in a picture."""
    from PIL import Image

    from pipeline.describe import describe

    return dict(describe(Image.open(io.BytesIO(picture))).diagram.to_json())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1, help="take every Nth graph")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    graphs = list(process.every(ROOT / "data" / "make" / "processes"))[:: options.every]
    with Studio("native", deadline=120) as studio:
        pictures = [drawn(studio, diagram) for _, diagram in graphs]
    with ProcessPoolExecutor(options.jobs) as pool:
        found = list(pool.map(read, pictures))
    scores: dict[str, list[Score]] = defaultdict(list)
    worst = []
    for (name, diagram), picture, predicted in zip(graphs, pictures, found, strict=True):
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / f"{name}.png").write_bytes(picture)
            (options.out / f"{name}.json").write_text(json.dumps(predicted, ensure_ascii=False), "utf-8")
        one = score(diagram.to_json(), predicted)
        for group in ("all", name[:2], name.rsplit("-", 1)[1]):
            scores[group].append(one)
        worst.append((one.nodes.f1 + one.edges.f1, f"{name}: node {one.nodes.f1:.2f}, flow {one.edges.f1:.2f}"))
    text = report(scores, [line for total, line in sorted(worst)[:15] if total < 2])
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text, "utf-8")
    print(text)


def report(scores: dict[str, list[Score]], worst: list[str]) -> str:
    """The table in Markdown, then the worst pictures."""
    lines = ["# Reading back what was drawn", "", "| graphs | number | " + " | ".join(SHOWN) + " |"]
    lines.append("| --- " * (2 + len(SHOWN)) + "|")
    for group, some in scores.items():
        means = macro(some)
        lines.append(f"| {group} | {len(some)} | " + " | ".join(f"{means[name] or 0:.3f}" for name in SHOWN) + " |")
    return "\n".join([*lines, "", "Goal: node_f1 and edge_f1 ≥ 0.98. The worst:", "", *(f"- {w}" for w in worst), ""])


if __name__ == "__main__":
    main()
