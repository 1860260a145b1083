"""The curve and the tables on a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from s1kit.metrics.anytime import Anytime
from s1kit.metrics.summary import Metrics
from s1kit.report.build import read_metrics
from s1kit.report.labels import Dot, place
from s1kit.report.marks import marked
from s1kit.report.terminal import curve_lines, facts_lines, ledger_table, points_table
from s1kit.store.run import RunDir
from unit.report.report_runs import finished


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return finished(tmp_path_factory.mktemp("runs"), 12)[0]


@pytest.fixture(scope="module")
def metrics(run: RunDir) -> Metrics:
    return read_metrics(run)


def printed(table: Table, width: int = 160) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()


@pytest.mark.parametrize("width", [24, 40, 72, 120])
def test_lines_keep_to_the_width_and_hold_every_kind_of_mark(run: RunDir, metrics: Metrics, width: int) -> None:
    lines = curve_lines(metrics, width, policies=run.manifest.policies)
    assert max(map(len, lines)) <= width
    drawn = "\n".join(lines)
    assert drawn.count("●") > 3
    for sign in "◆▲│┤":
        assert sign in drawn
    assert "0% ┤" in drawn


def test_plain_lines_are_ascii(metrics: Metrics) -> None:
    assert all(line.isascii() for line in curve_lines(metrics, plain=True))


def test_the_three_metrics_and_the_anytime_curve_are_told(metrics: Metrics) -> None:
    lines = facts_lines(metrics.model_copy(update={"anytime": None}))
    assert [line.split()[0] for line in lines] == ["control", "scaling", "performance"]
    assert f"{metrics.scaling.value:+.1f} points per doubling" in lines[1].replace("−", "-")
    story = Anytime(
        n=50, curve=(), accuracy=0.6, share_ever_right=0.65, share_right_then_wrong=0.05, oracle_accuracy=0.65,
        oracle_tokens_mean=28.8, tokens_mean=46.7, first_right_median=16.0, last_flip_median=None, stories=(),
    )  # fmt: skip
    told = facts_lines(metrics.model_copy(update={"anytime": story}))[-1]
    for part in ("60.0% as 50 traces ended", "65.0% with 29", "5.0% were right and ended wrong", "after – tokens"):
        assert part in told


def test_too_narrow_says_so(metrics: Metrics) -> None:
    assert curve_lines(metrics, 10) == ["no points "]


def test_marks_come_from_roles_and_without_them_from_the_metrics(run: RunDir, metrics: Metrics) -> None:
    told = {m.point.policy_id: m.mark for m in marked(metrics, run.manifest.policies)}
    guessed = {m.point.policy_id: m.mark for m in marked(metrics)}
    assert told == guessed
    assert sorted(set(told.values())) == ["extension", "fresh", "natural", "placebo", "truncation"]
    probes = {key: {**entry, "role": "anytime"} for key, entry in run.manifest.policies.items()}
    assert marked(metrics, probes) == []


def test_tables_hold_points_and_ledger(run: RunDir, metrics: Metrics) -> None:
    points = printed(points_table(metrics, run.manifest.policies))
    assert [line.split()[0] for line in points.splitlines()[2:10]] == ["●"] * 7 + ["◆"]
    ledger = printed(ledger_table(metrics, run.manifest.policies))
    assert ledger.index("▲ Wait x1") < ledger.index("△ Hmm x1") < ledger.index("▲ Wait x2")
    assert "against natural" in ledger


@pytest.mark.parametrize("make", [points_table, ledger_table])
def test_tables_fit_eighty_columns(run: RunDir, metrics: Metrics, make: Callable[..., Table]) -> None:
    shown = printed(make(metrics, run.manifest.policies), 80)
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_budget_of_zero_has_a_place_on_the_log_axis(metrics: Metrics) -> None:
    first = metrics.points[0].model_copy(update={"thinking_mean": 0.0})
    zero = metrics.model_copy(update={"points": (first, *metrics.points[1:])})
    axis = next(line for line in curve_lines(zero) if line.lstrip().startswith("0 "))
    assert "16" in axis


def test_names_do_not_cover_each_other() -> None:
    dots = [Dot(50.0 + 3 * i, 50.0, f"policy {i}") for i in range(12)]
    spots = place(dots, 300, 100)
    assert spots[0] is not None
    assert None in spots  # more names than room: the last ones are left out
    assert len({(s.x, s.y) for s in spots if s}) == sum(s is not None for s in spots)


def test_reading_a_page_needs_no_torch(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "import sys, s1kit.report.build, s1kit.report.terminal; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
