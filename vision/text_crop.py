"""Cuts lines out of a page for a recogniser and maps what it answers back to the page.

Two cuts of each line: `clean` (only its own marks, one letter height, black on white) and `raw` (as it is on the
page, with a small margin). Both are turned level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import cv2
import numpy as np

from vision.parts import Box, Bytes, Page
from vision.ranks import percentile_within
from vision.text_ink import Ints, Marks
from vision.text_lines import MarkLine

LETTER = 25.0  # pixels of a typical letter in a clean cut
MARGIN = 10  # white pixels around a clean cut

Turn = Literal[0, 90, 270]


@dataclass(frozen=True)
class LineCrop:
    """One line of marks on a page.

    scale: mark pixels per page pixel; turn: quarter that will be undone.

    hull: the line's box in page pixels where it is known otherwise than from its marks."""

    page: Page
    marks: Marks
    line: MarkLine
    scale: float
    turn: Turn
    hull: tuple[int, int, int, int] | None = None

    @cached_property
    def boxes(self) -> Ints:
        """(n, 4) boxes of the marks, page pixels, along the page."""
        width, height = self.page.size
        boxes = self.marks.boxes[self.line.members] / self.scale
        out = np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], 1)
        return np.clip(out, 0, [width, height, width, height]).astype(np.int32)

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """Hull of the marks, page pixels."""
        if self.hull is not None:
            return self.hull
        part = self.boxes
        return int(part[:, 0].min()), int(part[:, 1].min()), int(part[:, 2].max()), int(part[:, 3].max())

    @property
    def height(self) -> float:
        """Typical letter height, page pixels."""
        return self.line.height / self.scale

    @property
    def narrow(self) -> bool:
        """Whether there is room for a sign or two at the most."""
        width, height = self.box[2] - self.box[0], self.box[3] - self.box[1]
        return max(width, height) < 1.5 * min(width, height) and len(self.line.members) < 3

    @property
    def is_long(self) -> bool:
        """Whether there is room for a word, its letters grown together or not."""
        width, height = self.box[2] - self.box[0], self.box[3] - self.box[1]
        return (height if self.turn else width) > 2.2 * (width if self.turn else height)

    def clean(self, letter: float = LETTER, *, whole: bool = False) -> tuple[Bytes, float, tuple[int, int]]:
        """The marks alone (whole: all that lies in the hull), letters so many pixels high.

        Also the scale from page pixels to the picture, and the page pixel of its corner (margin excluded).
        """
        x0, y0, x1, y1 = self.line.box
        x0, y0 = max(0, x0 - 2), max(0, y0 - 2)
        x1, y1 = min(self.marks.gray.shape[1], x1 + 2), min(self.marks.gray.shape[0], y1 + 2)
        if whole:
            mask = np.ones((y1 - y0, x1 - x0), np.uint8)
        else:
            mask = cv2.dilate(self.marks.mask(self.line.members, x0, y0, x1, y1), np.ones((3, 3), np.uint8))
        left, top = round(x0 / self.scale), round(y0 / self.scale)
        right, bottom = min(self.page.size[0], round(x1 / self.scale)), min(self.page.size[1], round(y1 / self.scale))
        gray = self._gray(left, top, right, bottom)
        if mask.shape != gray.shape:
            mask = cv2.resize(mask, (gray.shape[1], gray.shape[0]), interpolation=cv2.INTER_NEAREST)
            mask = cv2.dilate(mask, np.ones((3, 3), np.uint8))
        around = None if whole else np.asarray(cv2.compare(mask, 0, cv2.CMP_EQ), np.uint8)
        empty = around is not None and not cv2.countNonZero(around)
        paper = 255.0 if empty else percentile_within(gray, around, 50)
        ink = percentile_within(gray, mask, 5)
        stretch = 247.0 / max(paper - ink, 20.0)
        table = np.clip((np.arange(256) - ink) * stretch + 8, 0, 255)
        table[table > 235] = 255
        picture = cv2.LUT(gray, table.astype(np.uint8))
        if around is not None:
            picture = cv2.bitwise_or(picture, around)
        picture = self._level(picture)
        size = letter / max(self.height, 1.0)
        if not 0.9 < size < 1.1 or letter != LETTER:
            how = cv2.INTER_CUBIC if size > 1 else cv2.INTER_AREA
            picture = np.asarray(cv2.resize(picture, None, fx=size, fy=size, interpolation=how), np.uint8)
        else:
            size = 1.0
        framed = cv2.copyMakeBorder(picture, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_CONSTANT, value=255)
        return np.asarray(framed, np.uint8), size, (left, top)

    def raw(self) -> tuple[Bytes, int]:
        """The line as it is on the page, and the page coordinate where its reading direction starts."""
        across, along = (0, 0) if self.hull else (round(0.17 * self.height) + 1, round(0.32 * self.height) + 1)
        pad_x, pad_y = (across, along) if self.turn else (along, across)
        x0, y0, x1, y1 = self.box
        width, height = self.page.size
        x0, y0, x1, y1 = max(0, x0 - pad_x), max(0, y0 - pad_y), min(width, x1 + pad_x), min(height, y1 + pad_y)
        start = {0: x0, 90: y1, 270: y0}[self.turn]
        return self._level(self._gray(x0, y0, x1, y1)), start

    def span(self, start: float, end: float, origin: int) -> tuple[float, float]:
        """A stretch of a raw cut as page coordinates along its direction, ascending."""
        if self.turn == 90:
            return origin - end, origin - start
        return origin + start, origin + end

    def word_boxes(self, spans: list[tuple[float, float]]) -> list[Box]:
        """Tight boxes of words from their rough stretches along the line (page coordinates, ascending inside each).

        The line is cut midway between neighbouring words; each word gets the marks on its side of the cuts.
        """
        first, last = (1, 3) if self.turn else (0, 2)
        order = sorted(range(len(spans)), key=lambda i: spans[i])
        cuts = [-np.inf]
        for a, b in zip(order, order[1:], strict=False):
            cuts.append(self._cut(spans[a][1], spans[b][0], first, last))
        cuts.append(np.inf)
        boxes: list[Box] = [(0.0, 0.0, 0.0, 0.0)] * len(spans)
        x0, y0, x1, y1 = self.box
        for place, number in enumerate(order):
            start = np.maximum(self.boxes[:, first], cuts[place])
            end = np.minimum(self.boxes[:, last], cuts[place + 1])
            size = self.boxes[:, last] - self.boxes[:, first]
            own = end - start > np.minimum(0.3 * size, 3)
            if own.any():
                part = self.boxes[own]
                low, high = float(start[own].min()), float(end[own].max())
                cross = (0, 2) if self.turn else (1, 3)
                near, far = float(part[:, cross[0]].min()), float(part[:, cross[1]].max())
                boxes[number] = (near, low, far, high) if self.turn else (low, near, high, far)
            else:
                low, high = spans[number]
                boxes[number] = (x0, low, x1, high) if self.turn else (low, y0, high, y1)
        if self.hull is None:
            return boxes
        return [(max(a, x0), max(b, y0), max(min(c, x1), x0 + 1.0), max(min(d, y1), y0 + 1.0)) for a, b, c, d in boxes]

    def _cut(self, end: float, start: float, first: int, last: int) -> float:
        """The middle of the widest gap between marks near the space between two words."""
        middle, reach = (end + start) / 2, abs(start - end) / 2 + 0.6 * self.height
        if len(self.boxes) < 2:
            return middle
        inner = self.boxes[np.argsort(self.boxes[:, first], kind="stable")]
        ends = np.maximum.accumulate(inner[:-1, last])
        starts = inner[1:, first]
        centre = (ends + starts) / 2
        good = (starts > ends) & (np.abs(centre - middle) <= reach)
        if not good.any():
            return middle
        score = (starts - ends) - 0.3 * np.abs(centre - middle)
        return float(centre[good][score[good].argmax()])

    def _gray(self, x0: int, y0: int, x1: int, y1: int) -> Bytes:
        gray = self.page.gray[y0:y1, x0:x1]
        return cv2.bitwise_not(gray).astype(np.uint8) if self.marks.light else gray

    def _level(self, picture: Bytes) -> Bytes:
        if self.turn == 0:
            return picture
        how = cv2.ROTATE_90_CLOCKWISE if self.turn == 90 else cv2.ROTATE_90_COUNTERCLOCKWISE
        return np.asarray(cv2.rotate(picture, how), np.uint8)


def photo_crop(page: Page, marks: Marks, scale: float, hull: tuple[int, int, int, int], turned: bool) -> LineCrop:
    """A line that is known by its box: its marks are those whose middles lie inside."""
    x0, y0, x1, y1 = hull
    middle = (marks.boxes[:, :2] + marks.boxes[:, 2:]) / (2 * scale)
    own = (middle[:, 0] > x0) & (middle[:, 0] < x1) & (middle[:, 1] > y0) & (middle[:, 1] < y1)
    height = (x1 - x0 if turned else y1 - y0) * 0.6 * scale
    members = np.flatnonzero(own).astype(np.int32)
    return LineCrop(page, marks, MarkLine(members, hull, height, turned), scale, 90 if turned else 0, hull)
