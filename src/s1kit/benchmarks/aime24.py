"""AIME 2024, I and II, with the source of every figure: the reference's task ``aime24_figures``."""

from __future__ import annotations

from s1kit.benchmarks.spec import Benchmark, Hub

AIME_TEXT = ("problem", "question", "Problem", "Question")
AIME_ANSWER = ("answer", "expected_answer", "Answer")
AIME_KEPT = ("id", "ID", "url", "year")
AIME_GRADING = (
    "An integer: leading zeros, signs, thousands separators, bold and a trailing point are read away, so 025 is 25. "
    "What has digits and is no integer literal goes to Math-Verify. Nothing readable is no_answer."
)
AIME_SMALL = "Thirty questions: one is 3.3 points, and repeated samples of one model differ by several of them."
AIME24_ANSWERS = "ea05698fbd22c08a"
"""Of the thirty official answers, whichever copy they are read from."""

AIME24 = Benchmark(
    name="aime24",
    title="AIME 2024, figures as Asymptote source",
    hub=Hub("simplescaling/aime24_figures", split="train"),
    count=30,
    text=AIME_TEXT,
    answer=AIME_ANSWER,
    kept=AIME_KEPT,
    kinds=("integer",),
    answers=AIME24_ANSWERS,
    prompt="The bare problem; figures stand in it as [asy] ... [/asy].",
    grading=AIME_GRADING,
    licence="apache-2.0 (the data set); problems (c) MAA",
    caveats=(
        "The paper's AIME24 numbers are those of aime24_nofigures.",
        AIME_SMALL,
        "Copies differ in spacing, in LaTeX and in figures, and some leave figures out; `s1 benchmarks show` counts "
        "those in yours. Problem I-8 says by its figure alone that all circles touch one side.",
    ),
    stated_by="simplescaling/s1 77272c6e, eval/lm-evaluation-harness/lm_eval/tasks/aime/aime24_figures.yaml, utils.py",
)
