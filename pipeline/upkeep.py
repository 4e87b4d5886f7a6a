"""What a server asks of the process that keeps the training diagrams: take one in, drop one, build the index.

`make_keeper` runs in that process and gives the function that does one task. Other processes that search notice the
new index by themselves. Knows nothing of HTTP.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from diagram import progress
from diagram.errors import DiascribeError, InputError
from diagram.model import Diagram
from pipeline.settings import Settings

_KEPT: Final = {"PNG": ".png", "JPEG": ".jpg"}
"""Forms in which a picture is kept as it came; others are written anew as PNG."""


@dataclass(frozen=True, slots=True)
class AddExample:
    """A picture with its graph (JSON). id: made from the picture unless given. told: title, process, source, licence.

    replace: take the place of the own example of this id.
    """

    data: bytes
    graph: str
    id: str = ""
    told: tuple[tuple[str, str], ...] = ()
    replace: bool = False


@dataclass(frozen=True, slots=True)
class DropExample:
    """An example of the user's own to remove."""

    id: str


@dataclass(frozen=True, slots=True)
class BuildIndex:
    """Bring the index up to the examples. rebuild: embed everything anew."""

    rebuild: bool = False


@dataclass(frozen=True, slots=True)
class Nothing:
    """Get ready."""


Upkeep = AddExample | DropExample | BuildIndex | Nothing


def make_keeper(settings: Settings) -> Callable[[Upkeep], dict[str, Any] | DiascribeError]:
    """The function that does one task. Its errors of the project's own tree are returned, not raised."""
    from pipeline.batch import limit_threads
    from pipeline.retrieve import Retrieval

    limit_threads(settings.threads)
    retrieval = Retrieval(settings)

    def work(task: Upkeep) -> dict[str, Any] | DiascribeError:
        try:
            if isinstance(task, AddExample):
                return _add(task, settings, retrieval)
            if isinstance(task, DropExample):
                retrieval.examples.own.remove([task.id])
            if isinstance(task, DropExample | BuildIndex):
                return _build(retrieval, rebuild=isinstance(task, BuildIndex) and task.rebuild)
        except DiascribeError as error:
            error.__cause__ = error.__context__ = error.__traceback__ = None
            return error
        return {}

    return work


def _build(retrieval: Any, *, rebuild: bool = False) -> dict[str, Any]:
    done = retrieval.build(rebuild=rebuild, keep_embedder=not rebuild, progress=progress.count)
    return {"examples": done.manifest.count, "embedded": done.embedded, "kept": done.kept, "removed": done.removed}


def _add(task: AddExample, settings: Settings, retrieval: Any) -> dict[str, Any]:
    from pipeline.curate import add_example

    try:
        given = Diagram.from_json(json.loads(task.graph))
    except (ValueError, RecursionError):
        raise InputError("graph: this is not JSON", hint="send what /v1/describe answers, corrected") from None
    if not given.nodes:
        raise InputError("graph: there are no nodes", hint="send what /v1/describe answers, corrected")
    name = task.id or "own-" + hashlib.sha256(task.data).hexdigest()[:12]
    with tempfile.TemporaryDirectory() as folder:
        image, graph = _picture(task.data, settings, Path(folder)), Path(folder) / "graph.json"
        graph.write_text(task.graph, "utf-8")
        record, twin = add_example(retrieval, image, graph, name=name, replace_old=task.replace, **dict(task.told))
    _build(retrieval)
    return {**record.to_json(), "near": None if twin is None else twin.id}


def _picture(data: bytes, settings: Settings, folder: Path) -> Path:
    """The picture as a file; the first page of several."""
    from PIL import Image

    from vision.load import open_upload

    page = open_upload(data, settings.limits).page(0)
    suffix = None
    if not data.startswith(b"%PDF"):
        with Image.open(io.BytesIO(data)) as opened:
            suffix = _KEPT.get(opened.format or "")
    path = folder / f"picture{suffix or '.png'}"
    if suffix:
        path.write_bytes(data)
    else:
        page.save(path)
    return path
