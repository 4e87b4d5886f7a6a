"""The project's own graphs, `data/make/processes` in every notation: all come back from text and Mermaid unchanged, and
the built-in reader reads from a picture what the native renderer drew (here of a few; of all: bench/draw.py)."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from diagram.narrate import narrate, table
from mermaid.draft import draft
from mermaid.emit import emit
from mermaid.parse import parse
from pipeline.describe import describe
from pipeline.draw import Studio
from pipeline.score import macro, score
from tests.graphs import shape
from tests.random_diagrams import facts

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "data" / "make"))

import process  # noqa: E402

GRAPHS = dict(process.every(ROOT / "data" / "make" / "processes"))
SAMPLE = ("en-en_bugfix-flow", "ru-ru_atm-flow", "ru-ru_clinic-cross", "en-en_supply-uml", "ru-ru_pizza-bpmn")


def test_there_are_enough_in_both_languages() -> None:
    assert len(GRAPHS) >= 200
    assert {graph.language for graph in GRAPHS.values()} == {"en", "ru"}
    assert {graph.kind for graph in GRAPHS.values()} == {"bpmn", "flowchart"}


@pytest.mark.parametrize("name", GRAPHS)
def test_text_and_mermaid_give_the_graph_back(name: str) -> None:
    graph = GRAPHS[name]
    told = narrate(graph)
    for text in (told.text, table(graph)):
        drafted = draft(text)
        assert drafted.warnings == ()
        again = parse(emit(drafted.diagram))
        assert shape(again) == shape(drafted.diagram)
        wanted = facts(graph, {step.node: str(i) for i, step in enumerate(told.steps)})
        assert facts(again, {node.id: str(i) for i, node in enumerate(again.nodes)}) == wanted
    assert shape(parse(emit(graph))) == shape(graph)
    for style in ("current", "swimlane"):
        assert shape(parse(emit(graph, style=style))) == shape(graph)  # type: ignore[arg-type]


def test_the_reader_reads_what_was_drawn() -> None:
    scores = []
    with Studio("native", workers=1, deadline=60) as studio:
        for name in SAMPLE:
            drawn = studio.draw(json.dumps(GRAPHS[name].to_json()), "png")
            found = describe(Image.open(io.BytesIO(drawn.data)))
            scores.append(score(GRAPHS[name].to_json(), found.diagram.to_json()))
    means = macro(scores)
    assert (means["node_f1"] or 0) >= 0.98
    assert (means["edge_f1"] or 0) >= 0.98
