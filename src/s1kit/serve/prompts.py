"""What was asked, made into rows: prompts in ids, one plan, and everything refused that cannot run.

Knows formats, tokenizers and the room of a context. Refuses to generate.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from s1kit.errors import UserError
from s1kit.forcing.check import PolicyError
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import ResolvedFormat
from s1kit.policies import BudgetForcing, Unforced, row_seed
from s1kit.serve.errors import ApiError, in_one_line
from s1kit.serve.fields import Asked
from s1kit.serve.turns import Prompt
from s1kit.types import EngineInfo, canonical_json, question_id

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """What is served: one engine's model in one think format."""

    name: str
    format: ResolvedFormat
    plain: ResolvedFormat
    """The same turn ends without a thinking phase: for completions that ask for no forcing."""
    info: EngineInfo

    @classmethod
    def make(cls, name: str, fmt: ResolvedFormat, info: EngineInfo) -> Model:
        """With its plain twin."""
        bare = {"open": "", "close": "", "cutoff_suffix": "", "nudge": "", "think_stops": ()}
        spec = fmt.spec.model_copy(update={**bare, "name": "plain", "newline_before_close": False})
        return cls(name, fmt, spec.resolve(fmt.tokenizer), info)


@dataclass(frozen=True, slots=True)
class Prepared:
    """One request, ready for the scheduler. Choice i of prompt p is ``rows[p * n + i]``."""

    plan: Plan
    rows: tuple[Row, ...]


def prepare(asked: Asked, model: Model, longest: int) -> Prepared:
    """Render, tokenise and check. ``longest``: characters of a prompt. Raises ApiError (400)."""
    try:
        prompts = _chat(asked, model, longest) if asked.messages else _texts(asked, model, longest)
    except UserError as error:
        if isinstance(error, ApiError):
            raise
        raise ApiError(in_one_line(error), param="messages" if asked.messages else "prompt") from error
    fmt = model.plain if isinstance(asked.policy, Unforced) else model.format
    policy = asked.policy
    if asked.answer_may_shrink and isinstance(policy, BudgetForcing):
        policy = _shrunk(policy, fmt, max(len(ids) + len(opening) for _, ids, opening in prompts), model.info)
    try:
        plan = Plan.make(policy, fmt, asked.sampling, model.info)
    except PolicyError as error:
        raise ApiError(in_one_line(error)) from error
    _refuse_control(plan)
    seed = secrets.randbits(62) if asked.seed is None else asked.seed
    rows = tuple(
        Row(name, ids, opening, sample, row_seed(seed, name, sample))
        for name, ids, opening in prompts
        for sample in range(asked.n)
    )
    for row in rows[:: asked.n]:
        _refuse_overflow(plan, row)
    return Prepared(plan, rows)


def _chat(asked: Asked, model: Model, longest: int) -> list[tuple[str, Ids, Ids]]:
    """``(question id, prompt, open)``: a single user message is the question that ``s1 eval`` would ask."""
    size = sum(len(turn["content"]) for turn in asked.messages)
    _refuse_long(size, longest, "messages")
    users = [turn for turn in asked.messages if turn["role"] != "system"]
    whole = users[0]["content"] if len(users) == 1 else canonical_json(list(asked.messages))
    ids, opening = model.format.render(list(asked.messages))
    return [(question_id(whole), ids, opening)]


def _texts(asked: Asked, model: Model, longest: int) -> list[tuple[str, Ids, Ids]]:
    """As they stand; a forced one gets the format's ``open`` unless it ends with it."""
    made = []
    for prompt in asked.prompts:
        ids = _ids(prompt, model, longest)
        opening = model.format.open if isinstance(asked.policy, BudgetForcing) else ()
        made.append((question_id(str(prompt)), ids, () if opening and ids[-len(opening) :] == opening else opening))
    return made


def _ids(prompt: Prompt, model: Model, longest: int) -> Ids:
    if isinstance(prompt, str):
        _refuse_long(len(prompt), longest, "prompt")
        return model.format.tokenizer.encode(prompt)
    size = model.format.tokenizer.vocab_size
    if unknown := [i for i in prompt if i >= size]:
        raise ApiError(f"prompt holds token id {unknown[0]}; this model has ids 0 to {size - 1}", param="prompt")
    return prompt


def _shrunk(policy: BudgetForcing, fmt: ResolvedFormat, prompt: int, info: EngineInfo) -> BudgetForcing:
    """An answer that was bounded by a maximum takes at most what the context leaves it."""
    suffix = fmt.cutoff_suffix if policy.cutoff_suffix is None else fmt.tokenizer.encode(policy.cutoff_suffix)
    closing = len(fmt.newline) + len(fmt.close) + len(suffix)
    thinking = policy.max_thinking or 0
    if policy.on_overflow == "clamp":  # both are upper bounds: the answer keeps at most half of a small context
        thinking = min(thinking, (info.context_len - prompt - closing) // 2)
    left = info.context_len - prompt - closing - thinking
    return policy if left < 1 or left >= policy.max_answer else policy.model_copy(update={"max_answer": left})


def _refuse_long(size: int, longest: int, param: str) -> None:
    if size > longest:
        raise ApiError(
            f"{param} holds {size} characters; this server takes {longest}: shorten it, or start it with a larger "
            "--max-prompt",
            param=param,
            code="context_length_exceeded",
        )


def _refuse_control(plan: Plan) -> None:
    """A nudge or suffix in which a delimiter is written would open turns and thoughts of its own."""
    fmt = plan.format
    delimiters = {*fmt.think_stop_ids, *fmt.turn_end_ids, *fmt.open, *fmt.close} & fmt.tokenizer.added_ids
    control = delimiters | fmt.tokenizer.special_ids
    for param, ids in (*(("wait_str", nudge) for nudge in plan.nudges), ("cutoff_suffix", plan.suffix)):
        if control.intersection(ids) or (fmt.close and _holds(ids, fmt.close)):
            raise ApiError(f"{param} holds a control token of this model; write plain text", param=param)


def _holds(ids: Ids, part: Ids) -> bool:
    return any(ids[i : i + len(part)] == part for i in range(len(ids) - len(part) + 1))


def _refuse_overflow(plan: Plan, row: Row) -> None:
    size, room, policy = len(row.prompt_ids) + len(row.open_ids), plan.room(row), plan.policy
    if not isinstance(policy, BudgetForcing):  # a server offers nothing else beside it than no forcing at all
        if room < 1:
            raise ApiError(
                f"the prompt has {size} tokens, the context holds {plan.context_len}; shorten it",
                code="context_length_exceeded",
            )
        return
    least = (policy.max_thinking or 0) if policy.on_overflow == "refuse" else 0
    if room < least or room < policy.min_thinking:
        wanted = max(least, policy.min_thinking)
        raise ApiError(
            f"the context of {plan.context_len} tokens leaves {max(0, room)} for thinking after a prompt of {size} and "
            f"{policy.max_answer} for the answer; {wanted} are asked for: ask for less, or set max_completion_tokens, "
            "which bounds thinking and answer together",
            code="context_length_exceeded",
        )
