"""How large each node must be for its text in a given style. Pixels of the drawing."""

from __future__ import annotations

from diagram.kinds import EVENTS
from diagram.model import Node
from style import Style
from text import widest, wrap

LINE = 1.2  # line height as a multiple of the font size


def label_size(style: Style) -> float:
    """Font size of labels outside boxes."""
    return style.label_size or style.size


def block(lines: tuple[str, ...], style: Style, size: float) -> tuple[float, float]:
    """Width and height of lines of text."""
    return widest(lines, style.font, size), len(lines) * size * LINE


def gateway(node: Node) -> bool:
    """A small BPMN diamond with its text outside."""
    return node.type.startswith("gateway")


def outside(node: Node, style: Style, kind: str) -> bool:
    """Whether the text stands outside the shape."""
    if kind == "flowchart":
        return node.type in EVENTS or gateway(node) or (node.type == "decision" and style.outside)
    return node.type in EVENTS or gateway(node) or node.type in ("data_object", "data_store")


def size(node: Node, style: Style, kind: str) -> tuple[float, float, tuple[str, ...]]:
    """Width and height of the node's shape and its wrapped text (inside or outside)."""
    f, s = style.font, style.size
    if outside(node, style, kind):
        lines = wrap(node.text, f, label_size(style), 125 if kind == "flowchart" else 104)
        if node.type in EVENTS:
            return (36, 36, lines) if kind == "bpmn" else (26, 26, lines)
        if node.type == "data_object":
            return 38, 50, lines
        if node.type == "data_store":
            return 52, 48, lines
        if kind == "flowchart" and node.type == "gateway_parallel":
            return 150, 7, lines
        return (48, 48, lines) if kind == "bpmn" else (38, 38, lines)
    if node.type == "decision":
        lines = wrap(node.text, f, s, style.task_width * 0.85)
        w, h = block(lines, style, s)
        # a w×h block fits a W×H diamond when w/W + h/H <= 1
        return max(110, w * 1.62 + 26), max(70, h * 2.5 + 14), lines
    lines = wrap(node.text, f, s, style.task_width - 2 * style.pad)
    w, h = block(lines, style, s)
    width, height = max(style.task_width, w + 2 * style.pad), max(style.task_height or 44, h + 2 * style.pad)
    if node.type == "terminator":
        width = max(110, w + 2 * style.pad + height * (0.5 if style.terminator != "ellipse" else 0.9))
        height = max(38, h + 1.4 * style.pad) * (1.2 if style.terminator == "ellipse" else 1)
    elif node.type == "io":
        width += 30
    elif node.type == "document":
        height += 12
    elif node.type == "predefined_process":
        width += 16
    elif node.type == "subprocess":
        height = max(height, h + 2 * style.pad + 16)
    elif node.type == "annotation":
        width, height = w + 14, h + 10
    elif node.type == "connector":
        width = height = max(34, w + 14)
    elif kind == "bpmn" and style.icons:
        height = max(height, h + 2 * style.pad + 8)
    return width, height, lines
