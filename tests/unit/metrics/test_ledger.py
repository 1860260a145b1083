"""The ledger: what every "Wait" changed, and against what."""

from __future__ import annotations

from typing import Any

import pytest

from s1kit.metrics.intervals import mcnemar_exact
from s1kit.metrics.ledger import LedgerEntry, extension_ledger, transitions
from s1kit.metrics.points import GradedRows, join
from unit.metrics.metric_rows import forcing, rows

POLICIES = {
    "max": forcing("max 50", max_thinking=50),
    "natural": forcing("natural"),
    "wait4": forcing("Wait x4", extensions=4),
    "wait1": forcing("Wait x1", extensions=1),
    "hmm1": forcing("Hmm x1", extensions=1, nudges=["Hmm"]),
    "maxwait": forcing("max 50 Wait x1", max_thinking=50, extensions=1),
}
VERDICTS = {"max": "wwww", "natural": "RRww", "wait1": "RwRw", "wait4": "RRRR", "hmm1": "RRww", "maxwait": "Rwww"}


def joined(verdicts: dict[str, str]) -> dict[str, GradedRows]:
    return {policy: join(*rows(policy, letters)).popitem()[1] for policy, letters in verdicts.items()}


def entries() -> dict[tuple[str, str], LedgerEntry]:
    return {(e.policy_id, e.baseline_id): e for e in extension_ledger(joined(VERDICTS), POLICIES)}


def test_each_extension_is_held_against_its_own_natural_run_and_its_predecessor() -> None:
    assert {key: entry.against for key, entry in entries().items()} == {
        ("wait4", "natural"): "natural",
        ("wait4", "wait1"): "previous",
        ("wait1", "natural"): "natural",
        ("hmm1", "natural"): "natural",
        ("maxwait", "max"): "natural",
    }


def test_what_changed_is_counted_and_compared() -> None:
    entry = entries()["wait1", "natural"]
    moves = (entry.wrong_to_right, entry.right_to_wrong, entry.same_right, entry.same_wrong)
    assert moves == (1, 1, 1, 1)
    assert entry.answers_changed == 2
    assert entry.comparison is not None
    assert (entry.comparison.wins, entry.comparison.losses, entry.comparison.difference) == (1, 1, 0)
    gained = entries()["wait4", "natural"].comparison
    assert gained is not None
    assert (gained.difference, gained.p) == (50, mcnemar_exact(2, 0))


def test_a_baseline_that_was_not_run_is_left_out() -> None:
    verdicts = {policy: letters for policy, letters in VERDICTS.items() if policy != "natural"}
    assert [(e.policy_id, e.baseline_id) for e in extension_ledger(joined(verdicts), POLICIES)] == [
        ("wait4", "wait1"),
        ("maxwait", "max"),
    ]


def test_a_policy_may_name_its_own_baseline() -> None:
    policies = POLICIES | {"max": POLICIES["max"] | {"against": "natural"}}
    entry = next(e for e in extension_ledger(joined(VERDICTS), policies) if e.policy_id == "max")
    assert (entry.against, entry.right_to_wrong) == ("named", 2)
    with pytest.raises(KeyError, match="'gone'"):
        extension_ledger(joined(VERDICTS), POLICIES | {"max": POLICIES["max"] | {"against": "gone"}})


def test_ungraded_pairs_are_left_out_on_both_sides_and_counted() -> None:
    both = joined({"natural": "R?ww", "wait1": "RRw?"})
    entry = transitions(both["natural"], both["wait1"], labels=("natural", "Wait x1"))
    assert (entry.n_pairs, entry.n_ungraded) == (2, 2)
    assert entry.comparison is not None
    assert entry.comparison.n == 2
    nothing = joined({"natural": "??", "wait1": "RR"})
    assert transitions(nothing["natural"], nothing["wait1"], labels=("a", "b")).comparison is None


def test_several_samples_count_as_pairs_and_are_compared_by_question() -> None:
    sides: list[GradedRows] = []
    for policy, samples in (("natural", ("Rw", "ww")), ("wait1", ("RR", "wR"))):
        parts: list[Any] = [rows(policy, letters, sample=number) for number, letters in enumerate(samples)]
        sides.append(join([*parts[0][0], *parts[1][0]], [*parts[0][1], *parts[1][1]])[policy])
    entry = transitions(sides[0], sides[1], labels=("natural", "Wait x1"))
    assert (entry.n_pairs, entry.wrong_to_right, entry.same_right, entry.same_wrong) == (4, 2, 1, 1)
    assert entry.comparison is not None
    assert (entry.comparison.n, entry.comparison.wins, entry.comparison.difference) == (2, 1, 50)


def test_no_answer_to_an_answer_is_a_changed_answer() -> None:
    both = joined({"natural": "-w-", "wait1": "ww-"})
    assert transitions(both["natural"], both["wait1"], labels=("a", "b")).answers_changed == 1


def test_the_extra_thinking_is_per_pair() -> None:
    before = join(*rows("natural", "Rw", thinking=[10, 20])).popitem()[1]
    after = join(*rows("wait1", "Rw", thinking=[20, 50])).popitem()[1]
    assert transitions(before, after, labels=("a", "b")).extra_thinking == 20


def test_nothing_in_common_is_refused() -> None:
    before, after = join(*rows("natural", "R")).popitem()[1], join(*rows("wait1", "R", sample=1)).popitem()[1]
    with pytest.raises(ValueError, match="no question and sample in common"):
        transitions(before, after, labels=("a", "b"))


def test_an_extension_is_not_held_against_a_run_whose_tokens_were_drawn_otherwise() -> None:
    drawn = {"natural": {"temperature": 0.0}, "wait1": {"temperature": 0.0}, "wait4": {"frequency_penalty": 0.1}}
    policies = {name: {**POLICIES[name], "sampling": drawn[name]} for name in drawn}
    verdicts = {name: VERDICTS[name] for name in drawn}
    assert [(e.policy_id, e.baseline_id) for e in extension_ledger(joined(verdicts), policies)] == [
        ("wait1", "natural")
    ]
