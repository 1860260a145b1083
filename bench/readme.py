"""Writes what was measured into README.md: the numbers of bench/results/, and the demo's curve, with its picture.

    python bench/readme.py [--run RUN]

RUN: a run directory of `s1 nano demo`. Without it only what is in bench/results/ is written again.

Knows sentences; every number in them comes from a file that a benchmark or the demo wrote.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from s1kit.metrics.summary import Metrics
from s1kit.report.marks import marked
from s1kit.report.pictures_curve import curve_picture
from s1kit.reproduce.cells import Scale, cells
from s1kit.reproduce.matrix import matrix_of
from s1kit.reproduce.paper import comparisons
from s1kit.store.run import RunDir

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
IMAGES = ROOT / "docs" / "images"


def measured(results: Path = RESULTS) -> str:
    """The table under "Measured"."""
    r = {path.stem: json.loads(path.read_text()) for path in sorted(results.glob("*.json"))}
    names = ("start_up", "sweep_savings", "hf_throughput", "forced_overhead", "demo", "curation", "sft_throughput")
    names += ("report", "report_browser")
    start, sweep, fast, forced, demo, curated, tuned, page, traces = (r[name] for name in names)
    machine = demo["machine"]
    low, high = forced["wall_ratio_same_sequence"]["interval"]
    rows = (
        ("demo, after installation", f"{demo['seconds']:.0f} s, {demo['peak_gib']} GiB", "240 s, 3 GiB"),
        ("`s1 --help`; does `import s1kit` load torch?", f"{start['help_median_s']} s; {_yes(start)}", "0.3 s; no"),
        (
            f"sweep of {sweep['points']} points: thinking tokens paid, to those of each question's longest point",
            f"{sweep['ratio_paid_to_longest']:.2f}",
            "1.00",
        ),
        (
            f"the same points as separate runs ({_equal(sweep)} generations): thinking tokens, seconds",
            f"{sweep['tokens_ratio_separate_to_shared']} x, {sweep['seconds_ratio_separate_to_shared']} x",
            "",
        ),
        (
            f"`hf` engine against `model.generate`, {fast['requests']} rows of unknown length: tokens per second",
            f"{fast['ratio_median']:.2f} x ({fast['ratio_min_max'][0]:.2f} to {fast['ratio_min_max'][1]:.2f})",
            "1.5 x",
        ),
        (
            "fine-tuning: packed against TRL's padded batches, same rows, tokens per second; "
            f"{tuned['whole']['rows']:,} rows x {tuned['whole']['epochs']} epochs",
            f"{tuned['ratio_median']:.2f} x ({tuned['ratio_min_max'][0]:.2f} to {tuned['ratio_min_max'][1]:.2f}); "
            f"{tuned['whole']['seconds']:.0f} s",
            "1.5 x; 240 s",
        ),
        (
            "forced against unforced rows of the same length: tokens prefilled again per row (nudges + close + suffix)",
            str(forced["prefilled_again_per_row"]),
            str(forced["prefilled_again_per_row"]),
        ),
        (
            "the same: seconds",
            f"{forced['wall_ratio_same_sequence']['median']:.3f} x ({low:.3f} to {high:.3f})",
            "1.05 x",
        ),
        *_curation(curated),
        *_reports(page, traces),
    )
    lines = [f"On {machine['cores']} cores ({machine['cpu']}), no accelerator:", ""]
    lines += ["| what | measured | goal |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {value} | {goal} |" for what, value, goal in rows)])


def curve(run: Path) -> str:
    """The demo's curve as a picture in docs/images/, and what it says."""
    opened = RunDir.open(run)
    measured = Metrics.model_validate_json((run / "metrics.json").read_text())
    picture = curve_picture(marked(measured, opened.manifest.policies))
    (IMAGES / "curve.svg").write_text(picture.svg(), encoding="utf-8")
    (IMAGES / "curve.png").write_bytes(picture.png(3))
    return told(measured)


def told(measured: Metrics) -> str:
    """What the chart says, in two sentences with their intervals."""
    points = {p.policy_id: p for p in measured.points}
    least, natural = measured.points[0], points[str(measured.natural)]
    one = {e.label: e for e in measured.ledger if e.extensions == 1 and e.against == "natural"}
    gains = "; ".join(
        f"{label.removesuffix(' x1')} {e.comparison.difference:+.1f} points "
        f"[{e.comparison.interval.low:+.1f}, {e.comparison.interval.high:+.1f}]"
        for label, e in one.items()
    )
    return (
        f"{least.accuracy:.1%} of {measured.n_questions} questions right at {least.thinking_mean:.0f} thinking tokens, "
        f"{natural.accuracy:.1%} at {natural.thinking_mean:.0f}, where the model stops by itself.\n"
        f"What keeping it from stopping once changed, by what was appended: {gains}."
    )


def reproduced(results: Path = RESULTS) -> str:
    """Every figure and table of the paper with its command, and what came of its claims in the nano world."""
    found = matrix_of(json.loads((results / "reproduction.json").read_text()), [*cells(Scale()), *comparisons()])
    lines = ["| paper | what it shows | here | command |", "|---|---|---|---|"]
    for row in found.rows:
        if not row.appendix or row.status != "not an experiment" or row.key in row.command:
            told = f"{row.mark} {row.label}" if row.status != "not an experiment" else "shown"
            lines.append(f"| {row.number} | {row.shows.rstrip('.')} | {told} | `{row.command}` |")
    return "\n".join(lines)


def put(text: str, name: str, block: str) -> str:
    """README with the block between its two markers replaced."""
    pattern = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"error: README.md has no block {name!r}")
    return pattern.sub(lambda m: f"{m[1]}{block}\n{m[2]}", text)


def _curation(curated: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """The rows about curation."""
    whole, alone, runs = curated["whole"], curated["decontamination"], curated["scaling"]["runs"]
    counts = f"{alone['questions']:,} questions against {alone['items']} evaluation questions"
    goals = curated["goals"]
    return (
        (
            f"curation of {counts}: all that calls no model, short traces; of it Math-Verify on "
            f"{whole['trace']['compared_by_math_verify']:,} answers",
            f"{whole['seconds']:.0f} s, {whole['peak_gib']} GiB; {whole['trace']['graded']:.0f} s",
            f"{goals['whole_s']} s, {goals['whole_gib']} GiB",
        ),
        (
            "decontamination of these alone; how many times as fast as sets of 8-grams pair by pair",
            f"{alone['seconds']} s; {alone['ratio_set_per_text']:.0f} x",
            f"{goals['decontamination_s']} s; {goals['ratio']} x",
        ),
        (
            f"filters over {runs[-1]['rows']:,} rows: memory; seconds per row, to those of {runs[0]['rows']:,} rows",
            f"{runs[-1]['peak_gib']} GiB; {curated['scaling']['seconds_per_row_ratio']:.2f} x",
            f"{goals['scaling_gib']} GiB; 1 x",
        ),
    )


def _reports(page: dict[str, Any], traces: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """The rows about looking."""
    goals = page["goals"]
    return (
        (
            f"report over {page['generations']:,} generations: built; first paint from disk",
            f"{page['build_s']['with_browser']:.0f} s; {page['first_paint_ms'] / 1000:.1f} s",
            f"{goals['build_s']} s; {goals['first_paint_ms'] / 1000:.0f} s",
        ),
        (
            f"trace browser over {traces['questions']:,} questions x {traces['points']} points of up to "
            f"{traces['tokens']:,} tokens: opened; folder",
            f"{traces['table_seconds']} s; {traces['folder_mb']:.0f} MB",
            "2 s; 300 MB",
        ),
    )


def _yes(start: dict[str, Any]) -> str:
    return "yes" if start["import_loads_torch"] or start["help_loads_torch"] else "no"


def _equal(sweep: dict[str, Any]) -> str:
    return "equal" if sweep["all_generations_equal"] else "unequal"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path)
    options = parser.parse_args()
    readme = ROOT / "README.md"
    text = put(readme.read_text(), "measured", measured())
    text = put(text, "reproduced", reproduced())
    if options.run is not None:
        text = put(text, "demo", curve(options.run))
    readme.write_text(text)


if __name__ == "__main__":
    main()
