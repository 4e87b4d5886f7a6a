"""Entities of Mermaid (`#quot;`, `#35;`) and HTML (`&quot;`) on their way through the native renderer.

merman shows most of them as written. So each becomes one private character before it, which is measured as what it
stands for and becomes that in the picture. Knows nothing of diagrams.
"""

from __future__ import annotations

import html
import re
from typing import Final

_PLANE: Final = 0xF0000
_ENTITY: Final = re.compile(r"[#&]#?(\w+);")
_STYLES: Final = re.compile(r"\s*(?:style|classDef|linkStyle)\s")
_PRIVATE: Final = re.compile("[\U000f0001-\U000ffffd]")


def hidden(source: str) -> str:
    """The source with a private character for each entity; styles, where `#fff;` is a colour, stay."""
    if ";" not in source:
        return source
    return "".join(
        line if _STYLES.match(line) else _ENTITY.sub(_private, line) for line in source.splitlines(keepends=True)
    )


def meant(text: str) -> str:
    """The text with the characters that private ones stand for."""
    return text if text.isascii() else _PRIVATE.sub(lambda match: chr(ord(match[0]) - _PLANE), text)


def shown(svg: str) -> str:
    """The same for the text of an SVG, where some characters must be escaped."""
    return _PRIVATE.sub(lambda match: html.escape(chr(ord(match[0]) - _PLANE)), svg)


def _private(match: re.Match[str]) -> str:
    name = match[1]
    entity = f"&#{name};" if name.isdigit() else f"&{name};"
    character = html.unescape(entity)
    if len(character) != 1 or (not character.isprintable() and character != "\u00a0"):
        return match[0]
    code = ord(character)
    return chr(_PLANE + code) if 0x20 < code < 0xFFFE else character
