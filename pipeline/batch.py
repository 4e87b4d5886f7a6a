"""Describe many files: outputs written whole or not at all, in worker processes, each file's failure its own.

`describe_files` yields one `Outcome` per file as it finishes. Knows nothing of terminals or exit codes.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from diagram.errors import DiascribeError
from diagram.model import Description
from pipeline.build import describer
from pipeline.describe import describe_page
from pipeline.files import write
from pipeline.formats import FORMATS
from pipeline.overlay import draw_overlay, png
from pipeline.retrieve import shared
from pipeline.settings import Settings
from pipeline.sources import Source
from pipeline.workers import Lost, run_all
from vision.load import Upload, open_upload


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make of each file.

    format: a name in `FORMATS`. out: folder of the outputs; None keeps descriptions in the outcome instead.
    overlays: folder of the overlays, None for none. resume: leave out pages whose outputs are there and not older than
    the picture. examples: also tell of the training diagrams like it.
    """

    format: str = "text"
    out: Path | None = None
    overlays: Path | None = None
    resume: bool = False
    examples: bool = False

    def text(self, found: Description) -> str:
        """The description in this format, with the examples where they are asked for and the format has room."""
        from pipeline.formats import examples_text

        shown = FORMATS[self.format].write(found)
        return shown + examples_text(found) if self.examples and self.format in ("text", "table") else shown

    def outputs(self, name: str) -> tuple[Path, ...]:
        """The files that one page called `name` leads to."""
        written = [] if self.out is None else [self.out / f"{name}{FORMATS[self.format].suffix}"]
        return (*written, *([] if self.overlays is None else [self.overlays / f"{name}.overlay.png"]))


@dataclass(frozen=True, slots=True)
class Failure:
    """One line to tell of a page or file that failed."""

    name: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. found: (page name, description) of pages that were read. seconds: of work on the file.

    skipped: pages left out by `Plan.resume`.
    """

    source: Source
    found: tuple[tuple[str, Description], ...] = ()
    failures: tuple[Failure, ...] = ()
    skipped: int = 0
    seconds: float = 0.0


def describe_files(sources: Sequence[Source], plan: Plan, settings: Settings, jobs: int = 1) -> Iterator[Outcome]:
    """The outcome of each file, as they finish.

    jobs: worker processes; 0 works in this process, one after the other, and a killed reader is not survived.
    """
    if plan.resume:
        done = {source: pages for source in sources if (pages := _pages_done(source, plan, settings))}
        yield from (Outcome(source, skipped=pages) for source, pages in done.items())
        sources = [source for source in sources if source not in done]
    if jobs <= 0:
        yield from map(make_worker(plan, settings), sources)
        return
    if not settings.threads:
        settings = settings.model_copy(update={"threads": max(1, (os.cpu_count() or 1) // jobs)})
    make = functools.partial(make_worker, plan, settings)
    for index, result in run_all(make, sources, jobs, settings.timeout):
        if isinstance(result, Lost):
            failure = Failure(str(sources[index].path), result.reason, result.hint)
            yield Outcome(sources[index], failures=(failure,))
        else:
            yield result


def make_worker(plan: Plan, settings: Settings) -> Callable[[Source], Outcome]:
    """The function that does one file; the reader is made once, when first needed."""
    limit_threads(settings.threads)
    reader = functools.cache(functools.partial(describer, settings))
    retrieval = shared(settings)

    def work(source: Source) -> Outcome:
        start = time.perf_counter()
        try:
            upload = open_upload(source.path, settings.limits)
        except DiascribeError as error:
            return Outcome(source, failures=(Failure(str(source.path), str(error), error.hint),))
        found: list[tuple[str, Description]] = []
        failures: list[Failure] = []
        skipped = 0
        for number in range(upload.pages):
            name = page_name(source, upload, number)
            if plan.resume and _is_done(source.path, plan.outputs(name)):
                skipped += 1
                continue
            try:
                image, description = describe_page(upload, number, settings, reader(), retrieval)
                if plan.out is not None:
                    write(plan.out / f"{name}{FORMATS[plan.format].suffix}", plan.text(description).encode())
                if plan.overlays is not None:
                    write(plan.overlays / f"{name}.overlay.png", png(draw_overlay(image, description)))
                found.append((name, description))
            except Exception as error:
                if settings.debug and not isinstance(error, DiascribeError):
                    raise
                page = f"{source.path}, page {number + 1}" if upload.pages > 1 else str(source.path)
                failures.append(_failure(page, error))
        return Outcome(source, tuple(found), tuple(failures), skipped, time.perf_counter() - start)

    return work


def page_name(source: Source, upload: Upload, number: int) -> str:
    """NAME, or NAME-p1, NAME-p2 … where the file has several pages."""
    return f"{source.name}-p{number + 1}" if upload.pages > 1 else source.name


def limit_threads(count: int) -> None:
    """Hold the libraries of this process to so many threads (0: as they like): workers share the cores."""
    if count:
        os.environ["OMP_THREAD_LIMIT"] = os.environ["OMP_NUM_THREADS"] = str(count)
        from vision import threads

        threads.hold(count)


def _failure(name: str, error: Exception) -> Failure:
    if isinstance(error, DiascribeError):
        return Failure(name, str(error), error.hint)
    if isinstance(error, MemoryError):
        return Failure(name, "there is not enough memory", "use fewer --jobs or a smaller picture")
    return Failure(name, f"internal error: {type(error).__name__}: {error}", "DIASCRIBE_DEBUG=1 shows where")


def _pages_done(source: Source, plan: Plan, settings: Settings) -> int:
    """How many pages the file has where all of them are done, else 0."""
    try:
        upload = open_upload(source.path, settings.limits)
    except DiascribeError:
        return 0
    names = (page_name(source, upload, number) for number in range(upload.pages))
    return upload.pages if all(_is_done(source.path, plan.outputs(name)) for name in names) else 0


def _is_done(source: Path, outputs: Sequence[Path]) -> bool:
    try:
        made = source.stat().st_mtime_ns
        return bool(outputs) and all(path.stat().st_mtime_ns >= made for path in outputs)
    except OSError:
        return False
