"""What a server asks of its reading workers: describe a picture, read its text, find examples like it or like words.

`make_worker` runs in the worker process and gives the function that does one task; tasks and results are plain data.
Knows nothing of HTTP.
"""

from __future__ import annotations

import contextlib
import functools
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from diagram.errors import DiascribeError, MissingIndexError
from diagram.model import Description
from diagram.progress import stage
from pipeline.settings import Settings
from vision.load import Upload, open_upload

Lang = Literal["auto", "en", "ru"]
MARKDOWN: Final = "markdown"
"""A form that is not in `FORMATS`: title, text and table in one Markdown text."""
STAGES: Final = (
    "waiting", "load", "prepare", "text", "shapes", "reread", "connectors", "beneath", "assemble", "narrate",
    "examples", "model", "write",
)  # fmt: skip
"""What `diagram.progress` tells of a `Describe`, in this order; some may be left out."""


@dataclass(frozen=True, slots=True)
class Describe:
    """A picture to describe. page: 1-based, of a PDF or TIFF. outputs: names of `FORMATS`, or `MARKDOWN`.

    examples: how many may be told of, at most. grounding: with the places of things in the picture.
    """

    data: bytes
    engine: str = "auto"
    lang: Lang = "auto"
    page: int = 1
    outputs: tuple[str, ...] = ()
    examples: int = 3
    grounding: bool = True


@dataclass(frozen=True, slots=True)
class Ocr:
    """A picture whose text is wanted."""

    data: bytes
    lang: Lang = "auto"
    page: int = 1


@dataclass(frozen=True, slots=True)
class Search:
    """Examples wanted that are like a picture (data) or like words (text)."""

    data: bytes | None
    text: str = ""
    count: int = 5


@dataclass(frozen=True, slots=True)
class Page:
    """A page of an upload as pixels, for whoever looks at pictures elsewhere; shrunk to `most` pixels."""

    data: bytes
    page: int = 1
    most: int = 4_000_000


@dataclass(frozen=True, slots=True)
class Ready:
    """Load what reading needs."""


Task = Describe | Ocr | Search | Page | Ready


def make_worker(settings: Settings) -> Callable[[Task], dict[str, Any] | DiascribeError]:
    """The function that does one task. Its errors of the project's own tree are returned, not raised."""
    from pipeline.batch import limit_threads
    from pipeline.workers import step_back

    step_back()
    limit_threads(settings.threads)
    hands = _Hands(settings)

    def work(task: Task) -> dict[str, Any] | DiascribeError:
        try:
            return hands.do(task)
        except DiascribeError as error:
            return _plain(error)

    return work


class _Hands:
    """What one worker keeps between tasks: readers by engine and language, and the retrieval."""

    def __init__(self, settings: Settings) -> None:
        from pipeline.retrieve import Retrieval

        self._settings = settings
        self._retrieval = Retrieval(settings)

    def do(self, task: Task) -> dict[str, Any]:
        if isinstance(task, Describe):
            return self._describe(task)
        if isinstance(task, Ocr):
            return self._ocr(task)
        if isinstance(task, Search):
            return self._search(task)
        if isinstance(task, Page):
            return self._page(task)
        return self._ready()

    @functools.cache  # noqa: B019 one per worker, as long as its process
    def _reader(self, engine: str, lang: Lang) -> Any:
        from pipeline.build import describer

        return describer(self._settings.model_copy(update={"engine": engine, "lang": lang}))

    def _describe(self, task: Describe) -> dict[str, Any]:
        from pipeline.describe import describe_page

        settings = self._settings.model_copy(
            update={"engine": task.engine, "lang": task.lang, "examples": min(task.examples, self._settings.examples)}
        )
        reader = self._reader(task.engine, task.lang)
        upload = open_upload(task.data, settings.limits)
        image, found = describe_page(upload, task.page - 1, settings, reader, self._retrieval_for(settings))
        stage("write")
        start = time.perf_counter()
        outputs = {name: written(found, name) for name in task.outputs}
        found = replace(found, timings={**found.timings, "write": time.perf_counter() - start})
        graph = found.to_json()
        if not task.grounding:
            drop_places(graph)
        return {**graph, "outputs": outputs, "image": _size(upload, image.size, task.page)}

    def _retrieval_for(self, settings: Settings) -> Any:
        """The worker's own where it fits the number of examples asked for; else one that shares its parts."""
        from pipeline.retrieve import Retrieval

        if settings.examples == self._settings.examples:
            return self._retrieval
        other = Retrieval(settings)
        with contextlib.suppress(DiascribeError):
            other.__dict__.update(examples=self._retrieval.examples, index=self._retrieval.index)
        return other

    def _ocr(self, task: Ocr) -> dict[str, Any]:
        from pipeline.ocr import read_lines

        upload = open_upload(task.data, self._settings.limits)
        start = time.perf_counter()
        image = upload.page(task.page - 1)
        loaded = time.perf_counter() - start
        found = read_lines(image, task.lang)
        found["timings"] = {"load": loaded, **found["timings"]}
        return {**found, "image": _size(upload, image.size, task.page)}

    def _search(self, task: Search) -> dict[str, Any]:
        if task.data is None:
            found = self._retrieval.by_text(task.text, task.count)
        else:
            image = open_upload(task.data, self._settings.limits).page(0)
            found = self._retrieval.by_picture(image, task.count)
        keys = ("id", "title", "language", "kind", "process", "source", "licence", "description")
        return {
            "results": [
                {**{key: getattr(one.record, key) for key in keys}, "score": round(one.score, 4)} for one in found
            ]
        }

    def _page(self, task: Page) -> dict[str, Any]:
        from PIL import Image

        image = open_upload(task.data, self._settings.limits).page(task.page - 1)
        if image.mode != "RGB":  # what is transparent lies on white paper
            paper = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")
        share = (task.most / (image.width * image.height)) ** 0.5
        if share < 1:
            image = image.resize((max(1, int(image.width * share)), max(1, int(image.height * share))))
        return {"width": image.width, "height": image.height, "pixels": image.tobytes()}

    def _ready(self) -> dict[str, Any]:
        from PIL import Image, ImageDraw

        picture = Image.new("L", (320, 120), 255)
        ImageDraw.Draw(picture).rectangle((20, 20, 140, 90), outline=0, width=2)
        data = io.BytesIO()
        picture.save(data, "PNG")
        with contextlib.suppress(MissingIndexError):
            return self._describe(Describe(data.getvalue(), "vision", examples=0))
        return {}


def written(found: Description, name: str) -> str:
    """A description in one of its forms.

    Raises:
        UnknownNameError: there is no such form.
    """
    from pipeline.build import lookup
    from pipeline.formats import FORMATS

    if name != MARKDOWN:
        return lookup("format", FORMATS, name).write(found)
    text, table = FORMATS["text"].write(found), FORMATS["table"].write(found)
    heading = f"# {found.title}\n" if found.title else ""
    body = text.removeprefix(found.title).lstrip("\n") if found.title else text
    return "\n".join(part for part in (heading, body, table) if part)


def _size(upload: Upload, size: tuple[int, int], page: int) -> dict[str, int]:
    return {"width": size[0], "height": size[1], "page": page, "pages": upload.pages}


def drop_places(graph: dict[str, Any]) -> None:
    """Take the boxes and points out of a graph's JSON form."""
    for node in (*graph["nodes"], *graph["lanes"]):
        node["bbox"] = None
    for edge in graph["edges"]:
        edge["points"] = []


def _plain(error: DiascribeError) -> DiascribeError:
    """An error that can be sent to another process: without its cause, and without what it carries."""
    error.__cause__ = error.__context__ = error.__traceback__ = None
    return error
