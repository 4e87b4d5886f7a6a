"""What commands share on a terminal: a line on stderr, and a progress bar. Knows nothing of what is done.

Light to import: a command that draws one picture must not load what describes many.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress(total: int, *, show: bool) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """(print a line, count one) with a bar on stderr where that is a terminal and there is more than one to count."""
    if not (show and total > 1 and sys.stderr.isatty()):
        yield say, lambda: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    # Standard output stays what it is: it may be a file while the bar is on the screen.
    with Progress(*columns, console=console, redirect_stdout=False) as bar:
        task = bar.add_task("", total=total)

        def line(text: str) -> None:
            console.print(f"diascribe: {text}", markup=False, highlight=False, soft_wrap=True)

        yield line, lambda: bar.advance(task)


def say(text: str) -> None:
    """One line to stderr."""
    print(f"diascribe: {text}", file=sys.stderr, flush=True)
