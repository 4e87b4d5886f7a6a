"""Every index keeps the same promises; the one on disk survives kills, other writers and damage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from diagram.errors import (
    BrokenIndexError,
    BusyError,
    IndexUnusableError,
    InputError,
    MissingIndexError,
    StaleIndexError,
)
from retrieval.embedder import normalised
from retrieval.faiss_index import FaissIndex
from retrieval.index import Identity, Journal
from retrieval.postgres import PostgresIndex

ME = Identity("test", "test/1", 16)
ROOT = Path(__file__).parents[1]


def vector(name: str) -> np.ndarray:
    return normalised(np.random.default_rng(list(name.encode())).normal(size=(1, ME.dim)))[0]


class Embedding:
    """Embeds ids, and remembers which."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, names):
        self.seen += names
        return np.array([vector(name) for name in names]).reshape(-1, ME.dim)


def entries(*numbers: int, digest: str = "a") -> dict[str, str]:
    return {f"example-{number}": digest for number in numbers}


def fill(index, wanted: dict[str, str], **options):
    embedding = Embedding()
    done = index.sync(lambda: wanted, embedding, ME, **options)
    return done, embedding.seen


EXACT = 1e-3  # lists hold vectors in half precision
KINDS = {"flat": 10_000, "lists": 20, "postgres flat": 10_000, "postgres graph": 20}


@pytest.fixture(params=KINDS)
def open_index(request, tmp_path):
    """Opens one and the same index of a kind, anew with every call."""
    if not request.param.startswith("postgres"):
        yield lambda: FaissIndex(tmp_path / "index", flat_up_to=KINDS[request.param])
        return
    url = request.getfixturevalue("database")
    name = f"test {uuid.uuid4()}"
    opened = []

    def make():
        opened.append(PostgresIndex(url, name=name, flat_up_to=KINDS[request.param]))
        return opened[-1]

    yield make
    opened[0].drop()
    for one in opened:
        one.close()


@pytest.fixture
def index(open_index):
    return open_index()


def ids(hits) -> list[str]:
    return [hit.id for hit in hits]


def test_what_was_put_in_is_found_first(index):
    wanted = entries(*range(100))
    done, _ = fill(index, wanted)
    assert (done.manifest.count, done.manifest.embedder, done.embedded) == (100, ME, 100)
    for name in wanted:
        (best, second) = index.search(vector(name), 2, ME)
        assert best.id == name
        assert best.score == pytest.approx(1, abs=EXACT)
        assert second.score < best.score
        assert np.allclose(best.vector, vector(name), atol=EXACT)


def test_scores_are_the_products_in_falling_order(index):
    fill(index, entries(*range(50)))
    query = vector("query")
    hits = index.search(query, 10, ME)
    assert [hit.score for hit in hits] == pytest.approx([float(vector(hit.id) @ query) for hit in hits], abs=EXACT)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_asking_for_more_than_there_is_gives_all(index):
    fill(index, entries(1, 2, 3))
    assert sorted(ids(index.search(vector("query"), 99, ME))) == sorted(entries(1, 2, 3))
    assert index.search(vector("query"), 0, ME) == []
    assert index.search(np.zeros(ME.dim, np.float32), 5, ME) == []


def test_an_empty_index_is_an_index(index):
    done, seen = fill(index, {})
    assert (done.manifest.count, seen) == (0, [])
    assert index.search(vector("query"), 5, ME) == []
    assert index.verify() == []


def test_only_what_is_new_or_changed_is_embedded(index):
    fill(index, entries(*range(60)))
    wanted = {**entries(*range(2, 60)), **entries(60, 61), **entries(7, digest="changed")}
    done, seen = fill(index, wanted)
    assert sorted(seen) == ["example-60", "example-61", "example-7"]
    assert (done.embedded, done.kept, done.removed) == (3, 57, 3)
    assert sorted(ids(index.search(vector("query"), 99, ME))) == sorted(wanted)
    assert fill(index, wanted)[1] == []
    assert index.search(vector("example-61"), 1, ME)[0].id == "example-61"


def test_growing_leaves_everything_findable(index):
    for upper in (30, 50, 70, 300):
        fill(index, entries(*range(upper)))
        for name in entries(*range(upper)):
            assert ids(index.search(vector(name), 1, ME)) == [name]


def test_rebuilding_embeds_everything(index):
    fill(index, entries(1, 2, 3))
    assert len(fill(index, entries(1, 2, 3), rebuild=True)[1]) == 3


def test_another_reader_sees_what_is_published_without_reopening(index, open_index):
    fill(index, entries(*range(30)))
    reader = open_index()
    assert reader.search(vector("example-99"), 1, ME)[0].id != "example-99"
    fill(index, entries(*range(30), 99))
    assert reader.search(vector("example-99"), 1, ME)[0].id == "example-99"


def test_vectors_of_another_embedder_are_refused_with_the_command_that_rebuilds(index):
    fill(index, entries(1, 2))
    other = Identity("other", "other/2", ME.dim)
    with pytest.raises(StaleIndexError, match="another embedder") as raised:
        index.search(vector("query"), 1, other)
    assert "diascribe index build" in raised.value.hint
    embedding = Embedding()
    index.sync(lambda: entries(1, 2), embedding, other)
    assert len(embedding.seen) == 2
    assert index.search(vector("example-1"), 1, other)[0].id == "example-1"
    with pytest.raises(StaleIndexError):
        index.search(vector("query"), 1, ME)


def test_nothing_built_says_how_to_build(index):
    for act in (index.manifest, index.verify, lambda: index.search(vector("query"), 1, ME)):
        with pytest.raises(MissingIndexError) as raised:
            act()
        assert "diascribe index build" in raised.value.hint


def test_an_id_that_is_too_long_is_refused(index):
    with pytest.raises(InputError):
        fill(index, {"x" * 200: "a"})


def test_an_embedder_that_breaks_its_promise_is_noticed(index):
    with pytest.raises(BrokenIndexError):
        index.sync(lambda: entries(1), lambda names: np.zeros((len(names), 3), np.float32), ME)
    with pytest.raises(BrokenIndexError):
        index.sync(lambda: entries(1), lambda names: np.full((len(names), ME.dim), np.nan, np.float32), ME)


def test_a_failing_build_leaves_the_old_index(index):
    fill(index, entries(1, 2))

    def fail(names):
        raise RuntimeError("the embedder fell over")

    with pytest.raises(RuntimeError):
        index.sync(lambda: entries(1, 2, 3), fail, ME)
    assert sorted(ids(index.search(vector("query"), 9, ME))) == sorted(entries(1, 2))


def test_a_build_that_fails_half_way_is_resumed(index):
    embedding = Embedding()

    def fail_late(names):
        if len(embedding.seen) >= 100:
            raise RuntimeError("the embedder fell over")
        return embedding(names)

    with pytest.raises(RuntimeError):
        index.sync(lambda: entries(*range(300)), fail_late, ME)
    done, seen = fill(index, entries(*range(300)))
    assert done.resumed == len(embedding.seen)
    assert sorted(seen + embedding.seen) == sorted(entries(*range(300)))
    assert index.verify() == []
    assert index.search(vector("example-7"), 1, ME)[0].id == "example-7"


def test_two_threads_may_search_at_a_time(index):
    fill(index, entries(*range(50)))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda name: index.search(vector(name), 1, ME)[0].id, entries(*range(50))))
    assert found == list(entries(*range(50)))


def test_threads_that_search_at_a_time_open_the_files_once(tmp_path):
    fill(FaissIndex(tmp_path / "index"), entries(*range(50)))
    index = FaissIndex(tmp_path / "index")
    ready = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda _: (ready.wait(10), index._current())[1], range(8)))
    assert len({id(state) for state in states}) == 1


# In PostgreSQL


@pytest.fixture
def postgres(database):
    index = PostgresIndex(database, name=f"test {uuid.uuid4()}")
    yield index
    index.drop()
    index.close()


def test_rows_changed_in_the_database_are_noticed(postgres):
    fill(postgres, entries(1, 2, 3))
    table = postgres._state()[1]
    postgres._open().execute(f"update {table} set v = v + v where id = 'example-1'")
    assert "wrong length" in postgres.verify()[0]
    postgres._open().execute(f"delete from {table} where id = 'example-1'")
    assert "2 entries, not 3" in postgres.verify()[0]
    fill(postgres, entries(1, 2, 3), rebuild=True)
    assert postgres.verify() == []


def test_a_killed_builder_in_the_database_is_resumed(postgres):
    code = """
import sys, time
from retrieval.postgres import PostgresIndex
from tests.test_index import ME, Embedding, entries
embedding = Embedding()
def slowly(names):
    time.sleep(0.1)
    return embedding(names)
PostgresIndex(sys.argv[1], name=sys.argv[2]).sync(lambda: entries(*range(2000)), slowly, ME)
"""
    fill(postgres, entries(9999))
    process = subprocess.Popen([sys.executable, "-c", code, postgres._url, postgres._name], cwd=ROOT)
    pending = postgres._table("p", ME)
    count = 0
    while count < 100:
        assert process.poll() is None
        time.sleep(0.02)
        if postgres._open().execute("select to_regclass(%s)", (pending,)).fetchone()[0]:
            count = postgres._open().execute(f"select count(*) from {pending}").fetchone()[0]
    process.kill()
    process.wait()
    assert ids(postgres.search(vector("query"), 9, ME)) == ["example-9999"]
    done, seen = fill(postgres, entries(*range(2000)))
    assert done.resumed >= 100
    assert len(seen) == 2000 - done.resumed
    assert postgres.verify() == []


def test_a_server_that_is_not_there_is_one_clear_error():
    pytest.importorskip("psycopg")
    with pytest.raises(IndexUnusableError, match="cannot be used") as raised:
        PostgresIndex("postgresql://nobody@127.0.0.1:1/none").manifest()
    assert "DIASCRIBE_DATABASE_URL" in raised.value.hint


# On disk


def generation(folder: Path) -> Path:
    return folder / json.loads((folder / "manifest.json").read_text("utf-8"))["generation"]


@pytest.mark.parametrize("name", ["rows.npy", "index.faiss"])
@pytest.mark.parametrize("damage", ["truncated", "edited", "gone"])
def test_damage_is_noticed_and_mended_by_a_build(tmp_path, name, damage):
    index = FaissIndex(tmp_path)
    fill(index, entries(*range(40)))
    path = generation(tmp_path) / name
    data = bytearray(path.read_bytes())
    path.unlink()  # an open reader keeps its file
    if damage == "truncated":
        path.write_bytes(data[:-10])
    elif damage == "edited":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    fresh = FaissIndex(tmp_path)
    with pytest.raises(BrokenIndexError, match=name) as raised:
        fresh.search(vector("query"), 1, ME)
    assert "diascribe index build" in raised.value.hint
    assert name in fresh.verify()[0]
    assert len(fill(fresh, entries(*range(40)))[1]) == 40
    assert fresh.verify() == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 99}'])
def test_a_broken_manifest_is_noticed_and_mended_by_a_build(tmp_path, text):
    index = FaissIndex(tmp_path)
    fill(index, entries(1, 2))
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BrokenIndexError):
        index.manifest()
    fill(index, entries(1, 2))
    assert index.manifest().count == 2


def test_old_generations_and_leftovers_are_removed(tmp_path):
    index = FaissIndex(tmp_path)
    for upper in (3, 4, 5):
        (tmp_path / ".tmp-left").mkdir()
        fill(index, entries(*range(upper)))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", generation(tmp_path).name, "manifest.json"]


BUILDER = """
import sys, time
from pathlib import Path
from retrieval.faiss_index import FaissIndex
from tests.test_index import ME, Embedding, entries
embedding = Embedding()
def slowly(names):
    time.sleep(float(sys.argv[3]))
    return embedding(names)
numbers = [int(number) for number in sys.argv[2].split(",")]
FaissIndex(Path(sys.argv[1])).sync(lambda: entries(*numbers), slowly, ME)
"""


def start(folder: Path, numbers: range, pause: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", BUILDER, str(folder), ",".join(map(str, numbers)), str(pause)]
    return subprocess.Popen(command, cwd=ROOT)


def test_a_killed_build_goes_on_where_it_stopped_and_readers_never_notice(tmp_path):
    reader = FaissIndex(tmp_path)
    fill(reader, entries(9999))
    process = start(tmp_path, range(400), 0.1)
    journal = tmp_path / ".journal"
    while not (journal.exists() and journal.stat().st_size > 100 * 4 * ME.dim):
        assert process.poll() is None
        time.sleep(0.01)
    assert ids(reader.search(vector("query"), 9, ME)) == ["example-9999"]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert ids(FaissIndex(tmp_path).search(vector("query"), 9, ME)) == ["example-9999"]
    done, seen = fill(reader, entries(*range(400)))
    assert done.resumed >= 64
    assert len(seen) == 400 - done.resumed
    assert reader.verify() == []
    for name in entries(*range(400)):
        assert ids(reader.search(vector(name), 1, ME)) == [name]
    assert not journal.exists()


def test_a_build_killed_at_any_moment_leaves_a_sound_index(tmp_path):
    index = FaissIndex(tmp_path)
    fill(index, entries(0))
    for attempt in range(6):
        process = start(tmp_path, range(100 + attempt), 0)
        time.sleep(0.35 + 0.05 * attempt)
        process.kill()
        process.wait()
        assert FaissIndex(tmp_path).verify() == []
    fill(index, entries(*range(200)))
    assert index.manifest().count == 200


def test_a_journal_cut_or_changed_anywhere_gives_what_is_whole(tmp_path):
    journal = Journal(tmp_path / "journal", ME)
    digests = [bytes([number]) * 16 for number in range(5)]
    vectors = np.array([vector(str(number)) for number in range(5)])
    journal.add(digests, vectors)
    data = (tmp_path / "journal").read_bytes()
    for cut in (0, 5, 31, 32, 33, len(data) // 2, len(data) - 1):
        (tmp_path / "journal").write_bytes(data[:cut])
        found = journal.read()
        assert list(found) == digests[: len(found)]
        assert len(found) == max(0, (cut - 32) // (16 + 4 * ME.dim + 4))
        journal.add(digests[len(found) :], vectors[len(found) :])
        assert list(journal.read()) == digests
    changed = bytearray(data)
    changed[32 + 100] ^= 1
    (tmp_path / "journal").write_bytes(changed)
    assert list(journal.read()) == digests[:1]
    assert Journal(tmp_path / "journal", Identity("other", "other", ME.dim)).read() == {}


@pytest.mark.parametrize("place", ["folder", "database"])
def test_two_builders_wait_for_each_other_and_lose_nothing(request, tmp_path, place):
    shared = tmp_path / "wanted"
    shared.mkdir()
    name = f"test {uuid.uuid4()}"
    where = str(tmp_path / "index") if place == "folder" else request.getfixturevalue("database")
    open_one = "FaissIndex(Path(sys.argv[1]))" if place == "folder" else "PostgresIndex(sys.argv[1], name=sys.argv[2])"
    code = f"""
import sys
from pathlib import Path
from retrieval.faiss_index import FaissIndex
from retrieval.postgres import PostgresIndex
from tests.test_index import ME, Embedding
shared, who = Path(sys.argv[3]), sys.argv[4]
for number in range(10):
    (shared / f"{{who}}-{{number}}").touch()
    {open_one}.sync(lambda: {{path.name: "a" for path in shared.iterdir()}}, Embedding(), ME)
"""
    command = [sys.executable, "-c", code, where, name, str(shared)]
    processes = [subprocess.Popen([*command, who], cwd=ROOT) for who in ("left", "right")]
    assert [process.wait() for process in processes] == [0, 0]
    index = FaissIndex(Path(where)) if place == "folder" else PostgresIndex(where, name=name)
    assert index.manifest().count == 20
    assert index.verify() == []
    if isinstance(index, PostgresIndex):
        index.drop()
        index.close()


def test_a_builder_that_never_ends_is_waited_for_only_so_long(tmp_path):
    process = start(tmp_path, range(64), 60)
    while not (tmp_path / ".lock").exists() or not _locked(tmp_path / ".lock"):
        time.sleep(0.02)
    with pytest.raises(BusyError) as raised:
        fill(FaissIndex(tmp_path, patience=0.2), entries(1))
    assert raised.value.retryable
    process.kill()
    process.wait()
    assert fill(FaissIndex(tmp_path, patience=5), entries(1))[0].manifest.count == 1


def _locked(path: Path) -> bool:
    import fcntl

    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
