"""Few-shot choice: how many, which, and why."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.embedder import normalised
from retrieval.examples import Record
from retrieval.select import Candidate, Limits, at_random, choose, first, token_count


def vector(*numbers: float) -> np.ndarray:
    return normalised(np.array([numbers]))[0]


def found(name: str, score: float, at=None, *, language="en", kind="bpmn", text="Some steps.", graph="") -> Candidate:
    at = vector(*np.random.default_rng(list(name.encode())).normal(size=32)) if at is None else at
    return Candidate(Record(name, Path(f"{name}.png"), text, graph, "", language, kind), score, at)


def names(choice) -> list[str]:
    return [example.id for example in choice.examples]


def test_nothing_close_is_nothing_chosen_and_says_so():
    choice = choose([found("a", 0.5), found("b", 0.4)], "en", "bpmn")
    assert choice.examples == ()
    assert "0.50" in choice.why_not
    assert choose([], "en", "bpmn").why_not


def test_as_many_as_are_about_as_close_and_three_at_most():
    close = [found(name, score) for name, score in zip("abcde", (0.95, 0.93, 0.92, 0.91, 0.9), strict=True)]
    assert len(choose(close, "en", "bpmn").examples) == 3
    assert names(choose([close[0], found("far", 0.75)], "en", "bpmn")) == ["a"]
    assert len(choose(close, "en", "bpmn", Limits(most=1)).examples) == 1
    assert choose(close, "en", "bpmn", Limits(most=0)).examples == ()


def test_near_copies_of_the_chosen_are_left_out():
    at = vector(1, 0, 0)
    copies = [found("a", 0.93, at), found("copy", 0.93, vector(1, 0.05, 0)), found("other", 0.9, vector(0.5, 1, 0))]
    assert names(choose(copies, "en", "bpmn")) == ["a", "other"]


def test_the_same_language_and_kind_are_preferred():
    assert names(choose([found("ru", 0.93, language="ru"), found("en", 0.91)], "en", "bpmn"))[0] == "en"
    assert names(choose([found("chart", 0.93, kind="flowchart"), found("bpmn", 0.91)], "en", "bpmn"))[0] == "bpmn"
    assert names(choose([found("ru", 0.93, language="ru")], "en", "bpmn")) == ["ru"]


def test_the_descriptions_stay_within_the_tokens():
    long = "word " * 2000
    choice = choose([found("long", 0.95, text=long), found("short", 0.94)], "en", "bpmn")
    assert names(choice) == ["short"]
    assert "too long" in choose([found("long", 0.95, text=long)], "en", "bpmn").why_not


def test_reasons_and_scores_travel_with_the_chosen():
    (example,) = choose([found("a", 0.91, language="ru")], "en", "bpmn").examples
    assert example.score == 0.91
    assert example.reason == "similarity 0.91, in ru, same kind"


def test_the_graph_travels_with_the_chosen_and_only_theirs_is_read():
    graph = {"kind": "bpmn", "nodes": [{"id": "a", "type": "task", "text": "Pay"}], "edges": [], "lanes": []}
    rows = [found("a", 0.91, graph=json.dumps(graph)), found("far", 0.1, graph="{")]
    (example,) = choose(rows, "en", "bpmn").examples
    assert example.diagram.nodes[0].text == "Pay"


@given(st.lists(st.tuples(st.floats(-1, 1), st.sampled_from(["en", "ru"]), st.integers(0, 3000)), max_size=12))
def test_whatever_is_found_the_limits_hold(rows):
    candidates = [
        found(f"x{i}", score, language=language, text="a" * length) for i, (score, language, length) in enumerate(rows)
    ]
    limits = Limits()
    choice = choose(candidates, "en", "bpmn", limits)
    assert len(choice.examples) <= limits.most
    assert all(example.score >= limits.similarity - 1e-4 for example in choice.examples)
    assert sum(token_count(example.description) for example in choice.examples) <= limits.tokens
    assert bool(choice.examples) != bool(choice.why_not)


def test_the_controls_for_measuring():
    rows = [found("a", 0.2), found("b", 0.9)]
    assert names(first(rows, 5)) == ["b", "a"]
    examples = [row.record for row in rows]
    assert at_random(examples, 1, 7) == at_random(examples, 1, 7)
    assert len(at_random(examples, 5, 7).examples) == 2
    assert at_random(examples, 0, 7).examples == ()


@pytest.mark.parametrize(("text", "least", "most"), [("", 0, 0), ("Approve the invoice", 4, 6), ("Согласовать", 4, 6)])
def test_token_counts_are_about_right(text, least, most):
    assert least <= token_count(text) <= most
