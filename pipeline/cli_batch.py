"""The commands `batch …` (of a service that runs) and `history …` (of this machine); `cli` registers them.

Results go to stdout, all else to stderr. Heavy imports stay inside the commands.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from pipeline.remote import Service
    from pipeline.store import Store

batch = typer.Typer(no_args_is_help=True, help="Many pictures at once, by a service that runs (diascribe serve).")
history = typer.Typer(no_args_is_help=True, help="What the service of this machine has described.")
Api = Annotated[str, typer.Option(envvar="DIASCRIBE_URL", help="Where the service is.")]
Key = Annotated[str, typer.Option(envvar="DIASCRIBE_KEY", help="Its API key, if it asks for one.", show_default=False)]
Id = Annotated[str, typer.Argument(metavar="BATCH", help="What `submit` printed.")]
Form = Literal["zip", "csv", "xlsx", "jsonl"]
HERE = "http://127.0.0.1:8000"


@batch.command()
def submit(
    pictures: Annotated[
        list[str], typer.Argument(metavar="IMAGE|DIR|GLOB|ZIP…", help="Pictures, folders of them, patterns, ZIPs.")
    ],
    lang: Annotated[Literal["auto", "en", "ru"], typer.Option(help="Language of text and descriptions.")] = "auto",
    engine: Annotated[str, typer.Option(help="What reads the pictures.")] = "auto",
    fresh: Annotated[bool, typer.Option("--fresh", help="Also read what was described before.")] = False,
    webhook: Annotated[str, typer.Option(help="An address to be called at the end.", show_default=False)] = "",
    out: Annotated[Path | None, typer.Option(help="Wait, and write the results here: NAME.zip, .csv, .xlsx.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait; print each result as a line of JSON.")] = False,
    api: Api = HERE,
    key: Key = "",
) -> None:
    """Send pictures to be described in the background; prints the batch's id."""
    from pipeline.sources import find

    form = out.suffix[1:].lower() if out else "zip"
    if form not in ("zip", "csv", "xlsx", "jsonl"):
        print(f"diascribe: {out}: write .zip, .csv, .xlsx or .jsonl", file=sys.stderr)
        raise typer.Exit(2)
    paths = [source.path for source in find(pictures)]
    if not paths:
        print(f"diascribe: there is no picture in {', '.join(pictures)}", file=sys.stderr)
        raise typer.Exit(2)
    service = _service(api, key)
    fields = {"language": lang, "engine": engine, "fresh": str(fresh).lower(), "webhook": webhook}
    made = service.submit(paths, {name: value for name, value in fields.items() if value not in ("", "auto", "false")})
    ident = made["id"]
    if not wait and out is None:
        print(ident)
        return
    print(f"batch {ident}: {made['total']} pictures", file=sys.stderr)
    failed = 0
    for line in service.lines(f"/v1/batches/{ident}/results"):
        failed += line["state"] != "done"
        if line["error"]:
            print(f"{line['name']}: {line['error']}", file=sys.stderr)
        if wait:
            print(json.dumps(line, ensure_ascii=False))
    if out is not None:
        service.save(f"/v1/batches/{ident}/export?format={form}", out)
    raise typer.Exit(1 if failed else 0)


@batch.command()
def status(
    ident: Annotated[str, typer.Argument(metavar="[BATCH]", help="Unset: the last ones.")] = "",
    api: Api = HERE,
    key: Key = "",
) -> None:
    """How far a batch is, or the last ones."""
    service = _service(api, key)
    for one in [service.ask("GET", f"/v1/batches/{ident}")] if ident else service.ask("GET", "/v1/batches")["batches"]:
        _print(one)


@batch.command()
def cancel(ident: Id, api: Api = HERE, key: Key = "") -> None:
    """End what has not ended; results that are there stay."""
    _print(_service(api, key).ask("POST", f"/v1/batches/{ident}/cancel"))


@batch.command()
def retry(ident: Id, api: Api = HERE, key: Key = "") -> None:
    """Try the failed pictures again."""
    _print(_service(api, key).ask("POST", f"/v1/batches/{ident}/retry"))


@batch.command()
def export(
    ident: Id,
    out: Annotated[Path | None, typer.Option(help="The file; unset: BATCH.zip here.")] = None,
    format: Annotated[Form, typer.Option(help="What to write.")] = "zip",  # noqa: A002 the option's name
    api: Api = HERE,
    key: Key = "",
) -> None:
    """All that there is of a batch by now, as one file."""
    target = out or Path(f"{ident}.{format}")
    _service(api, key).save(f"/v1/batches/{ident}/export?format={format}", target)
    print(target)


@history.command("list")
def list_results(
    query: Annotated[str, typer.Argument(metavar="[WORDS]", help="Words that must all be in it.")] = "",
    kind: Annotated[Literal["bpmn", "flowchart"] | None, typer.Option(help="Only of this kind.")] = None,
    language: Annotated[Literal["en", "ru"] | None, typer.Option(help="Only in this language.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
) -> None:
    """What has been described, newest first: id, time, kind, picture, title."""
    from pipeline.history import Filter

    total, entries = _store().history.find(Filter(query, kind, language), limit)
    for entry in entries:
        when = datetime.fromtimestamp(entry.created).astimezone().strftime("%Y-%m-%d %H:%M")
        print(f"{entry.id}  {when}  {entry.kind:9} {entry.name or '-':24}  {entry.title}")
    if total > len(entries):
        print(f"{total - len(entries)} more: --limit", file=sys.stderr)


@history.command()
def show(
    ident: Annotated[str, typer.Argument(metavar="RESULT", help="An id that `list` printed.")],
    image: Annotated[Path | None, typer.Option(help="Write the picture here.")] = None,
) -> None:
    """One result, as JSON."""
    store = _store()
    if image is not None:
        image.write_bytes(store.history.image(ident)[1])
    print(json.dumps(store.history.get(ident)[1], ensure_ascii=False, indent=2))


@history.command()
def delete(
    idents: Annotated[list[str] | None, typer.Argument(metavar="RESULT…", help="Ids that `list` printed.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Forget results and their pictures."""
    store = _store()
    if bool(idents) == everything:
        print("diascribe: name results, or say --all", file=sys.stderr)
        raise typer.Exit(2)
    for ident in idents or ():
        store.history.delete(ident)
    if everything:
        print(f"{store.history.clear()} deleted", file=sys.stderr)


@history.command("export")
def export_results(
    out: Annotated[Path, typer.Argument(help="NAME.zip, .csv, .xlsx or .jsonl.")],
    query: Annotated[str, typer.Option(help="Words that must all be in it.")] = "",
) -> None:
    """All results, or those that are searched for, as one file."""
    from pipeline.export import MEDIA, Row, write
    from pipeline.history import Filter

    form = out.suffix[1:].lower()
    if form not in MEDIA:
        print(f"diascribe: {out}: write .zip, .csv, .xlsx or .jsonl", file=sys.stderr)
        raise typer.Exit(2)
    found = enumerate(_store().history.each(Filter(query)), 1)
    with out.open("wb") as file:
        write((Row(n, entry.name, "done", what, result=entry.id) for n, (entry, what) in found), form, file)


def _service(api: str, key: str) -> Service:
    from pipeline.remote import Service

    return Service(api, key)


def _store() -> Store:
    from pipeline.cli import settings
    from pipeline.store import Store

    return Store(settings())


def _print(one: dict[str, Any]) -> None:
    left = "" if one["eta"] in (None, 0.0) else f", {one['eta']:.0f} s to go"
    counts = ", ".join(f"{one[state]} {state}" for state in ("running", "queued", "failed", "cancelled") if one[state])
    more = f", {counts}" if counts else ""
    print(f"{one['id']}  {one['state']}: {one['done']} of {one['total']} done{more}{left}")
