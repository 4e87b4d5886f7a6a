"""Graph → BPMN 2.0 XML → graph; hostile XML is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from bpmn.emit import emit
from bpmn.parse import InvalidBpmnError, parse, read
from diagram.model import Diagram
from tests.graphs import diagrams, shape


def canonical(diagram: Diagram) -> object:
    """BPMN groups nodes by pool and flows by kind, so the order of a graph is not kept: sort by the written ids."""

    def number(name: str) -> int:
        return int(name.lstrip("nel"))

    return shape(
        diagram.replace(
            nodes=tuple(sorted(diagram.nodes, key=lambda node: number(node.id))),
            edges=tuple(sorted(diagram.edges, key=lambda edge: number(edge.id))),
            lanes=tuple(sorted(diagram.lanes, key=lambda lane: number(lane.id))),
        )
    )


@given(diagrams())
@settings(max_examples=400, deadline=None)
def test_graph_comes_back(diagram: Diagram) -> None:
    back, warnings = read(emit(diagram))
    assert not warnings
    assert canonical(back) == shape(diagram)


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "not xml",
        "<html/>",
        '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><d>&b;</d>',
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>',
        b"\xff\xfe\x00broken",
    ],
)
def test_hostile_or_foreign_xml_is_refused(xml: str | bytes) -> None:
    with pytest.raises(InvalidBpmnError):
        parse(xml)
