"""The border of a circle as BPMN and UML draw it: one thin, one thick or two lines, whole or dashed.

Read off rays from the centre. Knows nothing of what stands inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vision.parts import Bytes, Floats

RAYS = 96
REACH = 1.6  # of the given radius
STEPS = 128  # along a ray


@dataclass(frozen=True, slots=True)
class Rim:
    """x, y, radius: centre and outer edge of the outer line, pixels. stroke: its thickness. clear: radius inside which
    no border lies. double: two lines; dashed: the outer line has gaps; contrast: grey levels of the border."""

    x: float
    y: float
    radius: float
    stroke: float
    clear: float
    double: bool
    dashed: bool
    contrast: float


@dataclass(frozen=True, slots=True)
class _Line:
    """One circular line: inner and outer radius, share of the rays on it."""

    inner: float
    outer: float
    covered: float


def rim(rgb: Bytes, x: float, y: float, radius: float) -> Rim | None:
    """The border about (x, y) near `radius` (page pixels); None when no line goes round there."""
    step = REACH * radius / STEPS
    hat = _hat(rgb, x, y, radius)
    dx, dy = _shift(hat, radius)
    if abs(dx) + abs(dy) > 0.5 * step:
        x, y = x + dx, y + dy
        hat = _hat(rgb, x, y, radius)
    strongest = float(np.sort(hat[:, int(0.6 / REACH * STEPS) :].max(1))[RAYS // 3])
    if strongest < 12:
        return None
    lines = _lines(np.minimum(hat / strongest, 1.0), step)
    near = [k for k, line in enumerate(lines) if 0.78 * radius <= line.outer <= 1.45 * radius]
    if not near:
        return None
    last = lines[near[-1]]
    inner = [line for line in lines[: near[-1]] if line.outer > 0.7 * last.outer]
    clear = (inner[0] if inner else last).inner
    width = last.outer - last.inner
    return Rim(x, y, last.outer, width, clear, bool(inner), last.covered < 0.8, strongest)


def _hat(rgb: Bytes, x: float, y: float, radius: float) -> Floats:
    """(RAYS, STEPS): by how much samples along rays from the centre are darker than what lies before and behind."""
    angle = 2 * np.pi * np.arange(RAYS) / RAYS
    length = REACH * radius * (np.arange(STEPS) + 0.5) / STEPS
    xs = (x + np.cos(angle)[:, None] * length - 0.5).astype(np.float32)
    ys = (y + np.sin(angle)[:, None] * length - 0.5).astype(np.float32)
    reach = int(REACH * radius) + 3
    x0, y0 = max(0, int(x) - reach), max(0, int(y) - reach)
    part = rgb[y0 : int(y) + reach, x0 : int(x) + reach]
    rays = cv2.remap(part, xs - x0, ys - y0, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    window = max(3, round(0.42 / REACH * STEPS)) | 1
    closed = cv2.morphologyEx(rays, cv2.MORPH_CLOSE, np.ones((1, window), np.uint8))
    return np.asarray(cv2.subtract(closed, rays).max(-1), np.float64)


def _shift(hat: Floats, radius: float) -> tuple[float, float]:
    """How far the circle's centre is off: the first harmonic of where the rays leave the border."""
    low, high = int(0.7 / REACH * STEPS), int(1.25 / REACH * STEPS)
    band = hat[:, low:high]
    dark = band > 0.5 * max(12.0, float(np.median(band.max(1))))
    seen = dark.any(1)
    if seen.mean() < 0.5:
        return 0.0, 0.0
    last = band.shape[1] - 1 - dark[:, ::-1].argmax(1)
    edge = (last + low + 1) * REACH * radius / STEPS
    angle = 2 * np.pi * np.arange(RAYS) / RAYS
    rows = np.stack([np.cos(angle), np.sin(angle), np.ones(RAYS)], 1)
    good = seen
    found = np.zeros(3)
    for _ in range(3):
        found = np.linalg.lstsq(rows[good], edge[good], rcond=None)[0]
        good = seen & (np.abs(rows @ found - edge) < 0.08 * radius)
        if good.mean() < 0.4:
            return 0.0, 0.0
    limit = 0.15 * radius
    return float(np.clip(found[0], -limit, limit)), float(np.clip(found[1], -limit, limit))


def _lines(dark: Floats, step: float) -> list[_Line]:
    """Circular lines from the centre outwards. dark: (RAYS, STEPS) in [0, 1]."""
    profile = np.sort(dark, axis=0)[RAYS // 10 :].mean(0)
    out = []
    for a, b in _runs(profile > 0.45):
        middle = int(a + profile[a : b + 1].argmax())
        covered = float((dark[:, max(0, middle - 1) : middle + 2].max(1) > 0.4).mean())
        out.append(_Line(a * step, (b + 1) * step, covered))
    return out


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of every run of True."""
    jumps = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return list(zip(np.nonzero(jumps == 1)[0].tolist(), (np.nonzero(jumps == -1)[0] - 1).tolist(), strict=True))
