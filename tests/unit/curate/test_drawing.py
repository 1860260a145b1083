"""Who may be drawn by which rule: against the plain definition, on a curation whose every decision is known."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from s1kit.curate.drawing import draw, from_source
from s1kit.curate.folder import Folder
from s1kit.curate.recipe import PreselectConfig, SelectConfig
from s1kit.curate.select import SelectionError
from s1kit.types import Question
from unit.curate.curated import STEPS, Curation

BEFORE = STEPS[:-1]
HARD, EASY = ("paper", "notebook"), ("random", "diverse", "longest", "full")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Curation:
    curation = Curation(tmp_path_factory.mktemp("drawn") / "c")
    curation.write()
    return curation


def left(made: Curation, steps: tuple[str, ...]) -> set[str]:
    """Ids of the rows that none of these steps dropped, counted from the records."""
    dropped = {d.row for d in made.decisions if d.step in ("pool", *steps) and not d.kept}
    return {q.id for number, q in made.pool if number not in dropped}


def wanted(rule: Any, size: int = 20, **rest: Any) -> SelectConfig:
    shape = {"numina": 1.0} if rule == "notebook" else {}
    return SelectConfig(rule=rule, size=size, **{"shape": shape, **rest})


@pytest.mark.parametrize("rule", [*HARD, *EASY])
def test_comparison_sets_are_drawn_from_what_is_left_before_difficulty(made: Curation, rule: str) -> None:
    """Rows over the limit are refused with their number, and every row drawn is one of them (paper, Table 2)."""
    there = left(made, STEPS if rule in HARD else BEFORE)
    assert len(there) > 20
    selection, rows = draw(Folder(made.path), STEPS, wanted(rule))
    assert {row.question_id for row in rows} <= there
    if rule != "full":
        with pytest.raises(SelectionError, match=f"the pool has {len(there)}\n"):
            draw(Folder(made.path), STEPS, wanted(rule, 1000))
    else:
        assert set(selection.ids) == there


def test_the_rule_of_the_paper_draws_all_that_is_left_domains_running_empty(made: Curation) -> None:
    there = left(made, STEPS)
    selection, rows = draw(Folder(made.path), STEPS, wanted("paper", len(there)))
    assert set(selection.ids) == there
    assert len({row.domain for row in rows}) > 1
    assert selection.counts_by_domain == Counter(row.domain for row in rows)
    lengths = made.tokens()
    assert all(row.length == lengths[row.question_id] for row in rows)


def test_a_selection_is_the_same_every_time_and_another_for_another_seed(made: Curation) -> None:
    one, other = (draw(Folder(made.path), STEPS, wanted("paper", seed=s))[0] for s in (0, 1))
    assert draw(Folder(made.path), STEPS, wanted("paper", seed=0))[0] == one
    assert one.ids != other.ids
    assert one.inputs["candidates"] == other.inputs["candidates"]
    assert draw(Folder(made.path), STEPS, wanted("paper", seed=0, name="other"))[0] == one, "a name changes no row"


@pytest.mark.parametrize(
    ("rule", "missing"),
    [
        ("paper", "trace"),
        ("longest", "trace"),
        ("notebook", "trace"),
        ("paper", "domain"),
        ("diverse", "domain"),
        ("notebook", "domain"),
    ],
)
def test_a_rule_without_the_step_it_needs_is_refused(made: Curation, rule: str, missing: str) -> None:
    steps = [step for step in STEPS if step != missing]
    with pytest.raises(SelectionError, match=f"rule {rule} needs the step {missing}\nhint: "):
        draw(Folder(made.path), steps, wanted(rule))


def test_preselected_rows_are_those_of_the_source_that_the_teacher_solved_solved_by_a_solver_or_not(
    made: Curation,
) -> None:
    lengths, there = made.tokens(), left(made, BEFORE)
    right = {g.question_id for g in made.grades if g.verdict == "correct"}
    expected = {q.id for q in made.questions if q.id in there & right and q.source == "numina" and lengths[q.id] > 100}
    assert expected - left(made, STEPS), "some of them were solved by a solver"
    wish = (PreselectConfig(source="numina", longer_than=100),)
    _, rows = draw(Folder(made.path), STEPS, wanted("paper", len(expected) + 10, preselect=wish))
    assert {row.question_id for row in rows if row.how == "preselected"} == expected
    assert Counter(row.how for row in rows)["drawn"] == 10


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("agieval", "agieval", True),
        ("agieval/sat-math", "agieval", True),
        ("agieval/sat-math", "agieval/sat-math", True),
        ("agieval2", "agieval", False),
        ("agieval", "agieval/sat-math", False),
        ("", "agieval", False),
    ],
)
def test_a_part_of_a_source_is_of_that_source(source: str, name: str, expected: bool) -> None:
    asked = Question.make(text="?", answer=None, answer_kind="math", source=source)
    assert from_source(asked, name) is expected
