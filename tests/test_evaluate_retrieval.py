"""The search for similar diagrams is measured: who asks, what is right, and what the figures say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from diagram.errors import InputError
from pipeline.cli import main
from pipeline.evaluate_retrieval import evaluate_retrieval, means, questions, ranking, to_json
from pipeline.settings import Settings

ROOT = Path(__file__).parents[1]
CHECK, TRAIN = ROOT / "data" / "check", ROOT / "data" / "train"


def true_graphs(folder: Path) -> Path:
    """The graphs of the held-out training diagrams as a perfect reader would give them."""
    folder.mkdir()
    for record in questions(TRAIN)[0]:
        (folder / f"{record.id}.json").write_text(record.graph, "utf-8")
    return folder


def test_the_held_out_pictures_ask_and_are_never_found():
    asked, kept = questions(TRAIN)
    assert (len(asked), len(kept)) == (132, 396)
    assert {row.process for row in asked} == {row.process for row in kept}
    assert not {row.id for row in asked} & {row.id for row in kept}


def test_where_there_is_no_split_each_asks_for_the_others(tmp_path):
    for name in ("corp-contract", "bizagi-contract", "bpmnio-pizza"):
        for path in CHECK.glob(f"ru/{name}.*"):
            shutil.copy(path, tmp_path)
    rows = evaluate_retrieval(tmp_path, Settings(embedder="builtin"), predictions=tmp_path)
    assert [row.name for row in rows] == ["bizagi-contract", "corp-contract"]  # nobody else has a pizza
    assert [row.first for row in rows] == ["corp-contract", "bizagi-contract"]
    assert all((row.shown, row.right, row.strange) == (1, 1, 0) for row in rows)


def test_nothing_to_ask_for_is_said(tmp_path):
    for path in CHECK.glob("ru/bpmnio-pizza.*"):
        shutil.copy(path, tmp_path)
    with pytest.raises(InputError, match="nothing to ask for"):
        questions(tmp_path)


def test_rankings_are_those_of_the_books():
    right = np.array([False, True, False, True])
    found = ranking(np.array([0.9, 0.8, 0.7, 0.6]), right)
    assert (found.recall_1, found.recall_5, found.rank) == (0, 1, 2)
    assert found.precision == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert ranking(np.zeros(4), right).rank == 0
    best = ranking(np.array([0.0, 0.9, 0.0, 0.8]), right)
    assert means([found, best]) == {"recall@1": 0.5, "recall@5": 1.0, "mAP": 0.75}


def test_own_diagrams_are_found_again_and_strangers_are_not_shown(tmp_path):
    rows = evaluate_retrieval(TRAIN, Settings(embedder="builtin"), predictions=true_graphs(tmp_path / "graphs"))
    figures = to_json(rows)
    assert figures["recall@1"] >= 0.95
    assert figures["mAP"] >= 0.95
    assert figures["shown_right"] >= 0.95
    assert figures["strange"] <= 0.05


def test_the_command_prints_and_writes_the_figures(tmp_path, capsys):
    graphs = true_graphs(tmp_path / "graphs")
    next(graphs.iterdir()).unlink()
    with pytest.raises(SystemExit) as left:
        main(["eval", "--retrieval", "--predictions", str(graphs), "--json", str(tmp_path / "out.json")])
    assert not left.value.code
    shown = capsys.readouterr().out
    assert "asked 132  recall@1 0.9" in shown
    assert "found at -" in shown
    assert json.loads((tmp_path / "out.json").read_text("utf-8"))["asked"] == 132


@pytest.mark.parametrize("arguments", [[], ["gone"], ["--retrieval", "--html", "x.html"]])
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(["eval", *arguments])
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("diascribe: ")
