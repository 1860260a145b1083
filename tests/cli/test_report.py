"""``s1 report`` and ``s1 view`` as processes: what is written where, made anew when it has to be, and refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cli.conftest import Run


@pytest.mark.slow
def test_reports_of_one_run_and_of_two(s1: Run, scripted: list[str], tmp_path: Path) -> None:
    made = s1("sweep", *scripted, "--budgets", "4,16", "--limit", "3", "--out", tmp_path / "runs")
    run = Path(made.stdout.strip().splitlines()[-1])
    page = Path(s1("view", run, "--no-open").stdout.strip())
    assert page == run / "report" / "index.html"
    assert (page.parent / "browse.html").exists()
    before = page.stat().st_mtime_ns
    os.utime(run / "metrics.json", ns=(before + 10**9,) * 2)
    s1("view", run, "--no-open")
    assert page.stat().st_mtime_ns > before

    single = Path(s1("report", run, "--out", tmp_path / "one.html").stdout.strip())
    assert "<details>" in single.read_text(encoding="utf-8")
    assert list(tmp_path.glob("browse*")) == []
    other = shutil.copytree(run, tmp_path / "copy")
    several = Path(s1("report", run, other, "--out", tmp_path / "both").stdout.strip())
    assert "2 runs" in several.read_text(encoding="utf-8")

    refused = s1("report", tmp_path / "runs", check=2).stderr
    assert "is no run" in refused
    assert "hint: name one of its runs" in refused
