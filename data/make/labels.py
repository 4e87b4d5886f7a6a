"""Where labels beside flows and outside shapes go: the candidate place that covers least. Also the count of faults."""

from __future__ import annotations

from diagram.kinds import EVENTS
from diagram.model import Box, Point
from measure import block, label_size
from scene import Item, Scene, Wire, flatten
from style import Style


def place_labels(scene: Scene, style: Style) -> None:
    """Give every empty label box `(0, 0, 0, 0)` its place."""
    fs = label_size(style)
    placed: list[Box] = [i.label for i in scene.items if i.label and any(i.label)]
    for item in scene.items:
        if item.node.attached_to and item.lines:
            item.label = (0, 0, 0, 0)
        if item.label is not None and not any(item.label):
            w, h = block(item.lines, style, fs)
            item.label = min(_around(item, w, h), key=lambda c: c[0] + _cost(c[1], scene, placed, None))[1]
            placed.append(item.label)
    for wire in scene.wires:
        if wire.label is not None and not any(wire.label):
            w, h = block(wire.lines, style, fs)
            options = _along(wire, w + 4, h + 2, style.label_place)
            wire.label = min(
                options,
                key=lambda c: c[0] + _cost(c[1], scene, placed, wire if style.label_place != "beside" else None),
            )[1]
            placed.append(wire.label)


def _around(item: Item, w: float, h: float) -> list[tuple[float, Box]]:
    x0, y0, x1, y1 = item.box
    cx, cy = item.centre
    below, above = (cx - w / 2, y1 + 3, cx + w / 2, y1 + 3 + h), (cx - w / 2, y0 - 3 - h, cx + w / 2, y0 - 3)
    ur, ul = (x1 - 8, y0 - h + 6, x1 - 8 + w, y0 + 6), (x0 + 8 - w, y0 - h + 6, x0 + 8, y0 + 6)
    lr, ll = (x1 - 8, y1 - 4, x1 - 8 + w, y1 - 4 + h), (x0 + 8 - w, y1 - 4, x0 + 8, y1 - 4 + h)
    right, left = (x1 + 4, cy - h / 2, x1 + 4 + w, cy + h / 2), (x0 - 4 - w, cy - h / 2, x0 - 4, cy + h / 2)
    if item.node.attached_to:
        beside = [(cx + 6, y1 + 3, cx + 6 + w, y1 + 3 + h), (cx - 6 - w, y1 + 3, cx - 6, y1 + 3 + h)]
        return [(k * 1.5, box) for k, box in enumerate([*beside, right, left, below])]
    first = [below, above] if item.node.type in EVENTS or item.node.type.startswith("data") else [above, below]
    return [(k * 1.5, box) for k, box in enumerate([*first, ur, lr, ul, ll, right, left])]


def _along(wire: Wire, w: float, h: float, place: str) -> list[tuple[float, Box]]:
    out: list[tuple[float, Box]] = []
    points = flatten(wire)
    for k, (a, b) in enumerate(zip(points, points[1:], strict=False)):
        far = k * 4.0
        flat = abs(a[1] - b[1]) < 0.5
        length = abs(a[0] - b[0]) + abs(a[1] - b[1])
        for t in (0.5, 0.3, 0.7):
            x, y = a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t
            if place != "beside":
                tight = max(0.0, (w if flat else h) + 16 - length)
                out.append((far + abs(t - 0.5) * 4 + tight * 2, (x - w / 2, y - h / 2, x + w / 2, y + h / 2)))
        if place == "beside" or length < 30:
            for t in (12.0, max(12.0, length / 2 - w / 2)):
                if flat:
                    x = a[0] + t if b[0] > a[0] else a[0] - t - w
                    out.append((far + (0 if t == 12 else 1), (x, a[1] - h - 2, x + w, a[1] - 2)))
                    out.append((far + 1.5, (x, a[1] + 3, x + w, a[1] + h + 3)))
            for t in (8.0, max(8.0, length / 2 - h / 2)):
                if not flat:
                    y = a[1] + t if b[1] > a[1] else a[1] - t - h
                    out.append((far + 0.5, (a[0] + 5, y, a[0] + 5 + w, y + h)))
                    out.append((far + 1.5, (a[0] - 5 - w, y, a[0] - 5, y + h)))
    return out


def _overlap(a: Box, b: Box) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return w * h if w > 0 and h > 0 else 0.0


def _covered(box: Box, item: Item) -> float:
    """Area of the box over the item's shape; a diamond's empty corners do not count."""
    x0, y0, x1, y1 = item.box
    area = _overlap(box, item.box)
    diamond = item.node.type == "decision" or item.node.type.startswith("gateway")
    if not area or not diamond or min(x1 - x0, y1 - y0) < 12:
        return area
    cx, cy = item.centre
    dx, dy = cx - min(max(cx, box[0]), box[2]), cy - min(max(cy, box[1]), box[3])
    return area if abs(dx) / (x1 - x0) + abs(dy) / (y1 - y0) < 0.53 else 0.0


def _shared(one: list[Point], two: list[Point]) -> float:
    """Length that two orthogonal ways run on top of each other."""
    most = 0.0
    for a, b in zip(one, one[1:], strict=False):
        for p, q in zip(two, two[1:], strict=False):
            for i, j in ((0, 1), (1, 0)):
                if max(abs(v[j] - a[j]) for v in (b, p, q)) < 3:
                    most = max(most, min(max(a[i], b[i]), max(p[i], q[i])) - max(min(a[i], b[i]), min(p[i], q[i])))
    return most


def cuts(box: Box, a: Point, b: Point) -> bool:
    """Whether the segment passes through the box (Liang–Barsky)."""
    t0, t1 = 0.0, 1.0
    dx, dy = b[0] - a[0], b[1] - a[1]
    for p, q in ((-dx, a[0] - box[0]), (dx, box[2] - a[0]), (-dy, a[1] - box[1]), (dy, box[3] - a[1])):
        if p == 0:
            if q <= 0:
                return False
        elif p < 0:
            t0 = max(t0, q / p)
        else:
            t1 = min(t1, q / p)
    return t0 < t1


def _cost(box: Box, scene: Scene, placed: list[Box], own: Wire | None) -> float:
    cost = 0.0
    grown = (box[0] - 2, box[1] - 1, box[2] + 2, box[3] + 1)
    for item in scene.items:
        if item.kind == "box":
            continue
        if area := _covered(grown, item):
            cost += 200 + area
    for other in placed:
        if _overlap(grown, other) > 0:
            cost += 200 + _overlap(grown, other)
    for wire in scene.wires:
        if wire is own:
            continue
        points = flatten(wire)
        cost += 120 * sum(cuts(box, a, b) for a, b in zip(points, points[1:], strict=False))
    for band in scene.bands:
        x0, y0, x1, y1 = band.box
        if band.header and _overlap(grown, band.header) > 0:
            cost += 200
        for y in (y0, y1):
            if box[1] < y < box[3] and x0 < box[2] and box[0] < x1:
                cost += 50
        for x in (x0, x1):
            if box[0] < x < box[2] and y0 < box[3] and box[1] < y1:
                cost += 50
    if box[0] < 2 or box[1] < 2 or box[2] > scene.width + 40 or box[3] > scene.height + 20:
        cost += 300
    return cost


def faults(scene: Scene, style: Style) -> list[str]:
    """What a person would not have drawn: flows through foreign nodes, labels over nodes, labels or flows."""
    out: list[str] = []
    labels: list[tuple[str, Box, Wire | None]] = [
        (f"label of {i.node.id}", i.label, None) for i in scene.items if i.label and i.lines
    ]
    labels += [(f"label of {w.edge.id}", w.label, w) for w in scene.wires if w.label and w.lines]
    for wire in scene.wires:
        points = flatten(wire)
        own = {wire.edge.source, wire.edge.target}
        for item in scene.items:
            if item.node.id in own or item.node.attached_to in own or item.kind == "box":
                continue
            if any(item.node.id == o.node.attached_to for o in scene.items if o.node.id in own):
                continue
            box = (item.box[0] + 1, item.box[1] + 1, item.box[2] - 1, item.box[3] - 1)
            if any(cuts(box, a, b) for a, b in zip(points, points[1:], strict=False)):
                out.append(f"{wire.edge.id} passes {item.node.id}")
        for name, box, label_wire in labels:
            if label_wire is wire and style.label_place != "beside":
                continue
            inner = (box[0] + 2, box[1] + 2, box[2] - 2, box[3] - 2)
            if any(cuts(inner, a, b) for a, b in zip(points, points[1:], strict=False)):
                out.append(f"{wire.edge.id} crosses the {name}")
    for k, one in enumerate(scene.wires):
        for two in scene.wires[k + 1 :]:
            if one.edge.source == two.edge.source or one.edge.target == two.edge.target:
                continue
            if one.curve == two.curve == "line" and _shared(one.points, two.points) > 5:
                out.append(f"{one.edge.id} runs along {two.edge.id}")
    for k, (name, box, _) in enumerate(labels):
        for item in scene.items:
            if item.kind != "box" and _covered((box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1), item) > 4:
                out.append(f"{name} covers {item.node.id}")
        for band in scene.bands:
            for y in (band.box[1], band.box[3]):
                if (
                    box[1] + 2 < y < box[3] - 2
                    and band.box[0] < box[2]
                    and box[0] < band.box[2]
                    and style.label_place == "beside"
                ):
                    out.append(f"{name} lies on the border of {band.lane.id}")
        for other, other_box, _ in labels[k + 1 :]:
            if _overlap(box, other_box) > 4:
                out.append(f"{name} covers the {other}")
    return out
