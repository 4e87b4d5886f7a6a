"""Outlines drawn as several faces: cylinders with their lid, boxes with bars at both sides.

Decides from the boxes of faces, in page pixels; reads no pixels but a mask around a lid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from vision.boxes import share, size
from vision.parts import Box, Bytes, Floats, Outline, Shape
from vision.regions import Region

BAR = 1.7  # units; the bars at the sides of a box are no wider
BODIES: frozenset[Outline] = frozenset({"rectangle", "rounded", "document", "cylinder"})
BESIDE = 0.4  # units between a box and its bars, at most: the line between them


def lidded(contour: Floats, regions: Sequence[Region]) -> Floats:
    """The body of a cylinder together with the flat faces (lid, rings) right above it."""
    (x0, y0), (x1, y1) = contour.min(0), contour.max(0)
    width, top = x1 - x0, y0
    flat = [
        r
        for r in regions
        if abs(r.left - x0) < 0.15 * width
        and abs(r.left + r.width - x1) < 0.15 * width
        and r.top + r.height < y1
        and r.height < 0.6 * width
    ]
    for _ in range(4):
        above = [r.top for r in flat if abs(r.top + r.height - top) < 0.35 * width and r.top < top - 2]
        if not above:
            break
        top = float(min(above))
    return np.concatenate([contour, [(x0, top), (x1, top)]]) if top < y0 else contour


def barred(contour: Floats, regions: Sequence[Region], unit: float) -> Floats | None:
    """The corners of a box together with the bars at both its sides, as high as it is; None where there are none."""
    (x0, y0), (x1, y1) = contour.min(0), contour.max(0)
    slack = max(3.0, 0.12 * (y1 - y0))
    bars = [
        r
        for r in regions
        if abs(r.top - y0) < slack
        and abs(r.top + r.height - y1) < slack
        and r.width < min(BAR * unit, 0.25 * (x1 - x0), r.height)
    ]
    left = [r for r in bars if abs(r.left + r.width - x0) < BESIDE * unit]
    right = [r for r in bars if abs(r.left - x1) < BESIDE * unit]
    if not left or not right or abs(left[0].width - right[0].width) > 0.3 * max(left[0].width, right[0].width) + 2:
        return None
    low, high = float(left[0].left), float(right[0].left + right[0].width)
    return np.array([(low, y0), (high, y0), (high, y1), (low, y1)])


def store(piece: Region, mask: Bytes, faces: Sequence[Shape]) -> Shape | None:
    """The cylinder whose body is a face at the bottom of the piece and whose lid is too flat for one."""
    width, height = piece.width, piece.height
    x0, y0 = float(piece.left), float(piece.top)
    box = (x0, y0, x0 + width, y0 + height)
    rim = (max(1, width // 24), max(1, height // 24))
    corners = [mask[piece.top + rim[1], x] for x in (piece.left + rim[0], piece.left + width - 1 - rim[0])]
    if any(corners):  # not rounded on top
        return None
    for face in faces:
        if face.outline not in ("rectangle", "rounded") or share(face.box, box) < 0.8:
            continue
        sides = max(abs(face.box[0] - box[0]), abs(face.box[2] - box[2]))
        lid = (face.box[1] - y0) / height
        if sides < 0.15 * width and abs(face.box[3] - box[3]) < 0.15 * height and 0.15 < lid < 0.65:
            return replace(face, outline="cylinder", box=box, contour=piece.contour)
    return None


def with_lids(faces: Sequence[Shape]) -> list[Shape]:
    """The faces; a box right under an ellipse as wide as itself becomes a cylinder with that lid."""
    lids = [f for f in faces if f.outline == "ellipse" and size(f.box)[0] > 1.5 * size(f.box)[1]]
    if not lids:
        return list(faces)
    used: list[Shape] = []
    out: list[Shape] = []
    for face in faces:
        lid = next((f for f in lids if face.outline in BODIES and _lies_under(face.box, f.box)), None)
        if lid is None:
            out.append(face)
            continue
        used.append(lid)
        box = (min(face.box[0], lid.box[0]), lid.box[1], max(face.box[2], lid.box[2]), face.box[3])
        contour = cv2.convexHull(np.concatenate([face.contour, lid.contour]).astype(np.float32))[:, 0]
        out.append(replace(face, outline="cylinder", box=box, contour=contour.astype(np.float64)))
    return [face for face in out if not any(face is lid for lid in used)]


def _lies_under(body: Box, lid: Box) -> bool:
    width = size(body)[0]
    aligned = max(abs(body[0] - lid[0]), abs(body[2] - lid[2])) < 0.08 * width
    apart = body[1] - lid[3]
    return aligned and lid[1] < body[1] and -0.6 * size(lid)[1] < apart < 0.4 * size(body)[1]
