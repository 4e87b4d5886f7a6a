"""The service over HTTP, with real reading processes: every form in and out, and errors that say what to do."""

from __future__ import annotations

import base64
import io
import json
import threading

import psutil
import pytest
from PIL import Image

from diagram.model import Diagram
from mermaid.parse import parse
from tests.api_client import EXAMPLES, ORDER, client, wait_until
from tests.test_cli_start import loaded_by

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def api():
    with client(waiting=2) as made:
        wait_until(lambda: made.get("/ready").status_code == 200)
        yield made


@pytest.fixture(scope="module")
def described(api):
    reply = api.post("/v1/describe", files={"file": ORDER}, data={"formats": "mermaid, bpmn,text"})
    assert reply.status_code == 200, reply.text
    return reply.json()


def problem(reply, status, name):
    assert (reply.status_code, reply.headers["content-type"]) == (status, PROBLEM), reply.text
    told = reply.json()
    assert told["type"] == f"urn:diascribe:problem:{name}"
    assert told["status"] == status
    assert told["request_id"] == reply.headers["x-request-id"]
    return told


def test_importing_the_application_loads_nothing_heavy():
    assert loaded_by("import api.app") == set()


def test_a_picture_becomes_a_graph_and_what_it_says(described):
    diagram = Diagram.from_json(described)
    assert {"Check order", "Pack goods", "Send invoice"} <= {node.text for node in diagram.nodes}
    assert described["title"] == "Web shop"
    assert [step["number"] for step in described["steps"]] == [str(number) for number in range(1, 10)]
    assert described["image"] == {**dict(zip(("width", "height"), Image.open(io.BytesIO(ORDER)).size, strict=True)),
                                  "page": 1, "pages": 1}  # fmt: skip
    assert {"load", "text", "total"} <= described["timings"].keys()
    assert set(described["outputs"]) == {"mermaid", "bpmn", "text"}
    assert parse(described["outputs"]["mermaid"]).nodes
    assert described["outputs"]["bpmn"].startswith("<?xml")


@pytest.mark.parametrize("form", ["data URL", "base64", "bytes"])
def test_the_picture_may_come_in_other_ways(api, form, described):
    text = base64.b64encode(ORDER).decode()
    if form == "bytes":
        reply = api.post("/v1/describe?grounding=false", content=ORDER, headers={"content-type": "image/png"})
    else:
        image = f"data:image/png;base64,{text}" if form == "data URL" else text
        reply = api.post("/v1/describe", json={"image": image, "grounding": False})
    assert [node["text"] for node in reply.json()["nodes"]] == [node["text"] for node in described["nodes"]]
    assert not any(node["bbox"] for node in reply.json()["nodes"])


@pytest.mark.parametrize(
    ("accept", "asked", "media", "begins"),
    [
        ("text/markdown", None, "text/markdown", "| "),
        ("text/html;q=0.9, text/csv;q=0.5, */*;q=0.1", None, "text/csv", "No,Step"),
        ("application/json", "markdown", "text/markdown", "# Web shop"),
        ("application/bpmn+xml", None, "application/xml", "<?xml"),
    ],
)
def test_the_client_chooses_the_form(api, accept, asked, media, begins):
    data = {"format": asked} if asked else {}
    reply = api.post("/v1/describe", files={"file": ORDER}, data=data, headers={"accept": accept})
    assert reply.headers["content-type"].split(";")[0] == media
    assert reply.text.startswith(begins)


def test_text_alone(api):
    found = api.post("/v1/ocr", files={"file": ORDER}).json()
    line = next(line for line in found["lines"] if line["text"] == "Pack goods")
    left, top, right, bottom = line["bbox"]
    assert right - left > bottom - top > 5
    assert "Pack goods" in api.post("/v1/ocr", files={"file": ORDER}, headers={"accept": "text/plain"}).text


def test_searching_without_an_index_says_how_to_build_one(tmp_path):
    from pipeline.settings import Settings

    with client(Settings(index_dir=tmp_path)) as made:
        told = problem(made.post("/v1/search", json={"text": "orders"}), 409, "missing-index")
        assert "diascribe index build" in told["hint"]
        problem(made.post("/v1/search", json={}), 422, "invalid-request")


def test_words_become_a_drawing(api):
    text = (EXAMPLES / "leave.ru.txt").read_text("utf-8")
    reply = api.post("/v1/draw", json={"text": text})
    assert reply.headers["content-type"] == "image/svg+xml"
    assert "Рассчитать" in reply.text
    assert api.post("/v1/draw", json={"text": text}, headers={"accept": "image/png"}).content.startswith(b"\x89PNG")
    told = api.post("/v1/draw", json={"text": text}, headers={"accept": "application/json"}).json()
    assert told["content"].startswith("<svg")
    told = api.post("/v1/draw", json={"text": text, "details": True, "renderer": "native"}).json()
    assert told["renderer"] == "native"
    assert api.post("/v1/draw", json={"text": text, "renderer": "crayon"}).status_code == 422
    told = api.post("/v1/draw", json={"text": text, "details": True, "format": "mmd"}).json()
    assert parse(told["mermaid"]).lanes
    assert Diagram.from_json(told["diagram"]).language == "ru"


def test_mermaid_is_rendered_judged_and_converted(api):
    assert api.post("/v1/render", json={"source": 'pie\n "a" : 1'}).text.startswith("<svg")
    told = problem(api.post("/v1/render", json={"source": "flowchart TB\n a -%> b[["}), 422, "invalid-mermaid")
    assert (told["line"], bool(told["hint"])) == (2, True)
    mended = api.post("/v1/validate", json={"source": "flowchart TB\n a -> b"}).json()
    assert mended["valid"]
    assert mended["repairs"]
    assert not api.post("/v1/validate", json={"source": "flowchart TB\n a -> b", "repair": False}).json()["valid"]
    source = {"text": "flowchart TB\n a --> b", "to": "bpmn"}
    assert api.post("/v1/convert", json=source).json()["content"].startswith("<?xml")
    assert api.post("/v1/convert", json=source, headers={"accept": "application/xml"}).text.startswith("<?xml")


@pytest.mark.parametrize(
    ("request_", "status", "name"),
    [
        ({"files": {"file": b"nonsense"}}, 422, "unreadable-image"),
        ({"files": {"file": b""}}, 422, "unreadable-image"),
        ({"files": {"picture": ORDER}}, 422, "invalid-request"),
        ({"files": {"file": ORDER}, "data": {"k": "many", "nix": "1"}}, 422, "invalid-request"),
        ({"files": {"file": ORDER}, "data": {"engine": "nix"}}, 422, "unknown-name"),
        ({"files": {"file": ORDER}, "data": {"page": "2"}}, 422, "unreadable-image"),
        ({"files": {"file": ORDER}, "headers": {"accept": "audio/ogg"}}, 406, "not-acceptable"),
        ({"json": {"image": "http://example.com/a.png"}}, 422, "invalid-request"),
        ({"json": {"image": "ä"}}, 422, "invalid-request"),
        ({"json": {"image": "data:image/png,abc"}}, 422, "invalid-request"),
        ({"json": {}}, 422, "invalid-request"),
        ({"json": []}, 422, "invalid-request"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "invalid-request"),
        ({"content": b'{"\\ud800": 1}', "headers": {"content-type": "application/json"}}, 422, "invalid-request"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "bad-request"),
        ({"content": b"x"}, 415, "unsupported-type"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_as_a_problem(api, request_, status, name):
    assert problem(api.post("/v1/describe", **request_), status, name)["detail"]


def test_unknown_paths_and_methods_are_problems_too(api):
    problem(api.get("/nix"), 404, "not-found")
    assert problem(api.get("/v1/describe"), 405, "method-not-allowed")["hint"]


def test_operators_are_told_how_it_goes(api):
    health = api.get("/health").json()
    assert (health["status"], health["model_loaded"]) == ("healthy", True)
    load = api.get("/load").json()
    cards = [load["gpus"][0]["name"]] if load["gpus"] else []
    card = api.get("/gpu").json()
    assert cards == ([card["gpu_name"]] if card["gpu_available"] else [])
    assert load["workers"] == load["ready"] == 1
    assert 0 < load["memory_used_gb"] < load["memory_total_gb"]
    assert api.get("/ready").json()["ready"]
    assert "vision" in api.get("/models").json()["engines"]


def test_prometheus_is_told_of_requests_stages_and_the_queue(api, described):
    api.get("/nix")
    reply = api.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    from prometheus_client.parser import text_string_to_metric_families

    told = {(one.name, *sorted(one.labels.values())): one.value
            for family in text_string_to_metric_families(reply.text) for one in family.samples}  # fmt: skip
    assert told["diascribe_requests_total", "/v1/describe", "200", "POST"] >= 1
    assert told["diascribe_requests_total", "404", "GET", "unknown"] >= 1
    assert told["diascribe_request_seconds_count", "/v1/describe"] >= 1
    assert told["diascribe_stage_seconds_count", "text"] >= 1
    assert told["diascribe_readers", "workers"] == 1
    assert {"diascribe_tokens_total", "diascribe_cache_total"} <= {name for name, *_ in told}


def test_a_reader_killed_at_work_fails_one_request_and_is_replaced(api):
    replies = []
    asking = threading.Thread(target=lambda: replies.append(api.post("/v1/describe", files={"file": ORDER})))
    asking.start()
    wait_until(lambda: api.get("/load").json()["busy"] == 1)
    for process in psutil.Process().children():
        if any("multiprocessing.spawn" in word for word in process.cmdline()):
            process.kill()
    asking.join(60)
    told = problem(replies[0], 503, "lost")
    assert "killed" in told["detail"]
    assert api.get("/health").status_code == 200
    assert api.post("/v1/describe", files={"file": ORDER}).status_code == 200


def test_more_requests_than_may_wait_are_turned_away(api):
    replies = []
    asking = [
        threading.Thread(target=lambda: replies.append(api.post("/v1/describe", files={"file": ORDER})))
        for _ in range(8)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(300)
    refused = [reply for reply in replies if reply.status_code != 200]
    assert len(refused) >= 3
    for reply in refused:
        assert problem(reply, 429, "full")["retryable"]
        assert int(reply.headers["retry-after"]) >= 1


def test_the_openapi_names_every_resource(api):
    paths = api.get("/openapi.json").json()["paths"]
    assert {f"/v1/{name}" for name in ("describe", "draw", "render", "validate", "convert", "search", "ocr")} <= set(
        paths
    )
    forms = {path for path, does in paths.items() if "multipart/form-data" in json.dumps(does.get("post", {}))}
    assert {"/v1/describe", "/v1/search", "/v1/ocr", "/v1/examples", "/ocr", "/chat", "/batch/ocr"} <= forms


def test_the_doctor_is_asked_over_http_too(api):
    rows = api.get("/doctor").json()["findings"]
    assert any(row["text"].startswith("Tesseract languages") and row["state"] == "ok" for row in rows)
    assert not any(row["text"].startswith("port ") for row in rows)
    assert {row["state"] for row in rows} <= {"ok", "missing", "note"}
