"""Strokes to lines one pixel wide, and those lines to a graph of branches between junctions.

Works on lists of ink pixels, never on the whole picture, so that its cost grows with the length of the lines. Knows
nothing of diagrams.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from vision.masks import places, points
from vision.parts import Bytes, Floats

Ints = NDArray[np.int64]

_RING = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))  # N, then clockwise (dy, dx)


def _tables() -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Deletion tables over the 256 neighbourhoods: both passes of Zhang and Suen (1984), and simple non-end points."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    count = bits.sum(1)
    rises = ((bits == 0) & (np.roll(bits, -1, 1) == 1)).sum(1)
    n, e, s, w = bits[:, 0], bits[:, 2], bits[:, 4], bits[:, 6]
    border = (count >= 2) & (count <= 6) & (rises == 1)
    first = border & (n * e * s == 0) & (e * s * w == 0)
    second = border & (n * e * w == 0) & (n * s * w == 0)
    gaps = 1 - bits
    crossings = sum(gaps[:, k] - gaps[:, k] * gaps[:, (k + 1) % 8] * gaps[:, (k + 2) % 8] for k in (0, 2, 4, 6))
    simple = (np.asarray(crossings) == 1) & (count >= 2)
    return first, second, simple


_FIRST, _SECOND, _SIMPLE = _tables()


def thin(mask: Bytes, anchor: Bytes, rounds: int = 24) -> Bytes:
    """The skeleton of `mask` ((H, W), 0/1), 8-connected and one pixel wide.

    anchor: (H, W) 0/1, ground that strokes stay attached to: a stroke that ends on it keeps its full length, and what
    merely clings to it vanishes. rounds: half the widest stroke, pixels.
    """
    height, width = mask.shape
    image = np.zeros((height + 2, width + 2), np.uint8)
    image[1:-1, 1:-1] = mask
    flat = image.ravel()
    steps = np.array([dy * (width + 2) + dx for dy, dx in _RING])
    live = places(image)
    image[1:-1, 1:-1] |= anchor

    def codes(where: Ints) -> Bytes:
        out = np.zeros(len(where), np.uint8)
        for k, step in enumerate(steps):
            out |= flat[where + step] << np.uint8(k)
        return out

    for _ in range(rounds):
        removed = 0
        for table in (_FIRST, _SECOND):
            gone = table[codes(live)]
            flat[live[gone]] = 0
            removed += int(gone.sum())
            live = live[~gone]
        if not removed:
            break
    column, row = live % (width + 2), live // (width + 2)
    for parity in range(4):  # pixels of one parity never touch, so each may go without asking the others
        part = live[(column & 1) + 2 * (row & 1) == parity]
        flat[part[_SIMPLE[codes(part)]]] = 0
    out = np.zeros_like(flat)
    out[live] = flat[live]
    return out.reshape(height + 2, width + 2)[1:-1, 1:-1]


@dataclass(frozen=True, slots=True)
class Branch:
    """A run of skeleton pixels without junctions. points: (n, 2) float64 x, y in order. ends: the junction at the first
    and at the last point, or -1 where the line just ends."""

    points: Floats
    ends: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Branches, and the centres of junctions ((n, 2) float64 x, y)."""

    branches: tuple[Branch, ...]
    junctions: Floats


def skeleton_graph(thinned: Bytes, most: int = 6000) -> tuple[Skeleton, bool]:
    """The graph of a skeleton. With more than `most` branches only the longest are kept; True tells so."""
    rows, columns = points(thinned)
    count = len(rows)
    if count == 0:
        return Skeleton((), np.zeros((0, 2))), False
    height, width = thinned.shape
    index = np.full((height + 2, width + 2), -1, np.int32)
    index[rows + 1, columns + 1] = np.arange(count, dtype=np.int32)
    near = np.stack([index[rows + 1 + dy, columns + 1 + dx] for dy, dx in _RING], 1)  # (n, 8)
    junction = (near >= 0).sum(1) >= 3
    here = np.repeat(np.arange(count), 8).reshape(count, 8)
    there = np.maximum(near, 0)

    def graph(select: NDArray[np.bool_]) -> coo_matrix:
        a, b = here[select], near[select]
        return coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(count, count))

    inside = (near >= 0) & junction[:, None] & junction[there]
    _, label = connected_components(graph(inside), directed=False)
    members = np.flatnonzero(junction)
    names, cluster = np.unique(label[members], return_inverse=True)
    of = np.full(count, -1)
    of[members] = cluster
    share = np.bincount(cluster, minlength=len(names)).astype(float)
    centres = np.stack(
        [
            np.bincount(cluster, weights=axis[members].astype(float), minlength=len(names)) / np.maximum(share, 1)
            for axis in (columns, rows)
        ],
        1,
    )

    plain = ~junction
    along = (near >= 0) & plain[:, None] & plain[there]
    matrix = graph(along).tocsr()
    _, path = connected_components(matrix, directed=False)
    degree = along.sum(1)
    chosen = np.flatnonzero(plain)
    # each path starts at an end pixel; a closed loop at any pixel
    order = chosen[np.lexsort((chosen, degree[chosen] >= 2, path[chosen]))]
    starts = order[np.r_[True, path[order][1:] != path[order][:-1]]] if len(order) else order
    if len(starts) == 0:
        return Skeleton((), centres), False
    loops = starts[degree[starts] == 2]
    if len(loops):  # cut each loop open beside its start
        first = along[loops].argmax(1)
        after = near[loops, first]
        along[loops, first] = False
        along[after] &= near[after] != loops[:, None]
        matrix = graph(along).tocsr()
    distance = dijkstra(matrix, directed=False, indices=starts, unweighted=True, min_only=True)
    order = chosen[np.lexsort((distance[chosen], path[chosen]))]
    sizes = np.diff(np.r_[np.flatnonzero(np.r_[True, path[order][1:] != path[order][:-1]]), len(order)])
    touching = np.where((near >= 0) & junction[there], of[there], -1)  # (n, 8) junctions beside each pixel
    crowded = len(sizes) > most
    floor = int(np.sort(sizes)[-most]) if crowded else 0
    branches: list[Branch] = []
    first = 0
    for size in sizes.tolist():
        run = order[first : first + size]
        first += size
        if size < floor or len(branches) >= most:
            continue
        left, right = set(touching[run[0]].tolist()) - {-1}, set(touching[run[-1]].tolist()) - {-1}
        if size == 1:
            both = sorted(left)
            ends = (both[0] if both else -1, both[1] if len(both) > 1 else -1)
        else:
            ends = (min(left, default=-1), min(right, default=-1))
        branches.append(Branch(np.stack([columns[run], rows[run]], 1).astype(float), ends))
    return Skeleton(tuple(branches), centres), crowded
