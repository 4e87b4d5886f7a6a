"""Describe one picture: the library's front door. `describe(picture, settings)` gives the graph and what it says.

Boxes are pixels of the upload. Knows nothing of files that are written, of progress or of exit codes.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from PIL import Image

from diagram.model import Description
from diagram.narrate import narrate
from diagram.progress import stage
from pipeline.build import Describer, describer
from pipeline.retrieve import Retrieval, shared
from pipeline.settings import Settings
from vision.load import Upload, open_upload

NOTHING_FOUND = "no diagram was found in the picture"


def describe(
    picture: Image.Image | str | Path | bytes,
    settings: Settings | None = None,
    reader: Describer | None = None,
    retrieval: Retrieval | None = None,
) -> Description:
    """The graph of one picture, its title, text and steps.

    picture: an image, or a file (path or bytes; of several pages the first is read). reader: made from the settings
    unless given, so that many pictures can share one. retrieval: finds the examples; unless
    given, all calls with the same settings share one.

    Raises:
        InputError: the file cannot be used. UnknownNameError: `settings.engine` names nothing.
    """
    settings = settings or Settings()
    reader = reader or describer(settings)
    retrieval = retrieval or shared(settings)
    if isinstance(picture, Image.Image):
        found = _told(reader.describe(picture), settings)
        looked_for = found.examples or "examples" in found.timings  # by the reader, whose model saw them
        return found if looked_for else retrieval.with_examples(found, picture)
    return describe_page(open_upload(picture, settings.limits), 0, settings, reader, retrieval)[1]


def describe_page(
    upload: Upload, number: int, settings: Settings, reader: Describer, retrieval: Retrieval | None = None
) -> tuple[Image.Image, Description]:
    """One page (0-based) of an upload, decoded, and its description.

    Raises:
        InputError: the page cannot be decoded.
    """
    stage("load")
    start = time.perf_counter()
    image = upload.page(number)
    loaded = time.perf_counter() - start
    found = describe(image, settings, reader, retrieval)
    return image, replace(found, timings={"load": loaded, **found.timings})


def _told(found: Description, settings: Settings) -> Description:
    """The same in words, where the reader gave only the graph or another language is wanted."""
    diagram = found.diagram
    if not diagram.nodes and not found.warnings:
        found = replace(found, warnings=(NOTHING_FOUND,))
    if settings.lang not in ("auto", diagram.language):
        diagram = diagram.replace(language=settings.lang)
    elif found.text:
        return found
    start = time.perf_counter()
    told = narrate(diagram)
    timings = {**found.timings, "narrate": time.perf_counter() - start}
    return replace(found, diagram=diagram, title=told.title, text=told.text, steps=told.steps, timings=timings)
