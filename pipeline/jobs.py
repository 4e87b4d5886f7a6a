"""Batches at work: a durable queue (DBOS) gives out items, the reading processes read them, `Batches` holds the ends.

Each item is a step of a workflow of its own. A process that dies is noticed by the others or by its successor, and what
it had begun is queued anew, under a new round; what had ended is not done again. DBOS starts with the first batch, so
that a service without batches pays nothing for it. Knows nothing of HTTP, but for the webhook that it is handed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from typing import TYPE_CHECKING, Any, Final

from diagram.errors import BusyError, DiascribeError
from pipeline.batches import Given, Job, NoSuchBatchError
from pipeline.crew import Crew, LostError, OverrunError
from pipeline.queue import Queue
from pipeline.storage import StorageError
from pipeline.store import DAY, Store
from pipeline.tasks import MARKDOWN, Describe, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

LOG: Final = logging.getLogger("diascribe.jobs")
TRIES: Final = 3
"""How often one process tries an item whose reader dies or whose model is out of reach."""
STARTS: Final = 10
"""How often an item may be begun, over all processes that died at it."""
OUTPUTS: Final = (MARKDOWN, "mermaid", "bpmn")
_TICK: Final = 2.0
_SILENT: Final = 30.0  # seconds without a sign of life after which a process is taken for dead
_LOOK: Final = 0.5  # seconds between looks whether an item is still wanted
_HOUR: Final = 3600.0
Hook = Callable[[str, "Mapping[str, Any]"], None]


class Jobs:
    """The work on batches in one process.

    crew: reads the pictures; slots: how many at once. tell: called with a webhook's address and a batch's status when
    it has finished; raises a `DiascribeError` where that failed. always: work from the start on, as a worker does.
    most: items that a batch may grow to by the pages of its files.
    """

    def __init__(
        self,
        store: Store,
        crew: Callable[[], Crew[Task, dict[str, Any]]],
        slots: int,
        tell: Hook,
        *,
        always: bool = False,
        drain: float = 30.0,
        most: int = 1000,
    ) -> None:
        self._store, self._batches, self._crew = store, store.batches, crew
        self._size, self._slots = slots, threading.BoundedSemaphore(slots)
        self._tell, self._always, self._drain, self._most = tell, always, drain, most
        self.process = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._queue: Queue | None = None
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._until = float("inf")
        self._fed: set[Job] = set()
        self._active: set[Job] = set()
        self._expired = 0.0
        self._thread = threading.Thread(target=self._watch, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin, in the background; what an earlier process left undone is taken up."""
        self._thread.start()

    def stop(self) -> None:
        """Take up nothing more; what is at work ends within the time to drain, or is queued again."""
        self._until = time.monotonic() + self._drain
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._queue is not None:
            self._queue.close(self._drain + 2)
            with contextlib.suppress(DiascribeError):
                self._forget([self.process])

    def wake(self) -> None:
        """There is something to do: a batch was made, or its failed items are to be tried again."""
        self._wake.set()

    def cancelled(self, jobs: Iterable[Job]) -> None:
        """Take out of the queue what was cancelled; what is at work notices by itself."""
        if self._queue is not None:
            self._queue.cancel([_name(job) for job in jobs])

    # The watch: signs of life, the dead, what waits.

    def _watch(self) -> None:
        full = 0.0
        while not self._stopping.is_set():
            try:
                if self._queue is None and (self._always or self._wake.is_set() or self._left()):
                    self._launch()
                woken = self._wake.is_set()
                self._wake.clear()
                if self._queue is not None:
                    self._alive()
                    self._bury()
                    if woken or time.monotonic() > full:
                        self._feed()
                        full = time.monotonic() + 15
                if time.monotonic() > self._expired:
                    self._expire()
            except DiascribeError as error:
                LOG.warning("batches wait: %s", error)
                self._stopping.wait(1)
            except Exception:
                LOG.exception("batches wait")
                self._stopping.wait(1)
            self._wake.wait(_TICK)

    def _left(self) -> bool:
        """Whether an earlier process left something undone."""
        return self._store.exists() and bool(
            self._batches.queued() or self._batches.running() or self._batches.to_tell(time.time() - DAY)
        )

    def _launch(self) -> None:
        self._alive()
        queue = Queue(self._store, self.process)
        queue.open({"item": self._item, "tell": self._told}, self._size * 2 + 2)
        self._queue = queue

    def _alive(self) -> None:
        import psutil

        from pipeline.storage.schema import PROCESSES

        with self._store.database.write() as connection:
            mine = PROCESSES.update().where(PROCESSES.c.id == self.process)
            if not connection.execute(mine.values(seen=time.time())).rowcount:
                connection.execute(
                    PROCESSES.insert().values(
                        id=self.process,
                        host=socket.gethostname(),
                        pid=os.getpid(),
                        born=psutil.Process().create_time(),
                        seen=time.time(),
                    )
                )

    def _bury(self) -> None:
        """Queue anew what dead processes had begun."""
        from pipeline.storage.schema import PROCESSES

        assert self._queue is not None
        running, begun = self._batches.running(), self._queue.begun()
        # Looked up after what was begun: a process says that it lives before it begins anything.
        with self._store.database.read() as connection:
            rows = connection.execute(PROCESSES.select()).all()
        dead = {row.id for row in rows if row.id != self.process and not _lives(row)}
        living = {row.id for row in rows} - dead
        mine = set(self._active)
        for job, process in running:
            lost = job not in mine if process == self.process else process not in living
            if lost and (again := self._batches.give_back(job)):
                self._enter(again)
        for name, process in begun:
            if process not in living:
                item = _job(name)
                if item is None:
                    self._queue.resume(name)
                    continue
                self._queue.cancel([name])
                if again := self._batches.give_back(item):
                    self._enter(again)
        if dead:
            LOG.info("took over from %s", ", ".join(sorted(dead)))
            self._forget(dead)

    def _feed(self) -> None:
        """Bring to the queue what waits and is not there; asking twice does no harm."""
        assert self._queue is not None
        waiting = self._batches.queued()
        self._fed &= set(waiting)
        fresh = [job for job in waiting if job not in self._fed]
        ended = self._queue.ended([_name(job) for job in fresh])
        for number, job in enumerate(fresh):
            if self._stopping.is_set():
                return
            if number % 100 == 99:
                self._alive()
            if _name(job) not in ended:
                self._enter(job)
            elif again := self._batches.give_back(job):  # its turn came while the database was out of reach
                self._enter(again)
        for ident, count, _ in self._batches.to_tell(time.time() - DAY):
            self._queue.add(f"{ident}-tell-{count}", "tell", ident)

    def _enter(self, job: Job) -> None:
        assert self._queue is not None
        self._queue.add(_name(job), "item", job.batch, job.number, job.round)
        self._fed.add(job)

    def _forget(self, processes: Iterable[str]) -> None:
        from pipeline.storage.schema import PROCESSES

        with self._store.database.write() as connection:
            connection.execute(PROCESSES.delete().where(PROCESSES.c.id.in_(list(processes))))

    def _expire(self) -> None:
        self._expired = time.monotonic() + _HOUR
        if self._store.exists():
            self._store.expire()
            if self._queue is not None:
                self._queue.forget(DAY)

    # The work, in threads of the queue.

    def _item(self, batch: str, number: int, round_: int) -> str:
        """Do one item; how it ended."""
        job = Job(batch, number, round_)
        if not self._slot():
            return self._given_back(job)
        self._active.add(job)
        try:
            given = self._batches.begin(job, self.process)
            if given is None:
                return "not wanted"
            return self._done(job, given)
        except NoSuchBatchError:
            return "not wanted"
        finally:
            self._active.discard(job)
            self._slots.release()

    def _slot(self) -> bool:
        """Wait for a place; False where the process stops."""
        while not self._stopping.is_set():
            if self._slots.acquire(timeout=_LOOK):
                return True
        return False

    def _given_back(self, job: Job) -> str:
        self._batches.give_back(job)
        return "given back"

    def _done(self, job: Job, given: Given) -> str:
        options, settings = given.options, self._store.settings
        if given.starts > STARTS:
            error = {
                "detail": f"whatever read it ended, {STARTS} times",
                "hint": "leave this picture out",
            }
            self._batches.failed(job, error | {"retryable": False})
            return "failed"
        try:
            data = self._store.uploads.read(given.sha)
        except StorageError as error:  # the file is gone, which trying again does not mend
            self._batches.failed(job, _problem(error))
            return "failed"
        try:
            task = Describe(data, options["engine"], options["language"], given.page, OUTPUTS, options["k"])
            key = self._store.key(task)
            past = self._store.history.earlier(key) if settings.reuse and not options.get("fresh") else None
            if past is not None:
                pages = self._pages(job, given, past[1])
                if self._batches.known(job, given, past[0].id, pages):
                    if pages > 1:
                        self.wake()
                    return "known"
            found = self._read(job, task)
            if found is None:
                return self._given_back(job) if self._stopping.is_set() else "not wanted"
            pages = self._pages(job, given, found)
            done = self._batches.done(job, given, key, found, pages)
            if pages > 1:
                self.wake()
            return "done" if done else "not wanted"
        except (NoSuchBatchError, StorageError):
            raise
        except DiascribeError as error:
            self._batches.failed(job, _problem(error))
            return "failed"

    def _pages(self, job: Job, given: Given, found: Mapping[str, Any]) -> int:
        """Up to which page of its upload there are to be items, now that the first one has been read."""
        pages = int(found.get("image", {}).get("pages", 1))
        if given.page != 1 or pages < 2:
            return 1
        most = 1 + self._batches.room(job.batch, self._most)
        if pages > most:
            found["warnings"].append(f"{most} of {pages} pages are read: a batch has at most {self._most} items")
        return min(pages, most)

    def _read(self, job: Job, task: Describe) -> dict[str, Any] | None:
        """What the crew finds; None where the item is not wanted any more, or must be given back.

        Raises:
            DiascribeError: it cannot be read, or not after `TRIES`.
        """
        tries = 0
        while True:
            cancel = threading.Event()
            try:
                return self._awaited(job, self._crew().submit(task, cancel=cancel), cancel)
            except BusyError:
                if not self._batches.wanted(job) or self._stopping.wait(_LOOK):
                    return None
            except DiascribeError as error:
                if self._stopping.is_set() and isinstance(error, LostError):
                    return None
                tries += 1
                again = error.retryable or (isinstance(error, LostError) and not isinstance(error, OverrunError))
                if not again or tries >= TRIES:
                    raise
                self._stopping.wait(tries)

    def _awaited(self, job: Job, answer: Future[dict[str, Any]], cancel: threading.Event) -> dict[str, Any] | None:
        while True:
            try:
                return answer.result(timeout=_LOOK)
            except NotYetError:
                late = self._stopping.is_set() and time.monotonic() > self._until
                if late or not self._batches.wanted(job):
                    cancel.set()
                    answer.cancel()
                    return None

    def _told(self, batch: str) -> str:
        """Call the webhook of a batch, with some patience; how it ended."""
        for pause in (1, 5, 30, 120, 0):
            try:
                status = self._batches.status(batch)
                self._tell(status["webhook"], status)
                return "told"
            except NoSuchBatchError:
                return "not wanted"
            except DiascribeError as error:
                LOG.warning("webhook of batch %s: %s", batch, error)
                if not error.retryable or not pause:
                    return f"failed: {error}"
            if self._stopping.wait(pause):
                break
        return "stopped"


def _problem(error: DiascribeError) -> dict[str, Any]:
    return {"detail": str(error), "hint": error.hint, "retryable": error.retryable}


def _name(job: Job) -> str:
    return f"{job.batch}-{job.number}-{job.round}"


def _job(name: str) -> Job | None:
    batch, number, round_ = name.split("-")
    return Job(batch, int(number), int(round_)) if number.isdigit() else None


def _lives(row: Any) -> bool:
    """Whether the process of this row is alive."""
    import psutil

    if time.time() - row.seen > _SILENT:
        return False
    if row.host != socket.gethostname():
        return True
    try:
        process = psutil.Process(row.pid)
        return bool(abs(process.create_time() - row.born) < 1 and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
