"""Server-sent events: progress of a reading as it goes, and no work for a client that has gone."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator

import pytest

from api.stream import event, wanted
from pipeline.tasks import STAGES
from tests.api_client import ORDER, wait_until
from tests.test_api_serve import ask, serving


@pytest.fixture(scope="module")
def port():
    with serving() as (_, port):
        wait_until(lambda: ask(port, "/ready")[0] == 200)
        yield port


@contextlib.contextmanager
def streaming(port: int, path: str, body: bytes, kind: str = "image/png"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with contextlib.closing(connection):
        headers = {"content-type": kind, "accept": "text/event-stream", "cache-control": "no-cache"}
        connection.request("POST", path, body, headers)
        yield connection.getresponse()


def events(reply: http.client.HTTPResponse) -> Iterator[tuple[str, dict]]:
    name, data = "", ""
    for line in reply:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            name = text.removeprefix("event: ")
        elif text.startswith("data: "):
            data = text.removeprefix("data: ")
        elif not text and data:
            yield name, json.loads(data)
            name, data = "", ""


def test_the_stages_of_a_reading_are_told_and_then_its_result(port):
    with streaming(port, "/v1/describe?formats=mermaid&format=bpmn", ORDER) as reply:
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        told = list(events(reply))
    stages = [data for name, data in told if name == "stage"]
    assert [stage["stage"] for stage in stages][:3] == ["waiting", "load", "prepare"]
    assert [stage["done"] for stage in stages] == sorted({stage["done"] for stage in stages})
    assert {stage["of"] for stage in stages} == {len(STAGES)}
    (result,) = [data for name, data in told if name == "result"]
    assert told[-1][0] == "result"
    assert result["title"] == "Web shop"
    assert set(result["outputs"]) == {"mermaid", "bpmn"}


def test_an_error_in_the_middle_is_an_event_and_one_before_is_a_status(port):
    with streaming(port, "/v1/describe", b"nonsense") as reply:
        assert reply.status == 200
        name, problem = list(events(reply))[-1]
    assert (name, problem["type"]) == ("error", "urn:diascribe:problem:unreadable-image")
    assert problem["request_id"] == reply.headers["x-request-id"]
    with streaming(port, "/v1/describe?k=many", ORDER) as reply:
        assert reply.status == 422


def test_a_client_that_goes_away_is_not_worked_for(port):
    with streaming(port, "/v1/describe", ORDER) as reply:
        assert next(events(reply))[1]["stage"] == "waiting"
        reply.close()
    wait_until(lambda: ask(port, "/load")[1]["busy"] == 0)
    with streaming(port, "/v1/describe", ORDER) as reply:
        assert list(events(reply))[-1][0] == "result"


def test_events_are_sent_to_those_that_ask_for_them():
    assert wanted("text/event-stream")
    assert wanted("text/event-stream, */*;q=0.1")
    assert not wanted("application/json, text/event-stream;q=0.5")
    assert not wanted("*/*")
    assert event("a", "1") == "event: a\ndata: 1\n\n"
