"""MATH500: 500 problems of the test split of MATH, the reference's task ``openai_math``."""

from __future__ import annotations

from s1kit.benchmarks.spec import Benchmark, Hub

MATH500 = Benchmark(
    name="math500",
    title="MATH500",
    hub=Hub("simplescaling/openaimath", split="test"),
    count=500,
    text=("problem", "question"),
    answer=("answer", "expected_answer"),
    domain=("subject", "type"),
    kept=("unique_id", "level"),
    kinds=("integer", "math"),
    prompt="The bare problem.",
    grading=(
        "An integer reference by the integer rule; any other by words, equal normal forms, plain numbers, bases, times "
        "and percent, in this order, and by Math-Verify where none of them decides. No model is asked."
    ),
    licence="apache-2.0 (the data set); MATH is MIT",
    caveats=(
        "The reference asks gpt-4o-mini whether an answer that is not two integers equals the reference, and shows it "
        "the reference; scores here are those of rules, and can differ from the paper's by a question or two.",
        "Units, a missing base and a missing 'x =' are forgiven.",
        "s1K shares three problems with it, as published: `s1 curate` finds them.",
        "No reference answer is corrected here: give a corrected file as math500=FILE.",
    ),
    stated_by="simplescaling/s1 77272c6e, lm_eval/tasks/openai_math/openai_math.yaml, utils.py",
)
