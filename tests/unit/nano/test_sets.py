"""The evaluation sets: pinned, disjoint, and kept out of everything that is trained on."""

from __future__ import annotations

import itertools

import pytest

from s1kit.nano import sets, stream, traces
from s1kit.nano import tokenizer as nano_tokenizer
from s1kit.nano.stream import Plan
from s1kit.types import canonical_json, sha256_hex

PINNED = {
    "nano_hard": "cd41a86161c5d83b",
    "nano_mixed": "48f37b42e878bccc",
    "nano_choice": "5121b971e5d933fb",
    "nano_dev": "402df5dacc109dd2",
}
SIZES = {"nano_hard": 200, "nano_mixed": 500, "nano_choice": 200, "nano_dev": 200}


@pytest.mark.parametrize("name", list(PINNED))
def test_a_set_is_what_it_was(name: str) -> None:
    questions = sets.load(name)
    assert len(questions) == SIZES[name]
    assert len({q.id for q in questions}) == SIZES[name]
    rows = [[q.id, q.text, q.answer, q.answer_kind] for q in questions]
    assert sha256_hex(canonical_json(rows))[:16] == PINNED[name]


def test_sets_share_no_question() -> None:
    for a, b in itertools.combinations(PINNED, 2):
        assert not {q.id for q in sets.load(a)} & {q.id for q in sets.load(b)}


def test_kinds() -> None:
    assert {q.answer_kind for q in sets.load("nano_hard")} == {"integer"}
    assert {q.answer_kind for q in sets.load("nano_choice")} == {"choice"}
    mixed = sets.load("nano_mixed")
    assert sum(q.answer_kind == "integer" for q in mixed) > len(mixed) / 2
    assert {q.answer_kind for q in mixed} == {"integer", "choice", "text"}


def test_training_traces_leave_every_set_out() -> None:
    held = sets.held_out()
    assert len(held) == sum(SIZES.values())
    assert not held & {question.id for question, _ in traces.load(300)}


def test_pretraining_leaves_every_set_out() -> None:
    held = sets.held_out()
    seen: set[str] = set()
    original = stream.write_document

    def spy(rng, problem, mix):  # type: ignore[no-untyped-def]
        seen.add(sets.problem_id(problem))
        return original(rng, problem, mix)

    patch = pytest.MonkeyPatch()
    patch.setattr(stream, "write_document", spy)
    try:
        tokenizer = nano_tokenizer.build()
        for number in (0, 500, 2000):
            stream.make_batch(tokenizer, Plan(), number)
    finally:
        patch.undo()
    assert seen
    assert not seen & held


def test_an_unknown_set_is_named() -> None:
    with pytest.raises(KeyError, match="nano_mixed"):
        sets.load("nano_easy")
