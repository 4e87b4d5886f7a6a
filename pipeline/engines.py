"""Which model answers, and whether one can: `make_engine`, and `choose`, which says what "auto" means here and why.

Looks at settings, files and installed packages; loads no model. Knows nothing of diagrams.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from diagram.errors import MissingDependencyError, UnknownNameError

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from vlm.engine import Engine
    from vlm.registry import Model

_PACKAGES: Final = ("torch", "transformers", "accelerate", "llguidance")
THREE_WAYS: Final = (
    "three ways to get one: pip install 'diascribe[vlm]' and diascribe models download qwen2.5-vl-3b; "
    "DIASCRIBE_SERVER_URL=http://localhost:8000/v1 for a server of yours; "
    "the same with DIASCRIBE_ALLOW_REMOTE=1 and DIASCRIBE_SERVER_KEY for one elsewhere"
)
FIXED: Final = ("auto", "vision", "hybrid", "qwen", "server")


@dataclass(frozen=True, slots=True)
class Choice:
    """What "auto" means on this machine, and why."""

    engine: Literal["hybrid", "vision"]
    why: str


def known(settings: Settings, builtin: str = "vision") -> tuple[str, ...]:
    """The names that --engine takes. builtin: what needs no model."""
    from vlm.registry import load

    native = (model.id for model in load(settings.models_file).values() if model.run == "native")
    return (*_fixed(builtin), *native)


def _fixed(builtin: str) -> tuple[str, ...]:
    return tuple(builtin if name == "vision" else name for name in FIXED)


def check(settings: Settings, builtin: str = "vision") -> None:
    """Whether the engine of the settings is one. builtin: what needs no model.

    Raises:
        UnknownNameError: it is not; the hint lists the known ones.
    """
    if settings.engine not in _fixed(builtin) and settings.engine not in (names := known(settings, builtin)):
        raise UnknownNameError(f"unknown engine: {settings.engine}", hint=f"known: {', '.join(names)}")


def choose(settings: Settings) -> Choice:
    """What "auto" means: a model and the built-in reader together where a model is ready, else the latter alone."""
    if settings.server_url:
        return Choice("hybrid", f"a server is set: {settings.server_url}")
    if lack := missing(settings):
        return Choice("vision", lack)
    if settings.device == "cpu" or not has_gpu():
        return Choice("vision", "there is no GPU; a model on the CPU takes minutes: ask for it with --engine hybrid")
    return Choice("hybrid", f"{settings.model} is here")


def missing(settings: Settings) -> str:
    """What the model of the settings lacks to run in this process; "": nothing."""
    from vlm.registry import get
    from vlm.weights import find

    if absent := absent_packages():
        return f"not installed: {', '.join(absent)}"
    model = get(settings.model, settings.models_file)
    return "" if find(model.repository) else f"the weights of {model.id} are not here"


def absent_packages(model: Model | None = None) -> list[str]:
    """What has to be installed before a model (any: None) can run in this process."""
    needed = (*_PACKAGES, *(model.needs if model is not None else ()))
    return [name for name in needed if importlib.util.find_spec(name) is None]


def three_ways(model: Model) -> str:
    """How to get a model that is not here, or any where it runs on servers only."""
    return THREE_WAYS if model.run == "server" else THREE_WAYS.replace("qwen2.5-vl-3b", model.id)


def in_process(settings: Settings) -> bool:
    """Whether a model would be loaded into this process: then workers must not each load their own."""
    if settings.model_host:
        return False
    engine = choose(settings).engine if settings.engine == "auto" else settings.engine
    return engine not in ("vision", "server") and not (engine == "hybrid" and settings.server_url)


def has_gpu() -> bool:
    """Whether there is a graphics card of NVIDIA's, without loading anything."""
    return Path("/dev/nvidia0").exists() or Path("/dev/dxg").exists()


def make_engine(settings: Settings, name: str = "") -> Engine:
    """The engine that answers: the server of the settings, or a model, loaded at its first request.

    name: one of the registry. Where the settings name a host of models, it runs there, else in this process.

    Raises:
        MissingDependencyError: there is no model; the hint names the three ways to get one.
    """
    if settings.server_url and name in ("", "server"):
        from vlm.engines.openai_compatible import OpenAICompatible

        key = settings.server_key.get_secret_value()
        model = settings.server_model or settings.model
        return OpenAICompatible(
            settings.server_url, model, key, timeout=settings.server_timeout, allow_remote=settings.allow_remote
        )
    if name == "server":
        raise MissingDependencyError("no server is set", hint="set DIASCRIBE_SERVER_URL=http://localhost:8000/v1")
    from pipeline.models import shared

    engine = shared(settings).engine(name or settings.model)
    if settings.model_host:
        from pipeline.model_host import hosted

        return hosted(settings.model_host, name or settings.model)
    return engine


def most_pixels(settings: Settings, name: str = "") -> int:
    """How many pixels of a picture the engine of this name shows its model; larger ones it makes smaller."""
    from vlm.engines.openai_compatible import MAX_PIXELS
    from vlm.registry import load

    if settings.server_url and name in ("", "server"):
        return MAX_PIXELS
    model = load(settings.models_file).get(name or settings.model)
    return (model.max_pixels if model is not None else None) or MAX_PIXELS
