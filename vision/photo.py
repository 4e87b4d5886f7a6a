"""Photographs and scans of paper: tell them from exports, and lift the pen strokes off the paper.

In: RGB pictures. Out: grey pictures of dark strokes on white. The light is evened out by dividing by the paper's own
brightness; squared and ruled lines, fainter than the pen, are told from it by the two classes of stroke darkness.
Does not know what is drawn or written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.parts import Bytes
from vision.regions import labelled
from vision.threads import aside

Darkness = NDArray[np.float32]

CALM = 0.855  # share of neighbouring pixels that are equal, above which a picture was never on paper
STRAIGHT = 1.45  # pixels of edges on the axes per pixel of edges a little off them: drawn by a program
COARSE = 8  # source pixels per pixel of the paper's brightness
FAINTEST = 0.05  # share of the paper's brightness that a stroke takes away at least
RULED = 41  # source pixels; longer straight faint lines are the ruling of the paper


def is_paper(gray: Bytes) -> bool:
    """Whether the picture is a photograph or scan of a drawing by hand: uneven paper, and lines that are not exact.

    gray: (H, W), upright.
    """
    if min(gray.shape) < 8:
        return False
    step = max(1, max(gray.shape) // 2000)
    rows = gray[::step]
    calm = float(np.mean(rows[:, 1:] == rows[:, :-1]))
    return calm < CALM and straightness(gray) < STRAIGHT


def straightness(gray: Bytes) -> float:
    """How many edge pixels run exactly along the axes for each that runs 3° to 10° off them."""
    angle, _ = _slopes(gray)
    off = np.abs(angle)
    return float(np.count_nonzero(off < 1.5)) / (1.0 + float(np.count_nonzero((off >= 3) & (off < 10))))


def skew(gray: Bytes, most: float = 6.0) -> float:
    """By how many degrees level lines fall to the right (clockwise); 0 where no direction stands out."""
    angle, weight = _slopes(gray)
    step = 0.25
    edges = np.arange(-most - 2, most + 2 + step, step) - step / 2  # one bin is centred on 0
    histogram = np.histogram(angle, edges, weights=weight)[0]
    middles = edges[:-1] + step / 2
    zero = int(np.abs(middles).argmin())
    beside = float(histogram[[zero - 2, zero + 2]].mean())
    if histogram[zero] > 8 * beside and histogram[zero] > 0.5 * histogram.max():
        return 0.0  # drawn level
    histogram[zero - 1 : zero + 2] = np.minimum(histogram[zero - 1 : zero + 2], beside)  # rows of the pixel raster
    smooth = np.convolve(histogram, np.ones(5) / 5, "same")
    peak = int(smooth.argmax())
    if abs(middles[peak]) > most or smooth[peak] < 2 * float(np.median(smooth)) + 1:
        return 0.0
    crest = smooth > 0.7 * smooth[peak]
    low, high = peak, peak
    while low > 0 and crest[low - 1]:
        low -= 1
    while high < len(crest) - 1 and crest[high + 1]:
        high += 1
    part = slice(low, high + 1)
    return float((middles[part] * smooth[part]).sum() / max(1e-9, float(smooth[part].sum())))


def _slopes(gray: Bytes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(angle in degrees off the nearest axis in [-45, 45), strength) of the strong edges."""
    scale = 1600 / max(gray.shape)
    if scale < 0.8 and scale * min(gray.shape) >= 1:  # not where nothing would be left of a thin one
        gray = np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    soft = cv2.GaussianBlur(gray, (0, 0), 1.0)
    dx, dy = cv2.Scharr(soft, cv2.CV_32F, 1, 0), cv2.Scharr(soft, cv2.CV_32F, 0, 1)
    strength = cv2.magnitude(dx, dy)
    strong = strength > max(1.0, 0.25 * float(np.percentile(strength[::4, ::4], 99.5)))
    angle = np.degrees(np.arctan2(dy[strong], dx[strong]))
    return np.asarray((angle + 45) % 90 - 45, np.float32), np.asarray(strength[strong], np.float32)


def strokes(rgb: Bytes) -> Bytes:
    """(H, W) uint8: pen strokes dark on a white that is the same everywhere."""
    with aside(partial(_desk, rgb)) as desk:
        depth = _darkness(rgb)
        classes = _classes(depth)
        if classes.ruled:
            depth = _without_ruling(depth, 1.6 * classes.light)
            classes = _classes(depth)
        grey = 255 - 255 * _lifted(depth, classes)
        return _without_desk(np.asarray(grey, np.uint8), desk())


def _lifted(depth: Darkness, classes: _Classes) -> Darkness:
    """(H, W) in [0, 1]: strokes, faint parts of a line as clear as its dark ones.

    A pixel belongs to a stroke when it is as dark as the strokes usually are, or when it is darker than the noise of
    the paper and hangs together with such pixels.
    """
    soft = cv2.GaussianBlur(depth, (0, 0), 0.7)
    sure = 0.6 * classes.border
    faint = min(sure, (0.7 if classes.ruled else 0.35) * classes.border)
    with aside(partial(_grain, depth)) as grain:
        reach = np.ones((15, 15), np.uint8)
        around = cv2.GaussianBlur(cv2.dilate(np.minimum(soft, classes.dark), reach), (0, 0), 5)
    faint = max(faint, FAINTEST, 5 * grain())
    mask = np.asarray(soft > faint, np.uint8)
    labels, stats = labelled(mask)
    dark = np.bincount(labels[soft > max(sure, faint)], minlength=len(stats))
    kept = (dark >= 4) & (stats[:, cv2.CC_STAT_AREA] >= 12)
    kept[0] = False
    blur = 0.0 if classes.ruled else 0.3  # on blank paper, what is that faint beside a dark stroke belongs to it
    base = np.maximum(0.7 * faint, blur * around)
    out = np.clip((depth - base) / np.maximum(around - base, 0.03), 0, 1)
    near = cv2.dilate(np.asarray(kept[labels], np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(out * near, np.float32)


def _grain(depth: Darkness) -> float:
    """Standard deviation of the darkness of blank paper."""
    fine = cv2.GaussianBlur(depth, (0, 0), 0.7) - cv2.GaussianBlur(depth, (0, 0), 3)
    return 1.48 * float(np.median(np.abs(fine[::3, ::3])))


def _darkness(rgb: Bytes) -> Darkness:
    """(H, W) share of the paper's brightness that is missing, in the channel where most is missing."""
    height, width = rgb.shape[:2]
    size = (max(4, width // COARSE), max(4, height // COARSE))
    paper = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    paper = cv2.morphologyEx(paper, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    paper = cv2.GaussianBlur(cv2.medianBlur(paper, 5), (0, 0), 3)
    out = np.zeros((height, width), np.float32)
    for channel in range(3):
        level = cv2.resize(paper[..., channel], (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
        np.maximum(out, 1 - rgb[..., channel] / np.maximum(level, 8), out=out)
    return out


@dataclass(frozen=True, slots=True)
class _Classes:
    """Darkness of faint and of dark strokes, what divides them, and whether the faint ones are a ruling."""

    light: float
    dark: float
    border: float
    ruled: bool


def _classes(depth: Darkness) -> _Classes:
    """Otsu's two classes of the darkness along the crests of strokes."""
    soft = cv2.GaussianBlur(depth, (0, 0), 1.0)
    crest = soft[3:-3, 3:-3]
    across = (crest >= soft[3:-3, 2:-4]) & (crest >= soft[3:-3, 4:-2])
    across &= crest - np.minimum(soft[3:-3, :-6], soft[3:-3, 6:]) > 0.03
    down = (crest >= soft[2:-4, 3:-3]) & (crest >= soft[4:-2, 3:-3])
    down &= crest - np.minimum(soft[:-6, 3:-3], soft[6:, 3:-3]) > 0.03
    values = crest[(across | down) & (crest > FAINTEST)]
    if len(values) < 50:
        return _Classes(0.1, 0.5, 0.3, False)
    counts = np.histogram(values, bins=100, range=(0, 1))[0].astype(float)
    share = counts / counts.sum()
    middle = (np.arange(100) + 0.5) / 100
    below, sum_below = np.cumsum(share), np.cumsum(share * middle)
    mean = sum_below[-1]
    between = (mean * below - sum_below) ** 2 / np.maximum(below * (1 - below), 1e-9)
    cut = int(between.argmax())
    light = float(sum_below[cut] / below[cut])
    dark = float((mean - sum_below[cut]) / max(1e-9, 1 - below[cut]))
    apart = float(between[cut] / max(1e-9, float((share * (middle - mean) ** 2).sum())))
    many = len(values) / depth.size > 0.03
    return _Classes(light, dark, float(middle[cut]), many and apart > 0.6)


def _without_ruling(depth: Darkness, most: float) -> Darkness:
    """Long straight lines lightened by at most `most`: the ruling goes, a pen stroke that follows it stays."""
    level = cv2.dilate(depth, np.ones((3, 1), np.uint8))
    level = cv2.morphologyEx(level, cv2.MORPH_OPEN, np.ones((1, RULED), np.uint8))
    upright = cv2.dilate(depth, np.ones((1, 3), np.uint8))
    upright = cv2.morphologyEx(upright, cv2.MORPH_OPEN, np.ones((RULED, 1), np.uint8))
    ruling = np.minimum(np.maximum(level, upright), most)
    return np.asarray(np.maximum(depth - ruling, 0), np.float32)


def _without_desk(grey: Bytes, around: Bytes) -> Bytes:
    """What lies around the sheet (desk, shadow at its edge) made white: thick dark areas that reach the rim, and
    `around`, all that is much darker than the paper beside it and reaches the rim (`_desk`)."""
    dark = np.asarray((grey < 128) * np.uint8(255), np.uint8)
    size = max(9, round(0.008 * max(grey.shape))) | 1
    thick = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((size, size), np.uint8))
    blots = _at_rim(thick, size)
    desk = cv2.dilate(blots, np.ones((2 * size + 1, 2 * size + 1), np.uint8))
    desk |= cv2.resize(around, grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
    if not desk.any():
        return grey
    out = grey.copy()
    out[desk > 0] = 255
    return out


def _at_rim(mask: Bytes, near: int) -> Bytes:
    """The parts of a mask that reach the rim of the picture but for `near` pixels, 255."""
    labels, stats = labelled(mask)
    height, width = mask.shape
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[:, cv2.CC_STAT_WIDTH], top + stats[:, cv2.CC_STAT_HEIGHT]
    rim = (left <= near) | (top <= near) | (right >= width - near) | (bottom >= height - near)
    rim[0] = False
    return np.asarray(rim[labels] * np.uint8(255), np.uint8)


def _desk(rgb: Bytes) -> Bytes:
    """(H / COARSE, W / COARSE) 255 where the desk shows: areas at the rim that end in a step of brightness."""
    height, width = rgb.shape[:2]
    small = cv2.resize(rgb, (max(4, width // COARSE), max(4, height // COARSE)), interpolation=cv2.INTER_AREA)
    light = cv2.morphologyEx(small.max(2), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    out = np.zeros_like(light)
    inner = np.ones((5, 5), np.uint8)
    usual = float(np.percentile(light, 70))
    for share in (0.3, 0.45, 0.6, 0.75):
        rim = _at_rim(np.asarray((light < share * usual) * np.uint8(255), np.uint8), 1)
        count, labels = cv2.connectedComponents(rim)
        for number in range(1, count):
            part = np.asarray(labels == number, np.uint8)
            if part.sum() < 20 or part.mean() > 0.6:
                continue
            beside = (cv2.dilate(part, inner, iterations=2) > 0) & (cv2.dilate(part, inner) == 0)
            edge = (part > 0) & (cv2.erode(part, inner, borderValue=1) == 0)
            if beside.any() and float(np.median(light[edge])) < 0.72 * float(np.median(light[beside])):
                out |= cv2.dilate(part * np.uint8(255), inner)
    return out
