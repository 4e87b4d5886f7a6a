"""The text of a picture by a model: texts are the model's, places and confidence the built-in reader's."""

import json
from pathlib import Path

import pytest
from PIL import Image

from diagram.errors import ReplyError
from pipeline.ocr_model import read_lines_with
from vlm.engine import Reply
from vlm.engines.scripted import ScriptedEngine

PICTURE = Image.new("RGB", (300, 200), "white")
FILE = Path(__file__).parent.parent / "data" / "train" / "en-gcd-mermaid10-default.png"
SEEN = {
    "text": "Check 0rder\nSend",
    "language": "en",
    "lines": [
        {"text": "Check 0rder", "bbox": [1, 2, 30, 9], "confidence": 0.7, "turn": 0},
        {"text": "Send", "bbox": [1, 20, 30, 29], "confidence": 0.9, "turn": 0},
    ],
    "warnings": [],
    "timings": {},
}


def test_words_are_the_models_places_those_that_were_seen():
    engine = ScriptedEngine([json.dumps({"lines": ["Check order", " ", "Send", "Send"]})])
    found = read_lines_with(engine, PICTURE, SEEN)
    assert found["text"] == "Check order\nSend\nSend"
    assert [(line["bbox"], line["confidence"]) for line in found["lines"]] == [
        ([1, 2, 30, 9], 0.7), ([1, 20, 30, 29], 0.9), (None, None),
    ]  # fmt: skip
    assert engine.requests[0][1].images == (PICTURE,)
    assert found["engine"] == "scripted"


def test_plain_answers_and_those_that_were_cut_off():
    engine = ScriptedEngine(["Send\n\nCheck order", Reply('{"lines":["Send","Che', "length"), "no lines", '{"a":1}'])
    assert read_lines_with(engine, PICTURE, SEEN, bare=True)["text"] == "Send\nCheck order"
    cut = read_lines_with(engine, PICTURE, SEEN)
    assert (cut["text"], cut["warnings"]) == ("Send", ["the model's reply was cut off"])
    for _ in range(2):
        with pytest.raises(ReplyError):
            read_lines_with(engine, PICTURE, SEEN)


def test_the_command_reads_without_a_model(capsys):
    from pipeline.cli import main

    with pytest.raises(SystemExit) as left:
        main(["ocr", str(FILE), "--format", "json"])
    assert left.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["lines"]
    assert all(0 <= line["confidence"] <= 1 and len(line["bbox"]) == 4 for line in found["lines"])


def test_an_ocr_model_in_this_process(tmp_path, monkeypatch, capsys):
    pytest.importorskip("accelerate", reason="pip install 'diascribe[vlm]'")
    from pipeline.cli import main
    from tests.tiny_qwen import make_got

    make_got(tmp_path / "got")
    own = tmp_path / "own.yaml"
    own.write_text(
        f"- {{id: small-ocr, name: Small, repository: '{tmp_path / 'got'}', kind: ocr, "
        "loader: GotOcr2ForConditionalGeneration}\n"
    )
    monkeypatch.setenv("DIASCRIBE_MODELS_FILE", str(own))
    monkeypatch.setenv("DIASCRIBE_DEVICE", "cpu")
    monkeypatch.setattr("pipeline.ocr_model.MOST_TOKENS", 6)
    with pytest.raises(SystemExit) as left:
        main(["ocr", str(FILE), "--format", "json", "--model", "small-ocr"])
    said = capsys.readouterr()
    assert left.value.code == 0, said.err
    found = json.loads(said.out[said.out.index("{") :])
    assert found["engine"] == "small-ocr"
    assert found["timings"]["generate"] > 0
