"""Transcripts as pictures: every letter is there, in order, and what was forced is told apart."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.report.pictures import WIDTH
from s1kit.report.pictures_text import COLUMNS, Block, Run, columns, excerpt, lines, transcript

SVG = "{http://www.w3.org/2000/svg}"
runs = st.lists(
    st.builds(Run, st.text("ab \n\u202e\t<&漢e\u0301", max_size=90), st.sampled_from(["model", "forced"])), max_size=6
)


def letters(text: str) -> str:
    return "".join(text.split())


@given(runs=runs, width=st.integers(12, 60))
@settings(deadline=None)
def test_no_letter_is_lost_or_moved_and_no_line_is_too_long(runs: list[Run], width: int) -> None:
    laid = lines(runs, width)
    shown = letters("".join(piece.text for line in laid for piece in line))
    assert shown.replace("⟨U+202E⟩", "\u202e") == letters("".join(run.text for run in runs))
    for line in laid:
        at = 0
        for piece in line:
            assert piece.column >= at
            at = piece.column + columns(piece.text)
        assert at <= width


@given(runs=runs)
@settings(deadline=None)
def test_what_was_forced_stays_forced(runs: list[Run]) -> None:
    laid = [piece for line in lines(runs, 30) for piece in line]
    for kind in ("model", "forced"):
        shown = letters("".join(p.text for p in laid if p.kind == kind)).replace("⟨U+202E⟩", "\u202e")
        assert shown == letters("".join(run.text for run in runs if run.kind == kind))


@given(runs=runs, most=st.integers(9, 60))
def test_an_excerpt_keeps_both_ends_and_all_that_was_forced(runs: list[Run], most: int) -> None:
    kept = excerpt(runs, most)
    assert [run.text for run in kept if run.kind == "forced"] == [run.text for run in runs if run.kind == "forced"]
    whole = "".join(run.text for run in runs if run.kind == "model")
    left = "".join(run.text for run in kept if run.kind == "model")
    if len(whole) <= most:
        assert left == whole
    else:
        assert left.startswith(whole[: most - most // 3])
        assert left.endswith(whole[len(whole) - most // 3 :])
        assert "[…]" in left


def test_the_wait_is_lit_underlined_and_still_text() -> None:
    blocks = [
        Block("question", (Run("How many r in </text><script>raspberry</script>?"),)),
        Block("thinking", (Run("So 2. "), Run("Wait", "forced"), Run(", let me count again: 3.")), "9 tokens"),
    ]
    picture = transcript(blocks, "a transcript")
    root = ElementTree.fromstring(picture.svg())
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    texts = [("".join(e.itertext()), e) for e in root.iter(f"{SVG}text")]
    assert "Wait" in [text for text, _ in texts]
    wait = next(element for text, element in texts if text == "Wait")
    assert wait.get("font-weight") == "bold"
    under = [r for r in root.iter(f"{SVG}rect") if r.get("fill") == "var(--accent)"]
    assert len(under) == 2
    for rect in under:
        left, wide = float(rect.get("x", "")), float(rect.get("width", ""))
        assert left <= float(wait.get("x", "")) + 0.05
        assert left + wide >= float(wait.get("x", "")) + float(wait.get("textLength", "")) - 0.2
    assert picture.svg() == transcript(blocks, "a transcript").svg()
    assert picture.pdf().startswith(b"%PDF")
    assert re.search(rb"/BaseFont\s*/\w*\+?LiberationMono", picture.pdf())


def test_lines_fit_the_picture() -> None:
    picture = transcript([Block("thinking", (Run("x" * 500),))], "t")
    for element in ElementTree.fromstring(picture.svg()).iter(f"{SVG}text"):
        if element.get("textLength"):
            assert float(element.get("x", "")) + float(element.get("textLength", "")) <= WIDTH + 6
    assert COLUMNS > 50


def test_an_empty_transcript_is_refused() -> None:
    with pytest.raises(ValueError, match="without a block"):
        transcript([], "t")
