"""How fast the index answers, how right, how much memory it takes: against an exact search and usearch.

    python bench/index.py [--sizes 100000 1000000] [--dim 512]

Vectors stand in for embeddings: mixtures of many centres with a spectrum that falls like that of real ones, so that
neighbours exist. Each contender runs in a process of its own, on one thread. p50: median milliseconds of one search for
10. recall@10: share of the exact 10 that it finds. MiB: peak memory of the process that opens and searches, less that
of the empty process. open: seconds from a cold start of the index to the first answer. build: vectors a second.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.speed import machine  # noqa: E402

RESULTS = ROOT / "bench" / "results"
QUERIES = 300


def vectors(count: int, dim: int, seed: int) -> object:
    """(count, dim) float32 of length 1: centre + noise, both with variances that fall as 1 / rank."""
    import numpy as np

    rng = np.random.default_rng(seed)
    spectrum = (1 / np.sqrt(np.arange(1, dim + 1))).astype(np.float32)
    centres = np.random.default_rng(1).normal(size=(2000, dim)).astype(np.float32) * spectrum
    out = centres[rng.integers(0, len(centres), count)]
    for start in range(0, count, 100_000):
        part = out[start : start + 100_000]
        part += 0.7 * spectrum * rng.standard_normal(part.shape, np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return out


def serve(way: str, folder: Path, count: int, dim: int) -> None:
    """Opens and searches; prints p50, open seconds, MiB, and saves what was found."""
    import numpy as np

    asked = np.load(folder / "queries.npy")
    before = peak()
    start = time.perf_counter()
    if way == "diascribe":
        from retrieval.faiss_index import FaissIndex
        from retrieval.index import Identity

        index, identity = FaissIndex(folder / "index"), Identity("bench", "bench", dim)

        def search(query: np.ndarray) -> list[int]:
            return [int(hit.id) for hit in index.search(query, 10, identity)]

    elif way == "exact":
        import faiss

        flat = faiss.read_index(str(folder / "flat.faiss"))

        def search(query: np.ndarray) -> list[int]:
            return flat.search(query[None], 10)[1][0].tolist()

    else:
        from usearch.index import Index

        other = Index.restore(str(folder / "usearch"), view=True)

        def search(query: np.ndarray) -> list[int]:
            return [int(key) for key in other.search(query, 10, threads=1).keys]

    search(asked[0])
    opened = time.perf_counter() - start
    found, taken = [], []
    for query in asked:
        begin = time.thread_time()
        hits = search(query)
        taken.append(time.thread_time() - begin)
        found.append(hits)
    np.save(folder / f"{way}.npy", np.array(found))
    print(f"{1000 * np.median(taken):.3f} {1000 * np.percentile(taken, 99):.3f} {opened:.2f} {peak() - before:.0f}")


def peak() -> float:
    """MiB of memory that this process has held at most."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def build(way: str, folder: Path, dim: int) -> None:
    """Builds; prints the seconds."""
    import numpy as np

    table = np.load(folder / "vectors.npy", mmap_mode="r")
    start = time.perf_counter()
    if way == "diascribe":
        from retrieval import faiss_index
        from retrieval.index import Identity

        faiss_index.BATCH = 4096
        index = faiss_index.FaissIndex(folder / "index")
        wanted = {f"{i:09d}": "" for i in range(len(table))}
        index.sync(lambda: wanted, lambda names: table[[int(name) for name in names]], Identity("bench", "bench", dim))
    elif way == "exact":
        import faiss

        flat = faiss.IndexFlatIP(dim)
        flat.add(np.asarray(table))
        faiss.write_index(flat, str(folder / "flat.faiss"))
    else:
        from usearch.index import Index

        other = Index(ndim=dim, metric="ip", dtype="f16")
        other.add(np.arange(len(table)), np.asarray(table), threads=os.cpu_count() or 1)
        other.save(str(folder / "usearch"))
    print(f"{time.perf_counter() - start:.1f}")


def run(*arguments: object) -> list[float]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1" if "serve" in arguments else str(os.cpu_count())}
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return [float(number) for number in done.stdout.split()]


def main() -> int:
    import numpy as np

    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
        return 0
    if sys.argv[1:2] == ["build"]:
        build(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000])
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument(
        "--ways", nargs="+", default=["exact", "diascribe", *(["usearch"] if find_spec("usearch") else [])]
    )
    args = parser.parse_args()
    heads = "vectors", "way", "p50 ms", "p99 ms", "recall@10", "open s", "MiB", "built/s", "disk MiB"
    lines = [f"{machine()}.", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    print("\n".join(lines), flush=True)
    for count in args.sizes:
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
            folder = Path(name)
            np.save(folder / "vectors.npy", vectors(count, args.dim, 2))
            np.save(folder / "queries.npy", vectors(QUERIES, args.dim, 3))
            for way in args.ways:
                (seconds,) = run("build", way, folder, args.dim)
                size = sum(path.stat().st_size for path in files(folder, way)) / 2**20
                p50, p99, opened, memory = run("serve", way, folder, count, args.dim)
                right, got = np.load(folder / "exact.npy"), np.load(folder / f"{way}.npy")
                recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(right, got, strict=True)])
                lines.append(
                    f"| {count} | {way} | {p50:.3f} | {p99:.3f} | {recall:.3f} | {opened:.2f} | {memory:.0f} | "
                    f"{count / seconds:.0f} | {size:.0f} |"
                )
                print(lines[-1], flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    head = "# The index beside an exact search and usearch\n\n" + (__doc__ or "").split("\n\n", 2)[2]
    (RESULTS / "index.md").write_text(head + "\n" + "\n".join(lines) + "\n", "utf-8")
    return 0


def files(folder: Path, way: str) -> list[Path]:
    places = {"exact": folder / "flat.faiss", "usearch": folder / "usearch", "diascribe": folder / "index"}
    place = places[way]
    return [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]


if __name__ == "__main__":
    sys.exit(main())
