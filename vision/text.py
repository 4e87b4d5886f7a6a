"""The text of a page: lines with their words, places and measured confidence.

`read_text` finds lines by themselves (marks -> lines -> recogniser on each line with everything else erased);
`reread` looks again inside given boxes once shapes are known. Does not know nodes, labels or flows; which lines
belong to one label is for `assemble`, `join_lines` puts them together.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import cv2
import numpy as np

from diagram.kinds import Language
from vision import lexicon, ocr_paddle
from vision.boxes import size
from vision.parts import Box, Bytes, Floats, Page, TextLine
from vision.ranks import percentile_within
from vision.regions import pieces
from vision.text_case import lowered
from vision.text_crop import LineCrop, photo_crop
from vision.text_ink import Marks, even_light, find_marks, is_noisy
from vision.text_language import alike, is_answer, is_formula, join_lines, language_of
from vision.text_lines import MarkLine, group_lines
from vision.text_read import SURE, Reader
from vision.threads import each

__all__ = ["TextReading", "join_lines", "read_changed", "read_grounds", "read_text", "reread"]

Asked = Literal["auto", "en", "ru"]
WORK_UNIT = 17.0  # line height, pixels, at which marks are looked for
LEAST = 6  # pixels; what is lower holds no letters
FRESH = 0.6  # sureness of a line that shows only when strokes are painted over
LOW = 0.75  # of the usual height of letters: single letters are no lower
FEW = 5  # lines that tell the usual height
BELIEVED, DOUBTED = 0.7, 0.8  # sureness from which a line stands whatever its height; below which it is looked at again
STROKE = 160  # grey levels; darker is ink, on photos
SMALL = 10.0  # uploaded pixels of a line below which the learned finder looks for doubtful ones
FOUND = 10.0  # height of lines, pixels, at which it does so
MOST = 2_000_000  # pixels it then looks at: it takes memory by the pixel
COVERED = 0.8  # of a line's length: read already
TINY = 9.0  # uploaded pixels of a line below which reading is a gamble


@dataclass(frozen=True, slots=True)
class TextReading:
    """What was read. printed: whether it is known to be print; timings: seconds of `detect` and `recognise`; warnings
    are for the user."""

    lines: tuple[TextLine, ...] = ()
    language: Language = "en"
    printed: bool = False
    timings: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_text(page: Page, language: Asked = "auto") -> TextReading:
    """All lines of the page, top to bottom, left to right."""
    started = time.perf_counter()
    reader = Reader()
    crops = _crops(page)
    detected = time.perf_counter()
    printed, told = reader.told(crops)
    reader = replace(reader, printed=printed)
    spoken = language if language != "auto" else told or reader.vote(crops, photo=page.photo)
    photo = spoken == "en" and reader.paddle and (page.photo or is_noisy(page.gray))
    lines = _read_photo(page, reader) if photo else _read(reader, crops, spoken)
    dark = next((crop for crop in crops if not crop.marks.light), None)
    if dark and not photo and spoken == "en" and reader.paddle:
        lines = _with_missed(page, reader, dark, lines)
    if language == "auto" and lines:
        spoken = language_of(line.text for line in lines)
    done = time.perf_counter()
    timings = {"detect": detected - started, "recognise": done - detected}
    return TextReading(tuple(lines), spoken, reader.printed, timings, _warnings(page, reader, lines, spoken))


def reread(
    page: Page,
    boxes: Sequence[Box],
    *,
    language: Language = "en",
    printed: bool = False,
    erase: Bytes | None = None,
) -> list[tuple[TextLine, ...]]:
    """Lines found inside each box, read again without what lies around it.

    boxes: page pixels, without the border of the shape; erase: (H, W), not 0 where line pixels are to be painted over
    first. One tuple per box, in the same order.
    """
    reader = Reader(printed=printed)
    return [_inside(page, reader, box, language, erase) for box in boxes]


def read_changed(
    page: Page, lines: Sequence[TextLine], changed: Bytes, language: Language, *, printed: bool = False
) -> list[TextLine]:
    """Lines of a page that was painted over in places since `lines` were read: only what lies there is read again.

    changed: (H, W), not 0 where it was painted over. A new reading takes the place of old ones where it holds more
    letters or, of unsure ones, where it is surer of as many.
    """
    reader = Reader(printed=printed)
    reach = 2 * round(page.unit) + 1  # a dark line hides faint letters as far as it lifts the local contrast
    near = cv2.dilate(changed, np.ones((reach, reach), np.uint8))
    new = [
        crop
        for crop in _crops(page)
        if _lies(near, crop.box)
        and (_lies(changed, crop.box) or not any(_same_place(crop.box, line.box) for line in lines))
        and not (crop.narrow and len(crop.line.members) == 1)  # what is left of symbols
    ]
    kept = list(lines)
    for line in _read(reader, new, language):
        under = _under(line.box, kept)
        if _letters(line) > 1 and _is_better(line, under, _lies(changed, line.box)):
            kept = _instead(line, under, kept)
    return _distinct(kept)


def read_grounds(page: Page, grounds: Sequence[Box], lines: Sequence[TextLine], language: Language) -> list[TextLine]:
    """`lines` with what stands on the grounds of labels, one word or a few on each.

    A flow often runs up to the letters there and is taken for a part of them. So the ground is cut out and read as it
    is; the reading takes the place of less sure ones.
    """
    reader = Reader()
    kept = list(lines)
    for box in grounds:
        x0, y0, x1, y1 = (max(0, round(v)) for v in box)
        gray = page.gray[y0:y1, x0:x1]
        line = reader.patch(gray, box, language) if min(gray.shape) >= LEAST else None
        if line is None or line.confidence < SURE or not _says_something(line):
            continue
        under = _under(line.box, kept)
        if all(old.confidence < line.confidence for old in under):
            kept = _instead(line, under, kept)
    return kept


def _under(box: Box, lines: Sequence[TextLine]) -> list[TextLine]:
    """The lines that stand where a box does."""
    return [line for line in lines if _overlap(line.box, box) >= 0.5]


def _instead(line: TextLine, under: Sequence[TextLine], lines: Sequence[TextLine]) -> list[TextLine]:
    """`lines` with a new one in place of those beneath it."""
    return [old for old in lines if all(old is not other for other in under)] + [line]


def _is_better(line: TextLine, under: Sequence[TextLine], crossed: bool) -> bool:
    """Whether a new reading is to stand for the old ones beneath it. crossed: something was painted over there."""
    if not under:
        return line.confidence >= FRESH
    if alike(line.text, "".join(old.text for old in under)):
        return False
    if is_answer(line.text) != any(is_answer(old.text) for old in under):
        return is_answer(line.text)
    if min(old.confidence for old in under) >= SURE:
        return _letters(line) > sum(_letters(old) for old in under) and line.confidence >= SURE
    return _weight(line) > sum(_weight(old) for old in under) + (0.0 if crossed else 0.3)


def _letters(line: TextLine) -> int:
    return sum(ch.isalnum() for ch in line.text)


def _weight(line: TextLine) -> float:
    return line.confidence * _letters(line)


def _lies(mask: Bytes, box: Box) -> bool:
    """Whether something of a mask lies in a box."""
    x0, y0, x1, y1 = (round(v) for v in box)
    return bool(mask[y0:y1, x0:x1].any())


def _same_place(a: tuple[int, int, int, int], b: Box) -> bool:
    """Whether two boxes differ by a pixel or two at the most, as the same marks do."""
    return all(abs(x - y) <= 3 for x, y in zip(a, b, strict=True))


def _inside(page: Page, reader: Reader, box: Box, spoken: Language, erase: Bytes | None) -> tuple[TextLine, ...]:
    width, height = page.size
    x0, y0 = max(0, int(box[0])), max(0, int(box[1]))
    x1, y1 = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))
    if x1 - x0 < 4 or y1 - y0 < 4:
        return ()
    gray = page.gray[y0:y1, x0:x1]
    paper = int(percentile_within(gray, None, 50))
    if erase is not None:
        gray = gray.copy()
        gray[cv2.dilate(erase[y0:y1, x0:x1], np.ones((3, 3), np.uint8)) > 0] = paper
    if paper < 110:
        gray = cv2.bitwise_not(gray)
    part = replace(page, gray=np.asarray(gray, np.uint8), rgb=page.rgb[y0:y1, x0:x1])
    return tuple(_shifted(line, x0, y0) for line in _read(reader, _crops(part), spoken))


def _shifted(line: TextLine, x: int, y: int) -> TextLine:
    words = tuple(replace(word, box=_moved(word.box, x, y)) for word in line.words)
    return replace(line, box=_moved(line.box, x, y), words=words)


def _moved(box: Box, x: int, y: int) -> Box:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def _crops(page: Page) -> list[LineCrop]:
    """Lines of both polarities that are worth a reading."""
    gray, scale = _work_size(page)
    unit = page.unit * scale

    def of(light: bool) -> list[LineCrop]:
        marks = find_marks(gray, unit, light=light)
        if marks is None or not len(marks.boxes):
            return []
        lines = [line for line in group_lines(marks, unit) if not _is_stroke(marks, line, unit)]
        return [LineCrop(page, marks, line, scale, 90 if line.turned else 0) for line in lines]

    found = each(of, (False,) if page.photo or is_noisy(page.gray) else (False, True))
    return [crop for part in found for crop in part]


def _work_size(page: Page) -> tuple[Bytes, float]:
    """The gray page at the size at which marks are looked for, and its scale."""
    scale = WORK_UNIT / page.unit
    if scale >= 0.92:
        return page.gray, 1.0
    smooth = cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA  # the slow one only where the other skips pixels
    small = cv2.resize(page.gray, None, fx=scale, fy=scale, interpolation=smooth)
    return np.asarray(small, np.uint8), scale


def _is_stroke(marks: Marks, line: MarkLine, unit: float) -> bool:
    """A bar or blot that stands alone: dashes, arrow heads, dots."""
    x0, y0, x1, y1 = line.box
    width, height = x1 - x0, y1 - y0
    if line.turned:
        width, height = height, width
    if width < 0.22 * height or height < 0.36 * unit:
        return True
    if len(line.members) > 1:
        return False
    if width > 1.8 * height:  # a dash, or letters grown together
        return height < 5
    own = marks.mask(line.members, x0, y0, x1, y1)
    depth = cv2.distanceTransform(cv2.copyMakeBorder(own, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3)
    return float(depth.max()) > 0.24 * min(width, height) + 0.7


def _read(reader: Reader, crops: list[LineCrop], spoken: Language) -> list[TextLine]:
    heights = [crop.height for crop in crops if len(crop.line.members) >= 3]
    usual = float(np.median(heights)) if heights else 0.0
    read: list[tuple[LineCrop, TextLine]] = []
    for light in (False, True):
        # between dark letters there is light ink too
        sure = [line.box for _, line in read if line.confidence >= SURE and len(line.text) > 2]
        part = [crop for crop in crops if crop.marks.light is light and _is_free(crop.box, sure)]
        for crop, line in zip(part, each(partial(reader.line, spoken=spoken), part), strict=True):
            if line is None or not _says_something(line):
                continue
            # one sign much larger than the print is a symbol that looks like a letter, a lower one a piece of a flow
            if len(line.text) == 1 and not LOW * usual < crop.height < 1.45 * usual:
                continue
            read.append((crop, line))
    lines = lowered(_of_print(read))
    # where nothing is written, a letter is a circle or a cross
    written = any(sum(ch.isalnum() for ch in line.text) > 2 for line in lines)
    return _distinct([line for line in lines if written or len(line.text) > 1])


def _of_print(read: Sequence[tuple[LineCrop, TextLine]]) -> list[tuple[LineCrop, TextLine]]:
    """What was read without doubtful lines of far lower letters than the sure ones: pieces of symbols, or the waves of
    compression beside them."""
    sure = [crop.height for crop, line in read if line.confidence >= SURE and len(line.text) > 2]
    least = LOW * float(np.median(sure)) if len(sure) >= FEW else 0.0
    return [(crop, line) for crop, line in read if line.confidence >= BELIEVED or crop.height >= least]


def _is_free(box: Box, taken: Sequence[Box]) -> bool:
    return all(_overlap(box, other) < 0.5 for other in taken)


def _read_photo(page: Page, reader: Reader) -> list[TextLine]:
    """Lines of a photo: the learned finder tells where they are, the marks inside where their words begin and end."""
    gray, scale = _work_size(page)
    level, floor = even_light(gray, page.unit * scale)
    marks = find_marks(level, page.unit * scale, floor=floor)
    if marks is None:
        return []
    crops = []
    left, top, wide, high = cv2.boundingRect(cv2.compare(page.gray, STROKE, cv2.CMP_LT))
    rim = round(page.unit)
    left, top, right, bottom = max(0, left - rim), max(0, top - rim), left + wide + rim, top + high + rim
    drawn = page.gray[top:bottom, left:right]  # finding costs by the pixel
    for box in ocr_paddle.find_lines(drawn, max(page.size)):
        x0, y0, x1, y1 = (round(value) for value in _moved(box, left, top))
        if min(x1 - x0, y1 - y0) < LEAST:
            continue
        hull = (x0, y0, x1, y1)
        crops.append(photo_crop(page, marks, scale, hull, _stands(hull)))
    return [line for line in each(partial(reader.latin, words=True), crops) if line and _says_something(line)]


def _with_missed(page: Page, reader: Reader, crop: LineCrop, lines: list[TextLine]) -> list[TextLine]:
    """`lines` with those whose letters have run together, and into lines. crop: any one of the page's dark ones."""
    rows = _unread(crop.marks.boxes / crop.scale, page, lines)
    kept = _with(page, reader, crop, rows, lines, least=SURE, known=True)
    small = _printed(page) < SMALL and page.gray.size * (FOUND / page.unit) ** 2 < MOST
    if small and any(line.confidence < DOUBTED and len(line.text) > 2 for line in kept):
        boxes = ocr_paddle.find_lines(page.gray, round(ocr_paddle.FIND_SIDE * page.unit / FOUND))
        kept = _with(page, reader, crop, boxes, kept, least=BELIEVED)
    return _distinct(kept)


def _with(
    page: Page,
    reader: Reader,
    crop: LineCrop,
    boxes: Sequence[Box],
    lines: Sequence[TextLine],
    *,
    least: float,
    known: bool = False,
) -> list[TextLine]:
    """`lines` with what is read in the boxes that they do not cover; as sure as `least`, known: words of a list."""
    hulls = []
    for box in boxes:
        first, last = (1, 3) if _stands(box) else (0, 2)
        same = _under(box, lines)
        seen = sum(min(one.box[last], box[last]) - max(one.box[first], box[first]) for one in same)
        if seen < COVERED * (box[last] - box[first]) and min(size(box)) >= LEAST:
            x0, y0, x1, y1 = (round(value) for value in box)
            hulls.append((x0, y0, x1, y1))
    crops = [photo_crop(page, crop.marks, crop.scale, hull, _stands(hull)) for hull in hulls]
    kept = list(lines)
    for line in each(reader.lettered, crops):
        if line is None or line.confidence < least or not _says_something(line):
            continue
        if known and (_letters(line) < 3 or not lexicon.knows(line.text)):
            continue
        under = _under(line.box, kept)
        if _is_better(line, under, crossed=True):
            kept = _instead(line, under, kept)
    return kept


def _stands(box: Box) -> bool:
    """Whether a line's box is that of turned text."""
    return box[3] - box[1] > 1.6 * (box[2] - box[0])


def _unread(boxes: Floats, page: Page, lines: Sequence[TextLine]) -> list[Box]:
    """Boxes of level rows of marks that are as high as words and part of no line. boxes: (n, 4) of marks."""
    unit = page.unit
    taken = np.zeros(page.gray.shape, np.uint8)
    for line in lines:
        x0, y0, x1, y1 = (round(value) for value in line.box)
        taken[max(0, y0) : y1, max(0, x0) : x1] = 1
    wide, high = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    like = (high > 0.35 * unit) & (high < 1.25 * unit) & (wide > 0.3 * unit) & (wide < 12 * unit)
    x, y = (((boxes[:, i] + boxes[:, i + 2]) / 2).astype(int) for i in (0, 1))
    left = boxes[like & (taken[y, x] == 0)]
    joined = np.zeros_like(taken)
    for x0, y0, x1, y1 in left.tolist():
        rim = 0.15 * (y1 - y0)  # of rows that lie closely
        ends = (round(x0 - 0.4 * unit), round(y0 + rim)), (round(x1 + 0.4 * unit), round(y1 - rim))
        cv2.rectangle(joined, *ends, 255, cv2.FILLED)
    rows: list[Box] = []
    for row in pieces(joined, 1):
        width, height = row.width - 0.3 * unit, row.height / 0.7
        if width >= 1.8 * unit and height <= 1.7 * unit:
            middle, half = row.top + 0.35 * height, max(0.65 * height, 0.6 * unit)
            start = row.left + 0.15 * unit
            rows.append((max(0.0, start), max(0.0, middle - half), start + width, middle + half))
    return rows


def _says_something(line: TextLine) -> bool:
    """Letters or digits, read with some confidence; few signs need more of it."""
    count = sum(ch.isalnum() for ch in line.text)
    signs = {ch for ch in line.text if ch.isalnum()}
    formula = is_formula(line.text) and line.confidence >= 0.9
    most = 3 if formula or len(signs) >= 4 else 2  # formulas hold more other signs
    if count == 0 or count * most < len(line.text.replace(" ", "")):
        return False
    return line.confidence >= (0.75 if count == 1 else 0.55 if count < 4 else 0.35)


def _distinct(lines: list[TextLine]) -> list[TextLine]:
    """One reading of each place: of two that overlap by half of the smaller, the surer one with more letters."""
    kept: list[TextLine] = []
    for line in sorted(lines, key=lambda line: -line.confidence * len(line.text)):
        if _is_free(line.box, [other.box for other in kept]):
            kept.append(line)
    return sorted(kept, key=lambda line: (line.box[1], line.box[0]))


def _overlap(a: Box, b: Box) -> float:
    """Common area over the smaller area."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / max(1e-9, min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])))


def _printed(page: Page) -> float:
    """Height of a line in pixels of the uploaded picture."""
    return page.unit * float(page.to_source[0, 0])


def _warnings(page: Page, reader: Reader, lines: list[TextLine], spoken: Language) -> tuple[str, ...]:
    found: list[str] = []
    if not reader.tongues and not reader.paddle:
        found.append("no text recogniser is installed: install tesseract-ocr, tesseract-ocr-eng and tesseract-ocr-rus")
    elif spoken == "ru" and "rus" not in reader.tongues:
        found.append("Cyrillic text is read less well: install the package tesseract-ocr-rus")
    height = _printed(page)
    if lines and height < TINY:
        found.append(f"text too small to read reliably: {height:.0f} px high; use a larger picture")
    return tuple(found)
