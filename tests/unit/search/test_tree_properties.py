"""What holds of every tree, whatever the model says and however its budget is handed out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan
from s1kit.policies import BudgetForcing
from s1kit.search.run import run_searches
from s1kit.search.tree import Search, tree_search
from s1kit.store.rules import ROW_RULES, Terms
from unit.forcing.cases import CASES
from unit.search.trees import BOUNDARY, FMT, Case, Scorer, by_chance, cases, engine, grown, plan, row, same, steps_of

FEWER = settings(CASES, max_examples=CASES.max_examples // 2)


def path_of(name: str) -> tuple[int, ...]:
    """The node that a request was for."""
    return tuple(map(int, name.split("tree ")[1].split("/")[0].split(".")))


@FEWER
@given(cases())
def test_every_leaf_is_a_sound_generation(case: Case) -> None:
    over = case.engine()
    tree = case.run(over)
    terms = Terms(plan(over, **case.policy).policy, frozenset(FMT.think_stop_ids))
    assert len(tree.leaves) == case.search.width
    for number, leaf in enumerate(tree.leaves):
        got = leaf.generation
        assert [m for rule in ROW_RULES.values() for m in rule(got, terms)] == []
        assert (got.question_id, got.sample, got.ended == "error") == ("q0", number, False)
        assert got.n_thinking <= case.policy["max_thinking"]
        assert got.n_answer <= case.policy["max_answer"]
        assert [s.why for s in got.segments].count("close") == 1
        assert len(leaf.path) <= case.search.max_depth
        assert len(leaf.scores) == len(leaf.steps)


@FEWER
@given(cases())
def test_every_generated_token_is_paid_once(case: Case) -> None:
    over, scorer = case.engine(), Scorer(by_chance)
    tree = case.run(over, scorer)
    ends = case.search.steps(0)
    assert ends is not None
    chunks = over.said
    boundaries = sum(c.stop_id in ends.ids for c in chunks.values())
    generated = sum(len(c.tokens) for c in chunks.values()) + boundaries
    assert tree.cost.thinking + tree.cost.answer == generated
    assert sum(g.n_paid for g in tree.generations) == generated
    assert sum(g.n_paid_thinking for g in tree.generations) == tree.cost.thinking
    paths = {leaf.path[:size] for leaf in tree.leaves for size in range(99)}
    dropped = [r.id for r in over.submitted if path_of(r.id) not in paths]
    assert sum(g.n_discarded for g in tree.generations) == sum(
        len(chunks[name].tokens) + (chunks[name].stop_id in ends.ids) for name in dropped
    )
    assert tree.nodes == len(chunks) - sum(leaf.generation.answer_ended is not None for leaf in tree.leaves)
    assert tree.cost.reward == scorer.spent.tokens == tree.reward.tokens
    assert tree.cost.seconds >= tree.reward.seconds == scorer.spent.seconds


@FEWER
@given(cases())
def test_requests_continue_their_parent_and_stay_below_the_budget(case: Case) -> None:
    over = case.engine()
    case.run(over)
    asked = {r.id: r for r in over.submitted}
    assert len(asked) == len(over.submitted)
    seeds = [r.sampling.seed for r in over.submitted]
    assert len(set(seeds)) == len(seeds)
    opened = len(row().prompt_ids) + len(FMT.open)
    for request in over.submitted:
        parent = asked.get(request.continues or "")
        assert (parent is None) == (request.continues is None)
        if parent is None:
            assert "." not in request.id.split("tree ")[1]
            assert request.prompt_ids[:opened] == row().prompt_ids + FMT.open
        else:
            heard = parent.prompt_ids + over.said[parent.id].tokens
            assert request.prompt_ids[: len(heard)] == heard
        if BOUNDARY in request.stop_ids:
            assert len(request.prompt_ids) - opened + request.max_tokens <= case.policy["max_thinking"]


@FEWER
@given(cases(), st.integers(1, 5), st.integers(0, 9))
def test_a_rerun_is_equal_whatever_the_engine_does_first(case: Case, slots: int, order: int) -> None:
    assert same(case.run(case.engine(slots=slots, order=order))) == same(case.run())


@FEWER
@given(cases())
def test_questions_side_by_side_are_what_they_are_alone(case: Case) -> None:
    over = case.engine()
    made = [
        tree_search(plan(over, **case.policy), row(n, case.seed), "what?", case.search, Scorer(by_chance))
        for n in range(3)
    ]
    together = {tree.generations[0].question_id: tree for tree in run_searches(made, over)}
    for n in range(3):
        alone = grown(case.engine(), case.search, at=row(n, case.seed), **case.policy)
        assert same(together[f"q{n}"]) == same(alone)


@CASES
@given(st.integers(0, 10_000), st.integers(0, 25), st.integers(1, 9), st.sampled_from([(), (BOUNDARY,)]))
def test_a_single_greedy_path_is_budget_forcing_token_for_token(
    model: int, most: int, size: int, ids: tuple[int, ...]
) -> None:
    over = engine(model)
    bounded = plan(over, temperature=0.0, max_thinking=most)
    forced = BudgetForcing(max_thinking=most, max_answer=4)
    (plain,) = drive([machine(Plan.make(forced, FMT, bounded.sampling, over.info), row())], over)
    growing = tree_search(bounded, row(), "?", Search(1, steps_of(size, *ids)), Scorer(by_chance))
    (tree,) = run_searches([growing], over)
    (got,) = tree.generations
    left_out = {"policy_id", "segments", "engine_ms", "thinking_text", "answer_text"}
    assert got.model_dump(exclude=left_out) == plain.model_dump(exclude=left_out)
