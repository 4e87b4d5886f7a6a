"""Training diagrams on disk: read strictly, changed whole, and nothing that is measured can be found."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from diagram.errors import InputError
from pipeline.curate import add_example, export_folder, import_folder
from pipeline.retrieve import Retrieval
from pipeline.settings import Settings
from retrieval.examples import METADATA, ExampleFolder, Examples

ROOT = Path(__file__).parents[1]
CHECK = ROOT / "data" / "check"


@pytest.fixture
def retrieval(tmp_path):
    folders = {"index_dir": tmp_path / "index", "examples_dir": tmp_path / "own", "data_dir": tmp_path / "train"}
    return Retrieval(Settings(**folders))


def put(retrieval, picture: str, **told: str):
    image = next(path for path in CHECK.glob(f"{picture}.*") if path.suffix != ".json")
    return add_example(retrieval, image, image.with_suffix(".json"), **told)


def folder_with(folder: Path, *rows: object) -> ExampleFolder:
    folder.mkdir(exist_ok=True)
    shutil.copy(CHECK / "en" / "gv-pay.png", folder / "pay.png")
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    (folder / METADATA).write_text(text, "utf-8")
    return ExampleFolder(folder)


GRAPH = json.loads((CHECK / "en" / "gv-pay.json").read_text("utf-8"))


def test_rows_are_read_with_the_graph_as_object_or_string(tmp_path):
    rows = [
        {"file_name": "pay.png", "id": "a", "graph": GRAPH, "description": "Pay.", "title": "Pay", "look": "gv"},
        {
            "file_name": "pay.png",
            "id": "b",
            "graph": json.dumps(GRAPH),
            "description": "Pay.",
            "split": "test",
            "extra": 1,
        },
    ]
    read = folder_with(tmp_path / "data", *rows).records()
    assert list(read) == ["a", "b"]
    assert read["a"].diagram == read["b"].diagram
    assert (read["a"].language, read["a"].kind, read["a"].split) == (GRAPH["language"], GRAPH["kind"], "train")
    assert read["b"].to_json()["extra"] == 1
    assert list(Examples(tmp_path / "own", [tmp_path / "data"]).findable()) == ["a"]


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ("{", "line 2"),
        ("[]", "object"),
        ({"id": "b"}, "file_name"),
        ({"file_name": "../secret.png"}, "inside the folder"),
        ({"file_name": "/etc/passwd"}, "inside the folder"),
        ({"file_name": "pay.png", "id": "a"}, "twice"),
        ({"file_name": "pay.png", "id": "b", "graph": {"nodes": [{"id": "", "type": "task"}]}}, "empty id"),
        ({"file_name": "pay.png", "id": "b", "graph": "{"}, "line 2"),
        ({"file_name": "pay.png", "id": "b", "graph": [], "kind": 1}, "kind"),
        ({"file_name": "pay.png", "id": "b", "language": "tlh"}, "language"),
        ({"file_name": "pay.png", "id": "b", "title": 5}, "title"),
    ],
)
def test_a_faulty_row_is_named(tmp_path, row, word):
    folder = folder_with(tmp_path / "data", {"file_name": "pay.png", "id": "a"}, row)
    with pytest.raises(InputError, match=word) as raised:
        folder.records()
    assert "metadata.jsonl, line 2" in str(raised.value)


@pytest.mark.parametrize("graph", ["{", "[]", '{"nodes": [{"id": "", "type": "task"}]}'])
def test_a_faulty_graph_is_named_when_it_is_asked_for(tmp_path, graph):
    row = {"file_name": "pay.png", "id": "bad", "graph": graph, "language": "en", "kind": "bpmn"}
    record = folder_with(tmp_path / "data", row).records()["bad"]
    with pytest.raises(InputError, match=r"metadata.jsonl, example bad: "):
        _ = record.diagram
    retrieval = Retrieval(
        Settings(index_dir=tmp_path / "index", examples_dir=tmp_path / "own", data_dir=tmp_path / "data")
    )
    with pytest.raises(InputError, match="example bad"):
        retrieval.build()


def test_adding_and_removing(retrieval, tmp_path):
    record, twin = put(retrieval, "ru/corp-contract", title="Договор", source="мы")
    assert twin is None
    assert record.image.parent == tmp_path / "own"
    again = Retrieval(Settings(examples_dir=tmp_path / "own", data_dir=tmp_path / "none")).examples.records()
    assert again["corp-contract"] == record
    assert "Подготовить проект договора" in record.description
    with pytest.raises(InputError, match="already"):
        put(retrieval, "ru/corp-contract")
    replaced, _ = put(retrieval, "ru/corp-contract", replace_old=True, title="Новый")
    assert retrieval.examples.records()["corp-contract"].title == replaced.title == "Новый"
    retrieval.examples.own.remove(["corp-contract"])
    assert retrieval.examples.records() == {}
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == [".lock", METADATA]
    with pytest.raises(InputError):
        retrieval.examples.own.remove(["corp-contract"])


@pytest.mark.parametrize("suffix", [".bpmn", ".mmd", ".txt"])
def test_truth_may_be_bpmn_mermaid_or_words(retrieval, tmp_path, suffix):
    from diagram.model import Diagram
    from pipeline.draw import write

    graph = Diagram.from_json(GRAPH)
    text = "Оплатить заказ картой." if suffix == ".txt" else write(graph, suffix[1:])
    (tmp_path / f"truth{suffix}").write_text(text, "utf-8")
    record, _ = add_example(retrieval, CHECK / "en" / "gv-pay.png", tmp_path / f"truth{suffix}", name="pay")
    if suffix == ".txt":
        assert (record.diagram, record.description, record.language) == (None, text, "ru")
    else:
        assert len(record.diagram.nodes) == len(graph.nodes)


@pytest.mark.parametrize("truth", ["pay.docx", "broken.json", "empty.txt", "other.json"])
def test_a_truth_that_cannot_be_used_is_refused_and_nothing_is_kept(retrieval, tmp_path, truth):
    (tmp_path / truth).write_text({"broken.json": "{", "other.json": "[1]"}.get(truth, ""), "utf-8")
    with pytest.raises(InputError):
        add_example(retrieval, CHECK / "en" / "gv-pay.png", tmp_path / truth)
    assert retrieval.examples.records() == {}


def test_a_file_that_is_no_picture_is_refused(retrieval, tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(InputError):
        add_example(retrieval, tmp_path / "a.png", CHECK / "en" / "gv-pay.json")


def test_near_copies_are_noticed(retrieval, tmp_path):
    put(retrieval, "ru/corp-contract")
    record, twin = put(retrieval, "ru/bizagi-contract")
    assert twin.id == "corp-contract"
    assert record.split == "train"
    assert put(retrieval, "ru/bpmnio-pizza")[1] is None
    _, twin = put(retrieval, "ru/bpmnio-pizza", name="copy")
    assert twin.id == "bpmnio-pizza"
    (tmp_path / "words.txt").write_text("Another description.")
    image = next(CHECK.glob("ru/bpmnio-pizza.png"))
    assert add_example(retrieval, image, tmp_path / "words.txt", name="bytes")[1].id == "bpmnio-pizza"


def test_what_is_measured_can_never_be_found(retrieval):
    put(retrieval, "ru/corp-contract", split="test")
    record, twin = put(retrieval, "ru/bizagi-contract")
    assert (twin.id, record.split) == ("corp-contract", "test")
    record, twin = put(retrieval, "ru/bpmnio-pizza", process="ru_contract")
    assert (twin.id, record.split) == ("corp-contract", "test")
    put(retrieval, "ru/corp-tender")
    retrieval.build()
    assert list(retrieval.examples.findable()) == ["corp-tender"]
    assert retrieval.index.manifest().count == 1


def test_folders_go_in_and_out_again(retrieval, tmp_path):
    source = tmp_path / "pictures"
    source.mkdir()
    for name in ("corp-contract", "corp-tender"):
        for suffix in (".png", ".json"):
            shutil.copy(CHECK / "ru" / f"{name}{suffix}", source)
    added, notes = import_folder(retrieval, source)
    assert (len(added), notes) == (2, [])
    assert export_folder(retrieval, tmp_path / "out") == 2
    fresh = Retrieval(Settings(examples_dir=tmp_path / "fresh", data_dir=tmp_path / "none"))
    again, _ = import_folder(fresh, tmp_path / "out")
    pairs = zip(added, again, strict=True)
    assert all({**a.to_json(), "graph": 0} == {**b.to_json(), "graph": 0} and a.diagram == b.diagram for a, b in pairs)
    with pytest.raises(InputError, match="already"):
        import_folder(fresh, source)
    with pytest.raises(InputError, match="neither"):
        import_folder(fresh, ROOT / "diagram")


def test_ones_own_hide_those_of_the_same_id(retrieval, tmp_path):
    folder_with(tmp_path / "train", {"file_name": "pay.png", "id": "gv-pay", "title": "theirs"})
    assert retrieval.examples.records()["gv-pay"].title == "theirs"
    put(retrieval, "en/gv-pay", title="mine", name="gv-pay")
    assert retrieval.examples.records()["gv-pay"].title == "mine"
    assert len(retrieval.examples.records()) == 1


def test_two_processes_that_add_lose_nothing(tmp_path):
    code = """
import sys
from pathlib import Path
from pipeline.curate import add_example
from pipeline.retrieve import Retrieval
from pipeline.settings import Settings
retrieval = Retrieval(Settings(index_dir=sys.argv[1] + "/index", examples_dir=sys.argv[1] + "/own", data_dir="none"))
image = Path("data/check/en/gv-pay.png")
for number in range(6):
    add_example(retrieval, image, image.with_suffix(".json"), name=f"{sys.argv[2]}-{number}")
    retrieval.build(keep_embedder=True)
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), who], cwd=ROOT) for who in ("left", "right")
    ]
    assert [process.wait() for process in processes] == [0, 0]
    retrieval = Retrieval(
        Settings(index_dir=tmp_path / "index", examples_dir=tmp_path / "own", data_dir=tmp_path / "no")
    )
    assert len(retrieval.examples.records()) == 12
    assert retrieval.index.manifest().count == 12
    assert retrieval.index.verify() == []
