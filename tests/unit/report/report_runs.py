"""A made-up run with everything a report shows: 14 policies, 60 questions, a vocabulary of words as tokenizer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s1kit.metrics.anytime import Anytime, Probe, ProbedTrace, anytime
from s1kit.metrics.summary import Metrics, summarise
from s1kit.policies import BudgetForcing, label, policy_id
from s1kit.store.run import RunDir
from s1kit.types import EngineInfo, Generation, Grade, Question, Segment

OPEN, CLOSE, SUFFIX = "<|im_start|>think\n", "\n<|im_start|>answer\n", "Final Answer:"
NATURAL = BudgetForcing()
POLICIES: list[tuple[BudgetForcing, str]] = [
    *((BudgetForcing(max_thinking=n), "budget") for n in (8, 16, 24, 32, 48, 64, 96)),
    (NATURAL, "natural"),
    *((BudgetForcing(extensions=n), "extension") for n in (1, 2, 4)),
    (BudgetForcing(extensions=1, nudges=("Hmm",)), "placebo"),
    (BudgetForcing(extensions=1, nudges=("",)), "placebo"),
]
ENGINE = EngineInfo(
    name="hf", model="nano", version="5.19.0", dtype="float32", device="cpu", context_len=2048, vocab_size=600
)
CONFIG: dict[str, Any] = {
    "benchmark": "nano_mixed",
    "model": "nano",
    "samples": 1,
    "seed": 0,
    "sampling": {"temperature": 0.0, "top_p": 1.0},
    "out": "runs",
}


class Words:
    """Pieces of text as tokens, in order of first use."""

    def __init__(self) -> None:
        self._known: list[str] = []
        self._ids: dict[str, int] = {}

    def encode(self, pieces: Sequence[str]) -> list[int]:
        for piece in pieces:
            if piece not in self._ids:
                self._ids[piece] = len(self._known)
                self._known.append(piece)
        return [self._ids[piece] for piece in pieces]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(self._known[i] for i in ids)


def questions(n: int) -> list[Question]:
    return [
        Question.make(
            text=f"How many of these numbers are larger than {40 + i}? 12, 57, {i}, 91, 44, 68",
            answer="3",
            answer_kind="integer",
        )
        for i in range(n)
    ]


def described(seed: int = 0) -> dict[str, dict[str, Any]]:
    """The manifest's policies, the fresh sample referring to the first extension."""
    found: dict[str, dict[str, Any]] = {}
    for policy, role in POLICIES:
        found[policy_id(policy, {}, _greedy())] = _entry(policy, role)
    wait = next(key for key, entry in found.items() if entry["role"] == "extension")
    fresh = BudgetForcing(equal_to=wait)
    natural = next(key for key, entry in found.items() if entry["role"] == "natural")
    found[policy_id(fresh, {}, _greedy())] = {**_entry(fresh, "fresh"), "series": "fresh", "against": natural}
    return found


def _entry(policy: BudgetForcing, role: str) -> dict[str, Any]:
    return {
        "label": label(policy),
        "role": role,
        "policy": policy.model_dump(mode="json"),
        "sampling": {},
        "samples": 1,
    }


def _greedy() -> Any:
    from s1kit.policies import Sampling

    return Sampling()


class Writer:
    """Writes generations that look like a model's, from one vocabulary."""

    def __init__(self, seed: int = 0) -> None:
        self.words = Words()
        self._random = random.Random(seed)

    def row(self, question: Question, policy: str, entry: dict[str, Any], natural: int, body: str = "") -> Generation:
        """One generation; ``body`` replaces the model's own thinking."""
        asked = entry["policy"]
        budget = asked["max_thinking"]
        nudges = asked["nudges"] or ["Wait"]
        length = natural if entry["role"] != "fresh" else natural + 20
        tokens: list[int] = []
        segments: list[Segment] = []

        def add(phase: Any, origin: Any, why: Any, pieces: Sequence[str]) -> None:
            start = len(tokens)
            tokens.extend(self.words.encode(pieces))
            segments.append(Segment(phase=phase, origin=origin, why=why, start=start, end=len(tokens)))

        add("think", "forced", "open", [OPEN])
        own = [body] if body else [f" {self._random.randint(1, 99)}" for _ in range(min(length, budget or length))]
        add("think", "model", "think", own)
        for step in range(asked["extensions"]):
            add("think", "forced", "nudge", [nudges[step % len(nudges)]] if nudges[step % len(nudges)] else [])
            add("think", "model", "think", [", let me count again:"] + [" 57"] * self._random.randint(12, 30))
        cut = budget is not None and length >= budget
        add("answer", "forced", "close", [CLOSE])
        if cut:
            add("answer", "forced", "cutoff", [SUFFIX])
        add("answer", "model", "answer", [" The answer is", f" {self._random.randint(1, 5)}", "."])
        thinking = [s for s in segments if s.why in ("think", "nudge")]
        paid = sum(s.end - s.start for s in thinking if s.origin == "model")
        return Generation(
            question_id=question.id,
            policy_id=policy,
            token_ids=tuple(tokens),
            segments=tuple(segments),
            ended="cutoff" if cut else "model",
            answer_ended="turn_end",
            extensions=asked["extensions"],
            n_thinking_model=paid,
            n_thinking_forced=sum(s.end - s.start for s in thinking if s.origin == "forced"),
            n_answer=3,
            n_paid=paid // 2 + 3,
            n_paid_thinking=paid // 2,
            thinking_text=self.words.decode([t for s in thinking for t in tokens[s.start : s.end]]),
            answer_text=self.words.decode(tokens[-3:]),
        )

    def grade(self, row: Generation, entry: dict[str, Any], hardness: float) -> Grade:
        """Easy questions are right early; a "Wait" repairs some; under a small budget some give no answer."""
        role = entry["role"]
        skill = (
            min(0.9, row.n_thinking / 110) if role == "budget" else {"natural": 0.62, "placebo": 0.64}.get(role, 0.74)
        )
        right = hardness + self._random.uniform(-0.08, 0.08) < skill
        verdict = "correct" if right else "no_answer" if row.ended == "cutoff" and hardness > 0.85 else "incorrect"
        return Grade(
            question_id=row.question_id,
            policy_id=row.policy_id,
            grader="default",
            version=1,
            verdict=verdict,  # type: ignore[arg-type]
            rule="last_number" if verdict != "no_answer" else "none",
            extracted=None if verdict == "no_answer" else "3" if right else "4",
            reference="3",
        )


def probed(asked: Sequence[Question], seed: int = 0) -> Anytime:
    """An anytime curve that rises and sometimes falls back."""
    random_ = random.Random(seed)
    traces = []
    for question in asked:
        end = random_.randint(50, 140)
        hard = random_.random()
        probes = tuple(Probe(t, hard < t / 100 and random_.random() < 0.9) for t in range(8, end, 8))
        traces.append(ProbedTrace(question.id, probes, Probe(end, hard < 0.62)))
    return anytime(traces)


def finished(
    root: Path, n: int = 60, *, graded: bool = True, measured: bool = True, header: str = "", **config: Any
) -> tuple[RunDir, Words]:
    """A finished run, open for reading, and the vocabulary that decodes it."""
    writer, asked, entries = Writer(), questions(n), described()
    random_ = random.Random(1)
    nature = {q.id: (random_.randint(40, 150), i / max(1, n)) for i, q in enumerate(asked)}
    rows = [writer.row(q, key, entry, nature[q.id][0]) for q in asked for key, entry in entries.items()]
    run = store(root, asked, rows, entries, header=header, **config)
    if graded:
        grades = [writer.grade(row, entries[row.policy_id], nature[row.question_id][1]) for row in rows]
        run.write_grades("default", grades)
        if measured:
            measure(run, anytime_of=probed(asked))
    return run, writer.words


def store(
    root: Path,
    asked: Sequence[Question],
    rows: Sequence[Generation],
    entries: dict[str, dict[str, Any]],
    header: str = "",
    **config: Any,
) -> RunDir:
    arguments: dict[str, Any] = {"config_resolved": {**CONFIG, **config}, "non_output": ("out",), "engine": ENGINE}
    with RunDir.create(root, "sweep", "test", questions=asked, policies=entries, header=header, **arguments) as run:
        run.append_many(rows)
        run.finish()
    return RunDir.open(run.path)


def measure(run: RunDir, anytime_of: Anytime | None = None) -> Metrics:
    metrics = summarise(
        list(run.questions()), list(run.generations()), list(run.grades("default")), run.manifest.policies
    )
    metrics = metrics.model_copy(update={"anytime": anytime_of})
    run.write_metrics(metrics.model_dump(mode="json"))
    return metrics
