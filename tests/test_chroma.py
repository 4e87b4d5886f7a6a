"""Colour that JPEG kept at half size: told from colour that is whole, and made sharp again without touching light."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw

from vision.chroma import BAND, looks_halved, saved_halved, sharpened
from vision.parts import Bytes

ORANGE, PALE = (190, 90, 20), (253, 232, 214)


def drawing(width: int = 640, height: int = 480) -> Image.Image:
    """Thin orange strokes on white and on a pale fill."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for y in range(40, height - 60, 110):
        for x in range(30, width - 130, 170):
            draw.polygon([(x, y + 35), (x + 35, y), (x + 70, y + 35), (x + 35, y + 70)], fill=PALE, outline=ORANGE)
            draw.line((x + 22, y + 22, x + 48, y + 48), fill=ORANGE, width=3)
            draw.line((x + 48, y + 22, x + 22, y + 48), fill=ORANGE, width=3)
            draw.line((x + 70, y + 35, x + 170, y + 35), fill=ORANGE, width=2)
    return image


def saved(image: Image.Image, *, subsampling: int = 2, quality: int = 40) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality, subsampling=subsampling)
    return data.getvalue()


def compressed(image: Image.Image, *, subsampling: int = 2, quality: int = 40) -> Bytes:
    return np.asarray(Image.open(io.BytesIO(saved(image, subsampling=subsampling, quality=quality))).convert("RGB"))


def spill(rgb: Bytes, image: Image.Image) -> float:
    """Mean levels by which colour (not light) is off."""
    parts = [cv2.cvtColor(np.asarray(one), cv2.COLOR_RGB2YCrCb)[:, :, 1:].astype(int) for one in (rgb, image)]
    return float(np.abs(parts[0] - parts[1]).mean())


@pytest.mark.parametrize("quality", [40, 75, 92])
def test_files_of_halved_colour_are_known(quality: int) -> None:
    assert saved_halved(Image.open(io.BytesIO(saved(drawing(), quality=quality))))
    assert not saved_halved(Image.open(io.BytesIO(saved(drawing(), subsampling=0, quality=quality))))
    assert not saved_halved(drawing())


def test_colour_that_was_halved_once_is_told_from_whole() -> None:
    image = drawing()
    coarse = image.resize((960, 720), Image.Resampling.NEAREST)
    assert looks_halved(compressed(coarse, quality=90))
    assert not looks_halved(np.asarray(image))
    assert not looks_halved(np.asarray(coarse))
    assert not looks_halved(compressed(image, subsampling=0, quality=92))
    assert not looks_halved(np.asarray(image.resize((480, 360), Image.Resampling.LANCZOS)))


def test_grey_pictures_have_no_colour_to_be_halved() -> None:
    assert not looks_halved(compressed(drawing().convert("L").convert("RGB")))
    assert not looks_halved(np.full((300, 300, 3), 255, np.uint8))


def test_colour_comes_back_where_it_belongs() -> None:
    image = drawing()
    before = compressed(image)
    after = sharpened(before)
    assert spill(after, image) < 0.7 * spill(before, image)
    light = [cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).astype(int) for one in (before, after)]
    assert np.abs(light[0] - light[1]).mean() < 1


def test_bands_leave_no_seams() -> None:
    """Rows worked on apart are those of a picture worked on whole."""
    image = drawing(200, 2 * BAND + 77)
    rgb = compressed(image)
    part = sharpened(rgb[: BAND + 200])
    assert np.array_equal(sharpened(rgb)[: BAND + 100], part[: BAND + 100])


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 70), st.integers(1, 70), st.just(3))))
def test_any_picture_keeps_its_size(rgb: Bytes) -> None:
    assert isinstance(looks_halved(rgb), bool)
    assert sharpened(rgb).shape == rgb.shape
