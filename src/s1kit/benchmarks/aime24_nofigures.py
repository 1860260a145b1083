"""AIME 2024 with figures only where a problem cannot be solved without: what the paper reports as AIME24."""

from __future__ import annotations

from s1kit.benchmarks.aime24 import AIME24_ANSWERS, AIME_ANSWER, AIME_GRADING, AIME_KEPT, AIME_SMALL, AIME_TEXT
from s1kit.benchmarks.spec import Benchmark, Hub

AIME24_NOFIGURES = Benchmark(
    name="aime24_nofigures",
    title="AIME 2024, figures only where needed",
    hub=Hub("simplescaling/aime24_nofigures", split="train"),
    count=30,
    text=AIME_TEXT,
    answer=AIME_ANSWER,
    kept=AIME_KEPT,
    kinds=("integer",),
    answers=AIME24_ANSWERS,
    prompt="The bare problem; a figure without which it cannot be solved stands in it as [asy] ... [/asy].",
    grading=AIME_GRADING,
    licence="apache-2.0 (the data set); problems (c) MAA",
    caveats=(
        "The paper's AIME24: use this one to compare with it.",
        AIME_SMALL,
        "Which figures are left out is the data set's choice: nothing is taken out of a local file.",
    ),
    stated_by="simplescaling/s1 77272c6e, README.md and lm_eval/tasks/aime/aime24_nofigures.yaml, utils.py",
)
