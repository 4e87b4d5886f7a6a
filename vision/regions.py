"""Regions of a mask by their outlines: what walls close off, and what stands apart.

Follows borders (Suzuki and Abe, 1985; OpenCV `findContours`), which costs a tenth of labelling every pixel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.masks import places
from vision.parts import Bytes, Floats

Ints = NDArray[np.int32]

SAMPLED = 600_000  # pixels of a region that are looked at


@dataclass(frozen=True, slots=True)
class Region:
    """left, top, width, height in pixels of the mask, and the outer border as followed: (n, 1, 2) int32 x, y."""

    left: int
    top: int
    width: int
    height: int
    border: np.ndarray

    @property
    def contour(self) -> Floats:
        """(n, 2) outer border, all of its pixels in order."""
        return np.asarray(self.border[:, 0, :], np.float64)

    @property
    def area(self) -> float:
        """Of the polygon through the border's pixels."""
        return float(cv2.contourArea(self.border))


def closed(wall: Bytes, least: float) -> list[Region]:
    """The regions without wall that walls enclose (not even diagonal gaps lead out), at least `least` wide and high.
    Their borders are the outermost free pixels."""
    contours, tree = cv2.findContours(wall, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if tree is None:
        return []
    holes = (contour for contour, links in zip(contours, tree[0], strict=True) if links[3] >= 0)
    found = (_inside(wall, region) for region in _large(holes, least + 2))
    return [region for region in found if region is not None]


def pieces(mask: Bytes, least: float) -> list[Region]:
    """The connected pieces of a mask, at least `least` wide and high."""
    return _large(_outer(mask, cv2.CHAIN_APPROX_NONE), least)


def small(mask: Bytes, most: float) -> list[Region]:
    """The connected pieces of a mask whose longer side is at most `most`; their borders without points on straights."""
    found = _large(_outer(mask, cv2.CHAIN_APPROX_SIMPLE), 1)
    return [piece for piece in found if max(piece.width, piece.height) <= most]


def _outer(mask: Bytes, method: int) -> list[np.ndarray]:
    """Outer borders of all pieces, those within holes of others too."""
    contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, method)
    return [] if tree is None else [c for c, links in zip(contours, tree[0], strict=True) if links[3] < 0]


def labelled(mask: Bytes) -> tuple[Ints, Ints]:
    """The connected pieces of a mask by number: (H, W) each pixel's, 0 where there is none; (n, 5) left, top, width,
    height and pixels of each, the first row, of no piece, all 0. Else as `connectedComponentsWithStats`, which takes
    four times as long over a page."""
    count, names = cv2.connectedComponents(mask, connectivity=8)
    table = np.zeros((count, 5), np.int32)
    at = places(mask)
    table[1:, 4] = np.bincount(names.ravel()[at], minlength=count)[1:]
    for border in _outer(mask, cv2.CHAIN_APPROX_SIMPLE):
        x, y = border[0, 0].tolist()
        table[names[y, x], :4] = cv2.boundingRect(border)
    return np.asarray(names, np.int32), table


def filled(wall: Bytes, most: float) -> Bytes:
    """The wall together with the regions it encloses whose longer side is at most `most`."""
    contours, tree = cv2.findContours(wall, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    out = wall.copy()
    if tree is None:
        return out
    for contour, links in zip(contours, tree[0], strict=True):
        if links[3] >= 0 and max(cv2.boundingRect(contour)[2:]) - 2 <= most:
            cv2.drawContours(out, [contour], -1, 255, cv2.FILLED)
    return out


def disc_opened(mask: Bytes, side: int) -> Bytes:
    """The mask opened by a disc, `side` (odd) pixels across, as OpenCV does it, but only where a square that fits into
    the disc fits into the mask too: squares are quick, discs are not."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    reach = side // 2
    half = max(k for k in range(reach + 1) if disc[reach - k : reach + k + 1, reach - k : reach + k + 1].all())
    core = cv2.erode(mask, np.ones((2 * half + 1, 2 * half + 1), np.uint8))
    out = np.zeros_like(mask)
    height, width = mask.shape
    places = [cv2.boundingRect(c) for c in cv2.findContours(core, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]]
    if sum((w + 4 * reach) * (h + 4 * reach) for _, _, w, h in places) > mask.size:
        return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc), np.uint8)
    for x, y, w, h in places:
        left, top = max(0, x - 2 * reach), max(0, y - 2 * reach)
        right, bottom = min(width, x + w + 2 * reach), min(height, y + h + 2 * reach)
        worn = cv2.erode(mask[top:bottom, left:right], disc)
        own = np.zeros_like(worn)
        own[y - top : y - top + h, x - left : x - left + w] = worn[y - top : y - top + h, x - left : x - left + w]
        part = out[top:bottom, left:right]
        np.maximum(part, cv2.dilate(own, disc), out=part)
    return out


def _inside(wall: Bytes, around: Region) -> Region | None:
    """From the wall around a region to the region itself; large ones are sampled coarser."""
    x, y, w, h = around.left, around.top, around.width, around.height
    step = max(1, int((w * h / SAMPLED) ** 0.5))
    size = (-(-h // step), -(-w // step))
    free = np.zeros(size, np.uint8)
    cv2.fillPoly(free, [(around.border - (x, y)) // step], 1)
    free[wall[y : y + h : step, x : x + w : step] > 0] = 0
    borders = cv2.findContours(free, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    border = max(borders, key=len, default=None)
    if border is None or len(border) < 8:
        return None
    return Region(x + 1, y + 1, w - 2, h - 2, border * step + (x, y))


def _large(contours: Iterable[np.ndarray], least: float) -> list[Region]:
    out = []
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        if w >= least and h >= least:
            out.append(Region(x, y, w, h, contour))
    return out
