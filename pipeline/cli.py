"""The command line: `diascribe`. Parses arguments, calls the library, prints, and turns errors into exit codes.

Exit codes: 0 all good, 1 something failed, 2 wrong usage, 130 interrupted. Results go to stdout, all else to stderr.
Whatever is heavy is imported inside the command that needs it, so that `--help` is quick.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from diagram.errors import DiascribeError, UnknownNameError
from pipeline import cli_ask, cli_batch, cli_draw, cli_mcp, cli_models, cli_ocr, cli_retrieval, cli_serve

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

FormatName = Literal["text", "table", "json", "csv", "mermaid", "bpmn"]
Lang = Literal["auto", "en", "ru"]


@app.callback()
def _diascribe() -> None:
    """Read pictures of process diagrams (BPMN, flowcharts) and say what they tell, on this machine."""


@app.command()
def describe(
    pictures: Annotated[
        list[str], typer.Argument(metavar="IMAGE|DIR|GLOB…", help="Pictures or PDFs, folders of them, patterns.")
    ],
    format: Annotated[FormatName, typer.Option(help="What to write.")] = "text",  # noqa: A002 the option's name
    lang: Annotated[Lang, typer.Option(help="Language of the text in the picture and of the description.")] = "auto",
    engine: Annotated[
        str, typer.Option(help="What reads the pictures: auto, vision, hybrid, qwen, server or a model.")
    ] = "auto",
    out: Annotated[Path | None, typer.Option(help="Write NAME.<ext> here instead of to stdout.")] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Also write NAME.overlay.png: what was found, over the picture.")
    ] = False,
    examples: Annotated[
        bool,
        typer.Option("--examples", help="Also print the training diagrams like it (text and table; JSON has them)."),
    ] = False,
    jobs: Annotated[int, typer.Option(min=0, help="Worker processes; 0: one per core, 4 at most.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Skip pictures whose outputs are there already.")] = False,
) -> None:
    """Describe pictures: the algorithm in words, a step table, the graph, Mermaid or BPMN 2.0 XML."""
    from pipeline.console import run_describe

    if resume and out is None:
        _usage("--resume needs --out DIR: it looks there for what is done")
    chosen = settings(engine=engine, lang=lang)
    raise typer.Exit(
        run_describe(pictures, chosen, format, out, overlay=overlay, jobs=jobs, resume=resume, examples=examples)
    )


@app.command("eval")
def evaluate(
    truth: Annotated[
        Path | None, typer.Argument(metavar="TRUTH_DIR", help="Pictures with their graphs: NAME.png, NAME.json.")
    ] = None,
    retrieval: Annotated[
        bool,
        typer.Option(
            "--retrieval",
            help="Measure instead how well the same process is found again, in TRUTH_DIR or the training diagrams.",
        ),
    ] = False,
    json: Annotated[Path | None, typer.Option(help="Write all figures here.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with the worst pictures here.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Take the NAME.json of this folder instead of reading the pictures.")
    ] = None,
    lang: Annotated[Lang, typer.Option(help="Language of the text in the pictures.")] = "auto",
    engine: Annotated[
        str, typer.Option(help="What reads the pictures: auto, vision, hybrid, qwen, server or a model.")
    ] = "auto",
    jobs: Annotated[int, typer.Option(min=0, help="Worker processes; 0: one per core, 4 at most.")] = 0,
) -> None:
    """Measure the reader, or the search for similar diagrams, on pictures whose graphs are known."""
    from pipeline.console import run_evaluate, run_evaluate_retrieval

    chosen = settings(engine=engine, lang=lang)
    if truth is not None and not truth.is_dir():
        _usage(f"{truth}: there is no such folder")
    if retrieval:
        if html is not None:
            _usage("--html shows what was read; with --retrieval use --json")
        folder = truth or chosen.data_dir
        raise typer.Exit(run_evaluate_retrieval(folder, chosen, predictions=predictions, json_out=json, jobs=jobs))
    if truth is None:
        _usage("name a folder of pictures with their graphs")
    raise typer.Exit(run_evaluate(truth, chosen, predictions=predictions, json_out=json, html_out=html, jobs=jobs))


@app.command()
def doctor() -> None:
    """Say what is installed here, and what is missing for what."""
    from pipeline.doctor import examine

    for line in examine():
        print(line)


cli_draw.register(app)
cli_retrieval.register(app)
app.add_typer(cli_models.app, name="models")
app.add_typer(cli_batch.batch, name="batch")
app.add_typer(cli_batch.history, name="history")
app.command("ask")(cli_ask.ask)
app.command("ocr")(cli_ocr.ocr)
app.command("mcp")(cli_mcp.mcp)
cli_serve.register(app)


def settings(**changes: Any) -> Any:
    """The settings, with the options of a command over those of the environment. Defaults of options change nothing."""
    from pydantic import ValidationError

    from pipeline.settings import Settings

    try:
        return Settings(**{key: value for key, value in changes.items() if value != "auto"})
    except ValidationError as error:
        first = error.errors()[0]
        _usage(f"setting DIASCRIBE_{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}")


def _usage(message: str) -> NoReturn:
    print(f"diascribe: {message}", file=sys.stderr)
    raise typer.Exit(2)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line (of this process, unless arguments are given) and leave with its exit code."""
    try:
        sys.exit(app(arguments, prog_name="diascribe"))
    except UnknownNameError as error:
        print(f"diascribe: {error} ({error.hint})", file=sys.stderr)
        sys.exit(2)
    except DiascribeError as error:
        print(f"diascribe: {error}" + (f" ({error.hint})" if error.hint else ""), file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output went away: head, less
        sys.stderr.close()
        sys.exit(1)
