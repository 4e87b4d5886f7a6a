"""The seam of embedders: what turns a picture, or words, into a vector. Scalar products of vectors are similarities.

Knows nothing of indexes and of where pictures come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from diagram.model import Diagram

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Picture:
    """What is embedded.

    load: decodes it, called only where pixels are needed. diagram: its graph, if that is known. title: what is told of
    it besides, if anything.
    """

    load: Callable[[], Image.Image]
    diagram: Diagram | None = None
    title: str = ""


class Embedder(Protocol):
    """Makes vectors, (n, dim) float32, each of length 1.

    fingerprint: names everything that the vectors depend on; vectors of different fingerprints must never be compared.
    """

    @property
    def name(self) -> str:
        """The name in the registry."""
        ...

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        ...

    @property
    def close(self) -> float:
        """The similarity from which on two pictures show similar processes."""
        ...

    @property
    def fingerprint(self) -> str:
        """One line: name, version, dimensions, preprocessing."""
        ...

    def embed(self, pictures: Sequence[Picture]) -> Vectors:
        """A vector of each picture."""
        ...

    def embed_text(self, texts: Sequence[str]) -> Vectors:
        """A vector of each text, comparable with those of pictures."""
        ...


def normalised(vectors: NDArray[np.floating]) -> Vectors:
    """Rows scaled to length 1; rows of zeros stay so."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
