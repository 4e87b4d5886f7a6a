"""The commands `draw`, `validate` and `convert` of the command line; `cli` registers them.

Exit codes as everywhere: 0 all good, 1 something failed or is not valid, 2 wrong usage. Results go to stdout, all else
to stderr. Heavy imports stay inside the commands.
"""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from mermaid.validate import Verdict
    from pipeline.draw import Drawing

FormatName = Literal["svg", "png", "pdf", "mmd", "bpmn", "json"]
RendererName = Literal["auto", "native", "chromium"]
EXIT_CODES = "Exit codes: 0 all good; 1 something failed or is not valid, the rest was done; 2 wrong usage."


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (draw, validate, convert):
        app.command(epilog=EXIT_CODES)(command)


def draw(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="TEXT|FILE…|-", help="Text, files (text, .mmd, .bpmn, .json), or - for stdin."),
    ],
    format: Annotated[  # noqa: A002 the option's name
        FormatName | None, typer.Option(help="What to write; default: what the ending of --out says, else svg.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A file; for several inputs a folder; - or nothing: stdout.")] = None,
    direction: Annotated[Literal["TB", "LR"] | None, typer.Option(help="Top to bottom or left to right.")] = None,
    theme: Annotated[str, typer.Option(help="A Mermaid theme: default, neutral, forest, dark, base, neo …")] = "",
    scale: Annotated[float, typer.Option(min=0.1, max=10, help="Pixels of a PNG per CSS pixel.")] = 2.0,
    background: Annotated[str, typer.Option(help="A CSS colour, or transparent.")] = "white",
    engine: Annotated[
        str, typer.Option(help="What turns words into a graph: auto, rules, server or a model.")
    ] = "auto",
    renderer: Annotated[RendererName, typer.Option(help="What draws.")] = "auto",
    deadline: Annotated[float, typer.Option(min=0.1, help="Seconds after which a drawing is given up.")] = 10.0,
) -> None:
    """Draw a process described in words, Mermaid, BPMN 2.0 XML or JSON."""
    from diagram.errors import InputError
    from mermaid.render import Look
    from pipeline.cli import settings
    from pipeline.draw import DRAW_FORMATS, Studio, make_drafter

    if out == Path("-"):
        out = None
    suffix = out.suffix.lower().lstrip(".") if out and len(inputs) == 1 else ""
    chosen: Any = format or ("mmd" if suffix == "mermaid" else suffix if suffix in DRAW_FORMATS else "svg")
    if out is None and len(inputs) > 1:
        _usage("several inputs need --out FOLDER")
    if out is None and chosen in ("png", "pdf") and sys.stdout.isatty():
        _usage(f"--format {chosen} writes bytes: give --out FILE or redirect")
    folder = out is not None and (len(inputs) > 1 or out.is_dir())
    written: dict[Path, str] = {}
    look = Look(theme=theme, scale=scale, background=background)
    with Studio(renderer, deadline=deadline) as studio:
        studio.start(chosen)
        drafter = make_drafter(settings(engine=engine))

        def one(name: str, text: str) -> None:
            drawing = studio.draw(text, chosen, direction=direction, look=look, drafter=drafter)
            _tell(name, drawing)
            if out is None:
                sys.stdout.buffer.write(drawing.data)
                sys.stdout.flush()
                return
            target = out / f"{Path(name).stem.strip('-') or 'drawing'}.{chosen}" if folder else out
            if target in written:
                raise InputError(f"{target} is the drawing of {written[target]} already", hint="Rename the input.")
            _write(target, drawing.data)
            written[target] = name

        raise typer.Exit(_each(inputs, one))


def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE…|-", help="Mermaid files, or - for stdin.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object per file, one per line.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Write what could be repaired back into the file.")] = False,
) -> None:
    """Say whether Mermaid accepts a file, and if not, where, why and what repairs it."""
    from mermaid.repair import repair
    from mermaid.validate import Validator

    bad = 0
    with Validator() as validator:

        def one(name: str, text: str) -> None:
            nonlocal bad
            verdict = repair(text, validator)
            bad += not verdict.valid or bool(verdict.repairs and not fix)
            if json:
                print(json_module.dumps({"file": name, **verdict.to_json()}, ensure_ascii=False))
            else:
                print(_verdict(name, verdict))
            if fix and verdict.repairs and name != "-":
                _write(Path(name), verdict.source.encode())

        code = _each(files, one, files_only=True)
    raise typer.Exit(code or int(bad > 0))


def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="A .mmd, .bpmn, .json or text file, or - for stdin.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A .mmd, .bpmn, .json or .dot file to write.")],
) -> None:
    """Turn a diagram from one notation into another."""
    from pipeline.convert import convert as turn
    from pipeline.draw import Studio

    with Studio("native") as studio:

        def one(name: str, text: str) -> None:
            written, warnings = turn(text, target.suffix, studio)
            for warning in warnings:
                _say(f"{name}: warning: {warning}")
            _write(target, written.encode())

        raise typer.Exit(_each([source], one, files_only=True))


def _each(inputs: list[str], one: Callable[[str, str], None], *, files_only: bool = False) -> int:
    """Do one thing for every input; a bad one never stops the rest. The exit code."""
    from diagram.errors import DiascribeError, UnknownNameError
    from pipeline.terminal import progress

    failed = 0
    with progress(len(inputs), show=True) as (line, advance):
        for given in inputs:
            name = given
            try:
                name, text = _read(given, files_only=files_only)
                one(name, text)
            except UnknownNameError:
                raise
            except DiascribeError as error:
                failed += 1
                line(_block(name, error))
            advance()
    return int(failed > 0)


def _read(given: str, *, files_only: bool) -> tuple[str, str]:
    """Name and text of an input: standard input, a file, or the words themselves."""
    from diagram.errors import InputError

    if given == "-":
        return "-", sys.stdin.buffer.read().decode("utf-8", "replace")
    path = Path(given)
    try:
        is_file = len(given) < 4096 and "\n" not in given and path.is_file()
    except (OSError, ValueError):
        is_file = False
    if is_file:
        try:
            return given, _decode(path.read_bytes())
        except OSError as error:
            raise InputError(f"{given}: {error.strerror}") from error
    looks_like_path = " " not in given and (
        path.suffix in (".mmd", ".bpmn", ".json", ".txt", ".md", ".xml") or "/" in given
    )
    if files_only or looks_like_path:
        raise InputError(f"{given}: there is no such file")
    return "text", given.replace("\\n", "\n")


def _decode(data: bytes) -> str:
    """UTF-8, UTF-16 with its mark, or the Windows code page that Russian files often have."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1251", "replace")


def _write(path: Path, data: bytes) -> None:
    from pipeline.files import write

    write(path, data)


def _tell(name: str, drawing: Drawing) -> None:
    for repair in drawing.repairs:
        _say(f"{name}: repaired: {repair}")
    for warning in drawing.warnings:
        _say(f"{name}: warning: {warning}")


def _block(name: str, error: Exception) -> str:
    """An error as a readable block: the place, the line, the hint."""
    problem = getattr(error, "problem", None)
    lines = [f"{name}: {error}"]
    if problem is not None and problem.text:
        lines += _excerpt(problem.line, problem.column, problem.text)
    hint = getattr(error, "hint", "")
    return "\n".join([*lines, *([f"  hint: {hint}"] if hint else [])])


def _verdict(name: str, verdict: Verdict) -> str:
    if verdict.valid:
        lines = [f"{name}: valid ({verdict.type})" + (" after repair" if verdict.repairs else "")]
    else:
        problem = verdict.problem
        assert problem is not None
        place = f":{problem.line}:{problem.column}" if problem.line else ""
        lines = [f"{name}{place}: {problem.message}"]
        if problem.text:
            lines += _excerpt(problem.line, problem.column, problem.text)
        if problem.hint:
            lines.append(f"  hint: {problem.hint}")
    lines += [f"  repaired: {repair}" for repair in verdict.repairs]
    return "\n".join([*lines, *(f"  warning: {warning}" for warning in verdict.warnings)])


def _excerpt(line: int, column: int, text: str) -> list[str]:
    shown = text[:200].replace("\t", " ")
    head = f"  {line} | "
    return [head + shown, *([" " * (len(head) + column - 1) + "^"] if 0 < column <= len(shown) + 1 else [])]


def _say(text: str) -> None:
    print(f"diascribe: {text}", file=sys.stderr)


def _usage(message: str) -> None:
    _say(message)
    raise typer.Exit(2)
