"""Mermaid's verdict without a browser: places in the user's own lines, hints, repairs, agreement with a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mermaid.chromium import Chromium, available
from mermaid.repair import repair
from mermaid.validate import Validator
from tests.mermaid_corpus import BASES, corpus


@pytest.fixture(scope="module")
def validator() -> Iterator[Validator]:
    with Validator(deadline=60) as one:
        yield one


@pytest.mark.parametrize("name", BASES)
def test_every_diagram_type_is_known(validator: Validator, name: str) -> None:
    verdict = validator.check(BASES[name])
    assert verdict.valid, verdict.problem
    assert verdict.type


@pytest.mark.slow
@pytest.mark.skipif(not available(), reason="no Chromium here")
def test_verdicts_agree_with_the_browser(validator: Validator) -> None:
    sources = list(corpus())
    assert len(sources) >= 300
    browser = Chromium(deadline=120)
    try:
        browser.render("flowchart TB\n a --> b\n", "svg")  # whose limits are wider than a viewer's
        differ = [name for name, source in sources if validator.check(source).valid != browser.accepts(source)]
    finally:
        browser.close()
    assert differ == []


def test_corpus_has_both_kinds(validator: Validator) -> None:
    verdicts = [validator.check(source).valid for _, source in corpus()]
    assert sum(verdicts) >= 100
    assert verdicts.count(False) >= 100


@pytest.mark.parametrize(
    ("source", "line", "column", "hint"),
    [
        ("flowchart TB\n a --> b\n c d e\n", 3, 3, "no spaces"),
        ("flowchart TB\n a[un(quoted] --> b\n", 2, 4, "double quotes"),
        ("---\ntitle: x\n---\n%% c\n\n%%{init: {}}%%\nflowchart TB\n%% c\n a --> b\n c[un(q] --> d\n", 10, 4, "quotes"),
        ("flowchart TB\n\n A{x}\n\n\n B{y}\n\n C[un(q]\n", 8, 4, "quotes"),
        ("\r\n\r\nflowchart TB\r\n a -> b\r\n", 4, 3, "“-->”"),
        ("flowchart TB\n start --> end\n", 2, 0, "reserved"),
        ("flowchart TB\n a --> \n", 2, 0, "node after"),
        ('flowchart TB\n A["#quot;#quot;"] --> B[x(y]\n', 2, 26, "quotes"),
        ("flowchart TB\n subgraph x\n a\n", 0, 0, "Close every subgraph"),
        ("sequenceDiagram\n loop x\n A->>B: y\n", 0, 0, "end"),
        ("mindmap\n a\n b\n", 0, 0, "one root"),
        ("hello world\n", 0, 0, "diagram type"),
        ('flowchart TB\n A["x" --> B\n', 2, 0, "Close the bracket"),
        ("", 0, 0, "empty"),
        ('pie\n "a" 3\n', 2, 6, ""),
    ],
)
def test_problem_names_the_place_and_the_mend(
    validator: Validator, source: str, line: int, column: int, hint: str
) -> None:
    problem = validator.check(source).problem
    assert problem is not None
    if line:
        assert problem.line == line
        assert problem.text == source.replace("\r\n", "\n").split("\n")[line - 1]
    if column:
        assert problem.column == column
    assert hint in problem.hint
    assert problem.message


@pytest.mark.parametrize(
    ("source", "mended"),
    [
        ("So:\n```mermaid\nflowchart TB\n a-->b\n```\nDone!", "flowchart TB\n a-->b\n"),
        ("Вот схема.\n\ngraph TD\n A-->B\n\nНадеюсь, это поможет.", "graph TD\n A-->B"),
        ("flowchart TB\n A[Проверить (ещё раз)] --> B", 'flowchart TB\n A["Проверить (ещё раз)"] --> B'),
        ('flowchart TB\n A[Say "hi"] --> B', 'flowchart TB\n A["Say #quot;hi#quot;"] --> B'),
        ("graph TD\n A{Ок?}\n A --|да| B", "graph TD\n A{Ок?}\n A -->|да| B"),
        ("graph TD\n A[Array[0]] --> B", 'graph TD\n A["Array[0]"] --> B'),
        ("flowchart TB\n A{x (y)?} -- yes --> B[(Data (base))]",
         'flowchart TB\n A{"x (y)?"} -- yes --> B[("Data (base)")]'),
        ("flowchart TB\n a -->|да (ok)| b", 'flowchart TB\n a -->|"да (ok)"| b'),
        ("flowchart TB\n a --> end", 'flowchart TB\n a --> end_node["end"]'),
        ("flowchart TB\n subgraph s\n a --> end[Конец]\n end",
         "flowchart TB\n subgraph s\n a --> end_node[Конец]\n end"),
        ("flowchart TB\n a -> b → c", "flowchart TB\n a --> b --> c"),
        ("flowchart TB\n a --> b\n b -->", "flowchart TB\n a --> b\n b"),
        ("flowchart TB\n a --&gt; b", "flowchart TB\n a --> b"),
        ("Flowchart td\n a-->b", "flowchart TD\n a-->b"),
        ("A --> B\nB --> C", "flowchart TB\nA --> B\nB --> C"),
        ("flowchart TB\n A[“Текст (x)”] --> B", 'flowchart TB\n A["Текст (x)"] --> B'),
        ("graph TD\n subgraph Отдел (продаж)\n a\n end", 'graph TD\n subgraph "Отдел (продаж)"\n a\n end'),
    ],
)  # fmt: skip
def test_repairs(validator: Validator, source: str, mended: str) -> None:
    verdict = repair(source, validator)
    assert verdict.valid
    assert verdict.source == mended
    assert verdict.repairs


@pytest.mark.parametrize(
    "source",
    [
        "flowchart TB\n A[open --> B",
        "flowchart TB\n subgraph x\n a --> b\n",
        "sequenceDiagram\n loop x\n A->>B: y\n",
        "flowchart TB\n a --> --> b\n",
        "just words, no diagram",
    ],
)
def test_no_bracket_and_no_end_is_guessed(validator: Validator, source: str) -> None:
    verdict = repair(source, validator)
    assert not verdict.valid
    assert verdict.source == source
    assert verdict.repairs == ()


def test_what_is_valid_is_not_touched(validator: Validator) -> None:
    for source in BASES.values():
        verdict = repair(source, validator)
        assert verdict.source == source
        assert verdict.repairs == ()
