"""Free text to graph: steps, conditions, loops, parallel work, roles, tables, arrows, prose."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagram.errors import DiascribeError, InputError
from diagram.model import Diagram
from mermaid.draft import LONGEST_TEXT, draft
from tests.graphs import shape

EXAMPLES = Path(__file__).parent.parent / "data" / "examples"


def edges(diagram: Diagram) -> set[str]:
    """Flows as `source > target : label`; a node without text goes by its type."""
    name = {node.id: node.text or node.type for node in diagram.nodes}
    return {f"{name[e.source]} > {name[e.target]}{f' : {e.text}' if e.text else ''}" for e in diagram.edges}


def roles(diagram: Diagram) -> dict[str, str]:
    """Lane name by node text."""
    names = {lane.id: lane.name for lane in diagram.lanes}
    return {node.text: names[node.lane] for node in diagram.nodes if node.lane and node.text}


def test_numbered_steps_with_jumps_in_russian() -> None:
    diagram = draft(
        "1. Получить заявку\n2. Проверить заявку\n"
        "3. Если сумма больше 100 000, то перейти к шагу 5, иначе перейти к шагу 4\n"
        "4. Согласовать автоматически, затем перейти к шагу 6\n5. Согласовать с директором\n6. Конец"
    ).diagram
    assert (diagram.kind, diagram.language) == ("flowchart", "ru")
    assert edges(diagram) == {
        "Получить заявку > Проверить заявку",
        "Проверить заявку > Сумма больше 100 000?",
        "Сумма больше 100 000? > Согласовать с директором : Да",
        "Сумма больше 100 000? > Согласовать автоматически : Нет",
        "Согласовать автоматически > Конец",
        "Согласовать с директором > Конец",
    }
    assert {node.type for node in diagram.nodes} == {"process", "decision", "terminator"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("If paid, ship it and the process ends. Otherwise remind.", {"Ship it > End", "Paid? > Remind : No"}),
        ("Проверить. Если неполный, отказать и завершить процесс.\nПодписать.", {"Отказать > Конец"}),
        ("Show menu.\nRepeat until the user quits: run the command.", {"The user quits? > Run the command : No"}),
        ("Повторять, пока не готово: доработать.", {"Готово? > Доработать : Нет"}),
        ("Check it: if it passes, ship; otherwise mend it.", {"Check it > It passes?", "It passes? > Mend it : No"}),
        ("1. In stock? Yes -> 2, No -> 3\n2. Pack\n3. End", {"In stock? > Pack : Yes", "In stock? > End : No"}),
        ("Клиент дома? да: отдать; нет: вернуть", {"Клиент дома? > Отдать : Да", "Клиент дома? > Вернуть : Нет"}),
        ("For each item: check it; pack it.\nShip.", {"Check it > Pack it", "Pack it > For each item"}),
        (
            "Ввод n. Пока i < n: если x > m, то m = x; i = i + 1. Вывод m.",
            {"x > m? > i = i + 1 : Нет", "m = x > i = i + 1"},
        ),
        (
            "If the sum is below 10, approve; else if the sum is below 99, ask the lead; else ask the board.",
            {
                "The sum? > Approve : below 10",
                "The sum? > Ask the lead : below 99",
                "The sum? > Ask the board : Otherwise",
            },
        ),
    ],
)
def test_what_people_write_in_one_line(text: str, expected: set[str]) -> None:
    drafted = draft(text)
    assert expected <= edges(drafted.diagram), edges(drafted.diagram)
    assert drafted.warnings == ()


def test_a_title_above_prose_is_no_step() -> None:
    drafted = draft("Процесс закупки\n\nРуководитель согласует заявку. Бухгалтерия платит.")
    assert edges(drafted.diagram) == {"Руководитель согласует заявку > Бухгалтерия платит"}
    assert "Процесс закупки" in drafted.warnings[0]


def test_a_role_inside_a_condition_is_known() -> None:
    diagram = draft("Врач: осматривает\nБригада: едет\nВрач: если плохо, то бригада: госпитализирует").diagram
    assert roles(diagram)["Госпитализирует"] == "Бригада"


def test_a_table_may_name_the_next_step() -> None:
    text = (
        "Шаг | Роль | Дальше\n--- | --- | ---\nДолги? | Деканат | да -> Погасить, нет -> Выдать\n"
        "Погасить | Студент | Долги?\nВыдать | Деканат |"
    )
    drafted = draft(text)
    assert edges(drafted.diagram) == {"Долги? > Погасить : да", "Долги? > Выдать : нет", "Погасить > Долги?"}
    assert drafted.warnings == ()


def test_sub_steps_lie_within_their_step() -> None:
    diagram = draft("1. Order\n2. Check payment\n   2.1. Find invoice\n   2.2. Compare\n3. End").diagram
    assert edges(diagram) == {"Order > Check payment", "Find invoice > Compare", "Check payment > End"}
    by_text = {node.text: node for node in diagram.nodes}
    assert by_text["Compare"].parent == by_text["Check payment"].id
    assert by_text["Check payment"].type == "subprocess"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("If paid, then ship, otherwise remind.", {"Paid? > Ship : Yes", "Paid? > Remind : No"}),
        ("If paid then ship else remind", {"Paid? > Ship : Yes", "Paid? > Remind : No"}),
        (
            "Если оплачено, отгрузить. В противном случае напомнить.",
            {"Оплачено? > Отгрузить : Да", "Оплачено? > Напомнить : Нет"},
        ),
        (
            "if a1 then if b1 then x1, else y1, else z1",
            {"a1? > b1? : Yes", "b1? > x1 : Yes", "b1? > y1 : No", "a1? > z1 : No"},
        ),
        (
            "Если сумма до 100, то раз, иначе если сумма до 500, то два, иначе три",
            {"Сумма? > Раз : до 100", "Сумма? > Два : до 500", "Сумма? > Три : Иначе"},
        ),
        (
            "Заявка верна? Если да, принять. Если нет, отклонить. Архивировать.",
            {
                "Заявка верна? > Принять : Да",
                "Заявка верна? > Отклонить : Нет",
                "Принять > Архивировать",
                "Отклонить > Архивировать",
            },
        ),
        (
            "Send a reminder if the invoice is overdue. Close.",
            {
                "The invoice is overdue? > Send a reminder : Yes",
                "The invoice is overdue? > Close : No",
                "Send a reminder > Close",
            },
        ),
    ],
)
def test_conditions(text: str, expected: set[str]) -> None:
    assert edges(draft(text).diagram) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "While queue is full, wait. Send.",
            {"Queue is full? > Wait : Yes", "Wait > Queue is full?", "Queue is full? > Send : No"},
        ),
        (
            "Repeat: ask the user until the answer is valid. Save.",
            {
                "Ask the user > The answer is valid?",
                "The answer is valid? > Ask the user : No",
                "The answer is valid? > Save : Yes",
            },
        ),
        (
            "Пока есть заявки, брать следующую. Закрыть.",
            {"Есть заявки? > Брать следующую : Да", "Брать следующую > Есть заявки?", "Есть заявки? > Закрыть : Нет"},
        ),
        (
            "Пока не оплачено:\n  напомнить\n  подождать\nОтгрузить",
            {
                "Оплачено? > Напомнить : Нет",
                "Напомнить > Подождать",
                "Подождать > Оплачено?",
                "Оплачено? > Отгрузить : Да",
            },
        ),
        (
            "repeat\n  ask\n  check\nuntil done\nSave",
            {"Ask > Check", "Check > Done?", "Done? > Ask : No", "Done? > Save : Yes"},
        ),
    ],
)
def test_loops(text: str, expected: set[str]) -> None:
    assert edges(draft(text).diagram) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Start work. In parallel: pack the goods, print the label. Ship.",
        "1. Start work\n2. In parallel:\n   - pack the goods\n   - print the label\n3. Ship",
        "Start work. Pack the goods. Meanwhile, print the label. Ship.",
        "Start work. Pack the goods and at the same time print the label. Ship.",
    ],
)
def test_parallel_work_has_bars_around_it(text: str) -> None:
    diagram = draft(text).diagram
    assert edges(diagram) == {
        "Start work > gateway_parallel",
        "gateway_parallel > Pack the goods",
        "gateway_parallel > Print the label",
        "Pack the goods > gateway_parallel",
        "Print the label > gateway_parallel",
        "gateway_parallel > Ship",
    }


def test_paragraphs_and_pseudo_code() -> None:
    steps = "1. Get order\n\n2. Check payment.\n   If unpaid, remind and go to step 2.\n\n3. Ship"
    assert edges(draft(steps).diagram) == {
        "Get order > Check payment", "Check payment > Unpaid?", "Unpaid? > Remind : Yes",
        "Remind > Check payment", "Unpaid? > Ship : No",
    }  # fmt: skip
    code = "if (a > b) then\n  max = a\nelse\n  max = b\nend if\nprint max"
    assert edges(draft(code).diagram) == {
        "a > b? > max = a : Yes", "a > b? > max = b : No", "max = a > Print max", "max = b > Print max",
    }  # fmt: skip


def test_branches_below_a_numbered_condition() -> None:
    text = (
        "5. Если балл ниже 300:\n   - отказать\n   - конец\n   Если балл до 600:"
        "\n   - рассмотреть\n   Иначе:\n   - одобрить\n6. Архив"
    )
    assert edges(draft(text).diagram) == {
        "Балл? > Отказать : ниже 300", "Отказать > Конец", "Балл? > Рассмотреть : до 600", "Балл? > Одобрить : Иначе",
        "Рассмотреть > Архив", "Одобрить > Архив", "Архив > Конец",
    }  # fmt: skip


def test_branches_merge_before_a_bar() -> None:
    diagram = draft("Если а1, то б1, иначе в1. Одновременно: пить чай, читать книгу. Спать.").diagram
    merges = [node.id for node in diagram.nodes if node.type == "decision" and not node.text]
    assert len(merges) == 1
    assert sum(edge.target == merges[0] for edge in diagram.edges) == 2


@pytest.mark.parametrize(
    "text",
    [
        "Менеджер: проверяет заявку\nБухгалтер: выставляет счёт",
        "[Менеджер] проверяет заявку\n[Бухгалтер] выставляет счёт",
        "1. **Менеджер**: проверяет заявку\n2. **Бухгалтер**: выставляет счёт",
        "| Шаг | Роль |\n|---|---|\n| Проверяет заявку | Менеджер |\n| Выставляет счёт | Бухгалтер |",
        "Роль | Шаг\n--- | ---\nМенеджер | Проверяет заявку\nБухгалтер | Выставляет счёт",
        "Менеджер: проверяет заявку -> Бухгалтер: выставляет счёт",
    ],
)
def test_roles_become_lanes(text: str) -> None:
    diagram = draft(text).diagram
    assert diagram.kind == "bpmn"
    assert {k.lower(): v for k, v in roles(diagram).items()} == {
        "проверяет заявку": "Менеджер",
        "выставляет счёт": "Бухгалтер",
    }
    assert len(diagram.edges) == 1


def test_arrows() -> None:
    diagram = draft(
        "Start -> Check -> OK?\nOK? -- yes --> Ship -> End\nOK? -- no --> Check\nOK? -->|maybe| Ask"
    ).diagram
    assert edges(diagram) == {
        "Start > Check", "Check > OK?", "OK? > Ship : yes", "Ship > End", "OK? > Check : no", "OK? > Ask : maybe",
    }  # fmt: skip
    assert {n.text: n.type for n in diagram.nodes}["OK?"] == "decision"


def test_tables_of_others_say_what_comes_next_in_their_own_way() -> None:
    text = (
        "| Step | Role | Next |\n|------|------|------|\n| Receive | Clerk | |\n| Valid? | Clerk | yes - 3, no - 4 |\n"
        "| Pay | Cashier | end |\n| Reject | Clerk | Receive |\n"
    )
    result = draft(text)
    assert edges(result.diagram) == {
        "Receive > Valid?", "Valid? > Pay : yes", "Valid? > Reject : no", "Reject > Receive",
    }  # fmt: skip
    assert result.warnings == ()


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("1. Взять\n2. Перейти к шагу 7", "Перейти к шагу 7"),
        ("Иначе отказать", "Иначе отказать"),
        ("A -> B\nA -> C\nпросто так", "просто так"),
        ("Порядок работ:\n1. Взять\n2. Отдать", "Порядок работ"),
        ("!!! ---", "!!! ---"),
        ("Этот процесс описывает отпуска. Сотрудник пишет заявление.", "Этот процесс описывает отпуска"),
        ("Note: see the rules. Check the form.", "see the rules"),
    ],
)
def test_what_is_not_understood_is_quoted(text: str, quoted: str) -> None:
    assert any(quoted.lower() in warning.lower() for warning in draft(text).warnings)


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("1. Взять\n2. Перейти к шагу 7", ("Такого шага нет: Перейти к шагу 7",)),
        ("1. Take it\n2. Go to step 7", ("There is no such step: Go to step 7",)),
        ("| Шаг | Роль |\n|---|---|\n| Взять | Анна |\nпросто так", ("Не понято: просто так",)),
    ],
)
def test_warnings_speak_the_language_of_the_text(text: str, warnings: tuple[str, ...]) -> None:
    assert draft(text).warnings == warnings


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.txt")), ids=lambda path: path.name)
def test_the_bundled_examples_are_understood_in_full(path: Path) -> None:
    result = draft(path.read_text(encoding="utf-8"))
    assert result.warnings == ()
    assert len(result.diagram.nodes) >= 5
    touched = {end for edge in result.diagram.edges for end in (edge.source, edge.target)}
    assert touched == {node.id for node in result.diagram.nodes}


@pytest.mark.parametrize(
    "text",
    [
        "если " * 20_000,
        "«" * 100_000,
        "a -> " * 30_000,
        "повторять a пока не " * 9_000,
        "| a " * 30_000,
        "если а, то б; " * 10_000,
        "Блок-схема: 1 шаг.\n" + "1. «" * 30_000,
        "\n".join(" " * i + "- x:" for i in range(500)),
        "- если a:\n  " * 9_000,
        "\n".join(f"{i}. перейти к шагу {i + 1}" for i in range(1, 5000)),
        "x\n" * 9_000,
        "иначе " * 30_000,
        "\x00" * 50_000,
    ],
)
def test_hostile_texts_come_to_an_end(text: str) -> None:
    draft(text)


def test_too_much_text_is_refused() -> None:
    with pytest.raises(InputError, match="characters"):
        draft("a " * LONGEST_TEXT)
    with pytest.raises(InputError, match="lines"):
        draft("a\n" * 20_000)


WORDS = st.sampled_from(
    [
        "если",
        "то",
        "иначе",
        "пока",
        "повторять",
        "до",
        "if",
        "then",
        "else",
        "while",
        "until",
        "repeat",
        "->",
        "--",
        "|",
        ":",
        ";",
        ".",
        ",",
        "?",
        "-",
        "1.",
        "2)",
        "шаг",
        "3",
        "перейти",
        "к",
        "шагу",
        "вернуться",
        "одновременно",
        "meanwhile",
        "«",
        "»",
        '"',
        "[",
        "]",
        "Менеджер:",
        "конец",
        "end",
        "№",
        "a",
        "б",
        "\n",
        "\t",
    ]
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=60).map(" ".join)))
def test_any_text_gives_a_graph_or_a_clear_error(text: str) -> None:
    try:
        result = draft(text)
    except DiascribeError:
        return
    assert draft(text) == result


@pytest.mark.parametrize(
    ("line", "below"),
    [
        (
            "Повторять, пока бак не полон: налить ведро; проверить уровень",
            "Повторять, пока бак не полон:\n - налить ведро\n - проверить уровень",
        ),
        (
            "1. Пока бак не полон: налить ведро; проверить уровень.\n2. Закрыть",
            "1. Пока бак не полон:\n  - налить ведро\n  - проверить уровень\n2. Закрыть",
        ),
        (
            "In parallel: heat the water; start the pump. Then stop.",
            "In parallel:\n - heat the water\n - start the pump\nThen stop.",
        ),
    ],
)
def test_steps_listed_behind_a_loop_are_its_steps(line: str, below: str) -> None:
    assert shape(draft(line).diagram) == shape(draft(below).diagram)
    assert draft(line).warnings == ()
