"""Printed tables against the paper's text, number by number."""

from __future__ import annotations

from pathlib import Path

import pytest

from s1kit.reproduce.published import PUBLISHED

PAPER = Path(__file__).parents[4] / "shared" / "paper.md"
pytestmark = pytest.mark.shared
NAMES = {
    "s1 without budget forcing": "s1 without BF",
    "s1-32B": "s1-32B",
    "random": "1K-random",
    "diverse": "1K-diverse",
}
NAMES |= {"longest": "1K-longest", "full": "59K-full"}


@pytest.fixture(scope="module")
def paper() -> str:
    if not PAPER.is_file():
        pytest.skip("the paper's numbers are not here")
    return " ".join(PAPER.read_text(encoding="utf-8").replace("**", "").split())


def test_table1(paper: str) -> None:
    assert len(PUBLISHED["table1"].rows) == 12
    for row in PUBLISHED["table1"].rows:
        values = "/".join("-" if value is None else f"{value:.1f}" for value in row.values)
        examples = f" ({row.setting})" if row.setting else ""
        assert f"{NAMES.get(row.method, row.method)}{examples} {values}" in paper


def test_table2(paper: str) -> None:
    for row in PUBLISHED["table2"].rows[:4]:
        sets = (row.values[start : start + 3] for start in (0, 3, 6))
        told = ", ".join(f"{value} [{low},{high}]" for value, low, high in sets)
        assert f"{NAMES[row.method]} {told}" in paper
    selected = PUBLISHED["table2"].rows[4]
    assert f"s1K {', '.join(str(value) for value in selected.values[::3])}." in paper


def test_table7(paper: str) -> None:
    cut, whole = (row.values for row in PUBLISHED["table7"].rows)
    assert "{:.0f}% of rows cut): AIME24 {}%/{:,.0f}, MATH500 {}%/{:,.0f}, GPQA {}%/{:,.0f}".format(*cut) in paper
    assert "({:.0f}% cut): {}%/{:,.0f}, {}%/{:,.0f}, {}%/{:,.0f}".format(*whole) in paper


def test_s11(paper: str) -> None:
    [row] = PUBLISHED["s1.1"].rows
    told = zip(("AIME24", "AIME25", "MATH500", "GPQA-D"), row.values, strict=True)
    assert f"s1.1 with BF: {', '.join(f'{name} {value}' for name, value in told)}." in paper
