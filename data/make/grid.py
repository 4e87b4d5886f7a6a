"""Own layered layout: steps in columns by their place in the flow, lanes as bands, flows routed orthogonally.

Works left to right; for charts and lanes that run down the page everything is turned at the end. A scene may carry
faults (`faults.py` counts them); callers try other gaps then.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from diagram.kinds import EVENTS
from diagram.model import Box, Diagram, Lane, Node, Point
from labels import place_labels
from measure import block, gateway, label_size, outside, size
from route import STEP, Port, Router
from scene import Band, Item, Scene, Wire
from style import Style
from text import widest, wrap

_DATA = ("data_object", "data_store", "annotation")


def layers(diagram: Diagram) -> dict[str, int]:
    """Column of each node in the flow: the longest way from a start, flows back left out."""
    after: dict[str, list[str]] = defaultdict(list)
    entering: dict[str, int] = defaultdict(int)
    for e in diagram.edges:
        if e.kind == "sequence":
            after[e.source].append(e.target)
            entering[e.target] += 1
    for node in diagram.nodes:
        if node.attached_to:
            after[node.attached_to] += after[node.id]
            for t in after[node.id]:
                entering[t] += 1
    flow = [n.id for n in diagram.nodes if n.type not in _DATA]
    roots = [i for i in flow if not entering[i]] or flow[:1]
    back: set[tuple[str, str]] = set()
    state: dict[str, int] = {}

    def visit(i: str) -> None:
        state[i] = 1
        for t in after[i]:
            if state.get(t) == 1:
                back.add((i, t))
            elif t not in state:
                visit(t)
        state[i] = 2

    for i in [*roots, *flow]:
        if i not in state:
            visit(i)
    column = dict.fromkeys(flow, 0)
    mail = [(e.source, e.target) for e in diagram.edges if e.kind == "message" and {e.source, e.target} <= set(flow)]
    for _ in flow:
        for i, t in mail:
            if column[i] < len(flow) and not _reaches(after, t, i):
                column[t] = max(column[t], column[i])
        for i in flow:
            for t in after[i]:
                if (i, t) not in back:
                    column[t] = max(column[t], column[i] + 1)
    for node in diagram.nodes:
        if node.attached_to:
            column[node.id] = column[node.attached_to]
    return column


def lay_out(
    diagram: Diagram, style: Style, kinds: dict[str, str], *, down: bool = False, gap: tuple[float, float] = (46, 40)
) -> Scene:  # fmt: skip
    """Place everything. `down`: the flow runs to the bottom and lanes stand side by side. `gap`: between columns
    and rows. Expanded sub-processes are laid out by themselves first. Raises RuntimeError when a flow finds no way."""
    inner: dict[str, Scene] = {}
    for box in {n.parent: None for n in diagram.nodes if n.parent}:
        members = {n.id for n in diagram.nodes if n.parent == box}
        part = Diagram(
            diagram.kind, tuple(replace(n, parent=None, lane=None) for n in diagram.nodes if n.id in members),
            tuple(e for e in diagram.edges if e.source in members), (), diagram.language,
        )  # fmt: skip
        inner[box or ""] = lay_out(part, style, kinds, down=down, gap=gap)
    if not inner:
        return _lay_out(diagram, style, kinds, {}, down, gap)
    whole, nodes = diagram, [n for n in diagram.nodes if not n.parent]
    ids = {n.id for n in diagram.nodes if n.parent}
    outer = diagram.replace(nodes=tuple(nodes), edges=tuple(e for e in diagram.edges if e.source not in ids))
    room = {box: (s.width + 16, s.height + style.size * 2 + 8) for box, s in inner.items()}
    scene = _lay_out(outer, style, kinds, room, down, gap)
    for item in [*scene.items]:
        if item.node.id in inner:
            part_scene = inner[item.node.id]
            part_scene.move(item.box[0] + 8, item.box[1] + style.size * 2)
            item.kind = "box"
            scene.items += part_scene.items
            scene.wires += part_scene.wires
    real = {n.id: n for n in whole.nodes}
    for item in scene.items:
        item.node = real[item.node.id]
    scene.diagram = whole
    return scene


def _lay_out(
    diagram: Diagram, style: Style, kinds: dict[str, str], room: dict[str, tuple[float, float]], down: bool,
    gap: tuple[float, float],
) -> Scene:  # fmt: skip
    fs = label_size(style)
    sizes: dict[str, tuple[float, float]] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for node in diagram.nodes:
        w, h, texts[node.id] = size(node, style, diagram.kind)
        if node.type == "gateway_parallel" and diagram.kind == "flowchart" and not down:
            w, h = h, w * 0.6
        if node.id in room:
            w, h = room[node.id]
        sizes[node.id] = (h, w) if down else (w, h)
    column = layers(diagram)
    leaf_lanes = [a for a in diagram.lanes if not any(b.parent == a.id for b in diagram.lanes)]
    order = {a.id: k for k, a in enumerate(leaf_lanes)}
    row = _rows(diagram, column, order)
    for node in diagram.nodes:
        if node.type in _DATA:
            _place_data(node, diagram, column, row, order)
    # columns
    ncol = max(column.values(), default=0) + 1
    col_w = [40.0] * ncol
    extra = [0.0] * ncol
    for node in diagram.nodes:
        if not node.attached_to:
            col_w[column[node.id]] = max(col_w[column[node.id]], sizes[node.id][0])
            if outside(node, style, diagram.kind) and texts[node.id]:
                wide = block(texts[node.id], style, fs)[1 if down else 0]
                col_w[column[node.id]] = max(col_w[column[node.id]], wide - gap[0] * 0.6)
    for e in diagram.edges:
        if e.text and e.kind == "sequence":
            lines = wrap(e.text, style.font, fs, 130)
            need = (block(lines, style, fs)[1] if down else widest(lines, style.font, fs)) + 12
            k = column[e.source]
            extra[k] = max(extra[k], need - gap[0] * 0.4)
    left = style.header * (1 + any(a.parent for a in diagram.lanes)) + 24 if diagram.lanes else 20.0
    if down:
        left = (30 * (1 + any(a.parent for a in diagram.lanes)) + 16) if diagram.lanes else 20.0
    xs, x = [], left
    for k in range(ncol):
        xs.append(_snap(x + col_w[k] / 2))
        x += col_w[k] + gap[0] + max(0.0, extra[k])
    width = _snap(x)
    # rows per lane
    centre: dict[tuple[int, int], float] = {}
    spans: dict[int, tuple[float, float]] = {}
    y = 0.0
    ext = [a for a in leaf_lanes if a.id.startswith("ext_")]
    top_ext = [a for k, a in enumerate(ext) if k % 2 == 0]
    bands: list[Band] = []
    ext_height = 70 if down else 52
    for a in top_ext:
        bands.append(Band(a, (0, y, width, y + ext_height), None, False))
        y += ext_height + 56
    previous: Lane | None = None
    sheets: list[Lane | None] = [a for a in leaf_lanes if a not in ext]
    for lane in sheets or [None]:
        if lane and previous and (lane.parent is None or lane.parent != previous.parent):
            y = _snap(y + 48)
        previous = lane
        k = order[lane.id] if lane else -1
        rows = sorted({row[n.id] for n in diagram.nodes if n.id in row and _home(n, order) == k})
        top = y
        y += gap[1] * 0.6
        for r in rows or [0]:
            members = [n for n in diagram.nodes if n.id in row and _home(n, order) == k and row[n.id] == r]
            above = max([_extent(n, sizes, texts, style, diagram.kind, down)[0] for n in members], default=30)
            below = max([_extent(n, sizes, texts, style, diagram.kind, down)[1] for n in members], default=30)
            centre[(k, r)] = _snap(y + above)
            y = centre[(k, r)] + below + gap[1]
        y = _snap(y - gap[1] * 0.3)
        if lane:
            need = widest(wrap(lane.name, style.font, style.size, 10), style.font, style.size) + 24
            y = max(y, _snap(top + max(need, 96)))
        spans[k] = (top, y)
    for a in [a for a in ext if a not in top_ext]:
        y += 56
        bands.append(Band(a, (0, y, width, y + ext_height), None, False))
        y += ext_height
    height = _snap(y) if diagram.lanes else _snap(y + 10)
    for lane in diagram.lanes:
        if lane.id in order and lane not in ext:
            top, bottom = spans[order[lane.id]]
            x0 = (30 if down else style.header) if lane.parent else 0.0
            bands.append(
                Band(lane, (x0, top, width, bottom), (x0, top, x0 + (30 if down else style.header), bottom), not down)
            )
        elif lane not in ext:
            h = 30 if down else style.header
            parts = [spans[order[a.id]] for a in leaf_lanes if a.parent == lane.id]
            top, bottom = min(p[0] for p in parts), max(p[1] for p in parts)
            bands.insert(0, Band(lane, (0, top, width, bottom), (0, top, h, bottom), not down))
    items: dict[str, Item] = {}
    for node in diagram.nodes:
        if node.attached_to:
            continue
        w, h = sizes[node.id]
        cx, cy = xs[column[node.id]], centre[(_home(node, order), row[node.id])]
        items[node.id] = Item(
            node, (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), texts[node.id], kind=kinds[node.id]
        )
    for node in diagram.nodes:
        if node.attached_to:
            b = items[node.attached_to].box
            w, h = sizes[node.id]
            cx = _snap(b[0] + (b[2] - b[0]) * 0.75)
            items[node.id] = Item(
                node, (cx - w / 2, b[3] - h / 2, cx + w / 2, b[3] + h / 2), texts[node.id], kind="bound"
            )
    scene = Scene(diagram, width, height, [items[n.id] for n in diagram.nodes], [], bands)
    route(scene, style, down)
    if down:
        _turn(scene)
    for item in scene.items:
        if outside(item.node, style, diagram.kind) and item.lines and not item.label and item.node.type not in EVENTS:
            item.label = (0, 0, 0, 0)
    place_labels(scene, style)
    return scene


def _reaches(after: dict[str, list[str]], start: str, goal: str) -> bool:
    """Whether flows lead from start to goal."""
    seen, todo = {start}, [start]
    while todo:
        for t in after[todo.pop()]:
            if t == goal:
                return True
            if t not in seen:
                seen.add(t)
                todo.append(t)
    return False


def _snap(v: float) -> float:
    return round(v / STEP) * STEP


def _home(node: Node, order: dict[str, int]) -> int:
    return order.get(node.lane or "", -1)


def _rows(diagram: Diagram, column: dict[str, int], order: dict[str, int]) -> dict[str, int]:
    before: dict[str, list[str]] = defaultdict(list)
    for e in diagram.edges:
        if e.kind == "sequence":
            before[e.target].append(e.source)
    row: dict[str, int] = {}
    cells: set[tuple[int, int, int]] = set()
    flow = [n for n in diagram.nodes if n.type not in _DATA and not n.attached_to]
    lookup = {n.id: n for n in diagram.nodes}
    for k in range(max(column.values(), default=0) + 1):
        here = [n for n in flow if column[n.id] == k]
        for node in here:
            home = _home(node, order)
            near = [lookup[i] for i in before[node.id]]
            near = [lookup[i.attached_to] if i.attached_to else i for i in near]
            same = [row[i.id] for i in near if i.id in row and _home(i, order) == home and column[i.id] < k]
            sunk = any(lookup[i].attached_to for i in before[node.id])
            want = (min(same) + (1 if sunk else 0)) if same else 0
            for r in sorted(range(12), key=lambda r: (abs(r - want), -r)):
                if (home, r, k) not in cells:
                    row[node.id] = r
                    cells.add((home, r, k))
                    break
    return row


def _place_data(
    node: Node, diagram: Diagram, column: dict[str, int], row: dict[str, int], order: dict[str, int]
) -> None:  # fmt: skip
    mates = [e.target if e.source == node.id else e.source for e in diagram.edges if node.id in (e.source, e.target)]
    column[node.id] = column[mates[0]] if mates else 0
    home = _home(node, order)
    taken = {
        row[n.id] for n in diagram.nodes if n.id in row and column[n.id] == column[node.id] and _home(n, order) == home
    }
    want = row[mates[0]] if mates and _home(diagram.node(mates[0]), order) == home else 0
    row[node.id] = next(r for r in (want + 1, want - 1, *range(20)) if r not in taken and r >= 0)


def _extent(
    node: Node, sizes: dict[str, tuple[float, float]], texts: dict[str, tuple[str, ...]], style: Style, kind: str,
    down: bool,
) -> tuple[float, float]:  # fmt: skip
    """Room above and below the centre of the row."""
    half = sizes[node.id][1] / 2
    if not outside(node, style, kind) or not texts[node.id]:
        return half, half
    w, h = block(texts[node.id], style, label_size(style))
    if down:
        return half + (0 if node.type in EVENTS else w), half + w + 4
    if node.type == "start_event" and node.trigger == "message":
        return half + h + 4, half + h + 4
    return half + (h + 4 if gateway(node) or node.type == "decision" else 0), half + h + 4


def inset(kind: str, side: int, box: Box) -> float:
    """How far inside the box's side the outline lies at the side's middle."""
    if kind == "io" and side in (0, 2):
        return 7.5
    if kind == "document" and side == 1:
        return 4.0
    return 0.0


def _ports(item: Item, role: str, kind: str, style: Style, down: bool) -> list[Port]:
    """Where a flow may leave or enter (turned coordinates when `down`)."""
    x0, y0, x1, y1 = item.box
    cx, cy = _snap((x0 + x1) / 2), _snap((y0 + y1) / 2)
    real = {0: 0, 1: 1, 2: 2, 3: 3} if not down else {0: 1, 1: 0, 2: 3, 3: 2}
    dent = [inset(item.node.type, real[s], item.box) for s in range(4)]
    spots = {0: (x1 - dent[0], cy), 1: (cx, y1 - dent[1]), 2: (x0 + dent[2], cy), 3: (cx, y0 + dent[3])}
    diamond = gateway(item.node) or item.node.type == "decision"
    if kind == "message":
        cost = {0: 30, 1: 0, 2: 30, 3: 0}
    elif kind == "association":
        cost = {0: 3, 1: 0, 2: 3, 3: 0}
    elif role == "out":
        cost = {0: 0, 1: 1 if diamond else 9, 2: 30, 3: 3 if diamond else 9}
    else:
        cost = {0: 30, 1: 5 if diamond else 6, 2: 0, 3: 5 if diamond else 6}
    if item.node.attached_to:
        cost = {1: 0}
    if item.node.type in EVENTS and item.label:
        cost.pop(1 if item.label[1] > cy else 3, None)
    out = [Port(spots[s], s, c) for s, c in cost.items()]
    if kind != "sequence" and not diamond and item.node.type not in EVENTS and x1 - x0 > 70:
        for off in (-16, 16):
            out += [Port((cx + off, y1), 1, 1.5), Port((cx + off, y0), 3, 1.5)]
    if item.node.type == "gateway_parallel" and x1 - x0 < 12:  # a fork or join bar
        out = [Port((x1 if s == 0 else x0, _snap(cy + off)), s, 0) for s in (0, 2) for off in range(-32, 33, 32)]
        out = [p for p in out if p.side == (0 if role == "out" else 2)]
    return out


def route(scene: Scene, style: Style, down: bool) -> None:
    """Lay the flows between the boxes of the scene. Raises RuntimeError when one finds no way."""
    diagram = scene.diagram
    fs = label_size(style)
    router = Router(scene.width, scene.height)
    mail: dict[str, list[str]] = defaultdict(list)
    for e in diagram.edges:
        if e.kind == "message":
            mail[e.source].append(e.target)
            mail[e.target].append(e.source)
    for item in scene.items:
        router.block(item.box, 12 if item.box[2] - item.box[0] > 300 else 9)
        if outside(item.node, style, diagram.kind) and item.lines and item.node.type in EVENTS:
            w, h = block(item.lines, style, fs)
            w, h = (h, w) if down else (w, h)
            cx, y1 = item.centre[0], item.box[3]
            if item.node.attached_to:
                continue
            item.label = (cx - w / 2, y1 + 3, cx + w / 2, y1 + 3 + h)
            if any(_height(scene, end) > y1 for end in mail.get(item.node.id, [])) and not down:
                item.label = (cx - w / 2, item.box[1] - 3 - h, cx + w / 2, item.box[1] - 3)
            router.block(item.label, 1)
    for band in scene.bands:
        if band.header:
            router.block(band.header, 4)
        x0, y0, x1, y1 = band.box
        for line in ((x0, y0, x1, y0), (x0, y1, x1, y1)):
            router.avoid(line, 12, 5)
    items = {item.node.id: item for item in scene.items}
    bands = {band.lane.id: band for band in scene.bands}
    rank = {"sequence": 0, "association": 1, "message": 2}

    def ends(end: str, role: str, kind: str, other: str) -> list[Port]:
        if end in items:
            return _ports(items[end], role, kind, style, down)
        x0, y0, x1, y1 = bands[end].box
        cx = items[other].centre[0]
        side, y = (1, y1) if items[other].centre[1] > y1 else (3, y0)
        spots = [_snap(cx + k * STEP) for k in (0, -2, 2, -4, 4, -7, 7, -10, 10)]
        return [Port((x, y), side, abs(x - cx) * 0.1) for x in spots if x0 + 40 < x < x1 - 20]

    def length(e: object) -> float:
        a, b = (items[i].centre if i in items else (0.0, 0.0) for i in (e.source, e.target))  # type: ignore[attr-defined]
        return abs(a[0] - b[0]) + abs(a[1] - b[1])

    ways: dict[str, list[Point]] = {}
    todo = sorted(enumerate(diagram.edges), key=lambda p: (rank[p[1].kind], length(p[1])))
    for number, e in todo:
        way = router.route(
            number, e.source, e.target, ends(e.source, "out", e.kind, e.target), ends(e.target, "in", e.kind, e.source)
        )
        if way is None:
            raise RuntimeError(f"no way from {e.source} to {e.target}")
        ways[e.id] = way
    for e in diagram.edges:
        lines = wrap(e.text, style.font, fs, 130)
        scene.wires.append(Wire(e, ways[e.id], "line", lines, (0, 0, 0, 0) if lines else None))


def _height(scene: Scene, end: str) -> float:
    """Where a node or band lies, by its upper side."""
    boxes = {i.node.id: i.box for i in scene.items} | {b.lane.id: b.box for b in scene.bands}
    return boxes[end][1]


def _turn(scene: Scene) -> None:
    """Swap the axes."""

    def box(b: Box) -> Box:
        return b[1], b[0], b[3], b[2]

    scene.width, scene.height = scene.height, scene.width
    for item in scene.items:
        item.box, item.label = box(item.box), box(item.label) if item.label else None
    for wire in scene.wires:
        wire.points = [(y, x) for x, y in wire.points]
    for band in scene.bands:
        band.box, band.header = box(band.box), box(band.header) if band.header else None


__all__ = ["Lane", "lay_out", "layers", "route"]
