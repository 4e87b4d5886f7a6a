"""How well the same process is found again, against simpler ways, and what a `describe` call pays for it.

    python bench/retrieval.py [--miwg FOLDER] [--graphs FOLDER]

Three sets: exports of one test model by several tools (a query of one tool must find those of the others), the
project's own training diagrams (the held-out look of each process must find the other looks), and the same with
held-out looks so small that most words cannot be read. Ways: the built-in
embedder; pixels of the picture scaled to 32 x 32; a perceptual hash (64 bits of its cosine transform); TF-IDF of the
text that was read, by words and by groups of letters. Pictures that are asked for are read by the reader once; their
graphs are kept in bench/results/graphs, or taken from --graphs (NAME.json).

recall@k: of the relevant pictures, or of k if there are more, the share among the first k. mAP: mean average precision.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.speed import machine  # noqa: E402
from diagram.model import Diagram  # noqa: E402
from pipeline.evaluate_retrieval import means, ranking  # noqa: E402
from retrieval.builtin import BuiltinEmbedder, texts  # noqa: E402
from retrieval.clip import squared  # noqa: E402
from retrieval.embedder import Picture  # noqa: E402
from retrieval.examples import ExampleFolder  # noqa: E402

RESULTS = ROOT / "bench" / "results"
SMALL = 0.35
MIWG = ROOT.parent / "shared" / "eval" / "dev" / "miwg"


@dataclass(frozen=True)
class Item:
    """One picture. process: what must be found; group: pictures of the query's own group are not searched.

    title: as the index knows it; "" for what is asked for.
    """

    path: Path
    process: str
    group: str
    diagram: Diagram
    title: str = ""


Way = Callable[[Sequence[Item]], np.ndarray]


def by_builtin(items: Sequence[Item]) -> np.ndarray:
    embedder = BuiltinEmbedder(lambda image: Diagram())
    vectors = embedder.embed([Picture(lambda: Image.new("L", (1, 1)), item.diagram, item.title) for item in items])
    return vectors @ vectors.T


def by_pixels(items: Sequence[Item]) -> np.ndarray:
    small = (squared(opened(item)).convert("L").resize((32, 32), Image.Resampling.BOX) for item in items)
    table = np.array([np.asarray(image, float).ravel() for image in small])
    return cosine(table - table.mean(axis=1, keepdims=True))


def by_hash(items: Sequence[Item]) -> np.ndarray:
    from scipy.fft import dctn

    rows = []
    for item in items:
        small = np.asarray(opened(item).convert("L").resize((32, 32), Image.Resampling.BOX), float)
        low = dctn(small)[:8, :8].ravel()
        rows.append(np.where(low > np.median(low[1:]), 1.0, -1.0))
    table = np.array(rows)
    return table @ table.T / 64


def by_words(items: Sequence[Item]) -> np.ndarray:
    return tf_idf([re.findall(r"\w+", said(item)) for item in items])


def by_letters(items: Sequence[Item]) -> np.ndarray:
    found = (" " + " ".join(re.findall(r"\w+", said(item))) + " " for item in items)
    return tf_idf([[text[i : i + n] for n in (3, 4, 5) for i in range(len(text) - n + 1)] for text in found])


ABOUT = """`own`: the held-out look of each process of the training diagrams asks for its other looks. `small`: the same
with the looks that ask shrunk to 0.35 of their sides, where most words cannot be read. `miwg`: public
exports of one test model by several tools; the picture of one tool asks for those of the others, never for its own.
Pictures asked for are read by the reader, and in `miwg` those found too. recall@k: of the relevant pictures, or of k if
there are more, the share among the first k; mAP: mean average precision.
"""
WAYS: dict[str, Way] = {
    "built-in": by_builtin,
    "pixels": by_pixels,
    "hash": by_hash,
    "TF-IDF words": by_words,
    "TF-IDF letters": by_letters,
}


def said(item: Item) -> str:
    return " ".join([*texts(item.diagram), item.title]).casefold()


def opened(item: Item) -> Image.Image:
    with Image.open(item.path) as image:
        return squared(image) if image.mode in ("RGBA", "LA", "P") else image.convert("RGB")


def tf_idf(documents: Sequence[Iterable[str]]) -> np.ndarray:
    counts = [Counter(document) for document in documents]
    seen = Counter(term for count in counts for term in count)
    place = {term: i for i, term in enumerate(seen)}
    table = np.zeros((len(counts), max(1, len(place))))
    for row, count in zip(table, counts, strict=True):
        for term, number in count.items():
            row[place[term]] = (1 + math.log(number)) * math.log(len(counts) / seen[term])
    return cosine(table)


def cosine(table: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    table = table / np.where(lengths > 0, lengths, 1)
    return np.asarray(table @ table.T)


def figures(items: Sequence[Item], scores: np.ndarray, queries: Sequence[int]) -> dict[str, float]:
    """recall@1, recall@5 and mAP over the queries that have something to find, and how many these are."""
    rows = []
    for query in queries:
        others = [i for i, item in enumerate(items) if item.group != items[query].group]
        right = np.array([items[i].process == items[query].process for i in others])
        if right.any():
            rows.append(ranking(scores[query, others], right))
    return {"queries": len(rows), **means(rows)}


def miwg(folder: Path, graphs: Path) -> tuple[list[Item], list[int]]:
    """Everything as read; tool and test stand in the names."""
    items = []
    for path in sorted(folder.glob("*.png")):
        tool, rest = path.stem.removeprefix("miwg_").split("_", 1)
        match = re.match(r"([A-C]\.\d\.\d)(\.\d)?(?:-export|-import)?(\.\d)?(.*)", rest)
        assert match is not None, path
        test, page, other, more = (part or "" for part in match.groups())
        items.append(Item(path, test + (page or other) + more, tool, read(path, graphs)))
    return items, list(range(len(items)))


def own(graphs: Path, scale: float = 1.0) -> tuple[list[Item], list[int]]:
    """Held-out pictures as read, scaled, the others with their true graphs, as the index has them."""
    records = list(ExampleFolder(ROOT / "data" / "train").records().values())
    items = []
    for record in records:
        asked = record.split != "train"
        path = shrunk(record.image, graphs / f"x{scale}", scale) if asked and scale < 1 else record.image
        diagram = read(path, path.parent if scale < 1 else graphs) if asked else record.diagram
        assert diagram is not None
        title = "" if asked else record.title
        items.append(Item(path, record.process, "asked" if asked else "kept", diagram, title))
    return items, [i for i, item in enumerate(items) if item.group == "asked"]


def shrunk(path: Path, folder: Path, scale: float) -> Path:
    """A smaller copy of a picture."""
    out = folder / f"{path.stem}.png"
    if not out.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
            image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(out)
    return out


def read(path: Path, graphs: Path) -> Diagram:
    """The graph of a picture, by the reader, or as it was read before."""
    kept = graphs / f"{path.stem}.json"
    if not kept.exists():
        from pipeline.describe import describe
        from pipeline.settings import Settings

        graph = describe(path, Settings(examples=0)).diagram
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(graph.to_json(), ensure_ascii=False), "utf-8")
    return Diagram.from_json(json.loads(kept.read_text("utf-8")))


def cost(items: Sequence[Item]) -> str:
    """Processor seconds of the examples beside those of the reading, in one process."""
    import tempfile

    from pipeline.describe import describe
    from pipeline.retrieve import Retrieval
    from pipeline.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(index_dir=Path(folder), embedder="builtin")
        start = time.process_time()
        built = Retrieval(settings).build()
        building = time.process_time() - start
        retrieval = Retrieval(settings)
        reading, adding = [], []
        for item in items[:: max(1, len(items) // 12)]:
            start = time.process_time()
            found = describe(item.path, settings.model_copy(update={"examples": 0}))
            reading.append(time.process_time() - start)
            start = time.process_time()
            retrieval.with_examples(found, opened(item))
            adding.append(time.process_time() - start)
    shares = [100 * b / (a + b) for a, b in zip(reading[1:], adding[1:], strict=True)]
    most, count = max(shares), built.manifest.count
    return (
        f"Processor time: the index of the {count} bundled examples is built in {building:.2f} s. In a "
        f"`describe` call, embedding, search and choice take {1000 * statistics.median(adding[1:]):.1f} ms, "
        f"{statistics.median(shares):.2f} % of the call (median of {len(shares)} pictures; {most:.2f} % at most); "
        f"the first call of a process {1000 * adding[0]:.0f} ms, for the index and the examples are opened then."
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--miwg", type=Path, default=MIWG)
    parser.add_argument("--graphs", type=Path, default=RESULTS / "graphs")
    args = parser.parse_args()
    sets = {"own": own(args.graphs), "small": own(args.graphs, SMALL)}
    if args.miwg.is_dir():
        sets["miwg"] = miwg(args.miwg, args.graphs)
    lines = [
        f"{machine()}.",
        "",
        "| set | way | asked | recall@1 | recall@5 | mAP |",
        "|---|---|---|---|---|---|",
    ]
    for name, (items, queries) in sets.items():
        for way, score in WAYS.items():
            row = figures(items, score(items), queries)
            cells = " | ".join(f"{row[key]:.3f}" for key in ("recall@1", "recall@5", "mAP"))
            lines.append(f"| {name} | {way} | {row['queries']} | {cells} |")
    items, queries = sets["own"]
    lines += ["", cost([items[query] for query in queries])]
    text = "\n".join(lines) + "\n"
    print(text)
    RESULTS.mkdir(parents=True, exist_ok=True)
    head = f"# The same process, found again\n\n{(__doc__ or '').split('    python', 1)[0].strip()}\n\n"
    (RESULTS / "retrieval.md").write_text(head + ABOUT + "\n" + text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
