"""The nano world's noisy teacher as a caller: what stands in for an endpoint where there is no network.

Knows the problems behind a nano pool, and fails on some calls on purpose. Refuses questions that are not of its pool,
with an error reply, as an endpoint refuses what it cannot read.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from random import Random

from s1kit.curate.calls.call import Answer, Call, Prices, Reply
from s1kit.nano.family import Problem
from s1kit.nano.teacher import Teacher, write_trace


class NanoTeacher:
    """Answers from ``problems`` (text of a question -> the problem behind it); ``fails`` is a share of the calls."""

    def __init__(self, problems: dict[str, Problem], *, seed: int = 0, fails: float = 0.0) -> None:
        self._problems, self._seed, self._fails = problems, seed, fails
        self.prices: Prices | None = None

    @property
    def identity(self) -> str:
        """Says how it errs: another seed is another teacher."""
        return f"nano-noisy-{self._seed}-fails-{self._fails:g}"

    def answer(self, calls: Iterable[Call | Answer]) -> Generator[Answer, None, None]:
        """Every call with its trace; what it says of a question depends on that question and the seed alone."""
        for call in calls:
            yield call if isinstance(call, tuple) else (call, self._reply(call))

    def close(self) -> None:
        """Nothing to give back."""

    def _reply(self, call: Call) -> Reply:
        text = call.messages[-1]["content"]
        problem = self._problems.get(text)
        rng = Random(f"s1kit nano teacher {self._seed} {call.key}")
        if problem is None:
            return Reply(error="the nano teacher knows only the questions of its own pool", kind="refused")
        if rng.random() < self._fails:
            return Reply(error="500: planted failure of the nano teacher", kind="http_5xx", tries=5)
        trace = write_trace(rng, problem, Teacher())
        return Reply(text=f"Answer: {trace.answer}", thinking=trace.thinking, finish="stop")
