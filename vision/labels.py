"""Whose is which text: lines inside symbols, names of frames, and the blocks that stand free beside events or flows.

Free blocks go to symbols without a word inside and to flows by one optimal assignment over distances.
Does not know what a symbol means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from vision.boxes import area, centre, gaps, holds, share, size, union
from vision.parts import Box, Connector, Container, Floats, Scene, Shape, TextLine
from vision.text_language import join_lines

FAR = 1e6
Speech = Literal["answer", "question", "name", "event"]
ANSWERS = frozenset({"yes", "no", "true", "false", "ok", "else", "default", "да", "нет", "иначе", "истина", "ложь"})
# units added to the way to a symbol
NAME: dict[Speech, float] = {"answer": 1.0, "question": -0.6, "name": -0.4, "event": -0.8}
CONDITION: dict[Speech, float] = {"answer": -0.3, "question": 0.8, "name": 0.2, "event": 2.0}  # and to a flow
EVENTS = ("start", "end", "begin", "finish", "начало", "конец", "старт", "финиш", "завершение")
UNDECIDED = 0.5  # units added to the way to a plain flow that leaves no decision
STRAY = 6.0  # units from a flow at which an answer may still stand


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together, in reading order."""

    lines: tuple[TextLine, ...]
    box: Box

    @property
    def text(self) -> str:
        """The lines joined in reading order, hyphenation undone."""
        return join_lines([line.text for line in self.lines])

    @property
    def confidence(self) -> float:
        """Mean confidence of the lines, weighted by their length."""
        weights = [max(1, len(line.text)) for line in self.lines]
        return float(np.average([line.confidence for line in self.lines], weights=weights))


@dataclass(frozen=True, slots=True)
class Labels:
    """Block by index of shape, container and connector; `free` belongs to nobody."""

    shapes: dict[int, Block] = field(default_factory=dict)
    containers: dict[int, Block] = field(default_factory=dict)
    connectors: dict[int, Block] = field(default_factory=dict)
    free: tuple[Block, ...] = ()


def label(lines: Sequence[TextLine], scene: Scene, connectors: Sequence[Connector], unit: float) -> Labels:
    """Assign every line of text once."""
    inner: dict[int, list[TextLine]] = {}
    rest: list[TextLine] = []
    for line in lines:
        owner = _inside_shape(line, scene.shapes)
        if owner is None:
            rest.append(line)
        else:
            inner.setdefault(owner, []).append(line)
    for i, found in inner.items():
        if len(found) > 1:
            inner[i] = [line for line in found if not _in_corner(line, scene.shapes[i], unit)] or found
    if _has_icons(scene, inner):  # a word in an event or gateway is its marker, at its rim it is its name
        for i in [i for i, found in inner.items() if scene.shapes[i].outline in ("circle", "diamond")]:
            if max(size(scene.shapes[i].box)) < 6 * unit or sum(len(line.text) for line in inner[i]) <= 2:
                rest += [line for line in inner.pop(i) if len(line.text) > 2 and not _within(line, scene.shapes[i])]
    small = [s.box for i, s in enumerate(scene.shapes) if i not in inner and s.outline in ("circle", "diamond")]
    names, rest = _frame_names(rest, scene.containers, unit)
    blocks = group([line for line in rest if line.turn == 0], unit, connectors, small) + [
        _block([x]) for x in rest if x.turn
    ]
    shapes = {i: _block(found) for i, found in inner.items()}
    beside, along, free = _assign(blocks, scene, shapes, connectors, unit)
    return Labels({**shapes, **beside}, names, along, tuple(free))


def _in_corner(line: TextLine, shape: Shape, unit: float) -> bool:
    """A few signs in the upper left corner of a task, or at the middle of its foot: an icon, taken for letters."""
    if shape.outline not in ("rectangle", "rounded", "page") or len(line.text) > 5:
        return False
    if line.confidence < 0.6 and line.box[1] > shape.box[3] - 2.2 * unit:
        return abs(centre(line.box)[0] - centre(shape.box)[0]) < 0.2 * size(shape.box)[0]
    return len(line.text) <= 4 and line.box[2] - shape.box[0] < 2.2 * unit and line.box[3] - shape.box[1] < 2.2 * unit


def _within(line: TextLine, shape: Shape) -> bool:
    """Whether a line stands about the middle of a shape, or all of it inside."""
    (x, y), (mx, my) = centre(line.box), centre(shape.box)
    width, height = size(shape.box)
    return (abs(x - mx) < 0.3 * width and abs(y - my) < 0.3 * height) or share(line.box, shape.box) > 0.9


def _has_icons(scene: Scene, inner: dict[int, list[TextLine]]) -> bool:
    """Whether circles and diamonds of this page carry markers (BPMN) rather than words."""
    if any(c.kind in ("pool", "lane") for c in scene.containers):
        return True
    small = [i for i, s in enumerate(scene.shapes) if s.outline in ("circle", "diamond")]
    wordy = sum(sum(len(line.text) for line in inner.get(i, [])) > 2 for i in small)
    if wordy < 0.4 * len(small) and any(scene.shapes[i].icon is not None for i in small):
        return True
    return any(scene.shapes[i].double for i in small) or (len(small) >= 3 and wordy == 0)


def _inside_shape(line: TextLine, shapes: Sequence[Shape]) -> int | None:
    """The smallest symbol that holds the line's centre and most of it."""
    best: int | None = None
    for i, shape in enumerate(shapes):
        if not holds(shape.box, centre(line.box)):
            continue
        enough = 0.45 if shape.outline in ("rectangle", "rounded", "stadium", "parallelogram") else 0.6
        if share(line.box, shape.box) < enough or area(line.box) > 1.1 * area(shape.box):
            continue
        if best is None or area(shape.box) < area(shapes[best].box):
            best = i
    return best


def _block(lines: Sequence[TextLine]) -> Block:
    ordered = tuple(_reading_order(lines))
    return Block(ordered, union(line.box for line in ordered))


def _reading_order(lines: Sequence[TextLine]) -> list[TextLine]:
    """Top to bottom, pieces of one row left to right, as the reader of the (turned) text sees it."""
    turns = {line.turn for line in lines}
    turn = turns.pop() if len(turns) == 1 else 0
    rows: list[list[tuple[Box, TextLine]]] = []
    for box, line in sorted(((_as_read(line.box, turn), line) for line in lines), key=lambda x: centre(x[0])[1]):
        if rows:
            last = union(b for b, _ in rows[-1])
            overlap = min(last[3], box[3]) - max(last[1], box[1])
            if overlap > 0.55 * min(size(last)[1], size(box)[1]):
                rows[-1].append((box, line))
                continue
        rows.append([(box, line)])
    return [line for row in rows for _, line in sorted(row, key=lambda x: x[0][0])]


def _as_read(box: Box, turn: int) -> Box:
    """The box after its text was turned upright."""
    x0, y0, x1, y1 = box
    return (-y1, x0, -y0, x1) if turn == 90 else (y0, -x1, y1, -x0) if turn == 270 else box


def group(
    lines: Sequence[TextLine], unit: float, connectors: Sequence[Connector] = (), symbols: Sequence[Box] = ()
) -> list[Block]:
    """Blocks of lines that stand close under each other, centred or flush. Pieces of a row are put together first, also
    those that a flow runs between or that a symbol stands over in the middle. symbols: small ones without words."""
    rows = _joined([(line,) for line in lines], lambda a, b: _in_row(a, b, unit, connectors, symbols))
    return [_block(lines) for lines in _joined(rows, lambda a, b: _continues(a, b, unit))]


Lines = tuple[TextLine, ...]


def _joined(parts: Sequence[Lines], alike: Callable[[Lines, Lines], bool]) -> list[Lines]:
    """Parts that belong together, directly or by others."""
    parent = list(range(len(parts)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for i, a in enumerate(parts):
        for j in range(i):
            if alike(a, parts[j]):
                parent[root(i)] = root(j)
    groups: dict[int, list[TextLine]] = {}
    for i, part in enumerate(parts):
        groups.setdefault(root(i), []).extend(part)
    return [tuple(found) for found in groups.values()]


def _in_row(a: Lines, b: Lines, unit: float, connectors: Sequence[Connector], symbols: Sequence[Box]) -> bool:
    """Whether two pieces stand in one row with at most a flow between them."""
    one, other = union(line.box for line in a), union(line.box for line in b)
    gx, gy = gaps(one, other)
    high, low = max(size(one)[1], size(other)[1]), min(size(one)[1], size(other)[1])
    if -gy < 0.6 * low or high > 1.9 * low + 0.3 * unit or gx < -0.2 * high:
        return False
    if gx < 0.6 * high:
        return True
    left, right = min(one[2], other[2]), max(one[0], other[0])
    middle = (max(one[1], other[1]) + min(one[3], other[3])) / 2
    if gx >= 1.6 * high:
        return False
    whole = union((one, other))
    return any(_passes(c, left - 2, right + 2, middle, high) for c in connectors) or any(
        abs(centre(box)[0] - centre(whole)[0]) < 0.5 * high and 0 < whole[1] - box[1] < size(box)[1] + 1.5 * unit
        for box in symbols
    )


def _passes(connector: Connector, left: float, right: float, at: float, high: float) -> bool:
    """Whether a line runs upright through a gap in a row."""
    points, _ = _dense(connector.points)
    near = points[(np.abs(points[:, 1] - at) < 0.6 * high) & (points[:, 0] > left) & (points[:, 0] < right)]
    return len(near) > 1 and float(np.ptp(near[:, 1])) > 0.5 * high


def _continues(a: Lines, b: Lines, unit: float) -> bool:
    """Whether two rows are neighbours in one block: close, overlapping sideways, aligned, of like height."""
    one, other = union(line.box for line in a), union(line.box for line in b)
    gx, gy = gaps(one, other)
    ha, hb = size(one)[1], size(other)[1]
    line = max(ha, hb, 0.7 * unit)
    if gy > 1.05 * line or gy < -0.4 * line or gx > 0 or max(ha, hb) > 1.9 * min(ha, hb) + 0.3 * unit:
        return False
    centred = abs(centre(one)[0] - centre(other)[0])
    flush = min(abs(one[0] - other[0]), abs(one[2] - other[2]))
    return min(centred, flush) < (0.9 if gy < 0.7 * line else 0.5) * line


def _frame_names(
    lines: Sequence[TextLine], containers: Sequence[Container], unit: float
) -> tuple[dict[int, Block], list[TextLine]]:
    """Names of pools, lanes and sub-processes, and the lines that are left."""
    found: dict[int, list[TextLine]] = {}
    rest: list[TextLine] = []
    for line in lines:
        owner = _named_by(line, containers, unit)
        if owner is None:
            rest.append(line)
        else:
            found.setdefault(owner, []).append(line)
    for i, mine in found.items():
        if containers[i].kind == "subprocess":
            rest = _go_on(mine, rest, containers[i].box)
    names: dict[int, Block] = {}
    for i, mine in found.items():
        turned = [line for line in mine if line.turn]
        names[i] = _block(turned if len(turned) > 0 and containers[i].header is None else mine)
    return names, rest


def _go_on(name: list[TextLine], rest: Sequence[TextLine], frame: Box) -> list[TextLine]:
    """Move the further rows of a name, each right below the one before and as far left, from `rest` to `name`."""
    left: list[TextLine] = []
    for line in sorted(rest, key=lambda line: line.box[1]):
        last = max(name, key=lambda row: row.box[3]).box
        height = last[3] - last[1]
        below = -0.3 * height < line.box[1] - last[3] < 0.8 * height
        (name if below and abs(line.box[0] - last[0]) < height and share(line.box, frame) > 0.9 else left).append(line)
    return left


def _named_by(line: TextLine, containers: Sequence[Container], unit: float) -> int | None:
    middle = centre(line.box)
    around = [i for i, c in enumerate(containers) if holds(c.box, middle)]
    for i in sorted(around, key=lambda i: area(containers[i].box)):
        c = containers[i]
        if c.header is not None:
            if share(line.box, c.header) > 0.6:
                return _lane_beside(line, i, containers, unit)
            continue
        if c.kind == "subprocess":
            if middle[1] - c.box[1] < 1.6 * unit and share(line.box, c.box) > 0.9:
                return i
        elif (line.turn and middle[0] - c.box[0] < 2.5 * unit) or (
            not line.turn and c.upright and middle[1] - c.box[1] < 2.5 * unit
        ):
            return i
    return None


def _lane_beside(line: TextLine, pool: int, containers: Sequence[Container], unit: float) -> int:
    """In a header strip with two columns of turned names the second column names the lanes beside it."""
    header = containers[pool].header
    if header is None or not line.turn or size(header)[0] < 3.4 * unit:
        return pool
    if centre(line.box)[0] < (header[0] + header[2]) / 2:
        return pool
    middle = centre(line.box)[1]
    beside = [i for i, c in enumerate(containers) if c.parent == pool and c.header is None]
    return next((i for i in beside if containers[i].box[1] <= middle <= containers[i].box[3]), pool)


def _assign(
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
    cost = np.full((len(blocks), len(bare) + len(connectors) + len(blocks)), FAR)
    for b, block in enumerate(blocks):
        speech = _speech(block.text)
        for k, i in enumerate(bare):
            cost[b, k] = _to_shape(block.box, scene.shapes[i], unit) + NAME[speech]
        for k, connector in enumerate(connectors):
            cost[b, len(bare) + k] = _to_flow(block.box, connector, unit) + CONDITION[speech]
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
    return beside, along, _find_decisions(free, along, scene, connectors, unit)


def _find_decisions(
    free: Sequence[Block], along: dict[int, Block], scene: Scene, connectors: Sequence[Connector], unit: float
) -> list[Block]:
    """Give answers that stand farther off to the flow they must belong to: the only one near that leaves a decision
    and bears none, while another flow out of that decision does. Writes to `along`; returns the blocks left."""
    left: list[Block] = []
    leaves = [c.source for c in connectors]
    told = {leaves[k] for k in along}
    for block in free:
        near = {
            k: _distance(block.box, c.points)[0]
            for k, c in enumerate(connectors)
            if _answers(block.text) and len(c.points) > 1 and _leaves_decision(c, scene) and k not in along
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
    return text.startswith("[") or text.casefold().strip(" .,:;!") in ANSWERS


def _decides(connector: Connector, scene: Scene) -> bool:
    """Whether a flow may well bear a label: it leaves a decision, or is no plain flow."""
    return connector.style != "solid" or connector.source is None or _leaves_decision(connector, scene)


def _leaves_decision(connector: Connector, scene: Scene) -> bool:
    source = connector.source
    return source is not None and source[0] == "shape" and scene.shapes[source[1]].outline == "diamond"


OUTSIDE = frozenset({"circle", "ellipse", "diamond", "page", "cylinder", "document", "bar", "polygon", "hexagon"})


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


def _to_flow(box: Box, connector: Connector, unit: float) -> float:
    """Distance of a label to a flow in units; near the source end it is a little nearer."""
    points = connector.points
    if len(points) < 2:
        return FAR
    distance, along = _distance(box, points)
    value = max(0.0, distance) / unit + 0.35 + 0.3 * along
    return value if value < 2.6 else FAR


def _distance(box: Box, points: Floats) -> tuple[float, float]:
    """(smallest distance from the polyline to the box, where along it as a share of its length)."""
    dense, at = _dense(points)
    dx = np.maximum(np.maximum(box[0] - dense[:, 0], dense[:, 0] - box[2]), 0)
    dy = np.maximum(np.maximum(box[1] - dense[:, 1], dense[:, 1] - box[3]), 0)
    distance = np.hypot(dx, dy)
    i = int(distance.argmin())
    return float(distance[i]), float(at[i])


def _dense(points: Floats) -> tuple[Floats, Floats]:
    """Points every few pixels along a polyline and their share of its length."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    total = max(float(length[-1]), 1e-6)
    at = np.linspace(0, total, max(2, min(400, int(total / 3))))
    return np.stack([np.interp(at, length, points[:, 0]), np.interp(at, length, points[:, 1])], 1), at / total
