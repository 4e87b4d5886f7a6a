"""Text to graph without a model: rules for Russian and English, and an exact reading of the project's own outputs.

In this order: the JSON of a graph, the text and the table that `diagram.narrate` writes, step tables, arrow notation,
then steps and prose. What was not understood is a warning that quotes it. Time grows with the length of the text, which
is limited. Knows nothing of Mermaid sources, BPMN files and pictures.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, Literal

from diagram.errors import InputError
from diagram.model import Diagram
from mermaid.draft_arrows import is_arrows, read_arrows
from mermaid.draft_lexicon import guess_language
from mermaid.draft_outline import read_outline
from mermaid.draft_own import read_own
from mermaid.draft_table import read_table

__all__ = ["LONGEST_JSON", "LONGEST_OWN", "LONGEST_TEXT", "Draft", "draft"]

LONGEST_TEXT: Final = 200_000
"""Characters of free text that are accepted."""
LONGEST_OWN: Final = 5_000_000
"""Characters of text or table that are accepted where the project wrote it."""
LONGEST_JSON: Final = 20_000_000
"""Characters of JSON that are accepted."""
_MOST_LINES: Final = 10_000


@dataclass(frozen=True)
class Draft:
    """The graph that a text tells, and what of the text is not in it."""

    diagram: Diagram
    warnings: tuple[str, ...] = ()


def draft(text: str, language: Literal["auto", "en", "ru"] = "auto") -> Draft:
    """Read a text as a diagram. `language` says how to read free text; what the project wrote itself carries its own.

    Raises:
        InputError: nothing but blanks, too long, or JSON that cannot be read.
        InvalidDiagramError: JSON or text of a graph that cannot be, such as steps that lie within each other.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InputError(
            "There is no text to draw.", hint="Write the steps one per line, such as “1. Check the order”."
        )
    as_json = text.lstrip().startswith("{")
    _limit("characters", len(text), LONGEST_JSON if as_json else LONGEST_OWN)
    if as_json:
        return Draft(_from_json(text))
    text = _without_fence(text)
    spoken = guess_language(text) if language == "auto" else language
    found = read_own(text) or read_table(text, spoken)
    if found is None:
        _limit("characters", len(text), LONGEST_TEXT)
        _limit("lines", text.count("\n") + 1, _MOST_LINES)
        found = read_arrows(text, spoken) if is_arrows(text) else read_outline(text, spoken)
    diagram, remarks = found
    return Draft(diagram, remarks.told())


def _limit(what: str, count: int, most: int) -> None:
    if count > most:
        raise InputError(f"The text has {count:,} {what}; {most:,} are accepted.", hint="Draw it in several parts.")


def _from_json(text: str) -> Diagram:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"The JSON breaks off at line {error.lineno}, column {error.colno}: {error.msg}.",
            hint="A text that is no JSON must not begin with a brace.",
        ) from error
    except (RecursionError, ValueError) as error:
        raise InputError("The JSON cannot be read: it is nested too deep or holds a number out of range.") from error
    return Diagram.from_json(data)


def _without_fence(text: str) -> str:
    """The text inside a Markdown fence that encloses all of it."""
    match = re.fullmatch(r"\s*```\w*\n(.*)\n```\s*", text, re.DOTALL)
    return match[1] if match else text
