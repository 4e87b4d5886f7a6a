"""The layout of BPMN: of the training processes and of random graphs, looked over by `layout_faults`."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

from bpmn.emit import emit
from bpmn.layout import layout
from bpmn.parse import parse
from diagram.model import Diagram, Edge, Lane, Node
from tests.layout_faults import faults

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "data" / "make"))

import process  # noqa: E402

TRAIN = process.load(ROOT / "data" / "make" / "processes" / "train")
WORDS = ("Проверить заявку", "Pay", "Отправить письмо клиенту", "Approve the request", "", "Готово?", "Да", "Склад")


def random_graph(seed: int) -> Diagram:
    """A process of up to 18 steps in up to 4 lanes of 2 pools: branches, ways back, a sub-process, events, data."""
    rng = Random(seed)
    lanes = [Lane("p", "Компания"), *(Lane(f"l{k}", f"Отдел {k}", "p") for k in range(rng.randint(0, 3)))]
    homes = [lane.id for lane in lanes[1:]] or ["p"]
    count = rng.randint(4, 18)
    kinds = ["task", "task", "task", "gateway_exclusive", "gateway_parallel", "intermediate_event", "subprocess"]
    nodes = [Node("n0", "start_event", "Начало", lane=homes[0])]
    nodes += [Node(f"n{k}", rng.choice(kinds), rng.choice(WORDS), lane=rng.choice(homes)) for k in range(1, count)]  # type: ignore[arg-type]
    edges = [(nodes[rng.randint(max(0, k - 3), k - 1)].id, nodes[k].id, "sequence") for k in range(1, count)]
    for _ in range(rng.randint(0, count // 3)):
        edges.append((rng.choice(nodes[1:]).id, rng.choice(nodes[1:]).id, "sequence"))
    wide = [node for node in nodes if node.type == "subprocess"]
    if wide:
        host = rng.choice(wide)
        inner = [Node(f"i{k}", "task", rng.choice(WORDS), lane=host.lane, parent=host.id) for k in range(3)]
        edges += [("i0", "i1", "sequence"), ("i1", "i2", "sequence"), ("i0", "i2", "sequence")]
        rider = Node("r", "intermediate_event", "Долго", lane=host.lane, attached_to=host.id, trigger="timer")
        edges.append(("r", nodes[-1].id, "sequence"))
        nodes += [*inner, rider]
    nodes += [
        Node("d", "data_object", "Счёт", lane=homes[-1]),
        Node("x", "annotation", "Не позднее дня", lane=homes[0]),
    ]
    edges += [("n1", "d", "association"), ("n2", "x", "association")]
    lanes.append(Lane("q", "Клиент"))
    edges += [("q", "n1", "message"), ("n3", "q", "message")]
    unique = dict.fromkeys(edge for edge in edges if edge[0] != edge[1] or rng.random() < 0.5)
    flows = tuple(
        Edge(f"e{k}", a, b, rng.choice(["", "", "да", "Заявка"]), kind) for k, (a, b, kind) in enumerate(unique)
    )  # type: ignore[arg-type]
    return Diagram("bpmn", tuple(nodes), flows, tuple(lanes), "ru")


@pytest.mark.parametrize("name", TRAIN)
def test_training_processes_have_no_fault(name: str) -> None:
    diagram = process.graph(TRAIN[name], "bpmn")
    assert faults(diagram, layout(diagram)) == []


def test_random_graphs_have_hardly_a_fault() -> None:
    found = {seed: faults(graph, layout(graph)) for seed in range(40) for graph in [random_graph(seed)]}
    assert sum(len(some) for some in found.values()) <= 2, {seed: some for seed, some in found.items() if some}


def test_straight_sequence_stays_straight() -> None:
    nodes = tuple(Node(f"n{k}", "task", f"Шаг {k}") for k in range(5))
    edges = tuple(Edge(f"e{k}", f"n{k}", f"n{k + 1}") for k in range(4))
    ways = layout(Diagram("bpmn", nodes, edges)).points
    assert all(len(way) == 2 and way[0][1] == way[1][1] for way in ways.values())


def test_a_long_chart_is_laid_out_too() -> None:
    """200 steps with a way back every tenth."""
    nodes = tuple(Node(f"n{k}", "task", f"Шаг {k}") for k in range(200))
    edges = [Edge(f"e{k}", f"n{k}", f"n{k + 1}") for k in range(199)]
    edges += [Edge(f"b{k}", f"n{k}", f"n{k - 7}") for k in range(10, 200, 10)]
    diagram = Diagram("bpmn", nodes, tuple(edges))
    assert faults(diagram, layout(diagram)) == []


def test_texts_have_their_places_in_the_file() -> None:
    nodes = (
        Node("a", "start_event", "Пришла заявка"),
        Node("b", "gateway_exclusive", "Полная?"),
        Node("c", "task", "В"),
    )
    xml = emit(Diagram("bpmn", nodes, (Edge("1", "a", "b"), Edge("2", "b", "c", "да"))))
    assert xml.count("BPMNLabel>") == 6
    assert [node.text for node in parse(xml).nodes] == ["Пришла заявка", "Полная?", "В"]


def test_flows_that_a_picture_lacks_go_round_its_boxes() -> None:
    boxes = {"a": (0, 0, 100, 80), "b": (200, 0, 300, 80), "c": (400, 0, 500, 80)}
    nodes = tuple(Node(name, "task", name, bbox) for name, bbox in boxes.items())
    diagram = Diagram("bpmn", nodes, (Edge("1", "a", "b", points=((100, 40), (200, 40))), Edge("2", "a", "c")))
    assert faults(diagram, layout(diagram)) == []
