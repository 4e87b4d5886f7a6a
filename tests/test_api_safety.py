"""What stands before the service: keys, hosts, limits of size, time and number, headers, ids, logs."""

from __future__ import annotations

import base64
import logging
import re

import pytest
from pydantic import ValidationError

from api.app import create_app
from api.logs import REQUEST, Formatter
from api.rate import Rate
from api.serve import new_key
from api.settings import Service
from pipeline.settings import Settings
from tests.api_client import ORDER, client
from tests.test_api import problem

SMALL = {"max_bytes": 1000, "max_text": 100, "upload_seconds": 0.5}


@pytest.fixture(scope="module")
def small():
    with client(**SMALL) as made:
        yield made


def test_keys_are_needed_where_some_are_set():
    (key, hash_), (other, other_hash) = new_key(), new_key()
    with client(keys=f"{hash_},{other_hash}") as api:
        assert api.get("/health").status_code == 200
        told = api.get("/load")
        assert problem(told, 401, "key-needed")["hint"]
        assert told.headers["www-authenticate"] == "Bearer"
        assert api.get("/load", headers={"authorization": f"Bearer {key}"}).status_code == 200
        assert api.get("/load", headers={"x-api-key": other}).status_code == 200
        for wrong in (hash_, key + "x", "", "ä"):
            assert api.get("/load", headers={"x-api-key": wrong.encode()}).status_code == 401


def test_a_key_that_asks_too_often_waits_and_others_do_not():
    (key, hash_), (other, other_hash) = new_key(), new_key()
    with client(keys=f"{hash_},{other_hash}", rate=3) as api:
        for _ in range(3):
            assert api.get("/load", headers={"x-api-key": key}).status_code == 200
        told = api.get("/load", headers={"x-api-key": key})
        assert problem(told, 429, "rate")["retryable"]
        assert 1 <= int(told.headers["retry-after"]) <= 20
        assert api.get("/load", headers={"x-api-key": other}).status_code == 200
        assert api.get("/health", headers={"x-api-key": key}).status_code == 200


def test_clients_at_rest_are_forgotten():
    now = [0.0]
    rate = Rate(60, most=5, clock=lambda: now[0])
    assert [rate.taken("a") for _ in range(60)] == [0.0] * 60
    assert rate.taken("a") == 1.0
    now[0] = 1.0
    assert rate.taken("a") == 0.0
    for number in range(100):
        rate.taken(str(number))
    assert len(rate) == 5
    now[0] = 100.0
    rate.taken("b")
    assert len(rate) == 1


def test_a_key_must_be_given_as_its_hash():
    with pytest.raises(ValidationError, match="SHA-256"):
        Service(keys="secret")


def test_names_of_others_and_pages_of_others_are_not_answered(small):
    problem(small.get("/health", headers={"host": "evil.example"}), 403, "foreign")
    problem(small.get("/health", headers={"origin": "http://evil.example"}), 403, "foreign")
    assert small.get("/health", headers={"origin": "http://127.0.0.1:8000"}).status_code == 200
    assert small.get("/health", headers={"host": "[::1]:8000"}).status_code == 200
    assert "access-control-allow-origin" not in small.get("/health").headers


def test_bodies_that_are_too_large_are_refused_however_they_come(small):
    assert problem(small.post("/v1/describe", files={"file": ORDER}), 413, "image-too-large")["hint"]
    image = base64.b64encode(ORDER).decode()
    problem(small.post("/v1/describe", json={"image": image}), 413, "image-too-large")
    huge = b"x" * 200_000
    problem(small.post("/v1/describe", content=huge, headers={"content-type": "image/png"}), 413, "too-large")
    chunks = (huge[at : at + 1000] for at in range(0, len(huge), 1000))
    problem(small.post("/v1/describe", content=chunks, headers={"content-type": "image/png"}), 413, "too-large")
    for path in ("/v1/draw", "/v1/convert"):
        problem(small.post(path, json={"text": "a -> b " * 50, **({"to": "mmd"} if "conv" in path else {})}), 413,
                "too-large")  # fmt: skip
        problem(small.post(path, content=huge, headers={"content-type": "application/json"}), 413, "too-large")


def test_answers_carry_an_id_and_keep_browsers_tame(small):
    reply = small.get("/health", headers={"x-request-id": "mine-1"})
    assert reply.headers["x-request-id"] == "mine-1"
    assert re.fullmatch(
        r"[0-9a-f]{32}", small.get("/health", headers={"x-request-id": "a b\tc"}).headers["x-request-id"]
    )
    for checked in (reply, small.get("/nix")):
        assert checked.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in checked.headers["content-security-policy"]


def test_faults_of_ours_are_told_without_their_insides(caplog):
    app = create_app(Settings(), Service(workers=1))

    @app.get("/fault")
    async def fault():
        raise RuntimeError("a secret")

    from fastapi.testclient import TestClient

    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as api:
        reply = api.get("/fault")
    assert "secret" not in str(problem(reply, 500, "internal"))
    assert any(record.exc_info for record in caplog.records if record.name == "diascribe.api")


def test_a_log_line_is_one_line_with_the_request(caplog):
    record = logging.LogRecord("diascribe.api", logging.INFO, "", 1, "one\ntwo %s", ("three",), None)
    token = REQUEST.set("r1")
    try:
        assert re.fullmatch(r"\S+Z INFO diascribe\.api r1 one two three", Formatter().format(record))
    finally:
        REQUEST.reset(token)


def test_openais_client_understands_who_is_not_let_in():
    openai = pytest.importorskip("openai")
    key, hash_ = new_key()
    turns = [{"role": "user", "content": "?"}]
    with client(keys=hash_, rate=3) as api:
        wrong = openai.OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="sk-x", http_client=api, max_retries=0)
        for call in (wrong.models.list, lambda: wrong.chat.completions.create(model="auto", messages=turns)):
            with pytest.raises(openai.AuthenticationError, match="API key") as refused:
                call()
            assert (refused.value.type, refused.value.code) == ("invalid_request_error", "invalid_api_key")
        mine = wrong.with_options(api_key=key)
        for _ in range(3):
            mine.models.list()
        with pytest.raises(openai.RateLimitError) as early:
            mine.models.list()
        assert (early.value.type, early.value.code) == ("rate_limit_error", "rate_limit_exceeded")
        assert int(early.value.response.headers["retry-after"]) >= 1
        problem(api.get("/load", headers={"x-api-key": "sk-x"}), 401, "key-needed")  # elsewhere as everywhere


def test_what_openais_face_does_not_heed_is_said():
    with client() as api:
        fields = api.get("/openapi.json").json()["paths"]["/v1/chat/completions"]["post"]["requestBody"]
        schema = fields["content"]["application/json"]["schema"]["properties"]
    for name in ("temperature", "seed"):
        assert "not heeded" in schema[name]["description"]
