"""Pictures that are none, or broken: the server answers each in time, loses no reader and holds no memory for them.

Made here from good ones: cut off, bytes changed, lengths and sizes in headers changed, blocks doubled or taken out,
forms glued together, and the odd shapes that are no fault at all.
"""

from __future__ import annotations

import io
import random
import struct
import zlib

import psutil
import pytest
from PIL import Image, ImageDraw

from tests.api_client import ORDER, client, wait_until

COUNT = 500
SLOWEST = 10.0  # seconds of work for one request
GROWTH = 0.05  # of memory, in one round of all
WARM = 3  # rounds before: allocators and caches grow with the first of each kind, and settle


def small() -> Image.Image:
    picture = Image.new("RGB", (160, 90), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((10, 30, 60, 60), outline="black", width=2)
    draw.rectangle((100, 30, 150, 60), outline="black", width=2)
    draw.line((60, 45, 100, 45), fill="black", width=2)
    return picture


def written(picture: Image.Image, form: str, **how) -> bytes:
    data = io.BytesIO()
    picture.save(data, form, **how)
    return data.getvalue()


def seeds() -> list[bytes]:
    picture = small()
    return [
        written(picture, "PNG"),
        written(picture.convert("P"), "PNG"),
        written(picture, "JPEG"),
        written(picture, "JPEG", progressive=True),
        written(picture.convert("CMYK"), "JPEG"),
        written(picture, "GIF"),
        written(picture, "BMP"),
        written(picture, "TIFF", compression="tiff_lzw"),
        written(picture, "TIFF"),
        written(picture, "WEBP", lossless=True),
        written(picture, "PDF"),
    ]


def odd() -> list[bytes]:
    """Good files of odd shapes, and files that pretend."""
    picture = small()
    png = written(picture, "PNG")
    frames = [picture, picture.rotate(180), picture]

    def header(width: int, height: int) -> bytes:
        body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return png[:8] + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + png[33:]

    return [
        b"", b"\0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"%PDF-1.7", b"RIFF\xff\xff\xff\xffWEBP",
        b"II*\0\xff\xff\xff\xff",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"PK\x03\x04" + png, b"%PDF-1.4\n" + png, png + b"<script>",
        ORDER * 2,
        header(100_000, 100_000), header(0, 0), header(2**31 - 1, 1), header(1, 2**31 - 1), header(7000, 7000),
        written(Image.new("RGB", (1, 1)), "PNG"), written(Image.new("RGB", (1, 5000)), "PNG"),
        written(Image.new("I;16", (40, 40), 40000), "PNG"), written(Image.new("F", (40, 40), 0.5), "TIFF"),
        written(Image.new("1", (40, 40)), "TIFF"), written(Image.new("LA", (40, 40)), "PNG"),
        written(picture, "GIF", save_all=True, append_images=frames), written(picture, "PNG", interlace=1),
        written(picture, "WEBP", save_all=True, append_images=frames),
        written(picture, "TIFF", save_all=True, append_images=frames),
        zlib.compress(b"\0" * 1_000_000), bytes(range(256)) * 100,
    ]  # fmt: skip


def mutated(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        if len(out) < 8:
            break
        at = chance.randrange(len(out))
        kind = chance.randrange(7)
        if kind == 0:
            del out[at:]
        elif kind == 1:
            for place in chance.sample(range(len(out)), min(len(out), chance.randint(1, 20))):
                out[place] = chance.randrange(256)
        elif kind == 2:  # numbers in headers
            at = chance.randrange(min(len(out) - 4, 80))
            out[at : at + 4] = chance.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\xff\xff"])
        elif kind == 3:
            del out[at : at + chance.randint(1, 60)]
        elif kind == 4:
            out[at:at] = out[at : at + chance.randint(1, 200)]
        elif kind == 5:
            out[at:] = chance.choice(others)[at:]
        else:
            out[at] ^= 1 << chance.randrange(8)
    return bytes(out)


def corpus() -> list[bytes]:
    chance, good = random.Random(20), seeds()
    made = [*odd(), *good]
    while len(made) < COUNT:
        made.append(mutated(chance.choice(good), good, chance))
    return made


def memory() -> int:
    """Resident bytes of this process and the readers."""
    me = psutil.Process()
    return sum(one.memory_info().rss for one in (me, *me.children(recursive=True)))


def readers() -> set[int]:
    return {one.pid for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())}


def spent() -> float:
    """Seconds of processor time of all processes below this one."""
    return sum(sum(one.cpu_times()[:2]) for one in psutil.Process().children(recursive=True))


@pytest.mark.slow
def test_no_picture_ends_a_reader_hangs_it_or_leaves_memory_behind():
    files = corpus()
    assert len(files) >= 500
    with client(max_pixels=10_000_000) as api:
        wait_until(lambda: api.get("/ready").status_code == 200)

        def sent(data: bytes) -> int:
            start = spent()
            status = api.post("/v1/ocr", content=data, headers={"content-type": "image/png"}).status_code
            assert spent() - start < SLOWEST, data[:40]  # one that stands still is given up by the server: 504
            assert status in (200, 413, 422), (status, data[:40])
            return status

        crew = readers()
        told = [sent(data) for _ in range(WARM) for data in files]
        before = memory()
        told += [sent(data) for data in files]
        assert memory() <= before * (1 + GROWTH), (before, memory())
        assert readers() == crew
        assert {200, 413, 422} <= set(told)
        for data in (*odd(), *seeds()):
            status = api.post("/v1/describe?k=0", content=data, headers={"content-type": "image/png"}).status_code
            assert status in (200, 413, 422)
        assert readers() == crew
        assert api.post("/v1/describe", files={"file": ORDER}).status_code == 200
