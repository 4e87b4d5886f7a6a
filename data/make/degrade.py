"""What happens to a picture between the tool and the upload, and where its points go.

Every step takes a picture and gives a picture with the 2×3 matrix that carries old pixels to new ones.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from PIL.Image import Resampling

from diagram.model import Box, Diagram, Point
from text import font_file

Matrix = tuple[float, float, float, float, float, float]
KEEP: Matrix = (1, 0, 0, 0, 1, 0)


def jpeg(image: Image.Image, rng: Random) -> tuple[Image.Image, Matrix]:
    """Blocks and ringing of a saved JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=rng.choice([40, 55, 70]))
    return Image.open(out).convert("RGB"), KEEP


def grey(image: Image.Image, rng: Random) -> tuple[Image.Image, Matrix]:
    """A black-and-white print."""
    return image.convert("L").convert("RGB"), KEEP


def blur(image: Image.Image, rng: Random) -> tuple[Image.Image, Matrix]:
    """A slightly soft picture."""
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 0.9))), KEEP


def noise(image: Image.Image, rng: Random) -> tuple[Image.Image, Matrix]:
    """Sensor noise."""
    source = np.random.default_rng(rng.randrange(2**31))
    data = np.asarray(image, np.float32) + source.normal(0, rng.uniform(4, 8), (image.height, image.width, 1))
    return Image.fromarray(np.clip(data, 0, 255).astype(np.uint8)), KEEP


def scale(image: Image.Image, rng: Random) -> tuple[Image.Image, Matrix]:
    """Made smaller for a letter or a page."""
    return _resize(image, rng.uniform(0.6, 0.8))


def small(image: Image.Image, rng: Random) -> tuple[Image.Image, Matrix]:
    """A small web picture, at least 300 pixels wide and still readable."""
    return _resize(image, max(300 / image.width, rng.uniform(0.55, 0.7)))


def _resize(image: Image.Image, k: float) -> tuple[Image.Image, Matrix]:
    size = max(1, round(image.width * k)), max(1, round(image.height * k))
    kx, ky = size[0] / image.width, size[1] / image.height
    return image.resize(size, Resampling.LANCZOS), (kx, 0, 0, 0, ky, 0)


def rotate(image: Image.Image, rng: Random) -> tuple[Image.Image, Matrix]:
    """A page laid askew on the scanner, on its own paper colour."""
    angle = math.radians(rng.choice([-1, 1]) * rng.uniform(0.8, 4.5))
    c, s = math.cos(angle), math.sin(angle)
    w, h = image.size
    width, height = math.ceil(w * c + h * abs(s)), math.ceil(h * c + w * abs(s))
    dx = width / 2 - (c * w / 2 - s * h / 2)
    dy = height / 2 - (s * w / 2 + c * h / 2)
    back = (c, s, -(c * dx + s * dy), -s, c, s * dx - c * dy)
    corner = image.getpixel((1, 1))
    out = image.transform((width, height), Image.Transform.AFFINE, back, Resampling.BICUBIC, fillcolor=corner)
    return out, (c, -s, dx, s, c, dy)


def scan(image: Image.Image, rng: Random) -> tuple[Image.Image, Matrix]:
    """A photocopy: grey, uneven light, soft, grainy."""
    image, _ = blur(image.convert("L").convert("RGB"), rng)
    x = np.linspace(0, 1, image.width)[None, :, None]
    y = np.linspace(0, 1, image.height)[:, None, None]
    light = 1 - rng.uniform(0.05, 0.15) * x * rng.choice([1, 0.4]) - rng.uniform(0.02, 0.1) * y
    data = np.asarray(image, np.float32) * light
    return noise(Image.fromarray(np.clip(data, 0, 255).astype(np.uint8)), rng)


def chrome(image: Image.Image, rng: Random) -> tuple[Image.Image, Matrix]:
    """A screenshot: the drawing within an editor's or browser's window."""
    top, left, right, low = rng.choice([(86, 0, 16, 24), (64, 180, 0, 26), (110, 56, 210, 0), (48, 0, 0, 0)])
    bar = rng.choice(["#dee1e6", "#2b579a", "#f3f3f3", "#3c3c3c"])
    body = "#f5f5f5" if bar != "#3c3c3c" else "#252526"
    ink = "#ffffff" if bar in ("#2b579a", "#3c3c3c") else "#333333"
    w, h = image.width + left + right, image.height + top + low
    out = Image.new("RGB", (w, h), body)
    draw = ImageDraw.Draw(out)
    font = ImageFont.truetype(font_file("dejavu"), 13)
    draw.rectangle((0, 0, w, 32), fill=bar)
    title = rng.choice(["Схема процесса.vsdx — Редактор", "Регламент (только чтение)", "process-map — Editor"])
    draw.text((14, 8), title, font=font, fill=ink)
    for k, colour in enumerate(["#e81123", "#c8c8c8", "#c8c8c8"]):
        draw.rectangle(
            (w - 28 - 34 * k, 10, w - 16 - 34 * k, 22), outline=ink if k else None, fill=colour if not k else None
        )
    ink = "#333333" if body == "#f5f5f5" else "#cccccc"
    if top > 40:
        x = 14
        for word in rng.choice([("Файл", "Правка", "Вид", "Вставка", "Справка"), ("File", "Edit", "View", "Help")]):
            draw.text((x, 40), word, font=font, fill=ink)
            x += int(font.getlength(word)) + 22
    if top > 100:
        for k in range(12):
            draw.rectangle((16 + 30 * k, 68, 36 + 30 * k, 88), outline="#8a8a8a")
    if left:
        for k in range(min(6, (h - top) // 44)):
            draw.rounded_rectangle(
                (12, top + 12 + 44 * k, min(left - 12, 44), top + 42 + 44 * k), 4, outline="#8a8a8a", width=2
            )
            if left > 100:
                draw.text(
                    (54, top + 18 + 44 * k), rng.choice(["Слои", "Фигуры", "Страница 1", "Стили"]), font=font, fill=ink
                )
    if low:
        draw.text((12, h - 20), "100 %", font=font, fill=ink)
    out.paste(image, (left, top))
    draw.rectangle((left - 1, top - 1, left + image.width, top + image.height), outline="#b0b0b0")
    return out, (1, 0, left, 0, 1, top)


def watermark(image: Image.Image, rng: Random) -> tuple[Image.Image, Matrix]:
    """Pale words of an unlicensed tool or a draft across the drawing."""
    word = rng.choice(["Пробная версия", "ЧЕРНОВИК", "Trial version", "КОПИЯ"])
    font = ImageFont.truetype(font_file("dejavu"), max(28, image.width // 14))
    sheet = Image.new("L", image.size, 0)
    ImageDraw.Draw(sheet).text((image.width * 0.12, image.height * 0.45), word, font=font, fill=rng.choice([40, 60]))
    sheet = sheet.rotate(rng.choice([0, 20, 30]), Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", image.size, "#808080"), image, sheet), KEEP


def alpha(image: Image.Image, rng: Random) -> tuple[Image.Image, Matrix]:
    """Saved with a transparent page: pixels of the page's colour let through."""
    data = np.asarray(image)
    page = data[1, 1].astype(int)
    away = np.abs(data.astype(int) - page).sum(axis=2)
    return Image.fromarray(np.dstack([data, np.clip(away * 3, 0, 255).astype(np.uint8)]), "RGBA"), KEEP


def long(image: Image.Image, rng: Random) -> tuple[Image.Image, Matrix]:
    """Enlarged as by a high-resolution export, to about 10,000 pixels high."""
    k = 10000 / image.height
    size = round(image.width * k), 10000
    return image.resize(size, Resampling.BICUBIC), (k, 0, 0, 0, k, 0)


STEPS: dict[str, Callable[[Image.Image, Random], tuple[Image.Image, Matrix]]] = {
    "jpeg": jpeg, "grey": grey, "blur": blur, "noise": noise, "scale": scale, "small": small, "rotate": rotate,
    "scan": scan, "chrome": chrome, "long": long, "watermark": watermark, "alpha": alpha,
}  # fmt: skip


def compose(first: Matrix, then: Matrix) -> Matrix:
    """The matrix of one step after another."""
    a, b, c, d, e, f = then
    p, q, r, s, t, u = first
    return a * p + b * s, a * q + b * t, a * r + b * u + c, d * p + e * s, d * q + e * t, d * r + e * u + f


def carry(diagram: Diagram, m: Matrix, digits: int = 1) -> Diagram:
    """The graph with boxes and points carried along; a turned box becomes the upright box around it."""
    from dataclasses import replace

    def point(p: Point) -> Point:
        return round(m[0] * p[0] + m[1] * p[1] + m[2], digits), round(m[3] * p[0] + m[4] * p[1] + m[5], digits)

    def box(b: Box | None) -> Box | None:
        if b is None:
            return None
        ends = [point((x, y)) for x in (b[0], b[2]) for y in (b[1], b[3])]
        xs, ys = [p[0] for p in ends], [p[1] for p in ends]
        return min(xs), min(ys), max(xs), max(ys)

    return diagram.replace(
        nodes=tuple(replace(n, bbox=box(n.bbox)) for n in diagram.nodes),
        edges=tuple(replace(e, points=tuple(point(p) for p in e.points)) for e in diagram.edges),
        lanes=tuple(replace(a, bbox=box(a.bbox)) for a in diagram.lanes),
    )
