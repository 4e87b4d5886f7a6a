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
Name = Annotated[str, typer.Argument(help="clip, or a model of `diascribe models list`.")]


@app.command("list")
def list_models() -> None:
    """All models that can be used, and which are on this machine."""
    from vlm.registry import load

    for model in load(_settings().models_file).values():
        licence = model.licence + ("" if model.commercial is not False else ", not for commercial use")
        size = f"{model.parameters:g} B" if model.parameters else ""
        print(f"{model.id:18} {model.kind:5} {size:>7}  {_state(model):10} {', '.join(model.good_for)}; {licence}")
    state, good_for = _clip(_settings())["state"], "search and examples like a picture"
    print(f"{'clip':18} {'embed':5} {'0.15 B':>7}  {state:10} {good_for}; MIT")


@app.command()
def info(name: Name) -> None:
    """All that is known of a model."""
    from vlm.registry import get

    if name == "clip":
        print("\n".join(f"{key}: {told}" for key, told in _clip(_settings()).items()))
        return
    model = get(name, _settings().models_file)
    for key, value in asdict(model).items():
        if key == "commercial":
            value = {True: "allowed", False: "not allowed", None: "read the licence"}[value]
        elif key == "vram_gib" and value is None:
            value = "not measured"
        print(f"{key}: {', '.join(map(str, value)) if isinstance(value, tuple) else value}")
    print(f"state: {_state(model)}")


@app.command()
def download(name: Name) -> None:
    """Fetch the weights of a model from the Hugging Face hub; a broken download resumes."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from diagram.errors import InputError
    from vlm.registry import get
    from vlm.weights import download as fetch_whole
    from vlm.weights import fetch

    settings = _settings()
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    bar = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
    task = bar.add_task(name, total=None)

    def progress(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total or None)

    if name == "clip":
        clip = _clip(settings)
        with bar:
            print(clip["folder"] or fetch(clip["repository"], progress))
        return
    model = get(name, settings.models_file)
    if model.run == "server":
        raise InputError(f"{name} runs on a server of its own", hint="start one and set DIASCRIBE_SERVER_URL")
    if model.commercial is False:
        print(f"diascribe: {model.name} may not be used commercially ({model.licence})", file=sys.stderr)
    with bar:
        print(fetch_whole(model.repository, progress))


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
    repository = _clip(_settings())["repository"] if name == "clip" else name
    freed = delete(known[name].repository if name in known else repository)
    if not freed:
        raise InputError(f"{name} is not in the cache", hint="see: diascribe models cache")
    print(f"{freed / 1e9:.2f} GB freed")


def _state(model: Model) -> str:
    from vlm.weights import find

    return "on servers" if model.run == "server" else "here" if find(model.repository) else "absent"


def _clip(settings: Settings) -> dict[str, str]:
    """What is known of the model of the embedder, which is no vision-language model and in no registry."""
    from retrieval.clip import find, repository

    name = settings.clip_model
    folder = find(name)
    state = "absent" if folder is None else "here"
    return {"name": name, "repository": repository(name), "state": state, "folder": str(folder or "")}


def _settings() -> Settings:
    from pipeline.cli import settings

    return cast("Settings", settings())
