"""What `s1 runs verify` passes holds, and what was tampered with is found by the rule that it breaks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli import curating as world
from s1kit.config import load
from s1kit.curate.pipeline import run
from s1kit.curate.recipe import CurateConfig
from s1kit.curate.verify import verify
from s1kit.store.files import sha256_file
from s1kit.store.findings import Finding, passed
from unit.curate.calls.fake_server import FakeServer
from unit.curate.nano_run import curate, no_bar

Rows = list[dict[str, Any]]
SELECTION = "selections/paper-12-seed0"
TRAINSET = "trainsets/paper-12-seed0-s1"
STEPS_BEFORE = ["01-quality", "02-duplicates", "03-decontaminate", "04-trace"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = {"rule": "random", "size": 10}
    return curate(tmp_path_factory.mktemp("verify"), limit=80, comparisons=[random]).path


@pytest.fixture
def path(finished: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(finished, tmp_path / finished.name))


def rewrite(path: Path, name: str, change: Callable[[Rows], Any]) -> None:
    """Change a Parquet file's rows in place, with its schema."""
    table = pq.read_table(path / name)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path / name)


def edit(path: Path, name: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a JSON file in place."""
    content = json.loads((path / name).read_bytes())
    change(content)
    (path / name).write_text(json.dumps(content))


def settle(path: Path) -> None:
    """Make every hash right again, so that only the rules can find what was done."""
    for record in path.glob("trainsets/*/trainset.json"):
        digest = sha256_file(record.parent / "train.parquet")
        edit(record.parent, record.name, lambda content, digest=digest: content["trainset"].update(sha256=digest))
    hashed = json.loads((path / "manifest.json").read_bytes())["hashes"]
    hashes = {name: sha256_file(path / name) for name in hashed if (path / name).exists()}
    edit(path, "manifest.json", lambda content: content.update(hashes=hashes))


def problems(path: Path) -> list[Finding]:
    return [f for f in verify(path) if f.level != "ok"]


def rules(path: Path) -> set[str]:
    """Rules that found an error."""
    return {f.message.partition(":")[0] for f in problems(path) if f.level == "error"}


def test_a_finished_curation_holds_in_every_part(finished: Path) -> None:
    findings = verify(finished)
    assert {f.level for f in findings} == {"ok"}
    checked = {f.where for f in findings}
    steps = {f"step {name}" for name in ("quality", "duplicates", "decontaminate", "trace", "domain")}
    assert checked >= steps | {"config", "hashes", "pool", "decisions", "selections", "training sets", "funnel"}


def test_making_the_hashes_right_breaks_nothing(path: Path) -> None:
    rewrite(path, "decisions/01-quality.parquet", lambda rows: None)
    settle(path)
    assert problems(path) == []


@pytest.mark.parametrize("tenth", [1, 5, 9])
def test_one_changed_byte_of_the_pool_is_found(path: Path, tenth: int) -> None:
    content = bytearray((path / "pool.parquet").read_bytes())
    content[len(content) * tenth // 10] ^= 1
    (path / "pool.parquet").write_bytes(content)
    assert "hashes" in rules(path)


def test_a_question_that_was_changed_has_another_id(path: Path) -> None:
    rewrite(path, "pool.parquet", lambda rows: rows[3].update(text=rows[3]["text"] + " Or not?"))
    settle(path)
    assert "pool" in rules(path)


@pytest.mark.parametrize("step", STEPS_BEFORE)
def test_a_dropped_row_let_in_again_is_found(path: Path, step: str) -> None:
    def let_in(rows: Rows) -> None:
        next(row for row in rows if not row["kept"]).update(kept=True, reason="", evidence="")

    rewrite(path, f"decisions/{step}.parquet", let_in)
    settle(path)
    assert f"step {step[3:]}" in rules(path)


@pytest.mark.parametrize("step", [*STEPS_BEFORE, "05-domain"])
def test_a_kept_row_put_out_is_found(path: Path, step: str) -> None:
    rewrite(path, f"decisions/{step}.parquet", lambda rows: rows[0].update(kept=False, reason="bad"))
    settle(path)
    assert f"step {step[3:]}" in rules(path)


@pytest.mark.parametrize("step", STEPS_BEFORE)
def test_evidence_that_was_made_up_is_found_by_the_step_alone(path: Path, step: str) -> None:
    def make_up(rows: Rows) -> None:
        next(row for row in rows if not row["kept"]).update(evidence="because")

    rewrite(path, f"decisions/{step}.parquet", make_up)
    settle(path)
    assert rules(path) == {f"step {step[3:]}"}


def test_a_row_that_was_never_decided_is_found(path: Path) -> None:
    rewrite(path, "decisions/05-domain.parquet", lambda rows: rows.pop())
    settle(path)
    assert "decisions" in rules(path)


def test_swapped_rows_of_a_selection_are_found(path: Path) -> None:
    rewrite(path, f"{SELECTION}/rows.parquet", lambda rows: rows.insert(0, rows.pop()))
    settle(path)
    assert rules(path) == {"selections"}


def test_a_selection_whose_files_agree_but_that_was_not_drawn_is_found(path: Path) -> None:
    rewrite(path, f"{SELECTION}/rows.parquet", lambda rows: rows.insert(0, rows.pop()))
    edit(path, f"{SELECTION}/selection.json", lambda record: record["ids"].insert(0, record["ids"].pop()))
    settle(path)
    assert "selections" in rules(path)


@pytest.mark.parametrize("column", ["rank", "length", "left"])
def test_what_a_selection_says_of_a_row_is_held_against_the_draw(path: Path, column: str) -> None:
    rewrite(path, f"{SELECTION}/rows.parquet", lambda rows: rows[0].update({column: rows[0][column] + 1}))
    settle(path)
    assert "selections" in rules(path)


def test_a_changed_label_is_found(path: Path) -> None:
    rewrite(path, f"{TRAINSET}/train.parquet", lambda rows: rows[2]["labels"].__setitem__(-1, -100))
    settle(path)
    assert rules(path) == {"training sets"}


def test_a_changed_token_is_found_in_the_row_that_has_it(path: Path) -> None:
    rewrite(path, f"{TRAINSET}/train.parquet", lambda rows: rows[1]["input_ids"].__setitem__(0, 9))
    settle(path)
    [found] = problems(path)
    assert pq.read_table(path / TRAINSET / "train.parquet")["id"][1].as_py() in found.where


def test_a_training_row_that_is_missing_is_found(path: Path) -> None:
    rewrite(path, f"{TRAINSET}/train.parquet", lambda rows: rows.pop())
    settle(path)
    assert "training sets" in rules(path)


def test_a_trace_that_was_rewritten_is_found(path: Path) -> None:
    chosen = set(json.loads((path / SELECTION / "selection.json").read_bytes())["ids"])

    def improve(rows: Rows) -> None:
        row = next(row for row in rows if row["question_id"] in chosen)
        row["thinking"] = "It is obvious. " + row["thinking"]

    rewrite(path, "traces.parquet", improve)
    settle(path)
    assert rules(path) == {"training sets"}


@pytest.mark.parametrize("column", ["rows_in", "kept"])
def test_a_funnel_that_says_otherwise_is_found(path: Path, column: str) -> None:
    edit(path, "funnel.json", lambda funnel: funnel["steps"][1].update({column: 1}))
    settle(path)
    assert rules(path) == {"funnel"}


def test_other_settings_than_those_of_the_manifest_are_found(path: Path) -> None:
    edit(path, "manifest.json", lambda manifest: manifest["config"]["duplicates"].update(near=0.9))
    assert rules(path) == {"config"}


def test_a_recipe_that_was_rewritten_to_skip_a_check_is_found(path: Path) -> None:
    recipe = (path / "config.yaml").read_text()
    (path / "config.yaml").write_text(recipe.replace("name: tiny", "name: other"))
    settle(path)
    assert rules(path)


@pytest.mark.parametrize(("verdict", "rule"), [("correct", "r"), ("undecided", "r"), ("incorrect", "made up")])
def test_an_attempt_that_was_rewritten_is_found_by_difficulty(tmp_path: Path, verdict: str, rule: str) -> None:
    world.sums(tmp_path, 6)
    world.proofs(tmp_path, 3)
    with FakeServer(world.saying(judge="Yes")) as server:
        settings = {**world.recipe(server), "out": str(tmp_path / "runs"), "data": str(tmp_path)}
        path = run(load(CurateConfig, None, settings)[0], bar=no_bar, say=print, until="select").path
    assert rules(path) == set()
    rewrite(path, "attempts.parquet", lambda rows: rows[1].update(verdict=verdict, rule=rule))
    settle(path)
    assert rules(path) == {"step difficulty"}


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_damage_to_any_file_is_reported_and_never_raised(finished: Path, tmp_path: Path, damage: str) -> None:
    names = sorted(json.loads((finished / "manifest.json").read_bytes())["hashes"])
    assert len(names) > 20
    raised = {}
    for number, name in enumerate(names):
        path = Path(shutil.copytree(finished, tmp_path / f"{number}"))
        content = (path / name).read_bytes()
        (path / name).write_bytes(content[: len(content) // 2]) if damage == "cut" else (path / name).unlink()
        try:
            assert not passed(verify(path)), name
        except (ValueError, LookupError, OSError) as problem:
            raised[name] = f"{type(problem).__name__}: {problem}"[:100]
        shutil.rmtree(path)
    assert raised == {}


def test_a_decision_about_a_row_that_there_is_not_is_found(path: Path) -> None:
    rewrite(path, "decisions/02-duplicates.parquet", lambda rows: rows[-1].update(row=10_000))
    settle(path)
    assert "decisions" in rules(path)


def test_a_rule_that_could_not_be_taken_is_not_said_to_hold(path: Path) -> None:
    (path / "funnel.json").unlink()
    assert "funnel" not in {f.where for f in verify(path) if f.level == "ok"}


def test_a_curation_that_is_not_finished_says_so(tmp_path: Path) -> None:
    folder = curate(tmp_path, "quality")
    found = problems(folder.path)
    assert [(f.level, f.message) for f in found] == [("warning", "status: the curation is interrupted")]


def test_a_selection_can_be_verified_after_another_was_drawn_beside_it(tmp_path: Path) -> None:
    curate(tmp_path)
    path = curate(tmp_path, "select", select={"rule": "random", "size": 5}).path
    assert len(list(path.glob("selections/*"))) == 2
    assert "unverifiable" not in {f.level for f in verify(path)}
