"""The command line: what goes where, and the exit codes."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from diagram.model import Diagram
from pipeline.cli import main
from pipeline.evaluate import evaluate, read_truths
from pipeline.formats import FORMATS
from pipeline.report import html_report
from pipeline.settings import Settings
from tests import samples

EXAMPLES = Path(__file__).parents[1] / "data" / "examples"
ORDER, PRIYOM = EXAMPLES / "order.png", EXAMPLES / "priyom.png"


@pytest.fixture
def diascribe(capsys):
    """Run a command here: (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        shown = capsys.readouterr()
        return int(left.value.code or 0), shown.out, shown.err

    return run


@pytest.mark.parametrize("name", FORMATS)
def test_one_picture_goes_to_stdout_in_every_format(diascribe, name):
    code, out, _ = diascribe("describe", PRIYOM, "--format", name)
    assert code == 0
    assert "Выбрать специалиста" in out


def test_json_out_holds_the_graph_at_top_level(diascribe, tmp_path):
    code, out, _ = diascribe("describe", ORDER, "--format", "json", "--out", tmp_path / "new" / "folder")
    assert (code, out) == (0, "")
    (path,) = (tmp_path / "new" / "folder").iterdir()
    data = json.loads(path.read_text("utf-8"))
    assert path.name == "order.json"
    assert Diagram.from_json(data).nodes
    assert {"title", "steps", "warnings", "timings", "engine"} <= data.keys()


def test_one_bad_file_does_not_stop_the_others(diascribe, tmp_path):
    shutil.copy(ORDER, tmp_path / "a.png")
    (tmp_path / "b.png").write_text("not a picture")
    (tmp_path / "c.png").write_bytes(dict(samples.bombs())["PNG-30000x30000"])
    shutil.copy(PRIYOM, tmp_path / "d.png")
    code, out, err = diascribe("describe", tmp_path, tmp_path / "gone.png", "--out", tmp_path / "out", "--jobs", 2)
    assert (code, out) == (1, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.txt", "d.txt"]
    lines = err.splitlines()
    assert sum("b.png: this is not a picture" in line for line in lines) == 1
    assert sum("c.png: the picture has 900 megapixels" in line for line in lines) == 1
    assert sum("gone.png: there is no such file" in line for line in lines) == 1
    assert "2 described, 3 failed" in lines[-1]


def test_resume_skips_what_is_done_and_not_older_than_the_picture(diascribe, tmp_path):
    for name in ("a", "b"):
        shutil.copy(ORDER, tmp_path / f"{name}.png")
    arguments = ("describe", tmp_path, "--format", "json", "--out", tmp_path / "out", "--jobs", 1)
    assert diascribe(*arguments)[0] == 0
    (tmp_path / "out" / "b.json").unlink()
    first = (tmp_path / "out" / "a.json").stat().st_mtime_ns
    code, _, err = diascribe(*arguments, "--resume")
    assert code == 0
    assert "1 described, 0 failed, 1 skipped" in err
    assert (tmp_path / "out" / "a.json").stat().st_mtime_ns == first
    shutil.copy(PRIYOM, tmp_path / "a.png")
    assert "1 described, 0 failed, 1 skipped" in diascribe(*arguments, "--resume")[2]


def test_many_pictures_on_stdout_stay_apart_and_in_order(diascribe):
    code, out, _ = diascribe("describe", PRIYOM, ORDER, "--format", "json")
    assert code == 0
    assert [json.loads(line)["file"] for line in out.splitlines()] == ["priyom", "order"]
    rows = list(csv.reader(io.StringIO(diascribe("describe", EXAMPLES, "--format", "csv")[1])))
    assert rows[0][0] == "File"
    assert {row[0] for row in rows[1:]} == {"order", "priyom"}
    assert len({len(row) for row in rows}) == 1


def test_the_overlay_is_written_beside_the_outputs(diascribe, tmp_path):
    assert diascribe("describe", ORDER, "--overlay", "--out", tmp_path)[0] == 0
    with Image.open(tmp_path / "order.overlay.png") as drawn:
        assert drawn.width >= 1000


def test_a_picture_without_a_diagram_is_no_failure(diascribe, tmp_path):
    Image.new("RGB", (400, 300), "white").save(tmp_path / "blank.png")
    code, out, err = diascribe("describe", tmp_path / "blank.png", "--format", "json")
    assert code == 0
    assert json.loads(out)["nodes"] == []
    assert "blank: warning: no diagram" in err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["describe", "gone.png"], "no such file"),
        (["describe", ORDER, "--format", "docx"], "--format"),
        (["describe", ORDER, "--engine", "tarot"], "known: auto, vision"),
        (["describe", ORDER, "--resume"], "--out"),
        (["describe"], "Missing argument"),
        (["eval", "gone"], "no such folder"),
        (["fly"], "No such command"),
    ],
)
def test_wrong_usage_is_2_and_says_why(diascribe, arguments, word):
    code, out, err = diascribe(*arguments)
    assert (code, out) == (2, "")
    assert word in err


def test_a_bad_setting_is_named(diascribe, monkeypatch):
    monkeypatch.setenv("DIASCRIBE_MAX_PIXELS", "many")
    code, _, err = diascribe("describe", ORDER)
    assert code == 2
    assert "DIASCRIBE_MAX_PIXELS" in err


def test_a_folder_that_cannot_be_written_is_one_clear_line(diascribe, tmp_path):
    (tmp_path / "file").write_text("in the way")
    code, _, err = diascribe("describe", ORDER, "--out", tmp_path / "file")
    assert code == 1
    assert err.count("\n") == 1
    assert "cannot be written" in err


def test_a_closed_pipe_ends_quietly():
    code = "from pipeline.cli import main; main()"
    command = [sys.executable, "-c", code, "describe", str(ORDER), "--format", "bpmn"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.wait()
    process.stderr.close()


def test_eval_prints_the_figures_and_writes_them(diascribe, tmp_path):
    out_json, out_html = tmp_path / "figures.json", tmp_path / "report.html"
    code, out, _ = diascribe("eval", EXAMPLES, "--json", out_json, "--html", out_html)
    figures = json.loads(out_json.read_text("utf-8"))
    assert code == 0
    assert out.splitlines()[-1].startswith("images 2  missing 0  node_f1 ")
    assert f"node_f1 {figures['macro']['node_f1']:.3f}" in out
    assert set(figures["rows"]) == {"order", "priyom"}
    assert figures["seconds"]["total"] > figures["seconds"]["text"] > 0
    assert "<script" not in out_html.read_text("utf-8")


def test_eval_scores_ready_predictions_and_counts_missing_ones(diascribe, tmp_path):
    shutil.copy(EXAMPLES / "order.json", tmp_path / "order.json")
    code, out, err = diascribe("eval", EXAMPLES, "--predictions", tmp_path)
    assert code == 0
    assert "images 2  missing 1  node_f1 0.500" in out
    assert "priyom: no prediction" in err


def test_the_report_escapes_what_was_read(tmp_path):
    evil = '<img src=x onerror="alert(1)">'
    truth = {"nodes": [{"id": "a", "type": "task", "text": evil}], "edges": []}
    (tmp_path / "x.json").write_text(json.dumps(truth))
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "x.json").write_text(json.dumps({"nodes": [{"id": "a", "type": "task", "text": evil[:9]}]}))
    page = html_report(evil, evaluate(tmp_path, Settings(), predictions=tmp_path / "found"))
    assert evil not in page
    assert "&lt;img src=x" in page
    assert "nodes missed" in page
    assert set(read_truths(tmp_path)) == {"x"}


def test_doctor_names_what_is_there(diascribe):
    code, out, _ = diascribe("doctor")
    assert code == 0
    assert "Tesseract" in out
    assert "opencv-python-headless" in out


def test_findings_are_taken_apart_into_what_is_so_and_what_mends_it(monkeypatch):
    from pipeline import doctor
    from ui.words import _russian

    lines = [
        "missing: accelerate, for models in process; install them with: pip install 'diascribe[vlm]'",
        "merman: missing: it draws without a browser; install it with: pip install merman (Linux, x86-64)",
        "note: tiny does not allow commercial use (Research); choose another with: DIASCRIBE_MODEL=small",
        "free disk: 2.0 GiB for weights in /w; missing: room for a model; make room with: diascribe models remove X",
    ]
    real = doctor.findings()
    monkeypatch.setattr(doctor, "examine", lambda *, ports: iter(lines))
    found = doctor.findings()
    assert [one.state for one in found] == ["missing", "missing", "note", "missing"]
    mends = ["pip install 'diascribe[vlm]'", "pip install merman (Linux, x86-64)", "DIASCRIBE_MODEL=small"]
    assert [one.mend for one in found] == [*mends, "diascribe models remove X"]
    assert found[2].text == "tiny does not allow commercial use (Research)"
    assert all(_russian(one.text) for one in (*found, *real))
