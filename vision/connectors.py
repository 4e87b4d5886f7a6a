"""Trace the lines between symbols: where each starts, where it ends, which way it points and how it is drawn.

In: the page, its text lines and the scene. Out: connectors in page pixels, each with the two symbols or containers it
joins. Every head is explained by the smoothest way to a tail, and every tail left over by the smoothest way to a head,
so that lines may fork, merge and cross. Does not know what a connector means.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vision.heads import HEAD, Contact, contact
from vision.ink import line_ink
from vision.linework import Ground, Linework, linework
from vision.network import Network, bridge, build, drop_dead_ends, join, length_of, polyline
from vision.parts import Bytes, Connector, Floats, Page, Scene, TextLine
from vision.sketch_heads import wings
from vision.skirting import moor, pass_by
from vision.thinning import skeleton_graph, thin

MOST = 6000  # branches traced on one page
SIDE = 0.6  # units by which the sides of a head stray from its flow
CROSSED = 12.0  # price of leaving a crossing other than straight on; a turn of 45 degrees costs 1, of 90 degrees 4


@dataclass(frozen=True, slots=True)
class Tracing:
    """The connectors of a page, and what a user should know about them."""

    connectors: tuple[Connector, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Terminal:
    """Where lines meet a symbol at one place. ends: the (line, side) there; mark: what is drawn there."""

    owner: int
    at: Floats
    ends: list[tuple[int, int]]
    mark: Contact


@dataclass(frozen=True, slots=True)
class _Way:
    """A route: cost, and (line, side entered) from its start."""

    cost: float
    steps: tuple[tuple[int, int], ...]


def trace(page: Page, lines: Sequence[TextLine], scene: Scene, ink: Bytes | None = None) -> Tracing:
    """All connectors of the page. ink: its `line_ink`, where that is known already."""
    work = linework(page, line_ink(page) if ink is None else ink, lines, scene)
    skeleton, crowded = skeleton_graph(thin(work.mask, work.anchor), MOST)
    net = build(skeleton, work, page.unit)
    pass_by(net, work)
    bridge(net, work)
    join(net, work)
    moor(net, work)
    lost = drop_dead_ends(net, work)
    terminals = _terminals(net, work, by_hand=page.photo)
    ways = _ways(net, terminals)
    found = [
        (made, terminals[head].mark.score - terminals[tail].mark.score)
        for tail, head, way in _explain(net, work, terminals, ways)
        if (made := _connector(net, work, terminals, tail, head, way)) is not None
    ]
    connectors = _single(found, page.unit)
    warnings: list[str] = []
    loose = sum(net.lines[i].length > 3 * page.unit for i in lost)
    if loose:
        warnings.append(f"{loose} lines end nowhere" if loose > 1 else "1 line ends nowhere")
    if crowded:
        warnings.append("too many strokes: only the longest were followed")
    return Tracing(connectors, tuple(warnings))


def _single(found: Sequence[tuple[Connector, float]], unit: float) -> tuple[Connector, ...]:
    """One flow where two run together all their way: the sides of a head on a short flow look like flows too.

    found: connectors, and by how much the mark at the target looks more like a head than the one at the source. Of two
    in one direction the longer stays, of two against each other the one with the better head.
    """
    out: list[tuple[Connector, float]] = []
    for made, lead in sorted(found, key=lambda one: -length_of(one[0].points)):
        ends = {made.source, made.target}
        twin = next((k for k in out if {k[0].source, k[0].target} == ends and _beside(made, k[0]) < SIDE * unit), None)
        if twin is None or made.source is None:
            out.append((made, lead))
        elif twin[0].source != made.source and lead > twin[1]:
            out[next(i for i, k in enumerate(out) if k is twin)] = (made, lead)
    return tuple(made for made, _ in found if any(made is kept for kept, _ in out))


def _beside(one: Connector, other: Connector) -> float:
    """Pixels by which one polyline strays from another."""
    steps = max(2, int(length_of(other.points)))
    at = np.linspace(0, 1, steps)
    share = np.linspace(0, 1, len(other.points))
    dense = np.stack([np.interp(at, share, other.points[:, 0]), np.interp(at, share, other.points[:, 1])], 1)
    return float(np.hypot(*(one.points[:, None] - dense[None]).transpose(2, 0, 1)).min(1).max())


def _terminals(net: Network, work: Linework, *, by_hand: bool) -> list[_Terminal]:
    """Contacts of lines with symbols; those at one place of one symbol are one."""
    found: list[tuple[int, Floats, int, int]] = []
    for index, line in enumerate(net.lines):
        if line.alive:
            for side in (0, 1):
                owner = line.touches[side]
                if owner:
                    found.append((owner, line.end(side), index, side))
    groups: list[_Terminal] = []
    for owner, at, index, side in found:
        for group in groups:
            if group.owner == owner and float(np.hypot(*(group.at - at))) <= 0.4 * net.unit:
                group.ends.append((index, side))
                break
        else:
            groups.append(_Terminal(owner, at, [(index, side)], Contact("none", 0.0, 0.0)))
    joints = net.joints()
    for group in groups:
        marks = [
            contact(work, net.lines[i].end(side), _inward(net, joints, i, side), group.owner, net.unit, net.width)
            for i, side in group.ends
        ]
        if by_hand:
            marks += [
                wings(work, net.lines[i].end(side), _inward(net, joints, i, side), net.unit, net.width)
                for i, side in group.ends
            ]
        group.mark = max(marks, key=lambda mark: mark.score)
    return groups


def _inward(net: Network, joints: dict[int, list[tuple[int, int]]], index: int, side: int) -> Floats:
    """(2,) unit vector into the network at one end, over about one unit, straight on where lines meet."""
    start = net.lines[index].end(side)
    reach, gone = 1.1 * net.unit, 0.0
    at, heading = start, -net.lines[index].away[side]
    for _ in range(6):
        line = net.lines[index]
        run = line.points if side == 0 else line.points[::-1]
        take = min(len(run) - 1, round(reach - gone))
        at, gone = run[take], gone + line.length
        if gone >= reach:
            break
        far = 1 - side
        options = [
            (-float(-net.lines[i].away[s] @ _unit(at - start, heading)), i, s)
            for i, s in joints.get(line.joints[far], ())
            if (i, s) != (index, far)
        ]
        if line.joints[far] < 0 or not options:
            break
        _, index, side = min(options)
    return _unit(at - start, heading)


def _unit(vector: Floats, otherwise: Floats) -> Floats:
    size = float(np.hypot(*vector))
    return np.asarray(vector / size if size > 1 else otherwise, np.float64)


def _ways(net: Network, terminals: list[_Terminal]) -> dict[tuple[int, int], _Way]:
    """Cheapest way from every terminal to every other that can be reached, keyed by (from, to)."""
    at_end = {end: k for k, terminal in enumerate(terminals) for end in terminal.ends}
    joints = net.joints()
    partners = {joint: _straight_pairs(net, members) for joint, members in joints.items() if len(members) >= 4}
    ways: dict[tuple[int, int], _Way] = {}
    for start, terminal in enumerate(terminals):
        heap: list[tuple[float, int, tuple[tuple[int, int], ...], tuple[float, float]]] = []
        count = 0
        for index, side in terminal.ends:
            inward = -net.lines[index].away[side]
            heap.append((0.0, count, ((index, side),), (float(inward[0]), float(inward[1]))))
            count += 1
        heapq.heapify(heap)
        seen: set[tuple[int, int]] = set()
        while heap:
            cost, _, steps, heading = heapq.heappop(heap)
            index, side = steps[-1]
            if (index, side) in seen:
                continue
            seen.add((index, side))
            line = net.lines[index]
            far = 1 - side
            out = _leave(line.away[far], heading, line.length, net.unit)
            goal = at_end.get((index, far))
            if goal is not None:
                if goal != start and (start, goal) not in ways:
                    ways[start, goal] = _Way(cost, steps)
                continue
            for nxt, price in _next(net, joints, partners, index, far, out):
                total = cost + price + 0.01 * net.lines[nxt[0]].length / net.unit
                if nxt not in seen and total < 40:
                    count += 1
                    heapq.heappush(heap, (total, count, (*steps, nxt), (float(out[0]), float(out[1]))))
    return ways


def _leave(away: Floats, heading: tuple[float, float], length: float, unit: float) -> Floats:
    """Heading at the far end of a line; a short line hardly changes it."""
    weight = min(1.0, length / (0.8 * unit))
    vector = weight * away + (1 - weight) * np.array(heading)
    size = float(np.hypot(*vector))
    return vector / size if size > 0 else away


def _next(
    net: Network,
    joints: dict[int, list[tuple[int, int]]],
    partners: dict[int, dict[tuple[int, int], tuple[int, int]]],
    index: int,
    far: int,
    heading: Floats,
) -> list[tuple[tuple[int, int], float]]:
    """Where one may go on from the far end of a line, with the price of the turn."""
    line = net.lines[index]
    link = line.links[far]
    if link is not None and net.lines[link[0]].alive:
        gap = float(np.hypot(*(net.lines[link[0]].end(link[1]) - line.end(far))))
        return [(link, 0.1 + 0.1 * gap / net.unit)]
    joint = line.joints[far]
    if joint < 0:
        return []
    mate = partners.get(joint, {}).get((index, far))
    out: list[tuple[tuple[int, int], float]] = []
    for other, side in joints.get(joint, ()):
        if (other, side) == (index, far):
            continue
        inward = -net.lines[other].away[side]
        cosine = float(np.clip(heading @ inward, -1, 1))
        angle = float(np.degrees(np.arccos(cosine))) if inward.any() else 30.0
        if angle > 135:
            continue
        price = (angle / 45) ** 2
        if mate is not None and mate != (other, side):
            price += CROSSED
        out.append(((other, side), price))
    return out


def _straight_pairs(net: Network, members: list[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int]]:
    """At a crossing, the ends that continue each other."""
    bends: list[tuple[float, tuple[int, int], tuple[int, int]]] = []
    for k, (i, side) in enumerate(members):
        for j, other in members[k + 1 :]:
            cosine = float(np.clip(-(net.lines[i].away[side] @ net.lines[j].away[other]), -1, 1))
            bends.append((float(np.degrees(np.arccos(cosine))), (i, side), (j, other)))
    mates: dict[tuple[int, int], tuple[int, int]] = {}
    for bend, a, b in sorted(bends):
        if bend < 35 and a not in mates and b not in mates:
            mates[a], mates[b] = b, a
    return mates


def _explain(
    net: Network, work: Linework, terminals: list[_Terminal], ways: dict[tuple[int, int], _Way]
) -> list[tuple[int, int, _Way]]:
    """(tail, head, way from head to tail): the best for each head, then for each tail left over."""
    usual = _usual_head(terminals, ways)
    heads = {k for k, terminal in enumerate(terminals) if terminal.mark.score >= usual}
    for head in sorted(heads):  # a lump is a head only where nothing better is
        goals = {goal for start, goal in ways if start == head}
        if not terminals[head].mark.sure and goals & heads and not goals - heads:
            heads.discard(head)
    tails = set(range(len(terminals))) - heads
    chosen: dict[tuple[int, int], _Way] = {}
    for head in sorted(heads):
        options = [(way.cost, goal) for (start, goal), way in ways.items() if start == head and goal in tails]
        options = [o for o in options if not _trivial(net, work, terminals, head, o[1], ways[head, o[1]])]
        if options:
            _, tail = min(options)
            chosen[tail, head] = ways[head, tail]
    used = {tail for tail, _ in chosen}
    for tail in sorted(tails - used):
        options = [(way.cost, start) for (start, goal), way in ways.items() if goal == tail and start in heads]
        options = [o for o in options if not _trivial(net, work, terminals, o[1], tail, ways[o[1], tail])]
        if options:
            cost, head = min(options)
            if cost < CROSSED:
                chosen[tail, head] = ways[head, tail]
                used.add(tail)
    for tail in sorted(tails - used):  # lines without a head: the better mark is taken for one
        options = [
            (way.cost, goal)
            for (start, goal), way in ways.items()
            if start == tail and goal in tails and goal not in used
        ]
        options = [o for o in options if not _trivial(net, work, terminals, tail, o[1], ways[tail, o[1]])]
        if options and tail not in used:
            _, other = min(options)
            first, second = ((terminals[k].mark.score, _mass(work, terminals[k].at, net.unit)) for k in (tail, other))
            head, start = (tail, other) if first > second else (other, tail)
            if (head, start) in ways:
                chosen[start, head] = ways[head, start]
            used |= {tail, other}
    for head in sorted(heads - {head for _, head in chosen}):  # heads at both ends
        options = [(way.cost, goal) for (start, goal), way in ways.items() if start == head and goal in heads]
        options = [o for o in options if not _trivial(net, work, terminals, head, o[1], ways[head, o[1]])]
        if options:
            _, other = min(options)
            if terminals[other].mark.score < 0.5 * terminals[head].mark.score or (other, head) not in chosen:
                chosen[other, head] = ways[head, other]
    return [(tail, head, way) for (tail, head), way in sorted(chosen.items())]


def _mass(work: Linework, at: Floats, unit: float) -> int:
    """Pixels of ink around a contact: a head that its symbol hides for the most part still has more than a tail."""
    reach = round(0.7 * unit)
    x, y = (max(0, round(float(v))) for v in at)
    return int((work.raw[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] > 0).sum())


def _usual_head(terminals: list[_Terminal], ways: dict[tuple[int, int], _Way]) -> float:
    """The score from which a contact is a head: what sets the better end of plain lines apart on this page."""
    reached: dict[int, list[int]] = {}
    for start, goal in ways:
        reached.setdefault(start, []).append(goal)
    best = [
        max(terminals[start].mark.score, terminals[goals[0]].mark.score)
        for start, goals in reached.items()
        if len(goals) == 1 and reached.get(goals[0]) == [start] and start < goals[0]
    ]
    return min(HEAD, max(0.08, 0.4 * float(np.median(best)))) if len(best) >= 3 else HEAD


def _trivial(net: Network, work: Linework, terminals: list[_Terminal], a: int, b: int, way: _Way) -> bool:
    """A way that only skirts one symbol, or two that touch, as rims and shadows do."""
    first, second = (work.grounds[terminals[k].owner - 1] for k in (a, b))
    if max(terminals[a].owner, terminals[b].owner) <= work.frames and not terminals[a].mark.score:
        return True  # a line of the frame itself
    near = (1.1 if first is second else 0.8) * net.unit
    if first is not second and not _overlap(first, second, 0.3 * net.unit):
        return False
    points = np.concatenate([net.lines[i].points for i, _ in way.steps])
    return bool(np.minimum(_away_from(first, points), _away_from(second, points)).max() < near)


def _overlap(a: Ground, b: Ground, slack: float) -> bool:
    return (
        a.box[0] < b.box[2] + slack
        and b.box[0] < a.box[2] + slack
        and a.box[1] < b.box[3] + slack
        and b.box[1] < a.box[3] + slack
    )


def _away_from(ground: Ground, points: Floats) -> Floats:
    """(n,) distance of points from a symbol's box, or from the border of a frame's."""
    x0, y0, x1, y1 = ground.box
    dx = np.maximum(x0 - points[:, 0], points[:, 0] - x1)
    dy = np.maximum(y0 - points[:, 1], points[:, 1] - y1)
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    return outside + np.maximum(-np.maximum(dx, dy), 0) if ground.frame else outside


def _connector(
    net: Network, work: Linework, terminals: list[_Terminal], tail: int, head: int, way: _Way
) -> Connector | None:
    parts = [net.lines[index].points if side == 0 else net.lines[index].points[::-1] for index, side in way.steps]
    points = polyline(parts, net.unit)[::-1]
    drawn = sum(net.lines[index].length for index, _ in way.steps)
    gaps = [float(np.hypot(*(b[0] - a[-1]))) for a, b in zip(parts[:-1], parts[1:], strict=True)]
    total = drawn + sum(gaps)
    source, target = work.grounds[terminals[tail].owner - 1].end, work.grounds[terminals[head].owner - 1].end
    mark, foot = terminals[head].mark, terminals[tail].mark
    links = [gap for gap in gaps if gap > 0.2 * net.unit]
    style = _style(net, way, len(links))
    cover = drawn / max(total, 1.0) if style == "solid" else 1.0
    shape = min(1.0, mark.score / HEAD) if mark.score else 0.3
    confidence = float(np.clip(cover * (0.5 + 0.5 * shape) * np.exp(-way.cost / 60), 0, 1))
    return Connector(
        points=points,
        source=source,
        target=target,
        style=style,
        head=mark.mark if mark.mark in ("filled", "hollow", "open") and mark.score > foot.score else "none",
        tail=foot.mark if foot.mark in ("circle", "diamond") else "none",
        stroke=net.width,
        confidence=confidence,
    )


def _style(net: Network, way: _Way, links: int) -> Literal["solid", "dashed", "dotted"]:
    """solid, dashed or dotted, from the number and length of the pieces."""
    sizes = [net.lines[index].length for index, _ in way.steps]
    if links < 3 or links < 0.5 * len(sizes) - 1:
        return "solid"
    usual = float(np.median(sizes))
    if usual > 2.0 * net.unit:
        return "solid"
    return "dotted" if usual < 0.25 * net.unit else "dashed"


__all__ = ["Tracing", "trace"]
