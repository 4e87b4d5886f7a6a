"""Pictures for the tests: every odd mode, and files that are broken in every way that could be thought of."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

SIZE = (64, 48)


def picture(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """A light page with a dark box, so that decoding it wrongly shows."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2), "black")
    if mode == "P":
        return image.quantize(16)
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    if mode == "I":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.int32) * 257)
    if mode == "F":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.float32) / 255)
    return image.convert(mode)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def good() -> Iterator[tuple[str, bytes]]:
    """Files that must be read: every mode that a format can hold."""
    modes = {
        "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
        "JPEG": ("L", "RGB", "CMYK"),
        "WEBP": ("RGB", "RGBA"),
        "BMP": ("1", "L", "P", "RGB"),
        "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "LAB"),
        "GIF": ("1", "L", "P"),
    }
    for form, names in modes.items():
        for mode in names:
            image = picture("RGB") if mode == "LAB" else picture(mode)
            if mode == "LAB":
                from PIL import ImageCms

                profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
                image = ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
            yield f"{form}-{mode.replace(';', '')}", encoded(image, form)
    yield "PNG-transparent-palette", encoded(picture("P"), "PNG", transparency=picture("P").getpixel((20, 16)))
    yield "PNG-transparent-grey", encoded(picture("L"), "PNG", transparency=0)
    yield "PNG-transparent-colour", encoded(picture("RGB"), "PNG", transparency=(0, 0, 0))
    yield "PNG-interlaced-like", encoded(picture(), "PNG", optimize=True)
    yield "PNG-16-bit-colour", png_of(struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0), (b"\0" + b"\xff" * 12) * 2)
    yield "JPEG-progressive", encoded(picture(), "JPEG", progressive=True)
    yield "TIFF-lzw", encoded(picture(), "TIFF", compression="tiff_lzw")
    yield "TIFF-g4", encoded(picture("1"), "TIFF", compression="group4")
    yield "TIFF-jpeg", encoded(picture(), "TIFF", compression="jpeg")
    yield "GIF-animated", encoded(picture("P"), "GIF", save_all=True, append_images=[Image.new("P", SIZE)] * 3)
    yield "WEBP-animated", encoded(picture(), "WEBP", save_all=True, append_images=[Image.new("RGB", SIZE)] * 3)
    yield "PNG-animated", encoded(picture(), "PNG", save_all=True, append_images=[Image.new("RGB", SIZE)] * 3)
    yield "one-pixel", encoded(picture(size=(1, 1)), "PNG")
    yield "one-row", encoded(picture(size=(3000, 1)), "PNG")
    yield "one-column", encoded(picture(size=(1, 3000)), "PNG")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(header: bytes, rows: bytes, *between: bytes) -> bytes:
    parts = (chunk(b"IHDR", header), *between, chunk(b"IDAT", zlib.compress(rows, 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small files that claim or hold far too many pixels."""
    for width, height in ((30000, 30000), (65535, 65535), (2**31 - 1, 1), (1, 2**31 - 1), (2**31 - 1, 2**31 - 1)):
        yield f"PNG-{width}x{height}", png_of(png_header(width, height), b"\0" * 1000)
    yield "PNG-really-large", png_of(png_header(20000, 20000, 1, 0), (b"\0" + bytes(2500)) * 20000)
    bmp = bytearray(encoded(picture(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 40000, 40000)
    yield "BMP-40000x40000", bytes(bmp)
    gif = bytearray(encoded(picture("P"), "GIF"))
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    yield "GIF-65535x65535", bytes(gif)
    jpeg = bytearray(encoded(picture(), "JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65535, 65535)
    yield "JPEG-65535x65535", bytes(jpeg)
    tiff = bytearray(encoded(picture(), "TIFF"))
    for tag in (256, 257):  # ImageWidth, ImageLength, little-endian entries
        at = (
            tiff.index(struct.pack("<HH", tag, 4))
            if struct.pack("<HH", tag, 4) in tiff
            else tiff.index(struct.pack("<HH", tag, 3))
        )
        tiff[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 100_000)
    yield "TIFF-100000x100000", bytes(tiff)


def broken() -> Iterator[tuple[str, bytes]]:
    """Files that may fail, but only with one clear line."""
    basis = dict(good())
    chosen = [
        "PNG-RGB", "PNG-P", "PNG-RGBA", "PNG-animated", "JPEG-RGB", "JPEG-CMYK", "JPEG-progressive", "WEBP-RGB",
        "WEBP-RGBA", "BMP-RGB", "BMP-P", "TIFF-RGB", "TIFF-lzw", "TIFF-g4", "TIFF-jpeg", "GIF-P", "GIF-animated",
    ]  # fmt: skip
    for name in chosen:
        data = basis[name]
        for part in (0.02, 0.1, 0.3, 0.5, 0.8, 0.97):
            yield f"{name}-cut-{part}", data[: max(1, int(len(data) * part))]
        rng = random.Random(name)
        for i in range(6):
            spoilt = bytearray(data)
            for _ in range(1 + 3 * i):
                spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
            yield f"{name}-spoilt-{i}", bytes(spoilt)
        yield f"{name}-mark-only", data[:8]
        yield f"{name}-zeros-after-mark", data[:12] + bytes(500)
    pdf = encoded(picture(), "PDF")
    for part in (0.02, 0.2, 0.5, 0.9):
        yield f"PDF-cut-{part}", pdf[: int(len(pdf) * part)]
    for i in range(6):
        rng = random.Random(i)
        spoilt = bytearray(pdf)
        for _ in range(2 + 5 * i):
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
        yield f"PDF-spoilt-{i}", bytes(spoilt)
    yield "PDF-mark-only", b"%PDF-1.7\n"
    tree = b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj"
    yield "PDF-no-pages", b"%PDF-1.4\n" + tree + b" trailer<</Root 1 0 R>>\n%%EOF"
    yield "PNG-zero-width", png_of(png_header(0, 10), b"")
    yield "PNG-zero-height", png_of(png_header(10, 0), b"")
    yield "PNG-bad-depth", png_of(png_header(4, 4, 7), bytes(64))
    yield "PNG-bad-colour", png_of(png_header(4, 4, 8, 5), bytes(64))
    yield "PNG-no-palette", png_of(png_header(4, 4, 8, 3), (b"\0" + bytes(4)) * 4)
    yield "PNG-bad-filter", png_of(png_header(4, 4, 8, 0), (b"\x09" + bytes(4)) * 4)
    yield "PNG-too-few-rows", png_of(png_header(400, 400), b"\0" * 100)
    yield "PNG-not-zlib", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", png_header(4, 4)) + chunk(b"IDAT", b"nonsense")
    yield (
        "PNG-text-bomb",
        png_of(
            png_header(4, 4, 8, 0),
            (b"\0" + bytes(4)) * 4,
            chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(80_000_000), 9)),
        ),
    )
    yield (
        "PNG-profile-bomb",
        png_of(
            png_header(4, 4, 8, 0),
            (b"\0" + bytes(4)) * 4,
            chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(80_000_000), 9)),
        ),
    )
    yield "PNG-chunk-too-long", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**31 - 1) + b"IHDR" + png_header(4, 4)
    yield (
        "PNG-huge-exif",
        png_of(png_header(4, 4, 8, 0), (b"\0" + bytes(4)) * 4, chunk(b"eXIf", b"II*\0" + b"\xff" * 999)),
    )
    yield "GIF-no-frames", b"GIF89a" + struct.pack("<HHBBB", 10, 10, 0, 0, 0) + b";"
    yield "GIF-zero-size", b"GIF89a" + struct.pack("<HHBBB", 0, 0, 0, 0, 0) + b";"
    yield "TIFF-loop", b"II*\0" + struct.pack("<I", 8) + struct.pack("<HHHIII", 1, 256, 4, 1, 10, 8)
    yield "TIFF-far-offset", b"II*\0" + struct.pack("<I", 2**32 - 1)
    yield "BMP-negative", encoded(picture(), "BMP")[:18] + struct.pack("<ii", -5, -5) + bytes(100)
    yield "WEBP-no-data", b"RIFF" + struct.pack("<I", 20) + b"WEBPVP8 " + bytes(8)
    yield "empty", b""
    yield "one-byte", b"\0"
    yield "zeros", bytes(10_000)
    yield "noise", random.Random(0).randbytes(10_000)
    yield "text", "Просто текст, а не картинка.".encode()
    yield "html", b"<!doctype html><title>404</title>"
    yield "svg", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'
    yield "bpmn", b'<?xml version="1.0"?><bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"/>'
    yield "zip", b"PK\x03\x04" + bytes(100)
    yield "office-97", b"\xd0\xcf\x11\xe0" + bytes(100)
    yield "heic", b"\0\0\0\x18ftypheic" + bytes(100)
    yield "avif", b"\0\0\0\x18ftypavif" + bytes(100)
    yield "eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage"
    yield "ico", b"\0\0\1\0\1\0\x10\x10" + bytes(100)
    yield "psd", b"8BPS\0\1" + bytes(100)
