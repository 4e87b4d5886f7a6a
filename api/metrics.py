"""What Prometheus is told: requests, seconds by stage, the queue, tokens, memory of the GPU, cache hits.

Labels come from fixed sets (routes, methods, stages, statuses), so that their number is bounded. One registry per
application. Knows nothing of what is worked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from pipeline.tasks import STAGES

if TYPE_CHECKING:
    from api.work import App
    from vlm.engine import Reply

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_STAGES: Final = frozenset({*STAGES, "detect", "recognise", "look", "total"})
_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})


class Metrics:
    """Threads may share it. app: whose queue and models are looked at when somebody asks."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.registry = CollectorRegistry()
        new: dict[str, Any] = {"registry": self.registry}
        self._requests = Counter(
            "diascribe_requests", "Requests, by route, method and status.", ("route", "method", "status"), **new
        )
        self._latency = Histogram(
            "diascribe_request_seconds", "Seconds until the answer was sent.", ("route",), buckets=_SECONDS, **new
        )
        self._stages = Histogram(
            "diascribe_stage_seconds", "Seconds of one stage of reading.", ("stage",), buckets=_SECONDS, **new
        )
        self._tokens = Counter("diascribe_tokens", "Tokens of models, by kind.", ("kind",), **new)
        self._cache = Counter("diascribe_cache", "Answers taken from earlier results, or not.", ("outcome",), **new)
        for outcome in ("hit", "miss"):
            self._cache.labels(outcome)
        for kind in ("prompt", "completion"):
            self._tokens.labels(kind)
        ProcessCollector(registry=self.registry)
        self.registry.register(_Now(app))

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered. route: the template of its path, "" where there is none."""
        method = method if method in _METHODS else "other"
        self._requests.labels(route or "unknown", method, str(status)).inc()
        self._latency.labels(route or "unknown").observe(seconds)

    def worked(self, timings: Mapping[str, float]) -> None:
        """A picture was read. timings: seconds per stage."""
        for name, seconds in timings.items():
            if name in _STAGES:
                self._stages.labels(name).observe(seconds)

    def talked(self, reply: Reply) -> None:
        """A model answered."""
        self._tokens.labels("prompt").inc(reply.prompt_tokens or 0)
        self._tokens.labels("completion").inc(reply.tokens or 0)

    def cached(self, *, hit: bool) -> None:
        """An answer was looked for among earlier results."""
        self._cache.labels("hit" if hit else "miss").inc()

    def text(self) -> bytes:
        """All of it, in the text form of Prometheus."""
        return generate_latest(self.registry)


class _Now:
    """What holds at the moment of asking."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        load = self._app.crew.load()
        queue = GaugeMetricFamily("diascribe_readers", "Reading processes and calls, by state.", labels=("state",))
        for state in ("workers", "ready", "busy", "waiting"):
            queue.add_metric((state,), getattr(load, state))
        queue.add_metric(("drawing",), self._app.drawing)
        queue.add_metric(("talking",), self._app.talking)
        yield queue
        card = self._app.gpu.state()
        if card["gpu_available"]:
            memory = GaugeMetricFamily("diascribe_gpu_memory_bytes", "Memory of the first GPU.", labels=("kind",))
            for kind in ("allocated", "reserved", "total"):
                memory.add_metric((kind,), card[f"gpu_memory_{kind}"] * 1e6)
            yield memory
