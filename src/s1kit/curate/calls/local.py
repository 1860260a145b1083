"""A local engine as a Caller: the same calls, answered by weights on this machine, with their thinking under control.

Knows how a call becomes a row of a forcing plan, and a generation a reply. Refuses to know prompts. What one row cannot
do (control tokens in its text, a context too small) is that row's error.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from itertools import count
from pathlib import Path

from s1kit.curate.calls.call import Answer, Call, CallerError, Prices, Reply
from s1kit.engines.base import Engine
from s1kit.engines.fingerprint import fingerprint
from s1kit.evaluate import with_text
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.tape import Machine
from s1kit.formats import FormatError, ResolvedFormat
from s1kit.policies import BudgetForcing, Sampling, Unforced, row_seed
from s1kit.tokenizer import TokenizerError
from s1kit.types import EngineInfo, Generation

TAKEN = frozenset({"top_k", "frequency_penalty"})
"""Fields of ``Call.extra`` that a local engine honours."""
_FINISH = {"turn_end": "stop"}


class LocalCaller:
    """Answers with ``engine``; closing it closes the engine.

    ``policy`` says how much may be thought and answered; a call's ``max_tokens`` bounds both together, the answer's
    share reserved first. A call with a temperature draws with a seed made from its seed (None: 0) and its key, so the
    order of calls and their neighbours do not matter where the engine honours that (``EngineInfo.crn``).
    """

    def __init__(
        self,
        engine: Engine,
        fmt: ResolvedFormat,
        policy: BudgetForcing | Unforced,
        *,
        prices: Prices | None = None,
    ) -> None:
        """Raises PolicyError where the policy cannot run on this engine and format."""
        self._engine = engine
        self._format = fmt
        self._policy = policy
        self._plans: dict[tuple[Sampling, int | None], Plan] = {}
        self._prices = prices
        self._identity = "/".join((_model(engine.info), fmt.tokenizer.hash, self._plan(Sampling(), None).policy_id))

    @property
    def identity(self) -> str:
        """Weights, engine, number format and context length, tokenizer with its template, policy with its format."""
        return self._identity

    @property
    def prices(self) -> Prices | None:
        """As given."""
        return self._prices

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()

    def answer(self, calls: Iterable[Call | Answer]) -> Generator[Answer, None, None]:
        """As ``Caller.answer``. Raises CallerError for a call with fields that no local engine knows."""
        open_calls: dict[str, Call] = {}
        ready: deque[Answer] = deque()
        numbers = count()

        def machines() -> Iterator[Machine]:
            for item in calls:
                if not isinstance(item, Call):
                    ready.append(item)
                    yield _nothing()
                    continue
                plan = self._plan(self._sampling(item), item.max_tokens)
                name = f"{item.key}/{next(numbers)}"
                try:
                    prompt, opening = self._format.render([dict(message) for message in item.messages])
                except (FormatError, TokenizerError) as error:
                    ready.append((item, Reply(error=str(error), kind="refused")))
                    yield _nothing()
                    continue
                open_calls[name] = item
                yield machine(plan, Row(name, prompt, opening, seed=row_seed(item.seed or 0, item.key, item.ask)))

        for generation in drive(machines(), self._engine):
            if generation.question_id:
                yield open_calls.pop(generation.question_id), self._reply(generation)
            else:
                yield ready.popleft()

    def _reply(self, generation: Generation) -> Reply:
        g = with_text(generation, self._format.tokenizer.decode)
        usage = {"prompt": g.n_prompt, "completion": g.n_thinking + g.n_answer, "thinking": g.n_thinking}
        seconds = round(g.engine_ms / 1000, 3)
        if g.error is not None:
            return Reply(error=g.error, kind="engine" if g.token_ids else "refused", usage=usage, seconds=seconds)
        return Reply(
            text=g.answer_text.strip(),
            thinking=g.thinking_text.strip(),
            finish=_FINISH.get(g.answer_ended or "", g.answer_ended),
            thinking_ended=g.ended,
            usage=usage,
            seconds=seconds,
        )

    def _sampling(self, call: Call) -> Sampling:
        if call.model != self.identity:
            raise ValueError(f"a call for {call.model!r} was given to {self.identity!r}")
        if unknown := set(call.extra) - TAKEN:
            raise CallerError(
                f"a local engine does not know {', '.join(sorted(unknown))} (role {call.role})\n"
                f"hint: it knows {', '.join(sorted(TAKEN))}"
            )
        top_p = 1.0 if call.top_p is None else call.top_p
        return Sampling(temperature=call.temperature or 0.0, top_p=top_p, **call.extra)

    def _plan(self, sampling: Sampling, max_tokens: int | None) -> Plan:
        found = self._plans.get((sampling, max_tokens))
        if found is None:
            policy = self._policy if max_tokens is None else within(self._policy, max_tokens)
            found = Plan.make(policy, self._format, sampling, self._engine.info)
            self._plans[sampling, max_tokens] = found
        return found


def within(policy: BudgetForcing | Unforced, limit: int) -> BudgetForcing | Unforced:
    """The policy held to ``limit`` tokens of thinking and answer together; the answer's share is reserved first.

    A policy without a maximum of its own takes what room the context leaves below the limit, as it would without one.
    """
    if isinstance(policy, Unforced):
        return policy.model_copy(update={"max_tokens": min(limit, policy.max_tokens or limit)})
    answer = min(policy.max_answer, limit)
    thinking = limit - answer if policy.max_thinking is None else min(policy.max_thinking, limit - answer)
    fields = {"max_answer": answer, "max_thinking": thinking, "min_thinking": min(policy.min_thinking, thinking)}
    return policy.model_copy(update={**fields, **({"on_overflow": "clamp"} if policy.max_thinking is None else {})})


def _model(info: EngineInfo) -> str:
    """The weights and what else of an engine changes its answers; a folder counts by its content, not its place."""
    folder = Path(info.model)
    name = f"{folder.name}@{fingerprint(folder)[:16]}" if folder.is_dir() else f"{info.model}@{info.revision}"
    return f"{name}/{info.name}-{info.dtype}-{info.context_len}"


def _nothing() -> Machine:
    """A machine that is over at once: what is known already takes its turn among those that generate."""
    return Generation(question_id="", policy_id="", ended="error")
    yield
