"""The text of a page: lines with their words, places and measured confidence.

`read_text` finds lines by themselves (marks -> lines -> recogniser on each line with everything else erased);
`reread` looks again inside given boxes once shapes are known. Does not know nodes, labels or flows; which lines
belong to one label is for `assemble`, `join_lines` puts them together.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import cv2
import numpy as np

from diagram.kinds import Language
from vision import ocr_tesseract as tesseract
from vision.parts import Box, Bytes, Page, TextLine, Word
from vision.text_ink import Marks, find_marks
from vision.text_language import join_lines, language_of, repair
from vision.text_lines import MarkLine, group_lines

__all__ = ["TextReading", "join_lines", "read_text"]

Asked = Literal["auto", "en", "ru"]
LETTER = 25.0  # pixels of a capital letter handed to the recogniser
WORK_UNIT = 17.0  # line height, pixels, at which marks are looked for


@dataclass(frozen=True, slots=True)
class TextReading:
    """What was read. timings: seconds of `detect` and `recognise`; warnings are for the user."""

    lines: tuple[TextLine, ...] = ()
    language: Language = "en"
    timings: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Crop:
    """A line ready to be read: picture, its place and how to get back to the page."""

    picture: Bytes
    line: MarkLine
    box: tuple[int, int, int, int]  # page pixels of the crop before scaling, margin excluded
    scale: float
    margin: int
    turn: Literal[0, 90, 270]


def read_text(page: Page, language: Asked = "auto") -> TextReading:
    """All lines of the page, top to bottom, left to right."""
    started = time.perf_counter()
    crops = [_crop(page, marks, line, scale, 90 if line.turned else 0) for marks, line, scale in _found(page)]
    detected = time.perf_counter()
    warnings: list[str] = []
    installed = tesseract.languages()
    spoken = language if language != "auto" else _vote(crops, installed)
    lines = [line for line in (_read_line(crop, spoken, installed) for crop in crops) if line and _says_something(line)]
    lines = _distinct(lines)
    if language == "auto" and lines:
        spoken = language_of(line.text for line in lines)
    done = time.perf_counter()
    timings = {"detect": detected - started, "recognise": done - detected}
    return TextReading(tuple(lines), spoken, timings, tuple(warnings))


def _found(page: Page) -> list[tuple[Marks, MarkLine, float]]:
    """Lines of both polarities that are worth a reading."""
    return [
        (marks, line, scale)
        for marks, lines, scale in _layers(page)
        for line in lines
        if not _is_stroke(marks, line)
    ]


def _is_stroke(marks: Marks, line: MarkLine) -> bool:
    """Bars, and single marks that hang on a drawn line (corners, heads)."""
    x0, y0, x1, y1 = line.box
    width, height = x1 - x0, y1 - y0
    if line.turned:
        width, height = height, width
    if width < 0.22 * height or height < 0.3 * line.height:
        return True
    if len(line.members) > 1:
        return False
    a, b = max(0, y0 - 1), max(0, x0 - 1)
    c, d = min(marks.gray.shape[0], y1 + 1), min(marks.gray.shape[1], x1 + 1)
    return bool(marks.barrier[c, d] - marks.barrier[a, d] - marks.barrier[c, b] + marks.barrier[a, b] > 0)


def _vote(crops: list[_Crop], installed: frozenset[str]) -> Language:
    """The language whose recogniser is surer of the longest lines."""
    if "rus" not in installed or "eng" not in installed:
        return "ru" if "rus" in installed else "en"
    longest = sorted(crops, key=lambda crop: (-len(crop.line.members), crop.box))[:5]
    sure = dict.fromkeys(("eng", "rus"), 0.0)
    for crop in longest:
        for name in sure:
            line = _recognise(crop, name)
            if line:
                sure[name] += line.confidence * min(len(crop.line.members), 12)
    return "ru" if sure["rus"] > sure["eng"] else "en"


def _read_line(crop: _Crop, spoken: Language, installed: frozenset[str]) -> TextLine | None:
    """Read in the page's language; where that is unsure, in the other too, and take the surer one."""
    order = [name for name in (("rus", "eng") if spoken == "ru" else ("eng", "rus")) if name in installed]
    best: TextLine | None = None
    for number, name in enumerate(order):
        line = _recognise(crop, name)
        if line and (best is None or line.confidence > best.confidence + 0.15 * number):
            best = line
        if best and min(word.confidence for word in best.words) >= 0.75:
            break
    if best is None:
        return None
    words = tuple(replace(word, text=repair(word.text, spoken)) for word in best.words)
    return replace(best, words=words, text=" ".join(word.text for word in words))


def _says_something(line: TextLine) -> bool:
    """Letters or digits, read with some confidence; few signs need more of it."""
    count = sum(ch.isalnum() for ch in line.text)
    if count == 0 or count * 2 < len(line.text.replace(" ", "")):
        return False
    return line.confidence >= (0.75 if count == 1 else 0.55 if count < 4 else 0.35)


def _distinct(lines: list[TextLine]) -> list[TextLine]:
    """One reading of each place: of two that overlap by half of the smaller, the surer one with more letters."""
    kept: list[TextLine] = []
    for line in sorted(lines, key=lambda line: -line.confidence * min(len(line.text), 6)):
        if all(_overlap(line.box, other.box) < 0.5 for other in kept):
            kept.append(line)
    return sorted(kept, key=lambda line: (line.box[1], line.box[0]))


def _overlap(a: Box, b: Box) -> float:
    """Common area over the smaller area."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / max(1e-9, min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])))


def _layers(page: Page) -> list[tuple[Marks, list[MarkLine], float]]:
    scale = min(1.0, WORK_UNIT / page.unit)
    gray = page.gray
    if scale < 0.85:
        gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    else:
        scale = 1.0
    unit = page.unit * scale
    layers = []
    for light in (False, True):
        marks = find_marks(gray, unit, light=light)
        if marks is not None:
            layers.append((marks, group_lines(marks, unit), scale))
    return layers


def _crop(page: Page, marks: Marks, line: MarkLine, scale: float, turn: Literal[0, 90, 270]) -> _Crop:
    """The line alone, letters LETTER pixels high, dark on white."""
    pad = 2
    x0, y0, x1, y1 = line.box
    x0, y0 = max(0, x0 - pad), max(0, y0 - pad)
    x1, y1 = min(marks.gray.shape[1], x1 + pad), min(marks.gray.shape[0], y1 + pad)
    labels = marks.labels[y0:y1, x0:x1]
    mask = np.isin(labels, marks.index[line.members]).astype(np.uint8)
    mask = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    px0, py0 = round(x0 / scale), round(y0 / scale)
    px1, py1 = min(page.size[0], round(x1 / scale)), min(page.size[1], round(y1 / scale))
    gray = page.gray[py0:py1, px0:px1]
    if marks.light:
        gray = cv2.bitwise_not(gray)
    if mask.shape != gray.shape:
        mask = cv2.resize(mask, (gray.shape[1], gray.shape[0]), interpolation=cv2.INTER_NEAREST)
        mask = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    paper = float(np.median(gray[mask == 0])) if (mask == 0).any() else 255.0
    ink = float(np.percentile(gray[mask > 0], 5))
    stretch = 235.0 / max(paper - ink, 20.0)
    flat = np.clip((gray.astype(np.float32) - ink) * stretch + 8, 0, 255)
    flat[mask == 0] = 255
    flat[flat > 235] = 255
    picture = flat.astype(np.uint8)
    if turn == 90:
        picture = cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE)
    elif turn == 270:
        picture = cv2.rotate(picture, cv2.ROTATE_90_COUNTERCLOCKWISE)
    size = LETTER / max(line.height / scale, 1.0)
    if not 0.9 < size < 1.1:
        picture = cv2.resize(
            picture, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC if size > 1 else cv2.INTER_AREA
        )
    margin = 10
    picture = cv2.copyMakeBorder(picture, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=255)
    return _Crop(picture, line, (px0, py0, px1, py1), size, margin, turn)


def _recognise(crop: _Crop, tongue: str) -> TextLine | None:
    pieces = tesseract.read(crop.picture, tongue)
    if not pieces:
        return None
    words = tuple(Word(piece.text, _to_page(crop, piece.box), piece.confidence) for piece in pieces)
    box = (
        min(word.box[0] for word in words),
        min(word.box[1] for word in words),
        max(word.box[2] for word in words),
        max(word.box[3] for word in words),
    )
    letters = sum(len(word.text) for word in words)
    confidence = sum(word.confidence * len(word.text) for word in words) / letters
    return TextLine(" ".join(word.text for word in words), box, confidence, words, crop.turn)


def _to_page(crop: _Crop, box: Box) -> Box:
    a, b, c, d = ((value - crop.margin) / crop.scale for value in box)
    x0, y0, x1, y1 = crop.box
    if crop.turn == 90:  # turned clockwise to be read: right on the crop is up on the page
        return x0 + b, y1 - c, x0 + d, y1 - a
    if crop.turn == 270:
        return x1 - d, y0 + a, x1 - b, y0 + c
    return x0 + a, y0 + b, x0 + c, y0 + d
