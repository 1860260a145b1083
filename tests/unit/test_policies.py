"""Policies: nonsense is refused where it is written, and an identity never changes silently."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from s1kit.forcing.check import PolicyError
from s1kit.forcing.plan import Plan
from s1kit.formats import BUILT_IN
from s1kit.policies import Ask, BudgetForcing, Policy, Sampling, Unforced, label, policy_id, row_seed
from s1kit.types import EngineInfo
from unit.byte_level import QWEN, tokenizer

GOLDEN = Path(__file__).parents[1] / "golden" / "policy_ids.json"


@pytest.mark.parametrize("field", ["max_thinking", "min_thinking", "extensions", "max_answer"])
@pytest.mark.parametrize("value", [-1, 1.5, 100.0, "100", True, math.nan])
def test_a_count_is_a_whole_number_that_is_not_negative(field: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=field):
        BudgetForcing(**{field: value})


@pytest.mark.parametrize("value", [0, -1, 1.0, True])
def test_unforced_wants_at_least_one_token(value: Any) -> None:
    with pytest.raises(ValidationError, match="max_tokens"):
        Unforced(max_tokens=value)


def test_an_answer_of_no_tokens_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_answer"):
        BudgetForcing(max_answer=0)


def test_a_minimum_above_the_maximum_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"min_thinking \(6\) is larger than max_thinking \(5\)"):
        BudgetForcing(max_thinking=5, min_thinking=6)
    assert BudgetForcing(max_thinking=5, min_thinking=5).min_thinking == 5
    assert BudgetForcing(min_thinking=6).max_thinking is None


def test_no_nudges_is_not_an_empty_nudge() -> None:
    with pytest.raises(ValidationError, match="nudges is empty"):
        BudgetForcing(nudges=())
    assert BudgetForcing(nudges=("",)).nudges == ("",)


def test_compat_knows_neither_a_minimum_nor_other_sampling() -> None:
    for fields in ({"min_thinking": 1}, {"after_nudge": Sampling()}):
        with pytest.raises(ValidationError, match="compat"):
            BudgetForcing(compat="s1", **fields)


@pytest.mark.parametrize(
    "fields", [{"temperature": -0.1}, {"temperature": math.nan}, {"top_p": 0.0}, {"top_k": -1}, {"typo": 1}]
)
def test_sampling_out_of_range_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Sampling(**fields)


def test_an_unknown_field_and_an_unknown_kind_are_refused() -> None:
    policy: TypeAdapter[Any] = TypeAdapter(Policy)
    with pytest.raises(ValidationError, match="extension"):
        policy.validate_python({"kind": "budget_forcing", "extension": 2})
    with pytest.raises(ValidationError, match="kind"):
        policy.validate_python({"kind": "magic"})
    assert policy.validate_json('{"kind": "budget_forcing", "max_thinking": 5}') == BudgetForcing(max_thinking=5)


def plan(policy: BudgetForcing, **engine: Any) -> Plan:
    made = tokenizer(QWEN)
    info = {"name": "toy", "model": "toy", "version": "1", "context_len": 500, "vocab_size": made.vocab_size, **engine}
    return Plan.make(policy, BUILT_IN["s1"].resolve(made), Sampling(), EngineInfo(**info))


@pytest.mark.parametrize("wants", [{"extensions": 1}, {"min_thinking": 1}])
def test_a_budget_without_room_for_a_nudge_and_a_thought_is_refused(wants: dict[str, int]) -> None:
    assert len(tokenizer().encode("Wait")) == 1
    with pytest.raises(PolicyError, match=r"max_thinking=1 has no room for a nudge of 1 tokens.*\nhint:"):
        plan(BudgetForcing(max_thinking=1, **wants))
    with pytest.raises(PolicyError, match="nudge of 8 tokens"):
        plan(BudgetForcing(max_thinking=8, nudges=("12345678",), **wants))
    plan(BudgetForcing(max_thinking=2, **wants))
    plan(BudgetForcing(max_thinking=1))
    plan(BudgetForcing(max_thinking=1, nudges=("",), **wants))
    plan(BudgetForcing(max_thinking=0, extensions=1))


def test_what_an_engine_lacks_is_refused_with_a_hint() -> None:
    fewer = tokenizer(QWEN).vocab_size
    with pytest.raises(PolicyError, match="do not belong together"):
        plan(BudgetForcing(), vocab_size=fewer - 1)
    with pytest.raises(PolicyError, match="banned ids"):
        plan(BudgetForcing(), vocab_size=fewer + 1, banned_ids=False)
    with pytest.raises(PolicyError, match="banned ids"):
        plan(BudgetForcing(min_thinking=3), min_tokens=False, banned_ids=False)
    plan(BudgetForcing(), min_tokens=False, banned_ids=False)
    assert plan(BudgetForcing(), vocab_size=fewer + 2).banned == (fewer, fewer + 1)


def test_nudges_are_tokenised_alone_and_the_policys_suffix_counts() -> None:
    encode = tokenizer().encode
    made = plan(BudgetForcing(max_thinking=90, extensions=1, nudges=("Wait", "Hmm,"), cutoff_suffix="So:"))
    assert made.nudges == (encode("Wait"), encode("Hmm,"))
    assert made.suffix == encode("So:")
    assert plan(BudgetForcing()).suffix == encode("Final Answer:")
    assert plan(BudgetForcing(cutoff_suffix="")).suffix == ()


POLICIES: dict[str, tuple[BudgetForcing | Unforced, Sampling]] = {
    "natural": (BudgetForcing(), Sampling()),
    "max 512": (BudgetForcing(max_thinking=512), Sampling()),
    "min 64": (BudgetForcing(min_thinking=64), Sampling()),
    "Wait x2": (BudgetForcing(extensions=2), Sampling()),
    "Wait x2 sampled": (BudgetForcing(extensions=2), Sampling(temperature=0.7, top_p=0.95, seed=3)),
    "Hmm/Wait x2": (BudgetForcing(extensions=2, nudges=("Hmm", "Wait")), Sampling()),
    "(empty) x1": (BudgetForcing(extensions=1, nudges=("",)), Sampling()),
    "clamped": (BudgetForcing(max_thinking=512, on_overflow="clamp", max_answer=64), Sampling()),
    "hotter after": (BudgetForcing(extensions=1, after_nudge=Sampling(temperature=1.0)), Sampling()),
    "s1 compat": (BudgetForcing(max_thinking=512, compat="s1"), Sampling()),
    "unforced": (Unforced(), Sampling()),
    "unforced 100": (Unforced(max_tokens=100), Sampling()),
}


def ids() -> dict[str, dict[str, str]]:
    return {
        form: {
            name: policy_id(policy, BUILT_IN[form].model_dump(mode="json"), sampling)
            for name, (policy, sampling) in POLICIES.items()
        }
        for form in ("s1", "qwen3")
    }


def test_policy_ids_are_the_golden_ones() -> None:
    # a run on disk is found by these: where they have to change, this file does so on purpose and CHANGELOG says why
    assert ids() == json.loads(GOLDEN.read_text())


def test_identity_ignores_seeds_and_nothing_else() -> None:
    spec = BUILT_IN["s1"].model_dump(mode="json")
    base = policy_id(BudgetForcing(extensions=1), spec, Sampling())
    assert policy_id(BudgetForcing(extensions=1), spec, Sampling(seed=9)) == base
    assert policy_id(BudgetForcing(extensions=2), spec, Sampling()) != base
    assert policy_id(BudgetForcing(extensions=1), spec, Sampling(temperature=0.1)) != base
    assert policy_id(BudgetForcing(extensions=1), {**spec, "nudge": "Hmm"}, Sampling()) != base
    hot, hot_seeded = (BudgetForcing(after_nudge=Sampling(temperature=1.0, seed=s)) for s in (0, 5))
    assert policy_id(hot, spec, Sampling()) == policy_id(hot_seeded, spec, Sampling())


def test_slugs_and_labels_are_readable() -> None:
    assert BudgetForcing().slug() == "bf-natural"
    assert BudgetForcing(max_thinking=5, min_thinking=2, extensions=1).slug() == "bf-max5-min2-wait1"
    assert BudgetForcing(extensions=1, nudges=("",)).slug() == "bf-empty1"
    assert BudgetForcing(extensions=1, nudges=("Hmm, /wait",)).slug() == "bf-hmmwait1"
    assert label(BudgetForcing(max_thinking=5, min_thinking=2, extensions=2)) == "max 5 min 2 Wait x2"
    assert label(BudgetForcing(extensions=1, nudges=("", "Hmm"))) == "(empty)/Hmm x1"
    assert label(BudgetForcing()) == "natural"
    assert (label(Unforced()), label(Unforced(max_tokens=3))) == ("unforced", "unforced 3")


def test_row_seeds_depend_on_run_question_sample_and_try_only() -> None:
    seeds = [row_seed(0, "q", 0), row_seed(1, "q", 0), row_seed(0, "r", 0), row_seed(0, "q", 1), row_seed(0, "q", 0, 1)]
    assert len(set(seeds)) == 5
    assert all(0 <= s < 2**63 for s in seeds)
    assert row_seed(0, "q", 0) == seeds[0]


def test_what_is_asked_for_is_said_in_the_prompt_and_is_part_of_the_identity() -> None:
    asked = BudgetForcing(ask=Ask(unit="tokens", limit=64))
    assert asked.ask is not None
    assert asked.ask.prompt("How many?") == "How many?\n\nThink for up to 64 tokens."
    assert label(asked) == "asked 64 tokens"
    assert label(asked.model_copy(update={"max_thinking": 64})) == "asked 64 tokens max 64"
    names = {
        policy_id(policy, {}, Sampling()).rpartition("-")[0]
        for policy in (asked, Unforced(ask=Ask(unit="steps", limit=4)), BudgetForcing(), Unforced())
    }
    assert names == {"bf-ask64tokens", "unforced-ask4steps", "bf-natural", "unforced"}


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "64"])
def test_an_amount_that_is_no_amount_is_refused(limit: object) -> None:
    with pytest.raises(ValidationError):
        Ask.model_validate({"unit": "tokens", "limit": limit})
