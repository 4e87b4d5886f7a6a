"""What the stages of the reader hand to each other. All coordinates are *page* pixels: `Page.rgb` columns and rows.

`Page.to_source` maps page pixels to the pixels of the uploaded image; only `assemble` applies it. Boxes are
`(x0, y0, x1, y1)`, end exclusive. Arrays are never written to after they are handed on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

Outline = Literal[
    "rectangle", "rounded", "stadium", "diamond", "circle", "ellipse", "parallelogram", "cylinder", "document",
    "page", "hexagon", "trapezoid", "bracket", "bar", "barred", "polygon",
]  # fmt: skip
"""`page`: a sheet with a folded corner; `document`: a box with a wavy bottom; `bar`: a filled fork/join bar;
`barred`: a rectangle with double side bars (ISO 5807 predefined process)."""


@dataclass(frozen=True, slots=True)
class Page:
    """The prepared picture: dark on light, upright, scaled so that text lines are about `unit` pixels high.

    rgb: (H, W, 3) uint8; gray: (H, W) uint8; background: its light paper colour.
    unit: median height of a text line (ascender to descender) in page pixels; the length unit of all later stages.
    to_source: (2, 3), page (x, y, 1) -> uploaded pixels. source_size: (width, height) of the upload.
    """

    rgb: Bytes
    gray: Bytes
    background: tuple[int, int, int]
    unit: float
    to_source: Floats
    source_size: tuple[int, int]
    inverted: bool = False
    photo: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in page pixels."""
        return self.gray.shape[1], self.gray.shape[0]


@dataclass(frozen=True, slots=True)
class Word:
    """One word as read. confidence in [0, 1] as the recogniser measured it."""

    text: str
    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class TextLine:
    """One printed line. `turn` is the rotation that was undone to read it, counter-clockwise degrees: 0, 90 or 270."""

    text: str
    box: Box
    confidence: float
    words: tuple[Word, ...] = ()
    turn: Literal[0, 90, 270] = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """One drawn symbol that may become a node.

    contour: (n, 2) float64, outer border, page pixels. stroke: border thickness in page pixels (0: filled, no border).
    double: two concentric borders (BPMN intermediate events). filled: inside is as dark as ink.
    confidence: how well the ink fits the outline, in [0, 1]. icon: what is drawn inside ("timer", "parallel", ...), as
    `vision.icons` names it.
    """

    outline: Outline
    box: Box
    contour: Floats
    stroke: float
    confidence: float
    dashed: bool = False
    double: bool = False
    filled: bool = False
    fill: tuple[int, int, int] | None = None
    icon: str | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """A frame with symbols inside: a pool or lane (`header`: the strip with its name), an expanded sub-process, a
    group. `parent` indexes the list of containers. `upright`: lanes run top to bottom (name on top)."""

    kind: Literal["pool", "lane", "subprocess", "group"]
    box: Box
    header: Box | None = None
    parent: int | None = None
    upright: bool = False
    confidence: float = 1.0
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything with an outline. `shapes[i].box` lie inside containers or on the page. grounds: small patches without
    a border that flows run beneath, most of them behind the label of a flow."""

    shapes: tuple[Shape, ...] = ()
    containers: tuple[Container, ...] = ()
    grounds: tuple[Box, ...] = ()


End = tuple[Literal["shape", "container"], int]


@dataclass(frozen=True, slots=True)
class Connector:
    """One traced line, from `source` to `target` as its head tells; None: that end touches nothing.

    points: (n, 2) float64 polyline, page pixels, source first. head / tail: the marks at the target / source end.
    confidence: measured from ink coverage along the way, in [0, 1].
    """

    points: Floats
    source: End | None
    target: End | None
    style: Literal["solid", "dashed", "dotted"] = "solid"
    head: Literal["none", "filled", "hollow", "open"] = "none"
    tail: Literal["none", "circle", "slash", "diamond"] = "none"
    stroke: float = 1.0
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was seen on a page, before it is named."""

    lines: tuple[TextLine, ...] = ()
    scene: Scene = field(default_factory=Scene)
    connectors: tuple[Connector, ...] = ()
    warnings: tuple[str, ...] = ()
