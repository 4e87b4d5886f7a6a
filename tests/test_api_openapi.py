"""The OpenAPI is kept by every resource: whatever is sent, no fault of the server and no answer it does not name."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api_client import wait_until
from tests.test_api_serve import ask, serving

EXAMPLES = 8
KEPT = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


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
