"""Near duplicates: never a pair that the plain definition denies, hardly one missed that it names."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.curate import near
from s1kit.curate.duplicates import Exact
from s1kit.curate.fold import folded_words
from s1kit.curate.near import ThresholdError, matches, near_duplicates
from s1kit.curate.row import Row
from s1kit.curate.source_draft import Draft, finish
from s1kit.types import Question

WORDS = [f"w{i}" for i in range(30)]
TEXTS = st.lists(st.lists(st.sampled_from("abcd"), max_size=9).map(" ".join), max_size=14)


def rows_of(texts: list[str], choices: tuple[str, ...] = ()) -> list[Row]:
    make = Question.make
    return [
        Row(3 * i, make(text=text, answer=None, answer_kind="text", choices=choices, source=f"s{i}"))
        for i, text in enumerate(texts)
    ]


def shingles(text: str) -> set[tuple[str, ...]]:
    words = folded_words(text)
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}


def jaccard(one: str, other: str) -> float:
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b) if a and b else 0.0


def plainly(texts: list[str], threshold: float) -> set[int]:
    """Rows that all-pairs comparison drops: near to an earlier row that was kept."""
    kept: list[int] = []
    for i, text in enumerate(texts):
        if not any(jaccard(text, texts[k]) >= threshold for k in kept):
            kept.append(i)
    return set(range(len(texts))) - set(kept)


def found(texts: list[str], threshold: float = 0.8) -> dict[int, tuple[int, float]]:
    """As `near_duplicates`, by place in the list."""
    rows = rows_of(texts)
    result = near_duplicates(lambda: iter(rows), threshold)
    return {row // 3: (kept // 3, similarity) for row, (kept, similarity) in result.items()}


def varied(rng: Random, words: list[str], changes: int) -> list[str]:
    copy = list(words)
    for _ in range(changes):
        copy[rng.randrange(len(copy))] = f"new{rng.randrange(10**6)}"
    return copy


@given(TEXTS, st.sampled_from([0.6, 0.75, 0.8, 1.0]))
def test_no_false_positive_and_what_is_kept_is_kept_again(texts: list[str], threshold: float) -> None:
    dropped = found(texts, threshold)
    for row, (kept, similarity) in dropped.items():
        assert kept < row
        assert kept not in dropped
        assert similarity == jaccard(texts[row], texts[kept]) >= threshold
    left = [text for i, text in enumerate(texts) if i not in dropped]
    assert found(left, threshold) == {}
    if threshold == 1.0:
        assert set(dropped) == plainly(texts, threshold), "equal sets have equal minima: nothing is missed"


def test_recall_on_random_questions() -> None:
    rng = Random(1)
    pairs: dict[str, list[bool]] = {"0.9": [], "0.8": []}
    for _ in range(600):
        words = [rng.choice(WORDS) + str(rng.randrange(50)) for _ in range(rng.randrange(20, 160))]
        texts = [" ".join(words), " ".join(varied(rng, words, rng.randrange(1, 6)))]
        similarity = jaccard(*texts)
        if similarity >= 0.8:
            pairs["0.9" if similarity >= 0.9 else "0.8"].append(bool(found(texts)))
    assert all(len(hits) > 100 for hits in pairs.values())
    assert sum(pairs["0.9"]) >= 0.95 * len(pairs["0.9"])
    assert sum(pairs["0.8"]) >= 0.95 * len(pairs["0.8"])


def test_a_pool_of_clusters_is_what_all_pairs_make_of_it() -> None:
    rng = Random(2)
    texts: list[str] = []
    for _ in range(250):
        words = [rng.choice(WORDS) for _ in range(rng.randrange(3, 60))]
        texts += [" ".join(varied(rng, words, rng.randrange(3))) for _ in range(rng.randrange(1, 4))]
    rng.shuffle(texts)
    plain, dropped = plainly(texts, 0.8), set(found(texts))
    assert len(plain) > 40
    assert len(plain ^ dropped) <= 0.02 * len(plain)


def test_numbers_are_words_so_the_length_of_a_template_decides() -> None:
    short = [f"Tom has {n} apples and eats one. How many are left?" for n in (3, 5)]
    long = [f"{' '.join(WORDS)} and {n} apples" for n in (3, 5)]
    assert found(short) == {}
    assert found(long) == {1: (0, pytest.approx(jaccard(*long)))}
    assert 0.8 <= jaccard(*long) < 1


def test_of_several_the_most_similar_kept_row_is_named() -> None:
    base = [f"x{i}" for i in range(100)]
    far, close = [*base[:88], *"abcdefghijkl"], [*base[:8], "y", *base[9:-4], *"pqrs"]
    texts = [" ".join(far), " ".join(close), " ".join([*base[:8], "y", *base[9:]])]
    assert jaccard(texts[0], texts[1]) < 0.8
    assert found(texts)[2][0] == 1


def test_words_are_folded_choices_count_and_short_questions_stand() -> None:
    text = "Find the number ４２ in THE list of all numbers"
    assert found([text, "find the\u200b number 42 in the  list of all numbers"]) == {1: (0, 1.0)}
    assert found(["a b", "a b", "", "\u200b"]) == {}
    one, other = rows_of(["which one"], ("red", "green", "blue")), rows_of(["which one"], ("red", "green", "black"))
    rows = [*one, Row(1, other[0].question), Row(2, one[0].question)]
    assert near_duplicates(lambda: iter(rows)) == {2: (0, 1.0)}


def test_decisions_with_exact_ones_passed_on() -> None:
    words = " ".join(WORDS)
    texts = ["unlike any other row here", words, words, words + " please", "too short"]
    rows = rows_of(texts)
    copies = {d.row: d for d in Exact().step(rows) if not d.kept}
    decisions = list(near.step(lambda: iter(rows), decided=copies))
    assert [d.row for d in decisions] == [0, 3, 6, 9, 12]
    assert [d.reason for d in decisions] == ["", "", "exact", "near", ""]
    assert [d.kept for d in decisions] == [True, True, False, False, True]
    assert all(d.step == "duplicates" for d in decisions)
    assert decisions[2] is copies[6]
    assert decisions[3].evidence.startswith("row 3 (s1), 0.96 of 3-word shingles shared: w0 w1 w2 w3 ")


def test_a_cap_on_look_alikes_bounds_the_comparisons_and_invents_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    count = near.similarities

    def counting(one: near.Words64, others: Sequence[near.Words64]) -> list[float]:
        compared.append(len(others))
        return count(one, others)

    monkeypatch.setattr(near, "MOST", 4)
    monkeypatch.setattr(near, "similarities", counting)
    rng = Random(4)
    template = [f"t{i}" for i in range(40)]
    texts = [" ".join(varied(rng, template, 4)) for _ in range(300)]
    dropped = found(texts)
    assert max(compared) == 4, "the cap is reached, and never passed"
    for row, (kept, similarity) in dropped.items():
        assert similarity == jaccard(texts[row], texts[kept]) >= 0.8
    assert found([text for i, text in enumerate(texts) if i not in dropped]) == {}


def test_a_ten_megabyte_question() -> None:
    long = " ".join(str(i) for i in range(1_400_000))
    start = time.process_time()
    assert found([long, "a b c d", long + " end", "x" * 10_000_000]) == {2: (0, pytest.approx(1, abs=1e-5))}
    assert time.process_time() - start < 60


def test_rows_that_change_between_the_readings_are_noticed() -> None:
    readings = [rows_of(["a b c", "d e f"]), rows_of(["a b c"])]

    def read() -> Iterator[Row]:
        return iter(readings.pop(0))

    with pytest.raises(ValueError, match="changed between"):
        list(matches(read))


@pytest.mark.parametrize("threshold", [0.0, 0.59, 1.01, float("nan")])
def test_a_threshold_that_the_bands_are_not_made_for_is_refused(threshold: float) -> None:
    with pytest.raises(ThresholdError, match=r"it must be 0\.6 to 1\nhint: "):
        near_duplicates(lambda: iter(()), threshold)


def test_two_questions_on_one_passage_are_two_questions_and_a_copy_of_one_is_a_copy() -> None:
    passage = " ".join(f"w{i}" for i in range(900))
    asked = [" ".join(f"{side}{i}" for i in range(20)) + "?" for side in ("up", "down")]
    drafts = [
        Draft(text, "A", "choice", ("one thing", "another thing"), passage=passage)
        for text in (*asked, asked[0] + " So?")
    ]
    questions = [finish(draft, "exam") for draft in drafts]
    rows = [Row(i, q) for i, q in enumerate(questions) if isinstance(q, Question)]
    assert len(rows) == 3
    assert jaccard(rows[0].question.text, rows[1].question.text) > 0.9, "as whole texts they are near"
    assert set(near_duplicates(lambda: iter(rows), 0.8)) == {2}
