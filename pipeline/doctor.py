"""What is installed on this machine, for `diascribe doctor`. Looks; changes nothing."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from diagram.errors import DiascribeError

_PACKAGES = ("numpy", "opencv-python-headless", "pillow", "onnxruntime", "rapidocr", "tesserocr", "pypdfium2")
_MODEL_PACKAGES = ("torch", "transformers", "accelerate", "bitsandbytes", "llguidance")


def examine() -> Iterator[str]:
    """One line per thing that matters, "missing" in those that need a hand."""
    yield f"diascribe {_version('diascribe')}, Python {platform.python_version()}, {platform.platform()}"
    yield "packages: " + ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    yield from _models()
    yield from _ocr()
    yield f"fonts for overlays: {_font()}"


def _models() -> Iterator[str]:
    """Graphics card, memory, weights, and what "auto" means here."""
    from pipeline.engines import choose
    from pipeline.settings import Settings
    from vlm.registry import load
    from vlm.weights import find

    settings = Settings()
    yield f"GPU: {_gpu()}"
    yield f"free memory: {_free_memory()}"
    absent = [name for name in _MODEL_PACKAGES if _version(name) == "missing"]
    if absent:
        yield f"missing: {', '.join(absent)}, for models in process; install them with: pip install 'diascribe[vlm]'"
    here = [model.id for model in load(settings.models_file).values() if find(model.repository)]
    get = f"none; get one with: diascribe models download {settings.model}"
    yield f"models on this machine: {', '.join(here) or get}"
    chosen = choose(settings)
    yield f"engine auto: {chosen.engine} ({chosen.why})"


def _gpu() -> str:
    """Name, driver and memory as NVIDIA's own tool tells them."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "none (no nvidia-smi)"
    query = [tool, "--query-gpu=name,driver_version,memory.free,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603 no user input
    except (OSError, subprocess.SubprocessError) as error:
        return f"missing: its driver does not answer: {error}"
    cards = [line.split(", ") for line in done.stdout.splitlines()]
    return "; ".join(f"{card[0]}, driver {card[1]}, {card[2]} of {card[3]} free" for card in cards if len(card) == 4)


def _free_memory() -> str:
    try:
        rows = dict(line.split(":") for line in Path("/proc/meminfo").read_text("ascii").splitlines())
        return f"{int(rows['MemAvailable'].split()[0]) / 2**20:.1f} GiB"
    except (OSError, ValueError, KeyError):
        return "unknown"


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
