"""The project's own recogniser of print, Latin and Cyrillic: one level line at a time.

A small convolutional recurrent network with CTC (Shi et al. 2015), taught by `scripts/train_print.py` on lines that
it draws: small, blurred and compressed print in many typefaces. Its weights are a part of the package. Of handwriting
it knows nothing, of Latin letters no accents. Knows nothing of pages: a picture in, characters out.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from vision import onnx
from vision.letters import Letters, Row, likeliest
from vision.parts import Bytes

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WEIGHTS = Path(__file__).with_name("print.onnx")
HEIGHT = 24  # pixels, of the model's input
LEAST, WIDEST = 16, 1200
INK, PAPER = 2, 90  # percentiles of the levels of a line
CONTRAST = 30.0  # levels between them, at least
LEFT = 1e-6  # chance of all Latin letters together, at least
ROOM = 0.5  # of their distance: how far levels go beyond them


def available() -> bool:
    """Whether its runtime is installed."""
    return find_spec("onnxruntime") is not None


def read(crop: Bytes) -> Letters:
    """The characters of one level line. crop: (h, w) uint8, dark on light."""
    chances, alphabet = _looked(crop)
    return _letters(chances, alphabet, crop)


def read_twice(crop: Bytes) -> tuple[Letters, Letters]:
    """What `read` gives, and what the line says if none of its letters are Cyrillic."""
    chances, alphabet = _looked(crop)
    latin = chances * np.array([not "а" <= sign.lower() <= "ё" for sign in alphabet], np.float32)
    latin /= np.maximum(latin.sum(-1, keepdims=True), LEFT)
    return _letters(chances, alphabet, crop), _letters(latin, alphabet, crop)


def _looked(crop: Bytes) -> tuple[Row, list[str]]:
    """(steps, signs) how likely each sign is, and the signs."""
    session, alphabet = _engine()
    (chances,) = session.run(None, {"line": normal(crop)[None, None]})
    return chances[0], alphabet


def _letters(chances: Row, alphabet: list[str], crop: Bytes) -> Letters:
    text, places, sure = likeliest(chances, alphabet)
    return Letters(text, (places + 0.5) * np.float32(crop.shape[1] / len(chances)), sure)


def normal(crop: Bytes) -> NDArray[np.float32]:
    """The line at the model's height, ink about 0 and paper about 1; also what it is taught with."""
    height, width = crop.shape
    scaled = int(np.clip(round(width * HEIGHT / height), LEAST, WIDEST))
    how = cv2.INTER_LINEAR if height < HEIGHT else cv2.INTER_AREA
    levels = cv2.resize(crop, (scaled, HEIGHT), interpolation=how).astype(np.float32)
    ink, paper = np.percentile(levels, (INK, PAPER))
    return np.clip((levels - ink) / max(paper - ink, CONTRAST), -ROOM, 1 + ROOM).astype(np.float32)


@lru_cache(maxsize=1)
def _engine() -> tuple[InferenceSession, list[str]]:
    """The model and its signs, the first of which is "none"."""
    session = onnx.session(WEIGHTS)
    return session, ["", *session.get_modelmeta().custom_metadata_map["alphabet"]]
