"""How fast and how large `diascribe describe` is, beside RapidOCR and Tesseract alone on the same pictures.

    python bench/speed.py [FOLDER…] [--limit N] [--no-limits]

FOLDER: a set of pictures; the project's own unless given. Each contender runs in a process of its own; for every
picture the three take turns, so that a busy machine slows all alike. Printed per set: the median seconds, the median
over pictures of (diascribe / RapidOCR), the peak memory of each process while it read a picture, as the median over
pictures and for ours as the most of any; then the largest pictures of every kind that are accepted (--no-limits: not
these), what two worker processes gain (and two that only count, which no program can surpass), and each figure beside
what is asked of it.
Written to bench/results/ too, with the load of the machine: seconds on the wall mean little on a busy one, seconds of
the processor somewhat more.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
RESULTS = ROOT / "bench" / "results"
OWN = [ROOT / "data" / "check" / "ru"]
LONG = "12,000 px long.png"
COUNT = 40_000_000  # a second or two
USUAL = range(1000, 1401)  # pixels of the longer side of a usual export
SHARED = [ROOT.parent / "shared" / "eval" / "dev" / name for name in ("miwg", "flowchart", "handdrawn")]


def make_diascribe() -> Callable[[Path], object]:
    from pipeline.build import describer
    from pipeline.describe import describe
    from pipeline.settings import Settings

    settings = Settings()
    reader = describer(settings)
    return lambda path: describe(path, settings, reader)


def make_rapidocr() -> Callable[[Path], object]:
    import logging

    from rapidocr import RapidOCR

    logging.disable(logging.WARNING)
    engine = RapidOCR()
    return lambda path: engine(str(path))


def make_tesseract() -> Callable[[Path], object]:
    from PIL import Image
    from tesserocr import PSM, PyTessBaseAPI

    from vision.ocr_tesseract import data_folder

    api = PyTessBaseAPI(path=str(data_folder()), lang="rus+eng", psm=PSM.SPARSE_TEXT)

    def read(path: Path) -> str:
        with Image.open(path) as image:
            api.SetImage(image.convert("RGB"))
        return str(api.GetUTF8Text())

    return read


CONTENDERS = {"diascribe": make_diascribe, "RapidOCR": make_rapidocr, "Tesseract": make_tesseract}


@dataclass
class Taken:
    """Of one call: wall-clock and processor seconds; peak memory of the process meanwhile, MiB."""

    wall: float
    cpu: float
    peak: float


def serve(name: str, pipe: Connection) -> None:
    """A contender's process: a path in, what it took out."""
    work = CONTENDERS[name]()
    while (path := pipe.recv()) is not None:
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # forget the peak, proc_pid_clear_refs(5)
        wall, cpu = time.perf_counter(), time.process_time()
        work(path)
        pipe.send(Taken(time.perf_counter() - wall, time.process_time() - cpu, peak()))


def peak() -> float:
    """The most memory this process has held since it was asked to forget, MiB (`VmHWM`, proc_pid_status(5))."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def start(name: str) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(name, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def measure(pictures: list[Path]) -> dict[str, list[Taken]]:
    """What each contender took for each picture; the first picture is read once before, to warm up."""
    crew = {name: start(name) for name in CONTENDERS}
    taken: dict[str, list[Taken]] = {name: [] for name in CONTENDERS}
    for i, path in enumerate([pictures[0], *pictures]):
        for name, (_, pipe) in crew.items():
            pipe.send(path)
            result = pipe.recv()
            if i:
                taken[name].append(result)
    for process, pipe in crew.values():
        pipe.send(None)
        process.join()
    return taken


def large(folder: Path, pictures: list[Path]) -> list[Path]:
    """Pictures at the limits, made in the folder: many diagrams on 12,000 px, one as large as is accepted in each mode
    that files have, a page of paper, noise."""
    import numpy as np
    from PIL import Image

    from vision.load import Limits

    side = int(Limits().pixels ** 0.5)
    sheet = Image.new("RGB", (12_000, 1_500), "white")
    x = y = row = 0
    for path in itertools.cycle(pictures):
        with Image.open(path) as image:
            if x + image.width > sheet.width:
                x, y, row = 0, y + row, 0
            if y >= sheet.height:
                break
            sheet.paste(image.convert("RGB"), (x, y))
            x, row = x + image.width, max(row, image.height)
    made = [folder / LONG]
    sheet.save(made[0], compress_level=1)
    with Image.open(pictures[0]) as image:
        scale = (Limits().pixels / (image.width * image.height)) ** 0.5
        scan = image.convert("RGB").resize((int(image.width * scale), int(image.height * scale)))
    for mode, suffix in (("RGB", "png"), ("RGBA", "png"), ("P", "png"), ("I;16", "png"), ("CMYK", "jpg"), ("L", "tif")):
        made.append(folder / f"100 Mpx {mode.replace(';', '')}.{suffix}")
        if mode == "I;16":
            Image.fromarray(np.asarray(scan.convert("L"), np.uint16) * 257).save(made[-1], compress_level=1)
        else:
            how = {"png": {"compress_level": 1}, "tif": {"compression": "tiff_deflate"}}.get(suffix, {})
            scan.convert(mode).save(made[-1], **how)
    made.append(folder / "page of paper.pdf")
    scan.save(made[-1], resolution=72)
    noise = np.random.default_rng(0).integers(0, 256, (side, side), np.uint8)
    made.append(folder / "100 Mpx of noise.jpg")
    Image.fromarray(noise).save(made[-1], quality=30)
    return made


def limits(pictures: list[Path]) -> dict[str, Taken]:
    """What each large picture took, by name, read by a process of its own."""
    found: dict[str, Taken] = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in large(Path(folder), pictures):
            process, pipe = start("diascribe")
            pipe.send(path)
            taken: Taken = pipe.recv()
            pipe.send(None)
            process.join()
            found[path.name] = taken
    return found


def machine() -> str:
    """What the figures were taken on: no names."""
    try:
        info = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "")
    except OSError:
        model = ""
    load = f", load {os.getloadavg()[0]:.1f} besides this" if hasattr(os, "getloadavg") else ""
    kind = f"{model or platform.machine()}, {os.cpu_count()} cores{load}"
    return f"{datetime.date.today()}, {kind}, Python {platform.python_version()}"


def parallel(pictures: list[Path]) -> float:
    """Seconds of one worker process over seconds of two, for a whole `describe`."""
    from pipeline.batch import Plan, describe_files
    from pipeline.settings import Settings
    from pipeline.sources import find

    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for jobs in (1, 2):
            begin = time.perf_counter()
            settings = Settings(threads=1)
            outcomes = list(describe_files(find(list(map(str, pictures))), Plan("json", Path(folder)), settings, jobs))
            assert all(outcome.found for outcome in outcomes)
            seconds.append(time.perf_counter() - begin)
    return seconds[0] / seconds[1]


def room() -> float:
    """What two processes gain over one that only count: the most that this machine has to give at this moment."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(count, [1, 1])  # both are there
        begin = time.perf_counter()
        pool.apply(count, (COUNT,))
        middle = time.perf_counter()
        pool.map(count, [COUNT, COUNT], chunksize=1)
        return 2 * (middle - begin) / (time.perf_counter() - middle)


def count(most: int) -> int:
    total = 0
    for number in range(most):
        total += number
    return total


def pictures_of(folder: Path, limit: int) -> list[Path]:
    from vision.load import SUFFIXES

    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES - {".pdf"})
    step = max(1, len(found) // limit) if limit else 1
    return found[::step][: limit or None]


def goals(sets: dict[str, Figures], edge: dict[str, Taken], gain: float, most: float) -> list[list[str]]:
    """Each figure beside what is asked."""
    rows = [["figure", "value", "asked", "reached"]]

    def add(name: str, value: float, asked: float, *, least: bool = False) -> None:
        reached = value >= asked if least else value <= asked
        rows.append([name, f"{value:.2f}", f"{'≥' if least else '≤'} {asked:g}", "yes" if reached else "no"])

    for name, one in sets.items():
        add(f"{name}: seconds / RapidOCR's (aim 0.4)", one.ratio, 0.6)
        add(f"{name}: processor seconds / RapidOCR's", one.cpu_ratio, 0.6)
        if one.usual is not None:
            add(f"{name}: seconds, pictures of about 1,200 px", one.usual, 1.0)
        add(f"{name}: peak memory, median picture, MiB", one.peak, 600)
        add(f"{name}: peak memory, any picture, MiB", one.most, 1536)
    if edge:
        add("seconds, 12,000 px long", edge[LONG].wall, 30)
        add("peak memory of the largest inputs, MiB", max(one.peak for one in edge.values()), 1536)
    add("--jobs 2, times as fast as one worker", gain, 1.7, least=True)
    rows.append(["two processes that only count, times as fast as one", f"{most:.2f}", "(the machine)", ""])
    return rows


@dataclass
class Figures:
    """Of one set: medians over its pictures; usual: seconds of those of usual size, None without any; peak, most: MiB,
    most of any picture."""

    ratio: float
    cpu_ratio: float
    usual: float | None
    peak: float
    most: float


def is_usual(path: Path) -> bool:
    from PIL import Image

    with Image.open(path) as image:
        return max(image.size) in USUAL


def table(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--no-limits", action="store_true", help="leave out the largest inputs")
    parser.add_argument("--limit", type=int, default=20, help="pictures per set, spread evenly; 0: all")
    args = parser.parse_args()
    where = machine()
    folders = args.folders or [folder for folder in (*OWN, *SHARED) if folder.is_dir()]
    head = ["set", "pictures", "diascribe s", "RapidOCR s", "Tesseract s", "ratio", "ratio (cpu)"]
    rows = [head + [f"{name} MiB" for name in CONTENDERS] + ["(most)"]]
    every: list[Path] = []
    sets: dict[str, Figures] = {}
    for folder in folders:
        pictures = pictures_of(folder, args.limit)
        if not pictures:
            continue
        every += pictures[:8]
        taken = measure(pictures)
        ours, theirs = taken["diascribe"], taken["RapidOCR"]
        middle = {name: statistics.median(one.wall for one in all_) for name, all_ in taken.items()}
        usual = [one.wall for path, one in zip(pictures, ours, strict=True) if is_usual(path)]
        sets[folder.name] = one_set = Figures(
            statistics.median(a.wall / b.wall for a, b in zip(ours, theirs, strict=True)),
            statistics.median(a.cpu / b.cpu for a, b in zip(ours, theirs, strict=True)),
            statistics.median(usual) if usual else None,
            statistics.median(one.peak for one in ours),
            max(one.peak for one in ours),
        )
        rows.append(
            [
                folder.name,
                str(len(pictures)),
                *(f"{middle[name]:.2f}" for name in CONTENDERS),
                f"{one_set.ratio:.2f}",
                f"{one_set.cpu_ratio:.2f}",
                *(f"{statistics.median(one.peak for one in taken[name]):.0f}" for name in CONTENDERS),
                f"{one_set.most:.0f}",
            ]
        )
        print(table(rows), flush=True)
        print()
    if not every:
        parser.error("no pictures there")
    edge = {} if args.no_limits else limits(every)
    gain = parallel(every)
    asked = goals(sets, edge, gain, room())
    large_rows = [["largest inputs", "seconds", "cpu", "MiB"]]
    large_rows += [[name, f"{one.wall:.1f}", f"{one.cpu:.1f}", f"{one.peak:.0f}"] for name, one in edge.items()]
    text = (
        f"{where}\n\nSeconds: median of a picture. Ratio: diascribe / RapidOCR, median over pictures.\n"
        "MiB: peak memory of the contender's process, median of a picture; (most): ours, of any.\n\n"
        f"{table(rows)}\n\n{table(large_rows)}\n\n"
        f"{table(asked)}\n"
    )
    print(text)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "speed.md").write_text(f"# `describe`: speed and memory\n\n```\n{text}```\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
