"""Golden files, and shorthands to read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from s1kit.imports.run import Imported, Wanted, prepare

GOLDEN = Path(__file__).parents[2] / "golden" / "imports"
SAMPLES = GOLDEN / "lm_eval" / "samples_sums_2026-02-03T04-05-06.789012.jsonl"


def imported(*paths: Path, **more: Any) -> Imported:
    """Everything but the run itself."""
    return prepare(Wanted(paths=paths, **more))


def write(path: Path, *rows: Any) -> Path:
    """Rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def verdicts(found: Imported, grader: str) -> list[str]:
    """The verdicts of one grader in the order of the rows."""
    return [grade.verdict for grade in found.parts.grades[grader]]
