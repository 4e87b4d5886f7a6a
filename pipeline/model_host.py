"""One process that holds the models, for all processes of a service: weights are in memory once.

`ModelHost` belongs to the process that starts the service. It listens on a socket in a folder that only this user can
enter, and starts the process with the models when somebody connects first; where that process is killed (most likely
for want of memory), whoever waited gets an `EngineUnavailableError`, and the next request starts a fresh one. It ends
by itself after `model_idle` seconds without a request. Other processes get an engine from `hosted`, by the address that
`ModelHost.settings` carries.

On the wire: pickled tuples over `multiprocessing.connection`. A connection is one request: (what, arguments); pieces of
text come back as ("text", piece), at last ("done", result) or ("failed", error); "cancel" may be sent in the meantime,
and a connection that is closed cancels too.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Final

from diagram.errors import DiascribeError, EngineUnavailableError
from pipeline.models import Models
from pipeline.settings import Settings
from pipeline.workers import step_back
from vlm.engine import Engine, Message, OnText, Reply, Schema

_GONE: Final = "the process of the models ended, most likely for want of memory"
_PAUSE: Final = 0.2  # seconds between the end of one process and the start of the next
_HINT: Final = "try again; a smaller model or less text and smaller pictures take less"


class ModelHost:
    """See above. settings: those given, with the address of this host. Threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="diascribe-"))  # 0700
        address = str(self._folder / "models")
        self.settings = settings.model_copy(update={"model_host": address})
        self._asleep = Models(settings)  # tells of the models while there is no process; loads none
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(address)
        self._listener.listen(64)
        self._stop, self._stopping = os.pipe()
        self._process: SpawnProcess | None = None
        self._watch = threading.Thread(target=self._keep, name="model-host", daemon=True)
        self._watch.start()

    @property
    def running(self) -> bool:
        """Whether there is a process with models."""
        return self._process is not None and self._process.is_alive()

    def engine(self, name: str = "") -> Engine:
        """What answers: the server of the settings, or a model. name: one of the registry.

        Raises:
            UnknownNameError: there is no such model. MissingDependencyError: it is not here; the hint says what to do.
        """
        from pipeline.engines import make_engine

        return make_engine(self.settings, name)

    def states(self) -> list[dict[str, Any]]:
        """See `Models.states`."""
        if self.running:
            with contextlib.suppress(EngineUnavailableError):
                states: list[dict[str, Any]] = self._ask("states")
                return states
        return self._asleep.states()

    def load(self, name: str) -> None:
        """See `Models.load`."""
        self._asleep.engine(name)  # what cannot be loaded is refused without a process
        self._ask("load", name)

    def unload(self, name: str) -> None:
        """See `Models.unload`."""
        if self.running:
            self._ask("unload", name)

    def download(self, name: str) -> None:
        """See `Models.download`."""
        self._ask("download", name)

    def remove(self, name: str) -> int:
        """See `Models.remove`."""
        removed: int = self._ask("remove", name) if self.running else self._asleep.remove(name)
        return removed

    def close(self) -> None:
        """End the process; requests that run are lost."""
        if not self._watch.is_alive():
            return
        os.write(self._stopping, b"x")
        self._watch.join()
        self._listener.close()
        os.close(self._stop)
        os.close(self._stopping)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ask(self, what: str, *arguments: Any) -> Any:
        return _ask(str(self.settings.model_host), what, *arguments)

    def _keep(self) -> None:
        """Wait until somebody connects, start the process that answers, and again when that has ended."""
        context = multiprocessing.get_context("spawn")
        while True:
            if self._stopped(self._listener.fileno()):
                return
            self._process = context.Process(target=_serve, args=(self._listener, self.settings), daemon=True)
            self._process.start()
            stopped = self._stopped(self._process.sentinel)
            if stopped:
                self._process.kill()
            self._process.join()
            if stopped or self._stopped(seconds=_PAUSE):
                return

    def _stopped(self, *others: int, seconds: float | None = None) -> bool:
        """Wait for the word to stop, or one of these to be readable, or so long; whether the word was given."""
        ready, _, _ = select.select([self._stop, *others], [], [], seconds)
        return self._stop in ready


def hosted(address: str, name: str) -> Engine:
    """A model of the host at this address as an engine."""
    return _Hosted(address, name)


@dataclass(frozen=True)
class _Hosted:
    address: str
    name: str

    def generate(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,
        max_tokens: int = 4096,
        on_text: OnText | None = None,
        cancel: threading.Event | None = None,
    ) -> Reply:
        """See `vlm.engine.Engine`."""
        request = self.name, tuple(messages), None if schema is None else dict(schema), max_tokens, on_text is not None
        reply: Reply = _ask(self.address, "generate", *request, on_text=on_text, cancel=cancel)
        return reply


def _ask(
    address: str, what: str, *arguments: Any, on_text: OnText | None = None, cancel: threading.Event | None = None
) -> Any:
    """What the host answers.

    Raises:
        EngineUnavailableError: its process is gone or went. And what the request raises there.
    """
    try:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.connect(address)
        with Connection(link.detach()) as pipe:
            pipe.send((what, arguments))
            told = False
            while True:
                if cancel is not None and cancel.is_set() and not told:
                    pipe.send("cancel")
                    told = True
                if cancel is not None and not pipe.poll(0.05):
                    continue
                kind, value = pipe.recv()
                if kind == "text" and on_text is not None:
                    on_text(value)
                elif kind == "done":
                    return value
                elif kind == "failed":
                    raise value
    except (EOFError, OSError) as error:
        raise EngineUnavailableError(_GONE, hint=_HINT) from error


def _serve(listener: socket.socket, settings: Settings) -> None:
    """The life of the process with the models."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    step_back()
    parent = multiprocessing.parent_process()
    assert parent is not None
    models = Models(settings)
    lock = threading.Lock()
    busy = 0
    last = time.monotonic()

    def answer(pipe: Connection) -> None:
        nonlocal busy, last
        try:
            with pipe, contextlib.suppress(EOFError, OSError):
                _answer(pipe, models)
        finally:
            with lock:
                busy -= 1
                last = time.monotonic()

    while True:
        readable, _, _ = select.select([listener.fileno(), parent.sentinel], [], [], min(5.0, settings.model_idle))
        if parent.sentinel in readable:
            return
        if readable:
            link, _ = listener.accept()
            with lock:
                busy += 1
            threading.Thread(target=answer, args=(Connection(link.detach()),), daemon=True).start()
            continue
        with lock:
            idle = not busy and time.monotonic() - last >= settings.model_idle
        if idle and all(row["state"] not in ("loading", "ready", "downloading") for row in models.states()):
            return


def _answer(pipe: Connection, models: Models) -> None:
    """One request of one connection."""
    what, arguments = pipe.recv()
    try:
        if what == "generate":
            result: Any = _generate(pipe, models, *arguments)
        else:
            calls: dict[str, Callable[..., Any]] = {
                "states": models.states,
                "load": models.load,
                "unload": models.unload,
                "download": models.download,
                "remove": models.remove,
            }
            result = calls[what](*arguments)
    except DiascribeError as error:
        error.__cause__ = error.__context__ = error.__traceback__ = None
        pipe.send(("failed", error))
    except MemoryError:
        pipe.send(("failed", EngineUnavailableError("there is not enough memory", hint=_HINT)))
    except Exception as error:  # a fault of ours: name it, go on with the rest
        pipe.send(("failed", DiascribeError(f"internal error: {type(error).__name__}: {error}")))
    else:
        pipe.send(("done", result))


def _generate(
    pipe: Connection,
    models: Models,
    name: str,
    messages: Sequence[Message],
    schema: Schema | None,
    max_tokens: int,
    streams: bool,
) -> Reply:
    cancel = threading.Event()
    done = threading.Event()

    def listen() -> None:
        """Cancel when told so, or when nobody waits any more."""
        while not done.is_set():
            with contextlib.suppress(EOFError, OSError):
                if not pipe.poll(0.05):
                    continue
                pipe.recv()
            cancel.set()
            return

    def tell(piece: str) -> None:
        try:
            pipe.send(("text", piece))
        except OSError:
            cancel.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        engine = models.engine(name)
        return engine.generate(
            messages, schema=schema, max_tokens=max_tokens, on_text=tell if streams else None, cancel=cancel
        )
    finally:
        done.set()
        listener.join()
