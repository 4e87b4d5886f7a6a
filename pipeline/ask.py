"""A free question about a picture, or about nothing but what was said before, put to a model. Knows nothing of HTTP."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence

from PIL import Image

from diagram.errors import InputError
from diagram.kinds import Language
from pipeline.settings import Settings
from vlm.engine import Engine, OnText, Reply
from vlm.prompt import Line, to_ask


def ask(
    engine: Engine,
    question: str,
    image: Image.Image | None = None,
    history: Sequence[tuple[str, str]] = (),
    *,
    settings: Settings | None = None,
    lines: Sequence[Line] = (),
    on_text: OnText | None = None,
    cancel: threading.Event | None = None,
) -> Reply:
    """The model's answer.

    history: earlier questions about the picture and their answers, the oldest first. lines: text recognised in the
    picture, told to the model as what may be wrong. on_text, cancel: see `vlm.engine`.

    Raises:
        InputError: there is no question. EngineError: the model cannot answer.
    """
    if not question.strip():
        raise InputError("there is no question")
    settings = settings or Settings()
    request = to_ask(image, question, history, _language(question, settings), lines)
    return engine.generate(request, max_tokens=settings.max_tokens, on_text=on_text, cancel=cancel)


def _language(question: str, settings: Settings) -> Language:
    if settings.lang != "auto":
        return settings.lang
    return "ru" if re.search("[а-яё]", question, re.IGNORECASE) else "en"
