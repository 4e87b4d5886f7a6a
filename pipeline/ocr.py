"""The text of a picture without its diagram: lines from top to bottom, with boxes and measured confidence.

Boxes are pixels of the upload. Knows nothing of shapes and flows.
"""

from __future__ import annotations

import time
from typing import Any, Literal

import numpy as np
from PIL import Image


def read_lines(image: Image.Image, language: Literal["auto", "en", "ru"] = "auto") -> dict[str, Any]:
    """`text` (lines joined by newlines), `language`, `lines` (text, bbox, confidence, turn), `warnings`, `timings`."""
    from vision.prepare import prepare
    from vision.text import read_text

    start = time.perf_counter()
    page = prepare(image)
    prepared = time.perf_counter() - start
    found = read_text(page, language)
    return {
        "text": "\n".join(line.text for line in found.lines),
        "language": found.language,
        "lines": [
            {
                "text": line.text,
                "bbox": _uploaded(page.to_source, line.box),
                "confidence": round(min(1.0, max(0.0, line.confidence)), 4),
                "turn": line.turn,
            }
            for line in found.lines
        ],
        "warnings": list(found.warnings),
        "timings": {"prepare": prepared, **found.timings},
    }


def _uploaded(to_source: Any, box: tuple[float, float, float, float]) -> list[float]:
    """The upright box, in pixels of the upload, around a box of the page."""
    x0, y0, x1, y1 = box
    corners = np.array([(x, y, 1.0) for x in (x0, x1) for y in (y0, y1)]) @ np.asarray(to_source).T
    low, high = corners.min(axis=0), corners.max(axis=0)
    return [round(float(value), 1) for value in (*low, *high)]
