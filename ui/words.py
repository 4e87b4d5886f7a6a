"""The page's words in English and Russian, from `words.yaml`; and sentences for what the API says in English only.

Language of a tab: what was chosen in it, else the cookie, else the browser's. Knows nothing of layout.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import streamlit as st
import yaml

from ui.client import Trouble

Tongue = Literal["en", "ru"]
COOKIE: Final = "diascribe_lang"


@functools.cache
def catalogue() -> Mapping[str, tuple[str, str]]:
    """All words: key -> (English, Russian)."""
    data = yaml.safe_load((Path(__file__).parent / "words.yaml").read_text("utf-8"))
    return {key: (str(pair[0]), str(pair[1])) for key, pair in data["words"].items()}


@functools.cache
def _sentences() -> tuple[tuple[re.Pattern[str], str], ...]:
    data = yaml.safe_load((Path(__file__).parent / "words.yaml").read_text("utf-8"))
    return tuple((re.compile(pattern), russian) for pattern, russian in data["sentences"].items())


def frame_words() -> list[tuple[str, str]]:
    """What Streamlit itself says in English, as patterns of whole texts, and what to say instead in this tab."""
    data = yaml.safe_load((Path(__file__).parent / "words.yaml").read_text("utf-8"))
    place = 1 if tongue() == "ru" else 0
    return [(pattern, pair[place]) for pattern, pair in data["frame"].items() if pair[place]]


def tongue() -> Tongue:
    """The language of this tab."""
    chosen = st.session_state.get("tongue") or st.query_params.get("lang") or st.context.cookies.get(COOKIE)
    chosen = chosen or str(st.context.locale or "en")[:2]
    return "ru" if chosen == "ru" else "en"


def t(key: str, **values: Any) -> str:
    """The words of this key in the tab's language."""
    text = catalogue()[key][tongue() == "ru"]
    return text.format(**values) if values else text


def number(value: float, digits: int = 1) -> str:
    """As the tab's language writes it, without idle zeros where digits is more than one."""
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if digits > 1 else text
    return text.replace(".", ",") if tongue() == "ru" else text


def engine_name(name: str) -> str:
    """What reads, in the tab's language; the names of models stay as they are."""
    return t(f"engine.{name}") if f"engine.{name}" in catalogue() else name


def told(sentence: str) -> str:
    """A sentence of the API in the tab's language; as it is where it is not known."""
    if tongue() == "en":
        return sentence[:1].upper() + sentence[1:]
    russian = _russian(sentence)
    return sentence if russian is None else russian


def sentence_of(trouble: Trouble) -> str:
    """What went wrong and what to do about it, in the tab's language."""
    key = f"trouble.{trouble.kind}"
    known = catalogue().get(key)
    if tongue() == "ru":
        detail, hint = _russian(trouble.detail), _russian(trouble.hint)
        if detail:
            return f"{_ended(detail)} {_ended(hint) if hint else ''}".strip()
        return known[1] if known else t("trouble.internal")
    if known and trouble.kind in ("unreachable", "interrupted", "missing", "slow", "internal", "full", "busy"):
        return known[0]
    parts = [_ended(part[:1].upper() + part[1:]) for part in (trouble.detail, trouble.hint) if part]
    return " ".join(parts) or (known[0] if known else t("trouble.internal"))


def _russian(sentence: str) -> str | None:
    for pattern, russian in _sentences():
        if match := pattern.fullmatch(sentence.strip().rstrip(".")):
            return match.expand(russian) if match.groups() else russian
    return None


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "…")) else sentence + "."
