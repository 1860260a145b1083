"""Right and wrong are read in every spelling; whatever is neither is ungraded and says so."""

from __future__ import annotations

from typing import Any

import pytest

from s1kit.imports.verdicts import grader_name, said
from s1kit.types import Verdict


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        *[(value, "correct") for value in (1, 1.0, True, "1", "C", "c", "correct", "1.0")],
        *[(value, "incorrect") for value in (0, 0.0, False, "0", "I", "wrong")],
        ("N", "no_answer"),
        *[(value, "ungraded") for value in (0.5, float("nan"), -1, 2, "P", "maybe", None, [1], {"a": 1})],
    ],
    ids=repr,
)
def test_a_score_is_a_verdict_or_says_why_not(score: Any, verdict: Verdict) -> None:
    found = said(score, "exact_match", "7")
    assert found.verdict == verdict
    assert found.rule.startswith("exact_match")
    assert ("no verdict" in found.rule) == (verdict == "ungraded")


def test_a_grader_is_named_after_its_source_in_words_that_a_file_can_have() -> None:
    assert grader_name("lm-eval") == "lm-eval"
    assert grader_name("lm-eval", "pass@1/x", "strict match") == "lm-eval.pass-1-x.strict-match"
