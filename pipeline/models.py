"""The models of this machine as a service has them: which there are, how each stands, and engines that ask them.

`Models` holds those that run in this process; they are loaded when first asked, at most so many at once, and unloaded
after a time unused (`vlm.residents`). Loading and downloading go on in threads of their own; `states` tells of them at
once. `model_host` puts one `Models` into a process of its own. Knows nothing of diagrams and of HTTP.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from diagram.errors import DiascribeError, EngineError, MissingDependencyError
from pipeline.engines import absent_packages, three_ways
from pipeline.settings import Settings
from vlm.registry import Model, get, load
from vlm.residents import Loadable, Residents
from vlm.weights import download, find, remove

if TYPE_CHECKING:
    from vlm.engine import Engine

_OWN: Final = ("models_file", "device", "precision", "lora", "max_vram", "max_ram", "resident", "model_idle",
               "together", "compiler")  # fmt: skip


class Models:
    """Threads may share it. settings: of the registry, the device, the memory and how many stay loaded."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._residents = Residents(self._make, most=settings.resident, idle=settings.model_idle)
        self._lock = threading.Lock()
        self._fetching: dict[str, tuple[int, int]] = {}
        self._faults: dict[str, str] = {}

    def engine(self, name: str) -> Engine:
        """The model of this name, which loads itself at its first request.

        Raises:
            UnknownNameError: there is no such model. MissingDependencyError: it cannot run here; the hint says why.
        """
        model = get(name, self._settings.models_file)
        _folder(model)
        return self._residents.engine(model.id)

    def states(self) -> list[dict[str, Any]]:
        """Every model of the registry: its fields, and how it stands.

        state: "server" (runs on one of its own), "absent", "downloading" (`done` of `total` bytes), "here", "loading"
        (`loaded`, a share in [0, 1]), "ready" or "failed" (`why`).
        """
        running = self._residents.states()
        with self._lock:
            fetching, faults = dict(self._fetching), dict(self._faults)
        rows = []
        for model in load(self._settings.models_file).values():
            row: dict[str, Any] = {**asdict(model), "state": "absent", "done": 0, "total": 0, "loaded": 0.0, "why": ""}
            status = running.get(model.id)
            if model.run == "server":
                row["state"] = "server"
            elif model.id in fetching:
                row["state"], (row["done"], row["total"]) = "downloading", fetching[model.id]
            elif status is not None and status.state != "absent":
                row |= {"state": status.state, "loaded": status.loaded, "why": status.why}
            elif model.id in faults:
                row |= {"state": "failed", "why": faults[model.id]}
            elif find(model.repository) is not None:
                row["state"] = "here"
            rows.append(row)
        return rows

    def load(self, name: str) -> None:
        """Begin to load a model; `states` tells how it goes.

        Raises:
            UnknownNameError: there is no such model. MissingDependencyError: it cannot run here.
        """
        model = get(name, self._settings.models_file)
        _folder(model)
        self._begin(model.id, lambda: self._residents.load(model.id))

    def unload(self, name: str) -> None:
        """Begin to free a model's memory, after the requests that run."""
        model = get(name, self._settings.models_file)
        self._begin(model.id, lambda: self._residents.unload(model.id))

    def download(self, name: str) -> None:
        """Begin to fetch a model's weights; a second call while they come changes nothing.

        Raises:
            UnknownNameError: there is no such model. MissingDependencyError: it runs on servers only.
        """
        model = get(name, self._settings.models_file)
        if model.run == "server":
            raise MissingDependencyError(f"{model.id} runs on a server of its own", hint="set DIASCRIBE_SERVER_URL")
        with self._lock:
            if model.id in self._fetching:
                return
            self._fetching[model.id] = 0, 0
        self._begin(model.id, lambda: self._fetch(model))

    def remove(self, name: str) -> int:
        """Delete a model's weights from the cache; the bytes that were freed."""
        model = get(name, self._settings.models_file)
        self._residents.unload(model.id)
        with self._lock:
            self._faults.pop(model.id, None)
        return remove(model.repository)

    def close(self) -> None:
        """Unload all."""
        self._residents.close()

    def _fetch(self, model: Model) -> None:
        def progress(done: int, total: int) -> None:
            with self._lock:
                self._fetching[model.id] = done, total

        try:
            download(model.repository, progress)
        finally:
            with self._lock:
                self._fetching.pop(model.id, None)

    def _begin(self, name: str, work: Callable[[], object]) -> None:
        """Run it in a thread; what it raises is kept as the reason why the model failed."""

        def run() -> None:
            with self._lock:
                self._faults.pop(name, None)
            try:
                work()
            except DiascribeError as error:
                with self._lock:
                    self._faults[name] = f"{error} ({error.hint})" if error.hint else str(error)

        threading.Thread(target=run, name=f"model-{name}", daemon=True).start()

    def _make(self, name: str) -> Loadable:
        from vlm.engines.qwen import Options, QwenEngine

        settings = self._settings
        chosen = get(name, settings.models_file)
        folder = find(chosen.repository)
        if folder is None:
            raise EngineError(f"the weights of {name} are gone", hint=three_ways(chosen))
        least, most = chosen.pixels or (256, 1280)
        precision = chosen.precisions[0] if settings.precision == "auto" else settings.precision
        adapter = settings.lora or (folder / chosen.adapter if chosen.adapter else None)
        options = Options(
            precision, settings.device, settings.max_vram, settings.max_ram, adapter, chosen.unit, least, most,
            settings.together, settings.compiler, chosen.loader,
        )  # fmt: skip
        return QwenEngine(folder, options, name)


def shared(settings: Settings) -> Models:
    """One for all calls with the same settings of models: what it has loaded stays loaded."""
    own = {name: getattr(settings, name) for name in _OWN}
    return _shared(Settings.model_construct(**own))


@functools.lru_cache(maxsize=4)
def _shared(settings: Settings) -> Models:
    return Models(settings)


def _folder(model: Model) -> None:
    """Whether a model can run in a process here.

    Raises:
        MissingDependencyError: it cannot.
    """
    if model.run == "server" or find(model.repository) is None:
        raise MissingDependencyError(f"there is no model to ask: {model.id} is not here", hint=three_ways(model))
    if absent := absent_packages(model):
        own = " ".join(name for name in absent if name in model.needs)
        packages = " ".join(filter(None, ["'diascribe[vlm]'", own]))
        raise MissingDependencyError(
            f"{model.id} needs {', '.join(absent)}", hint=f"install with: pip install {packages}"
        )
