"""The OpenAPI is kept by every resource: whatever is sent, no fault of the server and no answer it does not name."""

from __future__ import annotations

import jsonschema
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from api.samples import samples
from pipeline.settings import Settings
from tests.api_client import wait_until
from tests.test_api_serve import ask, serving

EXAMPLES = 8
KEPT = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


def test_every_operation_has_a_sample_of_its_request_and_answer_that_is_as_the_schema_says():
    document = create_app(Settings(database_url="")).openapi()
    parts = {"components": document["components"]}
    left = set(samples())
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            key = f"{method.upper()} {path}"
            left.discard(key)
            bodies = list(operation.get("requestBody", {}).get("content", {}).values())
            for status, answer in operation["responses"].items():
                contents = answer.get("content", {}) if status.startswith("2") else {}
                bodies += [body for kind, body in contents.items() if "json" in kind]
            for body in bodies:
                if body["schema"].get("format") == "binary":  # a file
                    continue
                assert "example" in body, key
                jsonschema.validate(body["example"], {**body["schema"], **parts})
    assert not left, "a sample of what is not there"


def test_every_answer_is_as_the_openapi_says():
    with serving() as (_, port):
        wait_until(lambda: ask(port, "/ready")[0] == 200)
        schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
        seen = set()
        for found in schema.get_all_operations():
            operation = found.ok()

            @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy())
            def check(case):
                case.call_and_validate(checks=KEPT, timeout=120)

            check()
            seen.add(operation.path)
    assert {"/v1/describe", "/v1/draw", "/analyze", "/health"} <= seen
