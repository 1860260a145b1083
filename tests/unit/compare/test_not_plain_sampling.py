"""One claim about every method and policy that would break, were it replaced by plain sampling from the same prompt.

Sequential methods run on the shipped nano model, trees on a random "model", votes on samples made by hand. The list of
claims is checked against what recipes can name: a new method without a claim fails.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from s1kit.benchmarks.registry import load
from s1kit.compare import recipe as recipes
from s1kit.compare.recipe import VoteMethod
from s1kit.compare.votes import outcome_of
from s1kit.engines.base import Engine
from s1kit.evaluate import Wanted, prepare, role_of, with_text
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing, Sampling, TreeSearch
from s1kit.search.from_policy import search_of
from s1kit.search.run import run_searches
from s1kit.search.samples import gather, scored
from s1kit.search.tree import tree_search
from s1kit.types import Generation
from unit.compare.planted import QUESTION, one, several
from unit.forcing.cases import VOCAB
from unit.forcing.test_countdown import STEPS, steps, think
from unit.search import trees

MOST = 60
"""Thinking tokens of plain thoughts here: enough for most to end by themselves."""
BOUNDS = {"max_thinking": MOST}
CLAIMS: dict[str, Callable[[], None]] = {}


def claim(*names: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """The function is the claim about these."""

    def keep(function: Callable[[], None]) -> Callable[[], None]:
        CLAIMS.update(dict.fromkeys(names, function))
        return function

    return keep


def every_name() -> set[str]:
    """What a recipe can ask for: methods, with and without force, rules of votes, searches, policies."""
    union, _ = typing.get_args(recipes.Method)
    names: set[str] = set()
    for kind in typing.get_args(union):
        method = word(kind, "method")
        if kind is recipes.VoteMethod:
            names |= {f"vote {rule}" for rule in typing.get_args(recipes.Rule)}
        elif kind is recipes.TreeMethod:
            names |= set(typing.get_args(kind.model_fields["search"].annotation))
        elif kind is recipes.PoliciesMethod:
            single, _ = typing.get_args(recipes.SinglePolicy)
            names |= {f"policy {word(policy, 'kind')}" for policy in typing.get_args(single)}
        elif kind is recipes.ForcingMethod:
            names |= {f"{method} {what}" for what in ("budgets", "extensions", "nudges", "after_nudge")}
        else:
            names |= {method} | ({f"{method} forced"} if "forced" in kind.model_fields else set())
    # the first is plain sampling; the others are methods of their own
    return names - {"policy unforced", "policy budget_forcing", "policy rejection"}


def word(model: Any, field: str) -> str:
    found: FieldInfo = model.model_fields[field]
    return str(typing.get_args(found.annotation)[0])


def test_every_method_has_a_claim() -> None:
    assert set(CLAIMS) == every_name()


# -- on the nano model


@functools.cache
def nano() -> Engine:
    pytest.importorskip("torch")
    from s1kit.engines.hf import HFEngine

    return HFEngine(resolve_model("nano"), slots=32)


@functools.cache
def natural(temperature: float = 0.0) -> tuple[Generation, ...]:
    return run(BudgetForcing(**BOUNDS), temperature)


def run(policy: Any, temperature: float = 0.0) -> tuple[Generation, ...]:
    """Rows of six questions; sampled ones share their draws across policies."""
    engine = nano()
    fmt = load_format("s1").resolve(engine.tokenizer)  # type: ignore[attr-defined]
    policy = policy.model_copy(update={"max_answer": 12})
    wanted = [Wanted(policy, role_of(policy), Sampling(temperature=temperature))]
    job = prepare(load("nano_mixed", 6), wanted, fmt, engine.info)
    plan, rows = job.points[0].plan, job.rows_of(job.points[0])
    found = {g.question_id: g for g in drive((machine(plan, row) for row in rows.values()), engine)}
    return tuple(with_text(found[q], fmt.tokenizer.decode) for q, _ in rows)


def of(method: dict[str, Any], at: int = 0) -> tuple[Generation, ...]:
    """Rows of one setting of a method."""
    wanted = one(method, at).wanted
    return run(wanted.policy, wanted.sampling.temperature)


def pairs(rows: tuple[Generation, ...], temperature: float = 0.0) -> list[tuple[Generation, Generation]]:
    return list(zip(rows, natural(temperature), strict=True))


def text_of_prompt(rows: tuple[Generation, ...]) -> set[int]:
    """How much longer the prompts are than plain ones."""
    return {row.n_prompt - plain.n_prompt for row, plain in pairs(rows)}


@claim("budget_forcing budgets")
def a_maximum_cuts_what_would_go_on() -> None:
    found = pairs(of({"method": "budget_forcing", "budgets": [12]}))
    longer = [(row, plain) for row, plain in found if plain.n_thinking > 12]
    assert longer
    for row, plain in longer:
        assert (row.n_thinking, row.ended) == (12, "cutoff")
        assert plain.thinking_text.startswith(row.thinking_text)


@claim("budget_forcing extensions")
def wait_makes_the_same_thought_go_on() -> None:
    found = pairs(of({"method": "budget_forcing", "extensions": [1], "max_thinking": 120}))
    ended = [(row, plain) for row, plain in found if plain.ended == "model"]
    assert ended
    for row, plain in ended:
        assert row.thinking_text.startswith(plain.thinking_text + "Wait")
        assert row.n_thinking_forced > 0
    assert any(row.n_thinking > plain.n_thinking + 1 for row, plain in ended)


@claim("budget_forcing nudges")
def nudges_come_in_rotation() -> None:
    nudges = ["Hmm", "Alternatively"]
    found = of({"method": "budget_forcing", "extensions": [2], "nudges": nudges, "max_thinking": 160})
    twice = [row for row in found if row.extensions == 2]
    assert twice
    for row in twice:
        assert row.thinking_text.index("Hmm") < row.thinking_text.index("Alternatively")
        assert not any("Hmm" in plain.thinking_text for plain in natural())


@claim("budget_forcing after_nudge")
def only_what_follows_the_nudge_is_drawn_otherwise() -> None:
    base = {"method": "budget_forcing", "extensions": [1], "max_thinking": 120}
    cold, hot = of(base), of({**base, "after_nudge": {"temperature": 2.0}})
    assert all(row.thinking_text.startswith(p.thinking_text.rstrip()) for row, p in pairs(hot) if p.ended == "model")
    assert [row.token_ids for row in cold] != [row.token_ids for row in hot]


@claim("token_conditional", "step_conditional", "class_conditional")
def the_prompt_asks_for_it() -> None:
    for method in (
        {"method": "token_conditional", "limits": [16]},
        {"method": "step_conditional", "limits": [4]},
        {"method": "class_conditional"},
    ):
        (longer,) = text_of_prompt(of({**method, **BOUNDS}))
        assert longer > 3, method
    short, long = (text_of_prompt(of({"method": "class_conditional", **BOUNDS}, side)) for side in (0, 1))
    assert short != long


@claim("token_conditional forced")
def what_is_asked_for_is_kept() -> None:
    asked = {"method": "token_conditional", "limits": [8]}
    plain, forced = of({**asked, **BOUNDS}), of({**asked, "forced": True})
    assert any(row.n_thinking > 8 for row in plain)
    for row, free in zip(forced, plain, strict=True):
        assert row.n_thinking == min(8, free.n_thinking)
        assert free.thinking_text.startswith(row.thinking_text)


@claim("step_conditional forced")
def a_countdown_ends_at_its_number_of_steps() -> None:
    said = steps(5, 4, 3, 2, 1)
    free, held = think(STEPS, said), think(STEPS, said, most=2)
    assert free.n_thinking > held.n_thinking
    assert (held.n_steps, held.ended) == (2, "cutoff")


@claim("rejection")
def a_thought_is_short_enough_or_there_is_no_answer() -> None:
    found = of({"method": "rejection", "limits": [24], "tries": 4})
    assert any(plain.n_thinking > 24 for plain in natural(1.0))
    assert any(row.tries > 1 and row.n_discarded > 0 for row in found)
    for row in found:
        assert row.ended == ("model" if row.n_thinking <= 24 else "unmet")
        assert row.ended == "model" or (row.tries, row.n_answer) == (4, 0)


def later(**policy: Any) -> tuple[Generation, ...]:
    return of({"method": "policies", "name": "later", "policies": [policy]})


@claim("policy no_thinking")
def nothing_is_thought_behind_the_prefill() -> None:
    for row, plain in pairs(later(kind="no_thinking")):
        assert (row.n_thinking, plain.n_thinking > 0) == (0, True)
        assert row.n_answer > 0


@claim("policy no_wait")
def the_words_are_not_said() -> None:
    found = pairs(later(kind="no_wait", **BOUNDS))
    assert any("Wait" in plain.thinking_text for _, plain in found)
    assert not any("Wait" in row.thinking_text for row, _ in found)


@claim("policy early_exit")
def a_thought_ends_where_trial_answers_agree() -> None:
    found = pairs(later(kind="early_exit", every=6, agree=2, **BOUNDS))
    early = [(row, plain) for row, plain in found if row.ended == "early"]
    assert early
    for row, plain in early:
        assert row.n_thinking < plain.n_thinking
        assert plain.thinking_text.startswith(row.thinking_text)
        assert row.n_discarded > 0


@claim("policy soft_cutoff")
def a_cut_thought_ends_its_line_within_the_grace() -> None:
    found = pairs(later(kind="soft_cutoff", max_thinking=9, grace=40))
    cut = [(row, plain) for row, plain in found if row.ended == "cutoff"]
    assert any(row.n_thinking < plain.n_thinking for row, plain in cut)
    for row, plain in cut:
        assert 9 <= row.n_thinking <= 49
        assert plain.thinking_text.startswith(row.thinking_text.rstrip("\n"))
        assert row.thinking_text.endswith("\n") or row.n_thinking == 49


@claim("policy confident")
def an_unsure_thought_is_given_up_without_an_answer() -> None:
    found = pairs(later(kind="confident", bar=1e6, window=4, every=4, **BOUNDS))
    for row, plain in found:
        assert row.ended == "unsure"
        assert row.n_answer == 0
        assert plain.n_answer > 0


# -- votes


def voted(rule: str, answers: str, lengths: list[int], values: list[float], **more: Any) -> tuple[float, float, float]:
    """Accuracy and samples of a vote over all of these, and the mean accuracy of one sample."""
    k = len(answers)
    given = {"scorer": "s"} if rule in ("weighted", "best_of_n") else {}
    method = VoteMethod.model_validate({"method": "vote", "rule": rule, "k": [k], **given, **more})
    graded = several(answers, lengths)
    rows = [
        g.model_copy(update={"confidence": (value,) * (g.n_thinking_model + g.n_answer)})
        for (g, _), value in zip(graded, values, strict=True)
    ]
    samples = scored(gather(QUESTION, rows, [grade for _, grade in graded]), values)
    found = outcome_of(method, k, samples, rows)
    return found.accuracy, found.samples, answers.count("7") / k


VOTES: dict[str, tuple[str, list[int], list[float], dict[str, Any]]] = {
    "majority": ("7755 7", [10] * 5, [1.0] * 5, {}),
    "pass_at_k": ("55557", [10] * 5, [1.0] * 5, {}),
    "weighted": ("75555", [10] * 5, [0.9, 0.1, 0.1, 0.1, 0.1], {}),
    "best_of_n": ("75555", [10] * 5, [0.9, 0.8, 0.8, 0.8, 0.8], {}),
    "shortest_majority": ("7755", [3, 3, 90, 90], [1.0] * 4, {}),
    "short_m": ("55557", [10, 20, 20, 20, 5], [1.0] * 5, {}),
    "confidence": ("75555", [10] * 5, [9.0, 1.0, 1.0, 1.0, 1.0], {"keep": 0.2, "window": 4}),
    "online": ("7775", [10] * 4, [2.0, 2.0, 2.0, 1.0], {"warm_up": 2, "window": 4}),
    "adaptive": ("7777", [10] * 4, [1.0] * 4, {"threshold": 0.8}),
}
for rule, (answers, lengths, values, more) in VOTES.items():

    @claim(f"vote {rule}")
    def a_vote_finds_what_one_sample_does_not(
        rule: str = rule,
        answers: str = answers.replace(" ", ""),
        lengths: list[int] = lengths,
        values: list[float] = values,
        more: dict[str, Any] = more,
    ) -> None:
        accuracy, used, single = voted(rule, answers, lengths, values, **more)
        if rule == "adaptive":
            assert (accuracy, used) == (1.0, 2.0)  # of the four that are stored: the second made it safe
        elif rule == "online":
            assert accuracy == 1.0 > single
            assert used < len(answers)
        else:
            assert accuracy == 1.0 > single


# -- trees


def babbler() -> Engine:
    """Never ends a thought by itself, so that no leaf leaves the tree early."""
    return trees.Recording.random(5, stops={20: 0.0, 28: 0.0}, vocab_size=VOCAB, context_len=400, slots=16)


def leaves(search: str, width: int, expand: int, **policy: Any) -> list[tuple[int, ...]]:
    """First steps of the leaves of a tree on a random "model"; four tokens a step."""
    over = babbler()
    given = {"search": search, "width": width, "expand": expand, "steps": {"by": "tokens", "size": 4}, **policy}
    policy_ = TreeSearch.model_validate({"max_thinking": 40, "max_answer": 4, "scorer": "random", **given})
    plan = trees.plan(over, **policy_.model_dump())
    scorer = trees.Scorer(trees.by_chance)
    made = tree_search(plan, trees.row(), "what?", search_of(policy_, trees.FMT), scorer)
    (tree,) = run_searches([made], over)
    return [g.token_ids[: len(trees.FMT.open) + 4] for g in tree.generations if g.token_ids is not None]


@functools.cache
def plain_beginnings() -> int:
    """Different first steps of four plain samples."""
    over = babbler()
    plan = Plan.make(BudgetForcing(max_thinking=40, max_answer=4), trees.FMT, Sampling(temperature=1.0), over.info)
    found = drive([machine(plan, replace(trees.row(), sample=n, seed=n)) for n in range(4)], over)
    return len({g.token_ids[: len(trees.FMT.open) + 4] for g in found if g.token_ids is not None})


@claim("rebase")
def rebase_gives_its_budget_to_what_is_scored_best() -> None:
    assert plain_beginnings() == 4
    assert len(set(leaves("rebase", 4, 4, temperature_b=0.001))) == 1
    assert len(set(leaves("rebase", 4, 4, temperature_b=1000.0))) == 4


@claim("beam")
def a_beam_keeps_the_best_beginnings_alone() -> None:
    assert plain_beginnings() == 4
    assert len(set(leaves("beam", 4, 4))) == 1


@claim("dvts")
def every_subtree_keeps_its_own_best_beginning() -> None:
    first = leaves("dvts", 4, 2)
    assert (first[0], first[2]) == (first[1], first[3])
    assert first[0] != first[2]


@pytest.mark.parametrize("name", sorted(every_name()))
def test_it_is_not_plain_sampling(name: str) -> None:
    CLAIMS[name]()
