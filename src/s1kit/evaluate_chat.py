"""Questions + a provider's own budgets + a chat endpoint -> generations in a run (the paper's Table 1 has models that
only speak chat).

Knows conversations and what may be refused before the first request. Refuses to know tokens: nothing is forced here,
and the rows are text (``exact=False``). Grades and metrics are those of every run (``s1kit.evaluate``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from s1kit.engines.chat import ChatEngine, ChatRequest, answers, native
from s1kit.evaluate import Progress
from s1kit.policies import BudgetForcing, NativeBudget, Sampling, Unforced, label, policy_id, row_seed
from s1kit.store.run import RunDir
from s1kit.types import Question, Role

FORMAT: dict[str, Any] = {"name": "chat", "think_stops": []}
"""Stands where other policies name their think format: the provider renders the prompt and ends the thinking."""


@dataclass(frozen=True, slots=True)
class ChatPoint:
    """One provider's budget of a run."""

    policy_id: str
    policy: NativeBudget
    role: Role
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class ChatJob:
    """Everything that is decided before the first request."""

    questions: tuple[Question, ...]
    points: tuple[ChatPoint, ...]
    samples: int
    seed: int
    system: str | None

    @property
    def size(self) -> int:
        """Generations that the whole run holds."""
        return len(self.points) * len(self.questions) * self.samples


def prepare_chat(
    questions: Sequence[Question],
    policies: Iterable[tuple[Unforced | BudgetForcing | NativeBudget, Role, Sampling]],
    *,
    samples: int = 1,
    seed: int = 0,
    system: str | None = None,
) -> ChatJob:
    """Check every policy. Raises EngineError, with the reason, for one that has to place tokens."""
    points: dict[str, ChatPoint] = {}
    for policy, role, sampling in policies:
        own = native(policy)
        name = policy_id(own, FORMAT, sampling)
        points.setdefault(name, ChatPoint(name, own, role, sampling))
    return ChatJob(tuple(questions), tuple(points.values()), samples, seed, system)


def describe_chat(job: ChatJob) -> dict[str, dict[str, Any]]:
    """The manifest's ``policies``: what each policy id stands for."""
    return {
        p.policy_id: {
            "label": label(p.policy),
            "role": p.role,
            "policy": p.policy.model_dump(mode="json"),
            "sampling": p.sampling.model_dump(mode="json", exclude={"seed"}),
            "format": FORMAT,
            "samples": job.samples,
        }
        for p in job.points
    }


def execute_chat(job: ChatJob, engine: ChatEngine, run: RunDir, progress: Progress) -> None:
    """Ask for every row that the run does not have yet, and store each as it is answered.

    Raises EngineError when the endpoint is gone for good; the rows that were answered are in the run then.
    """
    progress.add(done=len(run.done))
    for row in answers(engine, _missing(job, run.done)):
        run.append_many([row])  # a reply may have cost money: none waits for others
        progress.add(done=1, tokens=row.n_paid, errors=1 if row.error else 0)


def _missing(job: ChatJob, done: frozenset[tuple[str, str, int]]) -> Iterator[tuple[tuple[str, str, int], ChatRequest]]:
    system = [] if job.system is None else [{"role": "system", "content": job.system}]
    for question in job.questions:
        messages = (*system, {"role": "user", "content": question.prompt()})
        for sample in range(job.samples):
            seed = row_seed(job.seed, question.id, sample)
            for point in job.points:
                key = (question.id, point.policy_id, sample)
                if key not in done:
                    sampling = point.sampling.model_copy(update={"seed": seed})
                    yield key, ChatRequest("/".join(map(str, key)), messages, point.policy, sampling)
