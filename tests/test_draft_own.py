"""What the project writes it reads back: text, table and JSON give the same graph."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from diagram.errors import InputError, InvalidDiagramError
from diagram.kinds import DIAGRAM_KINDS, LANGUAGES, NODE_TYPES, TRIGGERS, Language
from diagram.model import Diagram, Edge, Lane, Node
from diagram.narrate import narrate, table
from mermaid.draft import draft
from tests.random_diagrams import diagrams, facts

SOME = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def assert_same(diagram: Diagram, text: str) -> None:
    """The text gives the graph back and leaves nothing over."""
    back = draft(text)
    names = {step.node: str(i) for i, step in enumerate(narrate(diagram).steps)}
    given = facts(diagram, names)
    assert facts(back.diagram, {node.id: str(i) for i, node in enumerate(back.diagram.nodes)}) == given, text
    assert back.warnings == (), text


@SOME
@given(diagrams())
def test_text_gives_the_graph_back(diagram: Diagram) -> None:
    assert_same(diagram, narrate(diagram).text)


@SOME
@given(diagrams())
def test_text_under_its_title_gives_the_graph_back(diagram: Diagram) -> None:
    told = narrate(diagram)
    assert_same(diagram, f"# {told.title}\n\n{told.text}")


@SOME
@given(diagrams())
def test_table_gives_the_graph_back(diagram: Diagram) -> None:
    assert_same(diagram, table(diagram))


@SOME
@given(diagrams())
def test_json_gives_the_graph_back(diagram: Diagram) -> None:
    assert draft(json.dumps(diagram.to_json(), ensure_ascii=False)).diagram == diagram


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", DIAGRAM_KINDS)
def test_every_type_and_trigger_labelled_or_not(kind: str, language: str) -> None:
    nodes = [Node(f"n{t}{i}", t, text, trigger=None) for t in NODE_TYPES for i, text in enumerate(["", "Да", "Конец"])]
    nodes += [Node(f"t{t}", "intermediate_event", "x", trigger=t) for t in TRIGGERS]
    edges = tuple(Edge(f"e{i}", a.id, b.id) for i, (a, b) in enumerate(itertools.pairwise(nodes)))
    for flows in ((), edges):
        diagram = Diagram(kind, tuple(nodes), flows, (), language)  # type: ignore[arg-type]
        assert_same(diagram, narrate(diagram).text)
        assert_same(diagram, table(diagram))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_graph_of_the_check_pictures(language: Language) -> None:
    paths = sorted((Path(__file__).parent.parent / "data" / "check").glob("*/*.json"))
    assert len(paths) > 80
    for path in paths:
        diagram = Diagram.from_json(json.loads(path.read_text(encoding="utf-8"))).replace(language=language)
        told = narrate(diagram)
        assert_same(diagram, f"{told.title}\n\n{told.text}")
        assert_same(diagram, table(diagram))


def test_deep_nesting_and_many_events_on_one_border() -> None:
    nodes = [Node("n0", "subprocess", "0")]
    nodes += [Node(f"n{i}", "subprocess", str(i), parent=f"n{i - 1}") for i in range(1, 60)]
    nodes += [Node(f"b{i}", "intermediate_event", trigger="timer", attached_to="n0") for i in range(60)]
    lanes = [Lane("l0", "x")] + [Lane(f"l{i}", "x", f"l{i - 1}") for i in range(1, 60)]
    nodes.append(Node("z", "task", "z", lane="l59"))
    for language in LANGUAGES:
        diagram = Diagram("bpmn", tuple(nodes), (), tuple(lanes), language)
        assert_same(diagram, narrate(diagram).text)
        assert_same(diagram, table(diagram))


def test_edited_text_keeps_what_is_understood_and_quotes_the_rest() -> None:
    text = (
        "Блок-схема: 2 шага.\n\n1. Принять заявку.\n2. Проверить заявку. Кстати, быстро. Далее — шаг 9.\n"
        "просто строка\n   - Да: перейти к шагу 1.\n"
    )
    result = draft(text)
    assert [node.text for node in result.diagram.nodes] == ["Принять заявку", "Проверить заявку"]
    assert [(edge.source, edge.target, edge.text) for edge in result.diagram.edges] == [
        ("n2", "n1", "Да"),
        ("n1", "n2", ""),
    ]
    assert result.warnings == (
        "Не понято: Кстати, быстро",
        "Не понято: просто строка",
        "Шага 9 нет; переход к нему или от него пропущен.",
    )


@pytest.mark.parametrize("text", ["{", '{"kind": 3}', '{"a":' + "[" * 100_000, "", " \n\t", '{"nodes": [{"id": 1}]}'])
def test_what_cannot_be_read_is_one_clear_error(text: str) -> None:
    with pytest.raises((InputError, InvalidDiagramError)):
        draft(text)


def test_steps_within_each_other_are_refused() -> None:
    with pytest.raises(InvalidDiagramError):
        draft("Блок-схема: 2 шага.\n\n1. А. Входит в шаг 2.\n2. Б. Входит в шаг 1.\n")
