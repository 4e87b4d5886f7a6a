"""The commands `models list|info|download|cache|remove` of the command line; `cli` registers them.

Exit codes as everywhere. Results go to stdout, all else to stderr. Heavy imports stay inside the commands.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from vlm.registry import Model

app = typer.Typer(no_args_is_help=True, help="The models: which there are, and their weights.")
Name = Annotated[str, typer.Argument(help="A model of `diascribe models list`.")]


@app.command("list")
def list_models() -> None:
    """All models that can be used, and which are on this machine."""
    from vlm.registry import load

    for model in load(_settings().models_file).values():
        licence = model.licence + ("" if model.commercial is not False else ", not for commercial use")
        size = f"{model.parameters:g} B" if model.parameters else ""
        print(f"{model.id:18} {model.kind:4} {size:>7}  {_state(model):10} {', '.join(model.good_for)}; {licence}")


@app.command()
def info(name: Name) -> None:
    """All that is known of a model."""
    from vlm.registry import get

    model = get(name, _settings().models_file)
    for key, value in asdict(model).items():
        if key == "commercial":
            value = {True: "allowed", False: "not allowed", None: "read the licence"}[value]
        elif key == "vram_gib" and value is None:
            value = "not measured"
        print(f"{key}: {', '.join(map(str, value)) if isinstance(value, tuple) else value}")
    print(f"state: {_state(model)}")


@app.command()
def download(name: Annotated[str, typer.Argument(help="clip, or a model of `diascribe models list`.")]) -> None:
    """Fetch the weights of a model from the Hugging Face hub; a broken download resumes."""
    settings = _settings()
    if name == "clip":
        from retrieval.clip import download as fetch_clip

        print(fetch_clip(settings.clip_model))
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from diagram.errors import InputError
    from vlm.registry import get
    from vlm.weights import download as fetch

    model = get(name, settings.models_file)
    if model.run == "server":
        raise InputError(f"{name} runs on a server of its own", hint="start one and set DIASCRIBE_SERVER_URL")
    if model.commercial is False:
        print(f"diascribe: {model.name} may not be used commercially ({model.licence})", file=sys.stderr)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task(name, total=None)
        print(fetch(model.repository, lambda done, total: bar.update(task, completed=done, total=total or None)))


@app.command()
def cache() -> None:
    """The models in the cache of this machine, and what they take."""
    from vlm.weights import cache_folder, stored

    held = list(stored())
    for one in held:
        print(f"{one.size / 1e9:7.2f} GB  {one.repository}")
    print(f"{sum(one.size for one in held) / 1e9:7.2f} GB in {cache_folder()}")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="A model of the list, or a name that `cache` shows.")]) -> None:
    """Delete the weights of a model from the cache."""
    from diagram.errors import InputError
    from vlm.registry import load
    from vlm.weights import remove as delete

    known = load(_settings().models_file)
    freed = delete(known[name].repository if name in known else name)
    if not freed:
        raise InputError(f"{name} is not in the cache", hint="see: diascribe models cache")
    print(f"{freed / 1e9:.2f} GB freed")


def _state(model: Model) -> str:
    from vlm.weights import find

    return "on servers" if model.run == "server" else "here" if find(model.repository) else "absent"


def _settings() -> Settings:
    from pipeline.cli import settings

    return cast("Settings", settings())
