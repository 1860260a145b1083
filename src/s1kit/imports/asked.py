"""What was asked of a model, from the settings that a file states.

Knows the names that budgets have in the reference's harness, in Inspect and in plain rows. Refuses to guess from a
model's name or a file's: what is not stated is a policy without a budget.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import TypeAdapter, ValidationError

from s1kit.imports.errors import ImportRefused
from s1kit.imports.lines import count
from s1kit.policies import AnyPolicy, Ask, AskAmount, Asked, BudgetForcing, NativeBudget, Policy, Sampling, Unforced

_OWN: TypeAdapter[AnyPolicy] = TypeAdapter(Policy)
_ASKED = re.compile(r"Think for up to (\d+) (tokens|steps)\.")
_AMOUNT = re.compile(r"Answer after a (long|short) amount of thinking\.")


def of_reference(settings: dict[str, Any], prompt: str, where: str) -> AnyPolicy:
    """The policy of the reference's harness: ``max_tokens_thinking``, ``thinking_n_ignore``, ``..._ignore_str``.

    Without them the model was let alone; what the prompt asks for is read from its end.
    """
    ask = _asked(prompt)
    room = count(settings.get("max_gen_toks"))
    if not ({"max_tokens_thinking", "thinking_n_ignore"} & settings.keys()):
        return _made(Unforced, where, max_tokens=room, ask=ask)
    word = settings.get("thinking_n_ignore_str")
    extensions = count(settings.get("thinking_n_ignore")) or 0
    return _made(
        BudgetForcing,
        where,
        max_thinking=count(settings.get("max_tokens_thinking")),  # "auto": all the room there is
        extensions=extensions,
        nudges=(word,) if extensions and isinstance(word, str) and word != "Wait" else None,
        max_answer=room or 1024,
        on_overflow="clamp",
        compat="s1",
        ask=ask,
    )


def of_harness(settings: dict[str, Any], where: str) -> AnyPolicy:
    """The policy of lm-evaluation-harness: as many tokens as it allows, nothing forced."""
    return _made(Unforced, where, max_tokens=count(settings.get("max_gen_toks") or settings.get("max_tokens")) or None)


def of_inspect(config: dict[str, Any], where: str) -> AnyPolicy:
    """The policy of Inspect's generate config: a provider's own effort or budget, else nothing."""
    fields = {name: config[name] for name in ("reasoning_effort", "reasoning_tokens") if config.get(name) is not None}
    room = count(config.get("max_tokens")) or None
    if not fields:
        return _made(Unforced, where, max_tokens=room)
    budget = count(config.get("reasoning_tokens"))
    return _made(NativeBudget, where, fields=fields, max_thinking=budget, max_tokens=room)


def of_own(stated: Any) -> AnyPolicy | None:
    """The policy of a run that was exported from here, which says it in its own words; None for anything else."""
    try:
        return _OWN.validate_python(stated) if isinstance(stated, dict) else None
    except ValidationError:
        return None


def of_row(budget: int | None) -> AnyPolicy:
    """The policy of a plain row: the thinking budget that it names. What kept it there is not known."""
    if budget is None:
        return Unforced()
    return NativeBudget(fields={"thinking_budget": budget}, max_thinking=budget)


def sampling(settings: dict[str, Any]) -> Sampling | None:
    """How tokens were drawn; None where neither a temperature nor ``do_sample: false`` is stated."""
    stated = {
        name: settings[name]
        for name in ("temperature", "top_p", "top_k", "frequency_penalty")
        if isinstance(settings.get(name), int | float) and not isinstance(settings.get(name), bool)
    }
    if stated.get("top_k", 0) < 0:  # how some tools write that every token is kept
        del stated["top_k"]
    if settings.get("do_sample") is False:
        stated["temperature"] = 0.0
    if "temperature" not in stated:
        return None
    try:
        return Sampling(**stated)
    except ValidationError:
        return None


def _asked(prompt: str) -> Asked | None:
    number = _ASKED.search(prompt)
    if number and int(number[1]):
        unit = "tokens" if number[2] == "tokens" else "steps"
        return Ask.model_validate({"unit": unit, "limit": int(number[1])})
    amount = _AMOUNT.search(prompt)
    return AskAmount.model_validate({"amount": amount[1]}) if amount else None


def _made(kind: type[Any], where: str, **fields: Any) -> AnyPolicy:
    try:
        policy: AnyPolicy = kind(**fields)
    except ValidationError as problem:
        what = problem.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, what["loc"]))
        raise ImportRefused(f"{where}: the settings make no policy: {name}: {what['msg']}") from problem
    return policy
