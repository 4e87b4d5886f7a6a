"""The command line: `diascribe`. Parses arguments, calls the library, prints, and turns errors into exit codes.

Exit codes: 0 all good, 1 something failed, 2 wrong usage. Results go to stdout, all else to stderr. Whatever is heavy
is imported inside the command that needs it, so that `--help` is quick.
"""

from __future__ import annotations

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _diascribe() -> None:
    """Read pictures of process diagrams and describe them, on this machine."""


def main() -> None:
    """Run the command line."""
    app()
