"""The skeleton as a network: branches, junctions, where branches touch symbols, and which loose ends belong together.

Clears what thinning and rubbing out leave behind: rims beside symbols, spurs, doubled junctions. Bridges gaps: dashes,
breaks, lines interrupted by a label. Does not know which way a line runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vision.linework import Linework
from vision.parts import Bytes, Floats
from vision.thinning import Branch, Skeleton


@dataclass(slots=True)
class Line:
    """A branch in use. points: (n, 2) x, y. joints: junction at either end or -1. touches: owner at either end or 0.
    away: (2, 2) unit vectors that lead out of the line at either end. links: the line end bridged to, or None."""

    points: Floats
    joints: list[int]
    touches: list[int]
    away: Floats
    length: float
    links: list[tuple[int, int] | None] = field(default_factory=lambda: [None, None])
    alive: bool = True

    def end(self, side: int) -> Floats:
        """(2,) the first (0) or last (1) point."""
        return np.asarray(self.points[0 if side == 0 else -1], np.float64)


@dataclass(slots=True)
class Network:
    """lines by index. width: of the usual stroke, pixels."""

    lines: list[Line]
    unit: float
    width: float

    def joints(self) -> dict[int, list[tuple[int, int]]]:
        """junction -> the (line, side) that meet there."""
        out: dict[int, list[tuple[int, int]]] = {}
        for index, line in enumerate(self.lines):
            if line.alive:
                for side in (0, 1):
                    if line.joints[side] >= 0:
                        out.setdefault(line.joints[side], []).append((index, side))
        return out


def build(skeleton: Skeleton, work: Linework, unit: float) -> Network:
    """Branches to lines, rims to touched junctions, ends to the symbols they reach."""
    net = Network([], unit, work.width)
    branches = _bounced(skeleton.branches, work, unit)
    nearby = _nearby(branches, work, unit)
    parent = list(range(len(skeleton.junctions)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    kept: list[tuple[Floats, list[int], list[int]]] = []
    rims: list[tuple[int, int]] = []
    for branch, near in zip(branches, nearby, strict=True):
        ends, touches = list(branch.ends), [0, 0]
        first, last = _clear(near), len(near) - _clear(near[::-1])
        if first <= (1.3 if _stands_on(work, branch.points[0]) else 0.45) * unit:
            first = 0
        if len(near) - last <= (1.3 if _stands_on(work, branch.points[-1]) else 0.45) * unit:
            last = len(near)
        if first >= last:
            if _single(near):  # a rim: what meets it, meets its symbol
                rims += [(end, int(near[0])) for end in ends if end >= 0]
                continue
            first, last = 0, len(near)  # a short line between two symbols
        if first > 0:
            ends[0], touches[0] = -1, int(near[0])
        if last < len(near):
            ends[1], touches[1] = -1, int(near[-1])
        points = branch.points[first:last]
        if min(ends) >= 0 and length_of(points) <= max(0.32 * unit, 1.2 * work.width):
            parent[root(ends[0])] = root(ends[1])
        else:
            kept.append((points, ends, touches))
    ground = {root(end): owner for end, owner in reversed(rims)}
    for points, ends, touches in kept:
        joints = [root(end) if end >= 0 else -1 for end in ends]
        for side in (0, 1):
            if joints[side] in ground:
                joints[side], touches[side] = -1, ground[joints[side]]
        net.lines.append(Line(points, joints, touches, _directions(points, unit, work.width), length_of(points)))
    _land(net, work, 0.4 * unit, frames=False)
    _prune(net, 0.4 * unit)
    _land(net, work, 0.6 * unit, frames=False)
    return net


def _clear(near: NDArray[np.int32]) -> int:
    """How many points at the start of a branch lie beside the owner of the first."""
    owner = int(near[0])
    if not owner:
        return 0
    other = np.flatnonzero(near != owner)
    return int(other[0]) if len(other) else len(near)


def _stands_on(work: Linework, point: Floats) -> bool:
    """Whether a point lies right beside some ground."""
    x, y = round(float(point[0])), round(float(point[1]))
    return bool(work.anchor[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].any())


def _single(near: NDArray[np.int32]) -> bool:
    return bool((near == near[0]).all())


def length_of(points: Floats) -> float:
    """Pixels along a polyline, (n, 2)."""
    return float(np.hypot(*np.diff(points, axis=0).T).sum()) if len(points) > 1 else 0.0


def _directions(points: Floats, unit: float, width: float) -> Floats:
    """(2, 2) outward unit vectors; zero for a dot."""
    out = np.zeros((2, 2))
    count = len(points)
    if count < 2:
        return out
    skip = min(round(0.7 * width), count // 4)
    reach = min(count - 1, skip + max(2, round(0.6 * unit)))
    for side, run in enumerate((points, points[::-1])):
        vector = run[skip] - run[_bend(run, skip, reach)]
        size = float(np.hypot(*vector))
        if size > 0:
            out[side] = vector / size
    return out


def _bend(run: Floats, skip: int, reach: int) -> int:
    """How far one may go along a line to tell its direction: half as far where it is straight there and then turns."""
    half = skip + max(3, (reach - skip) // 2)
    if half >= reach:
        return reach
    near, far = run[half] - run[skip], run[reach] - run[skip]
    size = float(np.hypot(*near))
    if size < 3 or float(near @ far) > 0.9 * size * float(np.hypot(*far)):
        return reach
    spokes = run[skip : half + 1] - run[skip]
    return half if float(np.abs(spokes[:, 0] * near[1] - spokes[:, 1] * near[0]).max()) / size < 0.8 else reach


def _bounced(branches: Sequence[Branch], work: Linework, unit: float) -> list[Branch]:
    """The branches, those cut in two that turn back where they meet a symbol: a line and one wing of its open head."""
    grounds = cv2.dilate((work.owner > work.frames).astype(np.uint8), np.ones((5, 5), np.uint8))
    reach = max(3, round(0.3 * unit))
    out: list[Branch] = []
    for branch in branches:
        points = branch.points.astype(int)
        met = np.flatnonzero(grounds[points[:, 1], points[:, 0]])
        met = met[(met >= reach) & (met < len(points) - reach)]
        if len(met):
            at = int(met[len(met) // 2])
            before = branch.points[max(0, met[0] - reach)] - branch.points[met[0]]
            after = branch.points[min(len(points) - 1, met[-1] + reach)] - branch.points[met[-1]]
            if len(met) < 2 * reach and before @ after > 0.3 * np.hypot(*before) * np.hypot(*after):
                first, last = branch.ends
                out += [Branch(branch.points[: at + 1], (first, -1)), Branch(branch.points[at:], (-1, last))]
                continue
        out.append(branch)
    return out


def _nearby(branches: Sequence[Branch], work: Linework, unit: float) -> list[NDArray[np.int32]]:
    """For each branch the owner within .3 units of each of its points, or 0."""
    if not branches:
        return []
    points = np.concatenate([branch.points for branch in branches]).astype(np.int64)
    cuts = np.cumsum([len(branch.points) for branch in branches])[:-1]
    height, width = work.owner.shape
    reach = 2 * round(0.3 * unit) + 3
    grounds = np.asarray(cv2.compare(work.owner, work.frames, cv2.CMP_GT), np.uint8)
    close = np.flatnonzero(cv2.dilate(grounds, np.ones((reach, reach), np.uint8))[points[:, 1], points[:, 0]])
    whole = np.zeros(len(points), np.int32)
    points = points[close]  # the others have nothing near
    found = np.zeros(len(points), np.int32)
    for share in (0.1, 0.2, 0.3):
        for angle in np.arange(16) * np.pi / 8:
            x = np.clip(points[:, 0] + round(share * unit * np.cos(angle)), 0, width - 1)
            y = np.clip(points[:, 1] + round(share * unit * np.sin(angle)), 0, height - 1)
            hit = work.owner[y, x]
            hit = np.where(hit > work.frames, hit, 0)
            found = np.where(found > 0, found, hit)
    whole[close] = found
    return np.split(whole, cuts)


def _prune(net: Network, longest: float) -> None:
    """Take short dead ends off junctions, but leave a line that has nothing else there the one straight ahead of it."""
    for members in net.joints().values():
        spurs = [(i, side) for i, side in members if _is_spur(net.lines[i], side, longest)]
        left = [end for end in members if end not in spurs]
        if not left:
            continue
        if len(left) == 1:
            index, side = left[0]
            ahead = net.lines[index].away[side]
            bends = [(float(ahead @ net.lines[i].away[s]), i, s) for i, s in spurs]
            if bends and min(bends)[0] < -0.7:
                spurs.remove(min(bends)[1:])
            else:
                net.lines[index].joints[side] = -1
        for i, _ in spurs:
            net.lines[i].alive = False


def _is_spur(line: Line, side: int, longest: float) -> bool:
    return line.joints[1 - side] < 0 and not line.touches[1 - side] and line.length <= longest


def land(net: Network, work: Linework) -> None:
    """Give the ends that are still loose the symbol or frame that they point at."""
    _land(net, work, 0.6 * net.unit, frames=True)
    _land(net, work, 1.1 * net.unit, frames=True)


def _land(net: Network, work: Linework, reach: float, *, frames: bool) -> None:
    """Give each loose end the symbol that it points at within `reach`, with no other stroke between."""
    unit = net.unit
    spread = [(0.0, 1.0), (-0.35, 0.8), (0.35, 0.8), (-0.7, 0.45), (0.7, 0.45)]
    for line in net.lines:
        if not line.alive:
            continue
        for side in (0, 1):
            if line.joints[side] >= 0 or line.touches[side] or line.links[side] is not None:
                continue
            at, away = line.end(side), line.away[side]
            chained = line.links[1 - side] is not None
            far = reach if chained or line.length > 0.5 * unit else min(reach, 0.4 * unit)
            x0, y0 = (max(0, int(value - far) - 2) for value in at)
            x1, y1 = (max(0, int(value + far)) + 3 for value in at)
            if not work.owner[y0:y1, x0:x1].any():
                continue
            hits = [
                hit
                for turn, share in (spread if away.any() else spread[:1])
                if (hit := _ray(work, at, _turned(away, turn), far * share, abs(turn), 0.35 * unit, frames)) is not None
            ]
            if hits:
                line.touches[side] = min(hits)[1]


def _turned(vector: Floats, angle: float) -> Floats:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([vector[0] * c - vector[1] * s, vector[0] * s + vector[1] * c])


def _ray(
    work: Linework, at: Floats, aim: Floats, reach: float, penalty: float, rim: float, frames: bool
) -> tuple[float, int] | None:
    """(distance, owner) of the first symbol from a point along a direction, unless another stroke comes before it."""
    height, width = work.owner.shape
    (x, y), (dx, dy) = at.tolist(), aim.tolist()
    ink: list[bool] = []  # on the way; a few pixels, for which arrays take longer
    for step in range(1, max(2, round(reach) + 1)):
        place = min(max(round(y + step * dy), 0), height - 1), min(max(round(x + step * dx), 0), width - 1)
        owner = int(work.owner[place])
        if owner > (0 if frames else work.frames):
            break
        ink.append(bool(work.mask[place]))
    else:
        return None
    if False in ink and any(ink[ink.index(False) : max(0, len(ink) - round(rim))]):
        return None  # another stroke comes before it, and is no rim of it
    return float(len(ink) + 1) * (1 + penalty), owner


def bridge(net: Network, work: Linework) -> None:
    """Link loose ends across gaps, cheapest first, each end once."""
    unit = net.unit
    ends = [
        (i, side)
        for i, line in enumerate(net.lines)
        if line.alive
        for side in (0, 1)
        if line.joints[side] < 0
        and (not line.touches[side] or (line.touches[side] <= work.containers and line.length <= 1.5 * unit))
    ]
    if len(ends) < 2:
        return
    framed = np.array([net.lines[i].touches[side] for i, side in ends])
    at = np.array([net.lines[i].end(side) for i, side in ends])
    away = np.array([net.lines[i].away[side] for i, side in ends])
    owner = np.array([i for i, _ in ends])
    short = np.array([net.lines[i].length < 0.22 * unit and max(net.lines[i].joints) < 0 for i, _ in ends])
    _aim_dots(at, away, owner, short, unit)
    for (i, side), aim in zip(ends, away, strict=True):
        net.lines[i].away[side] = aim
    tree = cKDTree(at)
    pairs = tree.query_pairs(6.0 * unit, output_type="ndarray")
    if len(pairs) > 400_000:
        pairs = tree.query_pairs(1.7 * unit, output_type="ndarray")[:400_000]
    if len(pairs) == 0:
        return
    a, b = pairs[:, 0], pairs[:, 1]
    gap = at[b] - at[a]
    distance = np.maximum(np.hypot(gap[:, 0], gap[:, 1]), 1e-6)
    along = gap / distance[:, None]
    bend_a = _angle(away[a], along)
    bend_b = _angle(away[b], -along)
    near = distance <= 0.3 * unit
    bend_a, bend_b = np.where(near, bend_a * 0.5, bend_a), np.where(near, bend_b * 0.5, bend_b)
    worst = np.maximum(bend_a, bend_b)
    total = bend_a + bend_b
    normal = (distance <= 1.7 * unit) & ((worst <= 22) | ((distance <= 0.9 * unit) & (worst <= 60) & (total <= 100)))
    far = (distance > 0.9 * unit) & ~normal & ((worst <= 20) | ((distance <= 4 * unit) & (worst <= 42) & (total <= 60)))
    if far.any():
        picked = np.flatnonzero(far)
        far[picked] = _covered(at[a[picked]], at[b[picked]], work.text) >= 1 - 1.4 * unit / distance[picked]
    through = (framed[a] == framed[b]) & (distance <= 1.3 * unit) & (worst <= 15)  # a dashed line crosses a frame
    loose = (framed[a] == 0) & (framed[b] == 0)
    allowed = (((normal | far) & loose) | (through & (framed[a] > 0))) & (owner[a] != owner[b])
    cost = distance / unit + (bend_a / 25) ** 2 + (bend_b / 25) ** 2 + 0.5 * far
    used = np.zeros(len(ends), bool)

    def link(order: NDArray[np.int64]) -> None:
        for k in order[np.lexsort((b[order], a[order], np.round(cost[order], 4)))].tolist():
            i, j = int(a[k]), int(b[k])
            if used[i] or used[j]:
                continue
            used[i] = used[j] = True
            (line_i, side_i), (line_j, side_j) = ends[i], ends[j]
            net.lines[line_i].touches[side_i] = net.lines[line_j].touches[side_j] = 0
            net.lines[line_i].links[side_i] = (line_j, side_j)
            net.lines[line_j].links[side_j] = (line_i, side_i)

    link(np.flatnonzero(allowed))
    chained = np.array([net.lines[i].links[1 - side] is not None for i, side in ends])
    corner = (distance <= 1.7 * unit) & (np.abs(total - 90) <= 30) & ((worst <= 75) | (distance <= unit))
    link(np.flatnonzero(corner & chained[a] & chained[b] & loose & (owner[a] != owner[b])))
    lengths = np.array([net.lines[i].length for i, _ in ends])
    joints = net.joints()
    rooted = np.array([_rooted(net, joints, i, 1 - side, work.containers) for i, side in ends])
    firm = chained | (lengths > 1.5 * unit) | rooted
    beneath = (distance > 0.9 * unit) & (np.abs(total - 90) <= 25) & (worst < 95) & firm[a] & firm[b] & loose
    picked = np.flatnonzero(beneath & (owner[a] != owner[b]))
    if len(picked):
        meet, ahead = _meeting(at[a[picked]], away[a[picked]], at[b[picked]], away[b[picked]], 0.3 * unit)
        first, second = (_hidden(at[end[picked]], meet, work.text, unit) for end in (a, b))
        link(picked[ahead & first & second])


def _rooted(net: Network, joints: dict[int, list[tuple[int, int]]], index: int, side: int, frames: int) -> bool:
    """Whether a line reaches a symbol at one end, by itself or by what it meets there: the shaft of a short head."""
    line = net.lines[index]
    if line.touches[side] > frames:
        return True
    met = joints.get(line.joints[side], ()) if line.joints[side] >= 0 else ()
    return any(net.lines[i].touches[1 - s] > frames for i, s in met if i != index)


def _hidden(end: Floats, corner: Floats, text: Bytes, unit: float) -> NDArray[np.bool_]:
    """(n,) whether the ways from loose ends to corners lie beneath a label; its ground is larger than its words, and
    may end right at the corner."""
    way = corner - end
    size = np.hypot(way[:, 0], way[:, 1])
    beside = 0.3 * unit * np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])
    covered = np.max([_covered(end + shift, corner + shift, text) for shift in beside], axis=0)
    return np.asarray((size < 0.4 * unit) | (covered >= 0.7) | ((covered >= 0.3) & ((1 - covered) * size < 1.2 * unit)))


def _meeting(a: Floats, u: Floats, b: Floats, v: Floats, slack: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Where the rays from a along u and from b along v cross, (n, 2), and whether that is ahead on both, `slack` pixels
    behind included."""
    cross = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    safe = np.where(np.abs(cross) < 1e-6, 1.0, cross)
    gap = b - a
    s = (gap[:, 0] * v[:, 1] - gap[:, 1] * v[:, 0]) / safe
    t = (gap[:, 0] * u[:, 1] - gap[:, 1] * u[:, 0]) / safe
    return a + s[:, None] * u, (s > -slack) & (t > -slack) & (np.abs(cross) > 0.3)


def _aim_dots(at: Floats, away: Floats, owner: NDArray[np.int64], short: NDArray[np.bool_], unit: float) -> None:
    """Dots have no direction of their own: take that of the two neighbours they lie between."""
    dots = np.unique(owner[short])
    if len(dots) == 0:
        return
    names = np.unique(owner)
    place = np.array([at[owner == name].mean(0) for name in names])
    tree = cKDTree(at)
    where = dict(zip(names.tolist(), place, strict=True))
    for dot in dots.tolist():
        centre = where[dot]
        around = [k for k in tree.query_ball_point(centre, 1.3 * unit) if owner[k] != dot]
        if not around:
            continue
        vectors = at[around] - centre
        sizes = np.maximum(np.hypot(vectors[:, 0], vectors[:, 1]), 1e-6)
        keep = np.argsort(sizes, kind="stable")[:8]
        vectors, sizes = vectors[keep] / sizes[keep, None], sizes[keep]
        cosine = vectors @ vectors.T
        value = (1 + cosine) * 2 + (sizes[:, None] + sizes[None]) / unit
        i, j = np.unravel_index(int(np.argmin(value)), value.shape)
        axis = vectors[i] - vectors[j] if cosine[i, j] < -0.5 else vectors[int(np.argmin(sizes))]
        axis = axis / max(float(np.hypot(*axis)), 1e-6)
        mine = np.flatnonzero(owner == dot)
        if len(mine) == 2:
            first, second = mine.tolist()
            if float((at[first] - at[second]) @ axis) < 0:
                first, second = second, first
            away[first], away[second] = axis, -axis
        else:
            away[mine[0]] = axis


def _angle(a: Floats, b: Floats) -> Floats:
    """(n,) degrees between unit vectors; 45 where one is zero."""
    cosine = np.clip((a * b).sum(1), -1, 1)
    angle = np.degrees(np.arccos(cosine))
    return np.where(a.any(1), angle, 20.0)


def _covered(a: Floats, b: Floats, text: Bytes) -> Floats:
    """(n,) share of each segment that lies in text."""
    steps = np.linspace(0, 1, 24)[:, None, None]
    points = np.round(a * (1 - steps) + b * steps).astype(int)
    x = np.clip(points[..., 0], 0, text.shape[1] - 1)
    y = np.clip(points[..., 1], 0, text.shape[0] - 1)
    return np.asarray((text[y, x] > 0).mean(0), np.float64)


def drop_dead_ends(net: Network, work: Linework) -> list[int]:
    """Switch off lines that lead nowhere, again and again; returns them."""
    lost: list[int] = []
    while True:
        joints = net.joints()
        dead = [
            (i, side)
            for i, line in enumerate(net.lines)
            if line.alive
            for side in (0, 1)
            if _open(net, joints, line, side)
        ]
        if not dead:
            return lost
        alone = [(i, side) for i, side in dead if net.lines[i].joints[side] >= 0]
        for i, side in alone:  # what it met is gone, so it may end at a symbol right there
            net.lines[i].joints[side] = -1
        if alone:
            _land(net, work, 0.6 * net.unit, frames=True)
        for i, side in dead:
            if not net.lines[i].touches[side] and net.lines[i].alive:
                net.lines[i].alive = False
                lost.append(i)


def _open(net: Network, joints: dict[int, list[tuple[int, int]]], line: Line, side: int) -> bool:
    joint = line.joints[side]
    if joint >= 0:
        return len(joints.get(joint, ())) < 2
    link = line.links[side]
    return not line.touches[side] and (link is None or not net.lines[link[0]].alive)


def polyline(parts: Iterable[Floats], unit: float) -> Floats:
    """(n, 2) the parts end to end, with points that add nothing left out."""
    points = np.concatenate([np.atleast_2d(part) for part in parts])
    slim = cv2.approxPolyDP(points.astype(np.float32)[:, None], 0.07 * unit, False)[:, 0]
    return np.asarray(slim, np.float64)


def join(net: Network, work: Linework) -> None:
    """Run loose ends on into a stroke just ahead of them, such as a head drawn with a gap before it, or a symbol."""
    unit = net.unit
    loose = [
        (i, side)
        for i, line in enumerate(net.lines)
        if line.alive and line.length > 0.5 * unit
        for side in (0, 1)
        if line.joints[side] < 0 and not line.touches[side] and line.links[side] is None
    ]
    if not loose:
        land(net, work)
        return
    alive = [i for i, line in enumerate(net.lines) if line.alive]
    points = np.concatenate([net.lines[i].points for i in alive])
    owner = np.repeat(alive, [len(net.lines[i].points) for i in alive])
    tree = cKDTree(points)
    fresh = 1 + max(max(line.joints) for line in net.lines)
    cuts: dict[int, list[tuple[int, int]]] = {}
    for i, side in loose:
        at, away = net.lines[i].end(side), net.lines[i].away[side]
        best: tuple[float, int] | None = None
        for k in tree.query_ball_point(at, 0.55 * unit):
            if owner[k] == i:
                continue
            vector = points[k] - at
            size = max(float(np.hypot(*vector)), 1e-6)
            bend = float(np.degrees(np.arccos(np.clip(vector @ away / size, -1, 1))))
            if bend <= 35 and (best is None or size * (1 + bend / 45) < best[0]):
                best = size * (1 + bend / 45), int(k)
        if best is not None:
            k = best[1]
            target = int(owner[k])
            place = int(np.abs(net.lines[target].points - points[k]).sum(1).argmin())
            net.lines[i].joints[side] = fresh
            cuts.setdefault(target, []).append((place, fresh))
            fresh += 1
    for target, places in cuts.items():
        _cut(net, target, sorted(places))
    land(net, work)


def _cut(net: Network, index: int, places: list[tuple[int, int]]) -> None:
    """Split a line at point indices, each with the junction that appears there."""
    line = net.lines[index]
    line.alive = False
    bounds = [(0, line.joints[0]), *places, (len(line.points) - 1, line.joints[1])]
    for k, ((a, start), (b, stop)) in enumerate(zip(bounds[:-1], bounds[1:], strict=True)):
        points = line.points[a : b + 1]
        piece = Line(
            points,
            [start, stop],
            [line.touches[0] if k == 0 else 0, line.touches[1] if k == len(bounds) - 2 else 0],
            _directions(points, net.unit, net.width),
            length_of(points),
        )
        for side, at_end in ((0, k == 0), (1, k == len(bounds) - 2)):
            link = line.links[side] if at_end else None
            if link is not None:
                piece.links[side] = link
                net.lines[link[0]].links[link[1]] = (len(net.lines), side)
        net.lines.append(piece)
