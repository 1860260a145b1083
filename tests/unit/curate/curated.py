"""A made-up curation on disk: three sources, seven steps, two selections, a training set, a ledger."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa

from s1kit.curate.audit import Cut, LengthAudit
from s1kit.curate.tables import TRAINED
from s1kit.store.rows import (
    ATTEMPTS,
    CHOSEN,
    DECISIONS,
    FILED,
    GRADES,
    POOL,
    TRACES,
    question_row,
    trace_row,
    write_parquet,
)
from s1kit.types import Attempt, Chosen, Decision, Filed, Grade, Question, Selection, Trace

SOURCES = {"numina": "Apache-2.0", "aime": None, "agieval/sat-math": "MIT"}
STEPS = ("quality", "duplicates", "decontaminate", "trace", "domain", "difficulty")
WORDS = {
    "51": "triangle circle radius angle chord tangent area polygon",
    "11": "prime divisor integer remainder modulo digits square gcd",
    "05": "coloring graph permutation arrangement committee grid subset paths",
    "92": "species cell membrane protein gene",
}


class Curation:
    """Writes the files and keeps the records, so that a test can count for itself."""

    def __init__(self, path: Path, n: int = 240, texts: tuple[str, ...] = (), seed: int = 0) -> None:
        self.path, self.rng = path, Random(seed)
        self.decisions: list[Decision] = []
        self.traces: list[Trace] = []
        self.grades: list[Grade] = []
        self.attempts: list[Attempt] = []
        self.filed: list[Filed] = []
        self.selections: dict[str, list[Chosen]] = {}
        self.questions = [self._question(i, texts[i] if i < len(texts) else None) for i in range(n)]
        self.pool = [*enumerate(self.questions)]
        self.pool.append((n, self.questions[3]))  # a copy
        self.broken = n + 1
        self._decide()
        left = [q for number, q in self.pool if self.last(number)]
        self.select("s1k", "paper", left[: len(left) // 2])
        self.select("longest", "longest", left[: len(left) // 4])

    def _question(self, i: int, text: str | None) -> Question:
        code = list(WORDS)[i % 7 % 4]
        words = WORDS[code].split()
        one, other = self.rng.choice(words), self.rng.choice(words)
        made = f"Question {i}: let the {one} and a {other} be given. Find $\\frac{{{i}}}{{2}}$."
        source = list(SOURCES)[i % 5 % 3]
        choices = ("one half", "two") if source.startswith("agieval") else ()
        return Question.make(
            text=made if text is None else text, answer=str(i), answer_kind="integer", choices=choices, source=source,
            licence=SOURCES[source], domain=code,
        )  # fmt: skip

    def _decide(self) -> None:
        self.say("pool", self.broken, None, "numina", False, "broken_row", "pool.jsonl:241: not JSON")
        for number, q in self.pool:
            self.say("pool", number, q.id, q.source, True)
            tokens = 40 + int(2 ** (self.rng.random() * 9 + 3))
            first = number < len(self.questions)
            failed = number % 31 == 5
            verdicts = ["correct" if number % m == 0 else "incorrect" for m in (6, 4)]
            checks = {
                "quality": (number % 29 != 1, "ascii_art" if number % 2 else "missing_image", "... +--+ | ..."),
                "duplicates": (first, "exact", f"row 3 ({q.source})"),
                "decontaminate": (number % 37 != 2, "ngram", 'math500/12: "let the be given find" (5 of 40)'),
                "trace": (not failed, "failed_call", "http_5xx after 5 tries"),
                "domain": (True, "", ""),
                "difficulty": ("correct" not in verdicts, "solved", "solved by small"),
            }
            for step, (kept, reason, evidence) in checks.items():
                said = ("", "") if kept else (reason, evidence)
                self.say(step, number, q.id, q.source, kept, *said)
                if step == "trace":
                    self._teach(q, tokens, failed)
                if step == "domain":
                    self.filed.append(Filed(question_id=q.id, code=q.domain or "other", how="lexical", score=0.5))
                if step == "difficulty":
                    for solver, verdict in zip(("small", "large"), verdicts, strict=True):
                        self._try(q, solver, verdict)
                if not kept:
                    break

    def say(self, step: str, row: int, name: str | None, source: str, kept: bool, *why: str) -> None:
        reason, evidence = why or ("", "")
        self.decisions.append(
            Decision(
                row=row, question_id=name, source=source, step=step, kept=kept, reason=reason, evidence=evidence
            )
        )  # fmt: skip

    def _teach(self, q: Question, tokens: int, failed: bool) -> None:
        thinking = "" if failed else f"First I look at it. Then {tokens} times more."
        self.traces.append(
            Trace(
                question_id=q.id, teacher="big/thinker", thinking=thinking, answer="" if failed else "42",
                thinking_tokens=None if failed else tokens, tokenizer="qwen2.5", finish="stop",
                error="http_500: <b>gone</b>" if failed else None,
            )
        )  # fmt: skip
        if not failed:
            verdict: Any = ("correct", "incorrect", "ungraded")[tokens % 3]
            self.grades.append(
                Grade(
                    question_id=q.id, policy_id="big/thinker", grader="curate", version=1, verdict=verdict, rule="int"
                )
            )

    def _try(self, q: Question, solver: str, verdict: Any) -> None:
        self.attempts.append(
            Attempt(question_id=q.id, solver=solver, answer="so 7", verdict=verdict, rule="integer", judged=None)
        )

    def last(self, number: int) -> bool:
        """Whether the row passed every step."""
        return sum(d.kept for d in self.decisions if d.row == number) == len(STEPS) + 1

    def tokens(self) -> dict[str, int]:
        """Question to tokens of its trace."""
        return {t.question_id: t.thinking_tokens or 0 for t in self.traces if t.error is None}

    def select(self, name: str, rule: str, questions: list[Question]) -> None:
        tokens = self.tokens()
        self.selections[name] = [
            Chosen(question_id=q.id, domain=q.domain or "other", how="drawn", rank=i, left=9, length=tokens[q.id])
            for i, q in enumerate(questions)
        ]
        self.rules = {**getattr(self, "rules", {}), name: rule}

    def write(self, *, without: tuple[str, ...] = (), contamination: Any = None) -> Path:
        """All files, except those named; the path."""
        names = ("pool", *STEPS)
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "decisions").mkdir(exist_ok=True)
        self._parquet("pool.parquet", POOL, [{"row": n, **question_row(q)} for n, q in self.pool])
        for number, step in enumerate(names):
            rows = [vars(d) for d in self.decisions if d.step == step]
            self._parquet(f"decisions/{number:02}-{step}.parquet", DECISIONS, rows)
        optional: dict[str, tuple[pa.Schema, list[dict[str, Any]]]] = {
            "traces": (TRACES, [trace_row(t) for t in self.traces]),
            "trace_grades": (GRADES, [vars(g) for g in self.grades]),
            "attempts": (ATTEMPTS, [vars(a) for a in self.attempts]),
            "domains": (FILED, [vars(f) for f in self.filed]),
        }
        for name, (schema, rows) in optional.items():
            if name not in without:
                self._parquet(f"{name}.parquet", schema, rows)
        if "selections" not in without:
            for name, chosen in self.selections.items():
                self._selection(name, chosen)
        if "ledger" not in without:
            (self.path / "ledger.json").write_text(json.dumps(LEDGER), encoding="utf-8")
        if contamination is not None:
            (self.path / "contamination.json").write_text(json.dumps(contamination), encoding="utf-8")
        return self.path

    def _selection(self, name: str, chosen: list[Chosen]) -> None:
        folder = self.path / "selections" / name
        folder.mkdir(parents=True, exist_ok=True)
        ids = tuple(c.question_id for c in chosen)
        drawn = Selection(rule=self.rules[name], size=len(ids), seed=7, ids=ids, counts_by_domain={}, inputs={})
        (folder / "selection.json").write_text(drawn.model_dump_json(), encoding="utf-8")
        self._parquet(f"selections/{name}/rows.parquet", CHOSEN, [vars(c) for c in chosen])
        train = self.path / "trainsets" / f"{name}-s1"
        train.mkdir(parents=True, exist_ok=True)
        rows = [{"question_id": c.question_id, "format": "s1", "n_tokens": c.length + 100} for c in chosen]
        self._parquet(f"trainsets/{name}-s1/train.parquet", TRAINED, rows)
        lengths = sorted(row["n_tokens"] for row in rows)
        cut = Cut(length=512, rows_cut=sum(n > 512 for n in lengths), share=0.5, answers_lost=1)
        found = LengthAudit(
            rows=len(lengths), tokens=sum(lengths), min=lengths[0], median=lengths[0], mean=1.0, p90=1, p99=1,
            max=lengths[-1], cuts=(cut,),
        )  # fmt: skip
        (train / "trainset.json").write_text(json.dumps({"audit": found.model_dump()}), encoding="utf-8")

    def _parquet(self, name: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
        write_parquet(self.path / name, schema, rows)


def bill(calls: int, cost: float | None) -> dict[str, Any]:
    """As a ledger writes it."""
    tokens = {"prompt": 80 * calls, "completion": 500 * calls, "thinking": 450 * calls}
    return {
        "calls": calls,
        "errors": calls // 29,
        "tries": calls,
        **tokens,
        "unmetered": 0,
        "seconds": 1.5,
        "cost": cost,
    }


LEDGER: dict[str, Any] = {
    "entries": [
        {
            "role": "solver", "model": "small", "prices": None,
            "cached": 0, "paid": bill(222, None), "used": bill(222, None),
        },
        {
            "role": "teacher", "model": "big/thinker", "prices": {"prompt": 0.1, "completion": 0.4},
            "cached": 10, "paid": bill(220, 1.25), "used": bill(230, 1.31),
        },
    ],
    "cost": {"paid": None, "used": None},
}  # fmt: skip
