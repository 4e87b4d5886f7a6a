"""The command `ask` of the command line: a free question about one picture, answered by a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def ask(
    picture: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture.")],
    question: Annotated[str, typer.Argument(help="What is to be known of it.")],
    engine: Annotated[str, typer.Option(help="What answers: auto, qwen, server or a model.")] = "auto",
) -> None:
    """Ask a model a question about a picture; the answer is written as it comes."""
    from pipeline.cli import settings
    from pipeline.engines import make_engine
    from vision.load import open_upload
    from vlm.prompt import to_ask

    chosen = settings(engine=engine)
    names = {"auto": "", "hybrid": "", "qwen": chosen.model}
    model = make_engine(chosen, names.get(engine, engine))
    language: Any = "ru" if any("а" <= letter <= "я" for letter in question.lower()) else "en"
    image = open_upload(picture, chosen.limits).page(0)
    reply = model.generate(
        to_ask(image, question, language=language),
        max_tokens=chosen.max_tokens,
        on_text=lambda text: print(text, end="", flush=True),
    )
    print()
    for note in reply.notes:
        print(f"diascribe: {note}", file=sys.stderr)
