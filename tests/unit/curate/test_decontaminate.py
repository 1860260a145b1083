"""Shared n-grams: exactly those of the plain definition, with the n-gram as evidence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.curate.decontaminate import compare, words

DATA = Path(__file__).parents[4] / "shared" / "data"
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12).map(" ".join)


def plainly(questions: dict[str, str], items: dict[str, str], n: int) -> dict[tuple[str, str], tuple[int, int]]:
    """(question, item) -> (shared, of), by sets of strings."""

    def grams(text: str) -> set[str]:
        tokens = text.lower().split()
        return {" ".join(tokens[i : i + n]) for i in range(len(tokens) - n + 1)}

    return {
        (q, i): (len(shared), len(grams(item)))
        for q, text in questions.items()
        for i, item in items.items()
        if (shared := grams(text) & grams(item))
    }


@given(st.lists(TEXTS, max_size=8), st.lists(TEXTS, max_size=5), st.integers(1, 4))
def test_hits_are_those_of_the_definition(pool: list[str], evaluation: list[str], n: int) -> None:
    questions = {f"q{i}": text for i, text in enumerate(pool)}
    items = {f"e{i}": text for i, text in enumerate(evaluation)}
    found = compare(questions.items(), {"set": list(items.items())}, n=n)
    assert {(h.question_id, h.item_id): (h.shared, h.of) for h in found.hits} == plainly(questions, items, n)
    assert found.n_questions == len(pool)
    assert found.short_questions == sum(len(words(text)) < n for text in pool)
    for hit in found.hits:
        assert f" {hit.ngram} " in f" {questions[hit.question_id]} "
        assert f" {hit.ngram} " in f" {items[hit.item_id]} "


def test_case_and_white_space_are_folded_and_a_window_never_spans_two_questions() -> None:
    items = [("e", "one two three four five six seven eight")]
    questions = [
        ("same", "ONE  two\nthree four\tfive six seven Eight!"),
        ("half", "one two three four"),
        ("rest", "five six seven eight"),
        ("yes", "so One two three four five six seven eight nine"),
    ]
    found = compare(questions, {"set": items})
    assert [h.question_id for h in found.hits] == ["yes"], "punctuation is part of a word, as in the paper's rule"
    assert found.hits[0].ngram == items[0][1]
    assert found.short_questions == 2


def test_boilerplate_is_not_counted_but_named() -> None:
    phrase = "where m and n are relatively prime positive"
    items = [("e1", f"{phrase} integers find m plus n now"), ("e2", "a b c d e f g h")]
    pool = [(f"q{i}", f"{phrase} numbers {i}") for i in range(5)] + [("real", "a b c d e f g h")]
    assert len(compare(pool, {"set": items}).dropped()) == 6
    found = compare(pool, {"set": items}, boilerplate=3)
    assert found.dropped() == {"real"}
    assert found.boilerplate == (phrase,)


def test_coverage_tells_a_phrase_from_a_copy() -> None:
    item = "a b c d e f g h i j k l"
    found = compare([("phrase", "a b c d e f g h x y"), ("copy", item + " z")], {"set": [("e", item)]})
    assert found.dropped() == {"phrase", "copy"}
    assert found.dropped(0.5) == {"copy"}
    assert {h.question_id: h.coverage for h in found.hits} == {"phrase": 0.2, "copy": 1.0}


@pytest.mark.shared
@pytest.mark.skipif(not (DATA / "math500.jsonl").is_file(), reason="the real questions are not here")
def test_the_published_selection_against_its_own_rule() -> None:
    def read(name: str, *keys: str) -> list[tuple[str, str]]:
        rows = [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines() if line.strip()]
        return [(str(i), next(row[k] for k in keys if k in row)) for i, row in enumerate(rows)]

    pool = [(i, text) for i, text in read("s1k_questions_from_filter_ipynb.jsonl", "question") if text is not None]
    keys = ("problem", "question", "prompt", "text")
    evaluations = {"math500": read("math500.jsonl", *keys), "aime24": read("aime24.jsonl", *keys)}
    found = compare(pool, evaluations)
    by_set = {name: len({h.question_id for h in found.hits if h.evaluation == name}) for name in ("math500", "aime24")}
    assert by_set == {"math500": 89, "aime24": 88}
    assert (len(found.dropped()), len(found.dropped(0.3))) == (104, 3)
    assert len(compare(pool, evaluations, boilerplate=5).dropped()) == 52
