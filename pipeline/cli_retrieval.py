"""The commands `index`, `search` and `examples` of the command line; `cli` registers them.

Exit codes as everywhere: 0 all good, 1 something failed, 2 wrong usage. Results go to stdout, all else to stderr. Heavy
imports stay inside the commands.
"""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

if TYPE_CHECKING:
    from pipeline.retrieve import Found, Retrieval
    from pipeline.settings import Settings
    from retrieval.examples import Record
    from retrieval.index import Manifest, Synced

index_app = typer.Typer(no_args_is_help=True, help="Build, check and search the index of training diagrams.")
examples_app = typer.Typer(no_args_is_help=True, help="The training diagrams: list them, add your own.")

Json = Annotated[bool, typer.Option("--json", help="JSON instead of lines.")]
Count = Annotated[int, typer.Option("-k", "--count", min=1, help="How many examples.")]
Query = Annotated[list[str], typer.Argument(metavar="IMAGE|TEXT", help="A picture, or words.")]
EmbedderName = Annotated[str, typer.Option("--embedder", help="auto, builtin or clip.")]
Split = Literal["train", "validation", "test"]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(index_app, name="index")
    app.add_typer(examples_app, name="examples")
    app.command("search")(search)
    index_app.command("search")(search)


@index_app.command()
def build(
    embedder: EmbedderName = "auto",
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Embed everything anew.")] = False,
    json: Json = False,
) -> None:
    """Bring the index up to the training diagrams; only what is new or changed is embedded."""
    retrieval = _retrieval(embedder=embedder)
    done = _build(retrieval, rebuild=rebuild)
    if json:
        counts = {name: getattr(done, name) for name in ("embedded", "kept", "resumed", "removed")}
        _print_json({**done.manifest.to_json(), **counts})
    else:
        print(_told(done))


@index_app.command()
def info(json: Json = False) -> None:
    """Say what the index holds."""
    retrieval = _retrieval()
    manifest = retrieval.index.manifest()
    if json:
        _print_json(manifest.to_json())
        return
    for line in _manifest_lines(manifest):
        print(line)


@index_app.command()
def verify() -> None:
    """Read the whole index and say whether it is sound and up to date."""
    from retrieval.index import digest_of

    retrieval = _retrieval()
    faults = retrieval.index.verify()
    if not faults:
        rows = retrieval.examples.findable()
        if retrieval.index.manifest().data != digest_of({name: row.digest() for name, row in rows.items()}):
            faults = ["the training diagrams have changed since the index was built"]
    for fault in faults:
        print(f"diascribe: {fault} (bring it up to date with: diascribe index build)", file=sys.stderr)
    if faults:
        raise typer.Exit(1)
    print(f"the index is sound: {retrieval.index.manifest().count} examples")


def search(query: Query, count: Count = 5, json: Json = False, embedder: EmbedderName = "auto") -> None:
    """Find training diagrams like a picture, or ones that words tell of."""
    from vision.load import SUFFIXES, open_upload

    settings = _settings(embedder=embedder)
    retrieval = _retrieval(embedder=embedder)
    text = " ".join(query)
    path = Path(text)
    if not path.is_file() and path.suffix.lower() in SUFFIXES:
        _usage(f"{text}: there is no such file")
    if not make_ready(retrieval):
        _say("there are no training diagrams to search; add your own with: diascribe examples add")
        raise typer.Exit(1)
    if path.is_file():
        found = retrieval.by_picture(open_upload(path, settings.limits).page(0), count)
    else:
        found = retrieval.by_text(text, count)
    if json:
        _print_json([_found_json(one) for one in found])
        return
    for one in found:
        record = one.record
        print(f"{one.score:6.3f}  {record.id:32s} {record.language}  {record.kind:9s}  {record.title}".rstrip())


@examples_app.command()
def add(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture.")],
    truth: Annotated[Path, typer.Option(help="Its right graph (.json, .bpmn, .mmd), or its description (.txt, .md).")],
    id: Annotated[str, typer.Option("--id", help="Its name; default: the file's.")] = "",  # noqa: A002 the option's name
    title: Annotated[str, typer.Option(help="A title; default: what the graph says.")] = "",
    process: Annotated[str, typer.Option(help="The process it shows, if several pictures show one.")] = "",
    source: Annotated[str, typer.Option(help="Where it comes from.")] = "",
    licence: Annotated[str, typer.Option(help="Its licence.")] = "",
    split: Annotated[
        Split, typer.Option(help="train may be found later; the others are kept for measuring.")
    ] = "train",
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of the example of this id.")] = False,
) -> None:
    """Add a picture and what it shows to your own training diagrams, and to the index if there is one."""
    from pipeline.curate import add_example

    for path in (image, truth):
        if not path.is_file():
            _usage(f"{path}: there is no such file")
    retrieval = _retrieval()
    told = {"title": title, "process": process, "source": source, "licence": licence, "split": split}
    record, twin = add_example(retrieval, image, truth, name=id, replace_old=replace, **told)
    if twin is not None:
        _say(f"{record.id} is nearly the same as {twin.id}" + _split_note(record, twin, split))
    print(record.id)
    _update(retrieval)


@examples_app.command("list")
def list_(
    language: Annotated[str, typer.Option(help="Only these: en or ru.")] = "",
    kind: Annotated[str, typer.Option(help="Only these: bpmn or flowchart.")] = "",
    own: Annotated[bool, typer.Option("--own", help="Only your own.")] = False,
    json: Json = False,
) -> None:
    """List the training diagrams."""
    examples = _retrieval().examples
    rows = [
        row
        for row in (examples.own.records() if own else examples.records()).values()
        if language in ("", row.language) and kind in ("", row.kind)
    ]
    if json:
        _print_json([_record_json(row) for row in rows])
        return
    for row in rows:
        print(f"{row.id:32s} {row.language}  {row.kind:9s}  {row.split:10s}  {row.title}".rstrip())


@examples_app.command()
def show(name: Annotated[str, typer.Argument(metavar="ID")], json: Json = False) -> None:
    """Show one training diagram: what is known of it and how it is described."""
    record = _record(_retrieval(), name)
    if json:
        graph = None if record.diagram is None else record.diagram.to_json()
        _print_json({**_record_json(record), "description": record.description, "graph": graph})
        return
    for key, value in _record_json(record).items():
        if value:
            print(f"{key}: {value}")
    print(f"\n{record.description}")


@examples_app.command()
def remove(names: Annotated[list[str], typer.Argument(metavar="ID…")]) -> None:
    """Remove some of your own training diagrams, and from the index."""
    retrieval = _retrieval()
    retrieval.examples.own.remove(names)
    _update(retrieval)


@examples_app.command("import")
def import_(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="metadata.jsonl with pictures, or NAME.png + NAME.json.")
    ],
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of examples of the same ids.")] = False,
) -> None:
    """Add all training diagrams of a folder to your own."""
    from pipeline.curate import import_folder

    if not folder.is_dir():
        _usage(f"{folder}: there is no such folder")
    retrieval = _retrieval()
    added, notes = import_folder(retrieval, folder, replace_old=replace)
    for note in notes:
        _say(note)
    print(f"{len(added)} added")
    _update(retrieval)


@examples_app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    all: Annotated[bool, typer.Option("--all", help="Not only your own.")] = False,  # noqa: A002 the option's name
) -> None:
    """Write your own training diagrams as a Hugging Face ImageFolder."""
    from pipeline.curate import export_folder

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        _usage(f"{folder} is not empty")
    print(f"{export_folder(_retrieval(), folder, everything=all)} written")


@examples_app.command()
def stats(json: Json = False) -> None:
    """Count the training diagrams."""
    from collections import Counter

    rows = list(_retrieval().examples.records().values())
    counts: dict[str, Any] = {"examples": len(rows), "processes": len({row.process for row in rows if row.process})}
    for key in ("split", "language", "kind", "look", "licence"):
        counts[key] = dict(Counter(getattr(row, key) or "?" for row in rows).most_common())
    if json:
        _print_json(counts)
        return
    for key, value in counts.items():
        shown = ", ".join(f"{name} {count}" for name, count in value.items()) if isinstance(value, dict) else value
        print(f"{key}: {shown}")


def make_ready(retrieval: Retrieval) -> bool:
    """Whether there is something to search; the first time the index is built, and that is told on stderr."""

    def first() -> None:
        _say("building the index of the training diagrams, this once")
        _say(_told(_build(retrieval)))

    return retrieval.ready(first)


def _build(retrieval: Retrieval, *, rebuild: bool = False, keep_embedder: bool = False) -> Synced:
    """Build with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console, hidden = Console(stderr=True), not sys.stderr.isatty()
    with Progress(*columns, console=console, disable=hidden, redirect_stdout=False, transient=True) as bar:
        task = bar.add_task("embedding", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        return retrieval.build(rebuild=rebuild, keep_embedder=keep_embedder, progress=progress)


def _update(retrieval: Retrieval) -> None:
    """Bring the index up to date."""
    _say(_told(_build(retrieval, keep_embedder=True)))


def _told(done: Synced) -> str:
    manifest = done.manifest
    parts = [f"{done.embedded} embedded", f"{done.kept} kept"]
    parts += [f"{done.resumed} taken over from a build that was cut off"] if done.resumed else []
    parts += [f"{done.removed} dropped"] if done.removed else []
    return f"index of {manifest.count} examples, {manifest.embedder.name} ({', '.join(parts)})"


def _manifest_lines(manifest: Manifest) -> list[str]:
    return [
        f"{manifest.count} examples, {manifest.embedder.dim} numbers each, {manifest.kind}",
        f"embedder: {manifest.embedder.name} ({manifest.embedder.fingerprint})",
        f"built: {manifest.built_at}, in {manifest.seconds:.1f} s",
        f"data: {manifest.data}",
    ]


def _split_note(record: Record, twin: Record, asked: str) -> str:
    return f", so it is kept for measuring as {twin.split} like that one" if record.split != asked else ""


def _record(retrieval: Retrieval, name: str) -> Record:
    rows = retrieval.examples.records()
    if name not in rows:
        _usage(f"there is no example {name}; see: diascribe examples list")
    return rows[name]


def _record_json(record: Record) -> dict[str, Any]:
    keys = ("id", "title", "language", "kind", "process", "look", "source", "licence", "split")
    return {**{key: getattr(record, key) for key in keys}, "image": str(record.image)}


def _found_json(one: Found) -> dict[str, Any]:
    return {**_record_json(one.record), "score": round(one.score, 4)}


def _retrieval(**changes: Any) -> Retrieval:
    from pipeline.retrieve import Retrieval

    return Retrieval(_settings(**changes))


def _settings(**changes: Any) -> Settings:
    from pipeline.cli import settings

    chosen: Settings = settings(**changes)
    return chosen


def _print_json(data: Any) -> None:
    print(json_module.dumps(data, ensure_ascii=False, indent=2))


def _say(text: str) -> None:
    print(f"diascribe: {text}", file=sys.stderr)


def _usage(message: str) -> NoReturn:
    _say(message)
    raise typer.Exit(2)
