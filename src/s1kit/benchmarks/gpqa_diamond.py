"""GPQA Diamond: 198 multiple-choice questions of science, gated; the reference's task ``gpqa_diamond_openai``."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

from s1kit.benchmarks.spec import Benchmark, Hub
from s1kit.types import sha256_hex

GPQA_DIAMOND = Benchmark(
    name="gpqa_diamond",
    title="GPQA Diamond",
    hub=Hub(
        "Idavidrein/gpqa", split="train", config="gpqa_diamond", revision="633f5ee89ab8ad4522a9f850766b73f62147ffdd"
    ),
    count=198,
    text=("Question",),
    answer=("Correct Answer",),
    wrong=("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"),
    domain=("Subdomain", "High-level domain"),
    kept=("Record ID", "High-level domain"),
    kinds=("choice",),
    prompt="The question, an empty line, then the four options on lines of their own: A) ..., B) ..., C) ..., D) ...",
    grading=(
        "A letter, however it is written, or the full text of exactly one option. What names none is no answer, or "
        "wrong where it stands in a box; it is never taken for an A."
    ),
    licence="cc-by-4.0, gated",
    gated=True,
    caveats=(
        "Gated: accept its terms on the hub and log in, or give a file. Its authors ask that no example be published: "
        "reports and exports leave the texts out unless told otherwise.",
        "Options stand in the order of a hash of question and option, the same in every run and on every machine. The "
        "reference shuffles them with Python's global generator, so its order depends on what ran before.",
        "The reference counts an answer without a letter as A: `--set grader=s1_compat` does the same.",
    ),
    stated_by="simplescaling/s1 77272c6e, lm_eval/tasks/gpqa/openai/gpqa_diamond_openai.yaml, utils.py",
)


def in_order(text: str, options: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The options as they are shown, and the letter of the first of them, which is the right one.

    They are sorted by SHA-256 of the question and the option (stripped), so neither the order of rows nor another
    question moves a letter. Of two equal options the first place counts, as in the reference.
    """
    shown = sorted(options, key=lambda option: sha256_hex(f"{text}\n{option.strip()}"))
    return tuple(shown), ascii_uppercase[shown.index(options[0])]
