"""AIME 2025, I and II: the reference's task ``aime25_nofigures``, reported for s1.1."""

from __future__ import annotations

from s1kit.benchmarks.aime24 import AIME_ANSWER, AIME_GRADING, AIME_KEPT, AIME_SMALL, AIME_TEXT
from s1kit.benchmarks.spec import Benchmark, Hub

AIME25 = Benchmark(
    name="aime25",
    title="AIME 2025",
    hub=Hub("TIGER-Lab/AIME25", split="train"),
    count=30,
    text=("question", *(name for name in AIME_TEXT if name != "question")),
    answer=AIME_ANSWER,
    kept=AIME_KEPT,
    kinds=("integer",),
    answers="8c2762a8f39f3bec",
    prompt="The bare problem.",
    grading=AIME_GRADING,
    licence="mit (the data set); problems (c) MAA",
    caveats=(
        AIME_SMALL,
        "The data set began with the fifteen problems of AIME I; such an old copy is refused by its count.",
        "Set in February 2025: a model that was trained later may have seen it.",
    ),
    stated_by="simplescaling/s1 77272c6e, lm_eval/tasks/aime/aime25_nofigures.yaml, utils.py",
)
