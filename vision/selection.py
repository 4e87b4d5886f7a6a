"""Which of the proposed outlines are symbols: not icons, letters, grounds of labels or the spaces between flows.

Decides from outlines and text lines; reads no pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from vision.boxes import area, centre, gaps, holds, inside, iou, share, size, union
from vision.parts import Box, Outline, Shape, TextLine

BOXY: frozenset[Outline] = frozenset({"rectangle", "rounded", "stadium", "barred"})
HOST = 12.0  # units; activities beside print are no higher
LEAST_FILLED = 1.5  # units; smaller filled circles and diamonds are heads
TAIL = 1.5  # units; circles on borders that are no larger are tails of flows
BLANK: frozenset[Outline] = BOXY | {"parallelogram", "trapezoid", "hexagon"}


def select(shapes: Sequence[Shape], lines: Sequence[TextLine], unit: float, host: float = HOST) -> list[Shape]:
    """One candidate per symbol, without icons, letters and the spaces between flows.

    host: units; what is higher has symbols inside, not icons.
    """
    kept: list[Shape] = []
    events = [s for s in shapes if s.outline == "circle" and s.confidence > 0.9 and min(size(s.box)) > TAIL * unit]
    shapes = [_unfolded(s, events) for s in shapes]
    shapes = [s for s in shapes if not any(_sees_better(o, s) or _holds_tail(o, s, unit) for o in shapes)]
    for c in sorted(shapes, key=lambda c: (-area(c.box), -c.confidence)):
        twin = next((k for k in kept if share(c.box, k.box) > 0.9 and _same(c, k)), None)
        if twin is None:
            kept.append(c)
        elif c.outline == twin.outline == "circle" and size(c.box)[0] < 0.94 * size(twin.box)[0]:
            kept = [replace(k, double=True) if k is twin else k for k in kept]
    tasks = [s for s in kept if s.outline in BLANK and s.confidence > 0.9 and _holds_words(s, lines)]
    most = 4 * float(np.median([area(s.box) for s in tasks])) if len(tasks) > 2 else np.inf
    hosts = [s for s in kept if not any(inside(t.box, s.box) and area(t.box) > 0.02 * area(s.box) for t in tasks)]
    hosts = [s for s in hosts if s.outline not in BOXY or area(s.box) < most]  # larger ones are parts of lanes
    kept = [s for s in kept if not any(_is_icon(s, k, unit, host) for k in hosts if k is not s)]
    worded = [s for s in kept if _has_words(s, lines)]
    usual = float(np.median([area(s.box) for s in worded])) if worded else 0.0
    kept = [s for s in kept if not (area(s.box) < 0.35 * usual and _is_patch(s, lines))]
    kept = [s for s in kept if s.outline not in BLANK or _has_words(s, lines) or _like_any(s, worded)]
    solid: list[Shape] = []
    for c in reversed(kept):  # small ones first: what is inside a face is known when the face is judged
        if _is_symbol(c, solid, lines, unit):
            solid.append(c)
    return [c for c in solid if not _is_gap(c, [k for k in solid if k is not c], lines, unit)]


def _unfolded(shape: Shape, events: Sequence[Shape]) -> Shape:
    """A box whose corner an event covers looks like a sheet with a fold."""
    if shape.outline != "page" or not any(holds(event.box, (shape.box[2], shape.box[1])) for event in events):
        return shape
    x0, y0, x1, y1 = shape.box
    return replace(shape, outline="rounded", contour=np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]))


def is_ground(shape: Shape, lines: Sequence[TextLine], unit: float) -> bool:
    """A patch no higher than a line of print, of one colour, without a border and with a word at the most."""
    least = 0.6 if shape.filled else 0.3
    found = [line for line in lines if share(line.box, shape.box) > least]
    words = [line.text for line in found]
    if shape.outline in BLANK and shape.fill is not None and any(size(x.box)[0] > size(shape.box)[0] for x in found):
        return True  # narrower than its word: what a flow has left of a ground
    highest = 1.4 if shape.outline == "circle" and not shape.filled else 2.2
    if shape.outline == "bar" or min(size(shape.box)) >= highest * unit or len(words) > 1:
        return False
    if shape.filled:  # as dark as ink: no disc has dark letters in it
        return shape.outline == "circle" and any(len(word) > 1 for word in words)
    return shape.fill is not None and shape.stroke < 0.8 and all(len(word) <= 5 for word in words)


def holds_label(shape: Shape, lines: Sequence[TextLine], unit: float) -> bool:
    """A patch of one colour hardly larger than the words on it."""
    words = [line for line in lines if share(line.box, shape.box) > 0.5]
    flat = shape.fill is not None and not shape.filled and shape.outline in BLANK and shape.stroke < 2.5
    return flat and bool(words) and _is_chip(shape, words, unit)


def _sees_better(other: Shape, shape: Shape) -> bool:
    """Whether another outline at about the same place is the one that is drawn: a circle of two lines, where a shadow
    or a fill moved this one; any outline that is all there, where little of this circle is; a bar, under its shadow."""
    common = 0.0 if other is shape or shape.double else iou(shape.box, other.box)
    if common <= 0.45:
        return False
    if shape.outline == other.outline == "circle" and not other.double:
        (x, y), (ox, oy) = centre(shape.box), centre(other.box)
        if common <= 0.55 or np.hypot(x - ox, y - oy) < 0.06 * size(shape.box)[0]:
            return False  # apart, or two lines around one centre
        return shape.confidence < other.confidence - 0.03 or _is_shaded(shape) > _is_shaded(other)
    if other.outline == "bar" and shape.outline in BOXY and shape.filled:
        return True
    if shape.outline == "circle" and not shape.dashed and shape.confidence < 0.7:
        return other.confidence > 0.95 and other.stroke > 0
    loose = shape.outline in ("circle", "ellipse") or shape.stroke == 0
    return loose and other.outline == "circle" and other.double and share(shape.box, other.box) < 0.9


def _is_shaded(circle: Shape) -> bool:
    """Whether the border of a circle is too thick for one: a shadow beside it was taken for ink."""
    return circle.stroke > 0.22 * size(circle.box)[0]


def _holds_tail(host: Shape, shape: Shape, unit: float) -> bool:
    """Whether a small circle is the tail of a message flow, on the border of the symbol that sends it."""
    if shape.outline != "circle" or shape.double or max(size(shape.box)) > TAIL * unit:
        return False
    return host.outline in BOXY and min(size(host.box)) > 2 * TAIL * unit and abs(_depth(shape, host)) < 0.3 * unit


def _has_words(shape: Shape, lines: Sequence[TextLine]) -> bool:
    return any(share(line.box, shape.box) > 0.5 for line in lines)


def _holds_words(shape: Shape, lines: Sequence[TextLine]) -> bool:
    """Whether words are inside, and whole: letters themselves do not."""
    return min((part for line in lines if (part := share(line.box, shape.box)) > 0.5), default=0.0) > 0.85


def _is_gap(shape: Shape, others: Sequence[Shape], lines: Sequence[TextLine], unit: float) -> bool:
    """The space between flows: it has no fill of its own and the symbols that the flows join lie at its rim."""
    if shape.fill is not None or shape.outline in ("circle", "bar"):
        return False
    if shape.outline in ("page", "document", "cylinder"):
        tasks = [k for k in others if k.outline in BOXY and _has_words(k, lines)]
        return any(0.04 < share(shape.box, k.box) < 0.9 or 0.04 < share(k.box, shape.box) < 0.9 for k in tasks)
    if any(inside(k.box, shape.box) for k in others):
        return False
    beside = sum(_abuts(shape.box, k.box, unit) for k in others if area(k.box) < 4 * area(shape.box))
    if not beside:
        return False
    words = [line for line in lines if share(line.box, shape.box) > 0.5]
    return beside >= 2 or not words or not _fills(words, shape)


def _abuts(a: Box, b: Box, unit: float) -> bool:
    """Whether two boxes share a piece of border or a corner without one lying across the other's border."""
    gx, gy = gaps(a, b)
    return -0.35 * unit < max(gx, gy) < 0.35 * unit


def _is_patch(shape: Shape, lines: Sequence[TextLine]) -> bool:
    """A small borderless patch with one short word, the ground of a flow's label, or with none, as of large pale
    letters across the page."""
    words = [line.text for line in lines if share(line.box, shape.box) > 0.5]
    short = len(words) == 1 and len(words[0]) <= 5
    return shape.outline in BLANK and shape.stroke < 0.5 and not shape.filled and (short or not words)


def _like_any(shape: Shape, others: Sequence[Shape]) -> bool:
    """A box without a word is a symbol when it is filled or as large as one with words."""
    if shape.fill is not None:
        return True
    mine = size(shape.box)
    return any(
        o.outline in BLANK and all(abs(a - b) < 0.2 * b for a, b in zip(mine, size(o.box), strict=True)) for o in others
    )


def _is_icon(small: Shape, big: Shape, unit: float, host: float) -> bool:
    """Whether a small outline is a marker or icon inside a task."""
    width, height = size(big.box)
    if big.outline in ("circle", "diamond") and max(width, height) < 8 * unit and not small.filled:
        return share(small.box, big.box) > 0.9 and area(small.box) < 0.7 * area(big.box)
    if small.outline == "ellipse" and big.outline == "cylinder":
        return share(small.box, big.box) > 0.8  # its lid
    if small.outline in BLANK and big.outline in BLANK and _common(small.box, big.box, unit) >= 2:
        return share(small.box, big.box) > 0.95 and min(width, height) < host * unit  # a part cut off by a word
    if (
        big.outline not in BLANK | {"document"}
        or min(width, height) > host * unit
        or max(width, height) > 2 * host * unit
    ):
        return False
    if small.outline in ("circle", "diamond") and share(small.box, big.box) > 0.9:
        return min(size(small.box)) < 3 * unit or min(size(small.box)) > 0.75 * min(width, height)
    if small.outline in ("circle", "diamond") and _depth(small, big) > 0.2 * size(small.box)[0]:
        return min(size(small.box)) < min(3 * unit, 0.6 * min(width, height))
    if min(size(small.box)) >= 2.1 * unit:
        return False
    return share(small.box, big.box) > 0.8 and area(small.box) < 0.3 * area(big.box)


def _common(small: Box, big: Box, unit: float) -> int:
    """Number of sides that two boxes have in common."""
    return sum(abs(a - b) < 0.35 * unit for a, b in zip(small, big, strict=True))


def _depth(small: Shape, big: Shape) -> float:
    """How far the middle of one box lies within another, from its nearest side (negative: outside)."""
    x, y = centre(small.box)
    x0, y0, x1, y1 = big.box
    return min(x - x0, x1 - x, y - y0, y1 - y)


def _is_symbol(shape: Shape, smaller: Sequence[Shape], lines: Sequence[TextLine], unit: float) -> bool:
    """False for the spaces that flows and frames enclose: no word of their own, or symbols bite into them."""
    if shape.confidence < 0.55:
        return False
    if shape.outline == "bar":
        return True
    if shape.filled and shape.outline in ("circle", "diamond") and max(size(shape.box)) < LEAST_FILLED * unit:
        return False  # the head of a flow
    slender = max(size(shape.box)) / max(1.0, min(size(shape.box)))
    solid = [k for k in smaller if min(size(k.box)) > 1.3 * unit]
    words = [
        line
        for line in lines
        if share(line.box, shape.box) > 0.5 and not any(share(line.box, k.box) > 0.5 for k in solid)
    ]
    if words and (_is_chip(shape, words, unit) or (slender > 14 and not _fills_length(words, shape))):
        return False  # the ground of a label, a band with a title
    sure = shape.confidence > 0.8 or shape.dashed or shape.double
    most = {"circle": 8, "diamond": 12}.get(shape.outline, 0)  # between curved flows there are larger round spaces
    small = sure and max(size(shape.box)) < most * unit
    answers = len(words) > 1 and shape.fill is None and all(len(line.text) <= 4 for line in words)
    if answers and not (_fills(words, shape) and (small or _is_row(words, unit))):
        return False  # of a decision, in the space between its flows
    if words and shape.fill is None and not small and _astray(words, shape) and not _is_title(words, shape, unit):
        return False
    bitten = sum(0.02 < share(k.box, shape.box) < 0.95 for k in solid if k.outline != "circle")
    if shape.fill is None and any(k.outline == "diamond" and 0.1 < share(k.box, shape.box) < 0.9 for k in solid):
        return False  # flows that leave a decision enclose it
    if bitten and shape.outline in ("circle", "ellipse") and max(size(shape.box)) > 5 * unit:
        return False  # the space between two curved flows
    if not words and shape.fill is None and shape.outline == "circle" and max(size(shape.box)) > 8 * unit:
        return False
    if shape.outline == "circle" or (shape.outline == "diamond" and max(size(shape.box)) < most * unit):
        return True
    if sum(inside(k.box, shape.box) for k in solid) >= 2 and shape.outline in BOXY:
        return True  # a frame; containers judge it
    if words:
        own = shape.outline in BOXY or shape.fill is not None
        return bitten == 0 or (bitten == 1 and own and _fills(words, shape))
    if shape.fill is not None:
        return bitten == 0 and slender < 6
    if bitten or any(0.02 < share(k.box, shape.box) < 0.95 for k in solid if k.outline == "circle"):
        return False
    if shape.outline in ("page", "cylinder", "document"):
        return max(size(shape.box)) < 7 * unit
    return area(shape.box) < 60 * unit**2 and max(size(shape.box)) < 6 * min(size(shape.box))


def _astray(words: Sequence[TextLine], shape: Shape) -> bool:
    """A word or two far from the middle of a large empty outline: the label of a flow in the space between flows."""
    box = union(line.box for line in words)
    return area(box) < 0.06 * area(shape.box) and not _fills(words, shape)


def _is_title(words: Sequence[TextLine], shape: Shape, unit: float) -> bool:
    """Whether the words stand along the top of a box, as the name of a frame does."""
    box = union(line.box for line in words)
    return shape.outline in BOXY and box[3] - shape.box[1] < max(2.5, 1.2 * len(words)) * unit


def _is_chip(shape: Shape, words: Sequence[TextLine], unit: float) -> bool:
    """A patch of paper behind the label of a flow: hardly larger than its words."""
    box = union(line.box for line in words)
    width, height = size(shape.box)
    slack = max(width - (box[2] - box[0]), height - (box[3] - box[1]))
    if shape.outline in ("circle", "diamond"):
        return len(words) == 1 and len(words[0].text) >= 2 and slack < 0.6 * unit and share(box, shape.box) > 0.75
    return len(words) == 1 and slack < (0.7 if shape.stroke else 1.5) * unit and height < 2.4 * unit


def _is_row(words: Sequence[TextLine], unit: float) -> bool:
    """Whether words stand in one row close to each other: a formula, read in pieces."""
    row = sorted((line.box for line in words), key=lambda box: box[0])
    return all(b[0] - a[2] < 2.5 * unit and abs(a[3] - b[3]) < 0.4 * unit for a, b in pairwise(row))


def _fills_length(words: Sequence[TextLine], shape: Shape) -> bool:
    """Whether the words take most of the longer side."""
    return max(size(union(line.box for line in words))) > 0.6 * max(size(shape.box))


def _fills(words: Sequence[TextLine], shape: Shape) -> bool:
    """Whether the words stand in the middle of the shape."""
    box = union(line.box for line in words)
    (cx, cy), (sx, sy) = centre(box), centre(shape.box)
    width, height = size(shape.box)
    return abs(cx - sx) < 0.2 * width and abs(cy - sy) < 0.25 * height


def _same(inner: Shape, outer: Shape) -> bool:
    """Whether `inner` is the inner border line of `outer`."""
    if inner.outline != outer.outline and not {inner.outline, outer.outline} <= {"rectangle", "rounded", "stadium"}:
        return area(inner.box) > 0.8 * area(outer.box)
    return area(inner.box) > 0.55 * area(outer.box)
