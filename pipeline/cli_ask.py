"""The command `ask` of the command line: free questions about one picture, answered by a model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer


def ask(
    picture: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture.")],
    question: Annotated[
        str, typer.Argument(help="What is to be known of it; without, each line of the input is a question.")
    ] = "",
    engine: Annotated[str, typer.Option(help="What answers: auto, qwen, server or a model.")] = "auto",
) -> None:
    """Ask a model about a picture; answers are written as they come, and what was said is remembered."""
    from pipeline.ask import ask as answer
    from pipeline.cli import settings
    from pipeline.engines import make_engine
    from vision.load import open_upload

    chosen = settings(engine=engine)
    names = {"auto": "", "hybrid": "", "qwen": chosen.model}
    model = make_engine(chosen, names.get(chosen.engine, chosen.engine))
    image = open_upload(picture, chosen.limits).page(0)
    said: list[tuple[str, str]] = []
    for asked in [question] if question else _lines():
        reply = answer(model, asked, image, said, settings=chosen, on_text=lambda text: print(text, end="", flush=True))
        print()
        for note in reply.notes:
            print(f"diascribe: {note}", file=sys.stderr)
        said.append((asked, reply.text))


def _lines() -> Iterator[str]:
    """The questions on stdin, asked for where a person types them."""
    while True:
        if sys.stdin.isatty():
            print("? ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()
