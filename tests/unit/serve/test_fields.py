"""The field rules: what a body means, and what is refused with which field named."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.policies import BudgetForcing, Unforced
from s1kit.serve.body import parse_json
from s1kit.serve.catalog import BUDGETS, CARRIERS, REFUSED, WITHOUT_EFFECT
from s1kit.serve.errors import ApiError
from s1kit.serve.fields import EFFORTS, Asked, Rules, read_fields

SAY = {"messages": [{"role": "user", "content": "hi"}]}
RULES = Rules()


def chat(rules: Rules = RULES, **fields: Any) -> Asked:
    return read_fields({**SAY, **fields}, "chat", rules)


def policy(rules: Rules = RULES, **fields: Any) -> BudgetForcing:
    made = chat(rules, **fields).policy
    assert isinstance(made, BudgetForcing)
    return made


def refused(**fields: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        chat(**fields)
    assert caught.value.status == 400
    return caught.value


PLACES: list[tuple[str, Any]] = [(name, lambda n, name=name: {name: n}) for name in BUDGETS] + [
    ("thinking.budget_tokens", lambda n: {"thinking": {"type": "enabled", "budget_tokens": n}}),
    ("reasoning.max_tokens", lambda n: {"reasoning": {"max_tokens": n}}),
]


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_every_alias_is_the_same_budget(name: str, place: Any) -> None:
    assert policy(**place(77)) == BudgetForcing(max_thinking=77)
    assert policy(**place(0)).max_thinking == 0
    assert policy(Rules(max_thinking=9), **place(-1)).max_thinking is None
    for wrong in (-2, -100, True, False, 1.0, 0.5, "77", [7], {}, 10**30):
        error = refused(**place(wrong))
        assert error.param == name, wrong
        assert "whole number" in error.message


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, BudgetForcing()),
        ({"reasoning_effort": "low"}, BudgetForcing(max_thinking=1024, on_overflow="clamp")),
        ({"reasoning": {"effort": "none"}}, BudgetForcing(max_thinking=0, on_overflow="clamp")),
        ({"reasoning_effort": "max"}, BudgetForcing(on_overflow="clamp")),
        ({"reasoning_effort": "low", "thinking_budget": 1024}, BudgetForcing(max_thinking=1024)),
        ({"thinking_budget": 5, "thinking_token_budget": 5}, BudgetForcing(max_thinking=5)),
        ({"thinking_budget": None, "max_thinking_tokens": 5}, BudgetForcing(max_thinking=5)),
        ({"thinking": {"type": "disabled"}}, BudgetForcing(max_thinking=0)),
        ({"reasoning": {"enabled": False}}, BudgetForcing(max_thinking=0)),
        ({"min_thinking_tokens": 40}, BudgetForcing(min_thinking=40)),
        ({"wait": 2}, BudgetForcing(extensions=2)),
        ({"wait": 2, "wait_str": "Hmm"}, BudgetForcing(extensions=2, nudges=("Hmm",))),
        ({"wait": 1, "wait_str": ["a", "b"]}, BudgetForcing(extensions=1, nudges=("a", "b"))),
        ({"cutoff_suffix": ""}, BudgetForcing(cutoff_suffix="")),
        # a maximum is thinking and answer together
        ({"max_tokens": 100, "thinking_budget": 60}, BudgetForcing(max_thinking=60, max_answer=40)),
        ({"max_completion_tokens": 100}, BudgetForcing(max_thinking=50, max_answer=50, on_overflow="clamp")),
        ({"max_tokens": 5000}, BudgetForcing(max_thinking=3976, max_answer=1024, on_overflow="clamp")),
        ({"max_tokens": 1}, BudgetForcing(max_thinking=0, max_answer=1, on_overflow="clamp")),
        (
            {"max_tokens": 5000, "reasoning_effort": "high"},
            BudgetForcing(max_thinking=3976, max_answer=1024, on_overflow="clamp"),
        ),
        (
            {"max_tokens": 5000, "reasoning_effort": "low"},
            BudgetForcing(max_thinking=1024, max_answer=3976, on_overflow="clamp"),
        ),
        (
            {"max_tokens": 64, "max_completion_tokens": 64, "thinking_budget": -1},
            BudgetForcing(max_thinking=32, max_answer=32, on_overflow="clamp"),
        ),
    ],
)
def test_a_body_is_a_policy(fields: dict[str, Any], expected: BudgetForcing) -> None:
    made = policy(**fields)
    if "on_overflow" not in expected.model_fields_set:  # only a budget in tokens is refused where it does not fit
        expected = expected.model_copy(update={"on_overflow": made.on_overflow})
    assert made == expected


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"thinking_budget": 5, "thinking_token_budget": 6}, "thinking_budget", "send one"),
        ({"thinking_budget": 5, "thinking_token_budget": -1}, "thinking_budget", "unlimited"),
        ({"thinking_budget": 5, "reasoning_effort": "low"}, "reasoning_effort", "send one"),
        ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, "reasoning.effort", "send one"),
        ({"thinking": {"type": "disabled"}, "thinking_budget": 5}, "thinking.type", "send one"),
        ({"reasoning_effort": "ultra"}, "reasoning_effort", "low=1024"),
        ({"thinking": {"type": "on"}}, "thinking.type", "adaptive"),
        ({"thinking": {"budget": 5}}, "thinking.budget", "budget_tokens"),
        ({"thinking": 5}, "thinking", "object"),
        ({"min_thinking_tokens": 9, "thinking_budget": 5}, "min_thinking_tokens", "at most 5"),
        ({"min_thinking_tokens": 60, "max_tokens": 100}, "min_thinking_tokens", "max_completion_tokens"),
        ({"thinking_budget": 100, "max_tokens": 100}, "thinking_budget", "nothing for the answer"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens", "contradict"),
        ({"max_tokens": 0}, "max_tokens", "whole number"),
        ({"wait": -1}, "wait", "whole number"),
        ({"wait": True}, "wait", "whole number"),
        ({"wait": 65}, "wait", "64"),
        ({"wait_str": []}, "wait_str", "1 to 16"),
        ({"wait_str": [1]}, "wait_str", "strings"),
        ({"chat_template_kwargs": {"thinking_budget": 5}}, "chat_template_kwargs.thinking_budget", "top level"),
        ({"chat_template_kwargs": {"enable_thinking": False}}, "chat_template_kwargs.enable_thinking", "top level"),
        ({"chat_template_kwargs": {"other": 1}}, "chat_template_kwargs", "not supported"),
        ({"extra_body": {"thinking_token_budget": 5}}, "extra_body.thinking_token_budget", "top level"),
        ({"tools": [{"type": "function"}]}, "tools", "not supported"),
        ({"response_format": {"type": "json_object"}}, "response_format", "not supported"),
        ({"audio": {}}, "audio", "not supported"),
        ({"logprobs": True}, "logprobs", "not supported"),
        ({"thinking_tokens_budget": 5}, "thinking_tokens_budget", "did you mean"),
        ({"zzz": 5}, "zzz", "openapi"),
        ({"n": 2}, "n", "temperature"),
        ({"n": 9, "temperature": 1}, "n", "8"),
        ({"temperature": -0.1}, "temperature", "number"),
        ({"temperature": math.inf}, "temperature", "number"),
        ({"temperature": 1e-9}, "temperature", "greedy"),
        ({"top_p": 0}, "top_p", "greedy"),
        ({"stop": ""}, "stop", "empty"),
        ({"stop": ["a"] * 17}, "stop", "16"),
        ({"stream": "yes"}, "stream", "true or false"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "stream: true"),
        ({"model": 5}, "model", "string"),
        ({"messages": []}, "messages", "at least one"),
        ({"messages": "hi"}, "messages", "list"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role", "system"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0]", "text"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages[0].content", "surrogate"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages[0].role", "last message"),
        ({"messages": [{"role": "user", "content": "x", "tool_calls": [1]}]}, "messages[0].tool_calls", "text"),
        ({"prompt": "x"}, "prompt", "unknown field"),
    ],
)
def test_what_is_refused_names_the_field_and_says_what_to_do(fields: dict[str, Any], param: str, words: str) -> None:
    error = refused(**fields)
    assert error.param == param
    assert words in error.message


def test_without_effect_and_empty_refused_fields_are_accepted() -> None:
    assert chat(**dict.fromkeys(WITHOUT_EFFECT, "x")) == chat()
    assert chat(**dict.fromkeys((*REFUSED, *CARRIERS, *BUDGETS))) == chat()
    assert chat(**{name: {} for name in CARRIERS}) == chat()
    for name, (idle, _) in REFUSED.items():
        for value in idle:
            assert chat(**{name: value}) == chat(), name
    assert refused(presence_penalty=False).param == "presence_penalty"  # False == 0 in Python, not in JSON


def test_a_completion_is_forced_only_when_thinking_is_spoken_of() -> None:
    def text(**fields: Any) -> Asked:
        return read_fields({"prompt": "x", **fields}, "text", RULES)

    assert text().policy == Unforced(max_tokens=16)
    assert text(max_tokens=5).policy == Unforced(max_tokens=5)
    assert text(wait=1).policy == BudgetForcing(extensions=1, on_overflow="clamp")
    assert text(thinking_budget=5, max_tokens=9).policy == BudgetForcing(max_thinking=5, max_answer=4)
    assert text(prompt=[1, 2]).prompts == ((1, 2),)
    assert text(prompt=["a", "b"]).prompts == ("a", "b")
    assert text(prompt=[[1], [2, 3]]).prompts == ((1,), (2, 3))
    with pytest.raises(ApiError, match="at most 8 choices"):
        text(prompt=["a", "b", "c"], n=3, temperature=1)
    for wrong in (None, [], [[]], [1.5], [True], {}, ["a"] * 9, [-1], ["", "a"], 5):
        with pytest.raises(ApiError):
            text(prompt=wrong)


def test_a_model_without_thinking_refuses_every_field_about_it() -> None:
    bare = Rules(thinking=False)
    assert chat(bare).policy == Unforced()
    assert chat(bare, max_tokens=7).policy == Unforced(max_tokens=7)
    for name in (*BUDGETS, "thinking", "reasoning", "reasoning_effort", "wait", "min_thinking_tokens", "wait_str"):
        with pytest.raises(ApiError, match="without a thinking phase"):
            chat(bare, **{name: 1})


def test_the_owner_sets_defaults_and_the_map() -> None:
    rules = Rules(max_thinking=64, max_answer=32, temperature=0.5, efforts={"tiny": 3})
    assert policy(rules) == BudgetForcing(max_thinking=64, max_answer=32, on_overflow="clamp")
    assert policy(rules, reasoning_effort="tiny").max_thinking == 3
    assert policy(rules, thinking_budget=100).max_thinking == 100
    assert chat(rules).sampling.temperature == 0.5
    assert chat(rules, temperature=0).sampling.temperature == 0


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "array"),
        (b"null", "null"),
        (b"5", "number"),
        (b'{"temperature": NaN}', "NaN"),
        (b'{"temperature": -Infinity}', "Infinity"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": {"b": 1, "b": 2}}', "twice"),
        (b"\xff\xfe{}", "UTF-8"),
        (b"[" * 100_000, "nested"),
        (b'{"n": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_what_is_not_json_is_refused(raw: bytes, words: str) -> None:
    with pytest.raises(ApiError, match=words) as caught:
        parse_json(raw)
    assert caught.value.status == 400


def test_deeply_nested_values_are_refused_and_not_quoted() -> None:
    body = json.loads('{"messages": ' + "[" * 500 + "]" * 500 + "}")
    for name in ("messages", "wait", "thinking", "stop", "model", "tools", "chat_template_kwargs", "temperature"):
        with pytest.raises(ApiError) as caught:
            read_fields({**SAY, name: body["messages"]}, "chat", RULES)
        assert len(caught.value.message) < 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([*BUDGETS, "thinking", "reasoning", "reasoning_effort", "min_thinking_tokens", "wait", "n"])
MORE = st.sampled_from(["max_tokens", "max_completion_tokens", "stop", "seed", "temperature", "top_k", "stream", "zz"])


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(NAMES | MORE, JSON, max_size=4), st.sampled_from(["chat", "text"]))
def test_any_json_is_a_policy_or_a_refusal_that_can_be_written_down(fields: dict[str, Any], endpoint: Any) -> None:
    body = {**(SAY if endpoint == "chat" else {"prompt": "x"}), **fields}
    try:
        asked = read_fields(body, endpoint, RULES)
    except ApiError as error:
        json.dumps((error.status, error.body()), ensure_ascii=False).encode()
        return
    if isinstance(asked.policy, BudgetForcing):
        limit, total = asked.policy.max_thinking, body.get("max_tokens") or body.get("max_completion_tokens")
        if total is not None:
            assert limit is not None
            assert limit + asked.policy.max_answer == total


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(BUDGETS), st.integers(-1, 3) | st.none(), min_size=1, max_size=3))
def test_several_budgets_count_once_or_are_refused(budgets: dict[str, int | None]) -> None:
    given_values = {value for value in budgets.values() if value is not None}
    if len(given_values) > 1:
        assert refused(**budgets).code == "conflicting_budgets"
    else:
        [value] = given_values or {-1}
        assert policy(**budgets).max_thinking == (None if value == -1 else value)


def test_the_published_map_is_the_default_one() -> None:
    assert EFFORTS["none"] == 0
    assert set(EFFORTS) == {"none", "minimal", "low", "medium", "high", "xhigh", "max"}
