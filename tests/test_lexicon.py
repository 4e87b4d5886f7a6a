"""Words for what a recogniser doubts: the sum over all ways to lay a text on its steps, and what comes of it."""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.lexicon import consists, doubted, forward, knows, likeliest

SIGNS = ["", *string.ascii_lowercase, *string.ascii_uppercase, *string.digits, "'", "|", "!"]
COLUMNS = {sign: number for number, sign in enumerate(SIGNS) if sign}


def answer(*steps: dict[str, float]) -> np.ndarray:
    """(t, n) chances of a recogniser: at each step the signs given, the rest is spread over all others."""
    rows = []
    for step in steps:
        row = np.full(len(SIGNS), (1 - sum(step.values())) / (len(SIGNS) - len(step)), np.float32)
        for sign, chance in step.items():
            row[COLUMNS.get(sign, 0)] = chance
        rows.append(row)
    return np.stack(rows)


def spelt(text: str, unsure: Mapping[int, tuple[str, float]] | None = None) -> np.ndarray:
    """The answer to a text seen clearly but for some letters, by number: the other sign, and that one's chance."""
    steps: list[dict[str, float]] = []
    for number, sign in enumerate(text):
        other, chance = (unsure or {}).get(number, ("", 0.0))
        steps += [{sign: 0.98 - chance, other: chance} if other else {sign: 0.98}, {"": 0.98}]
    return answer(*steps)


def collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
    """What a recogniser says with one sign a step: repeated signs are one, 0 is none."""
    return tuple(sign for sign, _ in itertools.groupby(path) if sign)


@given(
    st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=2, max_size=5),
    st.lists(st.integers(1, 2), min_size=1, max_size=3),
)
def test_the_sum_is_over_all_ways(rows: list[list[float]], text: list[int]) -> None:
    chances = np.array(rows, np.float32)
    paths = itertools.product(range(3), repeat=len(rows))
    right = [path for path in paths if collapsed(path) == tuple(text)]
    every = sum(math.prod(float(chances[t, sign]) for t, sign in enumerate(path)) for path in right)
    (found,) = forward(chances, [text])
    assert found == pytest.approx(math.log(every), abs=1e-4) if every else found == -math.inf


def test_a_doubted_letter_is_told_from_the_word() -> None:
    assert likeliest("Recetve", spelt("Recetve", {4: ("i", 0.2)}), COLUMNS) == "Receive"
    assert likeliest("ORDEB", spelt("ORDEB", {4: ("R", 0.3)}), COLUMNS) == "ORDER"
    assert likeliest("lnv0ice", spelt("lnv0ice", {0: ("i", 0.3), 3: ("o", 0.3)}), COLUMNS) == "invoice"


@pytest.mark.parametrize("text", ["Yaoqiang", "Camunda", "receive", "Order", "tmpArr", "kpi"])
def test_what_was_seen_clearly_stays(text: str) -> None:
    assert likeliest(text, spelt(text), COLUMNS) == text


def test_no_word_is_put_where_nothing_was_seen() -> None:
    blurred = answer(*({"": 0.5} for _ in range(12)))
    assert likeliest("xqzt", blurred, COLUMNS) == "xqzt"
    assert likeliest("ab", blurred[:1], COLUMNS) == "ab"


@pytest.mark.parametrize(
    ("text", "part"),
    [("(Order)", "Order"), ("order,", "order"), ("lnv0ice", "lnv0ice"), ("don't", "don't"), ("A[i]", None),
     ("x:=1", None), ("2024", None), ("of", None), ("regis-", None), ("string`S`", None)],
)  # fmt: skip
def test_what_may_be_a_misread_word(text: str, part: str | None) -> None:
    place = doubted(text)
    assert (text[slice(*place)] if place else None) == part


def test_known_words() -> None:
    assert knows("Check the order (2 days)!")
    assert knows("15 %")
    assert not knows("Check the ordor")


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Check the order", True),
        ("Task 3", True),
        ("(Receipt)", True),
        ("the", False),
        ("ht 4", False),
        ("Task l", False),
    ],
)
def test_what_consists_of_known_words(text: str, whole: bool) -> None:
    assert consists(text) is whole
