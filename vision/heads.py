"""What mark a line bears where it meets a symbol: an arrowhead, a circle, a diamond, or none.

Measured on the ink around the contact, along the line's direction: an arrowhead is narrow at the symbol and widest
farther out on both sides, whether filled, hollow or two open strokes; a circle or diamond is widest in its middle.
Does not know where the line leads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.linework import Linework
from vision.parts import Bytes, Floats

Mark = Literal["none", "filled", "hollow", "open", "circle", "diamond"]


HEAD = 0.3  # score of a contact from which it is an arrowhead
SHADOW = 1.5  # units; a thick mass of ink that reaches farther from a contact is a shadow or a rim, not a head


@dataclass(frozen=True, slots=True)
class Contact:
    """mark: what is drawn there. score: how strongly it is an arrowhead (about 1 for a plain one, 0 for none).
    size: how far the mark reaches from the symbol, pixels. sure: False where only a thick lump speaks for a head."""

    mark: Mark
    score: float
    size: float
    sure: bool = True


def contact(work: Linework, at: Floats, inward: Floats, owner: int, unit: float, width: float) -> Contact:
    """The mark of one line at one symbol.

    at: (2,) page pixels, where the line meets the symbol `owner`. inward: (2,) unit vector along the line, away from
    the symbol. width: of the line's stroke, pixels.
    """
    reach = round(1.5 * unit)
    height, wide = work.mask.shape
    cx, cy = round(float(at[0])), round(float(at[1]))
    x0, x1, y0, y1 = max(0, cx - reach), min(wide, cx + reach + 1), max(0, cy - reach), min(height, cy + reach + 1)
    window = work.mask[y0:y1, x0:x1]
    side = 2 * round(0.07 * unit) + 1  # some heads are drawn a hair's breadth off their line
    near_by = cv2.morphologyEx(window, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    _, label = cv2.connectedComponents(near_by, connectivity=8)
    ys, xs = np.nonzero(window)
    if len(xs) == 0:
        return Contact("none", 0.0, 0.0)
    dx, dy = xs + x0 - at[0], ys + y0 - at[1]
    name = label[ys[np.argmin(dx * dx + dy * dy)], xs[np.argmin(dx * dx + dy * dy)]]
    own = label[ys, xs] == name
    lump = _lump(((label == name) & (window > 0)).astype(np.uint8), at - (x0, y0), unit, width)
    dx, dy, xs, ys = dx[own], dy[own], xs[own], ys[own]
    s = dx * inward[0] + dy * inward[1]
    t = dy * inward[0] - dx * inward[1]
    start = _start(work, at, inward, owner, unit)
    s = s + start
    near = (np.abs(t) <= 0.62 * unit) & (s >= 0) & (s < 1.5 * unit)
    steps = round(1.5 * unit)
    bins = s[near].astype(int)
    left, right = np.zeros(steps + 1), np.zeros(steps + 1)
    np.maximum.at(left, np.minimum(bins, steps), t[near])
    np.maximum.at(right, np.minimum(bins, steps), -t[near])
    both = np.minimum(left, right)
    both[both > np.arange(steps + 1) + 0.2 * unit] = 0  # what is wide right at the symbol is its rim or shadow
    half = max(0.5 * width, 1.0)
    excess = both - half - 0.5
    body = excess[: round(1.15 * unit)]
    wide_rows = np.flatnonzero(body > 0.8)
    if len(wide_rows) < 2:
        return Contact("filled" if lump > 0 else "none", lump, 0.0, sure=False)
    peak = float(body.max())
    top = np.flatnonzero(body >= 0.8 * peak)
    middle, last = float(top.mean()), _last(body, top)
    area = float(np.maximum(body[: last + 1], 0).sum())
    first = int(wide_rows[0])
    form = (middle - first) / max(last - first, 1)
    score = area / (0.07 * unit * unit)
    inside = near & (s <= last + 1) & (np.abs(t) <= left.max() + 1)
    hollow = _hollow(work, xs[inside] + x0, ys[inside] + y0)
    if last < 0.1 * unit or first > 0.45 * unit:
        return Contact("filled" if lump > 0 else "none", lump, float(last), sure=False)
    rising = form >= 0.62
    if rising:
        filled = _ink_share(both, left, right, bins, last)
        mark: Mark = "hollow" if hollow > 0.12 else "filled" if filled > 0.8 else "open"
        return Contact(mark, score, float(last))
    if hollow > 0.2:
        return Contact("circle" if last <= 0.62 * unit else "diamond", 0.0, float(last))
    return Contact("filled" if lump > 0 else "none", lump, float(last), sure=False)


def _lump(stroke: Bytes, at: Floats, unit: float, width: float) -> float:
    """Score of a thick lump of ink at a contact: a head that is half hidden or meets its symbol at a slant."""
    depth = cv2.distanceTransform(stroke, cv2.DIST_L2, 3)
    ys, xs = np.nonzero(stroke)
    near = np.hypot(xs - at[0], ys - at[1]) <= 0.7 * unit
    thick = depth[ys, xs] >= 0.8 * width + 1.0
    if not (near & thick).any():
        return 0.0
    if float(np.hypot(xs - at[0], ys - at[1])[thick].max()) > SHADOW * unit:
        return 0.0
    return 0.5 * max(0.0, float(near.sum()) - 0.9 * unit * width) / (0.07 * unit * unit)


def _start(work: Linework, at: Floats, inward: Floats, owner: int, unit: float) -> float:
    """How far, in pixels, the contact lies from the symbol's ground against the line's direction."""
    steps = np.arange(0, round(0.8 * unit))
    xs = np.clip(np.round(at[0] - steps * inward[0]), 0, work.owner.shape[1] - 1).astype(int)
    ys = np.clip(np.round(at[1] - steps * inward[1]), 0, work.owner.shape[0] - 1).astype(int)
    hits = np.flatnonzero(work.owner[ys, xs] == owner)
    return float(hits[0]) if len(hits) else 0.3 * unit


def _last(body: Floats, top: NDArray[np.int64]) -> int:
    """The row where the mark ends: the first thin one after its widest."""
    after = np.flatnonzero(body[int(top[0]) :] <= 0.8)
    return int(top[0]) + int(after[0]) if len(after) else len(body) - 1


def _hollow(work: Linework, xs: Floats, ys: Floats) -> float:
    """Share of the mark that was not ink before small holes were filled."""
    if len(xs) == 0:
        return 0.0
    return float((work.raw[ys.astype(int), xs.astype(int)] == 0).mean())


def _ink_share(both: Floats, left: Floats, right: Floats, bins: NDArray[np.int64], last: int) -> float:
    """Share of the mark's outline that ink fills."""
    rows = bins <= last
    filled = np.bincount(bins[rows], minlength=last + 1)[: last + 1].astype(float)
    outline = (left + right + 1)[: last + 1]
    wide = (both[: last + 1] >= 0.4 * both[: last + 1].max()) & (np.arange(last + 1) >= 0.4 * last)
    return float(filled[wide].sum() / max(outline[wide].sum(), 1.0))
