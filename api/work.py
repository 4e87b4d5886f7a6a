"""The application's own things, made once and handed to the routes: settings, reading processes, the drawing studio.

`App.read` runs a task in the crew, `App.draw` a function of the studio in a thread; both are bounded and leave the
event loop free. Knows nothing of resources.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import anyio
from fastapi import Depends, Request

from api.gpu import Gpu
from api.metrics import Metrics
from api.recorder import Recording, Recordings
from api.settings import Service
from api.upkeep import Keeper
from diagram.errors import BusyError
from diagram.progress import AbandonedError, Tell
from pipeline.crew import Crew
from pipeline.jobs import Jobs
from pipeline.model_host import ModelHost
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tasks import Describe, Ready, Task, make_worker
from pipeline.webhook import Webhook
from retrieval.examples import Examples

if TYPE_CHECKING:
    from pipeline.draw import Studio

T = TypeVar("T")


class App:
    """What requests share. `start` and `stop` belong to the server's life."""

    def __init__(self, settings: Settings, service: Service) -> None:
        self.settings = service.reader(settings)
        self.service = service
        self.started = time.time()
        self.metrics = Metrics(self)
        self.gpu = Gpu()
        self.talking = 0
        self.examples = Examples(self.settings.examples_dir, [self.settings.data_dir])
        self.store = Store(self.settings)
        self.recordings = Recordings()
        self.webhook = Webhook(service.webhook_secret.get_secret_value(), service.webhook_private)
        self.jobs = Jobs(
            self.store,
            lambda: self.crew,
            service.crew(),
            self.webhook,
            drain=service.drain,
            most=service.batch_items,
        )
        self._crew: Crew[Task, dict[str, Any]] | None = None
        self.drawing = 0
        self._checking = threading.Lock()
        self._checked: tuple[float, list[dict[str, Any]]] | None = None
        self._limiter: anyio.CapacityLimiter | None = None

    def start(self) -> None:
        """Start the reading processes, in the background. Models get a process of their own when one is asked."""
        self.host = ModelHost(self.settings)
        self.settings = self.host.settings
        self.keeper = Keeper(self.settings, self.service.waiting)
        self._crew = Crew(
            functools.partial(make_worker, self.settings),
            Ready(),
            size=self.service.crew(),
            waiting=self.service.waiting,
            timeout=self.service.timeout,
        )
        self._limiter = anyio.CapacityLimiter(self.service.crew())
        self.talkers = anyio.CapacityLimiter(32)
        self.jobs.start()

    def stop(self) -> None:
        """End all processes."""
        self.jobs.stop()
        if self._crew is not None:
            self._crew.close()
            self.keeper.close()
            self.host.close()
        if "studio" in self.__dict__:
            self.studio.close()
        self.store.close()

    @property
    def crew(self) -> Crew[Task, dict[str, Any]]:
        """The reading processes."""
        assert self._crew is not None, "the application has not been started"
        return self._crew

    @functools.cached_property
    def studio(self) -> Studio:
        """What draws; its own processes start when first needed."""
        from pipeline.draw import Studio

        return Studio(workers=self.service.crew())

    def checked(self) -> list[dict[str, Any]]:
        """What `diascribe doctor` finds, as rows; good for a minute. It may take seconds."""
        from pipeline.doctor import findings

        with self._checking:
            if self._checked is None or time.monotonic() - self._checked[0] > 60:
                self._checked = (time.monotonic(), [asdict(found) for found in findings()])
            return self._checked[1]

    async def read(self, task: Task, request: Request, tell: Tell | None = None) -> dict[str, Any]:
        """The result of a task. A client that goes away is not worked for any more. Descriptions are recorded.

        tell: called, also from other threads, with what the task tells of itself.

        Raises:
            FullError: too many wait. LostError: its worker died. And what the task raises.
        """
        asked = time.perf_counter()
        recording = Recording(self.store, self.recordings, task, request) if isinstance(task, Describe) else None
        past = await recording.earlier() if recording else None
        if recording:
            self.metrics.cached(hit=past is not None)
        if past is not None:
            return past
        cancel = threading.Event()
        task = recording.task if recording else task
        answer = asyncio.wrap_future(self.crew.submit(task, told=tell, cancel=cancel))
        if recording:
            recording.begin()
        if tell is not None:
            tell("stage", "waiting")
        try:
            await waited(answer, request)
            found = answer.result()
        except BaseException:
            if recording:
                recording.dropped()
            raise
        finally:
            cancel.set()
            answer.cancel()
        if "timings" in found:
            found["timings"]["total"] = time.perf_counter() - asked
            self.metrics.worked(found["timings"])
        return await recording.kept(found) if recording else found

    async def draw(self, work: Callable[[Studio], T], *, talks: bool = False) -> T:
        """What `work` makes with the studio, in a thread. talks: it waits for a model, and must not hold up others.

        Raises:
            BusyError: too many drawings wait. And what `work` raises.
        """
        assert self._limiter is not None, "the application has not been started"
        if self.drawing >= self.service.crew() + self.service.waiting:
            raise BusyError(f"{self.drawing} drawings wait already", hint="try again in 1 s")
        self.drawing += 1
        try:
            return await anyio.to_thread.run_sync(
                lambda: work(self.studio), limiter=self.talkers if talks else self._limiter
            )
        finally:
            self.drawing -= 1


async def waited(answer: asyncio.Future[Any], request: Request) -> None:
    """Return when the answer is there.

    Raises:
        AbandonedError: the client has gone.
    """
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
    if not answer.done():
        raise AbandonedError("the client has gone")


async def _gone(request: Request) -> None:
    """Return when the client has gone; for requests whose body is here."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def shared(request: Request) -> App:
    """The application's things, for a route."""
    return cast(App, request.app.state.shared)


Shared = Annotated[App, Depends(shared)]


async def settled(app: Shared) -> None:
    """Wait until what was answered before is in the history, for a route that tells of it."""
    await app.recordings.settled()
