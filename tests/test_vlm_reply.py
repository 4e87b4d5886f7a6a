"""The compact reply: every graph survives the round trip, every beginning of a reply is read as far as it is sound."""

import contextlib
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagram.errors import ReplyError
from diagram.model import Diagram
from tests.random_diagrams import diagrams, facts
from vlm.reply import SCHEMA, decode, encode


@given(diagrams())
def test_what_is_encoded_is_decoded(diagram):
    answer = decode(encode(diagram))
    assert answer.complete
    assert not answer.warnings
    order = [*diagram.nodes]
    names = {node.id: str(i) for i, node in enumerate(order)}
    again = {node.id: str(i) for i, node in enumerate(answer.diagram.nodes)}
    wanted, got = facts(diagram, names), facts(answer.diagram, again)
    assert got == wanted


@settings(max_examples=60)
@given(diagrams(), st.randoms(use_true_random=False))
def test_a_reply_that_is_cut_off_anywhere_keeps_its_whole_rows(diagram, rng):
    text = encode(diagram)
    cut = text[: rng.randrange(len(text))]
    try:
        answer = decode(cut)
    except ReplyError:
        assert '"language"' not in cut
        return
    assert not answer.complete
    assert "cut off" in answer.warnings[0]
    whole = decode(text).diagram
    assert [(n.id, n.type, n.text) for n in answer.diagram.nodes] == [
        (n.id, n.type, n.text) for n in whole.nodes[: len(answer.diagram.nodes)]
    ]
    known = {(e.source, e.target, e.text, e.kind) for e in whole.edges}
    assert {(e.source, e.target, e.text, e.kind) for e in answer.diagram.edges} <= known


@settings(max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=7)
            | st.dictionaries(
                st.sampled_from(["kind", "language", "lanes", "nodes", "trigger", "on", "in"]), inner, max_size=7
            )
        ),
        max_leaves=25,
    )
)
def test_any_json_gives_a_graph_or_an_error(data):
    with contextlib.suppress(ReplyError):
        assert isinstance(decode(json.dumps(data)).diagram, Diagram)


def test_faults_of_a_model_are_left_out_and_told():
    text = json.dumps({
        "kind": "bpmn", "language": "ru",
        "lanes": [[1, "A", 2], [2, "B", 1], [1, "again", 0], "junk"],
        "nodes": [
            [3, "task", "x", 1, [4, 99, [4, "да"], [1, ""]]],
            [4, "end", "\ud800y", 77, [], {"trigger": "sunrise", "on": 3, "in": 4}],
            [5, "banana", "z", 0, []],
        ],
    })  # fmt: skip
    answer = decode(text)
    assert [node.text for node in answer.diagram.nodes] == ["x", "?y"]
    assert answer.diagram.nodes[1].attached_to == "n3"
    assert [(e.source, e.target, e.text, e.kind) for e in answer.diagram.edges] == [
        ("n3", "n4", "", "sequence"), ("n3", "n4", "да", "sequence"), ("n3", "l1", "", "message"),
    ]  # fmt: skip
    told = " ".join(answer.warnings)
    for fault in ("2 × malformed row", "id given twice", "flow to nothing", "circle", "link to nothing"):
        assert fault in told


def test_text_around_the_json_is_skipped_and_no_json_is_an_error():
    text = 'Sure!\n```json\n{"kind":"flowchart","language":"en","lanes":[],"nodes":[[1,"start","Go",0,[]]]}\n```'
    assert decode(text).diagram.nodes[0].text == "Go"
    for nonsense in ("", "I cannot see a diagram", "[1]", "{", '{"nodes": 5}', "[" * 100_000, '{"a":' * 50_000):
        with pytest.raises(ReplyError):
            decode(nonsense)


def test_a_malformed_middle_keeps_what_came_before():
    text = '{"kind":"bpmn","language":"en","lanes":[],"nodes":[[1,"start","a",0,[2]],[2,"task","b" oops'
    answer = decode(text)
    assert [node.text for node in answer.diagram.nodes] == ["a"]
    assert not answer.diagram.edges


def test_the_schema_is_what_encode_writes():
    guide = pytest.importorskip("llguidance")
    grammar = guide.LLMatcher.grammar_from_json_schema(json.dumps(SCHEMA), defaults={"whitespace_flexible": False})
    tokenizer = guide.LLTokenizer("byte")
    rng = random.Random(4)
    for _ in range(30):
        text = encode(_graph(rng))
        matcher = guide.LLMatcher(tokenizer, grammar)
        assert matcher.try_consume_tokens(tokenizer.tokenize_str(text)) == len(text.encode()), text
        assert matcher.is_accepting()


def _graph(rng):
    from diagram.kinds import NODE_TYPES, TRIGGERS
    from diagram.model import Edge, Lane, Node

    lanes = [Lane(f"l{i}", f"Отдел {i}", f"l{i - 1}" if i % 2 else None) for i in range(rng.randrange(4))]
    nodes = [
        Node(
            f"n{i}", rng.choice(NODE_TYPES), rng.choice(["", "Да", 'a "b"', "x\ny"]),
            lane=rng.choice([None, *(lane.id for lane in lanes)]), trigger=rng.choice([None, None, *TRIGGERS]),
            attached_to=f"n{i - 1}" if i % 5 == 4 else None,
        )
        for i in range(rng.randrange(1, 9))
    ]  # fmt: skip
    edges = [
        Edge(f"e{i}", rng.choice(nodes).id, rng.choice([*nodes, *lanes]).id, rng.choice(["", "нет"]), "message")
        for i in range(rng.randrange(5))
    ]
    return Diagram("bpmn", tuple(nodes), tuple(edges), tuple(lanes), "ru")
