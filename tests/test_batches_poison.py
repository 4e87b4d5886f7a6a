"""A picture that ends every process which takes it up is given up alone, after so many; the others are read."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagram.errors import DiascribeError
from pipeline import jobs
from pipeline.crew import Crew
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tasks import Describe, Ready, Task, make_worker
from pipeline.webhook import Webhook
from tests.test_batches import picture

POISON = b"\x89PNG poison"
STARTS = 2


def reads_or_kills(settings: Settings) -> Callable[[Task], dict[str, Any] | DiascribeError]:
    """A reader that takes its whole service down with it at one picture, as running out of memory may."""
    work = make_worker(settings)

    def do(task: Task) -> dict[str, Any] | DiascribeError:
        if isinstance(task, Describe) and task.data == POISON:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        return work(task)

    return do


def live(folder: Path, ident: str) -> None:
    """The life of one service: it works on the batch until that is done."""
    jobs.STARTS = STARTS
    settings = chosen(folder)
    store = Store(settings)
    with Crew(functools.partial(reads_or_kills, settings), Ready(), size=1, waiting=4, timeout=60) as crew:
        work = jobs.Jobs(store, lambda: crew, 1, Webhook("", private=False), always=True)
        work.start()
        while not store.batches.status(ident)["finished"]:
            time.sleep(0.1)
        work.stop()
    store.close()


def chosen(folder: Path) -> Settings:
    return Settings(state_dir=folder, reuse=False, database_url="", examples=0, engine="vision")


@pytest.mark.slow
def test_what_ends_every_process_is_given_up_alone(tmp_path):
    store = Store(chosen(tmp_path))
    names = {"1.png": picture(1), "poison.png": POISON, "2.png": picture(2)}
    files = [(name, store.uploads.stage(data)) for name, data in names.items()]
    ident, _ = store.batches.create(files, {"engine": "vision", "language": "en", "k": 0})
    context = multiprocessing.get_context("spawn")
    ends = []
    while not ends or ends[-1] != 0:
        assert len(ends) <= STARTS, ends
        process = context.Process(target=live, args=(tmp_path, ident))
        process.start()
        process.join(120)
        ends.append(process.exitcode)
    assert ends == [-signal.SIGKILL] * STARTS + [0]
    items = {item.name: item for item in store.batches.items(ident)}
    assert {name: item.state for name, item in items.items()} == {
        "1.png": "done", "2.png": "done", "poison.png": "failed",
    }  # fmt: skip
    assert f"{STARTS} times" in str(items["poison.png"].error)
    store.close()
