"""Whatever is handed in, `vision.load` gives a right picture or one clear line."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from diagram.errors import ImageTooLargeError, InputError, UnreadableImageError
from tests import samples
from vision.load import Limits, load, open_upload

GOOD, BOMBS, BROKEN = (dict(make()) for make in (samples.good, samples.bombs, samples.broken))


def test_there_are_enough_odd_files():
    assert len(GOOD) + len(BOMBS) + len(BROKEN) >= 300


@pytest.mark.parametrize("name", GOOD)
def test_every_mode_is_read_as_the_same_picture(name):
    (image,) = load(GOOD[name])
    assert image.mode in ("L", "LA", "RGB", "RGBA")
    if image.size == samples.SIZE:
        paper = Image.new("RGBA", image.size, "black" if "transparent" in name else "white")
        paper.alpha_composite(image.convert("RGBA"))
        shade = np.asarray(paper.convert("L")).astype(int)
        true = np.asarray(samples.picture("L")).astype(int)
        assert np.abs(shade - true).mean() < 12, "the box is where it was, dark on light"


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_by_their_header(name):
    with pytest.raises(InputError) as refused:
        open_upload(BOMBS[name])
    assert str(refused.value)
    assert refused.value.hint


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_give_a_picture_or_one_clear_line(name):
    images, refused = [], None
    try:
        images = load(BROKEN[name])
    except InputError as error:
        refused = error
    assert all(image.mode in ("L", "LA", "RGB", "RGBA") for image in images)
    if refused is not None:
        assert str(refused).strip()
        assert refused.hint
        assert "\n" not in f"{refused} {refused.hint}"


@pytest.mark.parametrize("cut", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("name", ["PNG-RGB", "JPEG-RGB", "WEBP-RGB", "BMP-RGB", "TIFF-lzw", "GIF-P"])
def test_a_cut_off_picture_is_never_read_as_if_it_were_whole(name, cut):
    noise = np.random.default_rng(1).integers(0, 255, (300, 300, 3), np.uint8)
    form = name.split("-")[0]
    data = samples.encoded(Image.fromarray(noise), form)
    with pytest.raises(UnreadableImageError):
        load(data[: int(len(data) * cut)])


@pytest.mark.parametrize(
    ("name", "word"),
    [("heic", "HEIC"), ("svg", "SVG"), ("bpmn", "BPMN XML"), ("zip", "office"), ("empty", "empty"), ("text", "not a")],
)
def test_likely_mistakes_are_named(name, word):
    with pytest.raises(UnreadableImageError, match=word):
        load(BROKEN[name])


def test_content_decides_not_the_name(tmp_path):
    path = tmp_path / "diagram.pdf"
    path.write_bytes(GOOD["PNG-RGB"])
    assert load(path)[0].size == samples.SIZE
    path = tmp_path / "picture.png"
    path.write_bytes(samples.encoded(samples.picture(), "PDF"))
    assert len(load(path)) == 1


def test_a_picture_with_a_pdf_hidden_in_it_is_a_picture():
    png = GOOD["PNG-RGB"]
    polyglot = png[:33] + samples.chunk(b"tEXt", b"k\0%PDF-1.7") + png[33:]
    assert open_upload(polyglot).form == "image"


def test_exif_turns_the_picture():
    image = samples.picture(size=(60, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    (upright,) = load(samples.encoded(image, "JPEG", exif=exif))
    assert upright.size == (40, 60)
    assert upright.getpixel((25, 20))[0] < 80


def test_pdf_pages_are_read_one_by_one_at_a_readable_size(tmp_path):
    pages = [samples.picture(size=(400, 300)), samples.picture(size=(300, 400))]
    path = tmp_path / "two.pdf"
    pages[0].save(path, "PDF", save_all=True, append_images=pages[1:])
    upload = open_upload(path)
    assert (upload.form, upload.pages) == ("pdf", 2)
    assert upload.page(0).width > upload.page(0).height
    assert upload.page(1).height > upload.page(1).width
    assert min(upload.page(0).size) >= 1000
    with pytest.raises(UnreadableImageError, match="page 3"):
        upload.page(2)


def test_a_pdf_page_as_large_as_a_wall_is_rendered_within_the_limit():
    limits = Limits()
    data = samples.encoded(Image.new("RGB", (14000, 14000), "white"), "PDF", resolution=72)
    (page,) = load(data, limits)
    assert page.width * page.height <= limits.pdf_pixels * 1.01


def test_tiff_pages_are_pages():
    frames = [samples.picture(size=(40, 30)), samples.picture(size=(50, 30))]
    out = io.BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    assert [page.size for page in load(out.getvalue())] == [(40, 30), (50, 30)]


def test_long_scrolls_are_accepted_and_limits_hold():
    scroll = samples.encoded(Image.new("1", (1200, 12000), 1), "PNG")
    assert load(scroll)[0].size == (1200, 12000)
    with pytest.raises(ImageTooLargeError, match="megapixels"):
        load(scroll, Limits(pixels=10_000_000))
    with pytest.raises(ImageTooLargeError, match="MiB"):
        load(scroll, Limits(bytes=100))
    pages = samples.encoded(samples.picture(), "PDF", save_all=True, append_images=[samples.picture()])
    with pytest.raises(ImageTooLargeError, match="2 pages"):
        load(pages, Limits(pages=1))


def test_paths_that_are_no_pictures_are_said_so(tmp_path):
    with pytest.raises(UnreadableImageError, match="folder"):
        load(tmp_path)
    with pytest.raises(UnreadableImageError, match="no such file"):
        load(tmp_path / "missing.png")
    with pytest.raises(UnreadableImageError, match="no such file"):
        load("bad\0name.png")
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(UnreadableImageError, match="regular"):
        load(pipe)


def test_a_locked_pdf_is_said_to_be_locked():
    # The standard security handler (ISO 32000-1, 7.6.3) with a user password that is not the empty one.
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 10 10]>>",
        b"<</Filter/Standard/V 1/R 2/P -4/O<" + b"41" * 32 + b">/U<" + b"42" * 32 + b">>>",
    ]
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for i, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj" % i + body + b"endobj\n"
    start = len(out)
    out += b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % at for at in offsets)
    out += b"trailer<</Root 1 0 R/Size 5/Encrypt 4 0 R/ID[<00><00>]>>\nstartxref\n%d\n%%%%EOF" % start
    with pytest.raises(UnreadableImageError, match="password"):
        load(bytes(out))


def test_bombs_cost_no_memory():
    """Peak memory of refusing every bomb, in a fresh process, is that of the imports."""
    code = """
import resource
from tests import samples
from diagram.errors import InputError
from vision.load import load
bombs = list(samples.bombs()) + [(n, d) for n, d in samples.broken() if 'bomb' in n]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _, data in bombs:
    try: load(data)
    except InputError: pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 100, "MiB"
