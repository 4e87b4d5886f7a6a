"""Formulas inside symbols and beside them: `i := i + 1`, `A[j] < A[k]?`, `x = -b / 2a`.

The first reading goes by words; signs such as `=`, `:=` and brackets look like strokes to it and are left out, and with
them short lines as a whole. So rows of ink inside symbols, and around short texts elsewhere, that words explain only in
part are cut out as they are and read once more. Knows lines, words and outlines, not what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from diagram.kinds import Language
from vision import ocr_paddle, ocr_tesseract
from vision.boxes import share
from vision.parts import Box, Bytes, Page, Shape, TextLine, Word
from vision.text_language import is_formula, repair

LOOKS = 60  # rows read again per page at the most
DARKER = 45  # grey levels by which ink differs from the fill of its symbol
TALLEST, WIDEST = 1.7, 3.0  # units; larger pieces are pictures
LOWEST = 0.3  # units; lower pieces are dots and bars of a letter or sign
SURE, MIXED = 0.8, 0.6  # of a reading by PP-OCR; by Tesseract, which reads signs less surely
WHOLE = 0.75  # characters per piece of ink that a reading has at least
LETTER = 36.0  # pixels of a row at which Tesseract reads
SHORT = 12  # letters of a text beside symbols that may be a piece of a formula
SPACE = 0.7  # units between the signs of a formula, at the most
AROUND = 6.0  # units on either side of a text that the rest of its formula is looked for in

Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class _Row:
    """Pieces of ink beside each other. boxes: (n, 4) of each; box: of all; told: words that stand in it."""

    boxes: Ints
    box: tuple[int, int, int, int]
    told: tuple[TextLine, ...]


def read_formulas(
    page: Page, shapes: Sequence[Shape], lines: Sequence[TextLine], language: Language
) -> tuple[TextLine, ...]:
    """`lines`, those inside the shapes or short replaced where signs or all of a formula were left out."""
    kept = list(lines)
    level = [line for line in lines if line.turn == 0]
    rows = [row for s in shapes for row in _rows(page, s, [line for line in level if share(line.box, s.box) > 0.5])]
    free = [line for line in level if not any(share(line.box, shape.box) > 0.5 for shape in shapes)]
    rows += [row for line in free if (row := _around(page, line, free)) is not None]
    for row in rows[:LOOKS]:
        if all(any(old is line for line in kept) for old in row.told):  # not read already, from another of its texts
            line = _read(page, row, language)
            if line is not None:
                kept = [old for old in kept if all(old is not other for other in row.told)] + [line]
    return tuple(kept)


def _rows(page: Page, shape: Shape, told: Sequence[TextLine]) -> list[_Row]:
    """Rows of ink inside a shape that words explain only in part."""
    pieces = _pieces(page, shape)
    if not len(pieces):
        return []
    explained = _explained(pieces, told, page.unit)
    if explained.all():
        return []
    unit = page.unit
    out = []
    for members in _grouped(pieces, unit):
        boxes = pieces[members]
        box = (*boxes[:, :2].min(0).tolist(), *boxes[:, 2:].max(0).tolist())
        own = tuple(line for line in told if _shared(line.box, box) > 0.5)
        if explained[members].all() or (not own and len(boxes) < 3) or box[3] - box[1] > TALLEST * unit:
            continue
        middle = (shape.box[0] + shape.box[2]) / 2
        if own or abs((box[0] + box[2]) / 2 - middle) < 0.2 * (shape.box[2] - shape.box[0]):  # icons stand aside
            out.append(_Row(boxes, box, own))
    return out


def _around(page: Page, line: TextLine, others: Sequence[TextLine]) -> _Row | None:
    """The row of ink that a short text outside symbols is a piece of; None where words explain all of it."""
    unit = page.unit
    if len(line.text) > SHORT:
        return None
    x0, y0, x1, y1 = line.box
    width, height = page.size
    left, top = max(0, round(x0 - AROUND * unit)), max(0, round(y0 - 0.3 * unit))
    right, bottom = min(width, round(x1 + AROUND * unit)), min(height, round(y1 + 0.3 * unit))
    gray = page.gray[top:bottom, left:right]
    if min(gray.shape) < 0.5 * unit:
        return None
    paper = np.full_like(gray, np.median(gray))
    pieces = _ink(gray, paper, np.ones(gray.shape, np.uint8), unit) + np.array((left, top, left, top), np.int32)
    pieces = pieces[pieces[:, 2] - pieces[:, 0] <= 1.2 * unit]  # wider ones are dashes
    inside = (pieces[:, 0] < x1) & (pieces[:, 2] > x0)
    while True:
        if not inside.any():
            return None
        start, end = pieces[inside, 0].min(), pieces[inside, 2].max()
        grown = (pieces[:, 0] < end + SPACE * unit) & (pieces[:, 2] > start - SPACE * unit)
        if (grown == inside).all():
            break
        inside = grown
    boxes = np.asarray(pieces[inside], np.int32)
    box = (*boxes[:, :2].min(0).tolist(), *boxes[:, 2:].max(0).tolist())
    told = tuple(other for other in others if share(other.box, box) > 0.5)
    if not told or _explained(boxes, told, unit).all():
        return None
    return _Row(boxes, box, told)


def _explained(pieces: Ints, told: Sequence[TextLine], unit: float) -> NDArray[np.bool_]:
    """(n,) which pieces stand in a word."""
    explained = np.zeros(len(pieces), bool)
    x, y = (pieces[:, 0] + pieces[:, 2]) / 2, (pieces[:, 1] + pieces[:, 3]) / 2
    for word in [word for line in told for word in line.words or (Word(line.text, line.box, 1.0),)]:
        x0, y0, x1, y1 = word.box
        slack = 0.12 * unit
        explained |= (x > x0 - slack) & (x < x1 + slack) & (y > y0 - 3 * slack) & (y < y1 + slack)
    return explained


def _pieces(page: Page, shape: Shape) -> Ints:
    """(n, 4) boxes of the connected pieces of ink inside a shape that do not touch its border."""
    x0, y0, x1, y1 = (max(0, round(v)) for v in shape.box)
    gray = page.gray[y0:y1, x0:x1]
    if min(gray.shape) < page.unit:
        return np.zeros((0, 4), np.int32)
    inner = np.zeros(gray.shape, np.uint8)
    cv2.fillPoly(inner, [np.round(shape.contour - (x0, y0)).astype(np.int32)], 1)
    rim = 2 * (round(shape.stroke) + 2) + 1
    inner = cv2.erode(cv2.copyMakeBorder(inner, 1, 1, 1, 1, cv2.BORDER_CONSTANT), np.ones((rim, rim), np.uint8))[
        1:-1, 1:-1
    ]
    levels = gray[inner > 0]
    if not len(levels):
        return np.zeros((0, 4), np.int32)
    return _ink(gray, np.full_like(gray, np.median(levels)), inner, page.unit) + np.array((x0, y0, x0, y0), np.int32)


def _ink(gray: Bytes, paper: Bytes, inner: Bytes, unit: float) -> Ints:
    """(n, 4) boxes of the pieces of ink no larger than letters that do not touch the rim of where `inner` is not 0."""
    ink = (cv2.absdiff(gray, paper) > DARKER).astype(np.uint8) & inner
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    core = cv2.erode(inner, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    boxes = np.asarray(stats[:, :4], np.int32)
    boxes[:, 2:] += boxes[:, :2]
    size = boxes[:, 2:] - boxes[:, :2]
    good = (size[:, 1] <= TALLEST * unit) & (size[:, 0] <= WIDEST * unit) & (stats[:, 4] >= 4)
    good[0] = False
    good[np.unique(labels[(inner > 0) & (core == 0)])] = False
    return boxes[good]


def _grouped(pieces: Ints, unit: float) -> list[list[int]]:
    """Indexes of the pieces of each row: letters by their common height, dots and bars with the nearest letters."""
    high = pieces[:, 3] - pieces[:, 1] >= LOWEST * unit
    rows: list[tuple[float, float, list[int]]] = []
    for index in np.flatnonzero(high)[np.argsort(pieces[high, 1], kind="stable")].tolist():
        top, bottom = float(pieces[index, 1]), float(pieces[index, 3])
        for k, (start, end, members) in enumerate(rows):
            if min(end, bottom) - max(start, top) > 0.4 * min(end - start, bottom - top):
                rows[k] = (min(start, top), max(end, bottom), [*members, index])
                break
        else:
            rows.append((top, bottom, [index]))
    for index in np.flatnonzero(~high).tolist():
        middle = float(pieces[index, 1] + pieces[index, 3]) / 2
        near = [(max(start - middle, middle - end, 0.0), k) for k, (start, end, _) in enumerate(rows)]
        if near and min(near)[0] < 0.4 * unit:
            rows[min(near)[1]][2].append(index)
    return [members for _, _, members in rows]


def _shared(a: Box, b: Box) -> float:
    """Share of the lower box's height that the other has too."""
    return (min(a[3], b[3]) - max(a[1], b[1])) / max(1e-6, min(a[3] - a[1], b[3] - b[1]))


def _read(page: Page, row: _Row, language: Language) -> TextLine | None:
    """What a row says as a whole; None where that is no formula, or no better than what its words say."""
    x0, y0, x1, y1 = row.box
    margin = max(4, (y1 - y0) // 5)
    gray = page.gray[max(0, y0 - margin) : y1 + margin, max(0, x0 - 2 * margin) : x1 + 2 * margin]
    if float(np.median(gray)) < 110:
        gray = np.asarray(cv2.bitwise_not(gray), np.uint8)
    old = "".join(line.text for line in sorted(row.told, key=lambda line: line.box[0]))
    letters = _letters(row.boxes)
    text, sure = "", 0.0
    if ocr_paddle.available():
        read = ocr_paddle.read(np.ascontiguousarray(gray))
        text, sure = " ".join(read.text.split()), read.confidence
    if sure < SURE or not _is_whole(text, letters, old):
        name = {"ru": "rus", "en": "eng"}[language]
        if name not in ocr_tesseract.languages():
            return None
        text, sure = _tesseract(gray, name)
        if sure < MIXED or not _is_whole(text, letters, old):
            return None
        text = " ".join(repair(word, language) for word in text.split())
    text = re.sub(r" *:= *", " := " if " " in text else ":=", text.replace("−", "-"))
    text = re.sub(r",(?=[^\W\d])", ", ", text)
    box = (float(x0), float(y0), float(x1), float(y1))
    return TextLine(text, box, sure, (Word(text, box, sure),))


def _tesseract(gray: Bytes, name: str) -> tuple[str, float]:
    size = LETTER / gray.shape[0]
    scaled = cv2.resize(gray, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)
    edged = np.asarray(cv2.copyMakeBorder(scaled, 10, 10, 10, 10, cv2.BORDER_REPLICATE), np.uint8)
    pieces = ocr_tesseract.read(edged, name)
    count = sum(len(piece.text) for piece in pieces)
    sure = sum(piece.confidence * len(piece.text) for piece in pieces) / max(1, count)
    return " ".join(piece.text for piece in pieces), sure


def _letters(boxes: Ints) -> int:
    """Characters that so many pieces of ink are: those above each other are one."""
    count, end = 0, -1e9
    for left, right in sorted(boxes[:, [0, 2]].tolist()):
        if left >= end or right - end > 0.6 * (right - left):
            count += 1
        end = max(end, right)
    return count


def _is_whole(text: str, letters: int, old: str) -> bool:
    """Whether a reading is a formula that leaves nothing out of the ink, nor of what the words said."""
    bare = text.replace(" ", "")
    if not is_formula(bare) or len(bare) < WHOLE * letters or len(bare) <= len(old.replace(" ", "")):
        return False
    return sum(ch.isalnum() for ch in bare) >= sum(ch.isalnum() for ch in old)
