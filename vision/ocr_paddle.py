"""The PP-OCR recogniser that the `rapidocr` wheel carries: Latin print and handwriting, one line picture at a time.

Runs the ONNX model directly: its own detector is not needed, lines are known. Reads no Cyrillic (its alphabet has
none). Knows nothing of pages: a crop in, characters with places out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.parts import Bytes

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

HEIGHT = 48  # pixels, of the model's input
WIDEST = 2400
SIGNS = "–—‘’“”„•…€№™→←≤≥≠−"


@dataclass(frozen=True, slots=True)
class Letters:
    """What a line says. places: (n,) x of each character's middle, crop pixels; sure: (n,) its probability."""

    text: str
    places: NDArray[np.float32]
    sure: NDArray[np.float32]

    @property
    def confidence(self) -> float:
        """Mean probability of the characters; 0 for an empty line."""
        return float(self.sure.mean()) if len(self.sure) else 0.0


def available() -> bool:
    """Whether the model and its runtime are installed."""
    return _model() is not None and find_spec("onnxruntime") is not None


def read(crop: Bytes) -> Letters:
    """The characters of one level line, dark on light. crop: (h, w) uint8."""
    session, alphabet, allowed = _engine()
    height, width = crop.shape
    scaled = int(np.clip(round(width * HEIGHT / height), 16, WIDEST))
    picture = cv2.resize(crop, (scaled, HEIGHT), interpolation=cv2.INTER_LINEAR if height < HEIGHT else cv2.INTER_AREA)
    values = picture.astype(np.float32) / 127.5 - 1
    (steps,) = session.run(None, {session.get_inputs()[0].name: np.repeat(values[None, None], 3, axis=1)})
    chances = steps[0][:, allowed]
    best = chances.argmax(1)
    fresh = (best > 0) & (best != np.concatenate([[0], best[:-1]]))
    at = np.flatnonzero(fresh)
    sure = chances[at, best[at]].astype(np.float32)
    places = (at.astype(np.float32) + 0.5) * (width / len(best))
    return Letters("".join(alphabet[i] for i in best[at].tolist()), places, sure)


@lru_cache(maxsize=1)
def _engine() -> tuple[InferenceSession, list[str], NDArray[np.intp]]:
    """The model, the characters kept of its alphabet, and their numbers in it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(_model()), options, providers=["CPUExecutionProvider"])
    alphabet = ["", *session.get_modelmeta().custom_metadata_map["character"].split("\n"), " "]
    # Latin letters, digits, signs: what else it knows (Chinese, emoji) it sees in icons
    allowed = np.array([i for i, sign in enumerate(alphabet) if len(sign) < 2 and (sign < "\u0100" or sign in SIGNS)])
    return session, [alphabet[i] for i in allowed], allowed


@lru_cache(maxsize=1)
def _model() -> Path | None:
    found = find_spec("rapidocr")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "models"
    return next(iter(sorted(folder.glob("*_rec_*.onnx"))), None)
