"""The PP-OCR models that the `rapidocr` wheel carries: a recogniser of Latin print and handwriting, one line picture at
a time, and a finder of lines for photos, where marks alone mislead.

Runs the ONNX models directly. The recogniser knows no Cyrillic (its alphabet has none). Knows nothing of
pages: a picture in, characters or boxes out.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vision import lexicon, onnx, threads
from vision.letters import Letters, Row, likeliest
from vision.parts import Box, Bytes

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

HEIGHT = 48  # pixels, of the model's input
WIDEST = 2400
FIND_SIDE = 1088  # pixels of the longer side when lines are looked for
SURE = 0.97  # chance of each letter of a word that is left as it is
SIGNS = "–—‘’“”„•…€№™→←≤≥≠−"


def available() -> bool:
    """Whether the model and its runtime are installed."""
    return _model("rec") is not None and find_spec("onnxruntime") is not None


def read(crop: Bytes, *, words: bool = False) -> Letters:
    """The characters of one level line, dark on light. crop: (h, w) uint8; words: English ones, so that what is in
    doubt is more likely a word than not."""
    session, alphabet, allowed = _engine()
    height, width = crop.shape
    scaled = int(np.clip(round(width * HEIGHT / height), 16, WIDEST))
    picture = cv2.resize(crop, (scaled, HEIGHT), interpolation=cv2.INTER_LINEAR if height < HEIGHT else cv2.INTER_AREA)
    values = picture.astype(np.float32) / 127.5 - 1
    (steps,) = session.run(None, {session.get_inputs()[0].name: np.repeat(values[None, None], 3, axis=1)})
    chances = steps[0][:, allowed]
    text, places, sure = likeliest(chances, alphabet)
    if words:
        text, places, sure = _as_words(text, places, sure, chances)
    return Letters(text, (places + 0.5) * (width / len(chances)), sure)


def _as_words(text: str, places: Row, sure: Row, chances: NDArray[np.float32]) -> tuple[str, Row, Row]:
    """Text, steps of its characters and how sure they are, with likelier words for those in doubt, as sure as these."""
    columns = _columns()
    parts: list[tuple[str, Row, Row]] = []
    done = 0
    for found in re.finditer("[^ ]+", text):
        place = lexicon.doubted(found[0])
        if place is None:
            continue
        start, end = found.start() + place[0], found.start() + place[1]
        if sure[start:end].min() >= SURE:
            continue
        first = 0 if start == 0 else _between(places, text, start)
        last = len(chances) if end == len(text) else _between(places, text, end)
        word = lexicon.likeliest(text[start:end], chances[first:last], columns)
        if word == text[start:end]:
            continue
        own = np.linspace(places[start], places[end - 1], len(word), dtype=np.float32)
        parts.append((text[done:start], places[done:start], sure[done:start]))
        parts.append((word, own, np.full(len(word), sure[start:end].mean())))
        done = end
    parts.append((text[done:], places[done:], sure[done:]))
    texts, steps, chance = zip(*parts, strict=True)
    return "".join(texts), np.concatenate(steps), np.concatenate(chance)


def _between(places: Row, text: str, end: int) -> int:
    """The step at which the character before `end` gives way to the next; spaces belong to no word."""
    if text[end] == " ":
        return int(places[end])
    if text[end - 1] == " ":
        return int(places[end - 1]) + 1
    return int(places[end - 1] + places[end] + 1) // 2


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


@lru_cache(maxsize=1)
def _columns() -> dict[str, int]:
    """The numbers of the characters in what `read` looks at."""
    return {sign: number for number, sign in enumerate(_engine()[1]) if sign}


@lru_cache(maxsize=2)
def _session(part: Literal["det", "rec"]) -> InferenceSession:
    model = _model(part)
    assert model is not None, "available() says whether it is installed"
    return onnx.session(model, threads.allowed() if part == "det" else 1)


@lru_cache(maxsize=2)
def _model(part: Literal["det", "rec"]) -> Path | None:
    found = find_spec("rapidocr")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "models"
    return next(iter(sorted(folder.glob(f"*_{part}_*.onnx"))), None)
