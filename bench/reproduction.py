"""Writes docs/reproduction.md: every table and figure of the paper, and what of it holds in the nano world.

    python bench/reproduction.py [--results FOLDER] [--compare PART=FOLDER ...]

FOLDER of --results: of `s1 reproduce nano`; what its results.json holds replaces those parts in
bench/results/reproduction.json. FOLDER of --compare: of one `s1 compare`, which is judged as the part's.
Without them only the page is written again, from what is in bench/results/.

Knows which numbers may be kept: rows, verdicts and hashes, no place on any machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s1kit.compare.result import Comparison
from s1kit.reproduce.cells import Cell, Scale, cells
from s1kit.reproduce.claims import judged
from s1kit.reproduce.matrix import Matrix, matrix_of, results_of
from s1kit.reproduce.matrix_text import matrix_markdown
from s1kit.reproduce.paper import Versus, comparisons
from s1kit.store.manifest import read_manifest

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results" / "reproduction.json"
PAGE = ROOT / "docs" / "reproduction.md"
KEPT = ("recipe", "benchmark", "questions", "claims", "methods", "settings")
"""Of a comparison; the rest of it stands in its own folder."""
METHOD = ("method", "control", "scaling", "performance", "interval", "best")
SETTING = ("method", "label", "accuracy", "interval", "tokens", "used")
HEAD = """# What of the paper holds

Written by `python bench/reproduction.py` from `bench/results/reproduction.json`; do not edit. `s1 reproduce nano`
writes the same page, with links to its files, as `matrix.html` into its folder.

The paper is "s1: Simple test-time scaling", arXiv 2501.19393. Everything here was measured on the nano model, which
shows whether a method does what the paper says, not what a model of 32B would score.
"""


def matrix(results: Path = RESULTS) -> Matrix:
    """The matrix of the committed results."""
    return matrix_of(json.loads(results.read_text()), planned())


def planned() -> list[Cell | Versus]:
    """All that `s1 reproduce nano --all` makes."""
    return [*cells(Scale()), *comparisons()]


def page(results: Path = RESULTS) -> str:
    """The whole page."""
    found = matrix(results)
    return matrix_markdown(found.rows, found.total, HEAD)


def merge(into: dict[str, Any], folder: Path) -> None:
    """The parts of a folder of `s1 reproduce` that have results, in the place of those of the same name."""
    scale = Scale.model_validate(json.loads((folder / "results.json").read_text())["scale"])
    found = results_of(folder, scale, planned())
    into["scale"] = {**into.get("scale", {}), **found["scale"]}
    into.setdefault("cells", {}).update({name: _hashes(facts) for name, facts in found["cells"].items()})
    made = found["made"]
    for part, rows in found.items():
        if part in ("scale", "cells", "missing", "made") or not isinstance(rows, list):
            continue
        into[part] = [_kept(row) for row in rows]
        into.setdefault("versions", {})[part] = made["git"]["commit"] if made.get("git") else made["s1kit_version"]


def merge_comparison(into: dict[str, Any], part: str, folder: Path) -> None:
    """A comparison that was run by itself, judged by the claims of a part."""
    raw = json.loads((folder / "compare.json").read_text())
    found = Comparison.model_validate(raw)
    claims = [claim.model_dump(mode="json") for claim in judged(part, found)]
    into[part] = [_kept({**raw, "recipe": found.name, "questions": found.n_questions, "claims": claims})]
    runs = {name: read_manifest(folder / name) for name in found.runs}
    hashes = {Path(name).name: {"config_hash": run.config_hash, **run.inputs} for name, run in runs.items()}
    into.setdefault("cells", {})[found.name] = {"runs": hashes}


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    if "settings" not in row:
        return row
    kept = {key: row[key] for key in KEPT}
    kept["methods"] = [{key: one[key] for key in METHOD} for one in row["methods"]]
    for one in kept["methods"]:
        one["control"] = one["control"] and {"value": one["control"]["value"]}
        one["scaling"] = {key: one["scaling"][key] for key in ("value", "interval")}
    kept["settings"] = [{key: one[key] for key in SETTING} for one in row["settings"]]
    return kept


def _hashes(facts: dict[str, Any]) -> dict[str, Any]:
    runs = facts.get("runs")
    return facts if runs is None else {**facts, "runs": {Path(name).name: hashes for name, hashes in runs.items()}}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=Path, action="append", default=[])
    parser.add_argument("--compare", action="append", default=[], metavar="PART=FOLDER")
    options = parser.parse_args(arguments)
    if options.results or options.compare:
        into = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        for folder in options.results:
            merge(into, folder)
        for one in options.compare:
            part, _, folder = one.partition("=")
            merge_comparison(into, part, Path(folder))
        into["missing"] = list(dict.fromkeys(c.name for c in planned() if c.name not in into["cells"]))
        RESULTS.write_text(json.dumps(into, indent=1) + "\n")
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
