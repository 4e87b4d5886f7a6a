"""What `prepare` makes of dark, transparent, shadowed, squared and turned pictures drawn here."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from vision.parts import Page, TextLine
from vision.photo import is_paper, skew, strokes
from vision.prepare import measured, prepare

SIZE = (900, 600)
BOXES = [(100, 100, 300, 200), (500, 100, 700, 200), (500, 380, 700, 480)]


def export(paper: str = "white", pen: str = "black") -> Image.Image:
    """Three exact boxes and lines between them."""
    image = Image.new("RGB", SIZE, paper)
    draw = ImageDraw.Draw(image)
    for box in BOXES:
        draw.rectangle(box, outline=pen, width=2)
    draw.line((300, 150, 500, 150), fill=pen, width=2)
    draw.line((600, 200, 600, 380), fill=pen, width=2)
    return image


def sheet(*, squared: bool, shadow: bool, seed: int = 1) -> Image.Image:
    """The same by hand: wobbling lines on noisy paper, perhaps squared, perhaps in a shadow."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", SIZE, (235, 232, 225))
    draw = ImageDraw.Draw(image)
    if squared:
        for x in range(0, SIZE[0], 24):
            draw.line((x, 0, x + 3, SIZE[1]), fill=(200, 205, 215), width=2)
        for y in range(0, SIZE[1], 24):
            draw.line((0, y, SIZE[0], y + 3), fill=(200, 205, 215), width=2)

    def stroke(a: tuple[int, int], b: tuple[int, int]) -> None:
        t = np.linspace(0, 1, 12)[:, None]
        way = np.array(a) * (1 - t) + np.array(b) * t + random.normal(0, 2.0, (12, 2))
        draw.line([(float(x), float(y)) for x, y in way], fill=(40, 45, 110), width=3, joint="curve")

    for x0, y0, x1, y1 in BOXES:
        for a, b in (((x0, y0), (x1, y0)), ((x1, y0), (x1, y1)), ((x1, y1), (x0, y1)), ((x0, y1), (x0, y0))):
            stroke(a, b)
    stroke((300, 150), (500, 150))
    stroke((600, 200), (600, 380))
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(0.8))).astype(float)
    if shadow:
        pixels *= np.linspace(1.0, 0.35, SIZE[0])[None, :, None]
    pixels += random.normal(0, 3, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def dark_at(page: Page, point: tuple[float, float], reach: int = 7) -> bool:
    """Whether there is ink near a point of the upload."""
    matrix = np.vstack([page.to_source, [0, 0, 1]])
    x, y, _ = np.linalg.inv(matrix) @ (*point, 1)
    near = page.gray[round(y) - reach : round(y) + reach + 1, round(x) - reach : round(x) + reach + 1]
    return int(near.min()) < 128


@pytest.mark.parametrize("shadow", [False, True])
def test_paper_becomes_strokes_on_white(shadow: bool) -> None:
    page = prepare(sheet(squared=True, shadow=shadow))
    assert page.photo
    assert all(dark_at(page, point) for point in ((200, 100), (300, 120), (600, 300), (690, 480)))
    ink = float((page.gray < 128).mean())
    assert 0.004 < ink < 0.04  # neither paper, squares nor shadow
    assert min(page.background) > 245


def test_an_export_is_no_photo() -> None:
    page = prepare(export())
    assert not page.photo
    assert np.allclose(page.to_source[:, :2], np.diag(np.diag(page.to_source[:, :2])))


@pytest.mark.parametrize("degrees", [-4.0, -1.5, 1.0, 3.0])
def test_a_turned_scan_is_made_level_and_maps_back(degrees: float) -> None:
    turned = export().rotate(degrees, resample=Image.Resampling.BICUBIC, fillcolor="white")
    assert skew(np.asarray(turned.convert("L"))) == pytest.approx(-degrees, abs=0.5)
    page = prepare(turned)
    assert page.source_size == SIZE
    angle = np.radians(degrees)
    middle = np.array(SIZE) / 2
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for point in ((200, 100), (500, 180), (600, 300)):
        assert dark_at(page, tuple(turn @ (np.array(point) - middle) + middle))
    rows = (page.gray < 128).sum(1)
    assert rows.max() > 250  # a level border falls into few rows


def test_a_level_picture_is_not_turned() -> None:
    assert skew(np.asarray(export().convert("L"))) == 0.0


def test_a_dark_theme_is_turned_over() -> None:
    page = prepare(export("#202124", "#e8eaed"))
    assert page.inverted
    assert min(page.background) > 200
    assert dark_at(page, (200, 100))


@pytest.mark.parametrize(("pen", "inverted"), [((0, 0, 0, 255), False), ((255, 255, 255, 255), True)])
def test_transparent_paper(pen: tuple[int, int, int, int], inverted: bool) -> None:
    image = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    for box in BOXES:
        draw.rectangle(box, outline=pen, width=3)
    page = prepare(image)
    assert page.inverted is inverted
    assert dark_at(page, (200, 100))
    assert min(page.background) > 245


def test_noise_alone_does_no_harm() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    page = prepare(Image.fromarray(noise))
    assert page.size[0] > 0
    assert page.to_source.shape == (2, 3)
    assert not is_paper(np.full((50, 50), 255, np.uint8))


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (40, 3), (8, 8)])
def test_tiny_pictures(size: tuple[int, int]) -> None:
    random = np.random.default_rng(2).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    for image in (Image.new("RGB", size, "white"), Image.fromarray(random)):
        assert prepare(image).source_size == size


def test_faint_parts_of_a_pen_line_are_kept() -> None:
    image = sheet(squared=False, shadow=False)
    draw = ImageDraw.Draw(image)
    for x in range(100, 400, 40):  # one line, now dark, now faint
        draw.line((x, 300, x + 20, 300), fill=(40, 45, 110), width=3)
        draw.line((x + 20, 300, x + 40, 300), fill=(170, 172, 190), width=3)
    lifted = strokes(np.asarray(image))
    assert all(int(lifted[298:303, x].min()) < 128 for x in range(110, 390, 20))


def test_the_desk_around_the_sheet_goes() -> None:
    random = np.random.default_rng(2)
    desk = np.clip(random.normal((60, 45, 35), 8, (SIZE[1] + 120, SIZE[0] + 160, 3)), 0, 255).astype(np.uint8)
    desk[60:-60, 80:-80] = np.asarray(sheet(squared=False, shadow=False))
    lifted = strokes(desk)
    assert int(lifted[155:166, 280].min()) < 128  # the drawing stays
    assert min(int(part.min()) for part in (lifted[:, :40], lifted[:, -40:], lifted[:30], lifted[-30:])) > 200


@pytest.mark.parametrize("step", [10, 20, 25])
@pytest.mark.parametrize("dark", [False, True])
def test_the_grid_of_a_canvas_goes_and_the_drawing_stays(step: int, dark: bool) -> None:
    plain = export("#202020", "white") if dark else export()
    squared = plain.copy()
    draw = ImageDraw.Draw(squared)
    faint = "#303030" if dark else "#e4e4e4"
    for x in range(0, SIZE[0], step):
        draw.line((x, 0, x, SIZE[1]), fill=faint)
    for y in range(0, SIZE[1], step):
        draw.line((0, y, SIZE[0], y), fill=faint)
    ink = np.asarray(plain.convert("L")) != (32 if dark else 255)
    pixels = np.asarray(squared).copy()
    pixels[ink] = np.asarray(plain)[ink]
    cleaned, wanted = prepare(Image.fromarray(pixels)), prepare(plain)
    assert cleaned.gray.shape == wanted.gray.shape
    assert float((np.abs(cleaned.gray.astype(int) - wanted.gray.astype(int)) > 12).mean()) < 0.002


def test_a_drawing_without_a_grid_is_left_alone() -> None:
    page = prepare(export())
    assert set(np.unique(page.gray)) == {0, 255}


def test_the_unit_follows_the_lines_that_were_read() -> None:
    page = prepare(export())
    large = TextLine("Check order", (100, 100, 400, 100 + 3 * page.unit), 0.9)
    assert measured(page, [large]).unit == pytest.approx(3.3 * page.unit)
    usual = TextLine("Check order", (100, 100, 400, 100 + 0.9 * page.unit), 0.9)
    assert measured(page, [usual]) is page


def test_tiny_print_whose_letters_run_together_is_enlarged() -> None:
    large = Image.new("RGB", (1800, 1200), "white")
    draw = ImageDraw.Draw(large)
    for x in range(100, 1700, 200):
        draw.ellipse((x, 100, x + 50, 150), outline="black", width=4)
        draw.rectangle((x - 60, 300, x + 100, 500), outline="black", width=4)
        draw.text((x + 20, 400), "Consider\nadmission", "black", ImageFont.load_default(21), anchor="mm", spacing=2)
    small = large.resize((450, 300), Image.Resampling.LANCZOS)  # print of 5 pixels beside circles of 12
    page = prepare(small)
    assert page.gray.shape[0] - 48 > 2.5 * small.height
