"""The choice of few examples to show: none to three, close, unlike each other, short enough, each with its reason.

Scores are similarities in [-1, 1] of one embedder; what counts as close is that embedder's. Knows nothing of indexes.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from diagram.model import Example
from retrieval.embedder import Vectors
from retrieval.examples import Record

_OTHER_LANGUAGE: Final = 0.05
_OTHER_KIND: Final = 0.05
_FALL: Final = 0.1  # an example that is so much further than the first is left out
_NEAR_COPY: Final = 0.95
_DIVERSITY: Final = 0.3  # weight of being unlike those chosen (Carbonell and Goldstein 1998)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An example found. score: similarity to the picture; vector: (dim,), of the example."""

    record: Record
    score: float
    vector: Vectors


@dataclass(frozen=True, slots=True)
class Limits:
    """most: how many at most. similarity: what is less similar is left out. tokens: of all that is shown together."""

    most: int = 3
    similarity: float = 0.7
    tokens: int = 1500


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, best first, with `score` and `reason`; `why_not`: why nothing was, else empty."""

    examples: tuple[Example, ...] = ()
    why_not: str = ""


def choose(
    found: Sequence[Candidate],
    language: str,
    kind: str,
    limits: Limits | None = None,
    shown: Callable[[Record], str] = lambda record: record.description,
) -> Choice:
    """The examples that most likely help with a picture of this language and kind. shown: what a model sees of one.

    Those of another language or kind count as a little less similar. One clearly closer than the rest stays alone;
    copies of what is chosen are left out.
    """
    limits = limits or Limits()
    if not found:
        return Choice(why_not="there are no examples")
    worth = {
        id(one): one.score
        - _OTHER_LANGUAGE * (one.record.language != language)
        - _OTHER_KIND * bool(one.record.kind and one.record.kind != kind)
        for one in found
    }
    best = max(worth.values())
    least = max(limits.similarity, best - _FALL)
    left = [one for one in found if worth[id(one)] >= least]
    if not left:
        return Choice(why_not=f"no example is close: the best has {best:.2f}, asked for are {limits.similarity:.2f}")
    chosen: list[Candidate] = []
    tokens = limits.tokens
    dear = False
    while left and len(chosen) < limits.most:
        near = {id(one): max((float(one.vector @ other.vector) for other in chosen), default=0.0) for one in left}
        left = [one for one in left if near[id(one)] < _NEAR_COPY]
        if not left:
            break
        one = max(left, key=lambda one: (1 - _DIVERSITY) * worth[id(one)] - _DIVERSITY * near[id(one)])
        left.remove(one)
        cost = token_count(shown(one.record))
        if cost > tokens:
            dear = True
            continue
        tokens -= cost
        chosen.append(one)
    if not chosen:
        return Choice(why_not="the close examples are too long" if dear else "no example is close")
    return Choice(tuple(_shown(one, _reason(one, language, kind)) for one in chosen))


def first(found: Sequence[Candidate], count: int) -> Choice:
    """A control for measuring: the `count` nearest, whatever they are."""
    nearest = sorted(found, key=lambda one: -one.score)[:count]
    return Choice(tuple(_shown(one, f"fixed number: similarity {one.score:.2f}") for one in nearest))


def at_random(records: Sequence[Record], count: int, seed: int) -> Choice:
    """A control for measuring: any examples, the same for the same seed."""
    picked = random.Random(seed).sample(records, min(count, len(records)))
    return Choice(tuple(record.example(reason="at random") for record in picked))


def token_count(text: str) -> int:
    """About how many tokens a model makes of a text: a token has some 4 Latin or 2.5 Cyrillic letters, or 2 signs."""
    cyrillic = len(re.findall("[а-яё]", text, re.IGNORECASE))
    signs = len(re.findall(r"[^\w\s]|\d", text))
    return math.ceil(cyrillic / 2.5 + signs / 2 + (len(text) - cyrillic - signs) / 4)


def _shown(one: Candidate, reason: str) -> Example:
    return one.record.example(round(one.score, 4), reason)


def _reason(one: Candidate, language: str, kind: str) -> str:
    parts = [f"similarity {one.score:.2f}"]
    parts.append("same language" if one.record.language == language else f"in {one.record.language}")
    if one.record.kind:
        parts.append("same kind" if one.record.kind == kind else f"a {one.record.kind}")
    return ", ".join(parts)
