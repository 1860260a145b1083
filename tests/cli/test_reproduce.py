"""``s1 reproduce nano``: one cell from pool to table, and nothing twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Run

TINY = [f"--set={item}" for item in ("pool=150", "size=8", "questions=8", "seeds=[0]", "epochs=1")]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_cells_resume_and_fill_their_table(s1: Run, tmp_path: Path) -> None:
    call = ("reproduce", "nano", "--out", "rep", *TINY, "--json")
    first = json.loads(s1(*call, "--only", "table2-s1K-seed0").stdout)
    assert [row["row"] for row in first["table2"]] == ["s1K", "s1K"]
    assert first["table7"] == []
    weights = tmp_path / "rep" / "models" / "table2-s1K-seed0" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    again = s1(*call, "--only", "table2", "--cells", "1")
    assert "5 cells, 1 done, 1 to do" in again.stderr
    rows = json.loads(again.stdout)["table2"]
    assert {row["row"] for row in rows} == {"s1K", "random"}
    assert [row["difference"] is None for row in rows] == [True, False, True, False]
    assert weights.stat().st_mtime_ns == before, "a cell that is done is not trained again"
    assert (tmp_path / "rep" / "table2.md").read_text().startswith("| trained on |")
