"""The length audit: counts as a trainer that truncates would make them, row by row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.curate.audit import audit
from s1kit.types import TrainRow

CLOSE = (7, 8)


def row(prompt: int, thinking: int, answer: int) -> TrainRow:
    """A prompt, which holds the delimiter too, then thinking, the delimiter, an answer and a turn end."""
    asked = (*CLOSE, *([1] * prompt))
    reply = (*([2] * thinking), *CLOSE, *([3] * answer), 9)
    labels = (*([-100] * len(asked)), *reply)
    return TrainRow(
        id="r", question_id="q", format="s1", input_ids=(*asked, *reply), labels=labels, n_tokens=len(labels)
    )


ROWS = st.lists(st.builds(row, st.integers(0, 5), st.integers(0, 9), st.integers(0, 5)), min_size=1, max_size=30)


@given(ROWS, st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_cuts_are_those_of_truncating(rows: list[TrainRow], lengths: list[int]) -> None:
    found = audit(rows, CLOSE, lengths)
    for cut in found.cuts:
        kept = [r.labels[: cut.length] for r in rows]
        assert cut.rows_cut == sum(9 not in labels for labels in kept)
        assert cut.answers_lost == sum(3 not in labels and 9 not in labels for labels in kept)
        assert cut.share == cut.rows_cut / len(rows)
        assert cut.answers_lost <= cut.rows_cut


@given(ROWS)
def test_percentiles_are_lengths_that_enough_rows_do_not_exceed(rows: list[TrainRow]) -> None:
    found, sizes = audit(iter(rows), CLOSE), sorted(r.n_tokens for r in rows)
    assert (found.rows, found.tokens, found.min, found.max) == (len(rows), sum(sizes), sizes[0], sizes[-1])
    for share, value in ((90, found.p90), (99, found.p99)):
        assert value == next(size for size in sizes if 100 * sum(s <= size for s in sizes) >= share * len(sizes))
    assert found.mean == sum(sizes) / len(sizes)
    assert found.min <= found.median <= found.p90 <= found.p99 <= found.max


def test_a_format_without_thinking_has_its_answer_first() -> None:
    plain = TrainRow(
        id="r", question_id="q", format="plain", input_ids=(1, 1, 3, 9), labels=(-100, -100, 3, 9), n_tokens=4
    )
    assert [(c.rows_cut, c.answers_lost) for c in audit([plain], (), (2, 3, 4)).cuts] == [(1, 1), (1, 0), (0, 0)]


def test_nothing_to_audit() -> None:
    with pytest.raises(ValueError, match="no rows"):
        audit([], CLOSE)
