"""Local engines answer calls under budget forcing; what a row cannot do is that row's error."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from s1kit.curate.calls.answering import answered
from s1kit.curate.calls.cache import Cache
from s1kit.curate.calls.call import Answer, Call, CallerError, Reply
from s1kit.curate.calls.local import LocalCaller, within
from s1kit.engines.open import open_engine
from s1kit.engines.scripted import ScriptedEngine
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing, Unforced
from s1kit.tokenizer import Tokenizer

TOKENIZER = Tokenizer.load(resolve_model("nano"))
FORMAT = load_format("s1").resolve(TOKENIZER)
POLICY = BudgetForcing(max_thinking=12, max_answer=6)


def engine(slots: int = 4, seed: int = 1, context_len: int = 200) -> ScriptedEngine:
    stops = {i: 0.1 for name in ("<|im_start|>", "<|im_end|>") if (i := TOKENIZER.id_of(name)) is not None}
    return ScriptedEngine.random(
        seed, stops=stops, vocab_size=TOKENIZER.vocab_size, context_len=context_len, slots=slots
    )


def caller(policy: BudgetForcing | Unforced = POLICY, **options: int) -> LocalCaller:
    return LocalCaller(engine(**options), FORMAT, policy)


def call(to: LocalCaller, text: str, **fields: object) -> Call:
    return Call("solver", text, to.identity, ({"role": "user", "content": text},), **fields)  # type: ignore[arg-type]


def replies(to: LocalCaller, *calls: Call) -> dict[str, Reply]:
    return {c.subject: r for c, r in to.answer(calls)}


def test_every_call_is_answered_within_its_budget() -> None:
    to = caller()
    got = replies(to, *(call(to, f"How many r in {n}?") for n in range(20)))
    assert len(got) == 20
    for reply in got.values():
        assert reply.error is None
        assert reply.thinking_ended in ("model", "cutoff")
        assert reply.finish in ("stop", "length", "reopened")
        assert reply.usage["thinking"] <= 12
        assert reply.usage["completion"] - reply.usage["thinking"] <= 6
        assert reply.usage["prompt"] > 0
    assert {r.thinking_ended for r in got.values()} == {"model", "cutoff"}
    assert {r.finish for r in got.values()} >= {"stop", "length"}


def test_answers_do_not_depend_on_their_neighbours() -> None:
    texts = [f"q {n}" for n in range(8)]
    one, many = caller(slots=1), caller(slots=8)
    alone = replies(one, *(call(one, t, temperature=0.7) for t in texts))
    together = replies(many, *(call(many, t, temperature=0.7) for t in reversed(texts)))
    assert one.identity == many.identity
    assert {t: (r.text, r.thinking) for t, r in alone.items()} == {t: (r.text, r.thinking) for t, r in together.items()}


def test_asking_again_draws_again_and_greedy_does_not() -> None:
    to = caller()
    drawn = [r.thinking for _, r in to.answer(call(to, "q", temperature=0.7, ask=n) for n in range(6))]
    greedy = [r.thinking for _, r in to.answer(call(to, "q", ask=n) for n in range(6))]
    assert len(set(drawn)) > 1
    assert len(set(greedy)) == 1


@pytest.mark.parametrize("text", ["a <|im_start|> in the text", "word " * 500, "", "\x00\ud800\u202e"])
def test_what_one_row_cannot_do_is_its_own_error(text: str) -> None:
    to = caller()
    got = replies(to, call(to, "one"), call(to, text), call(to, "two"))
    assert got["one"].error is None
    assert got["two"].error is None
    hopeless = "<|" in text or len(text) > 1000
    assert (got[text].error is not None, got[text].kind) == ((True, "refused") if hopeless else (False, None))


def test_what_is_known_passes_through_in_step_and_calls_are_read_lazily() -> None:
    to = caller(slots=2)
    known: list[Answer] = [(call(to, str(n)), Reply(text=str(n))) for n in range(100)]
    read = itertools.count()
    mixed = (item for item in [call(to, "x"), *known, call(to, "y")] if next(read) >= 0)
    for got, (asked, reply) in enumerate(to.answer(mixed), start=1):
        assert next(read) <= 2 * got + 12
        if asked.subject in ("x", "y"):
            assert reply.usage
        else:
            assert reply.text == asked.subject
    assert got == 102


def test_the_same_call_twice_is_two_rows() -> None:
    to = caller()
    got = [reply.text for _, reply in to.answer([call(to, "q"), call(to, "q")])]
    assert len(got) == 2
    assert got[0] == got[1]


@pytest.mark.parametrize(
    ("policy", "limit", "expected"),
    [
        (POLICY, 100, POLICY),
        (POLICY, 10, BudgetForcing(max_thinking=4, max_answer=6)),
        (POLICY, 4, BudgetForcing(max_thinking=0, max_answer=4)),
        (
            BudgetForcing(max_answer=6, min_thinking=5),
            10,
            BudgetForcing(max_thinking=4, min_thinking=4, max_answer=6, on_overflow="clamp"),
        ),
        (Unforced(), 10, Unforced(max_tokens=10)),
        (Unforced(max_tokens=5), 10, Unforced(max_tokens=5)),
    ],
)
def test_max_tokens_bounds_thinking_and_answer_together(
    policy: BudgetForcing | Unforced, limit: int, expected: BudgetForcing | Unforced
) -> None:
    assert within(policy, limit) == expected
    to = caller(policy)
    [reply] = replies(to, call(to, "q", max_tokens=limit)).values()
    assert reply.error is None
    assert reply.usage["completion"] <= limit


def test_the_identity_is_of_everything_that_changes_answers() -> None:
    same = [caller(), caller(slots=9)]
    other = [caller(BudgetForcing(max_thinking=13, max_answer=6)), caller(context_len=100)]
    assert len({to.identity for to in same}) == 1
    assert len({to.identity for to in [*same, *other]}) == 3


def test_a_field_that_a_local_engine_does_not_know_is_refused() -> None:
    to = caller()
    assert replies(to, call(to, "q", extra={"top_k": 3}))["q"].error is None
    with pytest.raises(CallerError, match="response_format"):
        replies(to, call(to, "q", extra={"response_format": {}}))
    with pytest.raises(ValueError, match="was given to"):
        list(to.answer([Call("solver", "q", "another", ({"role": "user", "content": "q"},))]))


def test_a_reader_that_leaves_leaves_nothing_behind() -> None:
    to = caller()
    answers = to.answer(call(to, f"q {n}") for n in itertools.count())
    next(answers)
    answers.close()
    assert len(replies(to, call(to, "q 0"))) == 1


def test_the_shipped_model_reasons_answers_and_is_cached(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    folder = resolve_model("nano")
    hf, tokenizer = open_engine("hf", folder, slots=4)
    to = LocalCaller(hf, load_format("s1").resolve(tokenizer), BudgetForcing(extensions=1, max_answer=16))
    assert str(Path(folder).parent) not in to.identity, "where the folder lies is nobody's business"
    calls = [call(to, "How many r in raspberry?"), call(to, "What is 12 + 30?"), call(to, "<|im_end|>")]
    with Cache(tmp_path / "c") as cache:
        first = {c.key: r for c, r in answered(to, calls, cache)}
        to.close()
        again = {c.key: r for c, r in answered(to, calls, cache)}
    assert first == again
    assert [first[c.key].text for c in calls] == ["Answer: 3", "Answer: 42", ""]
    assert "Wait" in first[calls[0].key].thinking
    assert first[calls[2].key].kind == "refused"
