"""The commands `index`, `search`, `examples`, and the examples that `describe` shows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mermaid.draft import draft
from pipeline.cli import main
from pipeline.describe import describe
from pipeline.retrieve import Retrieval
from pipeline.settings import Settings

ROOT = Path(__file__).parents[1]
CHECK, EXAMPLES = ROOT / "data" / "check", ROOT / "data" / "examples"
PAY = CHECK / "en" / "gv-pay.png"
SOME = ("ru/corp-contract", "ru/bpmnio-pizza", "ru/corp-tender", "en/bizagi-loan", "en/dark-login")


@pytest.fixture
def diascribe(capsys, monkeypatch, tmp_path):
    """Run a command with an index and examples of its own: (exit code, stdout, stderr)."""
    for name in ("index", "examples", "data"):
        monkeypatch.setenv(f"DIASCRIBE_{name.upper()}_DIR", str(tmp_path / name))

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        shown = capsys.readouterr()
        return int(left.value.code or 0), shown.out, shown.err

    return run


@pytest.fixture
def filled(diascribe, tmp_path):
    """The same, with some examples indexed."""
    folder = tmp_path / "some"
    folder.mkdir()
    for name in SOME:
        for path in CHECK.glob(f"{name}.*"):
            shutil.copy(path, folder)
    code, out, err = diascribe("examples", "import", folder)
    assert (code, out) == (0, "5 added\n")
    assert "index of 5 examples, builtin (5 embedded, 0 kept)" in err
    return diascribe


def test_building_again_keeps_everything(filled):
    assert filled("index", "build")[1] == "index of 5 examples, builtin (0 embedded, 5 kept)\n"
    data = json.loads(filled("index", "build", "--rebuild", "--json")[1])
    assert (data["count"], data["embedded"], data["embedder"]["name"]) == (5, 5, "builtin")


def test_info_says_what_the_index_holds(filled):
    code, out, _ = filled("index", "info")
    assert code == 0
    assert "5 examples" in out
    assert "builtin/2" in out
    assert json.loads(filled("index", "info", "--json")[1])["embedder"]["dim"] == 768


@pytest.mark.parametrize("command", [("search",), ("index", "search")])
def test_words_find_the_process_they_tell_of(filled, command):
    code, out, _ = filled(*command, "согласование", "договора", "-k", 2)
    assert code == 0
    assert out.splitlines()[0].split()[1] == "corp-contract"
    assert len(out.splitlines()) == 2
    assert json.loads(filled(*command, "loan application", "--json")[1])[0]["id"] == "bizagi-loan"


def test_a_picture_finds_its_process_in_another_look(filled):
    code, out, _ = filled("search", next(CHECK.glob("ru/uml-contract.*g")), "--json", "-k", 1)
    assert code == 0
    (found,) = json.loads(out)
    assert found["id"] == "corp-contract"
    assert found["score"] > 0.7


def test_words_find_titles_and_steps_among_all_that_came_along(diascribe, monkeypatch):
    monkeypatch.setenv("DIASCRIBE_DATA_DIR", str(ROOT / "data" / "train"))
    rows = [row for row in json.loads(diascribe("examples", "list", "--json")[1]) if row["split"] == "train"]
    found = Retrieval(Settings())
    assert found.ready()
    titles = {row["process"]: row["title"] for row in rows}
    firsts = [found.by_text(title, 1)[0].record.process == process for process, title in titles.items()]
    assert sum(firsts) >= 0.95 * len(titles)
    (one,) = found.by_text("реструктуризовать долги", 1)
    assert one.record.process == "ru_restruct"


def test_describe_shows_the_examples_it_found(filled):
    picture = next(CHECK.glob("ru/uml-contract.*g"))
    code, out, _ = filled("describe", picture, "--examples")
    assert code == 0
    assert "Похожие примеры:\n- corp-contract: " in out
    assert "similarity 0." in out
    assert "Похожие" not in filled("describe", picture)[1]
    data = json.loads(filled("describe", picture, "--format", "json")[1])
    (example,) = data["examples"]
    assert example["id"] == "corp-contract"
    assert example["score"] > 0.7
    assert "same language" in example["reason"]
    assert data["timings"]["examples"] > 0


def test_describe_abstains_when_nothing_is_close(filled):
    code, out, err = filled("describe", EXAMPLES / "order.png", "--examples")
    assert (code, err) == (0, "")
    assert "Similar examples:\n- none is close enough" in out


def test_nothing_is_shown_for_what_is_unlike_all_training_diagrams(diascribe, monkeypatch):
    monkeypatch.setenv("DIASCRIBE_DATA_DIR", str(ROOT / "data" / "train"))
    retrieval = Retrieval(Settings())
    assert retrieval.ready()
    noise = np.random.default_rng(1).integers(0, 256, (160, 240, 3), np.uint8)
    photo = np.uint8(128 + 100 * np.sin(np.add.outer(np.arange(160) / 31, np.arange(240) / 47)))
    for pixels in (noise, photo):
        assert describe(Image.fromarray(pixels), retrieval=retrieval).examples == ()
    other = draft("Chlorophyll absorbs light -> Water is split -> Oxygen leaves -> Sugar is built").diagram
    choice = retrieval.similar(Image.new("L", (1, 1)), other)
    assert choice.examples == ()
    assert "no example is close" in choice.why_not


def test_without_any_examples_describe_works(diascribe):
    assert diascribe("describe", EXAMPLES / "order.png")[2] == ""
    code, out, err = diascribe("describe", EXAMPLES / "order.png", "--examples")
    assert (code, err) == (0, "")
    assert "none" in out
    assert diascribe("search", "anything")[0] == 1


def test_the_first_call_builds_the_index_of_what_came_along_and_says_so(diascribe, monkeypatch):
    monkeypatch.setenv("DIASCRIBE_DATA_DIR", str(ROOT / "data" / "train"))
    pictures = [ROOT / "data" / "train" / f"en-quote-{look}.png" for look in ("web-dot", "yed")]
    code, out, err = diascribe("describe", *pictures, "--jobs", 2, "--examples")
    assert code == 0
    assert err.count("building the index of the training diagrams, this once") == 1
    assert err.count("index of 396 examples, builtin (396 embedded, 0 kept)") == 1
    assert out.count("Quote for home insurance (similarity") >= 2
    assert "building" not in diascribe("describe", pictures[0])[2]


def test_the_first_search_builds_the_index_too(filled, tmp_path):
    shutil.rmtree(tmp_path / "index")
    code, out, err = filled("search", "согласование", "договора", "-k", 1)
    assert (code, out.split()[1]) == (0, "corp-contract")
    assert "index of 5 examples" in err


def test_an_index_that_cannot_be_written_is_a_warning(filled, tmp_path):
    shutil.rmtree(tmp_path / "index")
    (tmp_path / "index").write_text("in the way")
    code, out, err = filled("describe", EXAMPLES / "order.png")
    assert code == 0
    assert "Web shop" in out
    assert "no similar examples" in err


def test_a_useless_index_is_a_warning_not_a_failure(filled, tmp_path):
    next((tmp_path / "index").glob("g-*/index.faiss")).write_bytes(b"damaged")
    code, out, err = filled("describe", EXAMPLES / "order.png")
    assert code == 0
    assert "Web shop" in out
    assert "warning: no similar examples" in err
    assert "diascribe index build" in err


def test_the_reader_runs_once(filled, monkeypatch, tmp_path):
    """No stage runs twice: the examples cost one more timing, and the reader is called once."""
    from vision.reader import VisionReader

    calls: list[object] = []
    real = VisionReader.describe
    monkeypatch.setattr(VisionReader, "describe", lambda *arguments: calls.append(1) or real(*arguments))
    found = describe(EXAMPLES / "order.png")
    assert len(calls) == 1
    assert "examples" in found.timings


@pytest.mark.parametrize(("policy", "reason"), [("fixed", "fixed number"), ("random", "at random")])
def test_the_policy_of_choice_is_a_setting(filled, policy, reason):
    found = describe(EXAMPLES / "order.png", Settings(examples_policy=policy, examples=2))
    assert len(found.examples) == 2
    assert all(example.reason.startswith(reason) for example in found.examples)
    assert describe(EXAMPLES / "order.png", Settings(examples=0)).examples == ()
    assert len(describe(EXAMPLES / "order.png", Settings(min_similarity=-1)).examples) >= 1


def test_adding_an_example_brings_the_index_up_to_date(filled):
    code, out, err = filled("examples", "add", PAY, "--truth", PAY.with_suffix(".json"), "--id", "pay")
    assert (code, out) == (0, "pay\n")
    assert "1 embedded, 5 kept" in err
    assert filled("index", "verify")[0] == 0
    code, _, err = filled("examples", "add", PAY, "--truth", PAY.with_suffix(".json"), "--id", "again")
    assert "again is nearly the same as pay" in err
    assert filled("examples", "remove", "pay", "again")[0] == 0
    assert filled("index", "info", "--json")[1].count('"count": 5') == 1


def test_the_index_may_be_in_a_database(filled, database, monkeypatch):
    monkeypatch.setenv("DIASCRIBE_INDEX", "pgvector")
    assert "DIASCRIBE_DATABASE_URL" in filled("index", "build")[2]
    monkeypatch.setenv("DIASCRIBE_DATABASE_URL", database)
    assert filled("index", "build", "--rebuild")[1] == "index of 5 examples, builtin (5 embedded, 0 kept)\n"
    assert filled("index", "verify")[0] == 0
    assert filled("search", "согласование договора", "-k", 1)[1].split()[1] == "corp-contract"
    assert filled("examples", "remove", "corp-contract")[0] == 0
    assert filled("index", "info", "--json")[1].count('"count": 4') == 1


def test_verify_tells_of_damage_and_of_examples_that_changed(filled, tmp_path):
    code, out, _ = filled("index", "verify")
    assert (code, out) == (0, "the index is sound: 5 examples\n")
    picture = tmp_path / "examples" / "corp-tender.png"
    picture.write_bytes(picture.read_bytes() + b"\0")
    code, _, err = filled("index", "verify")
    assert code == 1
    assert "have changed" in err
    assert filled("index", "build")[1] == "index of 5 examples, builtin (1 embedded, 4 kept, 1 dropped)\n"


def test_listing_showing_counting_and_exporting(filled, tmp_path):
    assert len(filled("examples", "list")[1].splitlines()) == 5
    assert len(filled("examples", "list", "--language", "ru", "--kind", "bpmn")[1].splitlines()) == 3
    assert "Подготовить проект договора" in filled("examples", "show", "corp-contract")[1]
    assert json.loads(filled("examples", "show", "corp-contract", "--json")[1])["graph"]["nodes"]
    assert json.loads(filled("examples", "stats", "--json")[1])["language"] == {"ru": 3, "en": 2}
    assert filled("examples", "export", tmp_path / "out")[1] == "5 written\n"
    assert len((tmp_path / "out" / "metadata.jsonl").read_text("utf-8").splitlines()) == 5


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["search", "gone.png"], "no such file"),
        (["index", "search"], "Missing argument"),
        (["index", "build", "--embedder", "tarot"], "known: "),
        (["examples", "show", "gone"], "no example gone"),
        (["examples", "add", "gone.png", "--truth", "gone.json"], "no such file"),
        (["examples", "import", "gone"], "no such folder"),
        (["examples", "export", EXAMPLES], "not empty"),
    ],
)
def test_wrong_usage_is_2_and_says_why(diascribe, arguments, word):
    code, out, err = diascribe(*arguments)
    assert (code, out) == (2, "")
    assert word in err


@pytest.mark.parametrize("command", ["info", "verify"])
def test_without_an_index_the_command_that_builds_is_named(diascribe, command):
    code, out, err = diascribe("index", command)
    assert (code, out) == (1, "")
    assert "diascribe index build" in err


def test_what_a_user_corrects_and_adds_is_found_next_time(diascribe, monkeypatch, tmp_path):
    """The picture is unlike all that came along; its process in another look finds the user's own truth."""
    monkeypatch.setenv("DIASCRIBE_DATA_DIR", str(ROOT / "data" / "train"))
    mine, again = (next(CHECK.glob(f"ru/{name}.*g")) for name in ("corp-contract", "uml-contract"))
    before = json.loads(diascribe("describe", again, "--format", "json")[1])
    corrected = json.loads(mine.with_suffix(".json").read_text("utf-8"))
    corrected["nodes"][0]["text"] = "Исправлено мною"
    (tmp_path / "truth.json").write_text(json.dumps(corrected, ensure_ascii=False), "utf-8")
    code, out, err = diascribe("examples", "add", mine, "--truth", tmp_path / "truth.json", "--id", "mine")
    assert (code, out) == (0, "mine\n")
    assert "index of 397 examples, builtin (1 embedded, 396 kept)" in err
    after = json.loads(diascribe("describe", again, "--format", "json")[1])
    assert "mine" not in [example["id"] for example in before["examples"]]
    assert after["examples"][0]["id"] == "mine"
    assert "Исправлено мною" in diascribe("examples", "show", "mine")[1]
    best = max([example["score"] for example in before["examples"]], default=0)
    assert after["examples"][0]["score"] > best
    assert {**before, "examples": 0, "timings": 0} == {**after, "examples": 0, "timings": 0}
    assert diascribe("examples", "remove", "mine")[0] == 0
    assert json.loads(diascribe("describe", again, "--format", "json")[1])["examples"] == before["examples"]
