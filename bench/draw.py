"""How fast diagrams are drawn and judged, beside mermaid-cli on the same machine in the same run.

    python bench/draw.py [--mmdc PATH] [--runs N]

mmdc (npm install --prefix bench/node, with PUPPETEER_SKIP_DOWNLOAD=1) starts a browser for every picture; it is left
out when it is not installed, and Chromium when that is not. The contenders take turns on every picture, so that a busy
machine slows all alike; the labels change from turn to turn, so that nothing is answered from memory. Printed, and
written to bench/results/draw.md: median milliseconds, then each figure that was promised, its goal and what it is here.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mermaid import cdp, native  # noqa: E402
from mermaid.chromium import Chromium  # noqa: E402
from mermaid.render import Look, Native  # noqa: E402
from mermaid.validate import Validator  # noqa: E402
from tests.mermaid_corpus import corpus  # noqa: E402

MMDC = ROOT / "bench" / "node" / "node_modules" / ".bin" / "mmdc"
RESULTS = ROOT / "bench" / "results" / "draw.md"
SCALE_1 = Look(scale=1)
PICTURES = ((10, "svg"), (10, "png"), (10, "pdf"), (200, "svg"), (200, "png"))


def chart(nodes: int, turn: int = 0) -> str:
    """A flowchart of so many nodes, a decision with a way back every fourth."""
    lines = ["flowchart TB"]
    for i in range(nodes):
        shape = f'{{"Готово {i}.{turn}?"}}' if i % 4 == 3 else f'["Шаг {i}: проверить {turn}"]'
        lines.append(f"  n{i}{shape}")
        if i:
            lines.append(f'  n{i - 1} -->|"да"| n{i}' if i % 4 == 0 else f"  n{i - 1} --> n{i}")
        if i % 4 == 3:
            lines.append(f'  n{i} -->|"нет"| n{i - 2}')
    return "\n".join(lines) + "\n"


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


class Mmdc:
    """mermaid-cli, a process per picture, with the Chromium that is installed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.folder = Path(tempfile.mkdtemp())
        browser = {"executablePath": cdp.find(), "args": ["--no-sandbox"], "headless": True}
        (self.folder / "p.json").write_text(json.dumps(browser))

    def draw(self, source: str, form: str) -> None:
        (self.folder / "in.mmd").write_text(source)
        command = [self.path, "-q", "-i", "in.mmd", "-o", f"out.{form}", "-p", "p.json"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=300)


def cold(compiled: str) -> tuple[float, float]:
    """Milliseconds from the start of a process to its first SVG, drawn from text: as a library, and as a command.

    compiled: a folder for the compiled modules, which an installation has beside them.
    """
    words = "1. Проверить\n2. Подписать"
    library = f"from pipeline.draw import Studio\nwith Studio('native') as s: s.draw({words!r})"
    command = f"import pipeline.cli as c; c.main(['draw', {words!r}, '--renderer', 'native', '--out', {compiled!r}])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(script: str) -> float:
        called = [sys.executable, "-c", script]
        return milliseconds(lambda: subprocess.run(called, env=environment, check=True, capture_output=True))

    return run(library), run(command)


def throughput(renderer: Native, seconds: float = 5.0) -> float:
    """SVG of 10 nodes per second with as many callers as workers."""
    end = time.perf_counter() + seconds

    def caller(who: int) -> int:
        done = 0
        while time.perf_counter() < end:
            renderer.render(chart(10, 2 * done + who), "svg")
            done += 1
        return done

    start = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        total = sum(pool.map(caller, range(2)))
    return total / (time.perf_counter() - start)


def processor_time() -> float:
    """Milliseconds of processor time of one SVG of 10 nodes: what it costs, however busy the machine is."""
    native.render({}, chart(10).encode())
    start = time.process_time()
    for turn in range(40):
        native.render({}, chart(10, turn).encode())
    return (time.process_time() - start) * 1000 / 40


def race(contenders: dict[str, Callable[[str, str], object]], runs: int) -> tuple[list[list[str]], dict[str, float]]:
    """A row of median milliseconds for every picture, and how many times faster than mmdc, by "10 svg native"."""
    rows, faster = [], {}
    for count, form in PICTURES:
        taken: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(runs + 1):
            for name, draw in contenders.items():
                if name == "mmdc" and turn > max(2, runs // 3):
                    continue
                try:
                    spent = milliseconds(partial(draw, chart(count, turn), form))
                except subprocess.SubprocessError:  # mermaid-cli gives up after 30 s on a busy machine
                    continue
                if turn:
                    taken[name].append(spent)
        medians = {name: statistics.median(values or [math.nan]) for name, values in taken.items()}
        rows.append([f"{count} nodes, {form}", *(f"{value:.1f}" for value in medians.values())])
        print("  ".join(rows[-1]), flush=True)
        if "mmdc" in medians:
            faster |= {f"{count} {form} {name}": medians["mmdc"] / value for name, value in medians.items()}
    return rows, faster


def verdicts(validator: Validator, browser: Chromium | None) -> list[tuple[str, str, str]]:
    """Milliseconds per verdict, and how often it is the browser's on the project's own corpus."""
    samples = [source for _, source in corpus()]
    validator.check(chart(10))
    taken = [milliseconds(partial(validator.check, chart(10, turn))) for turn in range(50)]
    rows = [("verdict on 10 nodes, median", "< 15 ms", f"{statistics.median(taken):.1f} ms")]
    if browser is not None:
        same = sum(validator.check(source).valid == browser.accepts(source) for source in samples)
        rows.append(("verdicts as in the browser", "all of ≥ 300", f"{same} of {len(samples)}"))
    return [*rows, ("verdict worker, resident", "≤ 150 MB", f"{validator.memory() / 1e6:.0f} MB")]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mmdc", default=str(MMDC) if MMDC.exists() else shutil.which("mmdc"))
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    renderer = Native(workers=2, deadline=120)
    chromium = Chromium(deadline=120) if cdp.find() else None
    contenders: dict[str, Callable[[str, str], object]] = {
        "native": lambda source, form: renderer.render(source, form, SCALE_1)  # type: ignore[arg-type]
    }
    if chromium is not None:
        contenders["chromium"] = lambda source, form: chromium.render(source, form, SCALE_1)
        if options.mmdc:
            contenders["mmdc"] = Mmdc(options.mmdc).draw
    heading = ["ms", *contenders]
    print("  ".join(heading))
    rows, faster = race(contenders, options.runs)

    def times(key: str) -> str:
        return f"{faster[key]:.0f}×" if key in faster else "mmdc is not installed"

    with tempfile.TemporaryDirectory() as compiled:
        starts = [cold(compiled) for _ in range(6)][1:]
    first = [statistics.median(some) for some in zip(*starts, strict=True)]
    figures = [
        ("native SVG of 10 nodes against mmdc", "≥ 50×", times("10 svg native")),
        ("native PNG of 10 nodes against mmdc", "≥ 15×", times("10 png native")),
        ("native SVG of 200 nodes against mmdc", "≥ 20×", times("200 svg native")),
        ("warm Chromium, SVG of 10 nodes against mmdc", "≥ 10×", times("10 svg chromium")),
        ("first SVG of a cold process, from text", "< 1000 ms", f"{first[0]:.0f} ms"),
        ("the same as a command: `diascribe draw`", "< 1000 ms", f"{first[1]:.0f} ms"),
        ("two workers, SVG of 10 nodes", "≥ 150 /s", f"{throughput(renderer):.0f} /s"),
        ("processor time of one such SVG", "≤ 13 ms", f"{processor_time():.1f} ms"),
        ("native worker, resident", "≤ 150 MB", f"{renderer.memory() / 1e6:.0f} MB"),
    ]
    with Validator(deadline=60) as validator:
        figures += verdicts(validator, chromium)
    renderer.close()
    if chromium is not None:
        chromium.close()
    text = report(heading, rows, figures, load)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text, "utf-8")
    print(text)


def report(heading: list[str], rows: list[list[str]], figures: list[tuple[str, str, str]], load: float) -> str:
    """Both tables in Markdown."""

    def table(lines: list[list[str]]) -> list[str]:
        return ["| " + " | ".join(line) + " |" for line in [lines[0], ["---"] * len(lines[0]), *lines[1:]]]

    about = f"{os.cpu_count()} cores, load {load:.1f} before the run; made by `make bench`"
    goals = table([["figure", "goal", "here"], *map(list, figures)])
    return "\n".join(["# Drawing", "", about, "", *table([heading, *rows]), "", *goals, ""])


if __name__ == "__main__":
    main()
