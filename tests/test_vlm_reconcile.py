"""A model's reading against what was seen: each thing has its evidence, boxes come from the picture."""

from hypothesis import given
from hypothesis import strategies as st

from diagram.model import Diagram, Edge, Lane, Node
from tests.random_diagrams import diagrams
from vlm.prompt import Line
from vlm.reconcile import match, reconcile


def graph(*nodes, edges=(), lanes=()):
    flows = tuple(Edge(f"e{i}", a, b, t) for i, (a, b, t) in enumerate(edges, 1))
    return Diagram("bpmn", nodes, flows, lanes)


SEEN = graph(
    Node("v1", "start_event", "", (0, 0, 10, 10)),
    Node("v2", "task", "Check the order", (20, 0, 60, 30)),
    Node("v3", "gateway_exclusive", "", (70, 0, 90, 20)),
    Node("v4", "task", "Ship", (100, 0, 140, 30)),
    Node("v5", "task", "Archive", (100, 50, 140, 80)),
    edges=[("v1", "v2", ""), ("v2", "v3", ""), ("v3", "v4", "yes"), ("v3", "v5", "no")],
)
MODEL = graph(
    Node("n1", "start_event", ""),
    Node("n2", "task", "Check the ordr"),
    Node("n3", "gateway_exclusive", ""),
    Node("n4", "subprocess", "Ship"),
    Node("n5", "task", "Send the invoice"),
    Node("n6", "task", "Dance"),
    edges=[("n1", "n2", ""), ("n2", "n3", ""), ("n3", "n4", "yes"), ("n4", "n5", ""), ("n5", "n6", "")],
)
LINES = [
    Line("Send the", (150, 0, 190, 10), 0.9), Line("invoice", (150, 12, 190, 22), 0.9), Line("Ship", (105, 5, 130, 15)),
]  # fmt: skip


def test_evidence_boxes_and_confidence():
    found = reconcile(MODEL, SEEN, LINES)
    assert found.nodes == {
        "n1": "both", "n2": "both", "n3": "both", "n4": "both", "n5": "both", "n6": "model", "v5": "vision",
    }  # fmt: skip
    node = found.diagram.node
    assert node("n2").bbox == (20, 0, 60, 30)
    assert node("n5").bbox == (150, 0, 190, 22)
    assert node("n4").type == "subprocess"
    assert (node("n1").confidence, node("n6").confidence, node("v5").confidence) == (1.0, 0.5, 0.5)
    edges = {(e.source, e.target): (found.edges[e.id], e.confidence) for e in found.diagram.edges}
    assert edges == {
        ("n1", "n2"): ("both", 1.0), ("n2", "n3"): ("both", 1.0), ("n3", "n4"): ("both", 1.0),
        ("n4", "n5"): ("model", 0.5), ("n5", "n6"): ("model", 0.5), ("n3", "v5"): ("vision", 0.5),
    }  # fmt: skip
    assert found.warnings == ("named by the model, not found in the picture: Dance",)


def test_invented_steps_can_be_dropped():
    found = reconcile(MODEL, SEEN, LINES, "drop")
    assert "n6" not in found.nodes
    assert all("n6" not in (edge.source, edge.target) for edge in found.diagram.edges)
    assert "left out: Dance" in found.warnings[0]


def test_lanes_are_the_models_with_the_boxes_seen():
    model = graph(Node("n1", "task", "Pay", lane="l1"), lanes=(Lane("l1", "Clerk"),))
    seen = graph(
        Node("x", "task", "File", lane="p", bbox=(0, 0, 5, 5)), lanes=(Lane("p", "Clerk", bbox=(0, 0, 90, 40)),)
    )
    found = reconcile(model, seen).diagram
    assert found.lane("l1").bbox == (0, 0, 90, 40)
    assert found.node("x").lane == "l1"


@given(diagrams(), diagrams(), st.sampled_from(["flag", "drop"]))
def test_any_two_readings_make_a_graph_in_which_everything_has_its_evidence(model, seen, policy):
    found = reconcile(model, seen, [], policy)
    assert set(found.nodes) == {node.id for node in found.diagram.nodes}
    assert set(found.edges) == {edge.id for edge in found.diagram.edges}
    assert len(found.diagram.nodes) >= len(seen.nodes)


@given(diagrams())
def test_a_graph_matches_itself(diagram):
    found = match(diagram, diagram)
    named = {node.id for node in diagram.nodes if any(c.isalnum() for c in node.text)}
    assert named <= set(found)
    assert not reconcile(diagram, diagram, policy="flag").warnings
