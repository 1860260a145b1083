"""Searching a tree: what guides it, what ends it, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.engines.base import Chunk, Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import BUILT_IN
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing, Sampling, StepsBy, TreeSearch, Unforced
from s1kit.search.allocate import Rebase, Rounding, SearchError
from s1kit.search.beam import Beam
from s1kit.search.dvts import dvts
from s1kit.search.from_policy import at_most, search_of
from s1kit.search.leaf import reduced
from s1kit.search.reward import RewardError
from s1kit.search.run import run_searches
from s1kit.search.steps import by_countdown, by_text, by_tokens, step_text
from s1kit.search.tree import Search, tree_search
from s1kit.store.rules import ROW_RULES, Terms
from s1kit.tokenizer import Tokenizer
from unit.forcing.cases import VOCAB
from unit.search.trees import (
    BOUNDARY,
    FMT,
    LIKED,
    Recording,
    Scorer,
    by_chance,
    by_liking,
    engine,
    grown,
    plan,
    row,
    steps_of,
)

STEPS = steps_of(4, BOUNDARY)


def constant(token: int) -> ScriptedEngine:
    return ScriptedEngine(lambda context, request: token, vocab_size=VOCAB, context_len=200)


def share_of_liked(search: Search, scorer: Scorer, questions: int = 12) -> float:
    """How much of the leaves' thinking is the liked token."""
    over = ScriptedEngine.random(7, stops={5: 0.15, 20: 0, 28: 0, 29: 0}, vocab_size=VOCAB, context_len=200)
    bounded = Plan.make(TreeSearch(width=1, max_thinking=24, max_answer=1), FMT, Sampling(temperature=1.0), over.info)
    searches = [tree_search(bounded, row(n), "?", search, scorer) for n in range(questions)]
    texts = [leaf.generation.thinking_text for tree in run_searches(searches, over) for leaf in tree.leaves]
    return sum(text.count(LIKED) for text in texts) / sum(text.count("<") for text in texts)


@pytest.mark.parametrize(
    "search",
    [Search(8, STEPS, Rebase(0.2)), Search(8, STEPS, Rebase(0.2, "ceil")), Search(8, STEPS, Beam(4)), dvts(8, STEPS)],
    ids=["rebase", "rebase-ceil", "beam", "dvts"],
)
def test_the_reward_model_steers_the_leaves(search: Search) -> None:
    plain = share_of_liked(Search(8, steps_of(24)), Scorer(by_liking))  # one step: nothing can be steered
    steered, blind = share_of_liked(search, Scorer(by_liking)), share_of_liked(search, Scorer(by_chance))
    assert steered > 1.4 * plain
    assert steered > 1.4 * blind


def parents(over: Recording, depth: int) -> set[str]:
    """Nodes that were continued at a depth: paths as text."""
    at = [r.id.split("tree ")[1].split("/") for r in over.submitted]
    return {path.rpartition(".")[0] for path, number in at if number == "1" and path.count(".") == depth}


def test_a_beam_continues_its_best_and_dvts_the_best_of_each_subtree() -> None:
    scorer = Scorer(lambda step: int(step[1:].split(">")[0]) / 100)  # the first token's number
    for search, kept in [
        (Search(8, by_tokens(3), Beam(4), max_depth=2), lambda scores: sorted(scores)[-2:]),
        (dvts(8, by_tokens(3), 2, max_depth=3), lambda scores: [max(scores[i : i + 2]) for i in range(0, 8, 2)]),
    ]:
        over = Recording.random(5, stops={10: 0, 20: 0, 28: 0, 29: 0}, vocab_size=VOCAB, context_len=400)
        grown(over, search, scorer)
        firsts = {r.id.split("tree ")[1]: r for r in over.submitted if "." not in r.id.split("tree ")[1]}
        scores = [over.said[firsts[f"{i}/1"].id].tokens[0] for i in range(8)]
        assert sorted(scores[int(path)] for path in parents(over, 1)) == sorted(kept(scores))
    assert {int(path.split(".")[0]) // 2 for path in parents(over, 2)} == {0, 1, 2, 3}  # no subtree displaces another


def test_thinking_that_ends_everywhere_at_once_ends_the_search() -> None:
    over = constant(20)
    tree = grown(over, Search(4, STEPS))
    assert (tree.nodes, tree.depth, tree.dropped, len(over.submitted)) == (4, 1, 0, 8)
    assert [(g.ended, g.n_thinking) for g in tree.generations] == [("model", 0)] * 4
    assert all(leaf.scores == () and leaf.weight() == 0.0 for leaf in tree.leaves)


def test_a_step_that_never_ends_is_cut_and_so_is_the_thought() -> None:
    over = constant(3)
    tree = grown(over, Search(3, STEPS), max_thinking=10)
    assert [(g.ended, g.n_thinking, g.answer_ended) for g in tree.generations] == [("cutoff", 10, "length")] * 3
    assert max(r.max_tokens for r in over.submitted) == 4
    assert all([s.end - s.start for s in g.segments if s.why == "think"] == [4, 4, 2] for g in tree.generations)
    assert all([s.why for s in g.segments][-3:] == ["close", "cutoff", "answer"] for g in tree.generations)


def test_empty_steps_come_to_an_end_and_are_not_scored(nano: Tokenizer) -> None:
    over, bounded, at = spoken(nano, "s1", "\n" * 150 + "one")
    scorer = Scorer(by_chance)
    search = Search(2, by_text(bounded.format, "\n"), max_depth=9, score_answer=False)
    (tree,) = run_searches([tree_search(bounded, at, "?", search, scorer)], over)
    assert (tree.depth, scorer.seen, [leaf.steps for leaf in tree.leaves]) == (9, [], [(), ()])


def test_the_depth_cap_closes_by_force() -> None:
    tree = grown(constant(3), Search(3, STEPS, max_depth=2))
    assert [(g.ended, g.n_thinking) for g in tree.generations] == [("cutoff", 8)] * 3
    assert all(any(s.why == "cutoff" for s in g.segments) for g in tree.generations)


def test_rounding_as_printed_may_leave_fewer_leaves_and_says_so() -> None:
    shares = iter([0.3, 0.3, 0.3, 0.1])
    scorer = Scorer(lambda step: next(shares, 0.3))
    tree = grown(constant(3), Search(4, by_tokens(3), Rebase(0.2, "round"), max_depth=2, score_answer=False), scorer)
    assert (len(tree.leaves), tree.width, tree.dropped) == (3, 4, 1)
    assert sum(g.n_paid for g in tree.generations) == tree.cost.thinking + tree.cost.answer == 4 * 3 + 3 * (3 + 4)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1.5])
def test_a_score_that_is_none_is_refused_by_name_and_leaves_the_engine_clean(bad: float) -> None:
    over = engine(slots=2)
    broken = Scorer(lambda step: bad)
    made = [tree_search(plan(over), row(n), f"what is {n}?", Search(4, STEPS), broken) for n in range(3)]
    with pytest.raises(RewardError, match=r"words: score .* at step 1 of 1 .*of question 'what is 0\?'"):
        list(run_searches(made, over, in_flight=3))
    assert over.collect() == []


def test_a_reader_that_leaves_early_leaves_nothing_in_the_engine() -> None:
    over = engine(slots=2)
    made = (tree_search(plan(over), row(n), "?", Search(4, STEPS), Scorer(by_chance)) for n in range(9))
    running = run_searches(made, over)
    next(running)
    running.close()
    assert over.collect() == []
    assert any(chunk.finish == "cancelled" for chunk in over.said.values())


def test_a_node_that_fails_is_a_leaf_that_says_why() -> None:
    class Failing(ScriptedEngine):
        def collect(self) -> list[Chunk]:
            return [
                Chunk(c.request_id, (), "error", error="out of memory") if "tree 1/" in c.request_id else c
                for c in super().collect()
            ]

    over = Failing(lambda context, request: 3, vocab_size=VOCAB, context_len=200)
    tree = grown(over, Search(4, STEPS), max_thinking=8)
    assert len(tree.leaves) == 4
    failed = [leaf for leaf in tree.leaves if leaf.generation.ended == "error"]
    assert [(leaf.path, leaf.generation.error) for leaf in failed] == [((1,), "out of memory")]
    assert [m for rule in ROW_RULES.values() for m in rule(failed[0].generation, Terms(None, frozenset()))] == []


def test_a_question_without_room_fails_as_every_sample_would() -> None:
    over = engine(context_len=30)
    tree = grown(over, Search(3, STEPS))
    assert [g.ended for g in tree.generations] == ["error"] * 3
    assert "leaves" in (tree.generations[0].error or "")
    assert over.submitted == []
    clamped = grown(engine(context_len=30), Search(3, STEPS), on_overflow="clamp")  # type: ignore[arg-type]
    assert {g.ended for g in clamped.generations} <= {"context", "model"}


@pytest.mark.parametrize("policy", [BudgetForcing(max_thinking=20), Unforced()], ids=["forcing", "unforced"])
def test_a_policy_that_asks_for_no_tree_is_refused_before_the_first_request(policy: BudgetForcing | Unforced) -> None:
    over = engine()
    other = Plan.make(policy, FMT, Sampling(temperature=1.0), over.info)
    with pytest.raises(SearchError, match="does not ask for a tree"):
        tree_search(other, row(), "?", Search(2, STEPS), Scorer(by_chance))
    with pytest.raises(SearchError, match="equal"):
        tree_search(plan(over, temperature=0.0), row(), "?", Search(2, STEPS), Scorer(by_chance))


def test_a_policy_names_its_search_and_another_one_has_another_id(nano: Tokenizer) -> None:
    fmt = BUILT_IN["s1"].resolve(nano)
    made = {
        "rebase": TreeSearch(width=8, temperature_b=0.5, rounding="ceil", max_depth=7),
        "beam": TreeSearch(search="beam", width=8, expand=2),
        "dvts": TreeSearch(search="dvts", width=8, expand=2, max_depth=3),
        "other scorer": TreeSearch(width=8, temperature_b=0.5, rounding="ceil", max_depth=7, scorer="length"),
    }
    got = {name: search_of(policy, fmt) for name, policy in made.items()}
    assert (got["rebase"].width, got["rebase"].allocate, got["rebase"].max_depth) == (8, Rebase(0.5, "ceil"), 7)
    assert (got["beam"].allocate, got["beam"].subtrees) == (Beam(2), 1)
    assert (got["dvts"].allocate, got["dvts"].subtrees, got["dvts"].max_depth) == (Beam(2), 4, 3)
    info = spoken(nano, "s1", "")[0].info
    ids = {Plan.make(policy, fmt, Sampling(temperature=1.0), info).policy_id for policy in made.values()}
    assert len(ids) == len(made)


def test_steps_of_a_policy_are_those_of_its_words(nano: Tokenizer) -> None:
    fmt = BUILT_IN["s1"].resolve(nano)
    counted = search_of(TreeSearch(steps=StepsBy(by="countdown", total=2, size=9)), BUILT_IN["s1-steps"].resolve(nano))
    assert [end and (end.last, end.max_tokens) for end in map(counted.steps, range(3))] == [(False, 9), (True, 9), None]
    sized = search_of(TreeSearch(steps=StepsBy(by="tokens", size=5)), fmt).steps(0)
    assert sized is not None
    assert (sized.max_tokens, sized.ids, sized.seqs) == (5, (), ())
    lines = search_of(TreeSearch(steps=StepsBy(text="\n", size=30)), fmt).steps(3)
    assert lines == by_text(fmt, "\n", 30)(3)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.integers(1, 16))
def test_the_printed_rounding_of_a_run_never_hands_out_too_much(scores: list[float], budget: int) -> None:
    plain, held = Rebase(0.2, "round")(scores, budget), at_most(Rebase(0.2, "round"))(scores, budget)
    assert sum(held) == min(budget, sum(plain))
    assert all(a <= b for a, b in zip(held, plain, strict=True))
    assert all(held[i] >= held[j] for i in range(len(scores)) for j in range(len(scores)) if scores[i] > scores[j])


def test_the_printed_rounding_loses_at_the_worst_node() -> None:
    greedy = at_most(lambda scores, budget: [2] * len(scores))
    assert greedy([0.1, 0.9, 0.5], 3) == [0, 2, 1]
    assert greedy([0.5, 0.5], 3) == [2, 1]


@pytest.mark.parametrize("rounding", ["largest_remainder", "ceil", "round"])
def test_ties_everywhere_continue_every_node_once(rounding: Rounding) -> None:
    tree = grown(engine(), Search(6, by_tokens(3), Rebase(0.2, rounding), max_depth=4), Scorer(lambda step: 0.5))
    assert [leaf.path[0] for leaf in tree.leaves] == list(range(6))
    assert all(set(leaf.path[1:]) <= {0} for leaf in tree.leaves)
    assert (tree.dropped, max(len(leaf.path) for leaf in tree.leaves) > 1) == (0, True)


def test_width_one_at_depth_one_is_one_step_and_one_answer() -> None:
    over = constant(3)
    tree = grown(over, Search(1, STEPS, max_depth=1))
    assert [(g.ended, g.n_thinking) for g in tree.generations] == [("cutoff", 4)]
    assert (tree.nodes, len(over.submitted)) == (1, 2)


def test_numbers_that_make_no_tree_are_refused() -> None:
    with pytest.raises(SearchError, match="width is 0"):
        Search(0, STEPS)
    with pytest.raises(SearchError, match="equal subtrees"):
        Search(5, STEPS, subtrees=2)
    with pytest.raises(SearchError, match="subtrees of 3"):
        dvts(8, STEPS, 3)
    with pytest.raises(SearchError, match="at least 1"):
        by_tokens(0)
    with pytest.raises(SearchError, match="also ends thinking"):
        by_text(FMT, "<20>")


def test_scores_of_a_path_as_one_number() -> None:
    scores = (0.5, 0.2, 0.8)
    assert [reduced(scores, how) for how in ("last", "min", "prod")] == [0.8, 0.2, pytest.approx(0.08)]
    assert reduced(scores, "mean") == pytest.approx(0.5)
    assert reduced((), "min") == 0.0


@pytest.fixture(scope="module")
def nano() -> Tokenizer:
    return Tokenizer.load(resolve_model("nano"))


def spoken(tokenizer: Tokenizer, form: str, text: str) -> tuple[ScriptedEngine, Plan, Row]:
    """An engine that always says ``text``, with a plan and a row of this tokenizer."""
    fmt = BUILT_IN[form].resolve(tokenizer)
    prompt, opened = fmt.render([{"role": "user", "content": "count"}])
    end = tokenizer.id_of("<|im_end|>")
    assert end is not None
    over = ScriptedEngine.from_scripts(
        {(*prompt, *opened): (*tokenizer.encode(text), *[end] * 99)}, vocab_size=tokenizer.vocab_size
    )
    bounded = Plan.make(TreeSearch(width=1, max_thinking=200, max_answer=5), fmt, Sampling(temperature=1.0), over.info)
    return over, bounded, Row("q", prompt, opened)


def test_a_countdown_ends_steps_and_its_zero_the_thinking(nano: Tokenizer) -> None:
    said = "<|im_start|>3 steps left\none two\n<|im_start|>2 steps left\nthree\n<|im_start|>1 steps left\nfour\n"
    over, bounded, at = spoken(nano, "s1-steps", f"{said}<|im_start|>0 steps left\nmore")
    (tree,) = run_searches(
        [
            tree_search(
                bounded, at, "?", Search(1, by_countdown(bounded.format, 3), score_answer=False), Scorer(by_chance)
            )
        ],
        over,
    )
    (leaf,) = tree.leaves
    assert leaf.steps == ("one two", "three", "four")
    assert leaf.generation.thinking_text == said
    assert (leaf.generation.ended, tree.depth) == ("model", 3)
    short = by_countdown(bounded.format, 2)
    assert short(1) is not None
    assert short(2) is None


def test_a_model_that_loses_count_is_closed_after_its_last_step(nano: Tokenizer) -> None:
    over, bounded, at = spoken(nano, "s1-steps", "one " * 190)
    search = Search(2, by_countdown(bounded.format, 3, max_tokens=7), score_answer=False)
    (tree,) = run_searches([tree_search(bounded, at, "?", search, Scorer(by_chance))], over)
    assert [(g.ended, g.n_thinking) for g in tree.generations] == [("cutoff", 21)] * 2


def test_blank_lines_end_steps_and_stay_in_the_context(nano: Tokenizer) -> None:
    said = "one two\nthree\n\nfour\n\nfive"
    over, bounded, at = spoken(nano, "s1", said)
    search = Search(1, by_text(bounded.format), score_answer=False)
    (tree,) = run_searches([tree_search(bounded, at, "?", search, Scorer(by_chance))], over)
    (leaf,) = tree.leaves
    assert leaf.steps == ("one two\nthree", "four", "five")
    assert leaf.generation.thinking_text == said
    assert leaf.generation.n_paid_thinking == leaf.generation.n_thinking == len(nano.encode(said))
    assert step_text(bounded.format, nano.encode("<|im_start|>12 steps left\n two \n<|im_start|>")) == "two"


def test_a_boundary_inside_a_longer_token_counts(nano: Tokenizer) -> None:
    found = by_text(BUILT_IN["s1"].resolve(nano), "ait")(0)
    assert found is not None
    assert nano.encode("Wait") == (nano.id_of("Wait"),)
    assert nano.id_of("Wait") in found.ids
    assert all("ait" in nano.decode([i]) for i in found.ids)


@pytest.mark.slow
def test_siblings_re_use_their_prefix_on_a_real_model(nano: Tokenizer) -> None:
    pytest.importorskip("torch")
    from s1kit.engines.hf import HFEngine
    from s1kit.nano.sets import load

    fmt = BUILT_IN["s1"].resolve(nano)
    question = load("nano_dev")[0]
    prompt, opened = fmt.render([{"role": "user", "content": question.prompt()}])
    over, asked = HFEngine(resolve_model("nano"), slots=8), []
    submit = over.submit

    def recorded(request: Request) -> None:
        asked.append(request)
        submit(request)

    over.submit = recorded  # type: ignore[method-assign]
    bounded = Plan.make(TreeSearch(width=1, max_thinking=48, max_answer=8), fmt, Sampling(temperature=1.0), over.info)
    search = Search(8, by_text(fmt, "\n", max_tokens=24))
    trees = []
    for _ in range(2):
        made = tree_search(
            bounded, Row(question.id, prompt, opened, seed=5), question.prompt(), search, Scorer(by_chance)
        )
        trees += run_searches([made], over)
    over.close()
    assert [leaf.generation.token_ids for leaf in trees[0].leaves] == [
        leaf.generation.token_ids for leaf in trees[1].leaves
    ]
    assert len({leaf.generation.token_ids for leaf in trees[0].leaves}) > 1
    assert all(len(g.thinking_text) > 0 for g in trees[0].generations)
    read = sum(len(request.prompt_ids) for request in asked[: len(asked) // 2])
    assert trees[0].prefilled < read / 2
