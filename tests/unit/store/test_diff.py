"""Two runs compared: a run is the same as itself, a planted change is found where it is, numbers are the ledger's."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.metrics.ledger import transitions
from s1kit.metrics.points import GradedRows
from s1kit.store.diff import RunDiff, diff_runs
from s1kit.store.diff_rows import ids_part, texts_part
from s1kit.store.errors import StoreError
from s1kit.store.run import RunDir
from s1kit.types import Generation, Grade, Question
from unit.store.samples import finished, new_run, questions, small_row


def test_a_run_is_the_same_as_itself(tmp_path: Path) -> None:
    run, rows = finished(tmp_path)
    found = diff_runs(run, run)
    assert found.same
    assert found.asked == ()
    assert sum(p.both for p in found.policies) == len(rows)
    assert all(p.matched == "id" and p.by_tokens and p.by_tokens.identical == p.both for p in found.policies)
    assert any("no grades" in note for note in found.notes)


@given(st.text("ab", max_size=9), st.text("ab", max_size=9))
def test_where_two_sequences_part(a: str, b: str) -> None:
    want = (
        None if a == b else next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    )
    assert texts_part(a, b) == want
    ids = [np.array([ord(c) for c in text], dtype=np.int32) for text in (a, b)]
    assert ids_part(*ids) == want


def stored(
    root: Path, rows: Iterable[Generation], asked: list[Question], policies: dict[str, Any] | None = None, **more: Any
) -> RunDir:
    """A finished run of these rows."""
    with new_run(root, asked, policies, **more) as run:
        run.append_many(list(rows))
        run.finish()
    return RunDir.open(run.path)


def copied(run: RunDir, root: Path, rows: Iterable[Generation], **more: Any) -> RunDir:
    """The run again with other rows."""
    return stored(root, rows, list(run.questions()), run.manifest.policies, **more)


def test_a_changed_token_is_found_at_its_place(tmp_path: Path) -> None:
    run, rows = finished(tmp_path / "a")
    at = next(i for i, row in enumerate(rows) if row.token_ids and len(row.token_ids) > 9)
    ids = rows[at].token_ids
    assert ids is not None
    changed = rows[at].model_copy(update={"token_ids": (*ids[:7], ids[7] + 1, *ids[8:])})
    found = diff_runs(run, copied(run, tmp_path / "b", [changed if i == at else row for i, row in enumerate(rows)]))
    assert not found.same
    for policy in found.policies:
        assert policy.by_tokens is not None
        if policy.a != rows[at].policy_id:
            assert policy.same
            continue
        assert policy.by_tokens.n - policy.by_tokens.identical == 1
        example = policy.by_tokens.example
        assert example is not None
        assert (example.question_id, example.at, example.a, example.b) == (rows[at].question_id, 7, "", "")
        assert policy.by_tokens.first is not None
        assert policy.by_tokens.first.least == policy.by_tokens.first.most == 7


def test_a_running_run_is_compared_as_far_as_it_is(tmp_path: Path) -> None:
    """From its journal, in whatever order the rows came; what is missing is only in the other."""
    run, rows = finished(tmp_path / "a")
    kept = [row for i, row in enumerate(rows) if i % 3]
    with new_run(tmp_path / "b", list(run.questions()), run.manifest.policies) as going:
        going.append_many(kept[::-1])
    found = diff_runs(run, RunDir.open(going.path))
    assert sum(p.only_a for p in found.policies) == len(rows) - len(kept)
    assert sum(p.only_b for p in found.policies) == 0
    assert all(p.by_tokens is None or p.by_tokens.identical == p.both for p in found.policies)
    assert not found.same
    assert any("is interrupted" in note for note in found.notes)


def text_rows(asked: list[Question], words: str, **more: Any) -> list[Generation]:
    return [
        small_row(q, token_ids=None, exact=False, thinking_text=f"{words} {i}", **more) for i, q in enumerate(asked)
    ]


def test_rows_without_tokens_are_compared_by_their_text(tmp_path: Path) -> None:
    asked = questions(4)
    run = stored(tmp_path / "a", text_rows(asked, "so it is"), asked)
    other = [small_row(asked[0], thinking_text="so it is 0"), *text_rows(asked, "so it was")[1:]]
    [policy] = diff_runs(run, copied(run, tmp_path / "b", other)).policies
    assert policy.by_tokens is None
    assert policy.by_text is not None
    assert (policy.by_text.n, policy.by_text.identical) == (4, 1), "one side with tokens is compared by text too"
    example = policy.by_text.example
    assert example is not None
    i = [q.id for q in asked].index(example.question_id)
    assert (example.same, example.a, example.b, example.at) == ("so it ", f"is {i}¶", f"was {i}¶", 6)


def test_the_same_words_in_another_phase_are_not_the_same(tmp_path: Path) -> None:
    asked = questions(1)
    sides = [("so 4", ""), ("so ", "4")]
    runs = [
        stored(
            tmp_path / str(i),
            [small_row(asked[0], token_ids=None, exact=False, thinking_text=one, answer_text=other)],
            asked,
        )
        for i, (one, other) in enumerate(sides)
    ]
    assert not diff_runs(*runs).same


def test_a_verdict_that_only_one_run_has_is_a_difference(tmp_path: Path) -> None:
    run, rows = finished(tmp_path / "a", 2)
    other = copied(run, tmp_path / "b", rows)
    made = [g.model_copy(update={"verdict": "correct"}) for g in grades(rows, 1)]
    run.write_grades("default", made)
    for lost in ([made[0].model_copy(update={"verdict": "ungraded"}), *made[1:]], made[1:]):
        other.write_grades("default", lost)
        assert not diff_runs(run, other).same
        assert diff_runs(other, other).same


def test_ids_of_two_tokenizers_are_not_compared(tmp_path: Path) -> None:
    run, rows = finished(tmp_path / "a", 2)
    mine = copied(run, tmp_path / "b", rows, inputs={"tokenizer": "one"})
    shifted = [row.model_copy(update={"token_ids": tuple(i + 1 for i in row.token_ids or ())}) for row in rows]
    found = diff_runs(mine, copied(run, tmp_path / "c", shifted, inputs={"tokenizer": "two"}))
    assert found.same
    assert all(p.by_tokens is None and p.by_text for p in found.policies)
    assert found.asked[0].area == "tokenizer"
    assert any("tokenizers differ" in note for note in found.notes)


def grades(rows: Iterable[Generation], seed: int) -> list[Grade]:
    """Verdicts at random, some ungraded."""
    draw = random.Random(seed)
    verdicts = ("correct", "incorrect", "no_answer", "ungraded")
    return [
        Grade(
            question_id=r.question_id, policy_id=r.policy_id, sample=r.sample, grader="default", version=1,
            verdict=draw.choices(verdicts, (5, 4, 2, 1))[0], rule="drawn", extracted=str(draw.randint(0, 3)),
        )  # type: ignore[arg-type]
        for r in rows
    ]  # fmt: skip


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, RunDir, RunDiff]:
    """Thirty questions, three samples each, graded at random in two runs; the second lacks some rows."""
    root, asked = tmp_path_factory.mktemp("diff"), questions(30)
    rows = [small_row(q, sample=i, n_thinking_model=5 + i) for q in asked for i in range(3)]
    policies = {"p": {"label": "p", "samples": 3}}
    runs = []
    for seed, kept in ((1, rows), (2, rows[4:])):
        runs.append(stored(root / str(seed), kept, asked, policies))
        runs[-1].write_grades("default", grades(kept, seed))
    return runs[0], runs[1], diff_runs(runs[0], runs[1], limit=None)


def test_verdicts_agree_with_the_ledger(graded: tuple[RunDir, RunDir, RunDiff]) -> None:
    """The ledger counts the same pairs from records, by other code."""
    a, b, found = graded
    sides = [GradedRows(tuple(run.generations()), tuple(run.grades())) for run in (a, b)]
    entry = transitions(sides[0], sides[1], labels=("a", "b"))
    [policy] = found.policies
    verdicts = policy.verdicts
    assert verdicts is not None
    assert (verdicts.wrong_to_right, verdicts.right_to_wrong) == (entry.wrong_to_right, entry.right_to_wrong)
    assert (verdicts.graded, verdicts.ungraded) == (entry.n_pairs, entry.n_ungraded)
    assert verdicts.ungraded > 0
    assert verdicts.comparison == entry.comparison
    assert policy.only_a == 4
    assert found.n_changed == len(found.changed) == entry.wrong_to_right + entry.right_to_wrong
    assert len(diff_runs(a, b, limit=3).changed) == 3


def test_every_changed_question_comes_with_its_answers(graded: tuple[RunDir, RunDir, RunDiff]) -> None:
    a, b, found = graded
    sides = [{g.key: g for g in run.grades()} for run in (a, b)]
    for one in found.changed:
        mine, other = (side[one.question_id, "p", one.sample] for side in sides)
        assert (one.a, one.b) == (mine.extracted, other.extracted)
        right = (mine.verdict == "correct", other.verdict == "correct")
        assert right == ((False, True) if one.direction == "wrong to right" else (True, False))


def test_what_changes_rows_is_said_first(tmp_path: Path) -> None:
    asked = questions(2)
    sides = []
    for name, config, samples, version in (
        ("a", {"seed": 1, "engine": {"dtype": "x"}}, 1, 1),
        ("b", {"seed": 2}, 2, 2),
    ):
        run = stored(
            tmp_path / name,
            [small_row(q, policy_id=f"p-{name}") for q in asked],
            asked,
            {f"p-{name}": {"label": "plain", "samples": samples}},
            config_resolved=config,
            inputs={"model": name, "questions": "q"},
            findings=[{"probe": "crn", "found": version == 1}],
        )
        sides.append(run)
    found = diff_runs(*sides)
    assert [(p.a, p.b, p.matched) for p in found.policies] == [("p-a", "p-b", "label")]
    said = {(one.area, one.field): (one.a, one.b, one.effect) for one in found.asked}
    assert said["model weights", "sha256"] == ('"a"', '"b"', "changes")
    assert said["config", "seed"] == ("1", "2", "changes")
    assert said["policy plain", "samples"] == ("1", "2", "changes")
    assert said["engine", "found crn"] == ("true", "false", "may")
    assert len(said) == 5, said
    assert [one.effect for one in found.asked] == sorted((one.effect for one in found.asked), key="changes may".index)


def test_runs_that_share_nothing_are_refused(tmp_path: Path) -> None:
    one, _ = finished(tmp_path / "a", 2)
    asked = [Question.make(text="Something else?", answer="1", answer_kind="integer")]
    other = stored(tmp_path / "b", [small_row(asked[0])], asked)
    with pytest.raises(StoreError, match=r"no question in common \(2 and 1 questions\)"):
        diff_runs(one, other)
    with pytest.raises(StoreError, match="'max 3' is no policy of both"):
        diff_runs(one, one, policy="max 3")


def test_one_policy_by_label(tmp_path: Path) -> None:
    run, _ = finished(tmp_path, 2)
    wanted = list(run.manifest.policies)[3]
    [policy] = diff_runs(run, run, policy=run.manifest.policies[wanted]["label"]).policies
    assert policy.a == wanted
