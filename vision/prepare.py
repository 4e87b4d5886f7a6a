"""Make any picture of a diagram look alike: dark ink on light paper, upright, text of a known size.

In: a PIL image of any mode. Out: a `Page`. Does not know what is drawn on it. Photographs of paper become strokes on
white (`photo`); lines that are level but for a few degrees are made level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from vision.boxes import size
from vision.chroma import looks_halved, saved_halved, sharpened
from vision.parts import Bytes, Floats, Page, TextLine
from vision.photo import is_paper, skew, strokes
from vision.regions import labelled
from vision.ruling import without_grid

SMALL_UNIT, LARGE_UNIT = 16.0, 28.0  # text lines between these heights are left as they are (page pixels)
TARGET_UNIT, AIM_UNIT = 20.0, 24.0  # what smaller text is enlarged to, what larger text is reduced to
LINE, GUESS = 1.1, 1.7  # unit over the usual height of a line as read; by how much it may differ from the guess
MAX_SCALE, MIN_SCALE = 3.0, 0.4
MARGIN = 24  # page pixels of paper added on every side, so that frames at the very edge stay closed
WORD, LETTERS = 14.0, 1.3  # heights: the widest word whose letters have run together; letters per height of its width
FAR = 1.45  # guess by letters over guess by words, above which the letters are symbols
LEAST_SKEW = 0.4  # degrees; smaller ones are left as they are
MAX_PIXELS = 24_000_000  # page pixels; larger pages are scaled down, whatever their text size


def prepare(image: Image.Image) -> Page:
    """The page of one picture.

    image: any PIL mode; transparency is laid on white (on black where the ink is white).
    """
    source_size = image.size
    rgb = _flatten(_at_most(image, MAX_PIXELS))
    reduced = source_size[0] / rgb.shape[1], source_size[1] / rgb.shape[0]
    gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    if reduced == (1, 1) and (saved_halved(image) or looks_halved(rgb)) and not is_paper(gray):
        rgb = sharpened(rgb)
    angle = skew(gray)
    to_source = np.diag([*reduced, 1.0])
    if abs(angle) >= LEAST_SKEW:
        rgb, back = _turned(rgb, angle)
        to_source = to_source @ back
        gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    photo = is_paper(gray)
    if photo:
        rgb = np.asarray(cv2.cvtColor(strokes(rgb), cv2.COLOR_GRAY2RGB), np.uint8)
    background = _background(rgb)
    inverted = float(np.dot(background, (0.299, 0.587, 0.114))) < 110
    if inverted:
        rgb = np.asarray(cv2.bitwise_not(rgb), np.uint8)
        background = _background(rgb)
    if inverted or photo:
        gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    if not photo:
        rgb = without_grid(rgb, gray)
    unit = _text_height(gray)
    scale = 1.0
    if 0 < unit < SMALL_UNIT:
        scale = min(TARGET_UNIT / unit, MAX_SCALE)
    elif unit > LARGE_UNIT:
        scale = max(AIM_UNIT / unit, MIN_SCALE)
    height, width = rgb.shape[:2]
    scale = min(scale, (MAX_PIXELS / (width * height)) ** 0.5)
    if scale != 1.0:
        shape = (max(1, round(width * scale)), max(1, round(height * scale)))
        smooth = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        rgb = np.asarray(cv2.resize(rgb, shape, interpolation=smooth), np.uint8)
    sx, sy = width / rgb.shape[1], height / rgb.shape[0]
    rgb = np.asarray(
        cv2.copyMakeBorder(rgb, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_CONSTANT, value=background), np.uint8
    )
    return Page(
        rgb=rgb,
        gray=np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8),
        background=background,
        unit=(unit or TARGET_UNIT) * scale,
        to_source=to_source[:2] @ np.array([[sx, 0.0, -MARGIN * sx], [0.0, sy, -MARGIN * sy], [0.0, 0.0, 1.0]]),
        source_size=source_size,
        inverted=inverted,
        photo=photo,
    )


def measured(page: Page, lines: Sequence[TextLine]) -> Page:
    """The page with its unit from the lines that were read, where these are far larger than was guessed before."""
    heights = [min(size(line.box)) for line in lines for _ in line.text if len(line.text) > 2 and line.confidence > 0.5]
    unit = LINE * float(np.median(heights)) if heights else 0.0
    return replace(page, unit=unit) if unit > GUESS * page.unit else page


def _turned(rgb: Bytes, angle: float) -> tuple[Bytes, Floats]:
    """The picture turned counter-clockwise by `angle` degrees, on a sheet that holds all of it, and the (3, 3) way back
    from its pixels."""
    height, width = rgb.shape[:2]
    turn = np.eye(3)
    turn[:2] = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    wide, high = int(np.ceil(width * cos + height * sin)), int(np.ceil(width * sin + height * cos))
    turn[0, 2] += (wide - width) / 2
    turn[1, 2] += (high - height) / 2
    out = cv2.warpAffine(
        rgb, turn[:2], (wide, high), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=_background(rgb)
    )
    return np.asarray(out, np.uint8), np.asarray(np.linalg.inv(turn), np.float64)


def _at_most(image: Image.Image, pixels: int) -> Image.Image:
    """The picture, reduced where it has more pixels: everything after costs memory by the pixel."""
    scale = (pixels / (image.width * image.height)) ** 0.5
    if scale >= 1:
        return image
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    shape = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(shape, Image.Resampling.BOX)


def _flatten(image: Image.Image) -> Bytes:
    """(H, W, 3) uint8 RGB without transparency."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            rgba = np.asarray(image)
            r, g, b, cover = cv2.split(rgba)
            solid = np.asarray(cv2.compare(cover, 128, cv2.CMP_GT), np.uint8)
            levels = cv2.calcHist([cv2.max(cv2.max(r, g), b)], [0], solid, [256], [0, 256]).ravel()
            all_light = bool(levels.any()) and float(levels[:151].sum()) <= 0.002 * float(levels.sum())
            paper = Image.new("RGBA", image.size, "black" if all_light else "white")
            image = Image.alpha_composite(paper, image)
    return np.asarray(image.convert("RGB"))


def _background(rgb: Bytes) -> tuple[int, int, int]:
    """The most frequent colour, to 8 levels a channel, as the mean of its members."""
    small = np.ascontiguousarray(rgb[:: max(1, rgb.shape[0] // 400), :: max(1, rgb.shape[1] // 400)])
    counts = cv2.calcHist([small], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3)
    low = np.array(np.unravel_index(int(counts.argmax()), (8, 8, 8))) * 32
    own = cv2.inRange(small, low.astype(np.uint8), (low + 31).astype(np.uint8))
    total = cv2.sumElems(cv2.bitwise_and(small, small, mask=own))
    r, g, b = (int(value / cv2.countNonZero(own)) for value in total[:3])
    return r, g, b


def _text_height(gray: Bytes) -> float:
    """Median line height in pixels, guessed from the sizes of character-like components; 0 when there are none."""
    ink = cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, np.ones((15, 15), np.uint8))
    _, mask = cv2.threshold(ink, 60, 255, cv2.THRESH_BINARY)
    stats = labelled(np.asarray(mask, np.uint8))[1][1:]
    if not len(stats):
        return 0.0
    w, h, area = (stats[:, i].astype(float) for i in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    good = (h >= 4) & (h <= 60) & (w <= 2.2 * h) & (w >= 0.12 * h) & (area >= 0.15 * w * h) & (area <= 0.85 * w * h)
    guess = float(np.median(h[good])) * 1.55 if good.sum() >= 5 else 0.0
    # letters of small print run together into words; what stands alone there and is far larger are symbols
    word = (h >= 4) & (h <= 60) & (w > 2.2 * h) & (w <= WORD * h) & (area >= 0.25 * w * h) & (area <= 0.75 * w * h)
    inside = LETTERS * w[word] / h[word]
    if inside.sum() < max(5, good.sum()):
        return guess
    told = _middle(h[word], inside) * 1.3
    return told if guess > FAR * told or not guess else guess


def _middle(values: Floats, weights: Floats) -> float:
    """The weighted median of whole numbers, told to a part of a step."""
    middle = values[order := np.argsort(values)][np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)]
    below, own = weights[values < middle].sum(), weights[values == middle].sum()
    return float(middle - 0.5 + (weights.sum() / 2 - below) / own)
