"""Make any picture of a diagram look alike: dark ink on light paper, upright, text of a known size.

In: a PIL image of any mode. Out: a `Page`. Does not know what is drawn on it.
"""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from vision.parts import Bytes, Page

SMALL_UNIT, LARGE_UNIT = 16.0, 44.0  # text lines between these heights are left as they are (page pixels)
TARGET_UNIT = 20.0  # where smaller text is enlarged to
MAX_SCALE, MIN_SCALE = 3.0, 0.4
MARGIN = 24  # page pixels of paper added on every side, so that frames at the very edge stay closed
MAX_PIXELS = 24_000_000  # page pixels; larger pages are scaled down, whatever their text size


def prepare(image: Image.Image) -> Page:
    """The page of one picture.

    image: any PIL mode; transparency is laid on white (on black where the ink is white).
    """
    source_size = image.size
    rgb = _flatten(_at_most(image, MAX_PIXELS))
    height, width = rgb.shape[:2]
    background = _background(rgb)
    inverted = float(np.dot(background, (0.299, 0.587, 0.114))) < 110
    if inverted:
        rgb = cv2.bitwise_not(rgb)
        background = _background(rgb)
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    unit = _text_height(gray)
    scale = 1.0
    if 0 < unit < SMALL_UNIT:
        scale = min(TARGET_UNIT / unit, MAX_SCALE)
    elif unit > LARGE_UNIT:
        scale = max(LARGE_UNIT / unit, MIN_SCALE)
    scale = min(scale, (MAX_PIXELS / (width * height)) ** 0.5)
    if scale != 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    sx, sy = source_size[0] / rgb.shape[1], source_size[1] / rgb.shape[0]
    rgb = cv2.copyMakeBorder(rgb, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_CONSTANT, value=background)
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return Page(
        rgb=rgb,
        gray=gray,
        background=background,
        unit=(unit or TARGET_UNIT) * scale,
        to_source=np.array([[sx, 0.0, -MARGIN * sx], [0.0, sy, -MARGIN * sy]]),
        source_size=source_size,
        inverted=inverted,
    )


def _at_most(image: Image.Image, pixels: int) -> Image.Image:
    """The picture, reduced where it has more pixels: everything after costs memory by the pixel."""
    scale = (pixels / (image.width * image.height)) ** 0.5
    if scale >= 1:
        return image
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BOX)


def _flatten(image: Image.Image) -> Bytes:
    """(H, W, 3) uint8 RGB without transparency."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getextrema()[3][0] < 255:
            rgba = np.asarray(image)
            ink = rgba[..., :3][rgba[..., 3] > 128]
            all_light = len(ink) > 0 and float(np.percentile(ink.max(1), 0.2)) > 150
            paper = Image.new("RGBA", image.size, "black" if all_light else "white")
            image = Image.alpha_composite(paper, image)
    return np.asarray(image.convert("RGB")).copy()


def _background(rgb: Bytes) -> tuple[int, int, int]:
    """The most frequent colour, to 8 levels a channel, as the mean of its members."""
    small = rgb[:: max(1, rgb.shape[0] // 400), :: max(1, rgb.shape[1] // 400)].reshape(-1, 3)
    keys = (small >> 5).astype(np.int32) @ np.array([64, 8, 1])
    best = np.bincount(keys, minlength=512).argmax()
    r, g, b = small[keys == best].mean(0)
    return int(r), int(g), int(b)


def _text_height(gray: Bytes) -> float:
    """Median line height in pixels, guessed from the sizes of character-like components; 0 when there are none."""
    ink = cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, np.ones((15, 15), np.uint8))
    _, mask = cv2.threshold(ink, 60, 255, cv2.THRESH_BINARY)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return 0.0
    w, h, area = (stats[1:, i].astype(float) for i in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    good = (h >= 4) & (h <= 60) & (w <= 2.2 * h) & (w >= 0.12 * h) & (area >= 0.15 * w * h) & (area <= 0.85 * w * h)
    if good.sum() < 5:
        return 0.0
    return float(np.median(h[good])) * 1.55
