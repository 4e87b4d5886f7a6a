"""What is told of a diagram: order, numbers, branches, loops, roles, the table and the title."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from diagram.model import Diagram, Edge, Lane, Node
from diagram.narrate import narrate, table
from diagram.phrases import quote
from diagram.wording import ENGLISH, PHRASES, RUSSIAN
from tests.random_diagrams import diagrams


def flow(
    *nodes: Node, edges: str, kind: str = "flowchart", language: str = "ru", lanes: tuple[Lane, ...] = ()
) -> Diagram:
    """A diagram from nodes and flows such as `a>b, b>c:Да`."""
    made = []
    for i, item in enumerate(filter(None, (part.strip() for part in edges.split(",")))):
        ends, _, text = item.partition(":")
        source, target = ends.split(">")
        made.append(Edge(f"e{i}", source, target, text))
    return Diagram(kind, nodes, tuple(made), lanes, language)  # type: ignore[arg-type]


def lines(diagram: Diagram) -> list[str]:
    """The numbered steps and their branches."""
    return [line for line in narrate(diagram).text.split("\n") if line.strip()][1:]


def test_a_russian_loop_reads_as_an_analyst_would_write_it() -> None:
    diagram = flow(
        Node("a", "terminator", "Начало"),
        Node("b", "io", "Ввести N"),
        Node("d", "decision", "N > 0?"),
        Node("e", "process", "N = N - 1"),
        Node("h", "terminator", "Конец"),
        edges="a>b, b>d, d>e:да, e>d, d>h:нет",
    )
    assert narrate(diagram).text == (
        "Блок-схема: 5 шагов. Начинается с шага 1. Завершается шагом 5.\n"
        "\n"
        "1. Начало.\n"
        "2. Ввод/вывод: «Ввести N».\n"
        "3. Решение: «N > 0?»:\n"
        "   - да: перейти к шагу 4.\n"
        "   - нет: перейти к шагу 5.\n"
        "4. N = N - 1. Вернуться к шагу 3.\n"
        "5. Конец.\n"
    )


def test_an_english_process_with_lanes_messages_and_data() -> None:
    lanes = (Lane("p", "Bank"), Lane("m", "Manager", "p"), Lane("k", "Clerk", "p"), Lane("c", "Customer"))
    nodes = (
        Node("s", "start_event", "Request received", lane="k", trigger="message"),
        Node("f", "gateway_parallel", lane="k"),
        Node("t1", "task", "Check documents", lane="k"),
        Node("t2", "task", "Rate the customer", lane="m"),
        Node("j", "gateway_parallel", lane="k"),
        Node("b", "intermediate_event", "2 days", lane="m", trigger="timer", attached_to="t2"),
        Node("e", "end_event", "Request answered", lane="k"),
        Node("x", "end_event", lane="m", trigger="terminate"),
        Node("d", "data_object", "File", lane="k"),
        Node("n", "annotation", "By law"),
    )
    edges = (
        Edge("e1", "s", "f"), Edge("e2", "f", "t1"), Edge("e3", "f", "t2"), Edge("e4", "t1", "j"),
        Edge("e5", "t2", "j"), Edge("e6", "j", "e"), Edge("e7", "b", "x"),
        Edge("m1", "c", "s", "Request", "message"),
        Edge("m2", "e", "c", "", "message"),
        Edge("a1", "t1", "d", kind="association"),
        Edge("a2", "n", "t2", kind="association"),
    )  # fmt: skip
    text = narrate(Diagram("bpmn", nodes, edges, lanes, "en")).text
    assert text == (
        "BPMN process: 8 steps, 4 participants. Starts at step 1. Ends at steps 6 and 7.\n"
        "\n"
        "Participants:\n"
        "- Bank\n"
        "  - Manager\n"
        "  - Clerk\n"
        "- Customer\n"
        "\n"
        "1. Clerk: start (message) “Request received”.\n"
        "2. Clerk: split into parallel branches. Next, in parallel: steps 3 and 4.\n"
        "3. Clerk: Check documents. Next: step 5.\n"
        "4. Manager: Rate the customer.\n"
        "4a. Manager: boundary event (timer) “2 days”. Next: step 7.\n"
        "5. Clerk: parallel branches join. Waits for steps 3 and 4.\n"
        "6. Clerk: end “Request answered”.\n"
        "7. Manager: end (terminates the whole process).\n"
        "\n"
        "Data and notes:\n"
        "- D1. Clerk: data object “File”. Output of step 3.\n"
        "- N1. Note: “By law”. Refers to step 4.\n"
        "\n"
        "Messages:\n"
        "- Request: from participant “Customer” to step 1.\n"
        "- From step 6 to participant “Customer”.\n"
    )


def test_branches_come_depth_first_and_joins_after_all_of_them() -> None:
    diagram = flow(
        *(Node(i, "process", i.upper()) for i in "abcdef"), edges="a>b, a>e, b>c, c>d, e>f, f>d", language="en"
    )
    assert [step.text for step in narrate(diagram).steps] == ["A", "B", "C", "E", "F", "D"]


def test_sub_processes_hold_their_steps() -> None:
    diagram = flow(
        Node("t", "task", "Before"),
        Node("s", "subprocess", "Inside"),
        Node("i", "start_event", parent="s"),
        Node("j", "end_event", parent="s"),
        edges="t>s, i>j",
        kind="bpmn",
        language="en",
    )
    assert [step.number for step in narrate(diagram).steps] == ["1", "2", "2.1", "2.2"]
    assert lines(diagram)[1] == "2. Subprocess: “Inside”. The path ends here."


def test_islands_and_lonely_steps_are_said() -> None:
    diagram = flow(Node("a", "process", "A1"), Node("b", "process", "B1"), Node("c", "process", "C1"), edges="a>b")
    assert "Состоит из частей, не связанных переходами: шаги 1–2 и 3." in narrate(diagram).text
    assert lines(diagram)[-1] == "3. C1. Этот шаг ни с чем не связан."


def test_what_a_loop_brings_back_is_not_waited_for() -> None:
    diagram = flow(
        Node("a", "task", "Draft"), Node("f", "gateway_parallel"), Node("b", "task", "Law"), Node("c", "task", "Cost"),
        Node("j", "gateway_parallel"), Node("g", "gateway_exclusive", "Fine?"), Node("r", "task", "Mend"),
        Node("e", "end_event"), edges="a>f, f>b, f>c, b>j, c>j, j>g, g>r:No, r>f, g>e:Yes", kind="bpmn", language="en",
    )  # fmt: skip
    assert lines(diagram)[1] == "2. Split into parallel branches. Next, in parallel: steps 3 and 4."
    assert lines(diagram)[4] == "5. Parallel branches join. Waits for steps 3 and 4."


def test_self_loops_double_flows_and_cycles_without_a_start() -> None:
    diagram = flow(Node("a", "process", "A1"), Node("b", "process", "B1"), edges="a>b:x, a>b:y, b>b, b>a")
    assert lines(diagram) == [
        "1. A1:",
        "   - x: перейти к шагу 2.",
        "   - y: перейти к шагу 2.",
        "2. B1:",
        "   - Повторить этот шаг.",
        "   - Вернуться к шагу 1.",
    ]


@pytest.mark.parametrize(
    ("count", "said"), [(1, "1 шаг"), (2, "2 шага"), (5, "5 шагов"), (11, "11 шагов"), (21, "21 шаг"), (22, "22 шага")]
)
def test_russian_numbers_agree(count: int, said: str) -> None:
    nodes = tuple(Node(f"n{i}", "process", "x") for i in range(count))
    assert narrate(Diagram("flowchart", nodes, language="ru")).text.startswith(f"Блок-схема: {said}")


def test_the_empty_graph() -> None:
    told = narrate(Diagram(language="ru"))
    assert (told.title, told.text, told.steps) == ("Пустая схема", "Блок-схема: шагов нет.\n", ())
    assert narrate(Diagram()).text == "Flowchart: no steps.\n"


def test_titles_come_from_the_graph() -> None:
    pool = (Lane("p", "Claims\ndesk"),)
    assert narrate(Diagram("bpmn", (Node("a", "task", "x", lane="p"),), (), pool)).title == "Claims desk"
    ends = flow(Node("a", "start_event", "Заявка"), Node("b", "end_event", "Ответ"), edges="a>b", kind="bpmn")
    assert narrate(ends).title == "От «Заявка» до «Ответ»"
    steps = flow(
        Node("a", "terminator", "Start"), Node("b", "process", "Mix"), Node("c", "process", "Bake"),
        Node("d", "terminator", "End"), edges="a>b, b>c, c>d", language="en",
    )  # fmt: skip
    assert narrate(steps).title == "Process: from “Mix” to “Bake”"


def test_the_table_names_roles_by_path_and_every_target() -> None:
    lanes = (Lane("p", "Банк"), Lane("m", "Менеджер", "p"))
    diagram = flow(
        Node("a", "task", "Проверить a|b", lane="m"), Node("g", "gateway_exclusive", "Верно?", lane="p"),
        Node("e", "end_event", lane="p"), edges="a>g, g>e:Да, g>a:Нет", kind="bpmn", lanes=lanes,
    )  # fmt: skip
    assert table(diagram) == (
        "| № | Шаг | Роль | Далее |\n"
        "| --- | --- | --- | --- |\n"
        "| 1 | «Проверить a\\|b» | Банк / Менеджер | 2 |\n"
        "| 2 | Решение: «Верно?» | Банк | Да → 3; Нет → 1 |\n"
        "| 3 | Конец | Банк | — |\n"
    )


def test_a_large_tangled_graph_is_told() -> None:
    count = 5000
    nodes = tuple(Node(f"n{i}", "task", f"Step {i}") for i in range(count))
    ends = [(i, (i * 7919 + j) % count) for i in range(count) for j in (1, 5)] + [(i, i + 1) for i in range(count - 1)]
    edges = tuple(Edge(f"e{k}", f"n{a}", f"n{b}") for k, (a, b) in enumerate(ends))
    assert len(narrate(Diagram("bpmn", nodes, edges)).steps) == count


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(diagrams())
def test_everything_in_the_graph_is_mentioned(diagram: Diagram) -> None:
    told = narrate(diagram)
    say = PHRASES[diagram.language]
    said = [*(n.text for n in diagram.nodes), *(e.text for e in diagram.edges), *(lane.name for lane in diagram.lanes)]
    own_words = {"start": say.words["start"], "end": say.words["end"]}.values()
    for label in said:
        quoted = quote(label, say.quotes)[1:-1]
        assert label in told.text or quoted in told.text or label in own_words
    assert {step.node for step in told.steps} == {node.id for node in diagram.nodes}
    assert len({step.number for step in told.steps}) == len(diagram.nodes)
    assert "\n" not in told.title
    assert narrate(diagram) == told


def test_both_languages_say_the_same_things() -> None:
    for part in ("words", "triggers", "sentences", "sections", "titles", "kinds", "table_kinds"):
        assert getattr(RUSSIAN, part).keys() == getattr(ENGLISH, part).keys()
    for say in (RUSSIAN, ENGLISH):
        for distinct in (say.words, say.triggers, say.sections):
            assert len({text.lower() for text in distinct.values()}) == len(distinct)
