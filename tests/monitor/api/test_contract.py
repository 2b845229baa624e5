"""The API against its own description: whatever is sent, no answer is our fault, and each was announced."""

from __future__ import annotations

import warnings

from hypothesis import HealthCheck, Phase, given, settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.checks import CHECKS

ENDLESS = "/api/v1/stream"
# The keys that are revoked here must not be the one that asks: it comes from the environment.
ANSWERS = ("not_a_server_error", "content_type_conformance", "response_schema_conformance")
EXAMPLES = 8


def test_no_generated_request_breaks_the_api(app, api):
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    checks = CHECKS.get_by_names(ANSWERS)
    asked = 0
    for found in schema.exclude(path=ENDLESS).get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case):
            nonlocal asked
            asked += 1
            case.call_and_validate(headers=dict(api.headers), checks=checks)

        ask()
    assert asked > 200
