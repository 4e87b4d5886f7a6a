"""The strokes of a page that may be connectors: its ink without symbols, frames and letters, and who owns the rest.

Symbols are painted over, frames (pools, lanes, sub-processes, groups) are rubbed out along their border except where
another stroke crosses it, letters go where a text line says they are. A stroke that merely runs through a text line
stays. Does not know which strokes connect what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.masks import places
from vision.parts import Box, Bytes, Container, End, Floats, Page, Scene, Shape, TextLine
from vision.regions import labelled

Owners = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a line may end at. frame: a container, of which only the border counts."""

    end: End
    box: Box
    frame: bool


@dataclass(frozen=True, slots=True)
class Linework:
    """What is left to trace.

    mask: (H, W) uint8 0/1, strokes, small hollow marks (heads, circles) filled. raw: the same before filling.
    owner: (H, W) int32, 0 or 1 + index into `grounds`: the ground of each symbol and the border of each container.
    anchor: (H, W) uint8, 1 where there is an owner. text: (H, W) uint8, 1 inside a text line.
    grounds: what the owners are; the first `containers` of them are containers, of which the first `frames` are pools,
    lanes and groups.
    width: usual stroke in pixels.
    """

    mask: Bytes
    raw: Bytes
    owner: Owners
    anchor: Bytes
    text: Bytes
    grounds: tuple[Ground, ...]
    frames: int
    containers: int
    width: float


def linework(page: Page, ink: Bytes, lines: Sequence[TextLine], scene: Scene) -> Linework:
    """Rub out what cannot be a connector. ink: (H, W) uint8, 1 where a stroke is; it is not changed."""
    unit = page.unit
    lines = [_without_heads(line) for line in lines]
    chips = _chips(scene.shapes, lines, unit)
    ink = ink.copy()
    crossings = _rub_frames(ink, scene.containers, unit)
    owner, grounds = _grounds(ink.shape, scene, crossings, chips, unit)
    anchor = (owner > 0).astype(np.uint8)
    ink[anchor > 0] = 0
    text = _text_map(ink.shape, [line.box for line in lines if any(ch.isalnum() for ch in line.text)], unit)
    text |= _text_map(ink.shape, [scene.shapes[index].box for index in chips], unit)
    text |= _text_map(ink.shape, scene.grounds, unit)
    unread = _unread(ink, lines, owner, unit)
    text |= _text_map(ink.shape, unread, unit)
    _rub_letters(ink, text, lines, owner, unit)
    for x0, y0, x1, y1 in (*scene.grounds, *unread):
        ink[max(0, round(y0) - 2) : round(y1) + 2, max(0, round(x0) - 2) : round(x1) + 2] = 0
    mask = _fill_small(ink, anchor, unit)
    return Linework(
        mask,
        ink,
        owner,
        anchor,
        text,
        grounds,
        sum(c.kind != "subprocess" for c in scene.containers),
        len(scene.containers),
        _usual_width(ink),
    )


def _without_heads(line: TextLine) -> TextLine:
    """The line without marks at its ends that were read off an arrowhead or a line ("No >")."""
    told = [k for k, word in enumerate(line.words) if any(ch.isalnum() for ch in word.text)]
    if not told or len(line.words) == told[-1] - told[0] + 1:
        return line
    x0, y0, x1, y1 = zip(*(word.box for word in line.words[told[0] : told[-1] + 1]), strict=True)
    return replace(line, box=(min(x0), min(y0), max(x1), max(y1)))


def _grounds(
    shape: tuple[int, ...], scene: Scene, crossings: Bytes, chips: frozenset[int], unit: float
) -> tuple[Owners, tuple[Ground, ...]]:
    """Paint containers' borders, then symbols from large to small, so that what sits on a border is on top."""
    owner = np.zeros(shape[:2], np.int32)
    ends: list[Ground] = []
    margin = max(2, round(0.08 * unit))
    frames = sorted(range(len(scene.containers)), key=lambda i: scene.containers[i].kind == "subprocess")
    for index in frames:
        container = scene.containers[index]
        ends.append(Ground(("container", index), container.box, True))
        if container.kind == "lane" and container.parent is not None:
            continue
        outline = np.round(_border(container)).astype(np.int32)
        stroke = container.shape.stroke if container.shape else 2.0
        cv2.polylines(owner, [outline], True, len(ends), max(3, 2 * round(stroke) + margin))
        if container.header is not None:
            x0, y0, x1, y1 = (round(v) for v in container.header)
            owner[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = len(ends)
    owner[crossings > 0] = 0
    order = sorted(set(range(len(scene.shapes))) - chips, key=lambda i: -_area(scene.shapes[i].box))
    first = len(ends)
    ends.extend(Ground(("shape", index), shape.box, False) for index, shape in enumerate(scene.shapes))
    for index in order:
        outline = np.round(scene.shapes[index].contour).astype(np.int32)
        value = first + index + 1
        cv2.fillPoly(owner, [outline], value)
        cv2.polylines(owner, [outline], True, value, 2 * margin + 1)
    return owner, tuple(ends)


def _border(container: Container) -> Floats:
    if container.shape is not None:
        return container.shape.contour
    x0, y0, x1, y1 = container.box
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _rub_frames(ink: Bytes, containers: Sequence[Container], unit: float) -> Bytes:
    """Erase frame lines, keeping the strokes that cross them; (H, W), 1 where one does."""
    crossings = np.zeros_like(ink)
    sides: list[tuple[bool, float, float, float]] = []  # horizontal?, position, from, to
    for container in containers:
        x0, y0, x1, y1 = container.box
        sides += [(True, y0, x0, x1), (True, y1, x0, x1), (False, x0, y0, y1), (False, x1, y0, y1)]
        if container.header is not None:
            hx0, hy0, hx1, hy1 = container.header
            sides += [(True, hy1, hx0, hx1)] if container.upright else [(False, hx1, hy0, hy1)]
    for flat in (True, False):
        view, marks = (ink, crossings) if flat else (ink.T, crossings.T)
        bands = [
            band
            for side in sides
            if side[0] is flat and (band := _band(view, side[1], side[2], side[3], unit)) is not None
        ]
        for top, bottom, start, stop in _merge(bands, unit):
            gap = max(2, bottom - top)
            above = view[max(0, top - 3) : top, start:stop].max(0, initial=0)
            below = view[bottom : bottom + 3, start:stop].max(0, initial=0)
            kernel = np.ones((1, 2 * gap + 1), np.uint8)
            wide = [np.asarray(cv2.dilate(side[None], kernel), np.uint8)[0] for side in (above, below)]
            cross: Bytes = wide[0] & wide[1] & (above | below)
            view[top:bottom, start:stop] = cross[None]
            reach = max(4, round(0.3 * unit))
            marks[max(0, top - reach) : bottom + reach, start:stop] |= np.asarray(
                cv2.dilate(cross[None], kernel), np.uint8
            )
    return crossings


def _band(view: Bytes, at: float, start: float, stop: float, unit: float) -> tuple[int, int, int, int] | None:
    """Rows (top, bottom) of the line near row `at` between two columns, or None when none is drawn there."""
    slack = max(4, round(0.3 * unit))
    a, b = max(0, round(start)), min(view.shape[1], round(stop))
    top, bottom = max(0, round(at) - slack), min(view.shape[0], round(at) + slack + 1)
    if b - a < unit or bottom - top < 2:
        return None
    cover = view[top:bottom, a:b].mean(1)
    peak = float(cover.max())
    if peak < 0.3:
        return None
    rows = np.flatnonzero(cover >= max(0.3, 0.5 * peak))
    return top + int(rows[0]) - 1, top + int(rows[-1]) + 2, max(0, a - slack), min(view.shape[1], b + slack)


def _merge(bands: list[tuple[int, int, int, int]], unit: float) -> list[tuple[int, int, int, int]]:
    """Bands that lie over or close beside each other become one, where they overlap lengthwise for the most part."""
    out: list[tuple[int, int, int, int]] = []
    for band in sorted(bands):
        for k, other in enumerate(out):
            overlap = min(band[3], other[3]) - max(band[2], other[2])
            if band[0] <= other[1] + 0.3 * unit and overlap > 0.5 * min(band[3] - band[2], other[3] - other[2]):
                out[k] = (
                    min(band[0], other[0]), max(band[1], other[1]), min(band[2], other[2]), max(band[3], other[3]),
                )  # fmt: skip
                break
        else:
            out.append(band)
    return [(max(0, a), b, c, d) for a, b, c, d in out]


def _chips(shapes: Sequence[Shape], lines: Sequence[TextLine], unit: float) -> frozenset[int]:
    """Borderless patches that are the ground of one line of text laid over a connector, which runs on beneath them."""
    out: set[int] = set()
    for index, shape in enumerate(shapes):
        x0, y0, x1, y1 = shape.box
        if shape.stroke > 0 or shape.filled or min(x1 - x0, y1 - y0) > 1.9 * unit:
            continue
        within = [line.box for line in lines if _share(line.box, shape.box) > 0.8]
        spare = x1 - x0 - max((box[2] - box[0] for box in within), default=0.6 * unit)
        if len(within) <= 1 and spare <= 1.2 * unit:
            out.add(index)
    return frozenset(out)


def _share(box: Box, other: Box) -> float:
    """Share of `box` that lies in `other`."""
    w = min(box[2], other[2]) - max(box[0], other[0])
    h = min(box[3], other[3]) - max(box[1], other[1])
    return max(w, 0.0) * max(h, 0.0) / max(_area(box), 1.0)


def _text_map(shape: tuple[int, ...], boxes: Sequence[Box], unit: float) -> Bytes:
    text = np.zeros(shape[:2], np.uint8)
    pad = 0.08 * unit
    for x0, y0, x1, y1 in boxes:
        text[max(0, round(y0 - pad)) : max(0, round(y1 + pad)), max(0, round(x0 - pad)) : max(0, round(x1 + pad))] = 1
    return text


def _rub_letters(ink: Bytes, text: Bytes, lines: Sequence[TextLine], owner: Owners, unit: float) -> None:
    """Erase components that lie in text lines, and specks."""
    label, stats = labelled(ink)
    count = len(stats)
    if count < 2:
        return
    at = places(ink)  # where there is ink; the rest of the page need not be looked at again
    names = label.ravel()[at]
    inside = np.bincount(names[text.ravel()[at] > 0], minlength=count)
    area = stats[:, cv2.CC_STAT_AREA]
    w, h = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    long, short = np.maximum(w, h), np.minimum(w, h)
    letter = (inside >= 0.8 * area) & ~((long > 2.5 * unit) & (short < 0.3 * unit))
    speck = area < max(3, 0.006 * unit * unit)
    width = _usual_width(ink)
    curly = area >= 1.25 * width * (w + h)  # more ink than a bent dash has
    small = (long <= 1.4 * unit) & (short >= 0.3 * unit) & curly & ~letter  # letters that were not read
    reach = 2 * round(0.3 * unit) + 1
    close = np.asarray(cv2.dilate((owner > 0).astype(np.uint8), np.ones((reach, reach), np.uint8)))
    if small.any():
        small[names[close.ravel()[at] > 0]] = False
        small[0] = False
        for x, y, w_, h_, _ in stats[small]:
            text[y : y + h_, x : x + w_] = 1
    letter |= small
    tall = _text_map(
        ink.shape, [line.box for line in lines if line.turn == 0 and line.box[3] - line.box[1] > 1.7 * unit], 0.0
    )
    tall &= cv2.dilate((owner > 0).astype(np.uint8), np.ones((5, 5), np.uint8))
    letter[names[tall.ravel()[at] > 0]] = False  # a head that was taken for part of a label
    for name in _spanning(label, owner, at, np.flatnonzero(letter)):
        letter[name] = False
    gone = letter | speck
    gone[0] = False
    np.put(ink, at[gone[names]], 0)
    width = _usual_width(ink)
    for line in lines:  # letters of a short label that touch a connector: the label goes, the gap is bridged
        if line.box[2] - line.box[0] > 3 * unit:
            continue
        x0, y0, x1, y1 = (max(0, round(v)) for v in line.box)
        inside_box, names_box = ink[y0:y1, x0:x1], label[y0:y1, x0:x1]
        for name in np.unique(names_box[inside_box > 0]).tolist():
            part = names_box == name
            longest = max(int(part.any(0).sum()), int(part.any(1).sum()))
            thick = int(part.sum()) > 2.3 * width * longest and longest > 0.4 * unit
            if thick and not close[y0:y1, x0:x1][part].any():
                inside_box[part] = 0


def _unread(ink: Bytes, lines: Sequence[TextLine], owner: Owners, unit: float) -> list[Box]:
    """Boxes of letters right before or after short labels that were not read, far from any symbol."""
    out: list[Box] = []
    for line in lines:
        x0, y0, x1, y1 = (max(0, round(v)) for v in line.box)
        if line.turn or x1 - x0 > 3 * unit or y1 - y0 > 1.7 * unit or not any(ch.isalpha() for ch in line.text):
            continue
        reach = round(1.5 * unit)
        for ahead in (False, True):
            a, b = (x1, min(ink.shape[1], x1 + reach)) if ahead else (max(0, x0 - reach), x0)
            part = ink[y0:y1, a:b]
            if part.shape[1] < reach or owner[max(0, y0 - reach) : y1 + reach, a:b].any():
                continue
            columns: NDArray[np.bool_] = np.asarray(part.any(0))
            filled = columns if ahead else columns[::-1]
            first = int(filled.argmax())
            run = filled[first:]
            length = len(run) if run.all() else int((~run).argmax())
            if not filled.any() or first > 0.2 * unit or not 0.25 * unit < length < 1.2 * unit:
                continue
            rows = (part if ahead else part[:, ::-1])[:, first : first + length]
            if rows.any(1).mean() > 0.6 and rows.mean() < 0.7:  # as high as a letter, and no mass
                out.append((x1, y0, x1 + first + length, y1) if ahead else (x0 - first - length, y0, x0, y1))
    return out


def _spanning(label: NDArray[np.int32], owner: Owners, at: NDArray[np.int64], names: NDArray[np.int64]) -> list[int]:
    """Those components that reach from one symbol or frame to another. at: flat indices of all that are labelled."""
    rim = cv2.dilate((owner > 0).astype(np.uint8), np.ones((5, 5), np.uint8))
    asked = np.zeros(int(label.max()) + 1, np.bool_)
    asked[names] = True
    asked[0] = False
    at = at[rim.ravel()[at] > 0]
    rows, columns = np.divmod(at[asked[label.ravel()[at]]], label.shape[1])
    if len(rows) == 0:
        return []
    height, width = owner.shape
    met: set[tuple[int, int]] = set()
    for dy, dx in ((-2, 0), (2, 0), (0, -2), (0, 2)):
        at = owner[np.clip(rows + dy, 0, height - 1), np.clip(columns + dx, 0, width - 1)]
        met |= set(zip(label[rows, columns].tolist(), at.tolist(), strict=True))
    counts: dict[int, int] = {}
    for name, at_owner in met:
        if at_owner:
            counts[name] = counts.get(name, 0) + 1
    return [name for name, count in counts.items() if count > 1]


def _fill_small(ink: Bytes, anchor: Bytes, unit: float) -> Bytes:
    """Fill the holes of hollow heads and small circles; a hole may be closed by a symbol's border."""
    contours, tree = cv2.findContours(cv2.bitwise_or(ink, anchor), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    out = ink.copy()
    if tree is None:
        return out
    for contour, links in zip(contours, tree[0], strict=True):
        if links[3] < 0 or len(contour) < 3:
            continue
        _, _, w, h = cv2.boundingRect(contour)
        if max(w, h) <= 1.1 * unit and cv2.contourArea(contour) <= 0.5 * unit * unit:
            cv2.drawContours(out, [contour], -1, 1, cv2.FILLED)
    out[anchor > 0] = 0
    return out


def _usual_width(ink: Bytes) -> float:
    """Twice the mean distance to the edge on the strokes' middle, in pixels; 2 where nothing is drawn."""
    area = float(cv2.countNonZero(ink))
    if not area:
        return 2.0
    rim = area - float(cv2.countNonZero(cv2.erode(ink, np.ones((3, 3), np.uint8))))
    return max(1.5, 2.0 * area / max(rim, 1.0))
