"""``--only`` takes short and long names alike, and tells a name that it does not know."""

from __future__ import annotations

import pytest

from s1kit.errors import UserError
from s1kit.reproduce.only import chosen

PARTS = ("main", "table1", "table11", "table3", "figure1", "figure4a", "figure4b", "variants")
CELLS = ("main-s1K-seed0", "table13-nano-hard")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("fig4a", ["figure4a"]),
        ("figure4a,Fig.4a", ["figure4a"]),
        ("tab3, table1", ["table3", "table1"]),
        ("fig4", ["figure4a", "figure4b"]),
        ("fig1", ["figure1"]),
        ("tab1", ["table1"]),
        ("table13-nano-hard,main", ["table13-nano-hard", "main"]),
    ],
)
def test_names_of_parts(text: str, meant: list[str]) -> None:
    assert list(chosen(text, PARTS, CELLS)) == meant


@pytest.mark.parametrize(
    ("text", "guess"), [("tabel3", "did you mean 'table3'?"), ("fig4c", "did you mean 'figure4"), ("xyz", "main, ")]
)
def test_an_unknown_name_is_told_with_a_guess(text: str, guess: str) -> None:
    with pytest.raises(UserError) as caught:
        chosen(f"main,{text}", PARTS, CELLS)
    assert f"no part or cell {text!r}" in str(caught.value)
    assert guess in str(caught.value)


def test_nothing_is_no_choice() -> None:
    with pytest.raises(UserError, match="names nothing"):
        chosen(" , ", PARTS, CELLS)
