"""The API against its own description: generated requests, and none may break it.

``MONITOR_EXAMPLES`` sets how many requests each operation gets (8 in the normal run).
"""

from __future__ import annotations

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import checks

from monitor.api import application
from monitor.api.limits import RateLimit

EXAMPLES = int(os.environ.get("MONITOR_EXAMPLES", "8"))
CHECKED = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture
def schema(needs):
    app = application.create(needs)
    app.state.rate_limit = RateLimit(per_minute=10_000_000)
    found = schemathesis.openapi.from_asgi("/openapi.json", app)
    # the stream never ends, and the key that asks must not be revoked
    return found.exclude(path="/api/v1/stream").exclude(path_regex=r"/tokens/\{", method="DELETE")


@pytest.mark.filterwarnings("ignore")
def test_no_generated_request_breaks_the_service(schema, needs):
    token = needs.settings.admin_token.get_secret_value()
    asked = 0

    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case):
            nonlocal asked
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
            response = case.call()
            case.validate_response(response, checks=CHECKED)
            asked += 1

        ask()
    assert asked >= 40 * min(EXAMPLES, 2)


def test_every_operation_says_what_it_is(schema):
    raw = schema.raw_schema
    operations = [
        (path, method, operation)
        for path, methods in raw["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/api/")
    ]
    assert len(operations) > 40
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(ids) == len(set(ids))
    for path, method, operation in operations:
        assert operation.get("summary"), (path, method)
        assert operation.get("tags"), (path, method)
