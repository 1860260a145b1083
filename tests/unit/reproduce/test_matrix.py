"""The reproduction matrix: complete, judged by its rule, and held to the committed results."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.reproduce.beside import folder_of, mark_done, recipe_of
from s1kit.reproduce.cells import Cell, Scale, cells
from s1kit.reproduce.claims import CLAIMS, Judged, Standing
from s1kit.reproduce.judging import Verdict
from s1kit.reproduce.matrix import DATA, TEXT, matrix_of, write_matrix
from s1kit.reproduce.matrix_catalogue import CATALOGUE, Entry
from s1kit.reproduce.matrix_claims import CELL_CLAIMS
from s1kit.reproduce.matrix_needs import NEEDS
from s1kit.reproduce.matrix_rows import Group, Status, status_of
from s1kit.reproduce.paper import Versus, comparisons
from unit.reproduce.planted import of_recipe

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared"
SCALE = Scale()
PLANNED: list[Cell | Versus] = [*cells(SCALE), *comparisons()]
COMMAND = "s1 reproduce nano --set pool=400"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e"
VERDICTS: tuple[Verdict, ...] = ("holds", "does not hold", "cannot be told")
ENTRY = next(entry for entry in CATALOGUE if entry.key == "table3")
KNOWN = st.tuples(st.sampled_from(VERDICTS), st.sampled_from(("chief", "minor", "beyond")))
BETTER: dict[Status, int] = {"does not hold": 0, "not shown": 1, "partly": 1, "holds": 2}


def bench() -> ModuleType:
    spec = spec_from_file_location("bench_reproduction", ROOT / "bench" / "reproduction.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def group(told: Sequence[tuple[Verdict, Standing]]) -> Group:
    claims = (Judged(claim="c", paper="p", verdict=verdict, why="w", standing=standing) for verdict, standing in told)
    return Group(name="planted", questions=60, claims=tuple(claims))


def status(told: Sequence[tuple[Verdict, Standing]]) -> Status:
    return status_of(ENTRY, [group(told)], was_run=True)[0]


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)))


@pytest.mark.shared
def test_every_table_figure_and_algorithm_of_the_paper_is_there() -> None:
    paper = next((SHARED / "seeds").glob("001_*"), None) if SHARED.is_dir() else None
    if paper is None:
        pytest.skip("the paper's text is not here")
    named = set(re.findall(r"(?:Table|Figure|Algorithm) \d+", paper.read_text(encoding="utf-8")))
    ours = {re.sub(r"(?<=\d)[a-z]$", "", entry.number) for entry in CATALOGUE} - {"s1.1"}
    assert len(named) == 25
    assert ours == named


@pytest.mark.shared
def test_every_number_of_the_papers_results_is_the_papers() -> None:
    paper = SHARED / "paper.md"
    if not paper.is_file():
        pytest.skip("the paper's numbers are not here")
    texts = [
        paper.read_text(encoding="utf-8"),
        *(p.read_text(encoding="utf-8") for p in paper.parent.glob("seeds/001_*")),
    ]
    known = {number for text in texts for number in numbers(text)}
    for entry in CATALOGUE:
        assert numbers(entry.paper) <= known, entry.number


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.key)
def test_an_entry_is_judged_or_says_why_it_cannot_be(entry: Entry) -> None:
    chief = [
        *(claim for part in entry.parts for claim in CLAIMS.get(part, ()) if claim.standing == "chief"),
        *(claim for part in entry.parts for claim in CELL_CLAIMS.get(part, ())),
    ]
    assert [bool(entry.example), bool(entry.needs), bool(chief)].count(True) == 1
    assert entry.command or {cell.part for cell in PLANNED} & set(entry.parts), "how is it made?"


def test_an_example_says_no_numbers_and_commands_follow_the_recipe() -> None:
    found = matrix_of(json.loads(bench().RESULTS.read_text()), PLANNED, "s1 reproduce mine.yaml")
    for row in found.rows:
        if row.status == "not an experiment":
            assert not row.ours, row.number
            assert not row.groups, row.number
        assert "reproduce nano" not in row.command, row.number
    assert {row.key: row.command for row in found.rows}["table14"] == "s1 reproduce mine.yaml --only figure6"


def test_keys_are_unique_and_costs_belong_to_entries() -> None:
    keys = [entry.key for entry in CATALOGUE]
    assert len(set(keys)) == len(keys)
    assert set(NEEDS) <= set(keys)


@given(st.lists(KNOWN, min_size=1, max_size=6), st.sampled_from(VERDICTS), st.randoms())
def test_what_is_not_the_papers_claim_and_the_order_change_nothing(
    told: list[tuple[Verdict, Standing]], verdict: Verdict, shuffler: Any
) -> None:
    mixed = [*told, (verdict, "beyond")]
    if all(standing == "beyond" for _, standing in told):
        assert status(told) == status(mixed) == "not run"
        return
    shuffler.shuffle(mixed)
    assert status(mixed) == status(told)


@given(st.lists(KNOWN, min_size=1, max_size=6), st.data())
def test_a_claim_that_fails_never_makes_a_status_better(told: list[tuple[Verdict, Standing]], data: Any) -> None:
    paper = [one for one in told if one[1] != "beyond"]
    if not any(standing == "chief" for _, standing in paper):
        return
    place = data.draw(st.integers(0, len(paper) - 1))
    worse = [*paper[:place], ("does not hold", paper[place][1]), *paper[place + 1 :]]
    assert BETTER[status(worse)] <= BETTER[status(paper)]


def test_the_rule_says_what_it_does() -> None:
    assert status([("holds", "chief"), ("holds", "minor")]) == "holds"
    assert status([("holds", "chief"), ("cannot be told", "minor")]) == "partly"
    assert status([("does not hold", "chief"), ("holds", "minor")]) == "does not hold"
    assert status([("does not hold", "chief"), ("holds", "chief")]) == "partly"
    assert status([("cannot be told", "chief"), ("holds", "minor")]) == "not shown"
    assert status_of(ENTRY, [], was_run=False) == ("not run", "No result yet.")
    assert status_of(ENTRY, [], was_run=False, lacking="It wants a reward model.")[0] == "needs a real model"


def test_the_docs_page_is_what_the_results_say() -> None:
    made = bench()
    assert (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8") == made.page()
    committed = made.RESULTS.read_text(encoding="utf-8")
    assert not re.search(r'"(?:/|[^"]*/(?:tmp|home|root|work)/)', committed), "a place on somebody's machine"
    assert not any(row.status == "not run" for row in made.matrix().rows)


def test_an_empty_folder_says_that_nothing_was_run(tmp_path: Path) -> None:
    page = write_matrix(tmp_path / "new", SCALE, PLANNED)
    found = json.loads((page.parent / DATA).read_text())
    kinds = {entry.key: entry for entry in CATALOGUE}
    for row in found["rows"]:
        judged = not (kinds[row["key"]].example or kinds[row["key"]].needs)
        assert (row["status"] == "not run") == judged
        assert row["files"] == []
    assert found["cells_done"] == 0
    assert (page.parent / TEXT).read_text().count("\n### ") == len(CATALOGUE)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every comparison, planted, and hostile rows in what was measured."""
    out = tmp_path_factory.mktemp("reproduced")
    for recipe in dict.fromkeys(v.recipe for v in comparisons() if v.part in ("figure1", "table13")):
        versus = next(v for v in comparisons() if v.recipe == recipe)
        folder = folder_of(versus, out)
        folder.mkdir(parents=True)
        planted = of_recipe(recipe_of(versus, SCALE, out), 24).model_copy(update={"benchmark": HOSTILE})
        (folder / "compare.json").write_text(json.dumps(planted.model_dump(mode="json")))
        (folder / "compare.md").write_text("compared")
        mark_done(versus, SCALE, out)
    main = [{"policy": HOSTILE, "thinking_tokens": 3.0, "accuracy": 25.0, "interval": [20.0, 30.0]}]
    main += [{"policy": "Wait x1", "thinking_tokens": 9.0, "accuracy": 60.0, "interval": [50.0, 70.0]}]
    missing = [cell.name for cell in PLANNED if not cell.name.startswith(("figure1", "table13"))]
    content = {"scale": SCALE.model_dump(mode="json"), "missing": missing, "made": {}, "main": main}
    (out / "results.json").write_text(json.dumps(content))
    (out / "artefacts").mkdir()
    for name in ("table13.md", "table13.tex", "figure1.svg"):
        (out / "artefacts" / name).write_text("made")
    write_matrix(out, SCALE, PLANNED)
    return out


def test_parts_that_share_a_comparison_are_all_judged(finished: Path) -> None:
    rows = {row["key"]: row for row in json.loads((finished / DATA).read_text())["rows"]}
    for key in ("figure1", "table1", "figure4a", "table13"):
        assert rows[key]["part"] == key
        assert [len(one["claims"]) for one in rows[key]["groups"]] == [len(CLAIMS[key])] * 3
    assert rows["figure1"]["files"] == ["artefacts/figure1.svg"] + [
        f"compare/figure1-nano-{name}/compare.md" for name in ("hard", "mixed", "choice")
    ]
    assert {"artefacts/table13.md", "artefacts/table13.tex"} <= set(rows["table13"]["files"])


def test_the_page_links_what_is_there_and_runs_nothing(finished: Path) -> None:
    page = (finished / "matrix.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert "\u202e" not in page
    ids = set(re.findall(r' id="([^"]+)"', page))
    for address in re.findall(r'href="([^"]+)"', page):
        assert address[1:] in ids if address.startswith("#") else (finished / address).is_file(), address


def test_it_makes_no_difference_where_the_folder_lies(finished: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    finished.rename(moved)
    before = (moved / "matrix.html").read_bytes()
    write_matrix(moved, SCALE, PLANNED)
    after = (moved / "matrix.html").read_bytes()
    moved.rename(finished)
    assert before == after


def test_what_was_run_is_preferred_in_the_order_of_the_parts() -> None:
    main = [{"policy": "a", "thinking_tokens": 3.0, "accuracy": 25.0, "interval": [20.0, 30.0]}]
    rows = {row.key: row for row in matrix_of({"main": main}, PLANNED).rows}
    assert (rows["figure1"].part, rows["figure1"].status) == ("main", "not shown")
    assert rows["figure1"].command == "s1 reproduce nano --only main"
    assert rows["table3"].command == "s1 reproduce nano --only table3"


def test_the_command_is_that_of_the_recipe_that_was_judged() -> None:
    def command(part: str, recipe: str) -> str:
        one = {"recipe": recipe, "benchmark": "b", "questions": 9, "claims": [], "methods": [], "settings": []}
        return next(row.command for row in matrix_of({part: [one]}, PLANNED).rows if row.key == part)

    assert command("table3", "table3-nano") == "s1 reproduce nano --only table3"
    assert command("figure4a", "figure1-nano-hard") == "s1 reproduce nano --only figure4a"
    assert command("figure4a", "figure4b-nano") == "s1 reproduce nano --only figure4b"
    assert command("table3", "table3-nano-200") == "s1 compare recipes/paper/table3-nano-200.yaml"


def test_remarks_on_the_nano_world_stay_there() -> None:
    nano, real = (matrix_of({}, PLANNED, command).rows for command in (COMMAND, "s1 reproduce mine.yaml"))
    assert any(row.remark for row in nano)
    assert not any(row.remark for row in real)
    assert next(row.command for row in real if row.key == "table3") == "s1 reproduce mine.yaml --only table3"
