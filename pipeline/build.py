"""The composition root: names to factories. The only place that knows which classes exist.

A registry is a dict name -> factory; an unknown name is an `UnknownNameError` that lists the known ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from PIL import Image

from diagram.errors import UnknownNameError
from diagram.model import Description, Example
from pipeline.settings import Settings

T = TypeVar("T")


class Describer(Protocol):
    """Reads one picture."""

    def describe(self, image: Image.Image, examples: Sequence[Example] = ()) -> Description:
        """The graph of the picture and what is told of it. Boxes are pixels of `image`."""
        ...


def _vision(settings: Settings) -> Describer:
    from vision.reader import VisionReader

    return VisionReader(settings.lang)


DESCRIBERS: Final[Mapping[str, Callable[[Settings], Describer]]] = {"auto": _vision, "vision": _vision}


def describer(settings: Settings) -> Describer:
    """The reader that `settings.engine` names.

    Raises:
        UnknownNameError: no such engine.
    """
    return lookup("engine", DESCRIBERS, settings.engine)(settings)


def lookup(what: str, registry: Mapping[str, T], name: str) -> T:
    """The entry of this name.

    Raises:
        UnknownNameError: there is none; the hint lists the known names.
    """
    if name not in registry:
        raise UnknownNameError(f"unknown {what}: {name}", hint=f"known: {', '.join(registry)}")
    return registry[name]
