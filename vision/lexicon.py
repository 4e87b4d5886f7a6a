"""The English word that a recogniser most likely saw where it doubts its letters.

Each word of a list is a candidate: how likely the recogniser's own answer makes it (the forward sum of connectionist
temporal classification, Graves et al. 2006) and how usual it is weigh together, against the letters as they were read,
which need not be a word. Knows neither pages nor pictures.

The list, words with their counts on the web, is that of the package symspellpy.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vision.parts import Floats

LIST = "frequency_dictionary_en_82_765.txt"
USUAL = 300_000  # count on the web of the words that are put in place of others
LEAST, MOST = 3, 20  # letters
WHOLE = 4  # letters; shorter words are often pieces of others
WEIGHT = 0.8  # of how usual a word is, beside how likely it is by its looks
STRANGE, LETTER = -3.5, -2.64  # log chances: that a text is in no list; of each of its letters then
FLOOR = 1e-5  # chance of a sign at any place
UNLIKE = -1.5  # mean log chance of a letter below which nothing is put in place
CANDIDATES = 80
PART = 0.6  # of a word's width in which the letters of either half of it lie
EDGE = "()[]\"'.,:;!?"  # signs around words
_WORD = re.compile(r"[A-Za-z](?:[A-Za-z0-9'|!]*[A-Za-z])?")


@dataclass(frozen=True, slots=True)
class _Sized:
    """The usual words of one length n: (k, n) letters, 0 to 25; (k,) log of how usual; the words."""

    letters: NDArray[np.uint8]
    usual: NDArray[np.float32]
    words: Sequence[str]


def doubted(text: str) -> tuple[int, int] | None:
    """Start and end of what may be a misread word in a text without spaces; None where it is none, or none alone."""
    bare = text.strip(EDGE)
    if not LEAST <= len(bare) <= MOST or not _WORD.fullmatch(bare):
        return None
    if sum(ch.isalpha() for ch in bare) < 0.6 * len(bare):
        return None  # a number, a formula
    start = text.index(bare)
    return start, start + len(bare)


def knows(text: str) -> bool:
    """Whether every word of a text is in the list; what is no word, or a short one, does not count."""
    known, _ = _list()
    return all(word in known for word in _bare(text) if len(word) >= LEAST and word.isalpha())


def consists(text: str) -> bool:
    """Whether a text consists of words in the list and whole numbers only, one word at least no mere piece of one."""
    known, _ = _list()
    words = [part for part in _bare(text) if not part.isdigit()]
    return all(word in known for word in words) and any(len(word) >= WHOLE for word in words)


def _bare(text: str) -> list[str]:
    """The parts of a text as the list would hold them."""
    return [part.strip(EDGE).lower() for part in text.split()]


def likeliest(text: str, chances: NDArray[np.float32], columns: Mapping[str, int]) -> str:
    """The word that is likelier than `text`; the text itself where none is.

    chances: (t, n) what the recogniser gives each of n signs at each step over the width of the text; the first sign is
    "none". columns: the signs' numbers.
    """
    known, sized = _list()
    if not known or len(chances) < LEAST:
        return text
    shape = str.upper if _is_upper(text) else str.capitalize if text[0].isupper() else str.lower
    chances = np.maximum(chances, FLOOR)
    words = _candidates(sized, len(text), np.log(chances), columns)
    forms = [text, *(form for form in map(shape, words) if form != text)]
    looks = forward(chances, [[columns[ch] for ch in form] for form in forms])
    strange = STRANGE + LETTER * len(text)
    usual = np.array([known.get(form.lower(), strange) for form in forms])
    best = int(np.argmax(looks + WEIGHT * usual))
    return forms[best] if looks[best] > UNLIKE * len(forms[best]) else text


def _is_upper(text: str) -> bool:
    letters = [ch for ch in text if ch.isalpha()]
    return sum(ch.isupper() for ch in letters) > 0.6 * len(letters)


def _candidates(
    sized: Mapping[int, _Sized], length: int, looks: NDArray[np.float32], columns: Mapping[str, int]
) -> list[str]:
    """The words of about this length whose letters are the most likely somewhere in their half of the width."""
    lower, upper = ([columns[chr(first + i)] for i in range(26)] for first in (97, 65))
    steps = len(looks)
    halves = (looks[: math.ceil(PART * steps)], looks[math.floor((1 - PART) * steps) :])
    left, right = (np.maximum(top[lower], top[upper]) for top in (half.max(0) for half in halves))
    slack = 2 if length > 6 else 1
    scores, words = [], []
    for size in range(max(LEAST, length - slack), length + slack + 1):
        if size in sized:
            letters, half = sized[size].letters, (size + 1) // 2
            bound = left[letters[:, :half]].sum(1) + right[letters[:, half:]].sum(1)
            scores.append(bound + WEIGHT * sized[size].usual)
            words.append(sized[size].words)
    if not scores:
        return []
    ends = np.cumsum([0, *map(len, scores)])
    every = np.concatenate(scores)
    best = np.argpartition(-every, min(CANDIDATES, len(every) - 1))[:CANDIDATES]
    part = np.searchsorted(ends, best, "right") - 1
    return [words[i][j - ends[i]] for i, j in zip(part.tolist(), best.tolist(), strict=True)]


def forward(chances: NDArray[np.float32], texts: Sequence[Sequence[int]]) -> Floats:
    """(len(texts),) log of the chance of each text, signs by number, over all ways to lay it on the steps."""
    sizes = np.array([len(text) for text in texts])
    signs = np.zeros((len(texts), 2 * int(sizes.max()) + 1), np.intp)  # none between all signs
    for row, text in zip(signs, texts, strict=True):
        row[1 : 2 * len(text) : 2] = text
    leap = np.zeros(signs.shape)
    leap[:, 3::2] = signs[:, 3::2] != signs[:, 1:-2:2]  # from sign to unlike sign
    ways = np.zeros(signs.shape)
    ways[:, :2] = chances[0][signs[:, :2]]
    for step in chances[1:]:
        more = ways.copy()
        more[:, 1:] += ways[:, :-1]
        more[:, 2:] += ways[:, :-2] * leap[:, 2:]
        ways = more * step[signs]
    row = np.arange(len(texts))
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(ways[row, 2 * sizes] + ways[row, 2 * sizes - 1]))


@lru_cache(maxsize=1)
def _list() -> tuple[Mapping[str, float], Mapping[int, _Sized]]:
    """Of every word the log of how usual it is; the usual ones by their length. Empty where no list is installed."""
    found = find_spec("symspellpy")
    if found is None or not found.submodule_search_locations:
        return {}, {}
    lines = (Path(found.submodule_search_locations[0]) / LIST).read_text("utf-8-sig").splitlines()
    counts = {word: int(count) for word, count in (line.split(" ") for line in lines)}
    every = math.log(sum(counts.values()))
    known = {word: math.log(count) - every for word, count in counts.items()}
    groups: defaultdict[int, list[str]] = defaultdict(list)
    for word, count in counts.items():
        if count >= USUAL and LEAST <= len(word) <= MOST and word.isascii() and word.isalpha():
            groups[len(word)].append(word)
    sized = {}
    for size, words in groups.items():
        letters = np.frombuffer("".join(words).encode(), np.uint8).reshape(-1, size) - ord("a")
        sized[size] = _Sized(letters, np.array([known[word] for word in words], np.float32), words)
    return known, sized
