"""What `diascribe describe` and `eval` print: results on stdout; progress, warnings and the summary on stderr.

Knows of terminals and exit codes; does no reading itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

from diagram.errors import DiascribeError
from diagram.model import Description
from pipeline.batch import Outcome, Plan, describe_files
from pipeline.engines import check, in_process
from pipeline.evaluate import Row, calibrate, evaluate, read_truths, stages, to_json
from pipeline.files import write
from pipeline.formats import CSV_HEADER, csv_line, csv_rows
from pipeline.settings import Settings
from pipeline.sources import find
from pipeline.terminal import progress, say

MOST_JOBS = 4  # unless asked for more: each holds its own reader in memory


def run_describe(
    arguments: Sequence[str],
    settings: Settings,
    format_name: str,
    out: Path | None,
    *,
    overlay: bool = False,
    jobs: int = 0,
    resume: bool = False,
    examples: bool = False,
) -> int:
    """Describe what the arguments name, print, and return the exit code."""
    check(settings)
    sources = find(arguments)
    if not sources:
        say(f"there is no picture in {', '.join(arguments)}")
        return 2
    if len(sources) == 1 and not sources[0].path.exists():
        say(f"{sources[0].path}: there is no such file or folder")
        return 2
    plan = Plan(format_name, out, (out or Path()) if overlay else None, resume, examples)
    if settings.examples:
        _make_ready(settings)
    start = time.perf_counter()
    outcomes = describe_files(sources, plan, settings, worker_count(1 if in_process(settings) else jobs, len(sources)))
    read = failed = skipped = 0
    seconds = 0.0
    show = out is not None or not sys.stdout.isatty()
    with progress(len(sources), show=show) as (line, advance):
        printer = _Printer(plan, len(sources))
        for outcome in outcomes:
            read += len(outcome.found)
            failed += len(outcome.failures)
            skipped += outcome.skipped
            seconds += outcome.seconds
            tell(outcome, line)
            printer.add(sources.index(outcome.source), outcome)
            advance()
    if len(sources) > 1 or skipped:
        counts = [f"{read} described", f"{failed} failed", *([f"{skipped} skipped"] if skipped else [])]
        pace = f", {seconds / read:.2f} s a picture" if read else ""
        say(f"{', '.join(counts)} in {time.perf_counter() - start:.1f} s{pace}")
    return 1 if failed else 0


def run_evaluate(
    folder: Path,
    settings: Settings,
    *,
    predictions: Path | None = None,
    json_out: Path | None = None,
    html_out: Path | None = None,
    jobs: int = 0,
) -> int:
    """Measure the reader on a folder with truth, print the figures, and return the exit code."""
    check(settings)
    total = len(read_truths(folder))
    with progress(total, show=True) as (line, advance):

        def on_row(row: Row) -> None:
            if row.failure:
                line(f"{row.name}: {row.failure}")
            advance()

        workers = worker_count(jobs, total)
        rows = evaluate(folder, settings, jobs=workers, predictions=predictions, on_row=on_row)
    print(summary(rows))
    if json_out is not None:
        write(json_out, (json.dumps(to_json(rows), ensure_ascii=False, indent=1) + "\n").encode())
    if html_out is not None:
        from pipeline.report import html_report

        write(html_out, html_report(f"diascribe eval {folder.name}", rows, limits=settings.limits).encode())
    return 0


def run_evaluate_retrieval(
    folder: Path, settings: Settings, *, predictions: Path | None = None, json_out: Path | None = None, jobs: int = 0
) -> int:
    """Measure the search for similar diagrams, print the figures, and return the exit code."""
    from pipeline.evaluate_retrieval import evaluate_retrieval, questions, to_json

    check(settings)
    total = len(questions(folder)[0])
    with progress(total, show=True) as (_, advance):
        workers = worker_count(jobs, total)
        rows = evaluate_retrieval(folder, settings, jobs=workers, predictions=predictions, on_read=lambda _: advance())
    for row in sorted(rows, key=lambda row: row.ranking.precision):
        if row.ranking.rank != 1:
            print(f"{row.name:40s} found at {row.ranking.rank or '-'}, first {row.first or '-'}")
    figures = to_json(rows)
    found = "  ".join(f"{name} {figures[name]:.3f}" for name in ("recall@1", "recall@5", "mAP"))
    right = "n/a" if figures["shown_right"] is None else f"{figures['shown_right']:.3f}"
    print(f"asked {len(rows)}  {found}")
    print(
        f"examples shown {figures['shown']:.2f} a picture, of its process {right}; "
        f"without that process, shown for {figures['strange']:.3f} of the pictures"
    )
    if json_out is not None:
        write(json_out, (json.dumps(figures, ensure_ascii=False, indent=1) + "\n").encode())
    return 0


def summary(rows: Sequence[Row]) -> str:
    """The figures as text: a line per picture from the worst on, calibration, seconds per stage, the means."""
    lines = []
    for row in sorted(rows, key=lambda row: (row.score.edges.f1, row.name)):
        nodes, edges = row.score.nodes, row.score.edges
        pace = "" if row.seconds is None else f"  {row.seconds:6.2f} s"
        counts = f"{nodes.hits}/{nodes.predicted}/{nodes.true}  {edges.hits}/{edges.predicted}/{edges.true}"
        und = row.score.metrics["edge_und_f1"] or 0.0
        figures = f"node {nodes.f1:.2f}  edge {edges.f1:.2f}  und {und:.2f}"
        lines.append(f"{row.name:50s} {figures}{pace}  {counts}  {row.failure}".rstrip())
    scores = [row.score for row in rows]
    hits = {
        "nodes": [hit for one in scores for hit in one.node_hits],
        "flows": [hit for one in scores for hit in one.edge_hits],
    }
    for what, pairs in hits.items():
        calibration = calibrate(pairs)
        if calibration.ece is not None:
            bins = "  ".join(f"{b.confidence:.2f}→{b.accuracy:.2f} ({b.count})" for b in calibration.bins)
            lines.append(f"confidence → right, {what}: {bins}  expected calibration error {calibration.ece:.3f}")
    if pace_of := stages(rows):
        lines.append("seconds a picture: " + "  ".join(f"{name} {seconds:.3f}" for name, seconds in pace_of.items()))
    total = to_json(rows)
    means = "  ".join(f"{name} {'n/a' if v is None else f'{v:.3f}'}" for name, v in total["macro"].items())
    pooled = "  ".join(f"{name} {value:.3f}" for name, value in total["micro"].items())
    lines.append(f"images {total['images']}  missing {total['missing']}  {means}  micro {pooled}")
    return "\n".join(lines)


def _make_ready(settings: Settings) -> None:
    """Build the index of training diagrams where there is none; what goes wrong is told with each picture."""
    from pipeline.cli_retrieval import make_ready
    from pipeline.retrieve import shared

    with contextlib.suppress(DiascribeError):
        make_ready(shared(settings))


def worker_count(jobs: int, items: int) -> int:
    """Worker processes for so many items: 0 (this process) for one item, unless more were asked for."""
    if items <= 1:
        return 0
    return min(jobs or min(os.cpu_count() or 1, MOST_JOBS), items)


def tell(outcome: Outcome, line: Callable[[str], None]) -> None:
    """Warnings and failures of one file, a line each."""
    for name, found in outcome.found:
        for warning in found.warnings:
            line(f"{name}: warning: {warning}")
    for failure in outcome.failures:
        line(f"{failure.name}: {failure.reason}" + (f" ({failure.hint})" if failure.hint else ""))


class _Printer:
    """Prints descriptions to stdout in the order of the inputs, however they finish; nothing where files are made."""

    def __init__(self, plan: Plan, count: int, stream: TextIO | None = None) -> None:
        self._plan = plan
        self._many = count > 1
        self._stream = stream or sys.stdout
        self._waiting: dict[int, Outcome] = {}
        self._next = 0
        self._header_done = False

    def add(self, index: int, outcome: Outcome) -> None:
        if self._plan.out is not None:
            return
        self._waiting[index] = outcome
        while self._next in self._waiting:
            ready = self._waiting.pop(self._next)
            self._next += 1
            self._print(ready.found)

    def _print(self, found: Iterable[tuple[str, Description]]) -> None:
        pages = list(found)
        many = self._many or len(pages) > 1
        for name, description in pages:
            self._stream.write(self._several(name, description) if many else self._one(description))
        self._stream.flush()

    def _one(self, description: Description) -> str:
        return self._plan.text(description)

    def _several(self, name: str, description: Description) -> str:
        """One of many: JSON Lines, one CSV with a column more, else a heading above each."""
        if self._plan.format == "json":
            return json.dumps({"file": name, **description.to_json()}, ensure_ascii=False) + "\n"
        if self._plan.format == "csv":
            language = description.diagram.language
            head = [] if self._header_done else [("Файл" if language == "ru" else "File", *CSV_HEADER[language])]
            self._header_done = True
            return "".join(csv_line(row) for row in [*head, *((name, *row) for row in csv_rows(description))])
        heading = {"mermaid": f"%% {name}\n", "bpmn": f"<!-- {name.replace('--', '- -')} -->\n"}
        return heading.get(self._plan.format, f"## {name}\n\n") + self._one(description) + "\n"
