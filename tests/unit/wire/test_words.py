"""What a stranger says is made fit to be shown, and loses nothing that may be kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.wire.failed import retry_after
from s1kit.wire.words import SHOWN, said_by, shorten, whole


@given(st.text(st.characters(), max_size=8))
def test_whole_changes_only_what_no_file_can_take(text: str) -> None:
    made = whole(text)
    made.encode()
    assert whole(made) == made
    if not any("\ud800" <= sign <= "\udfff" for sign in text):
        assert made == text


@given(st.text(max_size=1000))
def test_a_strangers_words_become_one_short_printable_line(text: str) -> None:
    line = shorten(text)
    assert len(line) <= SHOWN
    assert line.isprintable()


def test_what_is_printable_stays_and_megabytes_are_not_looked_at() -> None:
    assert shorten("a\n\x1b[31mb\u202e c\x00") == "a [31mb c"
    assert len(shorten("x" * 10_000_000)) == SHOWN
    assert json.dumps(shorten("\ud800")) == '""'


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"error": {"message": "bad model"}}', "bad model"),
        (b'{"detail": "not here"}', "not here"),
        (b'{"message": "gone", "code": 410}', "gone"),
        (b'{"error": 3}', '{"error": 3}'),
        (b"[" * 100_000, "[" * 100_000),
        (b"<h1>502</h1>", "<h1>502</h1>"),
        (b"", ""),
    ],
    ids=["error", "detail", "message", "number", "nested", "html", "empty"],
)
def test_the_message_is_found_in_an_errors_body(body: bytes, shown: str) -> None:
    assert said_by(body) == shown


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    late = format_datetime(datetime.now(UTC) - timedelta(seconds=100), usegmt=True)
    assert [retry_after(text) for text in ("1.5", " 0 ", "7", "-3")] == [1.5, 0.0, 7.0, 0.0]
    assert 90 < (retry_after(soon) or 0) <= 100
    assert retry_after(late) == 0.0
    assert [retry_after(text) for text in (None, "", "soon", "1e999x")] == [None] * 4
