"""A process that works on batches and answers nobody: `diascribe worker`, as many as there are machines.

SIGTERM and Ctrl-C drain, as they do in the service.
"""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Callable
from typing import Any

from diagram.errors import InputError
from pipeline.crew import Crew
from pipeline.jobs import Hook, Jobs
from pipeline.model_host import ModelHost
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tasks import Ready, Task, make_worker


def work(
    settings: Settings,
    size: int,
    timeout: float,
    tell: Hook,
    drain: float,
    most: int,
    say: Callable[[str], None],
) -> None:
    """Work until a signal ends it.

    size: reading processes; timeout: seconds of one picture; most: items of one batch; say: is told of the start.

    Raises:
        InputError: the database is not one that processes can share.
    """
    store = Store(settings)
    if not store.database.postgres:
        raise InputError(
            "workers share a PostgreSQL database, and none is set",
            hint="DIASCRIBE_DATABASE_URL=postgresql://user@server/database; or on one machine: serve --workers N",
        )
    with store.database.read():
        pass
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    host = ModelHost(settings)
    crew: Crew[Task, dict[str, Any]] = Crew(
        functools.partial(make_worker, host.settings), Ready(), size=size, waiting=size, timeout=timeout
    )
    jobs = Jobs(store, lambda: crew, size, tell, always=True, drain=drain, most=most)
    try:
        jobs.start()
        say(f"Diascribe works on batches with {size} readers (Ctrl-C stops)")
        while not ended.wait(1.0):
            pass
    finally:
        jobs.stop()
        crew.close()
        host.close()
        store.close()
