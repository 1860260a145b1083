"""Whatever the server's own OpenAPI document allows or forbids, no request makes it fail (schemathesis)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from s1kit.serve.fields import Rules
from s1kit.serve.service import Limits
from unit.serve.serving import Running, chatty, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    rules = Rules(max_answer=16, most_choices=2, most_waits=4)
    with serving(chatty(ends=0.3, context_len=600), rules=rules, limits=Limits(seconds=20)) as running:
        yield running
        running.idle()


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
WRONG = [*CHECKS, negative_data_rejection]


RIGHT_WAYS, WRONG_WAYS = GenerationMode.POSITIVE, GenerationMode.NEGATIVE


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("/v1/chat/completions", RIGHT_WAYS),
        ("/v1/chat/completions", WRONG_WAYS),
        ("/v1/completions", RIGHT_WAYS),
        ("/v1/completions", WRONG_WAYS),
        ("/v1/models/{name}", RIGHT_WAYS),
        ("/v1/models", RIGHT_WAYS),
        ("/health", RIGHT_WAYS),
        ("/metrics", RIGHT_WAYS),
    ],
)
def test_no_request_makes_the_server_fail(server: Running, path: str, mode: GenerationMode) -> None:
    document = schemathesis.openapi.from_url(server.url + "/openapi.json")
    [operation] = [o.ok() for o in document.get_all_operations() if o.ok().path == path]
    seen: list[int] = []

    @settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        reply = case.call_and_validate(checks=WRONG if mode == WRONG_WAYS else CHECKS, timeout=30)
        seen.append(reply.status_code)

    ask()
    assert seen
    if mode == RIGHT_WAYS and "completions" in path:
        assert 200 in seen
