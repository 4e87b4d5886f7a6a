"""Propose every outline on a page that may be a symbol.

*Faces* are the flat regions that walls enclose; they give boxes, diamonds and circles with a clean inside.
*Silhouettes* stand out from the paper by their fill. *Blobs* are what stays of strokes and small faces after thin
lines are opened away; they give small symbols whose inside is cut up by a marker or icon. *Dashed circles* are put
together from their dashes. A shape's confidence is the share of its outline that lies on ink.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.border import bordered, box_of, circle, fill_colour, grow, runs_beyond
from vision.boxes import area, centre, inside, iou, share, size
from vision.compounds import barred, lidded, store, with_lids
from vision.dashes import dashed_circles
from vision.discs import discs
from vision.outlines import Fit, fit, overlap
from vision.parts import Box, Bytes, Floats, Outline, Page, Shape, TextLine
from vision.regions import Region, closed, disc_opened, filled, pieces
from vision.rings import best_circle, best_diamond, near_ink, rings
from vision.sketch import closed_walls, is_pointed, is_round
from vision.threads import aside, together
from vision.walls import Walls

MIN_IOU, MIN_IOU_SMALL = 0.86, 0.8  # of circles and diamonds the border is checked as well
PAPER = 14  # grey levels in any channel by which a fill differs from the paper
MIN_COVERAGE = 0.72  # share of a small outline that must lie on ink
DRAWN = 0.95  # share of an outline around an even fill that must lie on walls
EVEN = 8  # grey levels in any channel within which a fill is one colour
INK = 48  # grey levels; darker colours on light paper are lines and letters
LEAST_FILL, MOST_FILLS = 0.004, 12  # share of the page a fill takes at least; colours looked at
LEAST_COLOURED = 1.5  # units; lower fills are grounds of words
LEAST_POINTED = 4.0  # units; the corners of smaller diamonds are lost with the flows that are opened away
DARKER = 50  # grey levels by which a bar is darker than the paper
NEAR = 0.4  # units around a pixel in which ink and paper are compared
THICK = 0.32  # units, above which a filled stroke is a bar
MIN_SMALL = 1.1  # units; circles and diamonds smaller than this are marks on flows
LEAST_MERGED = 1.5  # the same of circles that something sticks to
MIN_SKETCHED = 0.95  # the same beside handwriting, which is large
WOBBLE = 0.07  # units by which a hand misses the line that it follows
LENIENT = 0.06  # of IoU, on outlines drawn by hand


def propose(page: Page, walls: Walls, lines: Sequence[TextLine]) -> list[Shape]:
    """Every outline that may be a symbol or frame; `lines` tell letters from symbols."""
    near = near_ink(walls.ink, WOBBLE * page.unit if page.photo else 0.0)
    letters = _Letters(lines)
    with aside(partial(_regions, page, walls.joined)) as joined, aside(partial(_opened, page, walls)) as opened:
        faces, coloured, silhouettes, ringed, bars = together(
            partial(_faces, page, walls, walls.wall, near),
            partial(_coloured, page, walls, near),
            partial(_silhouettes, page, walls, near),
            lambda: dashed_circles(_core(page, walls.ink), lines, page.unit),
            partial(_bars, page),
        )
        faces = [s for s in faces if not any(_is_cut_from(s.box, whole.box, page.unit) for whole in coloured)]
        faces += [s for s in coloured if not _part_of(s.box, faces)]
        dashed = [s for s in _faces(page, walls, walls.joined, near, joined(), known=faces) if not _known(s.box, faces)]
        faces += [replace(s, dashed=True) for s in dashed]
        for wall in closed_walls(walls.ink, page.unit, lines) if page.photo else ():
            faces += [s for s in _faces(page, walls, wall, near, slack=LENIENT) if not _known(s.box, faces)]
        faces = with_lids(faces)
        faces += [s for s in silhouettes if not _part_of(s.box, faces)]
        faces = [s for s in faces if not letters.covers(s.box)]
        blobs = [s for s in _blobs(page, opened(), near, faces) if not letters.fills(s.box)]
    found = [*faces, *blobs, *ringed, *bars]
    found = [s for s in found if not any(_is_cut_from(s.box, whole.box, page.unit) for whole in coloured)]
    return [s for s in found if not (s.outline == "diamond" and _is_disc_with_heads(page, s, found))]


def _is_disc_with_heads(page: Page, diamond: Shape, shapes: Sequence[Shape]) -> bool:
    """Whether the fill of a diamond ends at a disc within it: heads around the disc gave it corners."""
    discs = [s for s in shapes if s.outline == "circle" and s.filled and share(s.box, diamond.box) > 0.9]
    if not discs or not inside(discs[0].box, diamond.box) or area(discs[0].box) < 0.35 * area(diamond.box):
        return False
    (cx, cy), (width, height) = centre(diamond.box), size(diamond.box)
    own = page.rgb[round(cy), round(cx)].astype(int)
    # towards the four corners, well outside the disc and well inside the diamond
    at = [(cx + 0.4 * width * x, cy + 0.4 * height * y) for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    kept = [np.abs(page.rgb[round(y), round(x)].astype(int) - own).max() < 48 for x, y in at]
    return sum(kept) < 2


def _core(page: Page, ink: Bytes) -> Bytes:
    """The ink without its soft rims, so that strokes close to each other stay apart."""
    kernel = np.ones((int(NEAR * page.unit) | 1,) * 2, np.uint8)
    middle = cv2.addWeighted(cv2.erode(page.gray, kernel), 0.5, cv2.dilate(page.gray, kernel), 0.5, 0)
    return np.asarray(cv2.bitwise_and(ink, cv2.compare(page.gray, middle, cv2.CMP_LT)), np.uint8)


class _Letters:
    """Tells whether a box is (part of) the glyphs of a text line rather than a symbol around or beside it."""

    def __init__(self, lines: Sequence[TextLine]) -> None:
        self._boxes = np.array([line.box for line in lines], float).reshape(-1, 4)
        self._long = np.array([len(line.text) >= 3 for line in lines], bool)

    def fills(self, box: Box) -> bool:
        """Whether words of three letters and more take a good part of the box."""
        words = self._boxes[self._long]
        w = np.minimum(words[:, 2], box[2]) - np.maximum(words[:, 0], box[0])
        h = np.minimum(words[:, 3], box[3]) - np.maximum(words[:, 1], box[1])
        inside = float((np.maximum(w, 0) * np.maximum(h, 0)).sum())
        return self.covers(box) or inside > 0.22 * area(box)

    def covers(self, box: Box) -> bool:
        if not len(self._boxes):
            return False
        b = self._boxes
        w = np.minimum(b[:, 2], box[2]) - np.maximum(b[:, 0], box[0])
        h = np.minimum(b[:, 3], box[3]) - np.maximum(b[:, 1], box[1])
        inside = np.maximum(w, 0) * np.maximum(h, 0)
        area = max(1e-6, (box[2] - box[0]) * (box[3] - box[1]))
        thick = np.minimum(b[:, 2] - b[:, 0], b[:, 3] - b[:, 1])
        short = min(box[2] - box[0], box[3] - box[1])
        return bool(np.any((inside > 0.75 * area) & (short < 1.3 * thick)))


def _known(box: Box, candidates: Sequence[Shape]) -> bool:
    return any(iou(box, s.box) > 0.7 for s in candidates)


def _is_cut_from(box: Box, whole: Box, unit: float) -> bool:
    """Whether letters from border to border have cut a box out of a larger symbol, left or right of it."""
    missing, high = max(box[0] - whole[0], whole[2] - box[2]), size(whole)[1]
    least = 0.5 if high < 4 * unit else 0.8  # what is higher may have symbols inside
    return missing > 0.4 * unit and share(box, whole) > 0.8 and size(box)[1] > least * high


def _part_of(box: Box, faces: Sequence[Shape]) -> bool:
    """Whether a face says the same better: the box is it, or a tinted part of it."""
    return _known(box, faces) or any(
        share(box, s.box) > 0.6 and area(s.box) < 4 * area(box) and s.confidence > 0.8 for s in faces
    )


def _faces(
    page: Page,
    walls: Walls,
    wall: Bytes,
    near: Bytes,
    regions: Sequence[Region] | None = None,
    *,
    slack: float = 0.0,
    known: Sequence[Shape] = (),
) -> list[Shape]:
    """Regions closed by `wall` whose contour fits an outline, `slack` worse than drawn exactly; none of those known.
    regions: those of `wall`, where they are found already."""
    unit = page.unit
    regions = _regions(page, wall) if regions is None else regions
    out: list[Shape] = []
    for region in regions:
        least = min(region.width, region.height)
        if least < 0.75 * unit or region.area < 0.25 * unit * unit:
            continue
        if _known((region.left, region.top, region.left + region.width, region.top + region.height), known):
            continue
        found = fit(region.contour, page.photo)
        small = found.outline in ("circle", "diamond")
        if found.iou < (MIN_IOU_SMALL if small else MIN_IOU) - slack or (small and least < _least(page)):
            continue
        contour = region.contour
        outline = found.outline
        if page.photo and is_round(outline, contour, unit):
            outline = "circle"
        elif small:
            outline = _round_or_pointed(page, near, contour)
        if outline == "cylinder":
            contour = lidded(contour, regions)
        sides = barred(contour, regions, unit) if outline in ("rectangle", "rounded") else None
        if sides is not None:
            outline, contour = "barred", sides
        shape = bordered(page, walls, walls.wall if slack else wall, contour, outline, found.corner)
        if not (shape.outline == "rectangle" and shape.fill is None and runs_beyond(walls.ink, shape.box, unit)):
            out.append(shape)
    return out


def _regions(page: Page, wall: Bytes) -> list[Region]:
    """What a wall closes off, the whole page aside."""
    width, height = page.size
    return [r for r in closed(wall, 0.3 * page.unit) if r.width < width - 2 or r.height < height - 2]


def _silhouettes(page: Page, walls: Walls, near: Bytes) -> list[Shape]:
    """Symbols that stand out from the paper by their fill, whatever goes on inside (gradients, icons, no border)."""
    low = np.clip(np.array(page.background, int) - PAPER, 0, 255)
    high = np.clip(np.array(page.background, int) + PAPER, 0, 255)
    tinted = cv2.bitwise_not(cv2.inRange(page.rgb, low.astype(np.uint8), high.astype(np.uint8)))
    out: list[Shape] = []
    for thickness in (0.45, 0.9):  # of a unit: flows up to this are opened away
        side = int(thickness * page.unit) | 1
        opened = disc_opened(tinted, side)
        for contour, outline, found in _fitting(page, near, np.asarray(opened, np.uint8)):
            if not _known(box_of(contour), out):
                colour = fill_colour(page, walls, contour.min(0), contour.max(0))
                x, y = contour.mean(0).astype(int)
                dark = colour is None and int(page.gray[y, x]) < 128
                out.append(Shape(outline, box_of(contour), contour, 0.0, found.iou, filled=dark, fill=colour))
    return out


def _coloured(page: Page, walls: Walls, near: Bytes) -> list[Shape]:
    """Symbols of one even fill, whatever lies around them (a shadow, a border of any width) or is written on them."""
    kernel = np.ones((3, 3), np.uint8)
    out: list[Shape] = []
    for colour in _fills(page):
        mask = cv2.inRange(page.rgb, np.clip(colour - EVEN, 0, 255), np.clip(colour + EVEN, 0, 255))
        holes = np.zeros_like(mask)
        cv2.drawContours(
            holes, cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], -1, 255, cv2.FILLED
        )
        opened = cv2.morphologyEx(holes, cv2.MORPH_OPEN, kernel)
        out += [
            bordered(page, walls, walls.wall, contour, outline, found.corner)
            for contour, outline, found in _fitting(page, near, np.asarray(opened, np.uint8))
            if not _known(box_of(contour), out)
            and not (outline in ("circle", "diamond") and min(np.ptp(contour, 0)) < LEAST_POINTED * page.unit)
        ]
    return [s for s in out if s.stroke > 0 and s.confidence > DRAWN and min(size(s.box)) > LEAST_COLOURED * page.unit]


def _fills(page: Page) -> list[NDArray[np.int16]]:
    """The colours (3,) that fill a good part of the page, its paper aside, most frequent first."""
    pixels = page.rgb[::4, ::4].reshape(-1, 3)
    bins, counts = np.unique((pixels >> 3).astype(np.int32) @ [1024, 32, 1], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_FILLS]
    out: list[NDArray[np.int16]] = []
    for key in bins[order[counts[order] > LEAST_FILL * len(pixels)]]:
        colour = (np.array([key >> 10, key >> 5 & 31, key & 31]) * 8 + 4).astype(np.int16)
        near = [np.array(page.background, np.int16), *out]
        ink = max(page.background) > 128 and colour.max() < INK
        if not ink and all(np.abs(colour - other).max() > EVEN for other in near):
            out.append(colour)
    return out


def _fitting(page: Page, near: Bytes, mask: Bytes) -> Iterator[tuple[Floats, Outline, Fit]]:
    """Pieces of a mask that fit an outline well: their hulls, (n, 2) page pixels, and what they fit."""
    unit = page.unit
    for piece in pieces(mask, 1.1 * unit):
        if piece.area < 0.4 * piece.width * piece.height or max(piece.width, piece.height) > 40 * unit:
            continue
        found = fit(piece.contour)
        if found.iou < 0.9 or found.solidity < 0.93:
            continue
        contour = cv2.convexHull(piece.contour.astype(np.float32))[:, 0, :].astype(np.float64)
        outline = found.outline
        if outline in ("circle", "diamond"):
            outline = _round_or_pointed(page, near, contour)
        yield contour, outline, found


def _opened(page: Page, walls: Walls) -> Bytes:
    """The walls with what small regions they enclose, thin lines opened away."""
    side = 2 * max(2, round(0.3 * page.unit)) + 1
    return disc_opened(filled(walls.wall, 5.2 * page.unit), side)


def _blobs(page: Page, opened: Bytes, near: Bytes, faces: Sequence[Shape]) -> list[Shape]:
    """Circles and diamonds whose inside is not one clean face. opened: see `_opened`."""
    unit = page.unit
    out: list[Shape] = []
    for piece in pieces(opened, _least(page)):
        if max(piece.width, piece.height) > 7 * unit or not 0.55 < piece.width / piece.height < 1.8:
            continue
        x0, y0 = float(piece.left), float(piece.top)
        box = (x0, y0, x0 + piece.width, y0 + piece.height)
        if any(share(box, s.box) > 0.85 and share(s.box, box) > 0.55 for s in faces):
            continue
        shape = store(piece, opened, faces) or _small(page, near, piece.contour)
        if shape is not None and not _frames_icon(shape, faces):
            out.append(shape)

    def known(box: Box) -> bool:
        return any(
            s.outline in ("circle", "diamond") and share(box, s.box) > 0.6 and area(s.box) < 4 * area(box)
            for s in (*faces, *out)
        )

    for disc in discs(opened, near, max(LEAST_MERGED * unit, _least(page)), unit, known):
        ring = rings(page, np.array([disc.x, disc.y]), disc.radius)
        if ring is not None and ring.coverage > 0.88 and ring.stroke < 0.5 * ring.radius:
            merged = circle(ring, None)
            if not _frames_icon(merged, faces):
                out.append(merged)
    return out


def _frames_icon(shape: Shape, faces: Sequence[Shape]) -> bool:
    """Whether a circle is only seen around the corners of a small box (the envelope of a message flow)."""
    return shape.outline == "circle" and any(
        f.outline in ("rectangle", "rounded")
        and share(f.box, shape.box) > 0.85
        and float(np.hypot(*size(f.box))) > 0.95 * size(shape.box)[0]
        for f in faces
    )


def _least(page: Page) -> float:
    """Pixels; circles and diamonds smaller than this are marks on flows."""
    return (MIN_SKETCHED if page.photo else MIN_SMALL) * page.unit


def _round_or_pointed(page: Page, near: Bytes, contour: Floats) -> Outline:
    """Circle or diamond: by area, and where that leaves doubt (cut tips) by which of the two lies on the ink."""
    as_circle, as_diamond = overlap(contour, "circle"), overlap(contour, "diamond")
    if page.photo:
        return "diamond" if is_pointed(as_circle, as_diamond) else "circle"
    if abs(as_circle - as_diamond) < 0.2:
        box = box_of(grow(contour, 3.0))
        return "diamond" if best_diamond(near, box).coverage > best_circle(near, box).coverage else "circle"
    return "diamond" if as_diamond > as_circle else "circle"


def _bars(page: Page) -> list[Shape]:
    """Filled bars, several times as thick as a line: forks and joins of UML activities."""
    unit = page.unit
    paper = float(np.dot(page.background, (0.299, 0.587, 0.114)))
    dark = np.asarray(cv2.threshold(page.gray, paper - DARKER, 255, cv2.THRESH_BINARY_INV)[1], np.uint8)
    side = max(4, round(THICK * unit)) | 1  # odd: an even kernel moves what it opens
    out: list[Shape] = []
    for piece in pieces(cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((side, side), np.uint8)), side):
        long, thick = max(piece.width, piece.height), min(piece.width, piece.height)
        x0, y0 = float(piece.left), float(piece.top)
        x1, y1 = x0 + piece.width, y0 + piece.height
        full = float((dark[piece.top : round(y1), piece.left : round(x1)] > 0).mean())
        slim = long >= max(3 * unit, 5 * thick) and thick <= 1.1 * unit and full > 0.93
        if slim and not _runs_on(dark, (x0, y0, x1, y1), round(0.35 * unit)):
            corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
            out.append(Shape("bar", (x0, y0, x1, y1), corners, 0.0, full, filled=True))
    return out


def _runs_on(dark: Bytes, box: Box, reach: int) -> bool:
    """Whether a stroke goes on beyond one of its ends, as thick flows do: into a symbol, a head, a bend."""
    x0, y0, x1, y1 = (round(v) for v in box)
    lies = x1 - x0 > y1 - y0
    beyond = (
        (dark[y0:y1, max(0, x0 - reach) : max(0, x0 - 1)], dark[y0:y1, x1 + 1 : x1 + reach])
        if lies
        else (dark[max(0, y0 - reach) : max(0, y0 - 1), x0:x1], dark[y1 + 1 : y1 + reach, x0:x1])
    )
    return any(bool(part.any()) for part in beyond)


def _small(page: Page, near: Bytes, contour: Floats) -> Shape | None:
    """The circle or diamond that explains a blob best, if one does."""
    box = box_of(contour)
    as_circle, as_diamond = overlap(contour, "circle"), overlap(contour, "diamond")
    if is_pointed(as_circle, as_diamond) if page.photo else as_diamond > as_circle:
        diamond = best_diamond(near, box)
        if diamond.coverage < MIN_COVERAGE:
            return None
        x, y, rx, ry = diamond.x, diamond.y, diamond.rx, diamond.ry
        corners = np.array([(x, y - ry), (x + rx, y), (x, y + ry), (x - rx, y)], float)
        return Shape("diamond", box_of(corners), corners, diamond.stroke, diamond.coverage)
    if as_circle < 0.8:
        return None
    found = best_circle(near, box)
    if found.coverage < MIN_COVERAGE:
        return None
    ring = rings(page, np.array([found.x, found.y]), found.radius)
    if ring is not None and ring.stroke > 0.85 * ring.radius and not ring.filled:
        return None  # letters on their ground, or a head
    return circle(ring or found, None)
