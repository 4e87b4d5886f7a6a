"""A vision-language model in this process, through transformers: Qwen2.5-VL and the other native ones of the registry.

Loads itself at the first request. Requests that wait together are answered in one round where they fit together; each
has its own schema, its own end, its own listener. Every request is measured against the free memory before it runs
(`vlm.memory`). Where that is short, or a real out-of-memory error says so, something is given up, in this order, and
the reply's notes tell: examples, the size of pictures, the vision tower's precision, the GPU. What is left is a
`MemoryShortError`; the process goes on, and the next request runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vlm.engine import Message, OnText, Reply, Schema
from vlm.engines.native import Job, Loaded, Options, Way, free_caches, is_memory_error, ways
from vlm.engines.watch import Row
from vlm.memory import Fit, MemoryShortError, with_fewer

__all__ = ["Options", "QwenEngine"]


@dataclass(eq=False, slots=True)
class _Request:
    """A request and, once `done`, its reply or why there is none."""

    messages: Sequence[Message]
    schema: Schema | None
    max_tokens: int
    on_text: OnText | None
    cancel: threading.Event | None
    asked: float = field(default_factory=time.perf_counter)
    done: bool = False
    reply: Reply | None = None
    error: Exception | None = None

    @property
    def cancelled(self) -> bool:
        return self.cancel is not None and self.cancel.is_set()

    def row(self) -> Row:
        return Row(self.max_tokens, self.on_text, self.cancel)


class QwenEngine:
    """One model. folder: its files, in the layout of the hub. name: to be shown.

    state: "absent", "loading" (`loaded`: the share of the weights that is in memory), "ready" or "failed" (`why`).
    """

    def __init__(self, folder: Path, options: Options | None = None, name: str = "") -> None:
        self.name = name or folder.name
        self._folder, self._options = folder, options or Options()
        self._turn = threading.Lock()  # around loading, unloading and running: one at a time
        self._queue = threading.Lock()  # around `_waiting`
        self._waiting: list[_Request] = []
        self._ways: list[Way] = []  # the one in use first
        self._model: Loaded | None = None
        self.state = "absent"
        self.why = ""
        self.loaded = 0.0

    def load(self) -> None:
        """Load the weights, if they are not yet.

        Raises:
            EngineError: they cannot be loaded; `state` and `why` keep the reason.
        """
        if self._model is not None:  # at once, also while a round runs, so that those who come now can join the next
            return
        with self._turn:
            self._ready()

    def unload(self) -> None:
        """Free the memory, after the requests that are running, if any."""
        with self._turn:
            self._drop()
            self._ways = []

    def forecast(self, messages: Sequence[Message], max_tokens: int = 4096) -> Fit:
        """What a request would take now, and what would be given up for it.

        Raises:
            MemoryShortError: it does not fit.
        """
        with self._turn:
            return self._ready().plan(messages, max_tokens)

    def generate(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,
        max_tokens: int = 4096,
        on_text: OnText | None = None,
        cancel: threading.Event | None = None,
    ) -> Reply:
        """The model's reply; see `vlm.engine.Engine`. `on_text` is called in a thread of any of the requests."""
        mine = _Request(messages, schema, max_tokens, on_text, cancel)
        with self._queue:
            self._waiting.append(mine)
        while not mine.done:
            if not self._turn.acquire(timeout=0.1):
                if mine.cancelled and self._withdraw(mine):
                    return Reply("", "cancelled", self.name)
                continue
            try:
                if not mine.done:
                    self._round()
            finally:
                self._turn.release()
        if mine.error is not None:
            raise mine.error
        assert mine.reply is not None
        return mine.reply

    def _withdraw(self, request: _Request) -> bool:
        """Take it out of the queue; whether it was still in it."""
        with self._queue:
            if request in self._waiting:
                self._waiting.remove(request)
                return True
        return False

    def _round(self) -> None:
        """Answer the request that has waited longest, and those that fit beside it."""
        with self._queue:
            taken = [self._waiting.pop(0)]
        try:
            model = self._ready()
            if model.joins:
                with self._queue:
                    more = self._waiting[: self._options.together - 1]
                    del self._waiting[: len(more)]
                taken += more
            self._answer(taken)
        except Exception as error:  # each caller gets it
            for request in taken:
                if not request.done:
                    request.error, request.done = error, True
        except BaseException:
            self._waiting[:0] = [request for request in taken[1:] if not request.done]
            raise

    def _answer(self, requests: list[_Request]) -> None:
        """Run these: in one round where they fit together, else one after the other."""
        model = self._ready()
        for request in requests:
            if request.cancelled:
                request.reply, request.done = Reply("", "cancelled", self.name), True
        requests = [request for request in requests if not request.done]
        if len(requests) > 1:
            try:
                plans = [model.plan(request.messages, request.max_tokens) for request in requests]
                fits = not any(plan.notes for plan in plans)
                if fits and model.fit_together([plan.estimate for plan in plans]):
                    self._run(requests, plans)
                    return
            except Exception as error:  # below, each gets what it deserves
                if not is_memory_error(error) and not isinstance(error, MemoryShortError):
                    raise
            free_caches()
        for request in requests:
            try:
                self._alone(request)
            except Exception as error:  # the others are not to blame
                request.error, request.done = error, True

    def _alone(self, request: _Request) -> None:
        """Run one request, giving up what must be."""
        while True:
            try:
                model = self._ready()
                self._with_less(request, model.plan(request.messages, request.max_tokens))
            except MemoryShortError:
                if len(self._ways) < 2 or request.cancelled:
                    raise
            else:
                return
            self._drop()  # outside of the handler, so that nothing holds on to what is in memory
            self._ways.pop(0)

    def _with_less(self, request: _Request, plan: Fit) -> None:
        """Run a request as planned; when memory runs out all the same, once more with less."""
        memory = self._tried(request, plan)
        if not memory:
            return
        free_caches()
        fewer = with_fewer(plan.messages)
        if fewer is not None:
            plan = replace(plan, messages=fewer, notes=(*plan.notes, "memory ran out: an example left out"))
        else:
            pixels = plan.max_pixels // 2
            note = f"memory ran out: pictures of at most {pixels / 1e6:.2f} megapixels"
            plan = replace(plan, max_pixels=pixels, notes=(*plan.notes, note))
        memory = self._tried(request, plan)
        if memory:
            free_caches()
            raise MemoryShortError(f"memory ran out: {memory}", hint="Use a smaller model or smaller pictures.")

    def _tried(self, request: _Request, plan: Fit) -> str:
        """Run a request as planned; "" where it went well, else what is said about the memory that ran out."""
        try:
            self._run([request], [plan])
        except Exception as error:
            if not is_memory_error(error):
                raise
            return (str(error).splitlines() or [type(error).__name__])[0]
        return ""

    def _run(self, requests: Sequence[_Request], plans: Sequence[Fit]) -> None:
        model = self._ready()
        start = time.perf_counter()
        jobs = [
            Job(plan, request.schema, request.max_tokens, request.row())
            for request, plan in zip(requests, plans, strict=True)
        ]
        gone = (self._ways[0].note,) if self._ways[0].note else ()
        plain = (model.why_plain,) if model.why_plain else ()
        for request, job, reply in zip(requests, jobs, model.run(jobs), strict=True):
            request.error = job.row.error
            request.reply = replace(
                reply,
                engine=self.name,
                notes=(*gone, *plain, *job.planned.notes),
                timings={"wait": start - request.asked, **reply.timings},
                pixels=job.planned.max_pixels if job.planned.max_pixels < model.most else None,
            )
            request.done = True

    def _ready(self) -> Loaded:
        """The model in memory, in the first way in which it fits."""
        self._ways = self._ways or ways(self._options)
        while self._model is None:
            self.state, self.why, self.loaded = "loading", "", 0.0
            try:
                self._model = Loaded(self._folder, self._options, self._ways[0], self._told)
            except BaseException as error:
                last = len(self._ways) < 2 or not isinstance(error, MemoryShortError)
                if last:
                    self.state, self.why = "failed", str(error) or type(error).__name__
                    self._ways = []
                    free_caches()
                    raise
            else:
                self.state = "ready"
                break
            free_caches()
            self._ways.pop(0)
        return self._model

    def _told(self, share: float) -> None:
        self.loaded = share

    def _drop(self) -> None:
        self._model = None
        self.state, self.why, self.loaded = "absent", "", 0.0
        free_caches()
