"""What servers with ``/v1/completions`` understand, one frozen record per dialect: what can be asked, in which words.

Knows the fields of requests and answers. Refuses to guess: the profile is named in the configuration, never derived
from a model's or a server's name, and what a profile cannot ask for is declared False in ``EngineInfo``.

Sources: vLLM's and SGLang's request models (``return_token_ids``, ``stop_token_ids``, ``min_tokens``), the README of
llama.cpp's server (``/completion``, ``return_tokens``), the public reference of the OpenAI API.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from s1kit.engines.base import Request
from s1kit.wire.failed import Failed, malformed

STREAM_INTERVAL = 32
"""Tokens per event where nobody watches: an event costs server and client about as much as many tokens do."""
CROWD, CROWD_INTERVAL = 4, 8
"""Requests in flight from which streams are sent by so many tokens per event."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One server dialect."""

    name: str
    exact: bool = True
    """Token ids in, token ids out. False: text both ways, and nothing that rests on ids can be asked."""
    native: bool = False
    """llama.cpp's own ``/completion`` instead of ``/v1/completions``: only it returns ids."""
    streams: bool = True
    """Whether ids come whole in a stream. llama.cpp leaves out those of a character that takes several tokens."""
    stop_ids: bool = True
    """``stop_token_ids``; else stops are sent as text and matched here on ids."""
    min_tokens: bool = True
    banned_ids: bool = True
    top_k: bool = True
    logprobs: bool = False
    fixed: dict[str, Any] = field(default_factory=dict)
    """Fields of every request: filters that the server would otherwise take from the model's own defaults."""


PROFILES: dict[str, Profile] = {
    p.name: p
    for p in (
        Profile(
            "vllm",
            logprobs=True,
            fixed={"return_token_ids": True, "ignore_eos": True, "repetition_penalty": 1.0, "min_p": 0.0},
        ),
        # its ignore_eos switches stop_token_ids off as well, so the end of sequence stays on
        Profile("sglang", fixed={"return_token_ids": True, "repetition_penalty": 1.0, "min_p": 0.0}),
        Profile(
            "llamacpp",
            native=True,
            streams=False,
            stop_ids=False,
            min_tokens=False,
            fixed={
                "return_tokens": True,
                "cache_prompt": True,
                "repeat_penalty": 1.0,
                # its own order cuts the nucleus before the temperature, and filters by what the server was started with
                "samplers": ["penalties", "temperature", "top_k", "top_p"],
                "t_max_predict_ms": 0,
            },
        ),
        Profile("openai", exact=False, stop_ids=False, min_tokens=False, banned_ids=False, top_k=False),
    )
}


@dataclass(frozen=True, slots=True)
class Piece:
    """What one object of an answer says."""

    text: str = ""
    ids: list[int] | None = None
    finish: str | None = None
    """``stop``, ``length``, or a word of the server's own."""
    stop: int | str | None = None
    """What it stopped at, where it says so."""
    full: bool = False
    """It ended because the context is full."""
    model: str | None = None
    prompt_ids: list[int] | None = None
    """What the server says the prompt was."""
    prefilled: int | None = None
    """Prompt tokens that it had to run through the model, where it says so."""
    logprobs: tuple[tuple[tuple[int, float], ...], ...] | None = None


def body(
    profile: Profile,
    model: str,
    request: Request,
    prompt: list[int] | str,
    decode: Callable[[Sequence[int]], str],
    *,
    crowd: int = 1,
) -> dict[str, Any]:
    """The request's JSON. Every sampling value is in it, since a server applies the model's defaults to the others.

    ``crowd``: requests in flight. An event per token costs both sides more than the token where many are read at once.
    """
    sampling = request.sampling
    asked: dict[str, Any] = {
        "model": model,
        "prompt": prompt,
        "n_predict" if profile.native else "max_tokens": request.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": 0.0,
        "stream": profile.streams,
        **({"stream_options": {"include_usage": True}} if profile.streams else {}),
        **({"top_k": sampling.top_k or (0 if profile.native else -1)} if profile.top_k else {}),
        **profile.fixed,
    }
    if not profile.native:
        asked["n"] = 1
    if sampling.temperature:  # greedy needs none, and vLLM's CPU sampler cannot take one
        asked["seed"] = sampling.seed & 0x7FFFFFFF if profile.native else sampling.seed
    if profile.native and sampling.frequency_penalty:  # else it counts the last 64 tokens only
        asked["repeat_last_n"] = len(request.prompt_ids) + request.max_tokens
    if request.min_tokens and profile.min_tokens:
        asked["min_tokens"] = request.min_tokens
    if request.banned_ids:
        never = [[i, False] for i in request.banned_ids]
        asked["logit_bias"] = never if profile.native else {str(i): -100.0 for i in request.banned_ids}
    if profile.stop_ids:
        asked["stop_token_ids"] = list(request.stop_ids)
    elif words := [decode([i]) for i in request.stop_ids] + [decode(seq) for seq in request.stop_seqs]:
        asked["stop"] = [word for word in dict.fromkeys(words) if word]  # an empty one would stop at once
        if profile.native:  # else special tokens come out as empty text, which no stop can match
            asked["preserved_tokens"] = [decode([i]) for i in request.stop_ids]
    if profile.logprobs and request.top_logprobs:
        asked |= {"logprobs": request.top_logprobs, "return_tokens_as_token_ids": True}
    if profile.name == "vllm" and not request.stop_seqs:  # its first token comes at once all the same
        asked["stream_interval"] = (1 if crowd < CROWD else CROWD_INTERVAL) if request.stream else STREAM_INTERVAL
    return asked


def read(profile: Profile, payload: dict[str, Any]) -> Piece:
    """One object of an answer. Raises Failed where a field is not what the profile says."""
    model = payload.get("model")
    model = model if isinstance(model, str) else None
    if profile.native:
        word = payload.get("stop_type")
        ended = payload.get("stop") is True
        timings = payload.get("timings")
        run = timings.get("prompt_n") if isinstance(timings, dict) else None
        return Piece(
            text=_text(payload.get("content")),
            ids=_ids(payload.get("tokens")),
            finish=None if not ended else "length" if word == "limit" else "stop",
            stop=payload.get("stopping_word") if word == "word" else None,
            full=payload.get("truncated") is True,
            model=model,
            prefilled=_count(run),
        )
    choices = payload.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    finish = choice.get("finish_reason")
    told = choice.get("stop_reason", choice.get("matched_stop"))
    return Piece(
        text=_text(choice.get("text")),
        ids=_ids(choice.get("token_ids")),
        finish=finish if isinstance(finish, str) else None,
        stop=told if isinstance(told, (int, str)) else None,
        model=model,
        prompt_ids=_ids(choice.get("prompt_token_ids")),
        prefilled=_prefilled(payload.get("usage")),
        logprobs=_logprobs(choice.get("logprobs")) if profile.logprobs else None,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _ids(value: object) -> list[int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(i) is int for i in value):
        raise malformed("the server answered something else where token ids belong")
    return value


def _prefilled(usage: object) -> int | None:
    """Prompt tokens less those found in the cache; None where the server does not say what its cache held."""
    details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    prompt = _count(usage.get("prompt_tokens")) if isinstance(usage, dict) else None
    return None if prompt is None or cached is None else max(0, prompt - cached)


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**53 else None


def _logprobs(value: object) -> tuple[tuple[tuple[int, float], ...], ...] | None:
    """Per token the likely ids; keys are ``token_id:N``."""
    if not isinstance(value, dict) or not isinstance(value.get("top_logprobs"), list):
        return None
    try:
        return tuple(
            tuple(
                sorted(
                    ((int(key.removeprefix("token_id:")), float(p)) for key, p in entry.items()), key=lambda e: -e[1]
                )
            )
            for entry in value["top_logprobs"]
        )
    except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
        raise Failed("malformed", "the server's log-probabilities do not name token ids") from error
