"""Every field name that a request may hold: what takes effect, what is accepted without one, what is refused and why.

Knows names, JSON schemas and one line about each: the OpenAPI document, the guide's table and the unknown-field check
all read this. Refuses to know values: ``fields`` judges them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BUDGETS = (
    "thinking_token_budget",
    "thinking_budget",
    "max_thinking_tokens",
    "reasoning_budget_tokens",
    "thinking_budget_tokens",
    "max_tokens_thinking",
)
"""Names of one thing, the most thinking tokens: vLLM's, Qwen's, SGLang's, llama.cpp's two, the s1 harness's."""

_BUDGET: dict[str, Any] = {"type": ["integer", "null"], "minimum": -1}
_COUNT: dict[str, Any] = {"type": ["integer", "null"], "minimum": 0}
_LIMIT: dict[str, Any] = {"type": ["integer", "null"], "minimum": 1}
_FLAG: dict[str, Any] = {"type": ["boolean", "null"]}
_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_TEXTS: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body: its JSON schema, what it does, and which endpoint reads it (None: both)."""

    name: str
    schema: dict[str, Any]
    effect: str
    endpoint: str | None = None


_PART: dict[str, Any] = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
}
_MESSAGES: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["role", "content"],
        "properties": {
            "role": {"enum": ["system", "developer", "user", "assistant"]},
            "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": _PART, "minItems": 1}]},
        },
    },
}
_PROMPT: dict[str, Any] = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
    ]
}

EFFECTIVE: tuple[Field, ...] = (
    Field("messages", _MESSAGES, "the conversation, rendered by the model's own chat template", "chat"),
    Field("prompt", _PROMPT, "text or token ids, continued as they stand; a list makes a choice of each", "text"),
    Field("model", _TEXT, "the name in /v1/models; left out: the one that is served"),
    *(Field(name, _BUDGET, "at most so many thinking tokens; -1 unlimited, 0 none") for name in BUDGETS),
    Field(
        "thinking",
        {
            "type": ["object", "null"],
            "properties": {"type": {"enum": ["enabled", "disabled", "adaptive", None]}, "budget_tokens": _BUDGET},
            "additionalProperties": False,
        },
        "budget_tokens is the same maximum; type disabled is 0",
    ),
    Field(
        "reasoning",
        {
            "type": ["object", "null"],
            "properties": {"max_tokens": _BUDGET, "effort": _TEXT, "enabled": _FLAG, "exclude": _FLAG},
            "additionalProperties": False,
        },
        "max_tokens is the same maximum, effort as reasoning_effort, enabled false is 0, exclude hides the thinking",
    ),
    Field("reasoning_effort", _TEXT, "a maximum by name, from the map in /v1/models"),
    Field("min_thinking_tokens", _COUNT, "at least so many: earlier ends of thinking are suppressed"),
    Field("wait", _COUNT, "suppress so many ends of thinking, each with wait_str"),
    Field("wait_str", _TEXTS, 'what is appended instead of an end (default: the format\'s "Wait"); a list rotates'),
    Field("cutoff_suffix", _TEXT, 'starts the answer when the budget ran out (default: "Final Answer:")'),
    Field("include_reasoning", _FLAG, "false leaves the thinking out of the reply; it is counted all the same"),
    Field("max_completion_tokens", _LIMIT, "thinking and answer together"),
    Field("max_tokens", _LIMIT, "the same"),
    Field("n", _LIMIT, "choices per prompt"),
    Field("stream", _FLAG, "server-sent events, thinking and answer apart"),
    Field(
        "stream_options",
        {"type": ["object", "null"], "properties": {"include_usage": _FLAG}},
        "include_usage: a last event with the usage",
    ),
    Field("stop", _TEXTS, "strings that end the answer; they are never searched for in the thinking"),
    Field("temperature", {"type": ["number", "null"], "minimum": 0, "maximum": 10}, "0 is greedy"),
    Field("top_p", {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1}, "nucleus sampling"),
    Field("top_k", {"type": ["integer", "null"], "minimum": -1}, "0 or -1 keeps every token"),
    Field("frequency_penalty", {"type": ["number", "null"], "minimum": -2, "maximum": 2}, "as in OpenAI's API"),
    Field("seed", {"type": ["integer", "null"]}, "same request, same seed, same tokens"),
)

WITHOUT_EFFECT: dict[str, str] = {
    "user": "who asks",
    "metadata": "kept by OpenAI, not here",
    "store": "nothing is stored here",
    "service_tier": "there is one tier",
    "safety_identifier": "who asks",
    "prompt_cache_key": "prefixes are found by their tokens",
    "prompt_cache_retention": "prefixes are kept while there is room",
    "parallel_tool_calls": "there are no tools",
}
"""Documented OpenAI fields that would change no token here: accepted, so that clients which send them work."""

REFUSED: dict[str, tuple[tuple[Any, ...], str]] = {
    "tools": ((), "describe what you need in a message"),
    "tool_choice": (("none",), "there are no tools"),
    "functions": ((), "describe what you need in a message"),
    "function_call": (("none",), "there are no functions"),
    "response_format": (({"type": "text"},), "ask for the form in a message"),
    "audio": ((), "text only"),
    "modalities": ((["text"],), "text only"),
    "prediction": ((), "leave it out"),
    "web_search_options": ((), "leave it out"),
    "verbosity": ((), "ask for it in a message"),
    "logit_bias": (({},), "leave it out"),
    "logprobs": ((False,), "leave it out; for log-probabilities of a text ask the engine itself"),
    "top_logprobs": ((0,), "leave it out"),
    "presence_penalty": ((0,), "use frequency_penalty"),
    "repetition_penalty": ((1,), "use frequency_penalty"),
    "min_p": ((0,), "use top_p or top_k"),
    "best_of": ((1,), "use n"),
    "echo": ((False,), "the prompt is not sent back, nor scored; for log-likelihoods ask the engine itself"),
    "suffix": (("",), "only continuations are generated"),
}
"""Fields that would change the output and cannot be honoured: name -> (values that ask for nothing, what to do)."""

CARRIERS = ("chat_template_kwargs", "extra_body", "custom_params", "vllm_xargs", "extra_args", "nvext")
"""Objects in which a budget gets lost on other servers: refused unless empty."""

_SAID_IN_CARRIERS = (*BUDGETS, "thinking", "reasoning", "reasoning_effort", "min_thinking_tokens", "wait", "wait_str")
BUDGET_WORDS = frozenset((*_SAID_IN_CARRIERS, "enable_thinking", "budget_tokens", "cutoff_suffix"))
"""What counts as a budget inside a carrier."""

THINKING = (
    *BUDGETS,
    "thinking",
    "reasoning",
    "reasoning_effort",
    "min_thinking_tokens",
    "wait",
    "wait_str",
    "cutoff_suffix",
)
"""Fields about thinking: one of them turns a plain completion into a forced one, and a model without thinking
refuses them."""


def known(endpoint: str) -> tuple[str, ...]:
    """Every name that this endpoint does not call unknown."""
    read = tuple(f.name for f in EFFECTIVE if f.endpoint in (None, endpoint))
    return (*read, *WITHOUT_EFFECT, *REFUSED, *CARRIERS)


def body_schema(endpoint: str) -> dict[str, Any]:
    """The JSON schema of a body, for the OpenAPI document."""
    fields = {f.name: {**f.schema, "description": f.effect} for f in EFFECTIVE if f.endpoint in (None, endpoint)}
    idle = {name: {"description": f"without effect: {why}"} for name, why in WITHOUT_EFFECT.items()}
    required = ["messages"] if endpoint == "chat" else ["prompt"]
    return {"type": "object", "required": required, "properties": {**fields, **idle}, "additionalProperties": False}
