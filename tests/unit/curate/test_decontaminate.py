"""Shared n-grams and near-duplicates: exactly those of the plain definitions, with evidence, whatever the text."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.curate.contamination_index import ngrams, plain_words, shingles, words
from s1kit.curate.contamination_report import PAIRS, Report, report
from s1kit.curate.contamination_sides import WORDS, Placed
from s1kit.curate.decontaminate import Rule, RuleError, compare, decide, rule_for
from s1kit.curate.row import Row
from s1kit.types import Question

DATA = Path(__file__).parents[4] / "shared" / "data"
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12).map(" ".join)
PHRASE = "where m and n are relatively prime positive"
LONG = "Find the number of ways to seat five guests and seven hosts around one table of twelve chairs"


def plainly(questions: dict[str, str], items: dict[str, str], n: int) -> dict[tuple[str, str], tuple[int, int, int]]:
    """(question, item) -> (shared, of the item, of the question), by sets of strings."""

    def grams(text: str) -> set[str]:
        tokens = text.lower().split()
        return {" ".join(tokens[i : i + n]) for i in range(len(tokens) - n + 1)}

    return {
        (q, i): (len(shared), len(grams(item)), len(grams(text)))
        for q, text in questions.items()
        for i, item in items.items()
        if (shared := grams(text) & grams(item))
    }


def rows(*texts: str, source: str = "pool") -> list[Row]:
    return [
        Row(i, Question.make(text=t, answer="1", answer_kind="integer", source=source)) for i, t in enumerate(texts)
    ]


def against(pool: list[Row], items: list[tuple[str, str]], rule: Rule) -> list[tuple[bool, str, str]]:
    found = compare(((r.question.id, r.question.text) for r in pool), {"set": items}, rule)
    return [(d.kept, d.reason, d.evidence) for d in decide(pool, found)]


@given(st.lists(TEXTS, max_size=8), st.lists(TEXTS, max_size=5), st.integers(1, 4))
def test_hits_are_those_of_the_definition(pool: list[str], evaluation: list[str], n: int) -> None:
    questions = {f"q{i}": text for i, text in enumerate(pool)}
    items = {f"e{i}": text for i, text in enumerate(evaluation)}
    found = compare(questions.items(), {"set": list(items.items())}, Rule(n=n))
    assert {(h.question_id, h.item_id): (h.shared, h.of, h.of_question) for h in found.hits} == plainly(
        questions, items, n
    )
    assert found.n_questions == len(pool)
    assert found.short_questions == sum(len(words(text)) < n for text in pool)
    for hit in found.hits:
        assert f" {hit.ngram} " in f" {questions[hit.question_id]} "
        assert f" {hit.ngram} " in f" {items[hit.item_id]} "
    for own in found.by_question().values():
        assert [h.strength for h in own] == sorted((h.strength for h in own), reverse=True)


@given(st.lists(TEXTS, max_size=8), st.lists(TEXTS, max_size=5), st.sampled_from([0.2, 0.5, 0.6, 0.75, 1.0]))
def test_near_duplicates_are_all_pairs_from_that_jaccard_index(
    pool: list[str], evaluation: list[str], near: float
) -> None:
    expected = {}
    for q, text in enumerate(pool):
        for e, item in enumerate(evaluation):
            one, other = set(shingles(text.split())), set(shingles(item.split()))
            if one | other and len(one & other) / len(one | other) >= near:
                expected[f"q{q}", f"e{e}"] = len(one & other) / len(one | other)
    questions = [(f"q{i}", text) for i, text in enumerate(pool)]
    items = [(f"e{i}", text) for i, text in enumerate(evaluation)]
    found = compare(questions, {"set": items}, rule_for("coverage", near=near))
    assert {(h.question_id, h.item_id): h.similarity for h in found.hits if h.similarity is not None} == expected


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
    items = [("e1", f"{PHRASE} integers find m plus n now"), ("e2", "a b c d e f g h")]
    pool = [(f"q{i}", f"{PHRASE} numbers {i}") for i in range(5)] + [("real", "a b c d e f g h")]
    assert len(compare(pool, {"set": items}).dropped()) == 6
    found = compare(pool, {"set": items}, Rule(boilerplate=3))
    assert found.dropped() == {"real"}
    assert found.boilerplate == {PHRASE: 5}
    given_phrase = compare(pool, {"set": items}, Rule(stop=(PHRASE.upper(),)))
    assert (given_phrase.dropped(), given_phrase.boilerplate) == ({"real"}, {PHRASE: 5})


def test_copies_of_an_item_do_not_hide_as_boilerplate() -> None:
    pool = rows(*(f"{LONG} {i}" for i in range(20)))
    said = against(pool, [("e", LONG)], rule_for("coverage", boilerplate=5))
    assert {(kept, reason) for kept, reason, _ in said} == {(False, "near_duplicate")}


def test_coverage_tells_a_phrase_from_a_copy_and_looks_from_both_sides() -> None:
    item = "a b c d e f g h i j k l m n o p q r s t"
    pool = rows(
        "a b c d e f g h u v w x y z 1 2 3 4 5 6", "a b c d e f g h i", f"{' '.join(map(str, range(99)))} {item}"
    )
    paper = against(pool, [("7", item)], Rule())
    assert [reason for _, reason, _ in paper] == ["ngram"] * 3
    assert paper[0][2] == 'set/7: "a b c d e f g h" (1 of 13 8-grams, 0.077 of the item, 0.077 of the question)'
    assert [reason for _, reason, _ in against(pool, [("7", item)], rule_for("coverage"))] == [
        "",
        "coverage",
        "coverage",
    ]


@pytest.mark.parametrize(
    ("item", "copy"),
    [
        (LONG, LONG.replace("seat", "s\u200beat").replace("five", "f\u200dive")),  # zero-width signs
        (LONG, "\u202e" + LONG.replace(" ", " \u2066", 3)),  # direction marks
        ("What is 12 + 34 ?", "What is \uff11\uff12 + \uff13\uff14 ?"),  # full-width digits
        ("Compute $x^{2}$, then stop.", "compute \\(x^2\\) then stop"),  # LaTeX written otherwise, and short
        ("Caf\u00e9", "CAFE\u0301"),
    ],
)
def test_dress_hides_no_copy_from_the_coverage_rule(item: str, copy: str) -> None:
    assert [reason for _, reason, _ in against(rows(copy), [("e", item)], rule_for("coverage"))] == ["near_duplicate"]


def test_what_has_no_word_is_like_nothing() -> None:
    assert against(rows("?!", "\u200b\u200d"), [("e", "..."), ("f", "")], rule_for("coverage")) == [(True, "", "")] * 2


def test_ten_megabytes_are_compared_and_quoted_in_bounds() -> None:
    big, word = " ".join(f"{i:013d}" for i in range(720_000)) + f" {LONG}", "x" * 10_000_000
    pool = rows(big, word)
    began = time.process_time()
    found = compare(
        ((r.question.id, r.question.text) for r in pool), {"set": [("e", LONG), ("w", word)]}, rule_for("coverage")
    )
    said = list(decide(pool, found))
    shape = report({"coverage": found}, lambda: iter([r.question for r in pool]), {"set": [("e", LONG), ("w", word)]})
    assert time.process_time() - began < 60
    assert [d.reason for d in said] == ["coverage", "near_duplicate"]
    assert max(len(d.evidence) for d in said) < 1000
    assert len(json.dumps(shape)) < 50_000


def test_the_same_question_twice_is_two_decisions_and_other_order_changes_nothing() -> None:
    pool = rows(LONG, "nothing of the kind", LONG)
    items = [("e", LONG), ("f", LONG + " again")]
    said = against(pool, items, Rule())
    assert said[0] == said[2]
    assert said[0][2].endswith("; 1 more item")
    assert against(pool, items[::-1], Rule()) == said
    assert against(pool[::-1], items, Rule()) == said[::-1]


@pytest.mark.parametrize("rule", [{"n": 0}, {"near": 0.0}, {"near": 1.5}, {"least_coverage": -1}])
def test_a_rule_that_means_nothing_is_refused(rule: dict[str, float]) -> None:
    with pytest.raises(RuleError):
        rule_for("coverage", **rule)  # type: ignore[arg-type]


def test_a_stop_phrase_that_would_stop_nothing_and_items_of_one_id_are_refused() -> None:
    with pytest.raises(RuleError, match="would stop nothing"):
        compare([], {"set": [("e", LONG)]}, Rule(stop=("relatively prime",)))
    with pytest.raises(ValueError, match="two items"):
        compare([], {"set": [("e", LONG), ("e", "other")]})


@given(st.text(max_size=40))
def test_folded_words_have_a_place_in_the_text(text: str) -> None:
    placed = Placed.of(text, "coverage")
    assert placed.compared == plain_words(text)
    assert [plain_words(placed.written[at]) != [] for at in placed.place] == [True] * len(placed.place)
    assert Placed.of(text, "paper").compared == words(text)


@given(TEXTS, TEXTS, st.integers(1, 4))
def test_marks_are_the_words_of_shared_ngrams(one: str, other: str, n: int) -> None:
    left, right = Placed.of(one, "paper"), Placed.of(other, "paper")
    side = left.side(right, n, ())
    shared = set(ngrams(one.split(), n)) & set(ngrams(other.split(), n)) if min(len(one), len(other)) else set()
    if min(len(one.split()), len(other.split())) < n:
        return
    tokens = one.split()
    expected = {i + k for i in range(len(tokens) - n + 1) if " ".join(tokens[i : i + n]) in shared for k in range(n)}
    assert {i for start, end in side.marks for i in range(start, end)} == expected


def test_the_report_counts_by_set_and_source_and_shows_pairs_side_by_side() -> None:
    pool = [*rows(LONG, "quite another question", source="a"), *rows(f"So {LONG} !", source="b")]
    evaluations = {"one": [("e", LONG)], "two": [("f", "nothing"), ("g", f"{LONG} .")]}
    found = {
        mode: compare(((r.question.id, r.question.text) for r in pool), evaluations, rule_for(mode))
        for mode in ("paper", "coverage")
    }  # type: ignore[arg-type]
    shape = Report.model_validate(report(found, lambda: (r.question for r in pool), evaluations))  # type: ignore[arg-type]
    paper = shape.modes["paper"]
    assert (shape.questions, paper.hit, paper.dropped, paper.n_pairs) == (3, 2, 2, 4)
    assert shape.evaluations == {"one": {"items": 1, "short_items": 0}, "two": {"items": 2, "short_items": 1}}
    assert {name: (c.hit, c.dropped) for name, c in paper.by_evaluation.items()} == {"one": (2, 2), "two": (2, 2)}
    assert {name: (c.questions, c.dropped) for name, c in paper.by_source.items()} == {"a": (2, 1), "b": (1, 1)}
    assert shape.modes["coverage"].reasons == {"near_duplicate": 2}
    shifted = next(p for p in paper.pairs if p.source == "b" and p.evaluation == "one")
    assert shifted.question.marks == ((1, 1 + len(LONG.split())),)
    assert shifted.item.marks == ((0, len(LONG.split())),)


def test_the_report_is_bounded_and_says_how_much_there_is() -> None:
    tail = " ".join(f"w{i}" for i in range(2000))
    pool = rows(*(f"{tail} {LONG} {i}" for i in range(PAIRS + 50)))
    found = compare(((r.question.id, r.question.text) for r in pool), {"set": [("e", LONG)]})
    shape = Report.model_validate(report({"paper": found}, lambda: (r.question for r in pool), {"set": [("e", LONG)]}))
    mode = shape.modes["paper"]
    assert (len(mode.pairs), mode.n_pairs) == (PAIRS, PAIRS + 50)
    side = mode.pairs[0].question
    assert (len(side.words) <= WORDS, side.of) == (True, 2001 + len(LONG.split()))
    (start, end), *_ = side.marks
    assert " ".join(side.words[start:end]) == LONG


@pytest.mark.shared
@pytest.mark.skipif(not (DATA / "math500.jsonl").is_file(), reason="the real questions are not here")
def test_the_published_selection_against_its_own_rule() -> None:
    def read(name: str, *keys: str) -> list[tuple[str, str]]:
        lines = (DATA / name).read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.strip()]
        return [(str(i), next(row[k] for k in keys if k in row)) for i, row in enumerate(found)]

    pool = [(i, text) for i, text in read("s1k_questions_from_filter_ipynb.jsonl", "question") if text is not None]
    keys = ("problem", "question", "prompt", "text")
    evaluations = {"math500": read("math500.jsonl", *keys), "aime24": read("aime24.jsonl", *keys)}
    found = compare(pool, evaluations)
    by_set = {name: len({h.question_id for h in found.hits if h.evaluation == name}) for name in ("math500", "aime24")}
    assert by_set == {"math500": 89, "aime24": 88}
    copies = {h.question_id for h in found.hits if h.coverage >= 0.3}
    assert (len(found.dropped()), len(copies)) == (104, 3)
    assert len(compare(pool, evaluations, Rule(boilerplate=5)).dropped()) == 52
    covered = compare(pool, evaluations, rule_for("coverage"))
    assert copies <= covered.dropped()
    assert len(covered.dropped()) == 5
