"""Colour as sharp as the light it belongs to, for pictures that were saved with colour at half their size.

JPEG files usually keep one colour for four pixels (ITU-T T.81, "4:2:0"): thin coloured strokes then bleed into what
lies beside them. Between two flat colours, colour is a straight function of light; it is learned where both are known
and asked of the full light (fast guided filter, He and Sun 2015). Knows only pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from vision.parts import Bytes

HALVED = 2  # what Pillow calls "4:2:0"
LOOKED_AT = 1_000_000  # pixels that tell how colour was saved
COLOURED = 16  # change of colour within three pixels that is a border
FEW = 50  # borders, pixels, that tell nothing
BLURRED = 0.17  # share of such a change that halving and doubling takes away, below which it was done before
WINDOW = 5  # half-size pixels of the neighbourhood that colour is learned from
CALM = 20.0  # variance of light, squared levels, below which a neighbourhood is of one colour
LEAST, STRIP = 16, 64  # pixels of a picture that tells how it was saved; rows looked at together, even
BAND, RIM = 512, 32  # rows worked on at a time, and of what lies around them; even

Row = NDArray[np.floating]


def saved_halved(image: Image.Image) -> bool:
    """Whether a picture comes from a JPEG file that keeps colour at half its size."""
    return isinstance(image, JpegImageFile) and get_sampling(image) == HALVED


def looks_halved(rgb: Bytes) -> bool:
    """Whether the colour of a picture, (H, W, 3), was at half its size once, whatever it was saved as since; some that
    were are not told."""
    height, width = (length // 2 * 2 for length in rgb.shape[:2])
    if min(height, width) < LEAST:
        return False
    step = max(1, round(height * width / LOOKED_AT))
    lost = whole = count = 0
    for top in range(0, height, STRIP * step):
        colour = cv2.cvtColor(rgb[top : min(height, top + STRIP), :width], cv2.COLOR_RGB2YCrCb)[:, :, 1:]
        border = cv2.morphologyEx(colour, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        strong = border > COLOURED
        if not strong.any():
            continue
        blurred = cv2.resize(_half(colour), (colour.shape[1], colour.shape[0]), interpolation=cv2.INTER_LINEAR)
        count += int(strong.sum())
        whole += int(border[strong].sum())
        lost += int(cv2.absdiff(colour, blurred)[strong].sum())
    return count > FEW and lost < BLURRED * whole


def sharpened(rgb: Bytes) -> Bytes:
    """The picture, (H, W, 3), with colours that change where its light does."""
    height = rgb.shape[0]
    out = np.empty_like(rgb)
    for top in range(0, height, BAND):
        first, last = max(0, top - RIM), min(height, top + BAND + RIM)
        out[top : top + BAND] = _sharpened(rgb[first:last])[top - first : top - first + BAND]
    return out


def _sharpened(rgb: Bytes) -> Bytes:
    height, width = rgb.shape[:2]
    even = cv2.copyMakeBorder(rgb, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    parts = cv2.cvtColor(even, cv2.COLOR_RGB2YCrCb)
    size = (even.shape[1], even.shape[0])
    low = _half(parts.astype(np.float32))
    full = parts[:, :, 0].astype(np.float32)
    light = _half(_doubled(low[:, :, 0], size))  # as blurred as the colour is
    mean = _mean(light)
    spread = _mean(light * light) - mean * mean + np.float32(CALM)
    for channel in (1, 2):
        colour = low[:, :, channel]
        usual = _mean(colour)
        rise = (_mean(light * colour) - mean * usual) / spread
        start = usual - rise * mean
        parts[:, :, channel] = np.clip(_doubled(_mean(rise), size) * full + _doubled(_mean(start), size) + 0.5, 0, 255)
    return np.asarray(cv2.cvtColor(parts, cv2.COLOR_YCrCb2RGB)[:height, :width], np.uint8)


def _half(values: Bytes | Row) -> Row:
    size = values.shape[1] // 2, values.shape[0] // 2
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA))


def _doubled(values: Row, size: tuple[int, int]) -> Row:
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR))


def _mean(values: Row) -> Row:
    return np.asarray(cv2.blur(values, (WINDOW, WINDOW)))
