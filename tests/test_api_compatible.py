"""The faces of other services, by the very names of their fields."""

from __future__ import annotations

import base64

import pytest

from tests.api_client import ORDER, client, wait_until
from tests.test_api import problem


@pytest.fixture(scope="module")
def api():
    with client(waiting=1) as made:
        wait_until(lambda: made.get("/health").json()["model_loaded"])
        yield made


def test_analyze(api):
    image = base64.b64encode(ORDER).decode()
    reply = api.post("/analyze", json={"image_base64": image, "prompt": "Describe the process"})
    assert reply.json().keys() == {"success", "analysis"}
    assert reply.json()["success"] is True
    assert "Pack goods" in reply.json()["analysis"]


@pytest.mark.parametrize(
    ("body", "status"), [({"image_base64": "bm8="}, 422), ({"image_base64": "!"}, 422), ({"prompt": "x"}, 422)]
)
def test_analyze_tells_of_errors_in_its_own_form(api, body, status):
    reply = api.post("/analyze", json=body)
    assert reply.status_code == status
    assert reply.json().keys() == {"success", "error"}
    assert reply.json()["success"] is False
    assert reply.json()["error"]


def test_ocr(api):
    reply = api.post("/ocr?model=auto&language=eng", files={"file": ("order.png", ORDER)}).json()
    assert reply.keys() == {"text", "model", "processing_time", "image_size", "language"}
    assert "Pack goods" in reply["text"]
    assert (reply["language"], len(reply["image_size"])) == ("en", 2)
    problem(api.post("/ocr?model=nix", files={"file": ORDER}), 422, "unknown-name")
    problem(api.post("/ocr", files={"picture": ORDER}), 422, "invalid-request")


def test_ocr_of_many_files_goes_on_after_a_bad_one(api):
    names = ["a.png", "b.png", "../c/d.png", "e.png"]
    files = [("files", (name, b"no" if name == "b.png" else ORDER, "image/png")) for name in names]
    reply = api.post("/batch/ocr", files=files).json()
    assert (reply["total"], reply["successful"], reply["failed"]) == (4, 3, 1)
    assert [result["filename"] for result in reply["results"]] == ["a.png", "b.png", "d.png", "e.png"]
    assert [set(result) for result in reply["results"]] == [
        {"filename", "status", "processing_time", "error" if name == "b.png" else "text"} for name in names
    ]
    problem(api.post("/batch/ocr", data={"x": "1"}), 422, "invalid-request")


def test_chat_without_a_model_says_so(api):
    reply = api.post("/chat?temperature=0.1&max_tokens=10", files={"file": ORDER}, data={"prompt": "What is it?"})
    hint = problem(reply, 409, "no-model")["hint"]
    assert all(way in hint for way in ("models download", "DIASCRIBE_SERVER_URL", "DIASCRIBE_ALLOW_REMOTE"))


def test_machine_and_model(api):
    assert api.get("/health").json().keys() == {"status", "model_loaded", "timestamp"}
    assert {"cpu_percent", "memory_percent", "memory_used_gb", "memory_total_gb"} <= api.get("/load").json().keys()
    assert api.get("/gpu").json().keys() == {
        "gpu_available", "gpu_name", "gpu_memory_allocated", "gpu_memory_reserved", "gpu_memory_total",
    }  # fmt: skip
    assert api.get("/model").json() == {"loaded": True, "model_name": "vision", "device": "cpu", "context_length": 0}
