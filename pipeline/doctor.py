"""What is installed on this machine, for `diascribe doctor`. Looks; changes nothing."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from diagram.errors import DiascribeError

_PACKAGES = ("numpy", "opencv-python-headless", "pillow", "onnxruntime", "rapidocr", "tesserocr", "pypdfium2")


def examine() -> Iterator[str]:
    """One line per thing that matters, "missing" in those that need a hand."""
    yield f"diascribe {_version('diascribe')}, Python {platform.python_version()}, {platform.platform()}"
    yield "packages: " + ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    yield from _ocr()
    yield f"fonts for overlays: {_font()}"


def _ocr() -> Iterator[str]:
    from vision.ocr_tesseract import languages

    try:
        found = languages()
    except DiascribeError as error:
        yield f"Tesseract: missing: {error} ({error.hint})"
        return
    yield f"Tesseract languages: {', '.join(sorted(found)) or 'none'}"
    for language, what in (("rus", "Cyrillic is not read"), ("eng", "Latin text is read less well")):
        if language not in found:
            yield f"missing: Tesseract's {language} ({what}); install it with: apt-get install tesseract-ocr-{language}"


def _font() -> str:
    from PIL import ImageFont

    for name in ("DejaVuSans.ttf", "LiberationSans-Regular.ttf"):
        try:
            ImageFont.truetype(name)
        except OSError:
            continue
        return name.removesuffix(".ttf")
    return "missing: Cyrillic may show as boxes; install them with: apt-get install fonts-dejavu-core"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
