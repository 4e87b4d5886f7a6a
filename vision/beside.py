"""Text that stands beside symbols and flows: which block names which of them.

One optimal assignment over distances; how a text sounds (an answer, a question, a name) decides where it is near to
both. Does not know what a symbol means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from vision.blocks import Block, dense
from vision.boxes import centre, gaps, size
from vision.parts import Box, Connector, Floats, Scene, Shape
from vision.text_language import is_answer, other_answer

FAR = 1e6
Way = tuple[Floats, Floats]  # a flow: (n, 2) points along it, (n,) their share of its length
Speech = Literal["answer", "question", "name", "event"]
# units added to the way to a symbol
NAME: dict[Speech, float] = {"answer": 1.0, "question": -0.6, "name": -0.4, "event": -0.8}
CONDITION: dict[Speech, float] = {"answer": -0.3, "question": 0.8, "name": 0.2, "event": 2.0}  # and to a flow
EVENTS = ("start", "end", "begin", "finish", "начало", "конец", "старт", "финиш", "завершение")
UNDECIDED = 0.5  # units added to the way to a plain flow that leaves no decision
STRAY = 6.0  # units from a flow at which an answer may still stand


def assign(
    blocks: Sequence[Block],
    scene: Scene,
    named: dict[int, Block],
    connectors: Sequence[Connector],
    unit: float,
) -> tuple[dict[int, Block], dict[int, Block], list[Block]]:
    """Free blocks to bare symbols and to flows: the assignment with the least total distance."""
    inner = [i for i, s in enumerate(scene.shapes) if s.outline == "diamond" and i in named]
    outside = OUTSIDE if len(inner) < 0.4 * sum(s.outline == "diamond" for s in scene.shapes) else OUTSIDE - {"diamond"}
    bare = [i for i, s in enumerate(scene.shapes) if i not in named and s.outline in outside]
    ways = [dense(c.points) if len(c.points) > 1 else None for c in connectors]
    cost = np.full((len(blocks), len(bare) + len(connectors) + len(blocks)), FAR)
    for b, block in enumerate(blocks):
        speech = _speech(block.text)
        for k, i in enumerate(bare):
            cost[b, k] = _to_shape(block.box, scene.shapes[i], unit) + NAME[speech]
        for k, connector in enumerate(connectors):
            cost[b, len(bare) + k] = _to_flow(block.box, ways[k], unit) + CONDITION[speech]
            if not _decides(connector, scene):
                cost[b, len(bare) + k] += UNDECIDED
        cost[b, len(bare) + len(connectors) + b] = 4.0 * block.confidence  # stays free
    beside: dict[int, Block] = {}
    along: dict[int, Block] = {}
    free: list[Block] = []
    for b, k in np.stack(linear_sum_assignment(cost), 1).tolist():
        if k < len(bare):
            beside[bare[k]] = blocks[b]
        elif k < len(bare) + len(connectors):
            along[k - len(bare)] = blocks[b]
        else:
            free.append(blocks[b])
    free = _find_decisions(free, along, scene, connectors, ways, unit)
    return beside, _answered(along, scene, connectors), free


def _answered(along: dict[int, Block], scene: Scene, connectors: Sequence[Connector]) -> dict[int, Block]:
    """Labels of flows, with scraps of two or three letters put right that stand for the other answer: beside a flow out
    of the same decision that says "yes", "Nb" is a "no" with a line through it."""
    out = dict(along)
    for k, block in along.items():
        others = [i for i in along if i != k and connectors[i].source == connectors[k].source]
        if len(others) != 1 or len(block.lines) != 1 or not _leaves_decision(connectors[k], scene):
            continue
        told = other_answer(along[others[0]].text, block.text)
        if told:
            out[k] = replace(block, lines=(replace(block.lines[0], text=told),))
    return out


def _find_decisions(
    free: Sequence[Block],
    along: dict[int, Block],
    scene: Scene,
    connectors: Sequence[Connector],
    ways: Sequence[Way | None],
    unit: float,
) -> list[Block]:
    """Give answers that stand farther off to the flow they must belong to: the only one near that leaves a decision
    and bears none, while another flow out of that decision does. Writes to `along`; returns the blocks left."""
    left: list[Block] = []
    leaves = [c.source for c in connectors]
    told = {leaves[k] for k in along}
    for block in free:
        near = {
            k: _distance(block.box, way)[0]
            for k, (c, way) in enumerate(zip(connectors, ways, strict=True))
            if _answers(block.text) and way is not None and _leaves_decision(c, scene) and k not in along
        }
        found = sorted((far, k) for k, far in near.items() if far < STRAY * unit and leaves[k] in told)
        if not found or (len(found) > 1 and found[1][0] < 1.5 * found[0][0]):
            left.append(block)
        else:
            along[found[0][1]] = block
    return left


def _speech(text: str) -> Speech:
    """Whether a text sounds like the condition of a flow, a question, the name of an event, or another name."""
    words = text.strip()
    if _answers(words) or len(words) <= 3:
        return "answer"
    if words.endswith("?"):
        return "question"
    return "event" if words.casefold().startswith(EVENTS) else "name"


def _answers(text: str) -> bool:
    """Whether a text is a guard or one of the words that answer a question."""
    return text.startswith("[") or is_answer(text)


def _decides(connector: Connector, scene: Scene) -> bool:
    """Whether a flow may well bear a label: it leaves a decision, or is no plain flow."""
    return connector.style != "solid" or connector.source is None or _leaves_decision(connector, scene)


def _leaves_decision(connector: Connector, scene: Scene) -> bool:
    source = connector.source
    return source is not None and source[0] == "shape" and scene.shapes[source[1]].outline in ("diamond", "hexagon")


OUTSIDE = frozenset({"circle", "ellipse", "diamond", "page", "cylinder", "document", "polygon", "hexagon"})


def _to_shape(box: Box, shape: Shape, unit: float) -> float:
    """Distance of a label to a symbol in units; labels straight below or above are nearest."""
    gx, gy = gaps(box, shape.box)
    (bx, by), (sx, sy) = centre(box), centre(shape.box)
    if gy > -0.5 * unit and gx < 0:  # below or above
        off = abs(bx - sx) / max(size(shape.box)[0], unit)
        value = (0.5 if off < 0.4 else 1.0) * max(gy, 0) / unit + 0.5 * off + (0.0 if by > sy else 0.25)
    elif gx > -0.5 * unit:
        off = abs(by - sy) / max(size(shape.box)[1], unit)
        value = max(gx, 0) / unit * 1.2 + 0.5 * off + 0.6 + max(gy, 0) / unit
    else:
        value = 0.3
    return value if value < 4 else FAR


def _to_flow(box: Box, way: Way | None, unit: float) -> float:
    """Distance of a label to a flow in units; near the source end it is a little nearer."""
    if way is None:
        return FAR
    distance, along = _distance(box, way)
    value = max(0.0, distance) / unit + 0.35 + 0.3 * along
    return value if value < 2.6 else FAR


def _distance(box: Box, way: Way) -> tuple[float, float]:
    """(smallest distance from the polyline to the box, where along it as a share of its length)."""
    dots, at = way
    dx = np.maximum(np.maximum(box[0] - dots[:, 0], dots[:, 0] - box[2]), 0)
    dy = np.maximum(np.maximum(box[1] - dots[:, 1], dots[:, 1] - box[3]), 0)
    distance = np.hypot(dx, dy)
    i = int(distance.argmin())
    return float(distance[i]), float(at[i])
