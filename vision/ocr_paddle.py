"""The PP-OCR models that the `rapidocr` wheel carries: a recogniser of Latin print and handwriting, one line picture at
a time, and a finder of lines for photos, where marks alone mislead.

Runs the ONNX models directly. The recogniser knows no Cyrillic (its alphabet has none). Knows nothing of
pages: a picture in, characters or boxes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vision import threads
from vision.parts import Box, Bytes

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

HEIGHT = 48  # pixels, of the model's input
WIDEST = 2400
FIND_SIDE = 1088  # pixels of the longer side when lines are looked for
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
    return _model("rec") is not None and find_spec("onnxruntime") is not None


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


def find_lines(gray: Bytes, side: int | None = None) -> list[Box]:
    """Boxes of text lines (level or turned) in a picture, top to bottom.

    gray: (H, W) uint8, dark on light. It is scaled so that `side` pixels of it, unless given those of its longer side,
    become FIND_SIDE.
    """
    height, width = gray.shape
    scale = FIND_SIDE / (side or max(height, width))
    size = max(32, round(width * scale / 32) * 32), max(32, round(height * scale / 32) * 32)
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    values = small.astype(np.float32) / 127.5 - 1
    session = _session("det")
    (found,) = session.run(None, {session.get_inputs()[0].name: np.repeat(values[None, None], 3, axis=1)})
    chance = found[0, 0]
    _, labels, stats, _ = cv2.connectedComponentsWithStats((chance > 0.3).astype(np.uint8), connectivity=8)
    total = np.bincount(labels.ravel(), weights=chance.ravel(), minlength=len(stats))
    fx, fy = width / size[0], height / size[1]
    boxes: list[Box] = []
    for number in range(1, len(stats)):
        x, y, w, h, area = (int(value) for value in stats[number])
        if min(w, h) < 3 or total[number] < 0.5 * area:
            continue
        grow = 0.8 * area / (w + h)  # the model marks shrunken lines
        boxes.append(
            (
                max(0.0, (x - grow) * fx),
                max(0.0, (y - grow) * fy),
                min(float(width), (x + w + grow) * fx),
                min(float(height), (y + h + grow) * fy),
            )
        )
    return sorted(boxes, key=lambda box: (box[1], box[0]))


@lru_cache(maxsize=1)
def _engine() -> tuple[InferenceSession, list[str], NDArray[np.intp]]:
    """The model, the characters kept of its alphabet, and their numbers in it."""
    session = _session("rec")
    alphabet = ["", *session.get_modelmeta().custom_metadata_map["character"].split("\n"), " "]
    # Latin letters, digits, signs: what else it knows (Chinese, emoji) it sees in icons
    allowed = np.array([i for i, sign in enumerate(alphabet) if len(sign) < 2 and (sign < "\u0100" or sign in SIGNS)])
    return session, [alphabet[i] for i in allowed], allowed


@lru_cache(maxsize=2)
def _session(part: Literal["det", "rec"]) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = threads.allowed() if part == "det" else 1  # lines are read side by side
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(str(_model(part)), options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=2)
def _model(part: Literal["det", "rec"]) -> Path | None:
    found = find_spec("rapidocr")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "models"
    return next(iter(sorted(folder.glob(f"*_{part}_*.onnx"))), None)
