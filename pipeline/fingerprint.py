"""What a result depends on besides the picture: the reader's code, its settings and the index of examples.

Two results of one picture with the same fingerprint are the same. Knows nothing of where results are kept.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import time
from pathlib import Path
from typing import Any, Final

from diagram.errors import DiascribeError
from pipeline.settings import Settings

_READERS: Final = ("diagram", "vision", "vlm", "retrieval", "mermaid", "bpmn", "pipeline")
_SETTINGS: Final = {
    "pdf_dpi",
    "embedder",
    "clip_model",
    "data_dir",
    "examples",
    "examples_policy",
    "min_similarity",
    "model",
    "models_file",
    "precision",
    "lora",
    "server_url",
    "server_model",
    "max_tokens",
    "unsupported",
}
_AGE: Final = 2.0  # seconds for which "auto" is taken to mean the same


class Fingerprint:
    """Makes keys of results. Threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._auto = ("", 0.0)

    def key(self, sha: str, page: int, engine: str, language: str, examples: int) -> str:
        """64 hex digits: of a picture's content, and all that decides what is told of it."""
        engine = engine if engine != "auto" else self._chosen()
        parts = [sha, page, engine, language, examples, self._index() if examples else "", self._fixed]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def _chosen(self) -> str:
        from pipeline.engines import choose

        name, when = self._auto
        if not name or time.monotonic() - when > _AGE:
            name = choose(self._settings).engine
            self._auto = (name, time.monotonic())
        return name

    @functools.cached_property
    def _fixed(self) -> str:
        """Of the code and of the settings that matter."""
        root = Path(__file__).resolve().parent.parent
        found = hashlib.sha256(self._settings.model_dump_json(include=_SETTINGS).encode())
        for folder in _READERS:
            for path in sorted((root / folder).rglob("*")):
                if path.suffix == ".py":
                    found.update(path.read_bytes())
                elif path.is_file() and path.suffix != ".pyc":
                    found.update(f"{path.name} {path.stat().st_size}".encode())
        return found.hexdigest()

    def _index(self) -> str:
        """Changes with every build of the index."""
        if self._settings.index == "faiss":
            with contextlib.suppress(OSError):
                return hashlib.sha256((self._settings.index_dir / "manifest.json").read_bytes()).hexdigest()
            return ""
        with contextlib.suppress(DiascribeError):
            return str(self._opened.manifest())
        return ""

    @functools.cached_property
    def _opened(self) -> Any:
        from pipeline.build import INDEXES, lookup

        return lookup("index", INDEXES, self._settings.index)(self._settings)
