"""The anytime curve of probed traces."""

from __future__ import annotations

import pytest

from s1kit.metrics.anytime import Probe, ProbedTrace, anytime, story


def trace(name: str, pattern: str, final_tokens: int, every: int = 10) -> ProbedTrace:
    """``pattern``: one letter per probe and the last for the end; R right, w wrong, - no answer."""
    answers = {"R": (True, "7"), "w": (False, "5"), "-": (False, None)}
    *probes, final = (answers[letter] for letter in pattern)
    steps = tuple(Probe((index + 1) * every, *answer) for index, answer in enumerate(probes))
    return ProbedTrace(name, steps, Probe(final_tokens, *final))


def test_the_story_of_a_trace_that_was_right_and_ended_wrong() -> None:
    got = story(trace("q", "-wRRw", 45))
    assert (got.first_right, got.last_flip) == (30, 45)
    assert got.right_then_wrong
    assert not got.ended_right
    assert got.answers == 2


def test_right_from_the_start_never_flips() -> None:
    got = story(trace("q", "RRR", 25))
    assert (got.first_right, got.last_flip, got.right_then_wrong) == (10, None, False)


def test_right_only_at_the_end() -> None:
    got = story(trace("q", "--R", 25))
    assert (got.first_right, got.last_flip) == (25, 25)


def test_curve_and_summary() -> None:
    got = anytime([trace("a", "wRw", 25), trace("b", "R", 5), trace("c", "--w", 29), trace("d", "wwR", 30)])
    assert [(p.tokens, p.accuracy) for p in got.curve] == [(10, 0.25), (20, 0.5), (30, 0.5)]
    assert [p.share_finished for p in got.curve] == [0.25, 0.25, 1.0]
    assert [p.tokens_mean for p in got.curve] == [35 / 4, 65 / 4, 89 / 4]
    assert (got.accuracy, got.oracle_accuracy, got.share_right_then_wrong) == (0.5, 0.75, 0.25)
    assert got.oracle_tokens_mean == (20 + 5 + 29 + 30) / 4
    assert got.tokens_mean == 89 / 4
    assert got.first_right_median == 20
    assert got.last_flip_median == (25 + 30) / 2


def test_nobody_ever_right() -> None:
    got = anytime([trace("a", "-w", 12)])
    assert got.first_right_median is None
    assert got.last_flip_median is None
    assert got.oracle_tokens_mean == 12


def test_refusals() -> None:
    with pytest.raises(ValueError, match="at least one trace"):
        anytime([])
    with pytest.raises(ValueError, match="must rise"):
        ProbedTrace("q", (Probe(20, True), Probe(10, True)), Probe(30, True))
    with pytest.raises(ValueError, match="not pass the end"):
        ProbedTrace("q", (Probe(40, True),), Probe(30, True))
