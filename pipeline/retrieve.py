"""The examples like a picture: embedder, index and training diagrams composed, as the settings say.

An index tells which embedder built it; unless the settings ask for one, searches use that one. Opens nothing before it
is needed. Knows nothing of terminals.
"""

from __future__ import annotations

import contextlib
import functools
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from diagram.errors import DiascribeError, IndexUnusableError, MissingIndexError
from diagram.model import Description, Diagram
from diagram.progress import stage
from pipeline.settings import Settings

if TYPE_CHECKING:
    from PIL import Image

    from retrieval.embedder import Embedder, Picture, Vectors
    from retrieval.examples import Examples, Record
    from retrieval.index import Hit, Identity, Index, Progress, Synced
    from retrieval.select import Choice

CANDIDATES = 20  # looked at for a choice


@dataclass(frozen=True, slots=True)
class Found:
    """One example found by a search."""

    record: Record
    score: float


class Retrieval:
    """Finds examples. read: the graph of a picture that has none yet (the reader the settings name, unless given)."""

    def __init__(self, settings: Settings, read: Callable[[Image.Image], Diagram] | None = None) -> None:
        self._settings = settings
        self._read = read or functools.partial(_read, settings)
        self._embedders: dict[str, Embedder] = {}

    @functools.cached_property
    def examples(self) -> Examples:
        """The training diagrams."""
        from retrieval.examples import Examples

        return Examples(self._settings.examples_dir, [self._settings.data_dir])

    @functools.cached_property
    def index(self) -> Index:
        """The index that the settings name."""
        from pipeline.build import INDEXES, lookup

        return lookup("index", INDEXES, self._settings.index)(self._settings)

    def embedder(self) -> Embedder:
        """What embeds for searches: as set, else what built the index.

        Raises:
            IndexUnusableError: nothing is set, and there is no usable index.
        """
        name = self._settings.embedder
        return self._embedder(self.index.manifest().embedder.name if name == "auto" else name)

    def embedder_for_building(self, *, keep: bool = False) -> Embedder:
        """What embeds for a build: as set, else what built the index if that is to be kept, else the best here."""
        from pipeline.build import best_embedder

        with contextlib.suppress(IndexUnusableError):
            if keep:
                return self.embedder()
        name = self._settings.embedder
        return self._embedder(best_embedder(self._settings) if name == "auto" else name)

    def build(self, *, rebuild: bool = False, keep_embedder: bool = False, progress: Progress = None) -> Synced:
        """Bring the index up to the examples. keep_embedder: use the one that built the index, if one did.

        Raises:
            InputError: an example is faulty. BusyError: another process builds. And what the embedder raises.
        """
        embedder = self.embedder_for_building(keep=keep_embedder)
        rows: dict[str, Record] = {}

        def wanted() -> dict[str, str]:
            rows.update(self.examples.findable())
            return {name: row.digest() for name, row in rows.items()}

        def embed(names: Sequence[str]) -> Vectors:
            return embedder.embed([self.picture(rows[name]) for name in names])

        return self.index.sync(
            wanted,
            embed,
            _identity(embedder),
            rebuild=rebuild,
            progress=progress,
        )

    def picture(self, record: Record) -> Picture:
        """An example, to be embedded."""
        from retrieval.embedder import Picture
        from vision.load import open_upload

        return Picture(lambda: open_upload(record.image, self._settings.limits).page(0), record.diagram, record.title)

    def ready(self, build: Callable[[], object] | None = None) -> bool:
        """Whether there is something to search; where no index has been built yet, `build` is called (default: ours).

        Raises:
            IndexUnusableError: there is an index, but not a usable one. And what `build` raises.
        """
        try:
            self.index.manifest()
        except MissingIndexError:
            if not self.examples.findable():
                return False
            (build or self.build)()
        return True

    def by_text(self, text: str, count: int) -> list[Found]:
        """The examples nearest to what the words say.

        Raises:
            IndexUnusableError: there is no usable index.
        """
        embedder = self.embedder()
        return self._found(self.index.search(embedder.embed_text([text])[0], count, _identity(embedder)))

    def by_picture(self, image: Image.Image, count: int, diagram: Diagram | None = None) -> list[Found]:
        """The examples nearest to a picture. diagram: its graph, if it has been read.

        Raises:
            IndexUnusableError: there is no usable index.
        """
        return self._found(self._hits(image, diagram, count))

    def similar(self, image: Image.Image, diagram: Diagram) -> Choice:
        """The examples chosen for a picture whose graph is known, by the policy of the settings.

        Raises:
            IndexUnusableError: there is no usable index.
        """
        from retrieval.select import Candidate, Choice, Limits, at_random, choose, first

        most, policy = self._settings.examples, self._settings.examples_policy
        if not diagram.nodes:
            return Choice(why_not="no diagram was found in the picture")
        rows = self.examples.findable()
        if policy == "random":
            return at_random([rows[name] for name in sorted(rows)], most, zlib.crc32(repr(diagram).encode()))
        hits = self._hits(image, diagram, CANDIDATES)
        found = [Candidate(rows[hit.id], hit.score, hit.vector) for hit in hits if hit.id in rows]
        if policy == "fixed":
            return first(found, most)
        close = self._settings.min_similarity
        limits = Limits(most=most, similarity=self.embedder().close if close is None else close)
        return choose(found, diagram.language, diagram.kind, limits, _shown)

    def with_examples(self, found: Description, image: Image.Image) -> Description:
        """A description with the examples like it; where there is no index it is built, once.

        What goes wrong becomes a warning: a picture is described without examples too.
        """
        if not self._settings.examples:
            return found
        stage("examples")
        start = time.perf_counter()
        try:
            if not self.ready():
                return found
            choice = self.similar(image, found.diagram)
        except DiascribeError as error:
            warning = f"no similar examples: {error}" + (f" ({error.hint})" if error.hint else "")
            return replace(found, warnings=(*found.warnings, warning))
        timings = {**found.timings, "examples": time.perf_counter() - start}
        return replace(found, examples=choice.examples, timings=timings)

    def _hits(self, image: Image.Image, diagram: Diagram | None, count: int) -> list[Hit]:
        from retrieval.embedder import Picture

        embedder = self.embedder()
        vector = embedder.embed([Picture(lambda: image, diagram)])[0]
        return self.index.search(vector, count, _identity(embedder))

    def _found(self, hits: Sequence[Hit]) -> list[Found]:
        rows = self.examples.records()
        return [Found(rows[hit.id], hit.score) for hit in hits if hit.id in rows]

    def _embedder(self, name: str) -> Embedder:
        from pipeline.build import EMBEDDERS, lookup

        if name not in self._embedders:
            self._embedders[name] = lookup("embedder", EMBEDDERS, name)(self._settings, self._read)
        return self._embedders[name]


@functools.lru_cache(maxsize=4)
def shared(settings: Settings) -> Retrieval:
    """One for all calls with the same settings: what it has opened stays open."""
    return Retrieval(settings)


def _shown(record: Record) -> str:
    """What a model is shown of an example: its graph in the compact form, or its description where it has none."""
    from vlm.reply import encode

    return record.description if record.diagram is None else encode(record.diagram)


def _identity(embedder: Embedder) -> Identity:
    from retrieval.index import Identity

    return Identity(embedder.name, embedder.fingerprint, embedder.dim)


def _read(settings: Settings, image: Image.Image) -> Diagram:
    from pipeline.build import describer

    return describer(settings).describe(image).diagram
