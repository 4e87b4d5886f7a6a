"""The composition root: names to factories. The only place that knows which classes exist.

A registry is a dict name -> factory; an unknown name is an `UnknownNameError` that lists the known ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from PIL import Image

from diagram.errors import InputError, UnknownNameError
from diagram.model import Description, Diagram, Example
from pipeline.settings import Settings

if TYPE_CHECKING:
    from retrieval.embedder import Embedder
    from retrieval.index import Index

T = TypeVar("T")


class Describer(Protocol):
    """Reads one picture."""

    def describe(self, image: Image.Image, examples: Sequence[Example] = ()) -> Description:
        """The graph of the picture and what is told of it. Boxes are pixels of `image`."""
        ...


def _vision(settings: Settings) -> Describer:
    from vision.reader import VisionReader

    return VisionReader(settings.lang)


def _hybrid(settings: Settings) -> Describer:
    """The server or the model of the settings, beside the built-in reader."""
    return _model(settings, "", alone=False)


def _qwen(settings: Settings) -> Describer:
    return _model(settings, settings.model, alone=True)


def _server(settings: Settings) -> Describer:
    return _model(settings, "server", alone=True)


def _auto(settings: Settings) -> Describer:
    from pipeline.engines import choose

    return DESCRIBERS[choose(settings).engine](settings)


def _model(settings: Settings, name: str, *, alone: bool) -> Describer:
    """A model as a reader: alone with the examples, or with the built-in reader beside it as well."""
    from pipeline.engines import make_engine, most_pixels
    from pipeline.model_reader import ModelReader
    from pipeline.ocr import read_lines
    from pipeline.retrieve import Retrieval
    from vlm.prompt import Line

    engine, language = make_engine(settings, name), None if settings.lang == "auto" else settings.lang
    vision, retrieval = _vision(settings), Retrieval(settings.model_copy(update={"engine": "vision"}))

    def lines(image: Image.Image) -> list[Line]:
        found = read_lines(image, settings.lang)["lines"]
        return [Line(line["text"], tuple(line["bbox"]), line["confidence"]) for line in found]

    def similar(image: Image.Image, diagram: Diagram | None) -> Sequence[Example]:
        if not settings.examples:
            return ()
        seen = vision.describe(image).diagram if diagram is None else diagram
        return retrieval.with_examples(Description(seen), image).examples

    if alone:
        return ModelReader(
            engine, similar=similar, language=language, max_tokens=settings.max_tokens,
            with_pictures=settings.example_pictures,
        )  # fmt: skip
    return ModelReader(
        engine,
        vision,
        lines,
        similar,
        language,
        settings.max_tokens,
        settings.unsupported,
        required=settings.engine == "hybrid",
        most=most_pixels(settings, name),
        with_pictures=settings.example_pictures,
    )


DESCRIBERS: Final[Mapping[str, Callable[[Settings], Describer]]] = {
    "auto": _auto,
    "vision": _vision,
    "hybrid": _hybrid,
    "qwen": _qwen,
    "server": _server,
}


def _builtin(_: Settings, read: Read) -> Embedder:
    from retrieval.builtin import BuiltinEmbedder

    return BuiltinEmbedder(read)


def _clip(settings: Settings, _: Read) -> Embedder:
    from retrieval.clip import ClipEmbedder
    from vlm.stack import hide_broken_torchvision

    return ClipEmbedder(settings.clip_model, settings.device, prepare=hide_broken_torchvision)


def _faiss(settings: Settings) -> Index:
    from retrieval.faiss_index import FaissIndex

    return FaissIndex(settings.index_dir)


def _pgvector(settings: Settings) -> Index:
    from retrieval.postgres import PostgresIndex

    url = settings.database_url.get_secret_value()
    if not url:
        raise InputError("no database is set", hint="set DIASCRIBE_DATABASE_URL=postgresql://user@server/database")
    return PostgresIndex(url)


Read = Callable[[Image.Image], Diagram]
EMBEDDERS: Final[Mapping[str, Callable[[Settings, Read], Embedder]]] = {"builtin": _builtin, "clip": _clip}
INDEXES: Final[Mapping[str, Callable[[Settings], Index]]] = {"faiss": _faiss, "pgvector": _pgvector}


def best_embedder(settings: Settings) -> str:
    """The name that "auto" stands for where nothing has been built yet: clip where its weights are here."""
    from retrieval.clip import usable

    return "clip" if usable(settings.clip_model) else "builtin"


def describer(settings: Settings) -> Describer:
    """The reader that `settings.engine` names.

    Raises:
        UnknownNameError: no such engine.
    """
    from pipeline.engines import check

    check(settings)
    if settings.engine in DESCRIBERS:
        return DESCRIBERS[settings.engine](settings)
    return _model(settings, settings.engine, alone=True)


def lookup(what: str, registry: Mapping[str, T], name: str) -> T:
    """The entry of this name.

    Raises:
        UnknownNameError: there is none; the hint lists the known names.
    """
    if name not in registry:
        raise UnknownNameError(f"unknown {what}: {name}", hint=f"known: {', '.join(registry)}")
    return registry[name]
