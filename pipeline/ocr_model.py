"""The text of a picture by a model: an OCR model, or one that chats. The built-in reader says where the lines are.

A line has a box and a measured confidence where the built-in reader saw the same words, else neither. Knows nothing of
files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from PIL import Image

from diagram.errors import ReplyError
from diagram.kinds import Language
from vlm.engine import Engine
from vlm.prompt import LINES, to_transcribe
from vlm.reconcile import normal, similarity

_ALIKE: Final = 0.8
MOST_TOKENS: Final = 4096
"""Of a model's answer."""


def read_lines_with(
    engine: Engine, image: Image.Image, seen: dict[str, Any], language: Language = "en", *, bare: bool = False
) -> dict[str, Any]:
    """What `pipeline.ocr.read_lines` gives, with the texts of the model. seen: what the built-in reader gave.

    bare: the model knows no task but this one and answers with plain text.

    Raises:
        EngineError: the model cannot answer.
    """
    reply = engine.generate(to_transcribe(image, language), schema=None if bare else LINES, max_tokens=MOST_TOKENS)
    texts = reply.text.splitlines() if bare else _texts(reply.text)
    lines = _placed([text.strip() for text in texts if text.strip()], seen["lines"])
    warnings = [*reply.notes, *(["the model's reply was cut off"] if reply.finish != "stop" else [])]
    return {
        "text": "\n".join(line["text"] for line in lines),
        "language": seen["language"],
        "lines": lines,
        "warnings": warnings,
        "timings": {**seen["timings"], **reply.timings},
        "engine": reply.engine,
    }


def _texts(reply: str) -> list[str]:
    """The lines of a reply, finished or not."""
    start = reply.find("{")
    try:
        data = json.loads(reply[max(start, 0) :])
    except ValueError as error:
        cut = reply.rfind('",')
        try:
            data = json.loads(reply[max(start, 0) : cut + 1] + "]}")
        except ValueError:
            raise ReplyError("the model did not answer with lines", hint="Try again, or another model.") from error
    lines = data.get("lines") if isinstance(data, dict) else None
    if not isinstance(lines, list):
        raise ReplyError("the model did not answer with lines", hint="Try again, or another model.")
    return [line for line in lines if isinstance(line, str)]


def _placed(texts: Sequence[str], seen: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each text with the place of the line that says the same; a line is given away once."""
    free = list(seen)
    placed = []
    for text in texts:
        wanted = normal(text)
        best = max(free, key=lambda line: similarity(wanted, normal(line["text"])), default=None)
        if best is not None and wanted and similarity(wanted, normal(best["text"])) >= _ALIKE:
            free.remove(best)
            placed.append({**best, "text": text})
        else:
            placed.append({"text": text, "bbox": None, "confidence": None, "turn": 0})
    return placed
