"""Draw what was read over the picture it was read from: nodes, flows, lanes and step numbers.

In: the uploaded image and its description (boxes in pixels of that image). Out: a new RGB image. Small pictures are
enlarged so that numbers stay readable, huge ones reduced. Knows nothing of how the graph was found.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from diagram.kinds import FAMILY, EdgeKind, Family
from diagram.model import Box, Description, Edge, Point

Colour = tuple[int, int, int]

NODE_COLOURS: Final[Mapping[Family, Colour]] = {
    "task": (0, 92, 197),
    "event": (18, 128, 62),
    "gateway": (178, 84, 0),
    "data": (111, 66, 193),
    "annotation": (111, 66, 193),
}
EDGE_COLOURS: Final[Mapping[EdgeKind, Colour]] = {
    "sequence": (215, 0, 64),
    "message": (0, 134, 139),
    "association": (128, 128, 128),
}
LANE_COLOUR: Final[Colour] = (90, 99, 110)
_LEAST_SIDE, _MOST_PIXELS = 1000, 25_000_000


def draw_overlay(image: Image.Image, found: Description) -> Image.Image:
    """The picture, faded, with the description's graph over it. RGB, scaled as needed to be readable."""
    scale = _scale(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    paper = Image.new("RGB", size, "white")
    rgba = image.convert("RGBA") if image.has_transparency_data else image.convert("RGB")
    resized = rgba if size == image.size else rgba.resize(size, Image.Resampling.LANCZOS)
    if resized.mode == "RGBA":
        paper.paste(resized, mask=resized.getchannel("A"))
    else:
        paper.paste(resized)
    canvas = Image.blend(paper, Image.new("RGB", size, "white"), 0.35)

    pen = ImageDraw.Draw(canvas)
    unit = _unit(found, scale)
    width = max(2, round(unit / 14))
    font = _font(max(11.0, unit * 0.55))
    numbers = _numbers(found)

    for lane in found.diagram.lanes:
        if lane.bbox is not None:
            box = _scaled(lane.bbox, scale)
            pen.rectangle(box, outline=LANE_COLOUR, width=max(1, width // 2))
    centres = {node.id: _centre(node.bbox) for node in found.diagram.nodes if node.bbox}
    centres |= {lane.id: _centre(lane.bbox) for lane in found.diagram.lanes if lane.bbox}
    for edge in found.diagram.edges:
        points = [(x * scale, y * scale) for x, y in _way(edge, centres)]
        if len(points) >= 2:
            colour = EDGE_COLOURS[edge.kind]
            _line(pen, points, colour, width, dashed=edge.kind != "sequence")
            _head(pen, points, colour, max(6.0, unit * 0.4))
    for node in found.diagram.nodes:
        if node.bbox is None:
            continue
        colour = NODE_COLOURS[FAMILY[node.type]]
        box = _scaled(node.bbox, scale)
        pen.rectangle(box, outline=colour, width=width)
        if node.id in numbers:
            _badge(pen, (box[0], box[1]), numbers[node.id], colour, font)
    return canvas


def png(image: Image.Image) -> bytes:
    """The image as PNG."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=3)
    return out.getvalue()


def _scale(size: tuple[int, int]) -> float:
    width, height = size
    if width * height > _MOST_PIXELS:
        return math.sqrt(_MOST_PIXELS / (width * height))
    return min(3.0, max(1.0, _LEAST_SIDE / max(width, height)))


def _unit(found: Description, scale: float) -> float:
    """A length in overlay pixels that suits the drawing: about half the height of its usual node."""
    heights = sorted(node.bbox[3] - node.bbox[1] for node in found.diagram.nodes if node.bbox)
    middle = heights[len(heights) // 2] if heights else 40.0
    return min(60.0, max(16.0, middle * scale * 0.45))


def _numbers(found: Description) -> dict[str, str]:
    numbers: dict[str, str] = {}
    for step in found.steps:
        numbers.setdefault(step.node, step.number)
    return numbers


def _scaled(box: Box, scale: float) -> Box:
    return box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale


def _centre(box: Box) -> Point:
    x0, y0, x1, y1 = box
    return (x0 + x1) / 2, (y0 + y1) / 2


def _way(edge: Edge, centres: Mapping[str, Point]) -> Sequence[Point]:
    """The drawn way of a flow; a straight line between its ends where none is known."""
    if len(edge.points) >= 2:
        return edge.points
    if edge.source in centres and edge.target in centres:
        return centres[edge.source], centres[edge.target]
    return ()


def _line(pen: ImageDraw.ImageDraw, points: Sequence[Point], colour: Colour, width: int, *, dashed: bool) -> None:
    if not dashed:
        pen.line(list(points), fill=colour, width=width, joint="curve")
        return
    dash = 4.0 * width
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0)
        for i in range(0, math.ceil(length / dash), 2):
            a, b = i * dash / length, min(1.0, (i + 1) * dash / length)
            ends = [(x0 + (x1 - x0) * a, y0 + (y1 - y0) * a), (x0 + (x1 - x0) * b, y0 + (y1 - y0) * b)]
            pen.line(ends, fill=colour, width=width)


def _head(pen: ImageDraw.ImageDraw, points: Sequence[Point], colour: Colour, size: float) -> None:
    """A filled triangle at the last point, along the last stretch that is long enough to have a direction."""
    tip = points[-1]
    tail = next((p for p in reversed(points[:-1]) if math.dist(p, tip) >= size / 2), points[0])
    length = math.dist(tail, tip)
    if length == 0:
        return
    ux, uy = (tip[0] - tail[0]) / length, (tip[1] - tail[1]) / length
    base = (tip[0] - ux * size, tip[1] - uy * size)
    side = size * 0.45
    pen.polygon([tip, (base[0] - uy * side, base[1] + ux * side), (base[0] + uy * side, base[1] - ux * side)], colour)


def _badge(
    pen: ImageDraw.ImageDraw,
    corner: Point,
    text: str,
    colour: Colour,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """White on colour, its lower right corner a little inside the node's upper left one, never off the picture."""
    x0, y0, x1, y1 = pen.textbbox((0, 0), text, font=font)
    pad = max(2.0, (y1 - y0) * 0.25)
    width, height = x1 - x0 + 2 * pad, y1 - y0 + 2 * pad
    left, top = max(0.0, corner[0] - width * 0.5), max(0.0, corner[1] - height * 0.5)
    pen.rounded_rectangle((left, top, left + width, top + height), radius=pad, fill=colour)
    pen.text((left + pad - x0, top + pad - y0), text, fill="white", font=font)


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in ("DejaVuSans-Bold.ttf", "DejaVuSans.ttf", "LiberationSans-Bold.ttf"):
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)
