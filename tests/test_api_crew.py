"""A crew of processes survives whatever one call does, and turns calls away before it drowns in them."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import CancelledError, wait

import psutil
import pytest

from diagram.errors import UnknownNameError
from diagram.progress import AbandonedError, stage, token
from pipeline.crew import Crew, FullError, LostError, OverrunError
from tests.api_client import client, wait_until


def make():
    def work(item: str):
        if item == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if item == "raises":
            raise ValueError("no good")
        if item == "unknown":
            return UnknownNameError("unknown", hint="known: a")
        if item.startswith("sleeps"):
            time.sleep(float(item.split()[1]))
        if item == "tells":
            stage("one")
            token("a piece")
        while item == "goes on":
            stage("again")
            time.sleep(0.01)
        return f"{item} {os.getpid()}"

    def told(item: str):
        try:
            return work(item)
        except AbandonedError as error:
            return error

    return told


def test_lost_calls_fail_alone_and_the_place_is_taken_by_a_fresh_worker():
    with Crew(make, "first", size=1, waiting=10, timeout=60) as crew:
        first = crew.submit("a").result(60)
        killed, raises, unknown = crew.submit("killed"), crew.submit("raises"), crew.submit("unknown")
        hangs, last = crew.submit("sleeps 600", timeout=0.5), crew.submit("a")
        with pytest.raises(LostError, match="killed") as caught:
            killed.result(60)
        assert "--workers" in caught.value.hint
        with pytest.raises(LostError, match="internal error: ValueError: no good"):
            raises.result(60)
        with pytest.raises(UnknownNameError) as error:
            unknown.result(60)
        assert error.value.hint == "known: a"
        with pytest.raises(OverrunError, match="given up"):
            hangs.result(60)
        assert last.result(60).startswith("a ")
        assert last.result() != first
        assert crew.load().ready == 1


def test_a_worker_that_dies_while_idle_is_replaced_before_it_is_asked():
    with Crew(make, "first", size=1, waiting=10, timeout=60) as crew:
        pid = int(crew.submit("a").result(60).split()[1])
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not psutil.pid_exists(pid))
        assert int(crew.submit("a").result(60).split()[1]) != pid


def test_calls_beyond_those_that_may_wait_are_refused_and_cancelled_ones_never_start():
    with Crew(make, "first", size=1, waiting=1, timeout=60) as crew:
        running, waiting = crew.submit("sleeps 600"), crew.submit("b")
        with pytest.raises(FullError) as full:
            crew.submit("c")
        assert full.value.retryable
        assert full.value.after >= 1
        wait_until(lambda: crew.load().busy == 1)
        assert crew.load().waiting == 1
        assert waiting.cancel()
        start = time.monotonic()
        crew.close()
        assert time.monotonic() - start < 60
    wait([running], 60)
    with pytest.raises(LostError):
        running.result()
    with pytest.raises(CancelledError):
        waiting.result()


def test_work_tells_how_it_goes_and_ends_where_nobody_wants_it_any_more():
    with Crew(make, "first", size=1, waiting=10, timeout=60) as crew:
        heard = []
        pid = crew.submit("tells", told=lambda *told: heard.append(told)).result(60).split()[1]
        assert heard == [("stage", "one"), ("token", "a piece")]
        cancel, begun = threading.Event(), threading.Event()
        abandoned = crew.submit("goes on", told=lambda *_: begun.set(), cancel=cancel)
        assert begun.wait(60)
        cancel.set()
        with pytest.raises(AbandonedError):
            abandoned.result(60)
        assert crew.submit("a").result(60) == f"a {pid}"


def test_readers_step_back_behind_the_server():
    with client() as api:
        wait_until(lambda: api.get("/ready").status_code == 200)
        me = psutil.Process()
        assert min(19, me.nice() + 5) in {child.nice() for child in me.children()}
