"""What has been described is recorded, found by words, given again for the same question, exported and forgotten."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from pipeline.history import Filter, NoSuchResultError
from pipeline.settings import Settings
from pipeline.storage import Database, StorageError
from pipeline.storage.database import _upgrade
from pipeline.storage.schema import HEAD, METADATA
from pipeline.store import DAY, Store
from pipeline.tasks import Describe
from tests.api_client import ORDER, client

GRAPH = {
    "kind": "bpmn",
    "language": "ru",
    "engine": "vision",
    "title": "Заявка на отпуск",
    "text": "Сотрудник подаёт заявление.",
    "nodes": [{"id": "n1", "type": "task", "text": "Согласование заявки", "bbox": None, "lane": None}],
    "edges": [],
    "lanes": [{"id": "l1", "name": "Отдел кадров", "parent": None, "bbox": None}],
    "warnings": [],
    "steps": [],
    "examples": [],
    "timings": {},
}


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    url = request.getfixturevalue("database") if request.param == "postgresql" else ""
    made = Store(Settings(state_dir=tmp_path, database_url=url))
    yield made
    made.history.clear()
    made.close()


def files(store: Store) -> list[str]:
    return sorted(path.name for path in (store.settings.state_dir / "uploads").rglob("*") if path.is_file())


def test_results_are_found_by_any_form_of_their_words(store):
    first = store.history.record(b"one", "отпуск.png", "k1", GRAPH)
    english = {**GRAPH, "kind": "flowchart", "language": "en", "title": "Order handling", "text": "", "nodes": []}
    second = store.history.record(b"two", "order.png", "k2", english)
    queries = ("", "заявки", "ЗАЯВКОЙ отдела", "заявление", "order", "Handl", "заявка order", "%", "'\"; --", "*")
    found = {words: [entry.id for entry in store.history.find(Filter(words))[1]] for words in queries}
    assert found == {
        "": [second, first],
        "заявки": [first],
        "ЗАЯВКОЙ отдела": [first],
        "заявление": [first],
        "order": [second],
        "Handl": [second],
        "заявка order": [],
        "%": [],
        "'\"; --": [],
        "*": [],
    }
    assert [entry.id for entry in store.history.find(Filter(kind="bpmn"))[1]] == [first]
    assert [entry.id for entry in store.history.find(Filter(language="en"))[1]] == [second]
    assert store.history.find(Filter(), limit=1, offset=1) == (2, [store.history.get(first)[0]])
    assert store.history.get(first)[1] == GRAPH


def test_a_file_lives_as_long_as_something_refers_to_it(store):
    ids = [store.history.record(b"same", name, name, GRAPH) for name in ("a.png", "b.png")]
    assert len(files(store)) == 1
    assert store.history.image(ids[0])[1] == b"same"
    store.history.delete(ids[0])
    assert store.history.image(ids[1])[1] == b"same"
    store.history.delete(ids[1])
    assert files(store) == []
    with pytest.raises(NoSuchResultError):
        store.history.get(ids[1])
    with pytest.raises(NoSuchResultError):
        store.history.delete(ids[1])


def test_many_threads_that_record_and_delete_the_same_content_lose_no_file(store):
    store.history.find(Filter())
    errors: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(8):
                ident = store.history.record(b"shared", "x.png", "k", GRAPH)
                assert store.history.image(ident)[1] == b"shared"
                store.history.delete(ident)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert files(store) == []


def test_results_that_nobody_asks_for_expire(store):
    old, used, new = (store.history.record(name.encode(), name, name, GRAPH) for name in ("old", "used", "new"))
    from pipeline.storage.schema import RESULTS

    with store.database.write() as connection:
        long_ago = time.time() - 91 * DAY
        connection.execute(
            RESULTS.update().where(RESULTS.c.id.in_([old, used])).values(created=long_ago, used=long_ago)
        )
    assert store.history.earlier("used")[0].id == used
    assert store.expire() == 1
    assert {entry.id for entry in store.history.find(Filter())[1]} == {used, new}
    assert len(files(store)) == 2


def test_a_result_answers_only_the_same_question_and_only_if_it_would_be_so_again(store):
    asked = Describe(b"picture")
    key = store.key(asked)
    assert store.history.earlier(key) is None
    ident = store.history.record(b"picture", "", key, GRAPH)
    assert store.history.earlier(store.key(Describe(b"picture", outputs=("csv",), grounding=False)))[0].id == ident
    for other in ({"data": b"other"}, {"page": 2}, {"lang": "ru"}, {"engine": "hybrid"}, {"examples": 0}):
        assert store.key(replace(asked, **other)) != key, other
    changed = Store(store.settings.model_copy(update={"pdf_dpi": 100}))
    assert changed.key(asked) != key
    store.history.record(b"x", "", "model", {**GRAPH, "engine": "hybrid", "warnings": ["no server"]})
    assert store.history.earlier("model") is None


def test_the_migrations_make_what_the_code_expects(store):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.database.read() as connection:
        names = {*METADATA.tables}
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or name in names}
        )
        assert compare_metadata(context, METADATA) == []


def test_an_old_file_is_brought_up_to_date_with_all_that_is_in_it(tmp_path):
    database = Database(tmp_path)
    import sqlalchemy as sa

    engine = database._engine
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        _upgrade(connection, "0001")
        connection.execute(sa.text("INSERT INTO uploads VALUES ('s', 3, 1)"))
        connection.execute(
            sa.text(
                "INSERT INTO results "
                "VALUES (1, 'a1', 1, 1, 's', 'k', 'old.png', 'bpmn', 'en', 'vision', 'T', 0, 0, 0, :d)"
            ),
            {"d": json.dumps(GRAPH)},
        )
    database.close()
    store = Store(Settings(state_dir=tmp_path, database_url=""))
    assert store.history.get("a1")[1] == GRAPH
    with store.database.read() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == HEAD
        assert connection.scalar(sa.text("SELECT count(*) FROM items")) == 0
        assert connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"


def test_a_file_of_a_newer_version_and_a_broken_one_are_named(tmp_path):
    Database(tmp_path)  # nothing is made before it is used
    assert list(tmp_path.iterdir()) == []
    with sqlite3.connect(tmp_path / "diascribe.db") as raw:
        raw.execute("CREATE TABLE alembic_version (version_num TEXT)")
        raw.execute("INSERT INTO alembic_version VALUES ('9999')")
    with pytest.raises(StorageError, match="newer version") as refused, Database(tmp_path).read():
        pass
    assert refused.value.hint
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "diascribe.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageError, match="cannot be used"), Database(tmp_path / "bad").read():
        pass


def test_processes_that_open_a_fresh_file_at_once_all_succeed(tmp_path):
    code = (
        "import sys; from pathlib import Path; from pipeline.storage import Database\n"
        "with Database(Path(sys.argv[1])).write() as c: c.exec_driver_sql('SELECT count(*) FROM items')"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(4)]
    assert [process.wait(120) for process in running] == [0] * 4


def test_the_service_records_answers_again_and_forgets(tmp_path):
    with client(Settings(state_dir=tmp_path, reuse=True, database_url="")) as http:
        files_ = {"file": ("Заказ.png", ORDER, "image/png")}
        http.post("/v1/describe", files=files_)  # builds the index of examples, which the answers depend on
        http.delete("/v1/history?all=true")
        first = http.post("/v1/describe", files=files_, data={"formats": "mermaid"}).json()
        assert first["history"]["earlier"] is False
        again = http.post("/v1/describe", files=files_, data={"formats": "bpmn,csv", "grounding": "false"}).json()
        assert again["history"] == {**first["history"], "earlier": True, "created": again["history"]["created"]}
        assert again["outputs"]["bpmn"].startswith("<?xml")
        assert set(again["outputs"]) == {"bpmn", "csv"}
        assert again["nodes"][0]["bbox"] is None
        assert [node["text"] for node in again["nodes"]] == [node["text"] for node in first["nodes"]]
        fresh = http.post("/v1/describe", files=files_, headers={"cache-control": "no-cache"}).json()
        assert fresh["history"]["earlier"] is False
        russian = http.post("/v1/describe", files=files_, data={"language": "ru"}).json()
        assert russian["history"]["earlier"] is False

        listed = http.get("/v1/history", params={"query": "заказ"}).json()
        assert listed["total"] == 3
        ident = first["history"]["id"]
        item = http.get(f"/v1/history/{ident}").json()
        assert item["name"] == "Заказ.png"
        assert item["description"]["nodes"] == first["nodes"]
        image = http.get(f"/v1/history/{ident}/image")
        assert (image.content, image.headers["content-type"]) == (ORDER, "image/png")

        archive = zipfile.ZipFile(io.BytesIO(http.get("/v1/history/export").content))
        assert archive.testzip() is None
        assert len(archive.namelist()) == 3 * 4 + 2
        table = list(csv.DictReader(io.StringIO(http.get("/v1/history/export?format=csv").text)))
        assert [row["Name"] for row in table] == ["Заказ.png"] * 3
        book = openpyxl.load_workbook(io.BytesIO(http.get("/v1/history/export?format=xlsx").content))
        assert book.active.max_row == 4
        lines = http.get("/v1/history/export?format=jsonl").text.splitlines()
        assert {json.loads(line)["result"] for line in lines} >= {ident}

        assert http.delete(f"/v1/history/{ident}").status_code == 204
        missing = http.get(f"/v1/history/{ident}")
        assert (missing.status_code, missing.json()["type"]) == (404, "urn:diascribe:problem:no-such-result")
        assert http.delete("/v1/history").status_code == 422
        assert http.delete("/v1/history?all=true").json() == {"deleted": 2}
        assert not [path for path in (tmp_path / "uploads").rglob("*") if path.is_file()]


def test_a_history_that_cannot_be_written_costs_no_answer(tmp_path):
    (tmp_path / "state").write_text("a file where the folder should be")
    with client(Settings(state_dir=tmp_path / "state", database_url="")) as http:
        reply = http.post("/v1/describe", files={"file": ORDER})
        assert (reply.status_code, reply.json()["history"]) == (200, None)
        refused = http.get("/v1/history")
        assert (refused.status_code, refused.json()["retryable"]) == (503, True)
    with client(Settings(state_dir=tmp_path / "other", history_days=-1, database_url="")) as http:
        assert http.post("/v1/describe", files={"file": ORDER}).json()["history"] is None
        assert not (tmp_path / "other").exists()


def test_nothing_that_is_kept_is_a_pickle():
    for path in [Path("pipeline"), Path("api")]:
        for file in (Path(__file__).resolve().parent.parent / path).rglob("*.py"):
            assert "import pickle" not in file.read_text("utf-8"), file


def test_the_queue_loads_nothing_of_what_makes_statements_once_the_database_is_open(tmp_path):
    """Its library is loaded in a thread of its own, when the first batch comes, beside requests that read."""
    code = (
        "import pathlib, sys\nfrom pipeline.storage import Database\n"
        "with Database(pathlib.Path(sys.argv[1])).read(): pass\n"
        "before = set(sys.modules)\nimport dbos\n"
        "print([name for name in set(sys.modules) - before if name.startswith(('sqlalchemy.sql', 'sqlalchemy.orm'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
