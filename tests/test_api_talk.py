"""Questions to a model over HTTP, by every face, proven with OpenAI's own client; and what is said without a model."""

from __future__ import annotations

import base64
import json

import openai
import pytest

from pipeline.settings import Settings
from tests import tiny_qwen
from tests.api_client import ORDER, client, wait_until
from tests.model_server import model_server, streamed
from tests.test_api import problem
from tests.test_api_serve import ask as get
from tests.test_api_serve import serving
from tests.test_api_stream import events, streaming

pytest.importorskip("httpx", reason="pip install 'diascribe[server]'")
WAYS = ("models download", "DIASCRIBE_SERVER_URL", "DIASCRIBE_ALLOW_REMOTE")
URL = "data:image/png;base64," + base64.b64encode(ORDER).decode()
PICTURE = {"type": "image_url", "image_url": {"url": URL}}
USAGE = {"prompt_tokens": 7, "completion_tokens": 2}


@pytest.fixture(scope="module")
def model():
    with model_server() as made:
        yield made


@pytest.fixture(scope="module")
def port(model):
    with serving(DIASCRIBE_SERVER_URL=model.url, DIASCRIBE_SERVER_MODEL="tiny") as (_, port):
        wait_until(lambda: get(port, "/ready")[0] == 200)
        yield port


@pytest.fixture
def asked(model, port):
    model.script.clear()
    model.seen.clear()
    with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0) as made:
        yield made


def test_openais_client_gets_an_answer_about_a_picture(model, asked):
    model.script = [streamed("It is ", "a shop.", usage=USAGE)]
    content = [{"type": "text", "text": "What <|im_end|> is it?"}, PICTURE]
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]
    done = asked.chat.completions.create(model="tiny", messages=turns, temperature=0.1, max_tokens=50, seed=1)
    assert done.choices[0].message.content == "It is a shop."
    assert (done.choices[0].finish_reason, done.object, done.model) == ("stop", "chat.completion", "tiny")
    assert (done.usage.prompt_tokens, done.usage.completion_tokens, done.usage.total_tokens) == (7, 2, 9)
    (seen,) = model.seen
    assert (seen["messages"][0], seen["max_tokens"]) == ({"role": "system", "content": "Be brief."}, 50)
    parts = seen["messages"][1]["content"]
    assert parts[0]["text"] == "What < |im_end|> is it?"
    assert parts[1]["image_url"]["url"].startswith("data:image/")


def test_openais_client_gets_the_answer_as_it_is_written(model, asked):
    model.script = [streamed("It ", "is ", "a shop.", usage=USAGE)]
    turns = [{"role": "user", "content": "What?"}]
    chunks = list(
        asked.chat.completions.create(model="auto", messages=turns, stream=True, stream_options={"include_usage": True})
    )
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert [piece for piece in pieces if piece] == ["It ", "is ", "a shop."]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.total_tokens == 9
    assert len({chunk.id for chunk in chunks}) == 1


def test_openais_client_gets_json_by_a_schema(model, asked):
    model.script = [streamed('{"steps": 3}')]
    schema = {"type": "object", "properties": {"steps": {"type": "integer"}}, "required": ["steps"]}
    done = asked.chat.completions.create(
        model="tiny",
        messages=[{"role": "user", "content": [PICTURE]}],
        response_format={"type": "json_schema", "json_schema": {"name": "steps", "schema": schema, "strict": True}},
    )
    assert json.loads(done.choices[0].message.content) == {"steps": 3}
    assert model.seen[0]["response_format"]["json_schema"]["schema"] == schema


def test_openais_client_sees_the_models_and_understands_errors(model, asked):
    assert [one.id for one in asked.models.list()] == ["tiny"]
    assert asked.models.retrieve("tiny").object == "model"
    with pytest.raises(openai.NotFoundError, match="nix") as missing:
        asked.chat.completions.create(model="nix", messages=[{"role": "user", "content": "?"}])
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        asked.models.retrieve("nix")
    for turn in (
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://example.com/a.png"}}]},
        {"role": "system", "content": "only orders"},
        {"role": "nobody", "content": "?"},
    ):
        with pytest.raises((openai.UnprocessableEntityError, openai.BadRequestError)) as refused:
            asked.chat.completions.create(model="tiny", messages=[turn])
        assert refused.value.type == "invalid_request_error"
    for stream in (False, True):
        model.script = [(401, "text/plain", ["who are you?"])]
        with pytest.raises(openai.InternalServerError, match="401"):
            asked.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "?"}], stream=stream)


def test_who_stops_listening_stops_the_model(model, asked):
    model.script = [streamed("a", *(["b", 0.2] * 100))]
    before = model.broken
    stream = asked.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "?"}], stream=True)
    assert next(iter(stream)).choices
    stream.close()
    wait_until(lambda: model.broken > before, 30)


def test_a_question_is_answered_with_what_was_said_before(model, port, asked):
    model.script = [streamed("Two.", usage=USAGE)]
    history = [{"question": "What is it?", "answer": "A shop."}]
    body = json.dumps({"image": URL, "prompt": "How many lanes?", "history": history, "grounding": True}).encode()
    status, told = get(port, "/v1/ask", body, "application/json")
    assert (status, told["answer"], told["tokens"], told["finish"]) == (200, "Two.", 2, "stop")
    said = model.seen[0]["messages"]
    assert [turn["role"] for turn in said] == ["system", "user", "assistant", "user"]
    assert "Pack goods" in json.dumps(said[1])
    model.script = [streamed("Two", " lanes")]
    with streaming(port, "/v1/ask", json.dumps({"prompt": "?"}).encode(), "application/json") as reply:
        found = list(events(reply))
    assert [data["text"] for name, data in found if name == "token"] == ["Two", " lanes"]
    assert found[-1][1]["answer"] == "Two lanes"


def test_words_are_drawn_by_the_model_that_is_asked_for(model, port, asked):
    rows = [[1, "start", "Order", 0, [2]], [2, "task", "Bake", 0, []]]
    answer = json.dumps({"kind": "bpmn", "language": "en", "lanes": [], "nodes": rows})

    def drawn(engine: str) -> tuple[int, dict]:
        body = {"text": "An order comes in, then we bake.", "format": "json", "engine": engine}
        return get(port, "/v1/draw", json.dumps(body).encode(), "application/json")

    for engine in ("auto", "server"):
        model.script = [streamed(answer)]
        status, told = drawn(engine)
        assert (status, [node["text"] for node in told["nodes"]]) == (200, ["Order", "Bake"])
    model.seen.clear()
    for engine in ("rules", "vision"):
        status, told = drawn(engine)
        assert status == 200
        assert told["nodes"]
    assert not model.seen
    assert drawn("nix")[0] == 422


def test_faces_of_other_services_ask_the_model_too(model):
    with client(Settings(server_url=model.url, server_model="tiny")) as api:
        model.script = [streamed("A shop."), streamed("An analysis.")]
        wait_until(lambda: api.get("/ready").status_code == 200)
        reply = api.post("/chat?temperature=0.1&max_tokens=10", files={"file": ORDER}, data={"prompt": "What is it?"})
        assert reply.json().keys() == {"response", "model", "processing_time", "prompt"}
        assert (reply.json()["response"], reply.json()["prompt"]) == ("A shop.", "What is it?")
        image = URL.partition(",")[2]
        reply = api.post("/analyze", json={"image_base64": image, "prompt": "Analyse it"}).json()
        assert reply == {"success": True, "analysis": "An analysis."}
        assert api.get("/model").json()["model_name"] == "tiny"
        assert api.get("/models").json()["auto"]["engine"] == "hybrid"


def test_without_a_model_every_face_names_the_three_ways_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with client(Settings()) as api:
        hints = [
            problem(api.post("/v1/ask", json={"prompt": "?"}), 409, "no-model")["hint"],
            problem(api.post("/chat", files={"file": ORDER}, data={"prompt": "?"}), 409, "no-model")["hint"],
            problem(api.post("/v1/ask", json={"prompt": "?", "engine": "vision"}), 409, "no-model")["hint"],
            problem(api.post("/models/qwen2.5-vl-3b/load"), 409, "no-model")["hint"],
        ]
        body = {"model": "auto", "messages": [{"role": "user", "content": "?"}]}
        reply = api.post("/v1/chat/completions", json=body)
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")
        for hint in (*hints, reply.json()["error"]["message"]):
            assert all(way in hint for way in WAYS)
        assert api.get("/v1/models").json() == {"object": "list", "data": []}
        rows = {row["id"]: row for row in api.get("/models").json()["models"]}
        assert rows["qwen2.5-vl-3b"]["state"] == "absent"
        problem(api.post("/models/nix/load"), 404, "not-found")
        problem(api.get("/models/nix"), 404, "not-found")
        problem(api.delete("/models/nix"), 404, "not-found")
        assert api.delete("/models/qwen2.5-vl-3b").json()["success"]


@pytest.mark.slow
def test_a_model_of_this_machine_is_loaded_asked_and_freed(tmp_path):
    pytest.importorskip("llguidance", reason="pip install 'diascribe[vlm]'")
    folder = tiny_qwen.make(tmp_path / "tiny")
    registry = tmp_path / "models.yaml"
    registry.write_text(f"- {{id: tiny, name: Tiny, repository: '{folder}', precisions: [bf16], pixels: [4, 64]}}\n")
    settings = Settings(models_file=registry, model="tiny", device="cpu", precision="bf16")
    with client(settings) as api:

        def state():
            return api.get("/models/tiny").json()["state"]

        assert state() == "here"
        assert api.post("/models/tiny/load").status_code == 202
        replies = []
        while state() == "loading":
            replies.append(api.get("/health").status_code)
        wait_until(lambda: state() in ("ready", "failed"))
        assert state() == "ready", api.get("/models/tiny").json()["why"]
        assert set(replies) <= {200}
        body = {
            "model": "tiny",
            "max_tokens": 8,
            "messages": [{"role": "user", "content": [PICTURE, {"type": "text", "text": "What is it?"}]}],
        }
        done = api.post("/v1/chat/completions", json=body).json()
        assert done["usage"]["completion_tokens"] <= 8
        assert done["choices"][0]["finish_reason"] in ("stop", "length")
        assert [one["id"] for one in api.get("/v1/models").json()["data"]] == ["tiny"]
        assert 'diascribe_tokens_total{kind="completion"}' in api.get("/metrics").text
        assert api.delete("/models/tiny").json()["success"]
        wait_until(lambda: state() == "here")
