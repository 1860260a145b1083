"""Scores in a run: appended, torn, replaced, refused."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from s1kit.store.errors import StoreError
from s1kit.store.scores import SCORES, Score, append_scores, read_scores, scores_file


def score(number: int, *steps: float, scorer: str = "random", sample: int = 0) -> Score:
    return Score(
        question_id=f"q{number}", policy_id="p", sample=sample, scorer=scorer, steps=steps, tokens=number, ms=0.5
    )


def test_what_was_appended_is_read_and_the_last_of_a_row_counts(tmp_path: Path) -> None:
    assert read_scores(tmp_path, "random") == {}
    append_scores(tmp_path, "random", [score(1, 0.5), score(2), score(1, 0.25, sample=3)])
    append_scores(tmp_path, "random", [score(1, 0.75, 1.0)])
    append_scores(tmp_path, "other", [score(1, 0.0, scorer="other")])
    assert read_scores(tmp_path, "random") == {
        ("q1", "p", 0): score(1, 0.75, 1.0),
        ("q2", "p", 0): score(2),
        ("q1", "p", 3): score(1, 0.25, sample=3),
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(cut=st.integers(1, 400), again=st.booleans())
def test_a_torn_line_is_no_score_and_is_cut_off_before_the_next(tmp_path: Path, cut: int, again: bool) -> None:
    path = scores_file(tmp_path, "random")
    path.unlink(missing_ok=True)
    append_scores(tmp_path, "random", [score(n, 0.5) for n in range(4)])
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])
    left = path.read_bytes().count(b"\n")
    assert list(read_scores(tmp_path, "random")) == [(f"q{n}", "p", 0) for n in range(left)]
    if again:
        append_scores(tmp_path, "random", [score(9, 0.125)])
        assert list(read_scores(tmp_path, "random").values()) == [
            *(score(n, 0.5) for n in range(left)),
            score(9, 0.125),
        ]


def test_damage_in_the_middle_is_an_error_with_its_line(tmp_path: Path) -> None:
    append_scores(tmp_path, "random", [score(1), score(2)])
    path = scores_file(tmp_path, "random")
    path.write_bytes(path.read_bytes().replace(b'"q1"', b"17", 1))
    with pytest.raises(StoreError, match=r"line 1: .*\nhint: .*scored again"):
        read_scores(tmp_path, "random")


def test_a_score_of_another_scorer_and_a_score_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="'random' cannot go into the file of 'oracle'"):
        append_scores(tmp_path, "oracle", [score(1)])
    assert not (tmp_path / SCORES).exists()
    with pytest.raises(ValidationError):
        score(1, math.nan)


def test_names_of_scorers_name_files(tmp_path: Path) -> None:
    names = [
        "random",
        "nano-prm",
        "org/Some-PRM",
        "/a/Some-PRM",
        "/b/Some-PRM/",
        "../../x",
        "x@trl",
        "Random",
        "",
        "é",
        ".",
    ]
    files = [scores_file(tmp_path, name) for name in names]
    assert len({str(file).lower() for file in files}) == len(names)  # some file systems know no capitals
    assert {file.parent for file in files} == {tmp_path / SCORES}
    assert [file.name for file in files[:2]] == ["random.jsonl", "nano-prm.jsonl"]
    assert files[2].name.startswith("some-prm-")
    for name in names:
        append_scores(tmp_path, name, [score(1, scorer=name)])
        assert read_scores(tmp_path, name)["q1", "p", 0].scorer == name


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_run_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="cannot write"):
            append_scores(tmp_path, "random", [score(1)])
    finally:
        tmp_path.chmod(0o700)
