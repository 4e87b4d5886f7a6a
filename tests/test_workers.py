"""A batch survives whatever one of its items does."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pipeline.workers import Lost, run_all


def make(word: str):
    def work(item: str) -> str:
        if item == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if item == "exits":
            os._exit(3)
        if item == "raises":
            raise ValueError("no good")
        if item == "starved":
            raise MemoryError
        if item == "hangs":
            time.sleep(600)
        return f"{word} {item}"

    return work


def broken_make():
    sys.exit(5)


def test_killed_hung_and_raising_items_do_not_stop_the_others():
    items = ["a", "killed", "b", "exits", "raises", "hangs", "starved", "c", "d"]
    results = dict(run_all(functools.partial(make, "did"), items, jobs=2, timeout=6))
    assert sorted(results) == list(range(len(items)))
    assert [results[i] for i in (0, 2, 7, 8)] == ["did a", "did b", "did c", "did d"]
    assert "memory" in results[1].reason
    assert "exit code 3" in results[3].reason
    assert results[4].reason == "internal error: ValueError: no good"
    assert "given up after 6 s" in results[5].reason
    assert results[6].hint
    assert all(isinstance(results[i], Lost) for i in (1, 3, 4, 5, 6))


def test_workers_that_cannot_start_end_the_batch():
    results = dict(run_all(broken_make, ["a", "b", "c"], jobs=2, timeout=30))
    assert [results[i].reason for i in range(3)] == ["the reader stopped (exit code 5)"] * 3


def test_nothing_to_do():
    assert list(run_all(functools.partial(make, ""), [], jobs=2, timeout=1)) == []


def test_leaving_early_ends_the_workers():
    results = run_all(functools.partial(make, "did"), ["a", "hangs", "hangs"], jobs=2, timeout=600)
    assert next(results) == (0, "did a")
    results.close()


def test_a_script_that_workers_cannot_load_is_told_so():
    script = """
import functools
from pipeline.workers import run_all
from tests.test_workers import make
print(dict(run_all(functools.partial(make, "did"), ["a", "b"], jobs=1, timeout=60)))
"""
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-"], check=False, input=script, text=True, capture_output=True, cwd=root, timeout=120
    )
    assert done.stdout.count('if __name__ == "__main__"') == 2
