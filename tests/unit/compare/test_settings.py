"""Every method of a recipe becomes exactly the policies that it should, and what can be shared is asked for once."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from s1kit.compare.result import sees_reference
from s1kit.compare.settings import CONFIDENCE_TOP, CompareError, RunKey, identity, policies, settings
from s1kit.formats import load_format
from s1kit.policies import (
    Ask,
    AskAmount,
    BudgetForcing,
    NoThinking,
    NoWait,
    Rejection,
    Sampling,
    SoftCutoff,
    StepsBy,
    TreeSearch,
)
from unit.compare.planted import SPEC, name, one, recipe

GREEDY, HOT = Sampling(temperature=0.0), Sampling(temperature=1.0)
BF = {"method": "budget_forcing"}
VOTE = {"method": "vote", "k": [1, 4]}


def bf(**fields: Any) -> BudgetForcing:
    return BudgetForcing(max_answer=50, **fields)


# method, what its settings are: (label, asked, policy, sampling, samples, minimum, maximum, k)
TABLE: list[tuple[dict[str, Any], list[tuple[Any, ...]]]] = [
    (
        {**BF, "budgets": [0, 64], "natural": True, "extensions": [1, 2]},
        [
            ("max 0", 0, bf(max_thinking=0), GREEDY, 1, None, 0, None),
            ("max 64", 64, bf(max_thinking=64), GREEDY, 1, None, 64, None),
            ("natural", None, bf(), GREEDY, 1, None, None, None),
            ("Wait x1", 1, bf(extensions=1), GREEDY, 1, None, None, None),
            ("Wait x2", 2, bf(extensions=2), GREEDY, 1, None, None, None),
        ],
    ),
    (
        {**BF, "extensions": [2], "nudges": ["Hmm", ""], "max_thinking": 90, "frequency_penalty": 0.5},
        [
            (
                "max 90 Hmm/(empty) x2",
                2,
                bf(max_thinking=90, extensions=2, nudges=("Hmm", "")),
                Sampling(frequency_penalty=0.5),
                1,
                None,
                None,
                None,
            )
        ],
    ),
    (
        {**BF, "extensions": [1], "after_nudge": {"temperature": 1.0}},
        [("Wait x1", 1, bf(extensions=1, after_nudge=HOT), GREEDY, 5, None, None, None)],
    ),
    (
        {**BF, "natural": True, "temperature": 0.6, "seeds": 3},
        [("natural", None, bf(), Sampling(temperature=0.6), 3, None, None, None)],
    ),
    (
        {"method": "token_conditional", "limits": [32], "max_thinking": 99},
        [("32 tokens", 32, bf(max_thinking=99, ask=Ask(unit="tokens", limit=32)), GREEDY, 1, None, 32, None)],
    ),
    (
        {"method": "token_conditional", "limits": [32], "forced": True, "max_thinking": 99},
        [("32 tokens", 32, bf(max_thinking=32, ask=Ask(unit="tokens", limit=32)), GREEDY, 1, None, 32, None)],
    ),
    (
        {"method": "step_conditional", "limits": [4]},
        [("4 steps", 4, bf(ask=Ask(unit="steps", limit=4)), GREEDY, 1, None, 400, None)],
    ),
    (
        {"method": "step_conditional", "limits": [4], "forced": True, "step_tokens": 12, "max_thinking": 99},
        [
            (
                "4 steps",
                4,
                bf(max_thinking=99, max_steps=4, ask=Ask(unit="steps", limit=4)),
                GREEDY,
                1,
                None,
                48,
                None,
            )
        ],
    ),
    (
        {"method": "class_conditional"},
        [
            ("short", None, bf(ask=AskAmount(amount="short")), GREEDY, 1, None, None, None),
            ("long", None, bf(ask=AskAmount(amount="long")), GREEDY, 1, None, None, None),
        ],
    ),
    (
        {"method": "rejection", "limits": [40], "tries": 9},
        [("at most 40", 40, Rejection(max_answer=50, max_thinking=40, tries=9), HOT, 5, None, 40, None)],
    ),
    (
        {"method": "vote", "k": [1, 4], "max_thinking": 70, "seeds": 1},
        [
            ("k = 1", 1, bf(max_thinking=70), HOT, 4, None, None, 1),
            ("k = 4", 4, bf(max_thinking=70), HOT, 4, None, None, 4),
        ],
    ),
    (
        {"method": "vote", "k": [4], "samples": 2, "rule": "confidence", "temperature": 0.7},
        [("k = 4", 4, bf(logprobs=CONFIDENCE_TOP), Sampling(temperature=0.7), 2, None, None, 4)],
    ),
    (
        {"method": "tree_search", "search": "dvts", "widths": [8], "scorer": "random", "steps": {"by": "tokens"}},
        [
            (
                "width 8",
                8,
                TreeSearch(max_answer=50, search="dvts", width=8, scorer="random", steps=StepsBy(by="tokens")),
                HOT,
                5,
                None,
                None,
                None,
            )
        ],
    ),
    (
        {
            "method": "policies",
            "name": "later",
            "policies": [
                {"kind": "no_thinking"},
                {"kind": "no_wait", "words": ["wait"]},
                {"kind": "soft_cutoff", "max_thinking": 32, "grace": 8},
                {"kind": "rejection", "max_thinking": 16},
            ],
        },
        [
            ("no thinking", 0, NoThinking(max_answer=50), GREEDY, 1, None, 0, None),
            ("NoWait", None, NoWait(words=("wait",), max_answer=50), GREEDY, 1, None, None, None),
            ("soft max 32 + 8", 32, SoftCutoff(max_thinking=32, grace=8, max_answer=50), GREEDY, 1, None, 40, None),
            ("rejection, max 16", 16, Rejection(max_thinking=16, max_answer=50), HOT, 5, None, 16, None),
        ],
    ),
]


@pytest.mark.parametrize(("method", "expected"), TABLE, ids=[f"{i}-{m['method']}" for i, (m, _) in enumerate(TABLE)])
def test_a_method_becomes_its_policies_in_its_order(method: dict[str, Any], expected: list[tuple[Any, ...]]) -> None:
    found = settings(recipe(method, max_answer=50))
    assert [
        (s.label, s.asked, s.wanted.policy, s.wanted.sampling, s.wanted.samples, s.minimum, s.maximum, s.k)
        for s in found
    ] == expected


def test_the_runs_are_by_model_format_and_what_is_timed_together() -> None:
    found = settings(
        recipe(
            {**BF, "natural": True},
            {**BF, "name": "hot", "natural": True, "temperature": 0.5},
            {**BF, "name": "after", "extensions": [1], "after_nudge": {"temperature": 0.5}},
            {**BF, "name": "cold after", "extensions": [1], "after_nudge": {"temperature": 0.0}},
            {"method": "step_conditional", "limits": [4], "model": "nano-step", "format": "s1-steps"},
            {**VOTE},
            {"method": "tree_search", "widths": [4], "scorer": "random"},
            {"method": "tree_search", "name": "cold", "widths": [4], "scorer": "random", "temperature": 0.1},
        )
    )
    keys = dict.fromkeys((s.name, s.run) for s in found)
    assert list(keys) == [
        ("BF", RunKey("nano", "s1", "greedy")),
        ("hot", RunKey("nano", "s1", "sampled")),
        ("after", RunKey("nano", "s1", "sampled")),
        ("cold after", RunKey("nano", "s1", "greedy")),
        ("SCC", RunKey("nano-step", "s1-steps", "greedy")),
        ("majority", RunKey("nano", "s1", "sampled")),
        ("REBASE", RunKey("nano", "s1", "REBASE")),
        ("cold", RunKey("nano", "s1", "cold")),
    ]


def test_votes_over_the_same_samples_share_one_policy_whatever_their_rule() -> None:
    rules = ("majority", "shortest_majority", "short_m", "pass_at_k", "adaptive")
    found = settings(
        recipe(*({**VOTE, "rule": rule} for rule in rules), {**VOTE, "rule": "weighted", "scorer": "oracle"})
    )
    assert len({(name(s), s.run) for s in found}) == 1
    assert [len(own) for own in policies(found).values()] == [1]


def test_what_sees_the_reference_is_known_as_a_bound() -> None:
    tree = {"method": "tree_search", "scorer": "oracle", "widths": [2]}
    ways = [
        {**BF, "budgets": [8]},
        VOTE,
        {**VOTE, "rule": "best_of_n", "scorer": "length"},
        {**tree, "scorer": "random"},
    ]
    bounds = [tree, {**VOTE, "rule": "pass_at_k"}, {**VOTE, "rule": "weighted", "scorer": "oracle"}]
    assert not any(sees_reference(s) for way in ways for s in settings(recipe(way)))
    assert all(sees_reference(s) for bound in bounds for s in settings(recipe(bound)))


@pytest.mark.parametrize("heat", [None, 1.0])
def test_one_vote_that_reads_confidences_makes_all_votes_over_its_samples_record_them(heat: float | None) -> None:
    sure = {**VOTE, "rule": "confidence", "temperature": heat}
    found = settings(recipe(VOTE, sure, {**VOTE, "name": "cooler", "temperature": 0.5}))
    shared = {name(s) for s in found if s.name != "cooler"}
    assert len(shared) == 1
    assert [s.wanted.policy.logprobs for s in found] == [20, 20, 20, 20, 0, 0]  # type: ignore[union-attr]


def test_a_class_prompt_is_judged_by_the_natural_run_that_budget_forcing_makes_anyway() -> None:
    found = settings(recipe({**BF, "natural": True, "budgets": [8]}, {"method": "class_conditional"}))
    natural = next(s for s in found if s.label == "natural")
    sides = [s for s in found if s.side]
    assert [(s.side, s.natural) for s in sides] == [("short", natural.wanted), ("long", natural.wanted)]
    (run,) = policies(found).values()
    assert len(run) == 4  # max 8, natural, short, long


def test_every_run_holds_each_policy_once_with_the_longest_thought_first() -> None:
    found = settings(recipe({**BF, "budgets": [8, 64], "natural": True, "extensions": [1, 2]}))
    (run,) = policies(found).values()
    assert [w.policy.label() for w in run] == ["Wait x2", "Wait x1", "natural", "max 64", "max 8"]


def test_the_number_of_draws_changes_no_policy_and_the_temperature_does() -> None:
    few, many = (one({"method": "rejection", "limits": [9]}, seeds=n) for n in (2, 7))
    assert (few.wanted.samples, many.wanted.samples) == (2, 7)
    assert name(few) == name(many)
    assert name(one({"method": "rejection", "limits": [9], "temperature": 0.9})) != name(few)
    assert one({"method": "rejection", "limits": [9], "seeds": 3}, seeds=7).wanted.samples == 3
    assert one({**VOTE, "seeds": 3}).wanted.samples == 3 * 4  # so many votes of the largest k
    assert one({**VOTE, "seeds": 3, "samples": 6}).wanted.samples == 6


def test_the_seed_of_the_comparison_is_no_part_of_a_policy() -> None:
    assert name(one({**BF, "natural": True}, seed=1)) == name(one({**BF, "natural": True}, seed=2))


@pytest.mark.parametrize(
    "method",
    [
        {**BF, "budgets": [8, 8]},
        {**BF, "budgets": [8], "natural": True, "max_thinking": 8},
        {**VOTE, "k": [2, 2]},
        {"method": "policies", "name": "n", "policies": [{"kind": "no_wait"}, {"kind": "no_wait", "words": ["a"]}]},
    ],
    ids=["budgets", "natural", "k", "policies"],
)
def test_two_settings_that_tables_would_call_alike_are_refused_before_anything_is_made(method: dict[str, Any]) -> None:
    with pytest.raises(CompareError, match=r"twice\nhint: "):
        settings(recipe(method))


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        ([BF], "without a setting"),
        ([{**BF, "budgets": [1]}, {**BF, "budgets": [2]}], "two methods are called 'BF'"),
        ([{**VOTE, "rule": "weighted"}], "rule weighted needs a scorer"),
        ([{**VOTE, "scorer": "oracle"}], "rule majority reads no scorer"),
        ([{"method": "policies", "name": "x", "policies": [{"kind": "tree_search"}]}], "tree_search"),
        ([{"method": "rejection", "limits": [0]}], "limits"),
        ([], "methods"),
    ],
    ids=range(7),
)
def test_a_recipe_that_makes_no_sense_is_refused_in_words(methods: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        recipe(*methods)


def test_formats_tell_policies_apart() -> None:
    found = one({**BF, "natural": True})
    assert identity(found.wanted, load_format("s1-steps").model_dump(mode="json")) != identity(found.wanted, SPEC)
