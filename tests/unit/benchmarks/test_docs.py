"""The guide, the recipes and the records say the same of every named benchmark."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from s1kit.benchmarks.named import NAMED
from s1kit.benchmarks.registry import load
from s1kit.grading import math

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
DATA = ROOT.parent / "shared" / "data"


@pytest.mark.parametrize("name", NAMED)
def test_the_guides_table_has_the_record(name: str) -> None:
    spec = NAMED[name]
    [line] = [line for line in GUIDE.splitlines() if line.startswith(f"| `{name}` |")]
    _, _, hub, count, columns, *_, answers, recipe, _ = (cell.strip() for cell in line.split("|"))
    assert hub.split(", ")[0] == spec.hub.dataset
    assert spec.hub.split in hub.split(", ")
    assert spec.hub.revision is None or hub.endswith(spec.hub.revision[:12])
    assert int(count) == spec.count
    assert [column.strip("`") for column in columns.split(", ")] == list(spec.columns)
    assert answers == ", ".join(spec.kinds)
    file = ROOT / "recipes" / f"{name.replace('_', '-')}.yaml"
    assert recipe == f"[{file.stem}](../recipes/{file.name})"
    asked = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert (asked["benchmark"], asked["limit"]) == (name, None)
    assert f"--benchmark {name}=FILE" in file.read_text(encoding="utf-8")


@pytest.mark.shared
@pytest.mark.skipif(not (DATA / "math500.jsonl").is_file(), reason="the real questions are not here")
def test_the_guides_count_of_math500s_references() -> None:
    counts: Counter[str] = Counter()
    for question in load(f"math500={DATA / 'math500.jsonl'}"):
        literal = math.latex_literal(question.answer or "")
        if question.answer_kind == "integer":
            counts["integers"] += 1
        elif math.is_word(question.answer or ""):
            counts["words"] += 1
        else:
            counts["numbers" if math.number(THOUSANDS.sub("", literal)) is not None else "expressions"] += 1
    n = counts
    assert (
        f"- {n['integers']} references are integers, {n['numbers']} other plain numbers, {n['words']} words; "
        f"{n['expressions']} are expressions" in GUIDE
    )
