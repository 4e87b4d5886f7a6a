"""A model as a reader of pictures: alone, or with the built-in reader beside it (hybrid).

Hybrid: the built-in reader goes first; its lines and graph are hints to the model, choose the examples, and bear out or
contradict what the model answers. A picture whose text would be too small at the model's size is read in tiles. Where
the model cannot answer, the built-in reading stands, and a warning says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from PIL import Image

from diagram.errors import EngineError, MissingDependencyError
from diagram.kinds import Language
from diagram.model import Box, Description, Diagram, Example
from diagram.narrate import narrate
from diagram.progress import AbandonedError, cancelled, stage, token
from vlm.prompt import Hints, Line, to_draft, to_read
from vlm.reconcile import Evidence, Policy, reconcile
from vlm.reply import SCHEMA, Answer, decode
from vlm.tiles import cut, lines_in, merged, part

if TYPE_CHECKING:
    from pipeline.build import Describer
    from vlm.engine import Engine, Reply

Similar = Callable[[Image.Image, Diagram | None], Sequence[Example]]
MOST_LINES: Final = 200
"""Recognised lines that a model is told of: more would crowd out the picture."""


@dataclass(frozen=True)
class ModelReader:
    """Reads pictures with a model.

    vision: the built-in reader, None to use the model alone. lines: recognises text. similar: finds examples, by the
    picture and by its graph where the built-in reader read one; with_pictures: the model sees theirs, too.
    required: raise where the model cannot answer, instead of falling back on the built-in reading. most: pixels that
    the model is shown at once; larger pictures with small text are read in tiles.
    """

    engine: Engine
    vision: Describer | None = None
    lines: Callable[[Image.Image], Sequence[Line]] | None = None
    similar: Similar | None = None
    language: Language | None = None
    max_tokens: int = 4096
    policy: Policy = "flag"
    required: bool = False
    most: int = 1280 * 28 * 28
    with_pictures: bool = False

    def describe(self, image: Image.Image, examples: Sequence[Example] = ()) -> Description:
        """The graph of one picture as the model gives it, held against what was seen.

        Raises:
            EngineError: the model cannot answer, and there is no other reading, or `required` is set.
        """
        start = time.perf_counter()
        seen = None if self.vision is None else self.vision.describe(image)
        lines = tuple(self.lines(image)) if self.lines is not None else ()
        looked = time.perf_counter()
        timings = {"look": looked - start}
        if not examples and self.similar is not None:
            examples = tuple(self.similar(image, None if seen is None else seen.diagram))
            timings["examples"] = time.perf_counter() - looked
        language = self.language or (seen.diagram.language if seen else "en")
        tiles = cut(image.size, lines, self.most) if seen is not None else [(0, 0, *image.size)]
        stage("model")
        try:
            if seen is None or len(tiles) == 1:
                hints = Hints(lines[:MOST_LINES], seen.diagram if seen else None)
                reply, answer = self._read(image, language, examples, hints)
                tiles = cut(image.size, lines, reply.pixels) if seen is not None and reply.pixels else tiles
            if seen is not None and len(tiles) > 1:  # at once, or because memory made the picture too small to read
                reply, answer = self._read_tiles(image, language, tiles, lines, seen.diagram)
                examples = ()  # it was shown none
        except (EngineError, MissingDependencyError) as error:
            if seen is None or self.required:
                raise
            warning = f"read without the model: {error}" + (f" ({error.hint})" if error.hint else "")
            return replace(seen, examples=tuple(examples), warnings=(warning, *seen.warnings))
        return self._told(reply, answer, seen, lines, examples, {**timings, **reply.timings})

    def _read(
        self, image: Image.Image, language: Language, examples: Sequence[Example], hints: Hints
    ) -> tuple[Reply, Answer]:
        cancel = cancelled()
        request = to_read(image, language, examples, hints, with_pictures=self.with_pictures)
        reply = self.engine.generate(request, schema=SCHEMA, max_tokens=self.max_tokens, on_text=token, cancel=cancel)
        if cancel is not None and cancel.is_set():
            raise AbandonedError("nobody waits for this any more")
        return reply, decode(reply.text)

    def _read_tiles(
        self, image: Image.Image, language: Language, tiles: Sequence[Box], lines: Sequence[Line], seen: Diagram
    ) -> tuple[Reply, Answer]:
        """One answer of the answers for all tiles. Examples are left out: a tile is no whole diagram."""
        read = []
        for tile in tiles:
            hints = Hints(lines_in(lines, tile)[:MOST_LINES], part(seen, tile))
            read.append(self._read(image.crop(tile), language, (), hints))
        replies, answers = [one[0] for one in read], [one[1] for one in read]
        diagram = merged([answer.diagram for answer in answers], seen, tiles)
        names = {name for reply in replies for name in reply.timings}
        reply = replace(
            replies[0],
            notes=(f"read in {len(tiles)} tiles", *dict.fromkeys(note for reply in replies for note in reply.notes)),
            timings={name: sum(reply.timings.get(name, 0.0) for reply in replies) for name in sorted(names)},
        )
        warnings = tuple(dict.fromkeys(warning for answer in answers for warning in answer.warnings))
        return reply, Answer(diagram, all(answer.complete for answer in answers), warnings)

    def _told(
        self,
        reply: Reply,
        answer: Answer,
        seen: Description | None,
        lines: Sequence[Line],
        examples: Sequence[Example],
        timings: Mapping[str, float],
    ) -> Description:
        diagram, warnings = answer.diagram, (*reply.notes, *answer.warnings)
        evidence: dict[str, Evidence] = {}
        if seen is not None:
            found = reconcile(diagram, seen.diagram, lines, self.policy)
            diagram, evidence = found.diagram, {**found.nodes, **found.edges}
            warnings = (*warnings, *found.warnings)
        told = narrate(diagram)
        name = f"hybrid ({reply.engine})" if seen is not None else reply.engine
        return Description(
            diagram, told.title, told.text, told.steps, name, tuple(examples), warnings, timings, evidence
        )


def draft(engine: Engine, text: str, language: Language = "en", max_tokens: int = 4096) -> Answer:
    """The graph of a process told in words, by a model.

    Raises:
        EngineError: it cannot answer.
    """
    return decode(engine.generate(to_draft(text, language), schema=SCHEMA, max_tokens=max_tokens).text)
