"""The field rules: a JSON body becomes a policy and a sampling, or a refusal that says what to do.

Knows every alias of a budget and what contradicts what. Refuses to guess: two different values, a number that is not
whole, a field nobody knows, a budget in a place where other servers lose it are errors. A pure function: no engine,
no tokenizer, no time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

from s1kit.policies import BudgetForcing, Sampling, Unforced
from s1kit.serve.body import encodable
from s1kit.serve.body import shown as said
from s1kit.serve.catalog import BUDGET_WORDS, BUDGETS, CARRIERS, REFUSED, THINKING, known
from s1kit.serve.errors import ApiError
from s1kit.serve.turns import Prompt, Turn, read_messages, read_prompts

Endpoint = Literal["chat", "text"]
UNLIMITED = -1
EFFORTS = {"none": 0, "minimal": 512, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32768, "max": UNLIMITED}
"""Thinking tokens by name, unless the server is told otherwise; published in /v1/models."""
COMPLETION_TOKENS = 16
"""What /v1/completions generates when no maximum is given, as OpenAI documents it."""
COLDEST = 1e-3
"""Logits divided by less leave the range of half precision."""
LONGEST = 2000
"""Characters of a string that is no prompt."""
LARGEST = 2**31 - 1
"""No count in a request is larger."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the server's owner decided: defaults and limits."""

    thinking: bool = True
    """Whether the model's format has a thinking phase."""
    max_thinking: int | None = None
    """Budget of requests that name none; None: as much as the context leaves."""
    max_answer: int = 1024
    """Tokens reserved for the answer where the request sets no maximum of its own."""
    temperature: float = 0.0
    efforts: Mapping[str, int] = field(default_factory=lambda: dict(EFFORTS))
    most_choices: int = 8
    most_waits: int = 64
    most_stops: int = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request asks for."""

    endpoint: Endpoint
    policy: BudgetForcing | Unforced
    sampling: Sampling
    seed: int | None = None
    n: int = 1
    stream: bool = False
    usage_in_stream: bool = False
    show_thinking: bool = True
    stop: tuple[str, ...] = ()
    model: str | None = None
    messages: tuple[Turn, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    answer_may_shrink: bool = False
    """``max_answer`` comes from a maximum, so the context may lower it; else it is a reserve, and must fit."""


def read_fields(body: Mapping[str, Any], endpoint: Endpoint, rules: Rules) -> Asked:
    """Judge every field of a body. Raises ApiError (400) with the field's name in ``param``."""
    _refuse_unknown(body, endpoint)
    forced = rules.thinking and (endpoint == "chat" or any(body.get(name) is not None for name in THINKING))
    if not rules.thinking:
        _refuse_thinking(body)
    n = _whole(body, "n", 1, rules.most_choices) or 1
    sampling = _sampling(body, rules)
    if n > 1 and sampling.temperature == 0:
        raise ApiError(f"n={n} greedy choices would all be the same; set a temperature above 0", param="n")
    policy, may_shrink = _forcing(body, rules) if forced else (_unforced(body, endpoint), False)
    return Asked(
        endpoint=endpoint,
        policy=policy,
        sampling=sampling,
        seed=_whole(body, "seed", -(2**63), 2**63 - 1),
        n=n,
        stream=_flag(body, "stream", False),
        usage_in_stream=_stream_options(body),
        show_thinking=_flag(body, "include_reasoning", True)
        and not _flag(_object(body, "reasoning"), "exclude", False, shown="reasoning.exclude"),
        stop=_texts(body, "stop", rules.most_stops),
        model=_text(body, "model"),
        messages=read_messages(body.get("messages")) if endpoint == "chat" else (),
        prompts=read_prompts(body.get("prompt"), n, rules.most_choices) if endpoint == "text" else (),
        answer_may_shrink=may_shrink,
    )


# -- which fields there are


def _refuse_unknown(body: Mapping[str, Any], endpoint: Endpoint) -> None:
    names = known(endpoint)
    for name, value in body.items():
        if name in CARRIERS and value not in (None, {}):
            _refuse_carrier(name, value)
        if name in REFUSED and value is not None:
            idle, instead = REFUSED[name]
            if not any(value == v and isinstance(value, bool) == isinstance(v, bool) for v in idle):
                raise ApiError(f"{name} is not supported: {instead}", param=name, code="unsupported_parameter")
        if name not in names:
            near = get_close_matches(name[:80], names, n=1)
            guess = f"did you mean {near[0]!r}?" if near else "the fields are listed in /openapi.json"
            raise ApiError(f"unknown field {name[:80]!r}; {guess}", param=name[:80], code="unknown_parameter")


def _refuse_carrier(name: str, value: Any) -> None:
    inside = [str(key) for key in value if key in BUDGET_WORDS] if isinstance(value, dict) else []
    if inside:
        raise ApiError(
            f"{inside[0]} inside {name} would be lost; put the budget at the top level of the body, "
            'for example "thinking_token_budget": 512 (with the openai SDK: extra_body={"thinking_token_budget": 512})',
            param=f"{name}.{inside[0]}",
            code="misplaced_budget",
        )
    raise ApiError(f"{name} is not supported; leave it out", param=name, code="unsupported_parameter")


def _refuse_thinking(body: Mapping[str, Any]) -> None:
    for name in THINKING:
        if body.get(name) is not None:
            raise ApiError(
                f"{name} controls thinking, and this model is served without a thinking phase (format plain); "
                "leave it out, or start the server with the model's think format",
                param=name,
            )


# -- the policy


def _unforced(body: Mapping[str, Any], endpoint: Endpoint) -> Unforced:
    total = _total(body)
    return Unforced(max_tokens=total if total is not None or endpoint == "chat" else COMPLETION_TOKENS)


def _forcing(body: Mapping[str, Any], rules: Rules) -> tuple[BudgetForcing, bool]:
    """The policy, and whether its answer may shrink to what the context leaves."""
    total = _total(body)
    asked, certain = _budget(body, rules)
    reserve = rules.max_answer if total is None else max(1, min(rules.max_answer, total // 2))
    limit = asked
    if total is not None:
        if certain is not None and asked is not None and asked >= total:
            raise ApiError(
                f"{certain} is {asked}, which leaves nothing for the answer within max_completion_tokens={total}; "
                "raise the maximum, which counts thinking and answer together, or lower the budget",
                param=certain,
            )
        limit = asked if certain and asked is not None else min(total - reserve, total if asked is None else asked)
    least = _whole(body, "min_thinking_tokens", 0) or 0
    if limit is not None and least > limit:
        raise ApiError(
            f"min_thinking_tokens is {least}, and at most {limit} thinking tokens are allowed; lower it, or raise "
            + ("the budget" if asked is not None else "max_completion_tokens"),
            param="min_thinking_tokens",
        )
    nudges = _texts(body, "wait_str", rules.most_stops) if body.get("wait_str") is not None else None
    policy = BudgetForcing(
        max_thinking=limit,
        min_thinking=least,
        extensions=_whole(body, "wait", 0, rules.most_waits) or 0,
        nudges=nudges,
        max_answer=reserve if total is None or limit is None else total - limit,
        cutoff_suffix=_text(body, "cutoff_suffix"),
        # a budget is a promise; a level of effort, a maximum or the server's own default is an upper bound
        on_overflow="refuse" if certain and asked is not None else "clamp",
    )
    return policy, total is not None


def _budget(body: Mapping[str, Any], rules: Rules) -> tuple[int | None, str | None]:
    """``(tokens, the field that names them in tokens)``: None tokens are unlimited, None field is nobody's promise."""
    named = list(_budgets(body))
    efforts = list(_efforts(body, rules))
    for name, value in (*named[1:], *efforts):
        first, value_of_first = (named or efforts)[0]
        if value != value_of_first:
            raise ApiError(
                f"{first} says {_tokens(value_of_first)} and {name} says {_tokens(value)} thinking tokens; send one",
                param=name,
                code="conflicting_budgets",
            )
    if named:
        return (None if named[0][1] == UNLIMITED else named[0][1]), named[0][0]
    if efforts:
        return (None if efforts[0][1] == UNLIMITED else efforts[0][1]), None
    return rules.max_thinking, None


def _budgets(body: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Every place in which the request says a number of tokens (or switches thinking off)."""
    thinking = _object(body, "thinking", ("type", "budget_tokens"))
    reasoning = _object(body, "reasoning", ("max_tokens", "effort", "enabled", "exclude"))
    places: list[tuple[str, Mapping[str, Any], str]] = [(name, body, name) for name in BUDGETS]
    places += [("thinking.budget_tokens", thinking, "budget_tokens"), ("reasoning.max_tokens", reasoning, "max_tokens")]
    for shown, where, name in places:
        value = _whole(where, name, UNLIMITED, shown=shown, hint="-1 is unlimited, 0 ends the thinking at once")
        if value is not None:
            yield shown, value
    kind = thinking.get("type")
    if kind not in (None, "enabled", "disabled", "adaptive"):
        raise ApiError(f"thinking.type is {said(kind)}; it is enabled, disabled or adaptive", param="thinking.type")
    if kind == "disabled":
        yield "thinking.type", 0
    if not _flag(reasoning, "enabled", True, shown="reasoning.enabled"):
        yield "reasoning.enabled", 0


def _efforts(body: Mapping[str, Any], rules: Rules) -> Iterator[tuple[str, int]]:
    for shown, where, name in (
        ("reasoning_effort", body, "reasoning_effort"),
        ("reasoning.effort", _object(body, "reasoning"), "effort"),
    ):
        level = _text(where, name, shown=shown)
        if level is None:
            continue
        if level not in rules.efforts:
            levels = ", ".join(f"{key}={value}" for key, value in rules.efforts.items())
            raise ApiError(f"{shown} {level[:80]!r} is not in this server's map: {levels}", param=shown)
        yield shown, rules.efforts[level]


def _tokens(value: int) -> str:
    return "unlimited" if value == UNLIMITED else str(value)


def _total(body: Mapping[str, Any]) -> int | None:
    both = [(name, _whole(body, name, 1)) for name in ("max_completion_tokens", "max_tokens")]
    given = [(name, value) for name, value in both if value is not None]
    if len({value for _, value in given}) > 1:
        both_said = " and ".join(f"{name}={value}" for name, value in given)
        raise ApiError(f"{both_said} contradict each other; send one", param="max_tokens")
    return given[0][1] if given else None


# -- sampling and the rest


def _sampling(body: Mapping[str, Any], rules: Rules) -> Sampling:
    temperature = _number(body, "temperature", 0.0, 10.0)
    if temperature and temperature < COLDEST:
        raise ApiError(
            f"temperature is {temperature:g}; below {COLDEST:g} send 0, which is greedy", param="temperature"
        )
    top_p = _number(body, "top_p", 0.0, 1.0)
    if top_p is not None and top_p < COLDEST:
        raise ApiError("top_p near 0 keeps one token; send temperature 0, which is greedy", param="top_p")
    return Sampling(
        temperature=rules.temperature if temperature is None else temperature,
        top_p=1.0 if top_p is None else top_p,
        top_k=max(0, _whole(body, "top_k", -1) or 0),
        frequency_penalty=_number(body, "frequency_penalty", -2.0, 2.0) or 0.0,
    )


def _stream_options(body: Mapping[str, Any]) -> bool:
    options = _object(body, "stream_options", ("include_usage", "include_obfuscation"))
    if options and not _flag(body, "stream", False):
        raise ApiError("stream_options has no effect without stream: true", param="stream_options")
    return _flag(options, "include_usage", False, shown="stream_options.include_usage")


# -- values


def _whole(
    body: Mapping[str, Any], name: str, low: int, high: int = LARGEST, *, shown: str | None = None, hint: str = ""
) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        more = f" ({hint})" if hint else ""
        raise ApiError(
            f"{shown or name} is {said(value)}; it has to be a whole number from {low} to {high}{more}",
            param=shown or name,
        )
    return value


def _number(body: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ApiError(f"{name} is {said(value)}; it has to be a number from {low:g} to {high:g}", param=name)
    return float(value) if math.isfinite(value) else None


def _flag(body: Mapping[str, Any], name: str, default: bool, *, shown: str | None = None) -> bool:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise ApiError(f"{shown or name} is {said(value)}; it has to be true or false", param=shown or name)
    return value


def _text(body: Mapping[str, Any], name: str, *, shown: str | None = None) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ApiError(f"{shown or name} is {said(value)}; it has to be a string", param=shown or name)
    if len(value) > LONGEST:
        raise ApiError(f"{shown or name} has more than {LONGEST} characters; shorten it", param=shown or name)
    return encodable(value, shown or name)


def _texts(body: Mapping[str, Any], name: str, most: int) -> tuple[str, ...]:
    value = body.get(name)
    if value is None:
        return ()
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ApiError(f"{name} has to be a string or a list of strings", param=name)
    if len(items) > most or (not items and name != "stop"):
        raise ApiError(f"{name} holds {len(items)} strings; 1 to {most} are allowed", param=name)
    if any(len(item) > LONGEST for item in items):
        raise ApiError(f"{name} holds a string of more than {LONGEST} characters; shorten it", param=name)
    if name == "stop" and "" in items:
        raise ApiError("stop holds an empty string, which would end every answer at once", param=name)
    return tuple(encodable(item, name) for item in items)


def _object(body: Mapping[str, Any], name: str, keys: tuple[str, ...] | None = None) -> Mapping[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ApiError(f"{name} is {said(value)}; it has to be an object", param=name)
    for key in value:
        if keys is not None and key not in keys:
            raise ApiError(
                f"unknown field {name}.{key[:80]}; {name} knows {', '.join(keys)}",
                param=f"{name}.{key[:80]}",
                code="unknown_parameter",
            )
    return value
