"""Events do not depend on how a stream was cut into chunks, and text is split at line ends only."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.wire.sse import Events

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
LINES = st.one_of(
    st.just(b""),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=6).map(
        lambda t: b"data: " + t.encode()
    ),
    st.sampled_from([b": a comment", b"event: x", b"data", b"data:", b"id: 3"]),
)


def plainly(lines: list[bytes]) -> list[bytes]:
    """The rule, line by line."""
    found: list[bytes] = []
    data: list[bytes] = []
    for line in [*lines, b""]:
        if not line and data:
            found.append(b"\n".join(data))
        if not line:
            data = []
        elif line.split(b":")[0] == b"data":
            value = line[len(b"data:") :]
            data.append(value[1:] if value[:1] == b" " else value)
    return found


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.lists(st.integers(0, 120), max_size=12))
def test_events_are_those_of_the_rule_however_the_stream_is_cut(
    lines: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    text = b"".join(line + end for line, end in lines)
    if any(a == b"\r" and b == b"" and c == b"\n" for (_, a), (b, c) in pairwise(lines)):
        return  # \r and then a line that is empty up to \n: together they are one line end
    for places in (sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)}), range(len(text) + 1)):
        events = Events()
        found = [e for a, b in pairwise(places) for e in events.feed(text[a:b])]
        last = events.end()
        assert found + ([] if last is None else [last]) == plainly([line for line, _ in lines])


@pytest.mark.parametrize("sign", ["\u2028", "\u0085", "\x0b", "\x1c"])
def test_signs_that_only_look_like_line_ends_stay_in_the_text(sign: str) -> None:
    assert Events().feed(f"data: a{sign}b\n\n".encode()) == [f"a{sign}b".encode()]


def test_a_byte_order_mark_does_not_cost_the_first_event() -> None:
    assert Events().feed(b"\xef\xbb\xbfdata: 1\n\n") == [b"1"]
