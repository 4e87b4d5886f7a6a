"""The commands `serve`, `worker` and `ui` of the command line; `cli` registers them. Heavy imports stay inside."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(serve)
    app.command()(worker)
    app.command()(ui)


def serve(
    host: Annotated[str, typer.Option(help="Where to listen; elsewhere than on this machine needs keys.")] = "",
    port: Annotated[int, typer.Option(min=-1, max=65535, help="0: any free one.", show_default="8000")] = -1,
    workers: Annotated[int, typer.Option(min=0, help="Reading processes; 0: one per core.")] = 0,
    keyless: Annotated[bool, typer.Option("--keyless", help="Let other machines in without keys.")] = False,
    page: Annotated[bool, typer.Option(help="Also serve the page for the browser, to this machine.")] = True,
    page_port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page, or the next free one.")] = 8501,
    new_key: Annotated[bool, typer.Option("--new-key", help="Make an API key, print it, and leave.")] = False,
) -> None:
    """Serve all of this: the API on http://127.0.0.1:8000, the page on http://127.0.0.1:8501 unless told otherwise."""
    from api.serve import new_key as made
    from api.serve import serve as run
    from pipeline.cli import settings

    if new_key:
        key, hash_ = made()
        print(f"key, for the client (it is not kept): {key}")
        print(f"hash, for the server: DIASCRIBE_API_KEYS={hash_}")
        return
    given: dict[str, Any] = {"host": host, "port": None if port < 0 else port, "workers": workers, "keyless": keyless}
    service = _service({name: value for name, value in given.items() if value or (value == 0 and name == "port")})
    if not page:
        run(settings(), service, say)
        return
    key = ""
    if service.keys:  # the page is a client like others: it gets a key that lives as long as this server
        from api.guard import hashed

        key, _ = made()
        service = service.model_copy(update={"keys": (*service.keys, hashed(key))})
    from pipeline.page import beside

    run(settings(), service, say, lambda address: beside(address, page_port, say, key))


def worker(
    workers: Annotated[int, typer.Option(min=0, help="Reading processes; 0: one per core.")] = 0,
) -> None:
    """Work on batches beside a server: more processes, or more machines, on one PostgreSQL database."""
    from api import logs
    from pipeline.cli import settings
    from pipeline.webhook import Webhook
    from pipeline.worker import work

    service = _service({"workers": workers} if workers else {})
    logs.set_up(service.log_file)
    webhook = Webhook(service.webhook_secret.get_secret_value(), service.webhook_private)
    work(service.reader(settings()), service.crew(), service.timeout, webhook, service.drain, service.batch_items, say)


def ui(
    api: Annotated[str, typer.Option(help="Where the API is.")] = "http://127.0.0.1:8000",
    host: Annotated[str, typer.Option(help="Where to listen; whoever reaches it may use the API.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The page's port.")] = 8501,
) -> None:
    """Serve the page alone, beside an API that runs already (its key: DIASCRIBE_UI_KEY)."""
    from pipeline.page import alone

    raise typer.Exit(alone(api, host, port, say))


def say(line: str) -> None:
    """Tell the operator."""
    print(line, file=sys.stderr, flush=True)


def _service(given: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    from api.settings import Service

    try:
        return Service(**given)
    except ValidationError as error:
        first = error.errors()[0]
        print(f"diascribe: setting DIASCRIBE_API_{str(first['loc'][0]).upper()}: {first['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None
