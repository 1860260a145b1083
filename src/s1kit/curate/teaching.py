"""The teacher: one trace per question, its length, and whether its answer is right.

Knows what makes a trace unusable: a failed call, no thinking, no answer, an end by length. Refuses to drop a wrong one:
correctness is not required (paper, section 2.2: about half of s1K's traces are wrong), but it is known of every trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from s1kit.benchmarks.reading import read_rows
from s1kit.curate.judge import judge_messages, read_verdict
from s1kit.curate.recipe import ModelConfig
from s1kit.curate.row import Row, batches
from s1kit.curate.verdicts import WORKERS, Answered, Ruled, as_grade, by_rule, judgeable
from s1kit.curate.work import Ask, Work, replies, until_read
from s1kit.errors import UserError
from s1kit.grading.pool import MathVerifyPool
from s1kit.tokenizer import Tokenizer
from s1kit.types import Decision, Grade, Question, Trace, question_id

GRADED_AT_ONCE = 2048
MISSING = "missing"
"""How a trace ended that a file or a source should hold and does not."""


def ask_for(question: Question) -> Ask:
    """The bare question, as the paper asks it: teacher, solvers and evaluation all get the same words."""
    return Ask(question.id, ({"role": "user", "content": question.prompt()},))


def traces_by_model(
    work: Work, config: ModelConfig, questions: Callable[[], Iterable[Question]], total: int, tokenizer: Tokenizer
) -> Iterator[Trace]:
    """One trace per question, in order; a failed call is a trace with its error."""
    caller = work.caller("teacher", config)
    for subject, reply in replies(work, "teacher", config, lambda: map(ask_for, questions()), total):
        yield Trace(
            question_id=subject,
            teacher=caller.identity,
            thinking=reply.thinking,
            answer=reply.text,
            thinking_tokens=len(tokenizer.encode(reply.thinking)),
            tokenizer=tokenizer.name,
            finish=reply.finish,
            usage=reply.usage,
            error=reply.error,
        )


def traces_of_file(path: Path, questions: Iterable[Question], tokenizer: Tokenizer) -> Iterator[Trace]:
    """The traces that a file holds for these questions, in their order; a question without one gets an error.

    A row has ``question_id``, or ``question`` (or ``text``), with ``thinking`` and ``answer``. Raises UserError for a
    row that has not.
    """
    there: dict[str, Trace] = {}
    for line in read_rows(path):
        row = line.row
        if row is None:
            raise UserError(f"{line.where}: {line.broken}")
        try:
            key = row.get("question_id") or question_id(
                row.get("question") or row["text"], tuple(row.get("choices") or ())
            )
            trace = Trace(
                question_id=key,
                teacher=str(row.get("teacher") or path.name),
                thinking=row["thinking"],
                answer=str(row["answer"]),
                finish=row.get("finish"),
            )
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise UserError(
                f"{line.where}: not a trace ({error})\nhint: it needs question_id or question, thinking and answer"
            ) from error
        there.setdefault(key, trace)
    for question in questions:
        found = there.get(question.id)
        if found is None:
            yield _missing(question, path.name, f"{path.name} has none")
        else:
            count = len(tokenizer.encode(found.thinking))
            yield found.model_copy(update={"thinking_tokens": count, "tokenizer": tokenizer.name})


def traces_of_sources(key: str, questions: Iterable[Question], tokenizer: Tokenizer) -> Iterator[Trace]:
    """The sources' own worked solutions (``Question.meta[key]``) with the reference as the answer."""
    for question in questions:
        text = question.meta.get(key)
        thinking = text.strip() if isinstance(text, str) else ""
        if not thinking or not question.answer:
            yield _missing(question, f"source {key}", f"the source has no {key if not thinking else 'answer'}")
            continue
        yield Trace(
            question_id=question.id,
            teacher=f"source {key}",
            thinking=thinking,
            answer=f"Answer: {question.answer}",
            thinking_tokens=len(tokenizer.encode(thinking)),
            tokenizer=tokenizer.name,
        )


def _missing(question: Question, teacher: str, why: str) -> Trace:
    return Trace(question_id=question.id, teacher=teacher, thinking="", answer="", finish=MISSING, error=why)


def judge_rest(work: Work, answers: list[Answered], ruled: list[Ruled]) -> list[Ruled]:
    """The same rulings, with the judge's word where no rule had the last one; unchanged where there is no judge."""
    config = work.config.difficulty
    if config.judge is None:
        return ruled
    open_ones = {f"{i}": a for i, (a, r) in enumerate(zip(answers, ruled, strict=True)) if judgeable(a, r)}
    asks = {key: judge_messages(a.question, a.text) for key, a in open_ones.items()}
    said = until_read(work, "judge", config.judge, asks, read_verdict, config.asks)
    return [r.asked(*said[f"{i}"]) if f"{i}" in said else r for i, r in enumerate(ruled)]


def grade(work: Work, questions: Iterable[Question], traces: Iterable[Trace], judged: bool) -> Iterator[Grade]:
    """The verdict on every trace's answer; questions and traces come in the same order."""
    with MathVerifyPool(WORKERS) as pool:
        for batch in batches(zip(questions, traces, strict=True), GRADED_AT_ONCE):
            answers = [Answered(question, trace.answer, trace.error) for question, trace in batch]
            ruled = by_rule(answers, pool)
            if judged:
                ruled = judge_rest(work, answers, ruled)
            for (question, trace), one in zip(batch, ruled, strict=True):
                yield as_grade(question, trace.teacher, one)


def decide(rows: Iterable[Row], traces: Iterable[Trace], step: str) -> Iterator[Decision]:
    """What the traces say of their rows; both in the same order."""
    for row, trace in zip(rows, traces, strict=True):
        reason = fault(trace)
        kept = f"{trace.thinking_tokens} thinking tokens of {trace.teacher}"
        evidence = kept if reason is None else (trace.error or f"{kept}, finish {trace.finish}")
        yield row.decide(step, reason is None, reason or "", evidence[:300])


def fault(trace: Trace) -> str | None:
    """Why a trace cannot be learned from; None where it can."""
    if trace.finish == MISSING:
        return "no_trace"
    if trace.error is not None:
        return "api_error"
    if trace.finish in ("length", "cutoff", "context"):
        return "cut_off"
    if not trace.thinking.strip():
        return "no_thinking"
    return None if trace.answer.strip() else "no_answer"
