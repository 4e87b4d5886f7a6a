"""Arrowheads drawn by hand: two wings beside the end of a line, wherever they start and whether they touch it or not.

Knows the ink around one contact, not where the line leads.
"""

from __future__ import annotations

import numpy as np

from vision.heads import Contact
from vision.linework import Linework
from vision.parts import Floats

BEFORE, AFTER, BESIDE = 0.8, 1.3, 0.95  # units from the line's end: towards the symbol, along the line, to either side
WING = 0.5  # units; a wing of this length on both sides scores 1


def wings(work: Linework, at: Floats, inward: Floats, unit: float, width: float) -> Contact:
    """What the strokes on both sides of a line's end say.

    at: (2,) page pixels, where the line ends. inward: (2,) unit vector along the line, away from the symbol. width: of
    the line's stroke, pixels.
    """
    reach = round(1.5 * unit)
    height, wide = work.mask.shape
    cx, cy = round(float(at[0])), round(float(at[1]))
    x0, y0 = max(0, cx - reach), max(0, cy - reach)
    window = work.mask[y0 : min(height, cy + reach + 1), x0 : min(wide, cx + reach + 1)]
    ys, xs = np.nonzero(window)
    dx, dy = xs + x0 - at[0], ys + y0 - at[1]
    s = dx * inward[0] + dy * inward[1]
    t = dy * inward[0] - dx * inward[1]
    shaft = np.abs(t) <= width + 0.12 * np.abs(s)
    near = (s >= -BEFORE * unit) & (s <= AFTER * unit) & (np.abs(t) <= BESIDE * unit) & ~shaft
    left, right = float((near & (t > 0)).sum()), float((near & (t < 0)).sum())
    full = WING * unit * width
    score = min(left, right) / full + 0.1 * min(1.0, max(left, right) / full)
    return Contact("open" if score >= 0.2 else "none", score, AFTER * unit if score >= 0.2 else 0.0, sure=score > 0.5)
