"""Fonts by name, the width of a text and its wrapping into lines. Sizes and widths are pixels.

Fonts come from the system's font folders and from the folders in `DIASCRIBE_FONTS` (see data/README.md for the
packages); a font that is missing is an error that names it, for another font would give another picture.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from PIL import ImageFont

# name in the looks -> (file, family as the rasteriser knows it, bold)
FONTS: dict[str, tuple[str, str, bool]] = {
    "dejavu": ("DejaVuSans.ttf", "DejaVu Sans", False),
    "dejavu-bold": ("DejaVuSans-Bold.ttf", "DejaVu Sans", True),
    "dejavu-serif": ("DejaVuSerif.ttf", "DejaVu Serif", False),
    "dejavu-mono": ("DejaVuSansMono.ttf", "DejaVu Sans Mono", False),
    "arial": ("LiberationSans-Regular.ttf", "Liberation Sans", False),
    "arial-bold": ("LiberationSans-Bold.ttf", "Liberation Sans", True),
    "times": ("LiberationSerif-Regular.ttf", "Liberation Serif", False),
    "roboto": ("Roboto-Regular.ttf", "Roboto", False),
    "opensans": ("OpenSans-Regular.ttf", "Open Sans", False),
    "comfortaa": ("Comfortaa-Regular.ttf", "Comfortaa", False),
    "calibri": ("Carlito-Regular.ttf", "Carlito", False),
    "calibri-bold": ("Carlito-Bold.ttf", "Carlito", True),
    "ptsans": ("PTS55F.ttf", "PT Sans", False),
    "neucha": ("Neucha_400Regular.ttf", "Neucha", False),
    "pangolin": ("Pangolin_400Regular.ttf", "Pangolin", False),
    "caveat": ("Caveat_400Regular.ttf", "Caveat", False),
    "shantell": ("ShantellSans_400Regular.ttf", "Shantell Sans", False),
    "balsamiq": ("BalsamiqSans_400Regular.ttf", "Balsamiq Sans", False),
}


@cache
def _files() -> dict[str, str]:
    folders = [Path("/usr/share/fonts"), Path.home() / ".fonts"]
    folders += [Path(part) for part in os.environ.get("DIASCRIBE_FONTS", "").split(os.pathsep) if part]
    found: dict[str, str] = {}
    for folder in folders:
        for pattern in ("*.ttf", "*.otf"):
            for path in sorted(folder.rglob(pattern)):
                found.setdefault(path.name, str(path))
    return found


def font_file(name: str) -> str:
    """The file of a font of `FONTS`. Raises FileNotFoundError when it is not installed."""
    file = FONTS[name][0]
    if file not in _files():
        raise FileNotFoundError(f"font {file} is not installed; data/README.md says which package brings it")
    return _files()[file]


def available(name: str) -> bool:
    """Whether the font is installed."""
    return FONTS[name][0] in _files()


@cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_file(name), 100, layout_engine=ImageFont.Layout.BASIC)


@cache
def width(text: str, font: str, size: float) -> float:
    """Width of one line in pixels."""
    return float(_font(font).getlength(text)) * size / 100


def wrap(text: str, font: str, size: float, limit: float) -> tuple[str, ...]:
    """Lines no wider than `limit` where words allow; a longer word stands alone."""
    lines: list[str] = []
    for word in text.split():
        if lines and width(f"{lines[-1]} {word}", font, size) <= limit:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return tuple(lines)


def widest(lines: tuple[str, ...], font: str, size: float) -> float:
    """Width of the widest line, 0 for none."""
    return max((width(line, font, size) for line in lines), default=0.0)
