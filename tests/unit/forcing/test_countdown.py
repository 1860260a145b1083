"""A countdown of steps: never more announced steps than were given, and the same thought as without force before."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.conditions import count_down, countdowns
from s1kit.engines.base import Engine, Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.announced import count_steps, marker
from s1kit.forcing.check import PolicyError
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.sweep import SweepEngine
from s1kit.formats import BUILT_IN, Format, ResolvedFormat
from s1kit.policies import Ask, BudgetForcing, Sampling, Unforced
from s1kit.store.rules import ROW_RULES, Terms
from s1kit.types import Generation
from unit.byte_level import QWEN, THINK, tokenizer
from unit.forcing.cases import CASES, outputs

START = "<|im_start|>"
STEPS = BUILT_IN["s1-steps"].resolve(tokenizer())
LINES = BUILT_IN["qwen3"].resolve(tokenizer((*QWEN, *THINK)))
CONTEXT = 700
SLOWER = settings(CASES, max_examples=min(CASES.max_examples, 250))  # a token per letter takes its time


def steps(*numbers: int, opener: str = START, body: str = "so") -> str:
    return "".join(f"{opener}{n} steps left\n{body} {i}\n" for i, n in enumerate(numbers))


def speaker(fmt: ResolvedFormat, text: str, ends: bool = True) -> ScriptedEngine:
    """Writes ``text`` as its thought, ends it (or babbles on), and answers "7"."""
    context = (*row(fmt).prompt_ids, *row(fmt).open_ids)
    encode = fmt.tokenizer.encode
    reply = (*encode("7"), fmt.turn_end_ids[0])
    script = (*encode(text), *((*fmt.close, *reply) if ends else ()))
    babble = encode("z")[0]

    def follow(whole: tuple[int, ...], request: Request) -> int:
        if set(fmt.reopen_ids) <= set(request.stop_ids):  # the answer's request
            return reply[whole[-1] == reply[0]]
        said = len(whole) - len(context)
        return script[said] if said < len(script) else babble

    return ScriptedEngine(follow, vocab_size=fmt.tokenizer.vocab_size, context_len=CONTEXT)


def row(fmt: ResolvedFormat) -> Row:
    return Row("q", *fmt.render([{"role": "user", "content": "count"}]))


def think(fmt: ResolvedFormat, text: str, most: int | None = None, ends: bool = True, **policy: object) -> Generation:
    over = speaker(fmt, text, ends)
    [got] = through(fmt, over, BudgetForcing.model_validate({"max_answer": 9, "max_steps": most, **policy}))
    return got


def through(fmt: ResolvedFormat, over: Engine, *policies: BudgetForcing) -> list[Generation]:
    made = [Plan.make(p, fmt, Sampling(), over.info) for p in policies]
    got = list(drive((machine(plan, row(fmt)) for plan in made), over))
    terms = {plan.policy_id: Terms(plan.policy, frozenset(fmt.think_stop_ids), fmt.think_stop_seqs) for plan in made}
    for g in got:
        assert [m for rule in ROW_RULES.values() for m in rule(g, terms[g.policy_id])] == []
    return got


def thought(fmt: ResolvedFormat, got: Generation) -> str:
    assert got.token_ids is not None
    return fmt.tokenizer.decode([t for s in got.segments if s.why == "think" for t in got.token_ids[s.start : s.end]])


def whys(got: Generation) -> list[str]:
    return [s.why for s in got.segments if s.why not in ("open", "think")]


DOWN = steps(*range(5, -1, -1))
CUTS = {
    "to zero": (steps(3, 2, 1, 0), 9, steps(3, 2, 1)),
    "zero at once": (steps(0), 9, ""),
    "one too many": (steps(9, 8, 7, 6), 2, steps(9, 8)),
    "jumps": (steps(16, 4, 1, 0), 16, steps(16, 4, 1)),
    "repeats": (steps(4, 4, 4, 4), 3, steps(4, 4, 4)),
    "goes up": (steps(1, 2, 3, 4), 3, steps(1, 2, 3)),
    "a preamble": ("hm\n" + steps(2, 1, 0), 5, "hm\n" + steps(2, 1)),
    "large numbers": (steps(123456789, 0), 5, steps(123456789)),
}


@pytest.mark.parametrize("name", CUTS)
@pytest.mark.parametrize("form", ["s1-steps", "qwen3"])
def test_thinking_is_cut_before_the_announcement_that_is_one_too_many(name: str, form: str) -> None:
    fmt = {"s1-steps": STEPS, "qwen3": LINES}[form]
    text, most, expected = CUTS[name]
    if form == "qwen3":
        text, expected = text.replace(START, ""), expected.replace(START, "")
    got = think(fmt, text, most)
    assert thought(fmt, got) == expected
    assert (got.ended, got.answer_ended, whys(got)) == ("cutoff", "turn_end", ["close", "cutoff", "answer"])
    dropped = re.match(rf"(?:{re.escape(START)})?\d+ steps left", text[len(expected) :])
    assert dropped is not None
    assert got.n_discarded == len(fmt.tokenizer.encode(dropped.group()))
    assert got.n_paid == got.n_thinking + got.n_answer + got.n_discarded
    assert got.n_steps == (len(countdowns(expected, START if fmt is STEPS else "")) or None)


def test_a_plain_line_counts_beside_the_marker() -> None:
    """The nano model's countdown is lines of text, in a format whose opening begins with a control token."""
    got = think(STEPS, f"2 steps left\none\n{START}1 steps left\ntwo\n0 steps left\n", 4)
    assert (thought(STEPS, got), got.ended, got.n_steps) == (
        f"2 steps left\none\n{START}1 steps left\ntwo\n",
        "cutoff",
        2,
    )


def test_the_same_words_in_a_sentence_are_no_announcement() -> None:
    text = f"there are 0 steps left to do\n{START}0  steps left\nno steps left\n"
    text += f"{START}1234567890 steps left\n"
    got = think(STEPS, text, 1)
    assert (thought(STEPS, got), got.ended, got.n_steps, got.n_discarded) == (text, "model", None, 0)
    plain = "there are 0 steps left to do\n - 0 steps left\n"
    got = think(LINES, plain, 1)
    assert (thought(LINES, got), got.ended, got.n_steps) == (plain, "model", None)


def test_a_model_that_never_counts_thinks_to_its_maximum_or_its_room() -> None:
    got = think(STEPS, "no counting here ", 2, ends=False, max_thinking=40)
    assert (got.ended, got.n_thinking, got.n_steps, got.n_step_tokens) == ("cutoff", 40, None, None)
    got = think(STEPS, "no counting here ", 2, ends=False)
    assert got.ended == "context"
    assert got.n_thinking > 600


@pytest.mark.parametrize("limit", range(70))
def test_a_maximum_of_tokens_holds_beside_the_steps(limit: int) -> None:
    got = think(STEPS, DOWN, 3, max_thinking=limit)
    free = think(STEPS, DOWN)
    assert thought(STEPS, free).startswith(thought(STEPS, got))
    assert got.n_thinking <= limit
    assert (got.n_steps or 0) <= 3
    assert got.ended == "cutoff"
    assert got.n_thinking == limit or thought(STEPS, got) == steps(5, 4, 3)


PIECES = st.lists(
    st.sampled_from([START, "1", "0", "27", " steps left", " steps", " left", "\n", "\n\n", "a", " ", f"{START}ans"]),
    max_size=20,
).map("".join)


@SLOWER
@given(pieces=PIECES | st.lists(st.integers(0, 12), max_size=7).map(lambda n: steps(*n)), most=st.integers(1, 4),
       limit=st.none() | st.integers(0, 60), lines=st.booleans(), ends=st.booleans())  # fmt: skip
def test_never_more_steps_than_given_and_the_same_thought_before_the_cut(
    pieces: str, most: int, limit: int | None, lines: bool, ends: bool
) -> None:
    fmt = LINES if lines else STEPS
    forced = think(fmt, pieces, most, ends, max_thinking=limit)
    free = think(fmt, pieces, None, ends, max_thinking=limit, ask=Ask(unit="steps", limit=most).model_dump())
    assert forced.error is None
    assert (forced.n_steps or 0) <= most
    assert thought(fmt, free).startswith(thought(fmt, forced))
    if forced.ended != "cutoff" or forced.n_thinking == limit:
        assert thought(fmt, forced) == thought(fmt, free)
        assert (forced.ended, forced.n_steps, forced.n_step_tokens) == (free.ended, free.n_steps, free.n_step_tokens)
    else:
        rest = thought(fmt, free)[len(thought(fmt, forced)) :]
        assert re.match(rf"(?:{re.escape(START)})?\d+ steps left" if not lines else r"\d+ steps left", rest)
    assert forced.n_paid == forced.n_thinking + forced.n_answer + forced.n_discarded


def test_free_rows_count_their_steps_only_where_steps_are_spoken_of() -> None:
    asked = think(STEPS, DOWN, ask=Ask(unit="steps", limit=8).model_dump())
    inside = sum(len(STEPS.tokenizer.encode(f"so {i}\n")) for i in range(5))
    assert (asked.ended, asked.n_steps, asked.n_step_tokens) == ("model", 5, inside)
    assert (think(STEPS, DOWN).n_steps, think(STEPS, DOWN).n_step_tokens) == (None, None)
    tokens = think(STEPS, DOWN, ask=Ask(unit="tokens", limit=8).model_dump())
    assert tokens.n_steps is None
    over = speaker(STEPS, DOWN)
    plan = Plan.make(Unforced(ask=Ask(unit="steps", limit=8)), STEPS, Sampling(), over.info)
    [unforced] = drive([machine(plan, row(STEPS))], over)
    assert (unforced.n_steps, unforced.n_step_tokens) == (5, inside)


@SLOWER
@given(
    bodies=st.lists(st.text("ab 1\n", min_size=1, max_size=20).filter(lambda s: "\n\n" not in s and s == s.strip()),
                    min_size=1, max_size=8),
    spare=st.integers(0, 5), lines=st.booleans(),
)  # fmt: skip
def test_steps_of_training_rows_are_counted_as_they_were_written(bodies: list[str], spare: int, lines: bool) -> None:
    fmt, opener = (LINES, "") if lines else (STEPS, START)
    text = count_down(bodies, len(bodies) + spare, opener)
    between = "\n\n" if lines else "\n"
    inside = sum(len(fmt.tokenizer.encode(body + between)) for body in bodies[:-1])
    inside += len(fmt.tokenizer.encode(bodies[-1] + "\n"))
    assert count_steps(fmt, fmt.tokenizer.encode(text)) == (len(bodies), inside)
    assert len(countdowns(text, opener)) == len(bodies)


def test_a_sweep_of_steps_equals_separate_runs_and_pays_the_longest_once() -> None:
    policies = [BudgetForcing(max_steps=n, max_answer=9) for n in (1, 2, 4, 8)]
    over = SweepEngine(speaker(STEPS, DOWN))
    swept = through(STEPS, over, *policies)
    alone = [g for p in policies for g in through(STEPS, speaker(STEPS, DOWN), p)]
    assert outputs(swept) == outputs(alone)
    assert [g.n_steps for g in sorted(swept, key=lambda g: g.n_thinking)] == [1, 2, 4, 5]
    longest = max(alone, key=lambda g: g.n_thinking)
    assert sum(g.n_paid_thinking for g in swept) == longest.n_paid_thinking


def test_more_steps_than_allowed_in_a_record_are_found() -> None:
    got = think(STEPS, DOWN, 4)
    terms = Terms(BudgetForcing(max_steps=4, max_answer=9), frozenset(STEPS.think_stop_ids), STEPS.think_stop_seqs)
    for change, said in (({"n_steps": 5}, "max_steps is 4"), ({"n_step_tokens": 9999}, "n_step_tokens is 9999")):
        found = [m for rule in ROW_RULES.values() for m in rule(got.model_copy(update=change), terms)]
        assert any(said in m for m in found)


def test_an_announcement_opens_with_what_also_ends_thinking() -> None:
    words = STEPS.tokenizer
    assert marker(STEPS) == words.id_of(START)
    assert marker(LINES) is None
    own = Format(**{**BUILT_IN["s1-steps"].model_dump(), "name": "own", "think_stops": ("<|im_end|>",)})
    assert marker(own.resolve(words)) is None


def test_an_engine_without_stop_sequences_is_refused() -> None:
    over = ScriptedEngine(lambda context, request: 0, vocab_size=LINES.tokenizer.vocab_size, stop_seqs=False)
    with pytest.raises(PolicyError, match="hint: use an engine with stop sequences"):
        Plan.make(BudgetForcing(max_steps=4), LINES, Sampling(), over.info)
