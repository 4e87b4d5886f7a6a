"""The BPMN that is written, judged by others: the OMG schema, bpmn-moddle and bpmn-js (Camunda Modeler).

Needs the npm packages of `tests/node` (npm install --prefix tests/node); without them these tests are skipped.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from bpmn.emit import emit
from bpmn.layout import layout
from diagram.kinds import EVENTS, NODE_TYPES, TRIGGERS
from diagram.model import Diagram, Edge, Lane, Node
from mermaid import cdp
from tests.graphs import diagrams

MODULES = Path(__file__).with_name("node") / "node_modules"
SCHEMA = MODULES / "bpmn-moddle" / "resources" / "bpmn" / "xsd" / "BPMN20.xsd"
VIEWER = MODULES / "bpmn-js" / "dist" / "bpmn-viewer.development.js"


def samples() -> dict[str, Diagram]:
    """Every node type and trigger, pools with nested lanes, sub-processes, boundary events, all kinds of flow."""
    every = tuple(Node(f"t{i}", node_type, f"{node_type} №{i}") for i, node_type in enumerate(NODE_TYPES))
    chain = tuple(Edge(f"c{i}", a.id, b.id) for i, (a, b) in enumerate(zip(every, every[1:], strict=False)))
    events = tuple(
        Node(f"{kind}-{trigger}", kind, trigger, trigger=trigger) for kind in sorted(EVENTS) for trigger in TRIGGERS
    )
    lanes = (
        Lane("p1", "Компания"), Lane("a", "Продажи", "p1"), Lane("b", "Склад", "p1"), Lane("b1", "Приёмка", "b"),
        Lane("b2", "Отгрузка", "b"), Lane("p2", "Клиент"), Lane("p3", "Чёрный ящик"),
    )  # fmt: skip
    pooled = (
        Node("s", "start_event", "Заказ", lane="a", trigger="message"),
        Node("t", "task", "Проверить\nзаказ", lane="a"),
        Node("g", "gateway_exclusive", "Есть на складе?", lane="b1"),
        Node("sub", "subprocess", "Собрать", lane="b2"),
        Node("in1", "task", "Взять", lane="b2", parent="sub"),
        Node("in2", "end_event", "", lane="b2", parent="sub"),
        Node("timer", "intermediate_event", "Долго", lane="b2", trigger="timer", attached_to="sub"),
        Node("e", "end_event", "Готово", lane="a"),
        Node("c", "task", "Ждать", lane="p2"),
        Node("d", "data_object", "Накладная", lane="b2"),
        Node("n", "annotation", "Не позднее 5 дней", lane="a"),
    )
    flows = (
        Edge("1", "s", "t"), Edge("2", "t", "g"), Edge("3", "g", "sub", "да"), Edge("4", "g", "t", "нет"),
        Edge("5", "sub", "e"), Edge("6", "in1", "in2"), Edge("7", "timer", "e"),
        Edge("8", "c", "s", "заказ", "message"),
        Edge("9", "e", "p3", "счёт", "message"), Edge("10", "sub", "d", "", "association"),
        Edge("11", "n", "t", "", "association"),
    )  # fmt: skip
    roles = tuple(Lane(name, name) for name in ("Менеджер", "Директор"))
    crossing = (Node("x", "task", "Подать", lane="Менеджер"), Node("y", "task", "Подписать", lane="Директор"))
    return {
        "empty": Diagram("bpmn"),
        "every type": Diagram("bpmn", every, chain),
        "every trigger": Diagram("bpmn", events),
        "pools": Diagram("bpmn", pooled, flows, lanes, "ru"),
        "roles": Diagram("bpmn", crossing, (Edge("1", "x", "y"), Edge("2", "y", "x", "назад")), roles, "ru"),
        "flowchart": Diagram("flowchart", every[10:], chain[10:], (), "en"),
    }


@pytest.fixture(scope="module")
def schema() -> object:
    etree = pytest.importorskip("lxml.etree")
    if not SCHEMA.exists():
        pytest.skip("npm install --prefix tests/node")
    return etree.XMLSchema(etree.parse(str(SCHEMA)))


def check(schema: object, xml: str) -> None:
    from lxml import etree

    document = etree.fromstring(xml.encode())
    assert schema.validate(document), schema.error_log.last_error  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", samples())
def test_valid_against_the_omg_schema(schema: object, name: str) -> None:
    check(schema, emit(samples()[name]))


@given(diagram=diagrams())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_graphs_are_valid(schema: object, diagram: Diagram) -> None:
    check(schema, emit(diagram))


def test_moddle_reads_all_without_a_warning() -> None:
    node = shutil.which("node")
    if node is None or not (MODULES / "bpmn-moddle").exists():
        pytest.skip("npm install --prefix tests/node")
    documents = json.dumps([emit(diagram) for diagram in samples().values()])
    done = subprocess.run(
        [node, "import.mjs"],
        cwd=MODULES.parent,
        input=documents,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(done.stdout) == [[] for _ in samples()]


@pytest.fixture(scope="module")
def viewer() -> Iterator[object]:
    path = cdp.find()
    if path is None or not VIEWER.exists():
        pytest.skip("needs Chromium and npm install --prefix tests/node")
    browser = cdp.Browser(path)
    try:
        later = time.monotonic() + 180
        target = browser.call("Target.createTarget", {"url": "about:blank"}, deadline=later)["targetId"]
        attach = {"targetId": target, "flatten": True}
        session = browser.call("Target.attachToTarget", attach, deadline=later)["sessionId"]

        def run(script: str) -> object:
            answer = browser.call(
                "Runtime.evaluate",
                {"expression": script, "awaitPromise": True, "returnByValue": True},
                session=session,
                deadline=time.monotonic() + 180,
            )
            assert "exceptionDetails" not in answer, answer["exceptionDetails"]["exception"].get("description", "")[
                :500
            ]
            return answer["result"].get("value")

        run(VIEWER.read_text() + "; document.body.innerHTML = '<div id=c style=\"width:800px;height:600px\">'; 0")
        run("globalThis.viewer = new BpmnJS({ container: '#c' }); 0")
        yield run
    finally:
        browser.kill()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in samples() if name != "empty"])
def test_bpmn_js_draws_all_without_a_warning(viewer: object, name: str) -> None:
    diagram = samples()[name]
    script = f"viewer.importXML({json.dumps(emit(diagram))}).then((r) => r.warnings.map((w) => w.message))"
    assert viewer(script) == []  # type: ignore[operator]
    drawn = viewer("viewer.get('elementRegistry').getAll().filter((e) => !e.labelTarget && e.parent).map((e) => e.id)")  # type: ignore[operator]
    assert len([name for name in drawn if name[0] == "n"]) == len(diagram.nodes)
    assert len([name for name in drawn if name[0] == "e"]) == len(diagram.edges)
    assert len([name for name in drawn if name[0] == "l"]) == len(diagram.lanes)


@given(diagrams())
@settings(max_examples=200, deadline=None)
def test_layout_places_everything_apart(diagram: Diagram) -> None:
    placed = layout(diagram)
    assert set(placed.boxes) == {item.id for item in (*diagram.nodes, *diagram.lanes)}
    parents = {node.parent for node in diagram.nodes}
    steps = [node for node in diagram.nodes if node.attached_to is None and node.id not in parents]
    for i, one in enumerate(steps):
        for other in steps[i + 1 :]:
            a, b = placed.boxes[one.id], placed.boxes[other.id]
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (one, other)
    for node in steps:
        if node.lane is not None and node.parent is None:
            lane, box = placed.boxes[node.lane], placed.boxes[node.id]
            assert lane[0] <= box[0]
            assert lane[1] <= box[1]
            assert box[2] <= lane[2]
            assert box[3] <= lane[3]


def test_the_pictures_own_boxes_are_kept() -> None:
    diagram = Diagram(
        "bpmn",
        (Node("a", "task", "A", (10, 20, 110, 100)), Node("b", "task", "B", (200, 20, 300, 100))),
        (Edge("1", "a", "b", points=((110, 60), (150, 50), (200, 60))),),
    )
    from bpmn.parse import parse

    back = parse(emit(diagram))
    assert [node.bbox for node in back.nodes] == [node.bbox for node in diagram.nodes]
    assert back.edges[0].points == diagram.edges[0].points
