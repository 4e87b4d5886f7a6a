"""A Mermaid source as SVG, PNG or PDF: two renderers behind one protocol, and the choice between them.

`native` (merman, in worker processes) needs no browser and is the default; `chromium` is Mermaid itself in a warm
browser, where one is installed. `Auto` takes the native one, hands what it gets wrong or cannot draw to Chromium, and
falls back to the native one when Chromium fails. All output is sanitised. Knows nothing of graphs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from diagram.errors import DiascribeError, MissingDependencyError
from mermaid.glyphs import warning
from mermaid.pool import Pool, WorkerError

Format = Literal["svg", "png", "pdf"]
FORMATS: Final[tuple[Format, ...]] = ("svg", "png", "pdf")


class RenderError(DiascribeError):
    """This diagram cannot be drawn: bad source, or beyond the limits."""


class RenderTimeoutError(RenderError):
    """The diagram was not drawn before its deadline."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture shall look. scale: PNG pixels per CSS pixel. background: a CSS colour or "transparent"."""

    theme: str = ""
    scale: float = 2.0
    background: str = "white"
    title: str = ""
    description: str = ""


PLAIN: Final = Look()


@dataclass(frozen=True, slots=True)
class Picture:
    """Rendered bytes, the renderer that made them, and what a user should know of them."""

    data: bytes
    format: Format
    renderer: str
    warnings: tuple[str, ...] = ()


class Renderer(Protocol):
    """Turns Mermaid into a picture. Threads may share one."""

    name: str

    def start(self) -> None:
        """Make ready for the first picture, without waiting for it: a caller may read its input meanwhile."""
        ...

    def render(self, source: str, format: Format, look: Look = ...) -> Picture:  # noqa: A002
        """The picture of a source.

        Raises:
            RenderError: the source cannot be drawn, or not within the limits.
            MissingDependencyError: the renderer is not installed.
        """
        ...

    def close(self) -> None:
        """Free processes; later calls fail."""
        ...


class Native:
    """merman and resvg in a pool of worker processes."""

    name = "native"

    def __init__(self, *, workers: int = 2, deadline: float = 10.0, module: str = "mermaid.native") -> None:
        """module: what the workers run, this one or one that can more."""
        self._pool = Pool(module, size=workers, deadline=deadline)

    def start(self) -> None:
        """Start a worker, if there is none."""
        self._pool.start()

    def render(self, source: str, format: Format, look: Look = PLAIN) -> Picture:  # noqa: A002
        """The picture of a source; see `Renderer.render`."""
        return self.ask({}, source, format, look)

    def ask(self, more: Mapping[str, object], source: str, format: Format, look: Look) -> Picture:  # noqa: A002
        """The same with more said to the worker, as its module understands it."""
        request = {
            **more,
            "format": format,
            "theme": look.theme,
            "scale": look.scale,
            "background": look.background,
            "title": look.title,
            "description": look.description,
        }
        try:
            answer, data = self._pool.call(request, source.encode("utf-8", "replace"))
        except WorkerError as error:
            raise map_error(error, "the native renderer") from error
        warnings: tuple[str, ...] = ()
        if answer.get("limited"):
            warnings = (f"the picture is large: drawn at scale {answer['scale']:.2g} instead of {look.scale:g}",)
        if answer.get("lacking"):
            warnings += (warning(answer["lacking"]),)
        return Picture(data, format, self.name, warnings)

    def memory(self) -> int:
        """Bytes of resident memory, the most that a worker had after an answer."""
        return self._pool.resident

    def close(self) -> None:
        """End the workers."""
        self._pool.close()


class Auto:
    """The native renderer where it draws well, Chromium for the rest, each standing in for the other."""

    name = "auto"

    def __init__(self, native: Renderer, chromium: Renderer | None) -> None:
        self.native = native
        self.chromium = chromium

    def start(self) -> None:
        """Start the one that draws most; a browser is worth its start only where it is needed."""
        self.native.start()

    def render(self, source: str, format: Format, look: Look = PLAIN) -> Picture:  # noqa: A002
        """The picture of a source; the warnings say when the other renderer stood in."""
        first: Renderer = self.native
        second: Renderer | None = self.chromium
        if self.chromium is not None and drawn_wrong(source):
            first, second = self.chromium, self.native
        try:
            return first.render(source, format, look)
        except RenderTimeoutError:
            raise
        except (RenderError, MissingDependencyError) as error:
            if second is None:
                raise
            try:
                picture = second.render(source, format, look)
            except DiascribeError:
                raise error from None
            note = f"drawn by {second.name}: {error}"
            return Picture(picture.data, picture.format, picture.renderer, (*picture.warnings, note))

    def close(self) -> None:
        """Free both."""
        self.native.close()
        if self.chromium is not None:
            self.chromium.close()


_WRONG = re.compile(r"(?m)^\s*(?:classDiagram|zenuml|block|c4|C4)|\$\$.+?\$\$|\b(?:icon|img)\s*:|fa[bklrs]?:fa-")
"""Class bodies, C4, mathematics and icons: what the native renderer draws worse than Mermaid."""


def drawn_wrong(source: str) -> bool:
    """True for sources that the native renderer draws worse than Mermaid itself."""
    return bool(_WRONG.search(source))


def map_error(error: WorkerError, who: str) -> DiascribeError:
    """A worker's failure as an error of ours."""
    if error.kind == "missing":
        return MissingDependencyError(
            str(error), hint="Native drawing needs x86-64 Linux with glibc 2.35 or newer; install Chromium instead."
        )
    if error.kind == "deadline":
        return RenderTimeoutError(f"{who} did not finish: {error}", hint=error.hint)
    return RenderError(f"{who} cannot draw this: {error}", hint=error.hint)
