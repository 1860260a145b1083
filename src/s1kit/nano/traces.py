"""The thousand teacher traces that a nano model is fine-tuned on, as questions and traces ready for `train`.

Knows the seed and the size of the set, and leaves every evaluation question out. Refuses to know tokens.
"""

from __future__ import annotations

from random import Random

from s1kit.nano.sets import held_out, problem_id, to_question
from s1kit.nano.teacher import Teacher, Written, write_trace
from s1kit.nano.world import FAMILIES, draw
from s1kit.types import Question, Trace


def written(size: int = 1000, seed: int = 1, teacher: Teacher | None = None) -> list[Written]:
    """`size` traces on distinct questions, families in turn."""
    teacher = teacher or Teacher()
    rng = Random(f"s1kit nano traces {seed}")
    seen: set[str] = set()
    traces: list[Written] = []
    names = list(FAMILIES)
    while len(traces) < size:
        problem = draw(rng, rng.choice(teacher.levels), names[len(traces) % len(names)], teacher.choice)
        key = problem_id(problem)
        if key in held_out() or key in seen:
            continue
        seen.add(key)
        traces.append(write_trace(rng, problem, teacher))
    return traces


def load(
    size: int = 1000, seed: int = 1, teacher: Teacher | None = None, *, steps: bool = False
) -> list[tuple[Question, Trace]]:
    """Questions with the teacher's thinking and answer; `meta` of the question tells family and level.

    ``steps``: a blank line stands between the passes of a trace, so that each of them is a step.
    """
    pairs: list[tuple[Question, Trace]] = []
    for item in written(size, seed, teacher):
        question = to_question(item.problem, "nano_traces")
        thinking = "\n\n".join(item.thinking.splitlines()) + "\n" if steps else item.thinking
        trace = Trace(
            question_id=question.id, teacher="nano-noisy-1", thinking=thinking, answer=item.answer, finish="stop"
        )
        pairs.append((question, trace))
    return pairs
