"""The text stage alone against pictures with truth: how alike the labels are, what is invented, what it costs.

    python -m bench.text TRUTH_DIR [--limit N] [--misses] [--match NAME]

A true label counts with the similarity (normalised Levenshtein, as the scorer defines it) of the best of: the words
inside its box joined in reading order, and runs of one to five neighbouring lines. `ok` is the share at 0.8 or more,
`sim` the mean, `false` the letters read that no label accounts for, per true letter, `cpu` seconds of processor time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from vision import threads
from vision.parts import Page, TextLine
from vision.prepare import prepare
from vision.text import TextReading, join_lines, read_text


def norm(text: str) -> str:
    """Letters and digits only, case and ё folded."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return "".join(ch for ch in text if ch.isalnum())


def similarity(a: str, b: str) -> float:
    """1 - Levenshtein / longer length of normalised texts."""
    if a == b:
        return 1.0
    if not a or not b or min(len(a), len(b)) < 0.4 * max(len(a), len(b)):
        return 0.0
    before = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y)))
        before = row
    return 1 - before[-1] / max(len(a), len(b))


def blocks(lines: Sequence[TextLine]) -> list[str]:
    """Runs of one to five lines that follow each other down (turned: along) the page."""
    out = []
    for first in lines:
        run = [first]
        out.append(first.text)
        while len(run) < 5:
            last = run[-1]
            below = [line for line in lines if line not in run and _follows(last, line)]
            if not below:
                break
            run.append(min(below, key=lambda line: _distance(last, line)))
            out.append(join_lines([line.text for line in run]))
    return out


def _follows(a: TextLine, b: TextLine) -> bool:
    if a.turn != b.turn:
        return False
    p, q = (a.box, b.box) if a.turn == 0 else (_swap(a.box), _swap(b.box))
    height = min(p[3] - p[1], q[3] - q[1])
    gap = q[1] - p[3] if a.turn != 270 else p[1] - q[3]
    overlap = min(p[2], q[2]) - max(p[0], q[0])
    return -0.5 * height < gap < 1.2 * height and overlap > 0


def _swap(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    return box[1], box[0], box[3], box[2]


def _distance(a: TextLine, b: TextLine) -> float:
    return abs(a.box[1] - b.box[1]) + abs((a.box[0] + a.box[2]) - (b.box[0] + b.box[2])) / 2


def inside(lines: Sequence[TextLine], box: Sequence[float]) -> str:
    """Words whose centres lie in the box, line by line."""
    parts = []
    for line in lines:
        kept = [word.text for word in line.words if _holds(box, word.box)]
        if kept:
            parts.append(" ".join(kept))
    return join_lines(parts)


def _holds(box: Sequence[float], word: Sequence[float]) -> bool:
    x, y = (word[0] + word[2]) / 2, (word[1] + word[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def score(truth: dict[str, Any], page: Page, reading: TextReading) -> list[tuple[str, str, float, str]]:
    """(kind, true text, similarity, best reading) of every true label."""
    scale = float(page.to_source[0, 0])
    candidates = [(norm(text), text) for text in blocks(reading.lines)]
    rows = []
    for key in ("nodes", "edges", "lanes"):
        for item in truth.get(key) or []:
            text = item.get("text") or item.get("name") or ""
            want = norm(text)
            if not want:
                continue
            options = list(candidates)
            kind = key[:-1]
            if item.get("bbox"):
                box = [value / scale for value in item["bbox"]]
                own = inside(reading.lines, box)
                options.append((norm(own), own))
                kind = "task" if item.get("type") in ("task", "subprocess", "process") else kind
            best = max(options, key=lambda option: similarity(want, option[0]), default=("", ""))
            rows.append((kind, text, similarity(want, best[0]), best[1]))
    return rows


def _accounted(line: TextLine, labels: Sequence[str], words: Sequence[str]) -> bool:
    """Whether some true label holds what the line says, at least one word of it."""
    text = norm(line.text)
    if any(text in label or similarity(text, label) > 0.6 for label in labels):
        return True
    return any(similarity(norm(word.text), true_word) > 0.7 for word in line.words for true_word in words)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("truth", type=Path)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--misses", action="store_true")
    parser.add_argument("--false", action="store_true")
    parser.add_argument("--match", default="")
    args = parser.parse_args()
    threads.prepare()
    threads.hold(1)
    rows: list[tuple[str, str, float, str]] = []
    costs, prepared, invented, letters, walls = [], [], 0, 0, []
    paths = [p for p in sorted(args.truth.glob("*.json")) if p.name != "index.json" and args.match in p.name]
    for path in paths[:: args.every][: args.limit or None]:
        truth = json.loads(path.read_text("utf-8"))
        picture = next((p for p in (path.with_suffix(end) for end in (".png", ".jpg")) if p.exists()), None)
        if picture is None:
            continue
        with Image.open(picture) as image:
            image.load()
        start = time.process_time()
        page = prepare(image)
        middle = time.process_time()
        wall = time.perf_counter()
        reading = read_text(page)
        walls.append(time.perf_counter() - wall)
        costs.append(time.process_time() - middle)
        prepared.append(middle - start)
        found = score(truth, page, reading)
        rows += found
        want = "".join(norm(row[1]) for row in found)
        letters += len(want)
        texts = [norm(row[1]) for row in found]
        words = [norm(word) for row in found for word in row[1].split()]
        for line in reading.lines:
            if not _accounted(line, texts, words):
                invented += len(norm(line.text))
                if args.false:
                    box = [round(v) for v in line.box]
                    print(f"  false {path.stem[:40]:40s} {line.confidence:.2f} {line.turn} {box} {line.text!r}")
        if args.misses:
            for kind, text, value, best in found:
                if value < 0.8:
                    print(f"  {path.stem[:44]:44s} {kind:5s} {value:.2f} {text!r} <- {best!r}")
    if not rows:
        print("no truth with pictures")
        return 2
    print(f"{'kind':6s} {'n':>5s} {'ok':>6s} {'sim':>6s} {'exact':>6s}")
    for kind in (*sorted({row[0] for row in rows}), "all"):
        part = [row for row in rows if kind in ("all", row[0])]
        print(
            f"{kind:6s} {len(part):5d} {sum(r[2] >= 0.8 for r in part) / len(part):6.3f} "
            f"{statistics.fmean(r[2] for r in part):6.3f} {sum(r[2] == 1 for r in part) / len(part):6.3f}"
        )
    print(
        f"images {len(costs)}  false {invented / max(1, letters):.3f}  cpu {statistics.fmean(costs):.2f}"
        f" (median {statistics.median(costs):.2f}, max {max(costs):.2f})  prepare {statistics.fmean(prepared):.2f}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
