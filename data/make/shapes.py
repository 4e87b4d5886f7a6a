"""Outlines of node types and their marks as polylines, and the wobble of a hand. No colours, no SVG."""

from __future__ import annotations

import math
from random import Random

from diagram.model import Box, Point

Line = list[Point]


def arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float, n: int = 10) -> Line:
    """Points of an arc; angles in degrees, clockwise on the page."""
    steps = [math.radians(start + (end - start) * k / n) for k in range(n + 1)]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in steps]


def ellipse(box: Box, n: int = 40) -> Line:
    """A closed ellipse."""
    x0, y0, x1, y1 = box
    return arc((x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2, 0, 360, n)


def rounded(box: Box, radius: float) -> Line:
    """A closed rectangle with round corners."""
    x0, y0, x1, y1 = box
    r = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    if r < 0.5:
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    out = arc(x0 + r, y0 + r, r, r, 180, 270) + arc(x1 - r, y0 + r, r, r, 270, 360)
    out += arc(x1 - r, y1 - r, r, r, 0, 90) + arc(x0 + r, y1 - r, r, r, 90, 180)
    return [*out, out[0]]


def diamond(box: Box) -> Line:
    """A closed diamond."""
    x0, y0, x1, y1 = box
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    return [(cx, y0), (x1, cy), (cx, y1), (x0, cy), (cx, y0)]


def outline(kind: str, box: Box, radius: float, terminator: str = "stadium") -> tuple[Line, list[Line]]:
    """The closed outline of a node type and the lines inside it that belong to the symbol."""
    x0, y0, x1, y1 = box
    w, h = x1 - x0, y1 - y0
    if kind.endswith("event") or kind == "connector":
        return ellipse(box), []
    if kind == "decision" or kind.startswith("gateway"):
        return diamond(box), []
    if kind == "terminator":
        if terminator == "ellipse":
            return ellipse(box), []
        return rounded(box, h / 2 if terminator == "stadium" else h / 3), []
    if kind == "io":
        return [(x0 + 15, y0), (x1, y0), (x1 - 15, y1), (x0, y1), (x0 + 15, y0)], []
    if kind == "document":
        wave = [(x1 - w * k / 24, y1 - 6 - 5 * math.sin(2 * math.pi * k / 24)) for k in range(25)]
        wave = [(x, y + 1) for x, y in wave]
        return [(x0, y0), (x1, y0), *wave, (x0, y0)], []
    if kind == "predefined_process":
        return rounded(box, 0), [[(x0 + 8, y0), (x0 + 8, y1)], [(x1 - 8, y0), (x1 - 8, y1)]]
    if kind == "data_object":
        f = min(12, w / 3)
        body = [(x0, y0), (x1 - f, y0), (x1, y0 + f), (x1, y1), (x0, y1), (x0, y0)]
        return body, [[(x1 - f, y0), (x1 - f, y0 + f), (x1, y0 + f)]]
    if kind == "data_store":
        r = h * 0.14
        top = arc(x0 + w / 2, y0 + r, w / 2, r, 180, 360, 16)
        low = arc(x0 + w / 2, y1 - r, w / 2, r, 0, 180, 16)
        rings = [arc(x0 + w / 2, y0 + r + k, w / 2, r, 180, 0, 16) for k in (0, 4, 8)]
        return [*top, *low, top[0]], rings
    if kind == "annotation":
        return [(x0 + 10, y0), (x0, y0), (x0, y1), (x0 + 10, y1)], []
    if kind == "process" or (kind == "gateway_parallel" and min(w, h) < 12):
        return rounded(box, radius), []
    return rounded(box, radius), []


def rough(line: Line, wobble: float, rng: Random) -> Line:
    """One stroke of an unsteady hand along the line; ends overshoot a little."""
    out: Line = []
    phase, drift = rng.uniform(0, 6), rng.uniform(-0.5, 0.5) * wobble
    travelled = 0.0
    for (ax, ay), (bx, by) in zip(line, line[1:], strict=False):
        length = math.hypot(bx - ax, by - ay)
        if length < 0.01:
            continue
        nx, ny = -(by - ay) / length, (bx - ax) / length
        n = max(1, int(length / 14))
        for k in range(n + (1 if (bx, by) == line[-1] else 0)):
            t = k / n
            off = drift + wobble * 0.7 * math.sin(phase + (travelled + t * length) / 23) + rng.gauss(0, wobble * 0.18)
            out.append((ax + (bx - ax) * t + nx * off, ay + (by - ay) * t + ny * off))
        travelled += length
    return out or line


def envelope(box: Box) -> list[Line]:
    """A letter."""
    x0, y0, x1, y1 = box
    return [rounded(box, 0), [(x0, y0), ((x0 + x1) / 2, y0 + (y1 - y0) * 0.6), (x1, y0)]]


def event_icon(trigger: str, box: Box) -> tuple[list[Line], bool]:
    """Lines of an event's mark in its circle and whether they are closed shapes that a throw event fills."""
    x0, y0, x1, y1 = box
    w = x1 - x0
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    if trigger == "message":
        return envelope((x0 + w * 0.25, y0 + w * 0.33, x1 - w * 0.25, y1 - w * 0.33)), True
    if trigger == "timer":
        r = w * 0.3
        ticks = [
            [(cx + r * 0.8 * math.cos(a), cy + r * 0.8 * math.sin(a)), (cx + r * math.cos(a), cy + r * math.sin(a))]
            for a in (k * math.pi / 6 for k in range(12))
        ]
        face = ellipse((cx - r, cy - r, cx + r, cy + r), 28)
        return [face, *ticks, [(cx + r * 0.15, cy - r * 0.7), (cx, cy), (cx + r * 0.5, cy)]], False
    if trigger == "error":
        return [
            [(cx - w * 0.25, cy + w * 0.2), (cx - w * 0.1, cy - w * 0.18), (cx + w * 0.08, cy + w * 0.05),
             (cx + w * 0.25, cy - w * 0.22), (cx + w * 0.1, cy + w * 0.2), (cx - w * 0.08, cy - w * 0.03),
             (cx - w * 0.25, cy + w * 0.2)]
        ], True  # fmt: skip
    if trigger == "signal":
        return [
            [(cx, cy - w * 0.25), (cx + w * 0.26, cy + w * 0.18), (cx - w * 0.26, cy + w * 0.18), (cx, cy - w * 0.25)]
        ], True
    if trigger == "escalation":
        return [
            [(cx, cy - w * 0.26), (cx + w * 0.18, cy + w * 0.2), (cx, cy + w * 0.02), (cx - w * 0.18, cy + w * 0.2),
             (cx, cy - w * 0.26)]
        ], True  # fmt: skip
    if trigger == "conditional":
        page = (cx - w * 0.2, cy - w * 0.24, cx + w * 0.2, cy + w * 0.24)
        return [
            rounded(page, 0),
            *[[(page[0] + 3, page[1] + k), (page[2] - 3, page[1] + k)] for k in (4, 8, 12)],
        ], False
    if trigger == "link":
        return [
            [(cx - w * 0.25, cy - w * 0.1), (cx + w * 0.05, cy - w * 0.1), (cx + w * 0.05, cy - w * 0.22),
             (cx + w * 0.27, cy), (cx + w * 0.05, cy + w * 0.22), (cx + w * 0.05, cy + w * 0.1),
             (cx - w * 0.25, cy + w * 0.1), (cx - w * 0.25, cy - w * 0.1)]
        ], True  # fmt: skip
    return [], False


def task_icon(kind: str, x: float, y: float) -> list[Line]:
    """The mark of a task kind in a 14-pixel square at the place."""
    if kind == "user":
        return [ellipse((x + 4, y, x + 11, y + 7), 20), [*arc(x + 7.5, y + 14, 7, 7, 180, 360), (x + 0.5, y + 14)]]
    if kind in ("send", "receive"):
        return envelope((x, y + 2, x + 16, y + 13))
    if kind == "service":
        teeth = []
        for k in range(33):
            r = 7 if k % 4 < 2 else 5.2
            teeth.append((x + 7 + r * math.cos(k * math.pi / 16), y + 7 + r * math.sin(k * math.pi / 16)))
        return [teeth, ellipse((x + 4.5, y + 4.5, x + 9.5, y + 9.5), 16)]
    if kind == "script":
        return [rounded((x + 1, y, x + 12, y + 14), 2), *[[(x + 3, y + k), (x + 10, y + k)] for k in (3, 6, 9, 12)]]
    if kind == "rule":
        return [rounded((x, y, x + 15, y + 12), 0), [(x, y + 4), (x + 15, y + 4)], [(x, y + 8), (x + 15, y + 8)],
                [(x + 5, y + 4), (x + 5, y + 12)]]  # fmt: skip
    if kind == "manual":
        return [[(x, y + 4), (x + 6, y + 1), (x + 8, y + 3), (x + 15, y + 3), (x + 15, y + 5), (x + 9, y + 5),
                 (x + 15, y + 7), (x + 14, y + 9), (x + 13, y + 12), (x, y + 12), (x, y + 4)]]  # fmt: skip
    return []
