"""Marks become lines of text: neighbours of like height, no wall between, level or turned by a quarter.

Knows sizes and places only; what the marks say, and whether they say anything, is for a recogniser.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.ranks import percentile
from vision.text_ink import Ints, Marks

Bools = NDArray[np.bool_]

WORD_GAP = 0.85  # of the taller neighbour: the widest gap inside a line


@dataclass(frozen=True, slots=True)
class MarkLine:
    """Marks of one line. members: indices into `Marks.boxes`; box: x0 y0 x1 y1; height: its typical letter height;
    turned: the letters follow each other down the page, not across it."""

    members: Ints
    box: tuple[int, int, int, int]
    height: float
    turned: bool


def group_lines(marks: Marks, unit: float) -> list[MarkLine]:
    """Lines in reading order (top to bottom, then left to right)."""
    boxes = marks.boxes
    if not len(boxes):
        return []
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    core = (np.maximum(width, height) >= 0.3 * unit) & (np.minimum(width, height) <= TALL * unit) & ~marks.hung
    level = _pairs(boxes, core & (height >= SLIM * unit), marks.barrier, unit)
    turned = _pairs(boxes[:, [1, 0, 3, 2]], core & (width >= SLIM * unit), marks.barrier.T, unit)
    upright = _orient(boxes, core, level, turned, unit)
    lines: list[MarkLine] = []
    for pairs, keep, flag in ((level, upright, False), (turned, ~upright, True)):
        used = keep[pairs.left] & keep[pairs.right]
        for group in _unite(len(boxes), pairs.left[used], pairs.right[used]):
            if core[group[0]] and keep[group[0]]:
                lines.append(_finish(marks, group, flag))
    slim = (np.minimum(width, height) < SLIM * unit) & (np.maximum(width, height) < 0.6 * unit)
    signs = [line for line in lines if len(line.members) == 1 and slim[line.members[0]]]
    lines = _adopt(marks, [line for line in lines if len(line.members) > 1 or not slim[line.members[0]]])
    taken = {int(member) for line in lines for member in line.members}
    lines = _merge(marks, lines + [line for line in signs if int(line.members[0]) not in taken])
    return sorted(lines, key=lambda line: (round(line.box[1] / unit), line.box[0]))


TALL = 2.0
SLIM = 0.26  # units; slimmer marks may be dashes, dots and breves


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Neighbours along one axis: indices of marks, and the free space between them in pixels."""

    left: Ints
    right: Ints
    gap: Ints


def _pairs(boxes: Ints, core: Bools, barrier: Ints, unit: float) -> _Pairs:
    """Core marks that may follow each other along x."""
    ids = np.flatnonzero(core)
    ids = ids[np.argsort(boxes[ids, 0], kind="stable")]
    x0, y0, x1, y1 = boxes[ids].T
    h = y1 - y0
    reach = np.searchsorted(x0, x1 + WORD_GAP * np.maximum(2.6 * h, 0.5 * unit), side="right")
    first = np.arange(len(ids)) + 1
    counts = np.maximum(reach - first, 0)
    left = np.repeat(np.arange(len(ids)), counts)
    right = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    low, high = np.minimum(h[left], h[right]), np.maximum(h[left], h[right])
    overlap = np.minimum(y1[left], y1[right]) - np.maximum(y0[left], y0[right])
    gap = x0[right] - x1[left]
    fits = (overlap >= 0.45 * low) & (high <= 2.6 * low) & (gap <= WORD_GAP * np.maximum(high, 0.5 * unit))
    # centres of two lines in a block lie a line apart; of letters in a line, less than half the taller one
    fits &= np.abs((y0[left] + y1[left]) - (y0[right] + y1[right])) <= 1.1 * high
    left, right, gap = left[fits], right[fits], gap[fits]
    top = np.maximum(y0[left], y0[right])
    bottom = np.minimum(y1[left], y1[right])
    a, b = np.minimum(x1[left], x0[right]), np.maximum(x1[left], x0[right])
    wall = barrier[bottom, b] - barrier[top, b] - barrier[bottom, a] + barrier[top, a]
    free = wall < 0.7 * np.maximum(bottom - top, 1)
    return _Pairs(ids[left[free]].astype(np.int32), ids[right[free]].astype(np.int32), np.maximum(gap[free], 0))


def _unite(count: int, left: Ints, right: Ints) -> list[Ints]:
    """Connected groups of 0 … count-1 under the given pairs."""
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        ra, rb = root(a), root(b)
        if ra != rb:
            parent[max(ra, rb)] = min(ra, rb)
    roots = np.array([root(i) for i in range(count)], np.int64)
    order = np.argsort(roots, kind="stable")
    cuts = np.flatnonzero(np.diff(roots[order])) + 1
    return [part.astype(np.int32) for part in np.split(order, cuts)] if count else []


def _orient(boxes: Ints, core: Bools, level: _Pairs, turned: _Pairs, unit: float) -> Bools:
    """Per mark: is it part of level text? Letters stand closer along their line than the lines of a block do; each
    block of neighbouring marks is judged as a whole."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    across, down = np.full(len(boxes), np.inf), np.full(len(boxes), np.inf)
    for gaps, pairs in ((across, level), (down, turned)):
        np.minimum.at(gaps, pairs.left, pairs.gap)
        np.minimum.at(gaps, pairs.right, pairs.gap)
    # several letters grown together show their direction themselves
    across[(width > 2.4 * height) & (height > 0.4 * unit)] = -1
    down[(height > 2.4 * width) & (width > 0.4 * unit)] = -1
    upright = np.ones(len(boxes), np.bool_)
    near = turned.gap <= 0.6 * np.minimum(width[turned.left], width[turned.right]) + 2
    close = level.gap <= 0.6 * np.minimum(height[level.left], height[level.right]) + 2
    joined = (
        np.concatenate([level.left[close], turned.left[near]]),
        np.concatenate([level.right[close], turned.right[near]]),
    )
    for block in _unite(len(boxes), *joined):
        part = block[core[block]]
        if not len(part):
            continue
        votes = np.count_nonzero(down[part] < across[part]) - np.count_nonzero(across[part] < down[part])
        tall = len(part) >= 3 or (boxes[part, 3].max() - boxes[part, 1].min() > 2.2 * width[part].max())
        if votes > 0 and tall and votes > 0.2 * len(part):
            upright[block] = False
    return upright


def _finish(marks: Marks, group: Ints, turned: bool) -> MarkLine:
    part = marks.boxes[group]
    box = (int(part[:, 0].min()), int(part[:, 1].min()), int(part[:, 2].max()), int(part[:, 3].max()))
    sizes = part[:, 2] - part[:, 0] if turned else part[:, 3] - part[:, 1]
    return MarkLine(np.sort(group), box, percentile(sizes, 75), turned)


def _adopt(marks: Marks, lines: list[MarkLine]) -> list[MarkLine]:
    """Dots, commas, quotes and hyphens go to the line whose band they lie in."""
    taken = np.zeros(len(marks.boxes), np.bool_)
    for line in lines:
        taken[line.members] = True
    free = np.flatnonzero(~taken)
    if not len(free) or not lines:
        return lines
    boxes = np.array([line.box for line in lines], float)
    height = np.array([line.height for line in lines])
    turned = np.array([line.turned for line in lines])
    size = np.maximum(marks.boxes[free, 2] - marks.boxes[free, 0], marks.boxes[free, 3] - marks.boxes[free, 1])
    # quotes, dots and dashes may stand a space away from the next letter
    along = np.where(size[:, None] <= 0.6 * height, 0.85, 0.45) * height
    reach_x = np.where(turned, 0.35 * height, along)
    reach_y = np.where(turned, along, 0.35 * height)
    cx = (marks.boxes[free, 0] + marks.boxes[free, 2])[:, None] / 2
    cy = (marks.boxes[free, 1] + marks.boxes[free, 3])[:, None] / 2
    dx = np.maximum(np.maximum(boxes[:, 0] - cx, cx - boxes[:, 2]), 0) / reach_x
    dy = np.maximum(np.maximum(boxes[:, 1] - cy, cy - boxes[:, 3]), 0) / reach_y
    distance = np.maximum(dx, dy) + np.where(size[:, None] > height * 1.1, 9, 0)
    # what hangs on a drawn line is a letter only inside the band of the line
    low = np.where(turned, marks.boxes[free, 0:1], marks.boxes[free, 1:2])
    high = np.where(turned, marks.boxes[free, 2:3], marks.boxes[free, 3:4])
    start, end = np.where(turned, boxes[:, 0], boxes[:, 1]), np.where(turned, boxes[:, 2], boxes[:, 3])
    outside = (low < start - 0.2 * height) | (high > end + 0.2 * height) | (high - low < 0.4 * height)
    distance += np.where(marks.hung[free][:, None] & outside, 9, 0)
    best = distance.argmin(1)
    near = distance[np.arange(len(free)), best] <= 1
    for mark in np.flatnonzero((distance <= 1).sum(1) > 1):  # between two lines: й's breve stands under a descender
        rivals = np.flatnonzero(distance[mark] <= 1)
        best[mark] = min(rivals, key=lambda line: _gap(marks.boxes[free[mark]], marks.boxes[lines[line].members]))
    out = []
    for number, line in enumerate(lines):
        extra = free[near & (best == number)]
        out.append(_finish_with(marks, line, extra) if len(extra) else line)
    return out


def _gap(box: Ints, others: Ints) -> int:
    """Pixels from a box (4,) to the nearest of others (n, 4), the wider of the two ways."""
    gaps = np.maximum(others[:, :2] - box[2:], box[:2] - others[:, 2:])
    return int(gaps.max(1).min())


def _merge(marks: Marks, lines: list[MarkLine]) -> list[MarkLine]:
    """Parts of one line that a dash or a wide space had kept apart."""
    for flag in (False, True):
        part = [line for line in lines if line.turned == flag]
        if len(part) < 2:
            continue
        boxes = np.array([line.box for line in part])
        barrier = marks.barrier
        if flag:
            boxes, barrier = boxes[:, [1, 0, 3, 2]], barrier.T
        x0, y0, x1, y1 = boxes.T
        # letters without ascenders are low: what the words are set in shows in the whole line
        size = np.minimum(y1 - y0, 1.25 * np.array([line.height for line in part]))
        high, low = np.maximum(size[:, None], size), np.minimum(size[:, None], size)
        gap = x0[None, :] - x1[:, None]
        common = np.minimum(y1[:, None], y1) - np.maximum(y0[:, None], y0)
        extent = np.minimum((y1 - y0)[:, None], y1 - y0)
        fits = (high <= 1.6 * low) & (gap <= WORD_GAP * high) & (gap > -0.3 * high) & (common >= 0.6 * extent)
        left, right = np.nonzero(fits)
        bar = np.array([len(line.members) == 1 for line in part]) & (x1 - x0 < 0.25 * (y1 - y0))
        good = (left != right) & ~bar[left] & ~bar[right]
        left, right = left[good], right[good]
        top, bottom = np.maximum(y0[left], y0[right]), np.minimum(y1[left], y1[right])
        a, b = np.minimum(x1[left], x0[right]), np.maximum(x1[left], x0[right])
        wall = barrier[bottom, b] - barrier[top, b] - barrier[bottom, a] + barrier[top, a]
        free = wall < 0.5 * np.maximum(bottom - top, 1)
        merged = []
        for group in _unite(len(part), left[free].astype(np.int32), right[free].astype(np.int32)):
            line = part[group[0]]
            for other in group[1:]:
                line = _finish_with(marks, line, part[other].members)
            merged.append(line)
        lines = [line for line in lines if line.turned != flag] + merged
    return lines


def _finish_with(marks: Marks, line: MarkLine, extra: Ints) -> MarkLine:
    part = marks.boxes[extra]
    x0, y0, x1, y1 = line.box
    box = (
        min(x0, int(part[:, 0].min())),
        min(y0, int(part[:, 1].min())),
        max(x1, int(part[:, 2].max())),
        max(y1, int(part[:, 3].max())),
    )
    return MarkLine(np.sort(np.concatenate([line.members, extra])).astype(np.int32), box, line.height, line.turned)
