"""Real rows pass; every planted corruption is caught by the rule that is there for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s1kit.errors import UserError
from s1kit.policies import BudgetForcing
from s1kit.store.files import sha256_file
from s1kit.store.findings import Finding, passed
from s1kit.store.rows import GENERATIONS, QUESTIONS
from s1kit.store.rules import ROW_RULES, Terms
from s1kit.store.run import RunDir
from s1kit.store.verify import verify
from s1kit.types import Segment
from unit.store.samples import decode, finished, plans, questions, real_rows, scripted, small_row
from unit.store.test_run import grade


def problems(findings: list[Finding]) -> list[str]:
    return [f"{f.level} {f.where}: {f.message}" for f in findings if f.level != "ok"]


def metrics_of(run: RunDir) -> dict[str, Any]:
    rows = list(run.generations())
    return {"points": [{"policy_id": p, "n": sum(r.policy_id == p for r in rows)} for p in run.manifest.policies]}


def test_a_sound_run_passes_and_says_what_was_checked(tmp_path: Path) -> None:
    run, rows = finished(tmp_path)
    run.write_grades("math", [grade(row, "math", 2) for row in rows])
    run.write_metrics(metrics_of(run))
    findings = verify(RunDir.open(run.path), decode=decode, recompute=metrics_of)
    assert problems(findings) == []
    rules = {f.where for f in findings}
    assert rules == {"config", "policies", "hashes", "questions", "keys", "totals", "texts", "grades", "metrics"} | set(
        ROW_RULES
    )


@pytest.mark.parametrize("seed", range(12))
def test_the_rules_accept_whatever_the_machines_do(seed: int) -> None:
    """Random models, so that every way to end turns up."""
    engine = scripted(seed, stop=(0.02, 0.1, 0.3)[seed % 3], context_len=(120, 400)[seed % 2])
    the_plans = plans(engine)
    terms = {
        p.policy_id: Terms.of({"policy": p.policy.model_dump(mode="json"), "think_stops": p.format.think_stop_ids})
        for p in the_plans
    }
    for row in real_rows(questions(3), engine, the_plans):
        found = [(name, m) for name, rule in ROW_RULES.items() for m in rule(row, terms[row.policy_id])]
        assert found == [], row


Rows = list[dict[str, Any]]


def find(rows: Rows, **wanted: Any) -> dict[str, Any]:
    """The first row of a policy (by the start of its id) with these values."""
    policy = wanted.pop("policy", "")
    return next(
        r for r in rows if r["policy_id"].startswith(policy) and all(r[name] == value for name, value in wanted.items())
    )


def shift(rows: Rows) -> None:
    segment = find(rows, policy="bf-max5")["segments"][1]
    segment["start"] += 1


def overlap(rows: Rows) -> None:
    row = find(rows, policy="bf-max5")
    row["token_ids"] = row["token_ids"][:-1]


def relabel(rows: Rows) -> None:
    find(rows, policy="bf-max5")["segments"][1]["origin"] = "forced"


def over_budget(rows: Rows) -> None:
    row = find(rows, policy="bf-max5", ended="cutoff")
    at = row["segments"][1]["end"]
    row["token_ids"].insert(at, 99)
    row["n_thinking_model"] += 1
    for i, segment in enumerate(row["segments"]):
        segment["start"] += i > 1
        segment["end"] += i >= 1


def not_a_cutoff(rows: Rows) -> None:
    find(rows, policy="bf-max5", ended="cutoff")["ended"] = "model"


def false_cutoff(rows: Rows) -> None:
    find(rows, policy="bf-natural", ended="model")["ended"] = "cutoff"


def long_answer(rows: Rows) -> None:
    row = find(rows, policy="bf-max5")
    last = row["segments"][-1]
    row["token_ids"] += [99] * 9
    last["end"] += 9
    row["n_answer"] += 9


def one_nudge_more(rows: Rows) -> None:
    find(rows, policy="bf-max40-wait2")["extensions"] += 1


def too_few_nudges(rows: Rows) -> None:
    find(rows, policy="bf-max40-wait2", extensions=1)["ended"] = "model"


def minimum_claimed(rows: Rows) -> None:
    row = find(rows, policy="bf-max90-min30")
    row["min_met"] = not row["min_met"]


def closed_twice(rows: Rows) -> None:
    row = find(rows, policy="bf-natural")
    i = next(i for i, s in enumerate(row["segments"]) if s["why"] == "close")
    close = row["segments"][i]
    n = close["end"] - close["start"]
    row["token_ids"][close["end"] : close["end"]] = row["token_ids"][close["start"] : close["end"]]
    for segment in row["segments"][i + 1 :]:
        segment["start"] += n
        segment["end"] += n
    row["segments"].insert(i + 1, {**close, "start": close["end"], "end": close["end"] + n})


def closed_twice_in_one(rows: Rows) -> None:
    closed_twice(rows)
    row = find(rows, policy="bf-natural")
    i = next(i for i, s in enumerate(row["segments"]) if s["why"] == "close")
    row["segments"][i]["end"] = row["segments"].pop(i + 1)["end"]


def thinks_again(rows: Rows) -> None:
    row = find(rows, policy="bf-natural")
    end = len(row["token_ids"])
    row["token_ids"] += [99]
    row["segments"].append({**row["segments"][1], "start": end, "end": end + 1})
    row["n_thinking_model"] += 1


def stop_left_in(rows: Rows) -> None:
    row = find(rows, policy="bf-max5")
    row["token_ids"][row["segments"][1]["start"]] = 1


def error_without_words(rows: Rows) -> None:
    find(rows, policy="bf-natural")["answer_ended"] = "error"


def duplicate(rows: Rows) -> None:
    rows.append(rows[0])


def missing(rows: Rows) -> None:
    rows.pop()


def stray_question(rows: Rows) -> None:
    rows[0]["question_id"] = "f" * 16


def stray_policy(rows: Rows) -> None:
    rows[0]["policy_id"] = "bf-unknown"


def stray_sample(rows: Rows) -> None:
    rows[0]["sample"] = 3


def another_text(rows: Rows) -> None:
    rows[0]["thinking_text"] += "!"


def a_count(name: str) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        find(rows, policy="bf-max40-wait2")[name] += 1

    change.__name__ = name
    return change


CORRUPTIONS: list[tuple[Callable[[Rows], None], str]] = [
    (shift, "segments: segment 1 is "),
    (overlap, "segments: segments end at"),
    (relabel, "segments: segment 1 is think but think/forced"),
    (a_count("n_thinking_model"), "counts: n_thinking_model is"),
    (a_count("n_thinking_forced"), "counts: n_thinking_forced is"),
    (a_count("n_answer"), "counts: n_answer is"),
    (over_budget, "budgets: 6 thinking tokens, max_thinking is 5"),
    (not_a_cutoff, "budgets: the whole budget of 5 is used, but ended is model"),
    (false_cutoff, "budgets: ended is cutoff after"),
    (long_answer, "answer tokens, max_answer is 8"),
    (one_nudge_more, "extensions: extensions is"),
    (too_few_nudges, "extensions: ended is model after 1 of 2"),
    (minimum_claimed, "extensions: min_met is"),
    (closed_twice, "closing: thinking is closed by force twice"),
    (closed_twice_in_one, "closing: thinking is closed by force twice"),
    (thinks_again, "closing: there is thinking after the answer began"),
    (stop_left_in, "stops: segment 1 holds [1]"),
    (error_without_words, "outcome: the row failed, but error is empty"),
    (duplicate, "keys: the row is there twice"),
    (missing, "keys: 1 of 8 rows are missing"),
    (stray_question, "keys: no such question"),
    (stray_policy, "keys: no such policy"),
    (stray_sample, "keys: 1 rows have a sample number out of range"),
    (another_text, "texts: thinking_text is not what its"),
]


@pytest.mark.parametrize(("corrupt", "message"), CORRUPTIONS, ids=lambda v: getattr(v, "__name__", ""))
def test_a_corrupted_row_is_caught(tmp_path: Path, corrupt: Callable[[Rows], None], message: str) -> None:
    """The forger also mends the hash, so that only the rule itself can notice."""
    run, _ = finished(tmp_path, 8)
    path = run.path / "generations.parquet"
    rows: Rows = pq.read_table(path).to_pylist()
    corrupt(rows)
    pq.write_table(pa.Table.from_pylist(rows, GENERATIONS), path)
    hash_again(run.path, "generations.parquet")
    found = problems(verify(RunDir.open(run.path), decode=decode))
    assert any(line.startswith("error") and message in line for line in found), found


def hash_again(path: Path, name: str) -> None:
    edit_manifest(path, lambda m: m["hashes"].update({name: sha256_file(path / name)}))


def edit_manifest(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    change(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest))


def change_question(path: Path) -> None:
    rows = pq.read_table(path / "questions.parquet").to_pylist()
    rows[0]["text"] += " Really?"
    pq.write_table(pa.Table.from_pylist(rows, QUESTIONS), path / "questions.parquet")


def change_policy(path: Path) -> None:
    edit_manifest(path, lambda m: next(iter(m["policies"].values()))["sampling"].update(temperature=0.7))


def stray_grade(path: Path) -> None:
    run = RunDir.open(path)
    run.write_grades("math", [grade(next(run.generations()).model_copy(update={"sample": 9}), "math", 1)])


def edit_metrics(path: Path) -> None:
    text = (path / "metrics.json").read_text()
    (path / "metrics.json").write_text(text.replace('"n": 2', '"n": 3', 1))


FILES: list[tuple[Callable[[Path], object], str]] = [
    (lambda p: edit_manifest(p, lambda m: m["config"].update(seed=8)), "config does not have the hash"),
    (lambda p: (p / "config.yaml").write_text("samples: 2\n"), "config.yaml: config: samples: 1 -> 2"),
    (lambda p: (p / "config.yaml").write_text("samples: [\n"), "config.yaml: config: is not YAML"),
    (change_policy, "do not give this id"),
    (lambda p: edit_manifest(p, lambda m: m["counts"].update(generations=1)), "counts.generations is 1, there are"),
    (change_question, "questions.parquet: questions: row 0: id"),
    (change_question, "questions.parquet: hashes: was changed"),
    (lambda p: (p / "generations.parquet").unlink(), "neither generations.jsonl nor generations.parquet"),
    (lambda p: (p / "generations.parquet").write_bytes(b"PAR1"), "cannot be read"),
    (lambda p: (p / "generations.jsonl").write_text(""), "hides the Parquet file"),
    (lambda p: (p / "metrics.json").write_text("{"), "is not JSON"),
    (edit_metrics, "metrics.json: hashes: was changed"),
    (edit_metrics, "metrics: points.0.n is 3, the rows give 2"),
    (stray_grade, "grades: there is no such row"),
    (lambda p: (p / "config.yaml").unlink(), "No such file"),
]


@pytest.mark.parametrize(("corrupt", "message"), FILES, ids=[message[-20:] for _, message in FILES])
def test_a_corrupted_file_is_caught(tmp_path: Path, corrupt: Callable[[Path], object], message: str) -> None:
    run, _ = finished(tmp_path, 2)
    run.write_metrics(metrics_of(run))
    corrupt(run.path)
    findings = verify(RunDir.open(run.path), recompute=metrics_of)
    assert any(line.startswith("error") and message in line for line in problems(findings)), problems(findings)
    assert not passed(findings)


def test_a_policy_that_was_emptied_is_unverifiable(tmp_path: Path) -> None:
    run, _ = finished(tmp_path, 2)
    edit_manifest(run.path, lambda m: next(iter(m["policies"].values())).update(policy=None))
    found = problems(verify(RunDir.open(run.path)))
    assert any("unverifiable" in line and "no policy of a known kind" in line for line in found)


def test_a_check_that_could_not_be_made_is_not_said_to_hold(tmp_path: Path) -> None:
    run, _ = finished(tmp_path, 2)
    run.write_metrics(metrics_of(run))
    (run.path / "config.yaml").unlink()

    def without_grades(_: RunDir) -> dict[str, Any]:
        raise UserError("2 rows have no grade")

    findings = verify(RunDir.open(run.path), recompute=without_grades)
    assert {f.where for f in findings if f.level == "ok"}.isdisjoint({"config", "metrics"})
    assert any("cannot be derived again: 2 rows have no grade" in f.message for f in findings)


def test_a_stop_of_several_tokens_inside_thinking_is_caught_but_not_right_behind_a_nudge() -> None:
    ids = (1, 7, 8, 9, 7, 8, 2, 7, 8)
    row = small_row(questions(1)[0]).model_copy(
        update={
            "token_ids": ids,
            "segments": (
                Segment(phase="think", origin="model", why="think", start=0, end=3),
                Segment(phase="think", origin="forced", why="nudge", start=3, end=4),
                Segment(phase="think", origin="model", why="think", start=4, end=6),
                Segment(phase="think", origin="forced", why="nudge", start=6, end=7),
                Segment(phase="think", origin="model", why="think", start=7, end=9),
            ),
        }
    )
    terms = Terms(BudgetForcing(), frozenset(), ((7, 8),))
    assert list(ROW_RULES["stops"](row, terms)) == ["segment 0 holds [7, 8], which ends thinking"]


def test_what_cannot_be_derived_is_unverifiable(tmp_path: Path) -> None:
    run, _ = finished(tmp_path, 2)
    path = run.path / "generations.parquet"
    rows = pq.read_table(path).to_pylist()
    rows[0] |= {"token_ids": None, "exact": False}
    rows[1] |= {"token_ids": None}
    pq.write_table(pa.Table.from_pylist(rows, GENERATIONS), path)
    hash_again(run.path, "generations.parquet")
    edit_manifest(run.path, lambda m: next(iter(m["policies"].values())).update(policy={"kind": "of the future"}))
    found = problems(verify(RunDir.open(run.path)))
    assert any("unverifiable generations: tokens: 2 rows have no token ids" in line for line in found)
    assert any(line.startswith("error") and "exact is true, but there are no token ids" in line for line in found)
    assert any("unverifiable" in line and "no policy of a known kind" in line for line in found)


def test_missing_rows_of_a_running_run_are_a_warning(tmp_path: Path) -> None:
    run, _ = finished(tmp_path, 2)
    rows = list(run.generations())[:-1]
    (run.path / "generations.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in rows))
    edit_manifest(run.path, lambda m: m.update(status="interrupted", hashes={}))
    findings = verify(RunDir.open(run.path))
    assert passed(findings)
    assert any(f.level == "warning" and "1 of 2 rows are missing" in f.message for f in findings)


def test_many_findings_of_one_rule_are_summed_up(tmp_path: Path) -> None:
    run, _ = finished(tmp_path, 6)
    path = run.path / "generations.parquet"
    rows = pq.read_table(path).to_pylist()
    pq.write_table(pa.Table.from_pylist([{**row, "n_answer": 777} for row in rows], GENERATIONS), path)
    found = [f for f in verify(RunDir.open(run.path)) if f.message.startswith("counts")]
    assert len(found) == 21
    assert found[-1].message == f"counts: {len(rows) - 20} more of the same rule"


def test_terms_of_an_unknown_policy_hold_a_row_to_nothing_but_its_shape() -> None:
    assert Terms.of({}).policy is None
    assert Terms.of({"policy": BudgetForcing(compat="s1").model_dump()}).forcing is None
