"""How fast diagrams are drawn, beside mermaid-cli on the same machine in the same run.

    python bench/draw.py [--mmdc PATH] [--runs N]

mmdc (npm install @mermaid-js/mermaid-cli, PUPPETEER_SKIP_DOWNLOAD=1) starts a browser for every picture; it is left out
when neither --mmdc nor the PATH has it, and Chromium when none is installed. The contenders take turns on every
picture, so that a busy machine slows all alike. Printed: median milliseconds, how many times faster than mmdc, first
picture of a cold process, throughput with two workers, memory of the workers, milliseconds per verdict.
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

from mermaid import cdp  # noqa: E402
from mermaid.chromium import Chromium  # noqa: E402
from mermaid.render import Look, Native  # noqa: E402
from mermaid.validate import Validator  # noqa: E402

SCALE_1 = Look(scale=1)


def chart(nodes: int) -> str:
    """A flowchart of so many nodes, a decision with a way back every fourth."""
    lines = ["flowchart TB"]
    for i in range(nodes):
        shape = f'{{"Готово {i}?"}}' if i % 4 == 3 else f'["Шаг {i}: проверить"]'
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


def cold() -> float:
    """Milliseconds from the start of a process to its first SVG, drawn from text."""
    script = "from pipeline.draw import Studio\nwith Studio('native') as s: s.draw('1. Проверить\\n2. Подписать')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return milliseconds(lambda: subprocess.run([sys.executable, "-c", script], env=environment, check=True))


def throughput(native: Native, source: str, seconds: float = 5.0) -> float:
    """SVG per second with as many callers as workers."""
    end = time.perf_counter() + seconds

    def caller() -> int:
        done = 0
        while time.perf_counter() < end:
            native.render(source, "svg")
            done += 1
        return done

    start = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        total = sum(pool.map(lambda _: caller(), range(2)))
    return total / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mmdc", default=shutil.which("mmdc"))
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    contenders: dict[str, Callable[[str, str], object]] = {}
    native = Native(workers=2, deadline=120)
    contenders["native"] = lambda source, form: native.render(source, form, SCALE_1)
    chromium = Chromium(deadline=120) if cdp.find() else None
    if chromium is not None:
        contenders["chromium"] = lambda source, form: chromium.render(source, form, SCALE_1)
    if options.mmdc and cdp.find():
        contenders["mmdc"] = Mmdc(options.mmdc).draw
    print(f"{'picture':16s}" + "".join(f"{name:>12s}" for name in contenders) + "   times faster than mmdc")
    for count, form in ((10, "svg"), (10, "png"), (10, "pdf"), (200, "svg"), (200, "png")):
        source = chart(count)
        taken: dict[str, list[float]] = {name: [] for name in contenders}
        for run in range(options.runs + 1):
            for name, draw in contenders.items():
                if name == "mmdc" and run > max(2, options.runs // 3):
                    continue
                try:
                    spent = milliseconds(partial(draw, source, form))
                except subprocess.SubprocessError:  # mermaid-cli gives up after 30 s on a busy machine
                    continue
                if run:
                    taken[name].append(spent)
        medians = {name: statistics.median(values or [math.nan]) for name, values in taken.items()}
        faster = {name: medians["mmdc"] / value for name, value in medians.items()} if "mmdc" in medians else {}
        ratios = "  ".join(f"{name} {faster[name]:.0f}×" for name in faster if name != "mmdc")
        figures = "".join(f"{value:12.1f}" for value in medians.values())
        print(f"{f'{count} nodes {form}':16s}{figures}   {ratios}", flush=True)
    print(f"first SVG of a cold process from text: {statistics.median(cold() for _ in range(3)):.0f} ms")
    print(f"native, two workers, 10 nodes: {throughput(native, chart(10)):.0f} SVG/s")
    print(f"native worker after all this: {native.memory() / 1e6:.0f} MB resident")
    with Validator() as validator:
        validator.check(chart(10))
        taken_here = [milliseconds(lambda: validator.check(chart(10))) for _ in range(50)]
        memory = validator.memory() / 1e6
        print(f"verdict, 10 nodes: {statistics.median(taken_here):.1f} ms; worker {memory:.0f} MB resident")
    native.close()
    if chromium is not None:
        chromium.close()


if __name__ == "__main__":
    main()
