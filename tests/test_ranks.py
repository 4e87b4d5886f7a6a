"""Medians and percentiles are those of numpy, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from vision.ranks import percentile, percentile_within

SHARES = (5, 25, 40, 50, 75, 90)


@pytest.mark.parametrize("seed", range(20))
def test_percentiles_are_those_of_numpy(seed: int) -> None:
    random = np.random.default_rng(seed)
    for count in (1, 2, 3, 10, 37):
        for values in (random.integers(0, 50, count), random.random(count) * 50):
            assert [percentile(values, share) for share in SHARES] == [np.percentile(values, s) for s in SHARES]


@pytest.mark.parametrize("seed", range(20))
def test_percentiles_of_pixels_are_those_of_numpy(seed: int) -> None:
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (7, 11), np.uint8)
    mask = random.integers(0, 2, (7, 11), np.uint8)
    mask[0, 0] = 255
    for share in SHARES:
        assert percentile_within(picture, mask, share) == np.percentile(picture[mask > 0], share)
        assert percentile_within(picture, None, share) == np.percentile(picture, share)
