"""Turn whatever a user hands in (a file or bytes) into PIL images, safely.

The content decides what a file is, never its name. Size limits are checked against the header, before a pixel is
decoded. In: a path or bytes. Out: images of mode L, LA, RGB or RGBA, upright as EXIF says, first frame of animations,
each page of a PDF or TIFF. Every failure of a decoder becomes an `InputError` with a hint. Does not know what is drawn.
"""

from __future__ import annotations

import contextlib
import io
import re
import threading
import warnings
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from PIL import Image, ImageOps, UnidentifiedImageError

from diagram.errors import DiascribeError, ImageTooLargeError, UnreadableImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pdf"})
"""File name endings that a folder is searched for; a file named on its own may have any name."""

_FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "GIF")
_ACCEPTED: Final = "use PNG, JPG, WebP, BMP, TIFF, GIF or PDF"
_PDF_LOCK: Final = threading.Lock()  # PDFium is not thread-safe

# `Limits.pixels` is the rule here, and it raises; Pillow's own warning would only add a second line to it.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is accepted. bytes: of the file; pixels: width × height of one page; pages: of one PDF or TIFF.

    dpi: of rendered PDF pages (more for small pages, less for huge ones); pdf_pixels: the most a page is rendered to.
    """

    bytes: int = 64 * 2**20
    pixels: int = 100_000_000
    pages: int = 500
    dpi: int = 200
    pdf_pixels: int = 25_000_000


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was judged by its header. `page` decodes; pages are decoded one at a time, so many cost no memory."""

    data: bytes = field(repr=False)
    form: Literal["image", "pdf"]
    pages: int
    limits: Limits

    def page(self, number: int = 0) -> Image.Image:
        """Decode one page, 0-based.

        Raises:
            UnreadableImageError: the data is cut off or broken.
            ImageTooLargeError: this page exceeds the limits.
        """
        if not 0 <= number < self.pages:
            raise UnreadableImageError(f"there is no page {number + 1}", hint=f"the file has {self.pages}")
        try:
            return _pdf_page(self, number) if self.form == "pdf" else _picture(self, number)
        except DiascribeError:
            raise
        except Exception as error:  # decoders raise nearly every class there is
            raise _unreadable(error) from error


def open_upload(source: str | Path | bytes, limits: Limits | None = None) -> Upload:
    """Judge a file by its size and header; no pixel is decoded.

    Raises:
        UnreadableImageError: missing, empty, not a picture, or of a format that is not supported.
        ImageTooLargeError: more bytes, pixels or pages than the limits allow.
    """
    limits = limits or Limits()
    data = source if isinstance(source, bytes) else _bytes_of(Path(source), limits)
    if len(data) > limits.bytes:
        raise _too_many_bytes(len(data), limits)
    if not data:
        raise UnreadableImageError("the file is empty", hint=_ACCEPTED)
    try:
        # The PDF mark may follow some junk (ISO 32000-1, annex H); a picture's mark stands first, so it goes first.
        if not _starts_like_picture(data) and b"%PDF-" in data[:1024]:
            return Upload(data, "pdf", _pdf_pages(data, limits), limits)
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_pixels(image.size, limits)
            pages = int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1
        if pages > limits.pages:
            raise _too_many_pages(pages, limits)
        return Upload(data, "image", pages, limits)
    except DiascribeError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = re.search(r"\((\d+) pixels\)", str(error))
        claimed = f"{int(pixels[1]) / 1e6:.0f} megapixels" if pixels else "too many pixels"
        raise ImageTooLargeError(
            f"the picture has {claimed}", hint=f"the most is {limits.pixels / 1e6:.0f} megapixels"
        ) from error
    except UnidentifiedImageError as error:
        raise _unknown_format(data) from error
    except Exception as error:
        raise _unreadable(error) from error


def load(source: str | Path | bytes, limits: Limits | None = None) -> list[Image.Image]:
    """All pages of a file, decoded. For files of many pages `open_upload` holds one at a time.

    Raises:
        UnreadableImageError, ImageTooLargeError: as `open_upload` and `Upload.page`.
    """
    upload = open_upload(source, limits)
    return [upload.page(number) for number in range(upload.pages)]


def _bytes_of(path: Path, limits: Limits) -> bytes:
    try:
        if path.is_dir():
            raise UnreadableImageError("this is a folder, not a picture", hint="name the files in it")
        if not path.exists():
            raise UnreadableImageError("there is no such file", hint="check the name")
        if not path.is_file():
            raise UnreadableImageError("this is not a regular file", hint=_ACCEPTED)
        with path.open("rb") as file:
            data = file.read(limits.bytes + 1)
        if len(data) > limits.bytes:
            raise _too_many_bytes(path.stat().st_size, limits)
        return data
    except OSError as error:
        raise UnreadableImageError(f"the file cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a null character in the name
        raise UnreadableImageError("there is no such file", hint="check the name") from error


def _picture(upload: Upload, number: int) -> Image.Image:
    """Frame `number` of the file, in one of the four modes the reader knows."""
    with Image.open(io.BytesIO(upload.data), formats=_FORMATS) as image:
        image.seek(number)
        _check_pixels(image.size, upload.limits)
        image.load()
        with contextlib.suppress(Exception):  # broken EXIF turns nothing
            ImageOps.exif_transpose(image, in_place=True)
        return _plain(image)


def _plain(image: Image.Image) -> Image.Image:
    """The same picture in mode L, LA, RGB or RGBA, 8 bits a channel."""
    mode = image.mode
    if mode.startswith(("I", "F")):
        return _eight_bits(image)
    if mode in ("PA", "La", "RGBa") or "transparency" in image.info:
        return image.convert("LA" if mode in ("L", "La") else "RGBA")
    if mode in ("L", "LA", "RGB", "RGBA"):
        return image
    return image.convert("L" if mode == "1" else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of any number type -> L. 16-bit values keep their scale, others are stretched to the range they use.

    Works in strips: a whole picture of floats is a multiple of its memory.
    """
    import numpy as np

    strips = [(0, y, image.width, min(y + 256, image.height)) for y in range(0, image.height, 256)]
    lows, highs = zip(*((float(v.min()), float(v.max())) for v in map(partial(_numbers, image), strips)), strict=True)
    low, high = min(lows), max(highs)
    if low >= 0 and high <= 65535:
        low, high = 0.0, next(top for top in ((1.0,) if image.mode == "F" else ()) + (255.0, 65535.0) if high <= top)
    out = Image.new("L", image.size)
    for strip in strips:
        scaled = (_numbers(image, strip) - low) * (255 / max(high - low, 1e-12))
        out.paste(Image.fromarray(np.clip(scaled, 0, 255).round().astype(np.uint8)), strip[:2])
    return out


def _numbers(image: Image.Image, strip: tuple[int, int, int, int]) -> NDArray[np.float64]:
    """(h, w) of a part of the picture, without NaN and infinity."""
    import numpy as np

    return np.nan_to_num(np.asarray(image.crop(strip), dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _check_pixels(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise UnreadableImageError(f"the picture is {width} × {height} pixels: there is nothing in it", hint=_ACCEPTED)
    if width * height > limits.pixels:
        raise ImageTooLargeError(
            f"the picture is {width} × {height} = {width * height / 1e6:.0f} megapixels",
            hint=f"the most is {limits.pixels / 1e6:.0f}; export it smaller or cut it into parts",
        )


def _pdf_pages(data: bytes, limits: Limits) -> int:
    with _PDF_LOCK:
        document = _pdf(data)
        try:
            pages = len(document)
        finally:
            document.close()
    if pages < 1:
        raise UnreadableImageError("the PDF has no pages")
    if pages > limits.pages:
        raise _too_many_pages(pages, limits)
    return pages


def _pdf_page(upload: Upload, number: int) -> Image.Image:
    with _PDF_LOCK:
        document = _pdf(upload.data)
        try:
            page = document[number]
            width, height = page.get_size()  # points, 1/72 inch
            if not (width > 0 and height > 0):
                raise UnreadableImageError(f"page {number + 1} of the PDF has no size")
            scale = max(upload.limits.dpi / 72, min(1600 / max(width, height), 600 / 72))
            scale = min(scale, (upload.limits.pdf_pixels / (width * height)) ** 0.5, 30_000 / max(width, height))
            bitmap = page.render(scale=scale)
            return _plain(bitmap.to_pil())
        finally:
            document.close()


def _pdf(data: bytes) -> Any:
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise UnreadableImageError("the PDF is locked by a password", hint="save it without one") from error
        raise UnreadableImageError("the PDF is broken", hint="open it in a viewer and save it again") from error


def _starts_like_picture(data: bytes) -> bool:
    marks = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    return data.startswith(marks) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def _unknown_format(data: bytes) -> UnreadableImageError:
    """Names the likely mistake behind a file that no decoder knows."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if data[4:8] == b"ftyp":
        what, hint = "HEIC, AVIF and video files are not supported", "save the picture as PNG or JPG"
    elif head.startswith(b"<svg") or (head.startswith(b"<?xml") and b"<svg" in head):
        what, hint = "SVG drawings are not supported", "export the diagram as PNG or PDF"
    elif b"bpmn" in head and head.startswith(b"<"):
        what, hint = "this is BPMN XML, not a picture", "export the diagram as PNG or PDF"
    elif data[:4] == b"PK\x03\x04" or data[:4] == b"\xd0\xcf\x11\xe0":
        what, hint = "office and archive files are not supported", "export the diagram as PNG or PDF"
    elif _starts_like_picture(data):
        what, hint = "the picture is broken from its first bytes on", "open it in a viewer and save it again"
    else:
        what, hint = "this is not a picture", _ACCEPTED
    return UnreadableImageError(what, hint=hint)


def _unreadable(error: Exception) -> UnreadableImageError:
    cut = any(word in str(error).lower() for word in ("truncated", "unexpected end", "eof", "not enough", "premature"))
    return UnreadableImageError(
        "the picture is cut off: the file ends too early" if cut else "the picture is broken",
        hint="open it in a viewer and save it again",
    )


def _too_many_bytes(size: int, limits: Limits) -> ImageTooLargeError:
    return ImageTooLargeError(f"the file has {size / 2**20:.0f} MiB", hint=f"the most is {limits.bytes / 2**20:.0f}")


def _too_many_pages(pages: int, limits: Limits) -> ImageTooLargeError:
    return ImageTooLargeError(f"the file has {pages} pages", hint=f"the most is {limits.pages}; save a part of it")
