"""`diascribe draw`, `validate` and `convert` as a user meets them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bpmn.parse import parse as parse_bpmn
from diagram.errors import DiascribeError, InputError, MissingDependencyError, UnknownNameError
from diagram.model import Diagram, Edge, Lane, Node
from mermaid.chromium import available
from mermaid.parse import parse as parse_mermaid
from mermaid.render import Look
from pipeline.draw import InvalidMermaidError, Studio, pictured, turned
from tests.graphs import shape
from tests.test_render import HOSTILE

STEPS = "1. Проверить заявку\n2. Если заявка полная, перейти к шагу 4\n3. Запросить документы\n4. Оплатить\n"


def diascribe(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=300, check=False)


def test_text_becomes_every_format(tmp_path: Path) -> None:
    with Studio("native", deadline=60) as studio:
        graphs = []
        for form, start in (("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("mmd", b"flowchart")):
            drawing = studio.draw(STEPS, form)  # type: ignore[arg-type]
            assert drawing.data.startswith(start)
            assert drawing.diagram is not None
            assert not drawing.warnings
        graphs.append(parse_mermaid(studio.draw(STEPS, "mmd").data.decode()))
        graphs.append(parse_bpmn(studio.draw(STEPS, "bpmn").data))
        graphs.append(Diagram.from_json(json.loads(studio.draw(STEPS, "json").data)))
        assert {node.text for node in graphs[0].nodes} >= {"Проверить заявку", "Оплатить"}
        assert all(len(graph.nodes) == len(graphs[0].nodes) for graph in graphs)
        for written in ("mmd", "json"):
            again = studio.draw(studio.draw(STEPS, written).data.decode(), "json")  # type: ignore[arg-type]
            assert shape(Diagram.from_json(json.loads(again.data))) == shape(graphs[2])


def test_mermaid_of_other_types_is_drawn_as_it_is() -> None:
    with Studio("native", deadline=60) as studio:
        drawing = studio.draw("sequenceDiagram\n Анна->>Борис: Привет\n", "svg")
        assert drawing.diagram is None
        assert "Привет" in drawing.data.decode()
        with pytest.raises(InvalidMermaidError, match="line 2"):
            studio.draw("flowchart TB\n a[open --> b\n")


@pytest.mark.skipif(not available(), reason="Chromium is not installed: scripts/system-packages.sh chromium")
def test_one_studio_draws_with_the_renderer_asked_for() -> None:
    with Studio("auto", workers=1, deadline=60) as studio:
        drawn = [studio.draw("A -> B", renderer=name) for name in ("", "auto", "native", "chromium")]
        assert [one.renderer for one in drawn] == ["native", "native", "native", "chromium"]
        assert all(one.data.startswith(b"<svg") for one in drawn)


def test_a_renderer_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mermaid.chromium.available", lambda: False)
    with Studio("auto", workers=1) as studio, pytest.raises(MissingDependencyError, match="Chromium"):
        studio.draw("A -> B", renderer="chromium")
    with Studio("native", workers=1) as studio, pytest.raises(UnknownNameError, match="chromium"):
        studio.draw("A -> B", renderer="chromium")


def test_lanes_are_drawn_as_lanes() -> None:
    with Studio("native", deadline=60) as studio:
        read = studio.read("Менеджер: принимает заявку\nДиректор: подписывает договор\n")
        assert read.diagram is not None
        assert len(read.diagram.lanes) == 2
        assert pictured(read.diagram, None)[0].startswith("swimlane-beta LR")
        text = "Менеджер: принимает заявку\nДиректор: подписывает договор\n"
        assert studio.draw(text).data.decode().count('class="pool"') == 2
        assert "swimlane" in studio.draw(text, look=Look(theme="neutral")).data.decode()


def test_a_closed_pool_is_a_lane_that_messages_end_in() -> None:
    lanes = (Lane("p", "Банк"), Lane("a", "Касса", "p"), Lane("b", "Отдел", "p"), Lane("c", "Клиент"))
    nodes = (Node("1", "task", "Принять", lane="a"), Node("2", "task", "Решить", lane="b"))
    edges = (Edge("e", "1", "2"), Edge("m", "c", "1", "заявка", "message"))
    (source, plain) = pictured(Diagram("bpmn", nodes, edges, lanes, "ru"), None)
    assert source.startswith("swimlane-beta LR")
    drawn = parse_mermaid(source)
    assert [lane.name for lane in drawn.lanes] == ["Банк: Касса", "Банк: Отдел", "Клиент"]
    assert [(edge.kind, edge.target) for edge in drawn.edges] == [("sequence", "n2"), ("message", "n1")]
    assert "style n3 fill:none,stroke:none" in source
    assert plain.startswith("flowchart LR")
    with Studio("native", workers=1, deadline=60) as studio:
        svg = studio.draw(json.dumps(Diagram("bpmn", nodes, edges, lanes, "ru").to_json())).data.decode()
    assert "Клиент" in svg


def test_direction_turns_a_source() -> None:
    assert turned("%% c\nflowchart TB\n a --> b\n", "LR") == "%% c\nflowchart LR\n a --> b\n"
    assert turned("graph\n a --> b\n", "LR") == "graph LR\n a --> b\n"
    assert turned("sequenceDiagram\n A->>B: x\n", "LR") == "sequenceDiagram\n A->>B: x\n"


def test_draw_reads_stdin_and_writes_a_file(tmp_path: Path) -> None:
    done = diascribe("draw", "-", "--out", str(tmp_path / "a.png"), stdin=STEPS.encode())
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_draw_goes_on_after_a_bad_file(tmp_path: Path) -> None:
    (tmp_path / "bad.mmd").write_text("flowchart TB\n a[open --> b\n")
    (tmp_path / "good.mmd").write_text("flowchart TB\n a[x (y)] --> b\n")
    out = tmp_path / "out"
    done = diascribe(
        "draw", str(tmp_path / "bad.mmd"), str(tmp_path / "good.mmd"), "--format", "svg", "--out", str(out)
    )
    said = done.stderr.decode()
    assert done.returncode == 1
    assert (out / "good.svg").exists()
    assert not (out / "bad.svg").exists()
    assert "line 2, column" in said
    assert "hint:" in said
    assert "repaired: put labels into quotes" in said


def test_no_drawing_overwrites_another(tmp_path: Path) -> None:
    (tmp_path / "a.mmd").write_text("flowchart TB\n a --> b\n")
    (tmp_path / "a.txt").write_text(STEPS)
    out = tmp_path / "out"
    done = diascribe("draw", str(tmp_path / "a.mmd"), str(tmp_path / "a.txt"), "--out", str(out))
    assert done.returncode == 1
    assert "a.svg is the drawing of" in done.stderr.decode()
    assert "Оплатить" not in (out / "a.svg").read_text("utf-8")


def test_an_engine_that_is_not_there_is_named() -> None:
    done = diascribe("draw", "A -> B", "--engine", "qwen2.5-vl-3b")
    assert done.returncode == 1
    assert "qwen2.5-vl-3b is not here" in done.stderr.decode()
    assert "diascribe models download qwen2.5-vl-3b" in done.stderr.decode()


def test_an_engine_that_nobody_knows_is_wrong_usage() -> None:
    done = diascribe("draw", "A -> B", "--engine", "tarot")
    assert done.returncode == 2
    assert "known: auto, rules" in done.stderr.decode()


def test_help_says_what_the_exit_codes_mean() -> None:
    for command in ("draw", "validate", "convert"):
        assert "Exit codes: 0 all good" in diascribe(command, "--help").stdout.decode()


def test_validate_says_where_and_exits_with_one(tmp_path: Path) -> None:
    bad = tmp_path / "bad.mmd"
    bad.write_text("%% c\nflowchart TB\n c d\n")
    done = diascribe("validate", str(bad))
    assert done.returncode == 1
    assert f"{bad}:3:3:" in done.stdout.decode()
    as_json = json.loads(diascribe("validate", "--json", str(bad)).stdout)
    assert (as_json["valid"], as_json["line"], as_json["column"]) == (False, 3, 3)


def test_validate_fix_writes_the_mended_text(tmp_path: Path) -> None:
    file = tmp_path / "a.mmd"
    file.write_text("flowchart TB\n a[x (y)] --> b\n")
    assert diascribe("validate", str(file)).returncode == 1
    assert diascribe("validate", "--fix", str(file)).returncode == 0
    assert file.read_text() == 'flowchart TB\n a["x (y)"] --> b\n'
    assert diascribe("validate", str(file)).returncode == 0


def test_convert_there_and_back(tmp_path: Path) -> None:
    source = tmp_path / "a.mmd"
    source.write_text('flowchart TB\n a(["Начало"]) --> b{"Готово?"}\n b -->|"да"| c["Конец"]\n b -->|"нет"| a\n')
    here = source
    for name in ("b.bpmn", "c.json", "d.mmd"):
        done = diascribe("convert", str(here), str(tmp_path / name))
        assert done.returncode == 0, done.stderr.decode()
        here = tmp_path / name
    assert shape(parse_mermaid(here.read_text())) == shape(parse_mermaid(source.read_text()))
    assert diascribe("convert", str(source), str(tmp_path / "e.dot")).returncode == 0
    assert (tmp_path / "e.dot").read_text().startswith("digraph")
    assert diascribe("convert", str(source), str(tmp_path / "e.xyz")).returncode == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_ends_in_a_picture_or_one_clear_error(name: str) -> None:
    """Through all of it: reading, repairing, validating, drawing. What is refused costs about two deadlines at most."""
    with Studio("native", workers=1, deadline=5) as studio:
        start = time.monotonic()
        with contextlib.suppress(DiascribeError):
            studio.draw(HOSTILE[name], "png")
        assert time.monotonic() - start < 60
        assert studio.draw(STEPS).data.startswith(b"<svg")


def test_ten_megabytes_of_words_are_refused() -> None:
    with Studio("native") as studio, pytest.raises(InputError, match="characters"):
        studio.draw("Проверить заявку. " * 600_000)


def test_bytes_that_are_no_text_are_drawn_or_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.mmd"
    bad.write_bytes(b"flowchart TB\n a[\xff\xfe\x00] --> b\n")
    done = diascribe("draw", str(bad), "--out", str(tmp_path / "a.svg"))
    assert done.returncode == 0, done.stderr.decode()
    done = diascribe("draw", "-", "--out", str(tmp_path / "b.svg"), stdin=bytes(range(256)) * 50)
    assert done.returncode in (0, 1)
    assert b"Traceback" not in done.stderr


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    done = diascribe("draw", str(tmp_path / "nothing.mmd"), "--out", str(tmp_path / "a.svg"))
    assert done.returncode == 1
    assert "there is no such file" in done.stderr.decode()
