"""Marks become lines of text: neighbours of like height, no wall between, level or turned by a quarter.

Knows sizes and places only; what the marks say, and whether they say anything, is for a recogniser.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    core = (np.maximum(width, height) >= 0.3 * unit) & (np.minimum(width, height) <= TALL * unit)
    level = _lines(boxes, core & (height >= 0.28 * unit), marks.barrier, unit)
    turned = _lines(boxes[:, [1, 0, 3, 2]], core & (width >= 0.28 * unit), marks.barrier.T, unit)
    upright = _orient(boxes, level, turned)
    lines = [_finish(marks, group, False, unit) for group in level if upright[group[0]]]
    lines += [_finish(marks, group, True, unit) for group in turned if not upright[group[0]]]
    lines = _adopt_small(marks, lines, unit)
    return sorted(lines, key=lambda line: (round(line.box[1] / unit), line.box[0]))


TALL = 2.0


def _lines(boxes: Ints, core: Bools, barrier: Ints, unit: float) -> list[Ints]:
    """Groups of core marks that follow each other along x."""
    ids = np.flatnonzero(core)
    ids = ids[np.argsort(boxes[ids, 0], kind="stable")]
    x0, y0, x1, y1 = boxes[ids].T
    h = y1 - y0
    reach = np.searchsorted(x0, x1 + np.maximum(WORD_GAP * np.maximum(h, 0.55 * unit) * 1.6, 2), side="right")
    first = np.arange(len(ids)) + 1
    counts = np.maximum(reach - first, 0)
    left = np.repeat(np.arange(len(ids)), counts)
    right = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    low, high = np.minimum(h[left], h[right]), np.maximum(h[left], h[right])
    overlap = np.minimum(y1[left], y1[right]) - np.maximum(y0[left], y0[right])
    gap = x0[right] - x1[left]
    size = np.maximum(high, 0.5 * unit)
    fits = (overlap >= 0.45 * low) & (high <= 2.6 * low) & (gap <= WORD_GAP * size) & (low >= 1)
    # centres of two lines in a block lie a line apart; of letters in a line, less than half the taller one
    shift = np.abs((y0[left] + y1[left]) - (y0[right] + y1[right])) / 2
    fits &= shift <= 0.55 * high
    left, right = left[fits], right[fits]
    top = np.maximum(y0[left], y0[right])
    bottom = np.minimum(y1[left], y1[right])
    a, b = np.minimum(x1[left], x0[right]), np.maximum(x1[left], x0[right])
    wall = barrier[bottom, b] - barrier[top, b] - barrier[bottom, a] + barrier[top, a]
    open_ = wall < 0.7 * np.maximum(bottom - top, 1)
    return [ids[group] for group in _unite(len(ids), left[open_], right[open_])]


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


def _orient(boxes: Ints, level: list[Ints], turned: list[Ints]) -> Bools:
    """Per mark: does it belong to level text? Letters stand closer along their line than across it."""
    level_of, turned_of = _group_of(len(boxes), level), _group_of(len(boxes), turned)
    upright = np.ones(len(boxes), np.bool_)
    across = [_gap(boxes[g], 0) for g in level]
    down = [_gap(boxes[g], 1) for g in turned]
    for number, group in enumerate(turned):
        if len(group) < 3:
            continue
        sizes = np.array([len(level[level_of[i]]) if level_of[i] >= 0 else 1 for i in group])
        gaps = np.array([across[level_of[i]] if level_of[i] >= 0 else np.inf for i in group])
        # a column of letters: most stand alone in their row, or nearer to the next one below than to the right
        lonely = (sizes < 2) | (gaps > down[number] * 1.5 + 0.5)
        if lonely.mean() >= 0.6 and np.median(sizes) < len(group):
            upright[group] = False
    # a row keeps together: the majority decides
    for group in level:
        share = upright[group].mean()
        upright[group] = share >= 0.5
    for group in turned:
        if len(group) >= 3 and 0 < upright[group].mean() < 1:
            upright[group] = upright[group].mean() > 0.4
    del turned_of
    return upright


def _group_of(count: int, groups: list[Ints]) -> Ints:
    out = np.full(count, -1, np.int32)
    for number, group in enumerate(groups):
        out[group] = number
    return out


def _gap(boxes: Ints, axis: int) -> float:
    """Median gap between neighbours along an axis (inf for a single mark), at least 0."""
    if len(boxes) < 2:
        return float("inf")
    order = np.argsort(boxes[:, axis])
    gaps = boxes[order[1:], axis] - np.maximum.accumulate(boxes[order, axis + 2])[:-1]
    return float(max(0.0, np.median(gaps)))


def _finish(marks: Marks, group: Ints, turned: bool, unit: float) -> MarkLine:
    part = marks.boxes[group]
    box = (int(part[:, 0].min()), int(part[:, 1].min()), int(part[:, 2].max()), int(part[:, 3].max()))
    sizes = part[:, 2] - part[:, 0] if turned else part[:, 3] - part[:, 1]
    return MarkLine(np.sort(group), box, float(np.percentile(sizes, 75)), turned)


def _adopt_small(marks: Marks, lines: list[MarkLine], unit: float) -> list[MarkLine]:
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
    reach_x = np.where(turned, 0.35, 0.45) * height
    reach_y = np.where(turned, 0.45, 0.35) * height
    cx = (marks.boxes[free, 0] + marks.boxes[free, 2])[:, None] / 2
    cy = (marks.boxes[free, 1] + marks.boxes[free, 3])[:, None] / 2
    dx = np.maximum(np.maximum(boxes[:, 0] - cx, cx - boxes[:, 2]), 0) / reach_x
    dy = np.maximum(np.maximum(boxes[:, 1] - cy, cy - boxes[:, 3]), 0) / reach_y
    size = np.maximum(marks.boxes[free, 2] - marks.boxes[free, 0], marks.boxes[free, 3] - marks.boxes[free, 1])
    distance = np.maximum(dx, dy) + np.where(size[:, None] > height * 1.1, 9, 0)
    best = distance.argmin(1)
    near = distance[np.arange(len(free)), best] <= 1
    out = []
    for number, line in enumerate(lines):
        extra = free[near & (best == number)]
        out.append(_finish_with(marks, line, extra) if len(extra) else line)
    return out


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
