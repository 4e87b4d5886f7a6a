"""The command `serve` of the command line; `cli` registers it. Heavy imports stay inside."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(serve)


def serve(
    host: Annotated[str, typer.Option(help="Where to listen; elsewhere than on this machine needs keys.")] = "",
    port: Annotated[int, typer.Option(min=-1, max=65535, help="0: any free one.", show_default="8000")] = -1,
    workers: Annotated[int, typer.Option(min=0, help="Reading processes; 0: one per core.")] = 0,
    keyless: Annotated[bool, typer.Option("--keyless", help="Let other machines in without keys.")] = False,
    new_key: Annotated[bool, typer.Option("--new-key", help="Make an API key, print it, and leave.")] = False,
) -> None:
    """Serve all of this over HTTP: http://127.0.0.1:8000 unless told otherwise."""
    from pydantic import ValidationError

    from api.serve import new_key as made
    from api.serve import serve as run
    from api.settings import Service
    from pipeline.cli import settings

    if new_key:
        key, hash_ = made()
        print(f"key, for the client (it is not kept): {key}")
        print(f"hash, for the server: DIASCRIBE_API_KEYS={hash_}")
        return
    given: dict[str, Any] = {"host": host, "port": None if port < 0 else port, "workers": workers, "keyless": keyless}
    try:
        service = Service(**{name: value for name, value in given.items() if value or (value == 0 and name == "port")})
    except ValidationError as error:
        first = error.errors()[0]
        print(f"diascribe: setting DIASCRIBE_API_{str(first['loc'][0]).upper()}: {first['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None
    run(settings(), service, lambda line: print(line, file=sys.stderr, flush=True))
