"""Tesseract in process, one line picture at a time. Knows nothing of pages: a crop in, words with boxes out.

An engine costs ~50 ms and ~30 MB and serves one reading at a time: those at rest are kept, by language. Language data
is looked for in TESSDATA_PREFIX, else in the usual folders; `languages()` is empty where none is installed.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vision.parts import Box, Bytes

if TYPE_CHECKING:
    from tesserocr import PyTessBaseAPI

FOLDERS = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/share/tesseract/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
    "C:/Program Files/Tesseract-OCR/tessdata",
)

RESTING = 4  # engines kept per language


@dataclass(frozen=True, slots=True)
class Piece:
    """A word of a crop: box in crop pixels, confidence in [0, 1]."""

    text: str
    box: Box
    confidence: float


def data_folder() -> Path | None:
    """The folder with `*.traineddata`, or None."""
    return _folder(os.environ.get("TESSDATA_PREFIX"))


@lru_cache(maxsize=4)
def _folder(chosen: str | None) -> Path | None:
    """Looked for once: it is asked for with every line."""
    folders = (chosen, str(Path(chosen) / "tessdata")) if chosen else FOLDERS
    for folder in folders:
        if any(Path(folder).glob("*.traineddata")):
            return Path(folder)
    return None


def languages() -> frozenset[str]:
    """Installed languages, as Tesseract names them ("eng", "rus"); empty without the engine or its data."""
    try:
        import tesserocr  # noqa: F401
    except ImportError:
        return frozenset()
    folder = data_folder()
    return frozenset(path.stem for path in folder.glob("*.traineddata")) if folder else frozenset()


def read(crop: Bytes, language: str, *, block: bool = False) -> list[Piece]:
    """Words of one line (block: of several lines), left to right.

    crop: (h, w) uint8, dark on light with a light margin; language: "eng", "rus" or "rus+eng".
    """
    from tesserocr import PSM, RIL, iterate_level

    folder = data_folder()
    assert folder is not None
    resting = _resting(str(folder), language)
    try:
        api = resting.pop()
    except IndexError:
        api = _engine(str(folder), language)
    try:
        api.SetPageSegMode(PSM.SINGLE_BLOCK if block else PSM.SINGLE_LINE)
        crop = np.ascontiguousarray(crop)
        height, width = crop.shape
        api.SetImageBytes(crop.tobytes(), width, height, 1, width)
        api.Recognize()
        iterator = api.GetIterator()
        pieces: list[Piece] = []
        if iterator is None:
            return pieces
        for word in iterate_level(iterator, RIL.WORD):
            if word.Empty(RIL.WORD):
                continue
            text = word.GetUTF8Text(RIL.WORD).strip()
            box = word.BoundingBox(RIL.WORD)
            if text and box:
                x0, y0, x1, y1 = map(float, box)
                pieces.append(Piece(text, (x0, y0, x1, y1), max(0.0, min(1.0, word.Confidence(RIL.WORD) / 100))))
        return pieces
    finally:
        resting.append(api)


@lru_cache(maxsize=4)
def _resting(folder: str, language: str) -> deque[PyTessBaseAPI]:
    """The engines that no thread uses now."""
    del folder, language
    return deque(maxlen=RESTING)


def _engine(folder: str, language: str) -> PyTessBaseAPI:
    from tesserocr import OEM, PSM, PyTessBaseAPI

    api = PyTessBaseAPI(path=folder, lang=language, psm=PSM.SINGLE_LINE, oem=OEM.LSTM_ONLY)
    for name, value in (
        ("tessedit_do_invert", "0"),
        ("user_defined_dpi", "200"),
        ("debug_file", os.devnull),
        ("load_system_dawg", "1"),
    ):
        api.SetVariable(name, value)
    return api
