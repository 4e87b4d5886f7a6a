"""What a worse copy of a picture costs: the reader on pictures as they are, as JPEG of quality 40, at 0.75 of the size.

    python bench/degrade.py [FOLDER…] [--limit N] [--jobs N]

FOLDER holds NAME.png with NAME.json; the project's own sets unless given.

Printed per set and kind of copy: the mean of each figure over the pictures, and what it lost against the pictures as
they are (asked: 0.03 at the most of nodes and of flows). Boxes that were found are put back to the size of the truth.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.speed import OWN, SHARED  # noqa: E402
from pipeline.evaluate import EMPTY, picture_of, read_truths  # noqa: E402
from pipeline.score import Score, macro, score  # noqa: E402

SHOWN = ("node_f1", "typed_f1", "edge_f1", "label_acc", "lane_acc")
ASKED = 0.03
SMALL = 0.75

Graph = Mapping[str, Any]


def jpeg(image: Image.Image) -> Image.Image:
    """The picture saved as JPEG of quality 40; what is transparent lies on white."""
    data = io.BytesIO()
    flat = Image.new("RGBA", image.size, "white")
    flat.alpha_composite(image.convert("RGBA"))
    flat.convert("RGB").save(data, "JPEG", quality=40)
    return Image.open(data)


def smaller(image: Image.Image) -> Image.Image:
    """The picture at 0.75 of its width and height."""
    size = max(1, round(image.width * SMALL)), max(1, round(image.height * SMALL))
    form = image.mode if image.mode in ("L", "RGB", "RGBA") else "RGBA"
    return image.convert(form).resize(size, Image.Resampling.LANCZOS)


COPIES: dict[str, tuple[Callable[[Image.Image], Image.Image], float]] = {
    "as it is": (lambda image: image, 1.0),
    "JPEG 40": (jpeg, 1.0),
    "0.75 ×": (smaller, SMALL),
}


def read(task: tuple[Path, Graph, str]) -> Score:
    """The figures of one copy of one picture; what cannot be read counts as an empty graph."""
    from diagram.errors import InputError
    from pipeline.describe import describe
    from vision import threads
    from vision.load import open_upload

    threads.hold(1)  # of each worker process
    path, truth, name = task
    change, scale = COPIES[name]
    try:
        found: Graph = describe(change(open_upload(path).page())).diagram.to_json()
    except InputError:
        found = EMPTY
    parts = {key: [_resized(one, 1 / scale) for one in found[key]] for key in ("nodes", "lanes")}
    return score(truth, {**found, **parts})


def _resized(one: Graph, scale: float) -> Graph:
    return {**one, "bbox": [value * scale for value in one["bbox"]]} if one.get("bbox") else one


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--limit", type=int, default=40, help="pictures per set, spread evenly; 0: all")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    lines = ["| set | pictures | copy | " + " | ".join(SHOWN) + " | loss, nodes | loss, flows | asked |"]
    lines.append("| --- " * (len(SHOWN) + 6) + "|")
    print(*lines, sep="\n", flush=True)
    with ProcessPoolExecutor(args.jobs, get_context("spawn")) as pool:
        for folder in args.folders or [folder for folder in (*OWN, *SHARED[:2]) if folder.is_dir()]:
            pairs = [
                (picture, truth) for name, truth in read_truths(folder).items() if (picture := picture_of(folder, name))
            ]
            pairs = pairs[:: max(1, len(pairs) // args.limit) if args.limit else 1][: args.limit or None]
            whole: Mapping[str, float | None] = {}
            for name in COPIES:
                means = macro(list(pool.map(read, [(picture, truth, name) for picture, truth in pairs])))
                whole = whole or means
                lost = [(whole[key] or 0.0) - (means[key] or 0.0) for key in ("node_f1", "edge_f1")]
                figures = [*(f"{means[key]:.3f}" if means[key] is not None else "–" for key in SHOWN)]
                figures += [f"{loss:+.3f}" for loss in lost] + [
                    f"≤ {ASKED}: " + ("yes" if max(lost) <= ASKED else "no")
                ]
                lines.append(f"| {folder.name} | {len(pairs)} | {name} | " + " | ".join(figures) + " |")
                print(lines[-1], flush=True)
    results = ROOT / "bench" / "results" / "degrade.md"
    results.parent.mkdir(exist_ok=True)
    results.write_text("# What a worse copy costs\n\n" + "\n".join(lines) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
