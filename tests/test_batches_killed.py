"""Whatever is killed, whenever: a batch of 200 pictures ends with 200 results, each once."""

from __future__ import annotations

import contextlib
import csv
import http.client
import io
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.api_client import wait_until as until
from tests.test_batches import picture

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-c", "from pipeline.cli import main; main()"]
COUNT = 200


def wait_until(holds: Any) -> None:
    """Wait for what 200 pictures take on a machine that has other work."""
    until(holds, 900)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def start(tmp_path) -> Iterator[Any]:
    """Starts processes of the program, in a folder of their own; those still alive at the end are killed."""
    running: list[subprocess.Popen] = []
    env = {**os.environ, "DIASCRIBE_STATE_DIR": str(tmp_path / "state"), "DIASCRIBE_EXAMPLES": "0"}
    env |= {"DIASCRIBE_ENGINE": "vision", "DIASCRIBE_REUSE": "1"}

    def begin(*arguments: str, **more: str) -> subprocess.Popen:
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen([*COMMAND, *arguments], cwd=ROOT, env={**env, **more}, stdout=log, stderr=log)
        running.append(process)
        return process

    begin.log = tmp_path / "log"
    begin.state = tmp_path / "state"
    yield begin
    for process in running:
        process.kill()
        process.wait()


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        return reply.status, reply.read()


def status(port: int, ident: str) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        code, body = ask(port, "GET", f"/v1/batches/{ident}")
        return json.loads(body) if code == 200 else None
    return None


def alive(port: int) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask(port, "GET", "/health")[0] == 200
    return False


def submit(port: int) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(COUNT):
            archive.writestr(f"{number:03d}.png", picture(number))
    body = b'--x\r\ncontent-disposition: form-data; name="files"; filename="all.zip"\r\n\r\n' + packed.getvalue()
    body += b"\r\n--x--\r\n"
    code, reply = ask(
        port, "POST", "/v1/batches", body, content_type="multipart/form-data; boundary=x", idempotency_key="one"
    )
    assert code == 202, reply
    return str(json.loads(reply)["id"])


def check(port: int, ident: str, log: Path) -> None:
    """Each picture has one result, and each result is recorded once."""
    _, lines = ask(port, "GET", f"/v1/batches/{ident}/results")
    found = [json.loads(line) for line in lines.splitlines()]
    assert sorted(line["number"] for line in found) == list(range(1, COUNT + 1))
    assert {line["state"] for line in found} == {"done"}, log.read_text()[-3000:]
    assert not any(line["earlier"] for line in found)
    assert len({line["result"] for line in found}) == COUNT
    _, history = ask(port, "GET", "/v1/history?limit=1")
    assert json.loads(history)["total"] == COUNT  # nothing was read and recorded twice


def by_hand(port: int, ident: str, start: Any) -> None:
    """The same by the commands of the program."""
    folder, api = start.log.parent, f"--api=http://127.0.0.1:{port}"
    (folder / "new").mkdir()
    for number in (900, 901):
        (folder / "new" / f"{number}.png").write_bytes(picture(number))

    def call(*arguments: str) -> str:
        env = {**os.environ, "DIASCRIBE_STATE_DIR": str(start.state)}
        done = subprocess.run([*COMMAND, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    out = folder / "all.zip"
    call("batch", "submit", str(folder / "new"), api, "--out", str(out))
    assert len(zipfile.ZipFile(out).namelist()) == 2 * 4 + 2
    assert f"{ident}  done: {COUNT} of {COUNT} done" in call("batch", "status", api)
    assert "done" in call("batch", "cancel", ident, api)
    assert "done" in call("batch", "retry", ident, api)
    call("batch", "export", ident, api, "--format", "csv", "--out", str(folder / "all.csv"))
    assert len(list(csv.reader(io.StringIO((folder / "all.csv").read_text("utf-8"))))) == COUNT + 1
    listed = call("history", "list", "900")
    assert listed.count("\n") == 1
    assert json.loads(call("history", "show", listed.split()[0]))["engine"] == "vision"
    call("history", "export", str(folder / "history.xlsx"), "--query", "901")
    call("history", "delete", listed.split()[0])
    assert call("history", "list", "900") == ""


@pytest.mark.slow
def test_nothing_is_lost_or_done_twice_when_server_and_readers_are_killed(start):
    chance, port = random.Random(7), free_port()
    serve = lambda: start("serve", "--no-page", "--port", str(port), "--workers", "2")  # noqa: E731
    server = serve()
    wait_until(lambda: alive(port))
    ident = submit(port)
    for kill, part in enumerate((0.1, 0.3, 0.45, 0.6, 0.75, 0.9)):
        wait_until(lambda part=part: ((status(port, ident) or {}).get("done", 0)) >= COUNT * part)
        time.sleep(chance.random() / 4)
        if kill % 3 == 1:  # a reader only
            readers = [one for one in psutil.Process(server.pid).children() if "spawn_main" in " ".join(one.cmdline())]
            os.kill(chance.choice(readers).pid, signal.SIGKILL)
        else:
            server.kill()
            server.wait()
            server = serve()
        wait_until(lambda: alive(port))
    wait_until(lambda: (status(port, ident) or {}).get("finished"))
    check(port, ident, start.log)
    assert submit(port) == ident  # the same key, even now
    by_hand(port, ident, start)
    server.terminate()
    assert server.wait(60) == 0
    for name in ("diascribe.db", "queue.db"):
        with contextlib.closing(sqlite3.connect(start.state / name)) as raw:
            assert not [row for row in raw.iterdump() if "gASV" in row], "a pickle"


@pytest.mark.slow
def test_a_server_that_is_stopped_in_good_order_leaves_the_rest_to_the_next(start):
    port = free_port()
    server = start("serve", "--no-page", "--port", str(port), "--workers", "1")
    wait_until(lambda: alive(port))
    ident = submit(port)
    wait_until(lambda: ((status(port, ident) or {}).get("done", 0)) >= 20)
    server.terminate()
    assert server.wait(60) == 0
    with contextlib.closing(sqlite3.connect(start.state / "diascribe.db")) as raw:
        states = dict(raw.execute("SELECT state, count(*) FROM items GROUP BY state"))
    assert set(states) == {"done", "queued"}
    start("serve", "--no-page", "--port", str(port), "--workers", "2")
    wait_until(lambda: (status(port, ident) or {}).get("finished"))
    check(port, ident, start.log)


@pytest.mark.slow
def test_two_workers_on_postgresql_one_of_which_is_killed_for_good(start, database):
    name = f"jobs{os.getpid()}"
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    url = database.rsplit("/", 1)[0] + f"/{name}"
    chance, port = random.Random(11), free_port()
    server = start("serve", "--no-page", "--port", str(port), "--workers", "1", DIASCRIBE_DATABASE_URL=url)
    wait_until(lambda: alive(port))
    ident = submit(port)
    workers = [start("worker", "--workers", "1", DIASCRIBE_DATABASE_URL=url) for _ in range(2)]

    def share() -> set[str]:
        with psycopg.connect(url) as connection:
            return {row[0] for row in connection.execute("SELECT process FROM items WHERE state = 'running'")}

    pids = [str(worker.pid) for worker in workers]
    seen: set[str] = set()

    def both() -> bool:
        seen.update(process.split("-")[-2] for process in share())
        return set(pids) <= seen

    wait_until(both)
    workers[0].kill()
    for part in (0.0, 0.3, 0.5, 0.7, 0.9):  # the API too, which comes again; the worker does not
        wait_until(lambda part=part: ((status(port, ident) or {}).get("done", 0)) >= COUNT * part)
        time.sleep(chance.random() / 4)
        server.kill()
        server.wait()
        server = start("serve", "--no-page", "--port", str(port), "--workers", "1", DIASCRIBE_DATABASE_URL=url)
        wait_until(lambda: alive(port))
    wait_until(lambda: (status(port, ident) or {}).get("finished"))
    check(port, ident, start.log)
    workers[1].terminate()
    assert workers[1].wait(60) == 0
