"""What a recogniser that answers step by step along a line (CTC, Graves et al. 2006) has read. Knows no pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Letters:
    """What a line says. places: (n,) x of each character's middle, crop pixels; sure: (n,) its probability."""

    text: str
    places: Row
    sure: Row

    @property
    def confidence(self) -> float:
        """Mean probability of the characters; 0 for an empty line."""
        return float(self.sure.mean()) if len(self.sure) else 0.0

    @property
    def least(self) -> float:
        """Probability of the least sure character; 0 for an empty line."""
        return float(self.sure.min()) if len(self.sure) else 0.0


def likeliest(chances: Row, alphabet: Sequence[str]) -> tuple[str, Row, Row]:
    """The text of the likeliest sign at each step, the steps of its characters and how sure they are.

    chances: (steps, signs) of each sign of the alphabet, whose first is "none".
    """
    best = chances.argmax(1)
    at = np.flatnonzero((best > 0) & (best != np.concatenate([[0], best[:-1]])))
    sure = chances[at, best[at]].astype(np.float32)
    return "".join(alphabet[i] for i in best[at].tolist()), at.astype(np.float32), sure
