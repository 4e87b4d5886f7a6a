"""Graph → Mermaid → graph, letter for letter; and flowcharts as other people write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from diagram.kinds import NODE_TYPES
from diagram.model import Diagram, Edge, Node
from mermaid.dialect import escape, unescape
from mermaid.emit import Style, emit
from mermaid.parse import NotAFlowchartError, parse
from tests.graphs import NASTY, TEXT, diagrams, shape


@given(diagrams())
@settings(max_examples=400, deadline=None)
def test_graph_comes_back(diagram: Diagram) -> None:
    assert shape(parse(emit(diagram))) == shape(diagram)


@pytest.mark.parametrize("style", ["current", "swimlane"])
@given(diagram=diagrams())
@settings(max_examples=100, deadline=None)
def test_graph_comes_back_from_richer_styles(style: Style, diagram: Diagram) -> None:
    assert shape(parse(emit(diagram, style=style))) == shape(diagram)


@given(TEXT)
@settings(max_examples=500, deadline=None)
def test_label_comes_back(text: str) -> None:
    quoted = escape(text)
    assert not set(quoted) & set('"\n`')
    assert unescape(quoted) == (text if text else "")


def test_output_is_stable_and_plain() -> None:
    diagram = Diagram(
        "flowchart",
        (Node("a", "terminator", "Start"), Node("b", "decision", 'Is it "ok"?'), Node("c", "task", "end")),
        (Edge("1", "a", "b"), Edge("2", "b", "c", "yes|no")),
    )
    assert emit(diagram) == (
        "flowchart TB\n"
        "%% diascribe: flowchart en\n"
        '    n1(["Start"])\n'
        '    n2{"Is it #quot;ok#quot;?"}\n'
        '    n3("end"):::task\n'
        "    n1 --> n2\n"
        '    n2 -->|"yes|no"| n3\n'
    )
    assert emit(diagram, direction="LR").startswith("flowchart LR\n")


@pytest.mark.parametrize("node_type", NODE_TYPES)
@pytest.mark.parametrize("text", ["", "имя", *NASTY[:8]])
def test_every_type_and_label(node_type: str, text: str) -> None:
    diagram = Diagram(nodes=(Node("a", node_type, text),))  # type: ignore[arg-type]
    assert shape(parse(emit(diagram))) == shape(diagram)


def edges(source: str) -> list[tuple[str, str, str]]:
    return [(edge.source, edge.target, edge.text) for edge in parse(source).edges]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("A --> B --> C", [("A", "B", ""), ("B", "C", "")]),
        ("A & B --> C & D", [("A", "C", ""), ("A", "D", ""), ("B", "C", ""), ("B", "D", "")]),
        ("A-->|yes|B", [("A", "B", "yes")]),
        ("A -- yes --> B", [("A", "B", "yes")]),
        ("A --yes--> B", [("A", "B", "yes")]),
        ('A -- "a --> b" --> B', [("A", "B", "a --> b")]),
        ("A -. maybe .-> B", [("A", "B", "maybe")]),
        ("A == sure ==> B", [("A", "B", "sure")]),
        ("A -.-> B; B ==> C", [("A", "B", ""), ("B", "C", "")]),
        ("A --- B", [("A", "B", "")]),
        ("A ---->|далеко| B", [("A", "B", "далеко")]),
        ("A <--> B", [("A", "B", ""), ("B", "A", "")]),
        ("A --x B\nC --o D", [("A", "B", ""), ("C", "D", "")]),
        ("A ~~~ B", []),
        ("A e1@--> B", [("A", "B", "")]),
        ("A[x] --> B{y?}\nB -->|no| A", [("A", "B", ""), ("B", "A", "no")]),
        ("A -->\n B", [("A", "B", "")]),
        ("начало --> конец", [("начало", "конец", "")]),
        ("a-b --> c.d", [("a-b", "c.d", "")]),
        ("A:::red --> B:::blue", [("A", "B", "")]),
    ],
)
def test_links(body: str, expected: list[tuple[str, str, str]]) -> None:
    assert edges(f"flowchart TD\n{body}\n") == expected


@pytest.mark.parametrize(
    ("written", "node_type", "text"),
    [
        ("A[Do it]", "process", "Do it"),
        ("A(Do it)", "process", "Do it"),
        ("A{Ready?}", "decision", "Ready?"),
        ("A([Start])", "terminator", "Start"),
        ("A((Start))", "terminator", "Start"),
        ("A((1))", "connector", "1"),
        ("A[/Input/]", "io", "Input"),
        ("A[\\Output\\]", "io", "Output"),
        ("A[/Manual\\]", "process", "Manual"),
        ("A[(Base)]", "data_store", "Base"),
        ("A[[Sub]]", "predefined_process", "Sub"),
        ("A{{Prepare}}", "process", "Prepare"),
        ("A(((Stop)))", "terminator", "Stop"),
        ("A>Flag]", "process", "Flag"),
        ('A["one<br/>two"]', "process", "one\ntwo"),
        ('A["`**bold** and *thin*`"]', "process", "bold and thin"),
        ('A["<b>bold</b> a #lt; b #quot;c#quot;"]', "process", 'bold a < b "c"'),
        ("A[fa:fa-car Drive]", "process", "Drive"),
        ('A@{ shape: doc, label: "Отчёт" }', "document", "Отчёт"),
        ("A@{ shape: diam }", "decision", "A"),
        ("A@{ shape: cyl, label: DB }", "data_store", "DB"),
        ("A", "process", "A"),
    ],
)
def test_shapes(written: str, node_type: str, text: str) -> None:
    (node,) = parse(f"graph LR\n  {written}\n").nodes
    assert (node.type, node.text) == (node_type, text)


def test_a_chart_with_everything_around_it() -> None:
    diagram = parse(
        "---\ntitle: Заявка\n---\n%%{init: {'theme':'dark'}}%%\nflowchart LR\n"
        "%% a comment --> with arrows\n  accTitle: hidden\n  accDescr {\n   many\n   lines\n  }\n"
        "  subgraph one [Отдел продаж]\n    direction TB\n    A[Принять] --> B{Полная?}\n  end\n"
        '  subgraph "Second lane"\n    C\n  end\n'
        "  B -->|да| C[Исполнить]\n  B -- нет --> A\n  sub --> C\n  subgraph sub[Inner]\n    X --> Y\n  end\n"
        "  classDef red fill:#f00,stroke:#333;\n  class A,B red\n  style C fill:#bbf\n  linkStyle 0 stroke:red\n"
        '  click A href "https://example.org" "tip"\n'
    )
    assert {(lane.name) for lane in diagram.lanes} == {"Отдел продаж", "Second lane"}
    by_text = {node.text: node for node in diagram.nodes}
    assert diagram.lane(by_text["Принять"].lane or "").name == "Отдел продаж"
    assert by_text["Inner"].type == "subprocess"
    assert by_text["X"].parent == by_text["Inner"].id
    assert len(diagram.edges) == 5
    assert (diagram.language, diagram.kind) == ("ru", "flowchart")


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("sequenceDiagram\n A->>B: hi", 0),
        ("flowchart TB\n A[open", 2),
        ("flowchart TB\n A --> B\n B --> ", 3),
        ("flowchart TB\n subgraph x\n A", 3),
        ("flowchart TB\n A -- label B", 2),
        ("flowchart TB\n A -->|label B", 2),
        ("", 0),
    ],
)
def test_what_is_no_flowchart_names_the_line(source: str, line: int) -> None:
    with pytest.raises(NotAFlowchartError) as raised:
        parse(source)
    assert raised.value.line == line


def test_a_product_of_thousands_is_refused() -> None:
    many = " & ".join(f"A{i}" for i in range(3000))
    with pytest.raises(NotAFlowchartError, match="too many"):
        parse(f"flowchart TB\n{many} --> {many}\n")
