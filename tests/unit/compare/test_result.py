"""The whole comparison from planted rows: bounds by the natural length, what sharing saved, notes, order, itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from s1kit.compare.folder import folder_of
from s1kit.compare.recipe import CompareConfig
from s1kit.compare.result import Comparison, compared, scorer_of
from s1kit.compare.rows import Collected, Rows
from s1kit.compare.settings import RunKey, policies, settings
from s1kit.evaluate import Wanted
from s1kit.types import canonical_json, sha256_hex
from unit.compare.planted import QUESTIONS, SPEC, identity, one, recipe, row

BF = {"method": "budget_forcing", "budgets": [8, 32], "natural": True, "max_thinking": 90}
CLASS = {"method": "class_conditional", "max_thinking": 90}
VOTE = {"method": "vote", "k": [1, 3], "samples": 3}


def planted(config: CompareConfig, wanted: Wanted) -> Rows:
    """Rows that depend on the policy alone: the length is the maximum, or by what is asked; answers by a hash."""
    name = identity(wanted, SPEC)
    most = getattr(wanted.policy, "max_thinking", None) or 90
    amount = getattr(wanted.policy.ask, "amount", None)
    thinking = {"short": 60, "long": 50}.get(amount, min(most, 55))
    by_question = {}
    for question in QUESTIONS:
        chance = [
            int(sha256_hex(canonical_json([name, question.id, s]))[:4], 16) % 2 for s in range(wanted.samples or 1)
        ]
        made = [row("57"[right], thinking, sample, question) for sample, right in enumerate(chance)]
        by_question[question.id] = [
            (g.model_copy(update={"policy_id": name}), grade.model_copy(update={"policy_id": name}))
            for g, grade in made
        ]
    return Rows(folder_of(config) / "runs" / "r", 0.5, by_question)


def comparison(*methods: dict[str, Any], **rest: Any) -> Comparison:
    config = recipe(*methods, **rest)
    wanted = settings(config)
    rows: dict[RunKey, Collected] = {}
    for key, own in policies(wanted).items():
        held = {identity(w, SPEC): planted(config, w) for w in own}
        rows[key] = Collected(QUESTIONS, held, {})
    return compared(config, wanted, QUESTIONS, rows, lambda key, scorer: {})


def test_a_short_thought_is_to_be_at_most_and_a_long_one_at_least_as_long_as_the_natural_one() -> None:
    found = {p.label: p for p in comparison(BF, CLASS).points if p.method == "CCC"}
    assert (found["short"].minimum, found["short"].maximum) == (None, 55)
    assert (found["long"].minimum, found["long"].maximum) == (55, None)
    (row_,) = [m for m in comparison(BF, CLASS).methods if m.method == "CCC"]
    assert row_.control is not None
    assert row_.control.value == 0  # asked short it thought longer, asked long shorter


def test_what_was_generated_once_is_counted_once_and_alone_for_every_setting() -> None:
    found = comparison(VOTE, {**VOTE, "rule": "shortest_majority", "k": [3]})
    each = 55 + 4
    assert found.shared.generated == 3 * 3 * each
    assert found.shared.alone == 3 * each * (1 + 3 + 3)
    drawn = comparison({**BF, "budgets": [], "temperature": 1.0, "seeds": 4})
    assert (drawn.shared.generated, drawn.shared.alone) == (3 * 4 * each, 3 * 4 * each)


def test_more_samples_than_are_stored_are_said_in_a_note_and_the_rest_is_compared() -> None:
    found = comparison({**VOTE, "k": [1, 3, 4]}, BF)
    assert "majority, k = 4: 4 samples asked for, 3 are stored" in found.notes
    assert [row_.accuracy is None for row_ in found.settings if row_.method == "majority"] == [False, False, True]
    assert found.tokens.pairs
    assert any("k = 4 is left out" in note for note in found.tokens.notes)
    assert "NaN" not in canonical_json(found.model_dump(mode="json"))


def test_the_order_of_methods_changes_nothing_but_the_order() -> None:
    there, back = comparison(BF, CLASS, VOTE), comparison(VOTE, CLASS, BF)

    def by_name(found: Comparison) -> dict[str, Any]:
        return {p.name: p for p in found.points} | {f"{r.method}/{r.label}": r for r in found.settings}

    assert by_name(there) == by_name(back)
    assert {m.method: m for m in there.methods} == {m.method: m for m in back.methods}
    assert [m.method for m in there.methods] == ["BF", "CCC", "majority"]
    assert there.shared == back.shared


def test_a_method_shows_no_difference_from_itself_under_another_name() -> None:
    found = comparison(BF, {**BF, "name": "BF again"})
    for matched in (found.tokens, found.seconds):
        (pair,) = matched.pairs
        assert pair.verdict.startswith("no difference shown")
        assert {(t.comparison.wins, t.comparison.losses, t.shown) for t in pair.tests} == {(0, 0, False)}


def test_runs_are_named_relative_to_the_folder() -> None:
    assert comparison(BF).runs == (str(Path("runs") / "r"),)


def test_scores_are_read_by_the_name_and_the_layout_of_the_scorer() -> None:
    assert scorer_of(one({**BF})) is None
    weighted = {**VOTE, "rule": "weighted", "scorer": "prm"}
    assert scorer_of(one(weighted)) == "prm"
    assert scorer_of(one({**weighted, "layout": "trl"})) == "prm@trl"
    tree = one({"method": "tree_search", "widths": [2], "scorer": "random"})
    assert scorer_of(tree) == "random"
