"""Artefacts say what ``results.json`` says: the same numbers in full, the printed ones beside them, and whence."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from s1kit.compare.result import Comparison
from s1kit.metrics.intervals import Interval
from s1kit.reproduce.artefact_files import Artefacts
from s1kit.reproduce.artefacts import NEEDED, beside_table, seeds_table, systems_table
from s1kit.reproduce.beside import beside, folder_of, mark_done, recipe_of
from s1kit.reproduce.cells import Scale
from s1kit.reproduce.paper import Versus, comparisons
from s1kit.reproduce.published import PUBLISHED
from s1kit.reproduce.results import write_results
from s1kit.reproduce.table_files import Entry, PaperTable, as_csv
from s1kit.reproduce.tables import Measured
from unit.reproduce.planted import comparison, method, of_recipe

SCALE = Scale()
ALL = comparisons()
TABLES = ["table3", "table4", "table11", "table12", "table13"]


def made(out: Path, parts: list[str]) -> None:
    """Comparisons with numbers that mean nothing, as if they had been run."""
    for versus in (v for v in ALL if v.part in parts and not v.shared):
        folder = folder_of(versus, out)
        folder.mkdir(parents=True)
        found = of_recipe(recipe_of(versus, SCALE, out))
        (folder / "compare.json").write_text(json.dumps(found.model_dump(mode="json")))
        mark_done(versus, SCALE, out)
    write_results(SCALE, ALL, out)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def value_of(row: dict[str, Any], field: str) -> Any:
    found = row[field]["value"] if isinstance(row[field], dict) else row[field]
    return 100 * found if found is not None and field in ("accuracy", "control", "performance") else found


@pytest.mark.parametrize("part", TABLES)
def test_every_number_of_ours_and_of_the_papers_is_that_of_the_results(part: str, tmp_path: Path) -> None:
    made(tmp_path, [part])
    lines = iter(read(tmp_path / "artefacts" / f"{part}.csv"))
    for one in json.loads((tmp_path / "results.json").read_text())[part]:
        for printed in one["published"]["rows"]:
            line = next(lines)
            assert line["method"] == printed["method"]
            theirs = [text for head, text in line.items() if head.startswith("paper: ")]
            assert theirs == ["" if value is None else str(value) for value in printed["values"]]
            rows = one["methods"] if printed["place"] is None else one["settings"]
            own = [row for row in rows if row["method"] == printed["method"]][printed["place"] or 0]
            for field in one["published"]["ours"]:
                expected = value_of(own, field)
                told = line[f"ours: {field.replace('_', ' ')}"]
                assert told == ("" if expected is None else str(expected)), field
            if "performance" in one["published"]["ours"] or "accuracy" in one["published"]["ours"]:
                [low] = [text for head, text in line.items() if head.endswith(("mance (low)", "accuracy (low)"))]
                assert float(low) == 100 * own["interval"]["low"]
    assert next(lines, None) is None
    [head, *_] = (tmp_path / "artefacts" / f"{part}.csv").read_text().splitlines()
    assert len(set(head.split(","))) == head.count(",") + 1, "no two columns are called the same"


def test_what_a_figure_draws_is_a_table_too(tmp_path: Path) -> None:
    made(tmp_path, ["figure1", "figure6"])
    for part in ("figure1", "figure4a", "figure6"):
        assert (tmp_path / "artefacts" / f"{part}.csv").is_file(), part
    assert not (tmp_path / "artefacts" / "figure5.csv").exists(), "transcripts have no numbers"
    lines = read(tmp_path / "artefacts" / "figure4a.csv")
    settings = json.loads((tmp_path / "results.json").read_text())["figure1"][0]["settings"]
    first = [float(line["accuracy"]) for line in lines[: len(settings)]]
    assert first == [100 * row["accuracy"] for row in settings]
    assert not (tmp_path / "artefacts" / "figure4a.md").exists(), "its page is the picture's"


def test_methods_without_a_model_say_so_and_others_stay_empty() -> None:
    found = comparison(method("BF", [(16, 0.2), (64, 0.6)], bound=1.0))
    versus = Versus(part="table3", recipe="table3-x", printed="table3-nano", lacking=("TCC", "TCC+BF"))
    rows = {row[0].value: row for row in beside_table("table3", [beside(versus, found)], ()).rows}
    assert [cell.value for cell in rows["TCC"][-4:]] == [NEEDED] * 4
    assert [cell.value for cell in rows["RS"][-4:]] == [None] * 4
    assert [cell.value for cell in rows["BF"][-4:]] == [100, pytest.approx(20), 60, 2]


def test_a_part_without_its_model_has_the_papers_numbers_alone(tmp_path: Path) -> None:
    Artefacts(tmp_path, "s1 reproduce x.yaml", {}, {}).write_lacking({"table11": "needs a model: token", "table2": "-"})
    [line, *_] = read(tmp_path / "artefacts" / "table11.csv")
    assert (line["method"], line["paper: thinking"], line["ours: used"]) == ("TCC", "7939.0", NEEDED)
    assert "Ours needs a model: token." in (tmp_path / "artefacts" / "table11.md").read_text()


def systems(points: Comparison) -> dict[str, list[Entry]]:
    told = systems_table({"nano_hard": points}, ())
    return {str(row[0].value): list(row[2:]) for row in told.rows}


def test_table1_puts_ours_beside_the_systems_that_they_stand_for() -> None:
    points = method("BF", [(16, 0.2), (64, 0.6), (99, 0.8)]) + method("base", [(30, 0.1)])
    points[1] = points[1].model_copy(update={"label": "natural"})
    rows = systems(comparison(points))
    assert list(rows) == [row.method for row in PUBLISHED["table1"].rows]
    assert [rows[name][3].value for name in ("Qwen2.5-32B-Instruct", "s1 without budget forcing", "s1-32B")] == [
        10,
        60,
        80,
    ]
    assert rows["s1-32B"][3].low is not None
    assert rows["o1"][3].value is None
    assert [cell.value for cell in rows["s1-32B"][:3]] == [56.7, 93.0, 59.6]
    assert systems(comparison(points[:3]))["Qwen2.5-32B-Instruct"][3].value == NEEDED


def measured(row: str, role: str, accuracy: float, difference: float | None) -> Measured:
    near = Interval(low=accuracy - 1, high=accuracy + 1)
    return Measured(
        row=row, role=role, seeds=3, rows=200, trained_tokens=37102, accuracy=accuracy, interval=near,
        by_seed=(accuracy,) * 3, difference=difference, difference_interval=None if difference is None else near,
        thinking_tokens=70.5,
    )  # fmt: skip


def test_tables_over_seeds_find_their_printed_rows() -> None:
    rows = [
        measured(row, role, 50.25, d)
        for role in ("natural", "extension")
        for row, d in (("whole", None), ("cut-at-128", -3.5))
    ]
    told: PaperTable = seeds_table("table7", rows, ("whence",))
    [head, whole, cut] = list(csv.reader(as_csv(told).splitlines()))
    printed = {row.method: row.values for row in PUBLISHED["table7"].rows}
    assert whole[1:8] == [str(value) for value in printed["whole"]]
    assert cut[1:8] == [str(value) for value in printed["cut"]]
    assert cut[head.index("ours: natural, difference")] == "-3.5"
    assert whole[head.index("ours: natural, difference")] == ""
    assert cut[head.index("ours: natural (low)")] == "49.25"
    assert told.notes[-1] == "whence"


@pytest.mark.parametrize("part", ["table2", "table7"])
def test_no_two_columns_are_called_the_same(part: str) -> None:
    base = {"table2": "s1K", "table7": "whole"}[part]
    rows = [measured(base, role, 50, None) for role in ("natural", "extension")]
    [head, *_] = csv.reader(as_csv(seeds_table(part, rows, ())).splitlines())
    assert len(set(head)) == len(head)
