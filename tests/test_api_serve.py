"""`diascribe serve` as a process: where it listens, what it refuses, how it stops."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from api.serve import bind, new_key
from tests.api_client import ORDER, wait_until

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-c", "from pipeline.cli import main; main()", "serve", "--no-page"]


@contextlib.contextmanager
def serving(*options: str, **env: str) -> Iterator[tuple[subprocess.Popen, int]]:
    """A server on a free port, alive."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--workers", "1", *options],
        cwd=ROOT,
        env={**os.environ, **env},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line = process.stderr.readline()
            port = int(line.rsplit(":", 1)[1])
            threading.Thread(target=process.stderr.read, daemon=True).start()
            wait_until(lambda: alive(port))
            yield process, port
        finally:
            process.kill()


def ask(port: int, path: str, body: bytes | None = None, kind: str = "image/png") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with contextlib.closing(connection):
        connection.request("GET" if body is None else "POST", path, body, {"content-type": kind} if body else {})
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())


def alive(port: int) -> bool:
    with contextlib.suppress(OSError):
        return ask(port, "/health")[0] == 200
    return False


def test_what_is_at_work_when_the_server_is_stopped_is_finished():
    with serving() as (process, port):
        wait_until(lambda: ask(port, "/ready")[0] == 200)
        children = psutil.Process(process.pid).children(recursive=True)
        replies = []
        asking = threading.Thread(target=lambda: replies.append(ask(port, "/v1/describe", ORDER)))
        asking.start()
        wait_until(lambda: ask(port, "/load")[1]["busy"] == 1)
        quick = time.monotonic()
        for _ in range(5):
            assert ask(port, "/health")[0] == 200
        assert time.monotonic() - quick < 30  # readers at work do not keep it waiting
        process.send_signal(signal.SIGTERM)
        asking.join(120)
        assert replies[0][0] == 200
        assert len(replies[0][1]["steps"]) == 9
        assert process.wait(60) == 0
        assert not psutil.wait_procs(children, timeout=10)[1]


def test_a_server_that_is_killed_leaves_no_reader_behind():
    with serving() as (process, port):
        wait_until(lambda: ask(port, "/ready")[0] == 200)
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.kill()
        assert not psutil.wait_procs(children, timeout=30)[1]


def test_an_upload_that_is_slow_or_cut_off_costs_nothing():
    with serving(DIASCRIBE_API_UPLOAD_SECONDS="1") as (_, port):
        head = (
            b"POST /v1/describe HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port), timeout=60) as slow:
            slow.sendall(head + b"x" * 10)
            assert b" 408 " in slow.recv(100)
        with socket.create_connection(("127.0.0.1", port), timeout=60) as cut:
            cut.sendall(head + b"x" * 10)
        assert ask(port, "/health")[0] == 200
        assert ask(port, "/load")[1]["waiting"] == 0


def test_a_taken_port_names_the_next_free_one():
    with contextlib.closing(bind("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--port", str(port)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken" in done.stderr
    assert "is free: --port " in done.stderr


@pytest.mark.parametrize(
    ("options", "env", "code", "told"),
    [
        (["--host", "0.0.0.0"], {}, 1, "--new-key"),
        (["--host", "no.such.host.invalid", "--keyless"], {}, 1, "cannot listen"),
        ([], {"DIASCRIBE_API_PORT": "99999"}, 2, "DIASCRIBE_API_PORT"),
        ([], {"DIASCRIBE_API_KEYS": "open"}, 2, "DIASCRIBE_API_KEYS"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, env, code, told):
    done = subprocess.run(
        [*COMMAND, *options], cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr


def test_a_new_key_is_printed_with_its_hash():
    done = subprocess.run([*COMMAND, "--new-key"], cwd=ROOT, capture_output=True, text=True, check=True)
    key, hash_ = (line.rsplit(" ", 1)[1] for line in done.stdout.splitlines())
    assert key.startswith("dia_")
    assert new_key()[0] != key
    assert hash_.startswith("DIASCRIBE_API_KEYS=")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_requests_of_the_readme_are_answered(tmp_path):
    lines = re.findall(r"^curl .*$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert len(lines) >= 3
    shutil.copytree(ROOT / "data" / "examples", tmp_path / "data" / "examples")
    with serving() as (_, port):
        for line in lines:
            command = line.replace("curl ", "curl --fail-with-body --silent --show-error ", 1)
            done = subprocess.run(
                ["bash", "-c", command.replace(":8000", f":{port}")],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr + done.stdout
            assert done.stdout or (tmp_path / "order.svg").read_text("utf-8").startswith("<svg")
