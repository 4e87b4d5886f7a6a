"""Pictures as models take them: RGB on white, no larger than allowed, sides in whole squares of `unit` pixels."""

from __future__ import annotations

import base64
import io
import math
from typing import Final

from PIL import Image

_LONGEST: Final = 200  # times the other side


def fitted(size: tuple[int, int], unit: int, least: int, most: int) -> tuple[int, int]:
    """Width and height of a picture of this size once prepared: sides are multiples of `unit`, least <= area <= most;
    where no such sides have its shape, the area is below `least`.

    The arithmetic of Qwen's processors and of qwen-vl-utils (`smart_resize`); those refuse sides more than 200 times as
    long as the other, which are brought to 200 here.
    """
    width, height = (max(1, side) for side in size)
    w, h = (max(unit, round(side / unit) * unit) for side in (width, height))
    if w * h < least:
        scale = math.sqrt(least / (width * height))
        w, h = (math.ceil(side * scale / unit) * unit for side in (width, height))
    if w * h > most:
        scale = math.sqrt(width * height / most)
        w, h = (max(unit, math.floor(side / scale / unit) * unit) for side in (width, height))
    longest = max(unit, most // unit // unit * unit)
    return min(w, longest, _LONGEST * h), min(h, longest, _LONGEST * w)


def flattened(image: Image.Image) -> Image.Image:
    """RGB, transparent parts white."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image)
        image = paper
    return image if image.mode == "RGB" else image.convert("RGB")


def shrunk(image: Image.Image, most: int) -> Image.Image:
    """The picture with at most so many pixels, RGB."""
    scale = math.sqrt(most / max(1, image.width * image.height))
    if scale < 1:
        size = max(1, int(image.width * scale)), max(1, int(image.height * scale))
        image = flattened(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return flattened(image)


def data_url(image: Image.Image) -> str:
    """The picture as a PNG in a `data:` address."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
