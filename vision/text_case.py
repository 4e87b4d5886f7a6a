"""Letter case told by size. Most Cyrillic letters have one shape in both cases, so a recogniser that sees one line at a
time takes a line without ascenders for capitals. Works on lines that are read; knows nothing of shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vision.parts import TextLine, Word
from vision.text_crop import LineCrop
from vision.text_language import cyrillic

SMALL = 0.85  # of a capital's height: letters lower than this are small ones
APART = 1.2  # line heights between two lines of one label, at most


def lowered(read: Sequence[tuple[LineCrop, TextLine]]) -> list[TextLine]:
    """The lines, with words put into small letters that were read as capitals but are lower than the capital that
    their line, or the line above it in the same label, begins with (ПОПЫТОК under «Увеличить счётчик»)."""
    capitals: list[tuple[LineCrop, float]] = []
    out = {}
    for crop, line in sorted(read, key=lambda one: _rows(one[0])[0]):
        capital = _capital(crop, line) or next((h for above, h in reversed(capitals) if _follows(crop, above)), 0.0)
        if capital:
            capitals.append((crop, capital))
        words = tuple(
            replace(word, text=word.text.lower())
            if _is_doubtful(word) and _height(crop, word) < SMALL * capital
            else word
            for word in line.words
        )
        out[crop.box, line.text] = replace(line, words=words, text=" ".join(word.text for word in words))
    return [out[crop.box, line.text] for crop, line in read]


def _is_doubtful(word: Word) -> bool:
    return word.text.isupper() and word.text.isalpha() and cyrillic(word.text) == len(word.text)


def _capital(crop: LineCrop, line: TextLine) -> float:
    """Height of the first letter where it is a capital before a small letter, else 0. Pixels."""
    if not (line.text[:1].isupper() and line.text[1:2].islower()):
        return 0.0
    starts = crop.boxes[:, 1] if crop.turn else crop.boxes[:, 0]
    first = crop.boxes[int(starts.argmax() if crop.turn == 90 else starts.argmin())]
    return float(first[2] - first[0] if crop.turn else first[3] - first[1])


def _height(crop: LineCrop, word: Word) -> float:
    """Typical height of a word's letters, pixels; signs above and below them left out."""
    along, across = (1, 0) if crop.turn else (0, 1)
    middle = (crop.boxes[:, along] + crop.boxes[:, along + 2]) / 2
    own = (middle > word.box[along]) & (middle < word.box[along + 2])
    heights = (crop.boxes[:, across + 2] - crop.boxes[:, across])[own]
    heights = heights[heights > 0.5 * heights.max(initial=0)]
    return float(np.median(heights)) if len(heights) else np.inf


def _rows(crop: LineCrop) -> tuple[float, float]:
    """Where a line begins and ends across its direction, in the order of reading."""
    x0, y0, x1, y1 = crop.box
    return {0: (y0, y1), 90: (x0, x1), 270: (-x1, -x0)}[crop.turn]


def _follows(crop: LineCrop, above: LineCrop) -> bool:
    if crop.turn != above.turn:
        return False
    (top, bottom), (start, end) = _rows(crop), _rows(above)
    height = max(bottom - top, end - start)
    first, last = (1, 3) if crop.turn else (0, 2)
    common = min(crop.box[last], above.box[last]) - max(crop.box[first], above.box[first])
    return common > 0 and -0.3 * height < top - end < APART * height
