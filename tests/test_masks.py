"""Quick forms of steps over masks, against the plain calls of numpy and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vision import threads
from vision.masks import TILE, around, opened_along, places, points, within
from vision.regions import labelled


@pytest.mark.parametrize("share", [0.0, 0.02, 0.9, 0.99])
def test_masks_are_read_as_numpy_and_opencv_do(share: float) -> None:
    rng = np.random.default_rng(7)
    for _ in range(60):
        height, width, length = (int(rng.integers(1, most)) for most in (40, 90, 70))
        mask = np.asarray((rng.random((height, width)) < share) * 255, np.uint8)
        assert np.array_equal(places(mask), np.flatnonzero(mask))
        assert all(np.array_equal(a, b) for a, b in zip(points(mask), np.nonzero(mask), strict=True))
        plain = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
        assert np.array_equal(opened_along(mask, length), plain)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.4, 0.9, 1.0])
def test_pieces_are_labelled_and_measured_as_opencv_does(share: float) -> None:
    rng = np.random.default_rng(11)
    for _ in range(60):
        height, width = (int(rng.integers(1, most)) for most in (60, 90))
        mask = np.asarray(rng.random((height, width)) < share, np.uint8)
        _, names, table, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        own_names, own_table = labelled(mask)
        assert np.array_equal(own_names, names)
        assert np.array_equal(own_table[1:], table[1:])
        assert not own_table[0].any()


@pytest.mark.parametrize("reach", [2, 6, 15])
def test_a_mask_grows_by_a_disc(reach: int) -> None:
    rng = np.random.default_rng(reach)
    for share in (0.0, 0.001, 0.02, 1.0):
        mask = np.asarray((rng.random((120, 90)) < share) * 255, np.uint8)
        grown = within(mask, reach)
        less, more = (
            cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size + 1, 2 * size + 1)))
            for size in (reach - 1, reach + 1)
        )
        assert np.all(grown[less > 0] == 255)
        assert not np.any(grown[more == 0])


def test_tiles_hold_all_that_a_step_with_that_reach_changes() -> None:
    mask = np.zeros((3 * TILE + 11, 4 * TILE + 7), np.uint8)
    for y, x in ((0, 0), (TILE - 1, 2 * TILE), (3 * TILE + 10, 17), (200, 4 * TILE + 6)):
        mask[y, x] = 255
    kernel = np.ones((9, 9), np.uint8)
    out = np.zeros_like(mask)
    seen = 0
    for tile, wide, inner in around(mask, 4):
        out[tile] = cv2.dilate(mask[wide], kernel)[inner]
        seen += 1
    assert np.array_equal(out, cv2.dilate(mask, kernel))
    assert seen < 12


@pytest.mark.parametrize("count", [1, 2])
def test_work_aside_is_done_once_and_its_errors_are_raised(count: int) -> None:
    threads.hold(count)
    done: list[int] = []
    try:
        with threads.aside(lambda: done.append(7)) as finished:
            pass
        finished()
        assert done == [7]
        with threads.aside(lambda: 1 / 0) as found:
            pass
        with pytest.raises(ZeroDivisionError):
            found()
    finally:
        threads.hold(0)
