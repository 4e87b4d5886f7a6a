"""Whose is which text: lines inside symbols, names of frames, and the blocks that stand free beside events or flows.

Does not know what a symbol means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vision.beside import assign
from vision.blocks import Block, block_of, group
from vision.boxes import area, centre, holds, share, size
from vision.parts import Box, Connector, Container, Scene, Shape, TextLine

BEYOND = 0.58  # of a diamond's width and height together, from its middle: its edges are at 0.5


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
        block_of([x]) for x in rest if x.turn
    ]
    shapes = {i: block_of(found) for i, found in inner.items()}
    beside, along, free = assign(blocks, scene, shapes, connectors, unit)
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
        if not holds(shape.box, centre(line.box)) or (shape.outline == "diamond" and _beyond(line, shape)):
            continue
        enough = 0.45 if shape.outline in ("rectangle", "rounded", "stadium", "parallelogram") else 0.6
        if share(line.box, shape.box) < enough or area(line.box) > 1.1 * area(shape.box):
            continue
        if best is None or area(shape.box) < area(shapes[best].box):
            best = i
    return best


def _beyond(line: TextLine, diamond: Shape) -> bool:
    """Whether the middle of a line lies in a corner of the box around a diamond, clearly outside its edges."""
    (x, y), (mx, my), (width, height) = centre(line.box), centre(diamond.box), size(diamond.box)
    return abs(x - mx) / width + abs(y - my) / height > BEYOND


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
        names[i] = block_of(turned if len(turned) > 0 and containers[i].header is None else mine)
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
        elif (
            (line.turn and middle[0] - c.box[0] < 2.5 * unit)
            or (not line.turn and c.upright and middle[1] - c.box[1] < 2.5 * unit)
            or (c.kind == "pool" and not line.turn and _closed(c.box, line.box, unit))
        ):
            return i
    return None


def _closed(pool: Box, name: Box, unit: float) -> bool:
    """Whether a pool is a bar whose inside is not shown, its name in the middle."""
    wide, high = size(pool)
    (x, _), (middle, _) = centre(name), centre(pool)
    return high < 6 * unit and wide > 3 * high and abs(x - middle) < 0.25 * wide and share(name, pool) > 0.9


def _lane_beside(line: TextLine, pool: int, containers: Sequence[Container], unit: float) -> int:
    """In a header strip with two columns of turned names the second column names the lanes beside it."""
    header = containers[pool].header
    if header is None or not line.turn or size(header)[0] < 3.4 * unit:
        return pool
    if centre(line.box)[0] < (header[0] + header[2]) / 2:
        return pool
    middle = centre(line.box)[1]
    beside = [i for i, c in enumerate(containers) if c.parent == pool and c.kind == "lane" and c.header is None]
    return next((i for i in beside if containers[i].box[1] <= middle <= containers[i].box[3]), pool)
