"""What is installed on this machine, for `diascribe doctor`. Looks; changes nothing.

Each line is one thing; where something is missing, the line says what for, and ends with the command that mends it.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from diagram.errors import DiascribeError

if TYPE_CHECKING:
    from pipeline.settings import Settings

_MENDS = re.compile(
    r"(?s)(?P<text>.*?)(?:; | \()(?:(?:install (?:it|them)|get one|fetch it again|make room|choose another) with:"
    r"|try:|start it, or) ?(?P<mend>.+)"
)
_MISSING = re.compile(r"(?:^|[ :(])missing\b")
_PACKAGES = ("numpy", "opencv-python-headless", "pillow", "onnxruntime", "rapidocr", "tesserocr", "pypdfium2")
_MODEL_PACKAGES = ("torch", "transformers", "accelerate", "bitsandbytes", "llguidance")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing. state: "ok", "missing" (needs a hand) or "note". mend: the command that mends it, "" for none."""

    state: str
    text: str
    mend: str = ""


def findings() -> list[Finding]:
    """What `examine` says, taken apart; without the ports, which a running service holds itself."""
    found = []
    for line in examine(ports=False):
        state = "note" if line.startswith("note: ") else "missing" if _MISSING.search(line) else "ok"
        parts = _MENDS.fullmatch(line)
        text, mend = (parts["text"], parts["mend"]) if parts else (line, "")
        found.append(Finding(state, text.removeprefix("note: "), mend))
    return found


def examine(*, ports: bool = True) -> Iterator[str]:
    """One line per thing that matters, "missing" in those that need a hand."""
    from pipeline.settings import Settings

    settings = Settings()
    yield f"diascribe {_version('diascribe')}, Python {platform.python_version()}, {platform.platform()}"
    yield "packages: " + ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    if absent := [name for name in _PACKAGES if _version(name) == "missing"]:
        yield f"missing: {', '.join(absent)}; install them with: pip install diascribe"
    yield from _models(settings)
    yield from _ocr()
    yield from _drawing()
    if ports:
        yield from _ports()
    yield f"free disk: {_disk()}"


def _models(settings: Settings) -> Iterator[str]:
    """Graphics card, memory, weights, and what "auto" means here."""
    from pipeline.build import best_embedder
    from pipeline.engines import choose
    from vlm.registry import get, load
    from vlm.weights import faults, find, snapshots

    yield f"GPU: {_gpu()}"
    if torch := _torch_without_gpu():
        yield torch
    yield f"free memory: {_free_memory()}"
    absent = [name for name in _MODEL_PACKAGES if _version(name) == "missing"]
    if absent:
        yield f"missing: {', '.join(absent)}, for models in process; install them with: pip install 'diascribe[vlm]'"
    models = load(settings.models_file)
    here = [model.id for model in models.values() if model.run == "native" and find(model.repository)]
    get_one = f"none; get one with: diascribe models download {settings.model}"
    yield f"models on this machine: {', '.join(here) or get_one}"
    for model in models.values():
        folders = [] if model.id in here else snapshots(model.repository)
        if broken := [fault for folder in folders for fault in faults(folder)]:
            mend = f"diascribe models remove {model.id} && diascribe models download {model.id}"
            yield f"missing: parts of {model.id} ({broken[0]}); fetch it again with: {mend}"
    if settings.server_url:
        yield _server(settings)
    chosen = choose(settings)
    yield f"engine auto: {chosen.engine} ({chosen.why})"
    embedder = best_embedder(settings)
    get_clip = "" if embedder == "clip" else " (without CLIP's weights); get one with: diascribe models download clip"
    yield f"embedder auto: {embedder}{get_clip}"
    model = get(settings.model, settings.models_file)
    if model.commercial is not True:
        told = "does not allow commercial use" if model.commercial is False else "has a licence to read"
        yield f"note: {model.id} {told} ({model.licence}); choose another with: DIASCRIBE_MODEL=qwen3-vl-4b"


def _server(settings: Settings) -> str:
    """Whether the server of the settings takes connections; nothing is sent to it."""
    from urllib.parse import urlsplit

    parts = urlsplit(settings.server_url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=3).close()
    except (OSError, ValueError) as error:
        return f"server of models: missing: {settings.server_url}: {error}; start it, or unset DIASCRIBE_SERVER_URL"
    return f"server of models: {settings.server_url} takes connections"


def _gpu() -> str:
    """Name, driver and memory as NVIDIA's own tool tells them."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "none (no nvidia-smi)"
    query = [tool, "--query-gpu=name,driver_version,memory.free,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603 no user input
    except (OSError, subprocess.SubprocessError) as error:
        return f"missing: its driver does not answer: {error}; try: sudo modprobe nvidia"
    cards = [line.split(", ") for line in done.stdout.splitlines()]
    return "; ".join(f"{card[0]}, driver {card[1]}, {card[2]} of {card[3]} free" for card in cards if len(card) == 4)


def _torch_without_gpu() -> str:
    """A line where there is a GPU and a torch that cannot use it."""
    from pipeline.engines import has_gpu

    if not has_gpu() or "+cpu" not in _version("torch"):
        return ""
    mend = "pip install --force-reinstall 'torch>=2.13,<2.14' (a build with CUDA)"
    return f"missing: a torch that can use the GPU (this one is {_version('torch')}); install it with: {mend}"


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
    for language, what in (("rus", "Cyrillic is read less well"), ("eng", "Latin text is read less well")):
        if language not in found:
            yield f"missing: Tesseract's {language} ({what}); install it with: apt-get install tesseract-ocr-{language}"


def _drawing() -> Iterator[str]:
    """Fonts, and what draws diagrams."""
    from mermaid.cdp import find

    yield f"fonts for overlays: {_font()}"
    merman = _version("merman")
    if merman == "missing":
        yield "merman: missing: it draws without a browser; install it with: pip install merman (Linux, x86-64)"
    else:
        yield f"merman: {merman}"
    chromium = find()
    get_it = "not installed (only for diagrams that merman draws worse); install it with: apt-get install chromium"
    yield f"Chromium: {chromium or get_it}"


def _ports() -> Iterator[str]:
    """Whether the ports of the service and of its page are free."""
    for what, port, option in (
        ("the service", os.environ.get("DIASCRIBE_API_PORT", "8000"), "--port"),
        ("the page", "8501", "--page-port"),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", int(port)))
            except (OSError, ValueError, OverflowError):
                yield f"port {port}: taken; where that is not Diascribe: diascribe serve {option} NUMBER, for {what}"
            else:
                yield f"port {port}: free, for {what}"


def _disk() -> str:
    from vlm.weights import cache_folder

    place = next(folder for folder in (cache_folder(), *cache_folder().parents) if folder.exists())
    free = shutil.disk_usage(place).free / 2**30
    short = "; missing: room for a model (8 GiB); make room with: diascribe models remove NAME" if free < 8 else ""
    return f"{free:.1f} GiB for weights in {cache_folder()}{short}"


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
