"""The command `ocr` of the command line: the text of a picture, by the built-in reader or by a model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer


def ocr(
    picture: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture.")],
    format: Annotated[Literal["text", "json"], typer.Option(help="What to write.")] = "text",  # noqa: A002
    lang: Annotated[Literal["auto", "en", "ru"], typer.Option(help="Language of the text in the picture.")] = "auto",
    model: Annotated[str, typer.Option(help="Read with this model: one of `diascribe models list`, or server.")] = "",
    page: Annotated[int, typer.Option(min=1, help="Of a PDF or TIFF.")] = 1,
) -> None:
    """Read the text of a picture: its lines, where they stand and how sure each is."""
    from pipeline.cli import settings
    from pipeline.ocr import read_lines
    from vision.load import open_upload

    chosen = settings(lang=lang)
    image = open_upload(picture, chosen.limits).page(page - 1)
    found = read_lines(image, lang)
    if model:
        from pipeline.engines import make_engine
        from pipeline.ocr_model import read_lines_with
        from vlm.registry import load

        entry = load(chosen.models_file).get(model)
        bare = entry is not None and entry.kind == "ocr"
        found = read_lines_with(make_engine(chosen, model), image, found, found["language"], bare=bare)
    print(json.dumps(found, ensure_ascii=False, indent=2) if format == "json" else found["text"])
    for warning in found["warnings"]:
        print(f"diascribe: {warning}", file=sys.stderr)
