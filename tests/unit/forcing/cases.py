"""Random cases for the forcing core, and what must hold of every generation whatever the engine says.

Formats and rows are in ids (the conformance stand-in tokenizer), so that thousands of cases run in seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from s1kit.engines.base import Engine, Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.check import PolicyError
from s1kit.forcing.conformance import FormatIds, IdTokenizer
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import Format, ResolvedFormat
from s1kit.policies import BudgetForcing, Sampling
from s1kit.types import EngineInfo, Generation

_QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("local", max_examples=200, **_QUIET)
settings.register_profile("ci", max_examples=1000, derandomize=True, **_QUIET)
settings.register_profile(
    "planted", max_examples=40, derandomize=True, database=None, phases=[Phase.generate], **_QUIET
)
PROFILE = os.environ.get("S1KIT_HYPOTHESIS") or ("ci" if os.environ.get("CI") == "true" else "local")
CASES = settings.get_profile(PROFILE)

VOCAB = 30
FORMATS = {
    "one id": FormatIds(
        open=(20, 21, 10),
        close=(20, 22, 10),
        cutoff_suffix=(23, 24),
        nudge=(25,),
        think_stops=((20,),),
        turn_end=(28, 29),
        newline=10,
        line_ends=(11,),
        vocab_size=VOCAB,
    ),
    "several ids": FormatIds(
        open=(20, 21),
        close=(26, 27, 22),
        cutoff_suffix=(23,),
        nudge=(25,),
        think_stops=((26, 27), (20, 26, 26)),
        turn_end=(28,),
        vocab_size=VOCAB,
    ),
    "text": FormatIds(
        open=(20, 21),
        close=(26, 21),
        cutoff_suffix=(23,),
        nudge=(25, 24),
        think_stops=((26, 21),),
        turn_end=(28,),
        text_ids=(20, 21, 26),
        newline=10,
        vocab_size=VOCAB,
    ),
}
STOPS = {
    "one id": {20: 0.1, 28: 0.04, 10: 0.1, 11: 0.05},
    "several ids": {26: 0.25, 27: 0.4, 20: 0.1, 28: 0.03},
    "text": {26: 0.2, 21: 0.4, 20: 0.2, 28: 0.03},
}


def resolve(ids: FormatIds) -> ResolvedFormat:
    """A format in ids as the machine wants it."""
    tokenizer = IdTokenizer(ids)
    spell = tokenizer.decode
    return Format(
        name="toy",
        open=spell(ids.open),
        close=spell(ids.close),
        cutoff_suffix=spell(ids.cutoff_suffix),
        nudge=spell(ids.nudge),
        think_stops=tuple(map(spell, ids.think_stops)),
        turn_end=tuple(spell([i]) for i in ids.turn_end),
        newline_before_close=ids.newline is not None,
        text_delimiters=bool(ids.text_ids),
    ).resolve(tokenizer)


RESOLVED = {name: resolve(ids) for name, ids in FORMATS.items()}


@dataclass(frozen=True)
class Case:
    """One row through one policy on one random "model"."""

    format: str
    policy: BudgetForcing
    prompt: tuple[int, ...]
    opened: bool
    context_len: int
    padding: int
    model: int
    temperature: float
    seed: int

    def engine(self, *, slots: int = 16, order: int = 0, min_tokens: bool = True) -> ScriptedEngine:
        """The random "model" of this case; ``order`` shuffles nothing but the order of its work."""
        engine = ScriptedEngine.random(
            self.model,
            stops=STOPS[self.format],
            slots=slots,
            vocab_size=VOCAB + self.padding,
            context_len=self.context_len,
            min_tokens=min_tokens,
        )
        engine._order.seed(order)
        return engine

    def plan(self, info: EngineInfo, **changes: object) -> Plan:
        """The plan of this case, with changes to its policy."""
        policy = BudgetForcing.model_validate({**self.policy.model_dump(), **changes})
        return Plan.make(policy, RESOLVED[self.format], Sampling(temperature=self.temperature), info)

    def row(self, number: int = 0) -> Row:
        """A row; other numbers give other prompts."""
        open_ids = RESOLVED[self.format].open
        prompt = (*self.prompt, number % VOCAB)
        return Row(
            f"q{number}", prompt + (open_ids if self.opened else ()), () if self.opened else open_ids, seed=self.seed
        )


@st.composite
def cases(draw: st.DrawFn, **fixed: object) -> Case:
    """Any case whose policy is not refused."""
    top = draw(st.none() | st.integers(0, 14))
    name = draw(st.sampled_from(sorted(FORMATS)))
    nudge = st.sampled_from(["", "<25>", "<25><24>", "<1><2><3>"])
    policy = {
        "max_thinking": top,
        "min_thinking": draw(st.integers(0, 10 if top is None else top) | st.just(0)),
        "extensions": draw(st.integers(0, 3)),
        "nudges": draw(st.none() | st.lists(nudge, min_size=1, max_size=3).map(tuple)),
        "max_answer": draw(st.integers(1, 5)),
        "cutoff_suffix": draw(st.none() | st.sampled_from(["", "<1>"])),
        "on_overflow": draw(st.sampled_from(["refuse", "clamp"])),
        "after_nudge": draw(st.none() | st.just(Sampling(temperature=0.3))),
        **fixed,
    }
    case = Case(
        format=name,
        policy=BudgetForcing.model_validate(policy),
        prompt=tuple(draw(st.lists(st.integers(0, 9), min_size=1, max_size=3))),
        opened=draw(st.booleans()),
        context_len=draw(st.integers(12, 60)),
        padding=draw(st.integers(0, 2)),
        model=draw(st.integers(0, 10_000)),
        temperature=draw(st.sampled_from([0.0, 0.7])),
        seed=draw(st.integers(0, 5)),
    )
    try:
        case.plan(case.engine().info)
    except PolicyError:  # a budget smaller than the nudge
        return replace(case, policy=case.policy.model_copy(update={"extensions": 0, "min_thinking": 0}))
    return case


def outputs(generations: Iterable[Generation]) -> dict[tuple[str, str, int], dict[str, object]]:
    """What has to be equal between runs: everything but times and what was paid."""
    return {g.key: g.model_dump(exclude={"engine_ms", "n_paid", "n_paid_thinking"}) for g in generations}


def through(case: Case, engine: Engine, rows: int = 1, **options: bool) -> list[Generation]:
    """The case's rows driven over an engine."""
    plan = case.plan(engine.info)
    return list(drive((machine(plan, case.row(n)) for n in range(rows)), engine, **options))


def check(plan: Plan, row: Row, got: Generation, requests: list[Request]) -> None:
    """Everything that holds of a generation under BudgetForcing, whatever the engine said."""
    _check_record(got)
    _check_budget(plan, row, got)
    if got.ended != "error":
        _check_ends(plan, row, got)
    _check_requests(plan, row, got, requests)


def _why(got: Generation, *names: str) -> list[tuple[int, ...]]:
    assert got.token_ids is not None
    return [got.token_ids[s.start : s.end] for s in got.segments if s.why in names]


def _check_record(got: Generation) -> None:
    """Segments tile the tokens, and the counts are those of the segments."""
    assert got.token_ids is not None
    at = 0
    for s in got.segments:
        assert s.start == at <= s.end
        at = s.end
        assert s.origin == ("model" if s.why in ("think", "answer") else "forced")
        assert s.phase == ("think" if s.why in ("open", "think", "nudge") else "answer")
    assert at == len(got.token_ids)
    assert got.n_thinking_model == sum(map(len, _why(got, "think")))
    assert got.n_thinking_forced == sum(map(len, _why(got, "nudge")))
    assert got.n_answer == sum(map(len, _why(got, "answer")))
    assert (got.error is not None) == ("error" in (got.ended, got.answer_ended))


def _check_budget(plan: Plan, row: Row, got: Generation) -> None:
    policy = plan.policy
    assert isinstance(policy, BudgetForcing)
    room = plan.room(row)
    top = room if policy.max_thinking is None else min(policy.max_thinking, room)
    assert got.n_thinking <= max(top, 0)
    if got.ended != "error":
        by_budget = policy.max_thinking is not None and policy.max_thinking <= room
        assert (got.ended == "cutoff") == (by_budget and got.n_thinking == top)
        assert got.ended != "context" or not by_budget or got.n_thinking < top
        assert not (not by_budget and got.n_thinking == top) or got.ended == "context"
    assert got.min_met == (got.n_thinking >= policy.min_thinking)
    nudges = _why(got, "nudge")
    assert got.extensions == len(nudges)
    assert nudges == [plan.nudges[i % len(plan.nudges)] for i in range(len(nudges))]
    assert got.extensions <= policy.extensions or policy.min_thinking > 0
    if got.ended == "model":
        assert got.extensions >= policy.extensions
        assert got.min_met
    if got.ended == "no_room":
        assert got.extensions < policy.extensions or not got.min_met
        assert 0 < top - got.n_thinking <= len(plan.nudges[got.extensions % len(plan.nudges)])
    assert (got.ended == "stuck") <= (got.extensions > 0)
    whys = [s.why for s in got.segments]
    for i in range(1, len(whys)):
        assert not (whys[i - 1] == whys[i] == "nudge") or got.ended == "error"
    for ids in _why(got, "think"):
        assert not set(ids).intersection(plan.format.think_stop_ids)
        assert not set(ids).intersection(plan.banned)


def _check_ends(plan: Plan, row: Row, got: Generation) -> None:
    """Open, thoughts, close once, the suffix where it is due, the answer: in this order and nothing else."""
    fmt = plan.format
    whys = [s.why for s in got.segments]
    assert whys.count("open") == bool(row.open_ids)
    assert whys.count("close") == 1
    close = whys.index("close")
    assert set(whys[:close]) <= {"open", "think", "nudge"}
    assert not row.open_ids or (whys[0] == "open" and _why(got, "open") == [row.open_ids])
    assert got.token_ids is not None
    before = (*row.prompt_ids, *got.token_ids[: got.segments[close].start])
    newline = () if not fmt.newline or fmt.tokenizer.ends_line(before[-1]) else fmt.newline
    assert _why(got, "close") == [newline + fmt.close]
    due = got.ended in ("cutoff", "context") and bool(plan.suffix)
    assert _why(got, "cutoff") == ([plan.suffix] if due else [])
    assert whys[close + 1 :] in (["cutoff", "answer"][not due :], ["cutoff"][not due :])
    assert got.answer_ended is not None
    assert len(row.prompt_ids) + len(got.token_ids) <= plan.context_len


def _check_requests(plan: Plan, row: Row, got: Generation, requests: list[Request]) -> None:
    """Each asks for what is left and never more, for a context that is a prefix of the record."""
    policy = plan.policy
    assert isinstance(policy, BudgetForcing)
    assert got.token_ids is not None
    assert len({r.id for r in requests}) == len(requests)
    room = plan.room(row)
    top = room if policy.max_thinking is None else min(policy.max_thinking, room)
    closes = [s.start for s in got.segments if s.why == "close"]
    for at, request in enumerate(requests):
        assert request.continues == (requests[at - 1].id if at else None)
        size = len(row.prompt_ids)
        done = request.prompt_ids[size:]
        assert request.prompt_ids[:size] == row.prompt_ids
        assert done == got.token_ids[: len(done)]
        assert 1 <= request.max_tokens <= plan.context_len - len(request.prompt_ids)
        assert set(plan.banned) <= set(request.banned_ids)
        assert request.sampling.seed == row.seed
        if closes and len(done) > closes[0]:
            assert at == len(requests) - 1
            assert request.max_tokens == policy.max_answer
            assert request.sampling == plan.sampling.model_copy(update={"seed": row.seed})
            assert set(plan.format.turn_end_ids) | set(plan.format.think_stop_ids) <= set(request.stop_ids)
            assert set(plan.format.open[:1]) <= set(request.stop_ids) or plan.format.open in request.stop_seqs
        else:
            _check_thinking_request(plan, policy, request, got, done, top, nudged=at > 0)


def _check_thinking_request(
    plan: Plan, policy: BudgetForcing, request: Request, got: Generation, done: tuple[int, ...], top: int, nudged: bool
) -> None:
    # every thinking request but the first follows a nudge; an empty one cannot be told by where it stands
    ends = [s for s in got.segments if s.why in ("open", "think", "nudge") and s.end <= len(done)]
    used = [s for s in ends if s.why in ("think", "nudge")]
    inside = len(done) - (ends[-1].end if ends else 0)  # without min_tokens: behind the first token after a nudge
    left = top - sum(s.end - s.start for s in used) - inside
    if request.stop_ids:
        assert request.max_tokens == left
        assert set(request.stop_ids) == set(plan.format.think_stop_ids)
        assert set(request.stop_seqs) == set(plan.format.think_stop_seqs)
        assert request.min_tokens == (1 if nudged and plan.engine_min_tokens else 0)
    else:
        assert not plan.engine_min_tokens
        assert request.max_tokens == 1 <= left
        assert set(plan.format.think_stop_ids) <= set(request.banned_ids)
    if policy.after_nudge is not None and nudged:
        assert request.sampling.temperature == policy.after_nudge.temperature
    else:
        assert request.sampling.temperature == plan.sampling.temperature
