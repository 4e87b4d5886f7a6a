"""The embedder of the CLIP family, through sentence-transformers: pictures and texts in one space.

Weights are read from a folder or from the local cache of the Hugging Face hub, never from the network. Pictures are put
on white, and padded to squares so that nothing of a wide diagram is cropped. Everything heavy is imported when the
first vector is made. Knows nothing of graphs.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from diagram.errors import MissingDependencyError
from retrieval.embedder import Picture, Vectors, normalised

DOWNLOAD: Final = "fetch it with: diascribe models download clip"
_BATCH: Final = 32
_SAMPLE: Final = 1 << 16  # bytes read at the start, the middle and the end of each file for the fingerprint


class ClipEmbedder:
    """Embeds pictures and texts with one CLIP model.

    model: a folder, or a name on the hub. device: "auto", "cpu", … prepare: called before anything heavy is imported.
    """

    name = "clip"
    close = 0.9

    def __init__(self, model: str, device: str = "auto", prepare: Callable[[], object] = lambda: None) -> None:
        self._model_name = model
        self._device = device
        self._prepare = prepare

    @functools.cached_property
    def fingerprint(self) -> str:
        """Name and digest of the weights and of all files beside them.

        Raises:
            MissingDependencyError: the weights are not on this machine.
        """
        folder = self._folder()
        return f"clip/1 {Path(self._model_name).name} {_digest(folder)} padded square white"

    @property
    def dim(self) -> int:
        """Numbers in a vector; loads the model.

        Raises:
            MissingDependencyError: the weights, or what runs them, are missing.
        """
        return int(self._model.get_embedding_dimension())

    def embed(self, pictures: Sequence[Picture]) -> Vectors:
        """A vector of each picture, of any size and mode."""
        parts = [
            self._encode([squared(picture.load()) for picture in pictures[i : i + _BATCH]])
            for i in range(0, len(pictures), _BATCH)
        ]
        return np.vstack(parts) if parts else np.empty((0, self.dim), np.float32)

    def embed_text(self, texts: Sequence[str]) -> Vectors:
        """A vector of each text; what exceeds the model's 77 tokens is cut off."""
        return self._encode(list(texts)) if texts else np.empty((0, self.dim), np.float32)

    def _encode(self, items: list[Any]) -> Vectors:
        vectors = self._model.encode(items, batch_size=_BATCH, show_progress_bar=False, convert_to_numpy=True)
        return normalised(np.asarray(vectors, np.float32))

    def _folder(self) -> Path:
        folder = find(self._model_name)
        if folder is None:
            raise MissingDependencyError(f"the CLIP model {self._model_name} is not on this machine", hint=DOWNLOAD)
        return folder

    @functools.cached_property
    def _model(self) -> Any:
        folder = self._folder()
        self._prepare()
        try:
            from sentence_transformers import SentenceTransformer
        except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision of another torch
            hint = "install it with: pip install 'diascribe[models]'"
            raise MissingDependencyError(f"sentence-transformers cannot be used: {error}", hint=hint) from error
        device = None if self._device == "auto" else self._device
        try:
            return SentenceTransformer(str(folder), device=device, local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise MissingDependencyError(f"the model in {folder} cannot be loaded: {error}", hint=DOWNLOAD) from error


def find(model: str) -> Path | None:
    """The folder of a model on this machine: itself a folder, or in the hub's cache; None: it is not here."""
    folders: Iterable[Path] = [Path(model)] if Path(model).is_dir() else _cached(model)
    for folder in folders:
        if any((folder / name).is_file() for name in ("modules.json", "config.json")) and _weights(folder):
            return folder
    return None


def usable(model: str) -> bool:
    """Whether the model and what runs it are here. Imports nothing."""
    return importlib.util.find_spec("sentence_transformers") is not None and find(model) is not None


def squared(image: Image.Image) -> Image.Image:
    """RGB, on white, padded with white to a square."""
    if image.mode not in ("RGB", "L"):
        transparent = image.convert("RGBA")
        image = Image.new("RGBA", image.size, "white")
        image.alpha_composite(transparent)
    side = max(image.size)
    square = Image.new("RGB", (side, side), "white")
    square.paste(image.convert("RGB"), ((side - image.width) // 2, (side - image.height) // 2))
    return square


def repository(model: str) -> str:
    """Its name on the hub."""
    return model if "/" in model else f"sentence-transformers/{model}"


def _cached(model: str) -> list[Path]:
    """Snapshots in the hub's cache, the newest first."""
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    snapshots = cache / f"models--{repository(model).replace('/', '--')}" / "snapshots"
    if not snapshots.is_dir():
        return []
    return sorted(snapshots.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)


def _weights(folder: Path) -> list[Path]:
    files = (*folder.glob("*"), *folder.glob("*/*"))
    return [path for path in files if path.suffix in (".safetensors", ".bin") and path.is_file()]


def _digest(folder: Path) -> str:
    """Of names, sizes and samples of all files that a model reads."""
    whole = hashlib.sha256()
    for path in sorted((*folder.glob("*"), *folder.glob("*/*"))):
        if path.suffix not in (".json", ".txt", ".safetensors", ".bin") or not path.is_file():
            continue
        size = path.stat().st_size
        whole.update(f"{path.relative_to(folder)} {size} ".encode())
        with path.open("rb") as file:
            for start in (0, size // 2, size - _SAMPLE):
                file.seek(max(0, start))
                whole.update(file.read(_SAMPLE))
    return whole.hexdigest()[:16]
