"""The marks inside BPMN's symbols as SVG: what triggers an event, what kind of gateway. Knows nothing of graphs.

Drawn around a centre, in CSS pixels; stroke and colours come from the group around them, `full` marks are filled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from diagram.kinds import NodeType, Trigger

INK: Final = "#22242a"
_SHAPES: Final[dict[Trigger, Sequence[tuple[float, float]]]] = {
    "error": ((-0.5, 0.42), (-0.2, -0.38), (0.16, 0.1), (0.5, -0.46), (0.2, 0.4), (-0.16, -0.08)),
    "signal": ((0, -0.52), (0.52, 0.36), (-0.52, 0.36)),
    "escalation": ((0, -0.54), (0.38, 0.42), (0, 0.05), (-0.38, 0.42)),
    "link": ((-0.52, -0.2), (0.1, -0.2), (0.1, -0.44), (0.54, 0), (0.1, 0.44), (0.1, 0.2), (-0.52, 0.2)),
    "compensation": ((-0.56, 0), (-0.06, -0.36), (-0.06, 0), (0.44, -0.36), (0.44, 0.36), (-0.06, 0), (-0.06, 0.36)),
    "cancel": (
        (-0.44, -0.3), (-0.3, -0.44), (0, -0.14), (0.3, -0.44), (0.44, -0.3), (0.14, 0), (0.44, 0.3), (0.3, 0.44),
        (0, 0.14), (-0.3, 0.44), (-0.44, 0.3), (-0.14, 0),
    ),
    "multiple": tuple((0.55 * math.sin(k * math.tau / 5), -0.55 * math.cos(k * math.tau / 5)) for k in range(5)),
    "parallel_multiple": (
        (-0.12, -0.5), (0.12, -0.5), (0.12, -0.12), (0.5, -0.12), (0.5, 0.12), (0.12, 0.12), (0.12, 0.5),
        (-0.12, 0.5), (-0.12, 0.12), (-0.5, 0.12), (-0.5, -0.12), (-0.12, -0.12),
    ),
}  # fmt: skip
"""Outlines in radii of the event, from its centre."""


def trigger_mark(trigger: Trigger, x: float, y: float, radius: float, *, full: bool) -> Iterator[str]:
    """What triggers an event of this radius. full: as an event that throws draws it."""
    if trigger == "terminate":
        yield f'<circle cx="{x:g}" cy="{y:g}" r="{radius * 0.58:g}" fill="{INK}"/>'
    elif trigger == "message":
        w, h = radius * 0.5, radius * 0.34
        back, front = (INK, "#ffffff") if full else ("#ffffff", INK)
        yield _outline([(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)], back)
        yield _line([(x - w, y - h), (x, y + h * 0.2), (x + w, y - h)], front)
    elif trigger == "timer":
        r = radius * 0.6
        yield f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="#ffffff" stroke-width="1.2"/>'
        for k in range(12):
            a = k * math.pi / 6
            start, end = (
                (x + r * 0.78 * math.cos(a), y + r * 0.78 * math.sin(a)),
                (x + r * math.cos(a), y + r * math.sin(a)),
            )
            yield _line([start, end])
        yield _line([(x + r * 0.15, y - r * 0.65), (x, y), (x + r * 0.5, y)])
    elif trigger == "conditional":
        w, h = radius * 0.4, radius * 0.5
        yield _outline([(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)], "#ffffff")
        for share in (-0.5, 0.0, 0.5):
            yield _line([(x - w * 0.7, y + h * share), (x + w * 0.7, y + h * share)])
    else:
        yield _outline([(x + a * radius, y + b * radius) for a, b in _SHAPES[trigger]], INK if full else "#ffffff")


def gateway_mark(kind: NodeType, x: float, y: float, radius: float) -> Iterator[str]:
    """What is in a gateway whose diamond is this far from its centre to a corner."""
    q = radius * 0.36
    if kind in ("gateway_parallel", "gateway_complex"):
        yield _line([(x - q * 1.2, y), (x + q * 1.2, y)], width=3)
        yield _line([(x, y - q * 1.2), (x, y + q * 1.2)], width=3)
    if kind in ("gateway_exclusive", "gateway_complex"):
        d = q * 0.88
        yield _line([(x - d, y - d), (x + d, y + d)], width=3)
        yield _line([(x - d, y + d), (x + d, y - d)], width=3)
    if kind == "gateway_inclusive":
        yield f'<circle cx="{x:g}" cy="{y:g}" r="{q * 1.2:g}" stroke-width="2.5"/>'
    if kind == "gateway_event":
        for ring in (1.45 * q, 1.15 * q):
            yield f'<circle cx="{x:g}" cy="{y:g}" r="{ring:g}" stroke-width="1.2"/>'
        corners = [
            (x + q * 0.8 * math.sin(k * math.tau / 5), y - q * 0.8 * math.cos(k * math.tau / 5)) for k in range(5)
        ]
        yield _outline(corners, "none")


def _outline(points: Sequence[tuple[float, float]], fill: str) -> str:
    return f'<path d="{_data(points)}Z" fill="{fill}" stroke-width="1.2"/>'


def _line(points: Sequence[tuple[float, float]], stroke: str = INK, width: float = 1.2) -> str:
    return f'<path d="{_data(points)}" fill="none" stroke="{stroke}" stroke-width="{width:g}"/>'


def _data(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.2f},{y:.2f}" for x, y in points)
