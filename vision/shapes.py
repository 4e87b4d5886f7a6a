"""Find every closed symbol on a page: node outlines and the frames around them.

Two generators propose candidates. *Faces* are the flat regions that walls enclose; they give boxes, diamonds and
circles with a clean inside. *Blobs* are what stays of strokes and small faces after thin lines are opened away; they
give small symbols whose inside is cut up by a marker or icon. A candidate's confidence is the share of its outline
that lies on ink. Knows nothing of BPMN: what a symbol means is decided in `assemble`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.boxes import area, centre, gaps, inside, iou, share, size, union
from vision.containers import find_containers
from vision.dashes import DashedRing, dashed_rings
from vision.outlines import fit, overlap
from vision.parts import Box, Bytes, Floats, Outline, Page, Scene, Shape, TextLine
from vision.rings import Ring, best_circle, best_diamond, rings
from vision.walls import Walls, find_walls

MIN_IOU, MIN_IOU_SMALL = 0.86, 0.8  # of circles and diamonds the border is checked as well
PAPER = 14  # grey levels in any channel by which a fill differs from the paper
MIN_COVERAGE = 0.72  # share of a small outline that must lie on ink
MIN_SMALL = 1.25  # units; circles and diamonds smaller than this are marks on flows
BOXY: frozenset[Outline] = frozenset({"rectangle", "rounded", "stadium"})
BLANK: frozenset[Outline] = BOXY | {"parallelogram", "trapezoid", "hexagon"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A shape under consideration. text: share of its area under text lines; face: it came from an enclosed region."""

    shape: Shape
    face: bool
    solidity: float


def find_shapes(page: Page, lines: Sequence[TextLine]) -> Scene:
    """All symbols and frames of the page. `lines` are used to tell letters from symbols."""
    walls = find_walls(page, lines)
    distance = cv2.distanceTransform(cv2.bitwise_not(walls.ink), cv2.DIST_L2, 3)
    letters = _Letters(lines)
    faces = _faces(page, walls, walls.wall, distance)
    faces += [_dashed(c) for c in _faces(page, walls, walls.joined, distance) if not _known(c.shape.box, faces)]
    faces += [c for c in _silhouettes(page, walls, distance) if not _part_of(c.shape.box, faces)]
    faces = [c for c in faces if not letters.covers(c.shape.box)]
    blobs = [c for c in _blobs(page, walls, distance, faces) if not letters.fills(c.shape.box)]
    blobs += [_ring(ring) for ring in dashed_rings(walls.ink, distance, lines, page.unit)]
    candidates = _resolve([*faces, *blobs], lines, page.unit)
    return find_containers(page, walls, [c.shape for c in candidates], lines)


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


def _known(box: Box, candidates: Sequence[Candidate]) -> bool:
    return any(iou(box, c.shape.box) > 0.7 for c in candidates)


def _part_of(box: Box, faces: Sequence[Candidate]) -> bool:
    """Whether a face says the same better: the box is it, or a tinted part of it."""
    return _known(box, faces) or any(
        share(box, c.shape.box) > 0.6 and area(c.shape.box) < 4 * area(box) and c.shape.confidence > 0.8 for c in faces
    )


def _dashed(candidate: Candidate) -> Candidate:
    return replace(candidate, shape=replace(candidate.shape, dashed=True))


def _ring(ring: DashedRing) -> Candidate:
    found = Ring(ring.x, ring.y, ring.radius, ring.stroke, min(1.0, ring.coverage + 0.4), ring.double, True)
    return Candidate(_circle(found, None), False, 1.0)


def _silhouettes(page: Page, walls: Walls, distance: NDArray[np.float32]) -> list[Candidate]:
    """Symbols that stand out from the paper by their fill, whatever goes on inside (gradients, icons, no border)."""
    unit = page.unit
    low = np.clip(np.array(page.background, int) - PAPER, 0, 255)
    high = np.clip(np.array(page.background, int) + PAPER, 0, 255)
    filled = cv2.bitwise_not(cv2.inRange(page.rgb, low.astype(np.uint8), high.astype(np.uint8)))
    out: list[Candidate] = []
    for share_ in (0.45, 0.9):  # of a unit: flows up to this thickness are opened away
        size_ = int(share_ * unit) | 1
        opened = cv2.morphologyEx(filled, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size_, size_)))
        out += [c for c in _opened(page, walls, distance, opened) if not _known(c.shape.box, out)]
    return out


def _opened(page: Page, walls: Walls, distance: NDArray[np.float32], opened: Bytes) -> list[Candidate]:
    """Components of a mask that fit an outline well."""
    unit = page.unit
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    out: list[Candidate] = []
    for i in range(1, count):
        x, y, w, h, area_ = (int(v) for v in stats[i])
        if min(w, h) < 1.1 * unit or area_ < 0.4 * w * h or max(w, h) > 40 * unit:
            continue
        contour = _contour(labels, i, x, y, w, h)
        if contour is None:
            continue
        found = fit(contour)
        if found.iou < 0.9 or found.solidity < 0.93:
            continue
        contour = cv2.convexHull(contour.astype(np.float32))[:, 0, :].astype(np.float64)
        outline = found.outline if found.outline not in ("circle", "diamond") else _round_or_pointed(distance, contour)
        dark = _fill(page, walls, contour.min(0), contour.max(0))
        solid = dark is None and float(page.gray[y + h // 2, x + w // 2]) < 128
        shape = Shape(outline, _box_of(contour), contour, 0.0, min(1.0, found.iou), filled=solid, fill=dark)
        out.append(Candidate(shape, True, found.solidity))
    return out


def _faces(page: Page, walls: Walls, wall: Bytes, distance: NDArray[np.float32]) -> list[Candidate]:
    """Regions closed by `wall` whose contour fits an outline."""
    unit = page.unit
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.bitwise_not(wall), connectivity=4)
    out: list[Candidate] = []
    width, height = page.size
    for i in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[i])
        if min(w, h) < 0.75 * unit or area < 0.25 * unit * unit or (w >= width - 2 and h >= height - 2):
            continue
        contour = _contour(labels, i, x, y, w, h)
        if contour is None:
            continue
        found = fit(contour)
        small = found.outline in ("circle", "diamond")
        if found.iou < (MIN_IOU_SMALL if small else MIN_IOU) or (small and min(w, h) < MIN_SMALL * unit):
            continue
        outline = _round_or_pointed(distance, contour) if small else found.outline
        if outline == "cylinder":
            contour = _lidded(contour, stats)
        shape = _bordered(page, walls, wall, contour, outline, found.corner)
        if shape is not None:
            out.append(Candidate(shape, True, found.solidity))
    return out


def _lidded(contour: Floats, stats: NDArray[np.int32]) -> Floats:
    """The body of a cylinder together with the flat faces (lid, rings) right above it."""
    (x0, y0), (x1, y1) = contour.min(0), contour.max(0)
    width, top = x1 - x0, y0
    left, right = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_LEFT] + stats[:, cv2.CC_STAT_WIDTH]
    bottom = stats[:, cv2.CC_STAT_TOP] + stats[:, cv2.CC_STAT_HEIGHT]
    wide = (abs(left - x0) < 0.15 * width) & (abs(right - x1) < 0.15 * width) & (bottom < y1)
    for _ in range(4):
        above = wide & (abs(bottom - top) < 0.35 * width) & (stats[:, cv2.CC_STAT_TOP] < top - 2)
        above &= stats[:, cv2.CC_STAT_HEIGHT] < 0.6 * width
        if not above.any():
            break
        top = float(stats[above, cv2.CC_STAT_TOP].min())
    return np.concatenate([contour, [(x0, top), (x1, top)]]) if top < y0 else contour


def _round_or_pointed(distance: NDArray[np.float32], contour: Floats) -> Outline:
    """Circle or diamond: by area, and where that leaves doubt (cut tips) by which of the two lies on the ink."""
    as_circle, as_diamond = overlap(contour, "circle"), overlap(contour, "diamond")
    if abs(as_circle - as_diamond) < 0.2:
        box = _box_of(_grow(contour, 3.0))
        return "diamond" if best_diamond(distance, box).coverage > best_circle(distance, box).coverage else "circle"
    return "diamond" if as_diamond > as_circle else "circle"


def _contour(labels: NDArray[np.int32], i: int, x: int, y: int, w: int, h: int) -> Floats | None:
    """(n, 2) outer contour of label i in its bounding box, in page pixels; large regions are sampled coarser."""
    step = max(1, int((w * h / 600_000) ** 0.5))
    part = np.zeros((-(-h // step) + 2, -(-w // step) + 2), np.uint8)
    part[1:-1, 1:-1] = labels[y : y + h : step, x : x + w : step] == i
    found = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    if not found:
        return None
    points = max(found, key=len)[:, 0, :]
    return None if len(points) < 8 else (points - 1.0) * step + (x, y)


def _bordered(page: Page, walls: Walls, wall: Bytes, contour: Floats, outline: Outline, corner: float) -> Shape | None:
    """The shape with its border, from the contour of its inside."""
    low, high = contour.min(0), contour.max(0)
    fill = _fill(page, walls, low, high)
    stroke, coverage = _border(page, walls, wall, contour)
    if outline not in ("document", "page", "bracket"):
        contour = cv2.convexHull(contour.astype(np.float32))[:, 0, :].astype(np.float64)
    grown = _grow(contour, stroke)
    if outline in ("circle", "ellipse") and 0.75 < (high[0] - low[0]) / (high[1] - low[1]) < 1.33:
        centre = (low + high) / 2
        ring = rings(page, centre, float((high - low).mean()) / 2)
        if ring is not None:
            return _circle(ring, fill)
    if outline == "rounded" and corner < 0.06:
        outline = "rectangle"
    return Shape(outline, _box_of(grown), grown, stroke, coverage, fill=fill)


def _circle(ring: Ring, fill: tuple[int, int, int] | None) -> Shape:
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    contour = np.stack([ring.x + ring.radius * np.cos(angle), ring.y + ring.radius * np.sin(angle)], 1)
    return Shape(
        "circle", _box_of(contour), contour, ring.stroke, ring.coverage, ring.dashed, ring.double, ring.filled, fill
    )


def _box_of(contour: Floats) -> Box:
    (x0, y0), (x1, y1) = contour.min(0), contour.max(0)
    return float(x0), float(y0), float(x1), float(y1)


def _fill(page: Page, walls: Walls, low: Floats, high: Floats) -> tuple[int, int, int] | None:
    """Median colour of the middle of the box where there is no stroke; None when that is the paper's colour."""
    (x0, y0), (x1, y1) = (low * 0.85 + high * 0.15).astype(int), (low * 0.15 + high * 0.85).astype(int)
    step = max(1, int(min(x1 - x0, y1 - y0) / 24))
    part = page.rgb[y0 : y1 + 1 : step, x0 : x1 + 1 : step].reshape(-1, 3)
    flat = walls.wall[y0 : y1 + 1 : step, x0 : x1 + 1 : step].ravel() == 0
    if flat.sum() < 4:
        return None
    colour = np.median(part[flat], axis=0)
    if np.abs(colour - np.array(page.background)).max() < 10:
        return None
    return int(colour[0]), int(colour[1]), int(colour[2])


def _around(page: Page, contour: Floats, fill: tuple[int, int, int]) -> bool:
    """Whether the colour right outside is the fill's too (a tinted lane): then it is no fill."""
    width, height = page.size
    at = np.round(contour[:: max(1, len(contour) // 120)]).astype(int)
    at = at[(at[:, 0] >= 0) & (at[:, 0] < width) & (at[:, 1] >= 0) & (at[:, 1] < height)]
    if len(at) < 8:
        return False
    alike = np.abs(page.rgb[at[:, 1], at[:, 0]].astype(int) - np.array(fill)).max(1) < 10
    return float(alike.mean()) > 0.5


def _border(page: Page, walls: Walls, wall: Bytes, contour: Floats) -> tuple[float, float]:
    """(thickness in pixels, share of the outline that has a wall right outside), by looking outwards along normals."""
    reach = max(6, int(0.6 * page.unit))
    step = max(1, len(contour) // 160)
    points = contour[::step]
    along = np.roll(points, -1, 0) - np.roll(points, 1, 0)
    normal = np.stack([along[:, 1], -along[:, 0]], 1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    centre = points.mean(0)
    outward = np.sign(((points - centre) * normal).sum(1, keepdims=True))
    normal *= np.where(outward == 0, 1, outward)
    distance = np.arange(1, reach + 1)
    at = np.round(points[:, None, :] + normal[:, None, :] * distance[None, :, None]).astype(int)
    width, height = page.size
    inside = (at[..., 0] >= 0) & (at[..., 0] < width) & (at[..., 1] >= 0) & (at[..., 1] < height)
    hit = np.zeros(at.shape[:2], bool)
    hit[inside] = wall[at[..., 1][inside], at[..., 0][inside]] > 0
    starts = hit[:, : max(3, reach // 3)].any(1)
    first = np.where(starts, hit.argmax(1), 0)
    after = np.arange(reach)[None, :] >= first[:, None]
    ends = np.where((~hit & after).any(1), (~hit & after).argmax(1), reach)
    coverage = float(starts.mean())
    inked = np.zeros(at.shape[:2], bool)
    inked[inside] = walls.ink[at[..., 1][inside], at[..., 0][inside]] > 0
    drawn = float(inked[:, : max(3, reach // 3)].any(1).mean()) > 0.4
    return float(np.median(ends[starts])) if drawn and starts.any() else 0.0, coverage


def _grow(contour: Floats, by: float) -> Floats:
    """The contour moved outwards by `by` pixels on every side (scaling about the centre, per axis)."""
    low, high = contour.min(0), contour.max(0)
    centre, half = (low + high) / 2, np.maximum((high - low) / 2, 1.0)
    return centre + (contour - centre) * ((half + by) / half)


def _blobs(page: Page, walls: Walls, distance: NDArray[np.float32], faces: Sequence[Candidate]) -> list[Candidate]:
    """Circles and diamonds whose inside is not one clean face."""
    unit = page.unit
    solid = _solid(walls, 5.2 * unit)
    radius = max(2, round(0.3 * unit))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    opened = cv2.morphologyEx(solid, cv2.MORPH_OPEN, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    out: list[Candidate] = []
    for i in range(1, count):
        x, y, w, h, _ = (int(v) for v in stats[i])
        if not (MIN_SMALL * unit <= min(w, h) and max(w, h) <= 7 * unit and 0.55 < w / h < 1.8):
            continue
        box = (float(x), float(y), float(x + w), float(y + h))
        if any(share(box, c.shape.box) > 0.85 and share(c.shape.box, box) > 0.55 for c in faces if c.face):
            continue
        contour = _contour(labels, i, x, y, w, h)
        shape = None if contour is None else _small(page, distance, contour)
        if shape is not None:
            out.append(Candidate(shape, False, 1.0))
    return out


def _solid(walls: Walls, limit: float) -> Bytes:
    """Walls together with the faces whose longer side is at most `limit` pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.bitwise_not(walls.wall), connectivity=4)
    small = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) <= limit
    small[0] = True
    return (small[labels] * np.uint8(255)).astype(np.uint8)


def _small(page: Page, distance: NDArray[np.float32], contour: Floats) -> Shape | None:
    """The circle or diamond that explains a blob best, if one does."""
    box = _box_of(contour)
    as_circle, as_diamond = overlap(contour, "circle"), overlap(contour, "diamond")
    if as_diamond > as_circle:
        diamond = best_diamond(distance, box)
        if diamond.coverage < MIN_COVERAGE:
            return None
        x, y, rx, ry = diamond.x, diamond.y, diamond.rx, diamond.ry
        corners = np.array([(x, y - ry), (x + rx, y), (x, y + ry), (x - rx, y)], float)
        return Shape("diamond", _box_of(corners), corners, diamond.stroke, diamond.coverage)
    if as_circle < 0.8:
        return None
    circle = best_circle(distance, box)
    if circle.coverage < MIN_COVERAGE:
        return None
    ring = rings(page, np.array([circle.x, circle.y]), circle.radius)
    return _circle(ring or circle, None)


def _resolve(candidates: Sequence[Candidate], lines: Sequence[TextLine], unit: float) -> list[Candidate]:
    """One candidate per symbol, without icons, letters and the spaces between flows."""
    kept: list[Candidate] = []
    for c in sorted(candidates, key=lambda c: (-area(c.shape.box), -c.shape.confidence)):
        twin = next((k for k in kept if share(c.shape.box, k.shape.box) > 0.9 and _same(c.shape, k.shape)), None)
        if twin is None:
            kept.append(c)
        elif c.shape.outline == twin.shape.outline == "circle" and not twin.shape.double:
            kept[kept.index(twin)] = replace(twin, shape=replace(twin.shape, double=True))
    worded = [c for c in kept if any(share(line.box, c.shape.box) > 0.5 for line in lines)]
    tasks = [c for c in worded if c.shape.outline in BLANK]
    hosts = [
        k
        for k in kept
        if not any(
            inside(t.shape.box, k.shape.box)
            and area(t.shape.box) > 0.02 * area(k.shape.box)
            and t.shape.confidence > 0.9
            for t in tasks
        )
    ]
    kept = [c for c in kept if not any(_is_icon(c.shape, k.shape, unit) for k in hosts if k is not c)]
    worded = [c for c in worded if c in kept]
    usual = float(np.median([area(c.shape.box) for c in worded])) if worded else 0.0
    kept = [c for c in kept if not (c in worded and area(c.shape.box) < 0.35 * usual and _is_patch(c.shape, lines))]
    kept = [c for c in kept if c in worded or c.shape.outline not in BLANK or _like_any(c, worded)]
    solid: list[Candidate] = []
    for c in reversed(kept):  # small ones first: what is inside a face is known when the face is judged
        if _is_symbol(c.shape, [k.shape for k in solid], lines, unit):
            solid.append(c)
    return [c for c in solid if not _is_gap(c.shape, [k.shape for k in solid if k is not c], lines, unit)]


def _is_gap(shape: Shape, others: Sequence[Shape], lines: Sequence[TextLine], unit: float) -> bool:
    """The space between flows: it has no fill of its own and the symbols that the flows join lie at its rim."""
    if shape.fill is not None or shape.outline in ("circle", "page", "document", "cylinder"):
        return False
    if any(inside(k.box, shape.box) for k in others):
        return False
    beside = sum(_abuts(shape.box, k.box, unit) for k in others if area(k.box) < 4 * area(shape.box))
    if not beside:
        return False
    words = [line for line in lines if share(line.box, shape.box) > 0.5]
    return beside >= 2 or not words or not _fills(words, shape)


def _abuts(a: Box, b: Box, unit: float) -> bool:
    """Whether two boxes share a piece of border or a corner without one lying across the other's border."""
    gx, gy = gaps(a, b)
    return -0.35 * unit < max(gx, gy) < 0.35 * unit


def _is_patch(shape: Shape, lines: Sequence[TextLine]) -> bool:
    """A small borderless patch with one short word: the ground of a flow's label."""
    words = [line.text for line in lines if share(line.box, shape.box) > 0.5]
    return shape.outline in BLANK and shape.stroke < 0.5 and len(words) == 1 and len(words[0]) <= 5


def _like_any(c: Candidate, others: Sequence[Candidate]) -> bool:
    """A box without a word is a symbol when it is filled or as large as one with words."""
    if c.shape.fill is not None:
        return True
    mine = size(c.shape.box)
    return any(
        o.shape.outline in BLANK and all(abs(a - b) < 0.2 * b for a, b in zip(mine, size(o.shape.box), strict=True))
        for o in others
    )


def _is_icon(small: Shape, big: Shape, unit: float) -> bool:
    """Whether a small outline is a marker or icon inside a task."""
    width, height = size(big.box)
    if big.outline in ("circle", "diamond") and max(width, height) < 8 * unit and not small.filled:
        return share(small.box, big.box) > 0.9 and area(small.box) < 0.7 * area(big.box)
    if small.outline in BLANK and big.outline in BLANK and _common(small.box, big.box, unit) >= 2:
        return share(small.box, big.box) > 0.95 and min(width, height) < 12 * unit  # a part cut off by a word
    if big.outline not in BLANK | {"document"} or min(width, height) > 12 * unit or max(width, height) > 24 * unit:
        return False
    if small.outline in ("circle", "diamond") and share(small.box, big.box) > 0.9:
        return min(size(small.box)) < 3 * unit or min(size(small.box)) > 0.75 * min(width, height)
    if small.outline in ("circle", "diamond") and _depth(small, big) > 0.2 * size(small.box)[0]:
        return min(size(small.box)) < min(3 * unit, 0.6 * min(width, height))
    if min(size(small.box)) >= 2.1 * unit:
        return False
    return share(small.box, big.box) > 0.8 and area(small.box) < 0.3 * area(big.box)


def _common(small: Box, big: Box, unit: float) -> int:
    """Number of sides that two boxes have in common."""
    return sum(abs(a - b) < 0.35 * unit for a, b in zip(small, big, strict=True))


def _depth(small: Shape, big: Shape) -> float:
    """How far the middle of one box lies within another, from its nearest side (negative: outside)."""
    x, y = centre(small.box)
    x0, y0, x1, y1 = big.box
    return min(x - x0, x1 - x, y - y0, y1 - y)


def _is_symbol(shape: Shape, smaller: Sequence[Shape], lines: Sequence[TextLine], unit: float) -> bool:
    """False for the spaces that flows and frames enclose: no word of their own, or symbols bite into them."""
    if shape.confidence < 0.55:
        return False
    solid = [k for k in smaller if min(size(k.box)) > 1.3 * unit]
    words = [
        line
        for line in lines
        if share(line.box, shape.box) > 0.5 and not any(share(line.box, k.box) > 0.5 for k in solid)
    ]
    if words and _is_chip(shape, words, unit):
        return False
    small = shape.outline in ("circle", "diamond") and max(size(shape.box)) < 8 * unit and shape.confidence > 0.8
    if words and shape.fill is None and not small and _astray(words, shape):
        return False
    if shape.outline in ("circle", "ellipse") and max(size(shape.box)) > 5 * unit:
        if any(0.02 < share(k.box, shape.box) < 0.95 for k in solid if k.outline != "circle"):
            return False  # the space between two curved flows
    if not words and shape.fill is None and shape.outline == "circle" and max(size(shape.box)) > 8 * unit:
        return False
    if shape.outline == "circle" or (shape.outline == "diamond" and max(size(shape.box)) < 8 * unit):
        return True
    if sum(inside(k.box, shape.box) for k in solid) >= 2 and shape.outline in BOXY:
        return True  # a frame; containers judge it
    bitten = sum(0.02 < share(k.box, shape.box) < 0.95 for k in solid if k.outline != "circle")
    if words:
        return bitten == 0 or (bitten == 1 and shape.outline in BOXY and _fills(words, shape))
    if shape.fill is not None:
        return bitten == 0
    if bitten or any(0.02 < share(k.box, shape.box) < 0.95 for k in solid if k.outline == "circle"):
        return False
    if shape.outline in ("page", "cylinder", "document"):
        return max(size(shape.box)) < 7 * unit
    return area(shape.box) < 60 * unit**2 and max(size(shape.box)) < 6 * min(size(shape.box))


def _astray(words: Sequence[TextLine], shape: Shape) -> bool:
    """A word or two far from the middle of a large empty outline: the label of a flow in the space between flows."""
    box = union(line.box for line in words)
    return area(box) < 0.06 * area(shape.box) and not _fills(words, shape)


def _is_chip(shape: Shape, words: Sequence[TextLine], unit: float) -> bool:
    """A patch of paper behind the label of a flow: hardly larger than its words."""
    box = union(line.box for line in words)
    width, height = size(shape.box)
    slack = max(width - (box[2] - box[0]), height - (box[3] - box[1]))
    if shape.outline in ("circle", "diamond"):
        return len(words) == 1 and len(words[0].text) >= 2 and slack < 0.6 * unit
    return len(words) == 1 and slack < (0.9 if shape.stroke else 1.5) * unit and height < 2.4 * unit


def _fills(words: Sequence[TextLine], shape: Shape) -> bool:
    """Whether the words stand in the middle of the shape."""
    box = union(line.box for line in words)
    (cx, cy), (sx, sy) = centre(box), centre(shape.box)
    width, height = size(shape.box)
    return abs(cx - sx) < 0.2 * width and abs(cy - sy) < 0.25 * height


def _same(inner: Shape, outer: Shape) -> bool:
    """Whether `inner` is the inner border line of `outer`."""
    if inner.outline != outer.outline and not {inner.outline, outer.outline} <= {"rectangle", "rounded", "stadium"}:
        return area(inner.box) > 0.8 * area(outer.box)
    return area(inner.box) > 0.55 * area(outer.box)
