"""What a person may name to be reported, and which report that is.

Knows folders by the file that makes each what it is. Refuses to know what a report shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from s1kit.errors import UserError
from s1kit.report.build import Tell, build_report
from s1kit.report.comparison import FILE, build_comparison
from s1kit.report.curation import build_curation_report
from s1kit.report.miniature import RESULTS, build_miniature
from s1kit.report.several import build_several
from s1kit.report.shell import page_path
from s1kit.report.traces import Decode
from s1kit.store.manifest import MANIFEST, read_manifest
from s1kit.store.run import RunDir

Kind = Literal["run", "curation", "comparison", "miniature"]
SEVERAL = Path("report")
"""Where the report of several runs goes by default: in the working directory, since it belongs to none of them."""
_MADE_FROM = (MANIFEST, "metrics.json", "generations.parquet", "generations.jsonl", "grades/*", FILE, RESULTS, "*.md")


def kind_of(path: Path) -> Kind:
    """What a folder is. Raises UserError for one that is none of the four, StoreError for a damaged manifest."""
    if (path / MANIFEST).exists():
        return "curation" if read_manifest(path).kind == "curate" else "run"
    if (path / FILE).exists():
        return "comparison"
    if (path / RESULTS).exists():
        return "miniature"
    below = sorted(found.parent.name for found in path.glob(f"*/{MANIFEST}"))
    tip = f"name one of its runs: {', '.join(below[:3])}" if below else "`s1 runs ls` lists the runs"
    raise UserError(f"`{path}` is no run, and no folder of `s1 compare`, `s1 reproduce` or `s1 curate`\nhint: {tip}")


def build(
    paths: Sequence[Path],
    out: Path | None,
    decoder: Callable[[RunDir], Decode | None],
    *,
    browser: bool = True,
    with_gated: bool = False,
    said: Tell | None = None,
) -> Path:
    """Write the report of what is named; its first page. Several names have to be runs.

    ``decoder`` finds the tokenizer of a run. Raises UserError and what the reports raise.
    """
    kinds = [kind_of(path) for path in paths]
    if len(paths) > 1:
        strange = next((path for path, kind in zip(paths, kinds, strict=True) if kind != "run"), None)
        if strange is not None:
            raise UserError(f"`{strange}` is no run, so it cannot stand beside others\nhint: report it by itself")
        runs = [RunDir.open(path) for path in paths]
        decoders = {run.path: decoder(run) for run in runs}
        return build_several(runs, out or SEVERAL, decoders, browser=browser, with_gated=with_gated, said=said)
    path, kind = paths[0], kinds[0]
    if kind == "curation":
        return build_curation_report(path, out)
    if kind == "comparison":
        return build_comparison(path, out, decoder, browser=browser, with_gated=with_gated, said=said)
    if kind == "miniature":
        return build_miniature(path, out, decoder, browser=browser, with_gated=with_gated, said=said)
    run = RunDir.open(path)
    return build_report(run, out, decoder(run), browser=browser, with_gated=with_gated, said=said)


def built(path: Path) -> Path | None:
    """The report of one folder where it is there and no older than what it was made from; else None."""
    page = page_path(path, None)
    if not page.exists():
        return None
    made = page.stat().st_mtime_ns
    newer = (found for pattern in _MADE_FROM for found in path.glob(pattern) if found.stat().st_mtime_ns > made)
    return None if any(newer) else page
