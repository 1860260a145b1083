"""What the other tools' own readers make of an export, and what their documented schemas ask for."""

from __future__ import annotations

import json
import logging
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from s1kit.exports.dataset import ROWS
from s1kit.exports.inspect_log import VERSION
from s1kit.store.run import RunDir
from unit.exports.test_exports import ENTRIES, asked, folders, lines, logs, rows, run

__all__ = ["folders", "run"]

HARNESS_SAMPLE = {
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash",
    "target_hash",
}  # fmt: skip
"""Fixed keys of ``SampleResult`` in lm-evaluation-harness's result schema; the others are the metrics it names."""
HARNESS_RESULTS = {
    "results", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "config", "git_hash",
    "date", "model_source", "model_name", "model_name_sanitized", "system_instruction", "task_hashes",
    "total_evaluation_time_seconds",
}  # fmt: skip
"""Of its ``EvalResults``, what a run can say."""


def test_harness_lines_have_the_keys_of_the_harness(folders: dict[str, Path]) -> None:
    for line in lines(folders["lm-eval"]):
        assert line.keys() == HARNESS_SAMPLE | set(line["metrics"])
        assert line["arguments"].keys() == {"gen_args_0"}
        assert line["arguments"]["gen_args_0"].keys() == {"arg_0", "arg_1"}
        prompt = line["arguments"]["gen_args_0"]["arg_0"]
        assert line["prompt_hash"] == sha256(prompt.encode()).hexdigest()
        text = json.dumps(line["doc"], indent=2, ensure_ascii=False)
        assert line["doc_hash"] == sha256(text.encode()).hexdigest()
        assert line["doc"]["id"] == asked()[line["doc_id"]].id
        assert len(line["resps"]) == len(line["filtered_resps"]) == 1
        assert len(line["resps"][0]) == len(line["filtered_resps"][0]) == 2


def test_harness_matches_are_the_verdicts(run: RunDir, folders: dict[str, Path]) -> None:
    """The share right of the samples that have a verdict; where none has, nothing is claimed."""
    verdicts: dict[tuple[str, str], list[bool]] = {}
    for g in run.grades():
        if g.verdict != "ungraded":
            verdicts.setdefault((g.policy_id, g.question_id), []).append(g.verdict == "correct")
    for policy, entry in ENTRIES.items():
        [file] = folders["lm-eval"].glob(f"samples_mixed_{policy}_*.jsonl")
        found = {line["doc"]["id"]: line["exact_match"] for line in map(json.loads, file.read_text().splitlines())}
        given = {q.id: verdicts.get((policy, q.id)) for q in asked()}
        assert found == {q: sum(v) / len(v) if v else None for q, v in given.items()}, entry["label"]
        assert None in found.values()


def test_harness_results_are_the_means_of_the_lines(folders: dict[str, Path]) -> None:
    [path] = folders["lm-eval"].glob("results_*.json")
    results = json.loads(path.read_text())
    assert results.keys() >= HARNESS_RESULTS
    assert len(results["results"]) == len(ENTRIES)
    for task, numbers in results["results"].items():
        [file] = folders["lm-eval"].glob(f"samples_{task}_*.jsonl")
        assert file.name.removesuffix(".jsonl").rpartition("_")[2] == path.stem.removeprefix("results_"), "one date"
        mine = [json.loads(line) for line in file.read_text().splitlines()]
        values = [line["exact_match"] for line in mine if line["exact_match"] is not None]
        assert numbers["exact_match,s1kit"] == pytest.approx(sum(values) / len(values))
        assert numbers["thinking_tokens,s1kit"] == 5
        assert numbers["sample_len"] == len(mine) == 4
        joined = "".join(line["doc_hash"] + line["prompt_hash"] + line["target_hash"] for line in mine)
        assert results["task_hashes"][task] == sha256(joined.encode()).hexdigest()
    ungraded = [c["metadata"]["ungraded_rows"] for c in results["configs"].values()]
    assert sorted(ungraded) == [2, 3], "one row failed, one has no grade, and one question has no reference"


def test_inspect_logs_are_as_documented(run: RunDir, folders: dict[str, Path]) -> None:
    found = logs(folders["inspect"])
    assert {head["eval"]["task_id"] for head, _, _ in found} == ENTRIES.keys()
    generated = {row.key: row for row in rows()}
    grades = {g.key: g for g in run.grades()}
    for head, samples, summaries in found:
        assert list(head) == ["version", "status", "eval", "plan", "results", "stats"]
        assert (head["version"], head["status"]) == (VERSION, "success")
        assert {"created", "task", "dataset", "model", "config"} <= head["eval"].keys()
        assert head["eval"]["config"]["epochs"] == 2
        assert [(s["id"], s["epoch"]) for s in summaries] == [(s["id"], s["epoch"]) for s in samples]
        for s in samples:
            row = generated[s["id"], head["eval"]["task_id"], s["epoch"] - 1]
            grade = grades.get(row.key)
            if s["metadata"]["source"] == "gpqa_diamond":
                continue
            parts = s["messages"][1]["content"]
            assert [part["type"] for part in parts] == ["reasoning", "text"]
            assert (parts[0]["reasoning"], parts[1]["text"]) == (row.thinking_text, row.answer_text)
            assert s["output"]["usage"]["reasoning_tokens"] == row.n_thinking
            assert s["output"]["usage"]["output_tokens"] == row.n_thinking + row.n_answer
            assert ("error" in s) == (row.ended == "error")
            assert [(p["start"], p["end"]) for p in s["metadata"]["segments"]] == [(0, 5)]
            if grade is None or grade.verdict == "ungraded":
                assert s["scores"] == {}
                continue
            score = s["scores"]["default@1"]
            assert score["value"] == {"correct": "C", "incorrect": "I", "no_answer": "N"}[grade.verdict]
            assert grade.rule in score["explanation"]


def test_inspect_reads_the_logs(folders: dict[str, Path]) -> None:
    inspect = pytest.importorskip("inspect_ai.log", reason="inspect_ai is not installed")
    infos = inspect.list_eval_logs(str(folders["inspect"]))
    assert len(infos) == len(ENTRIES)
    for info, (head, samples, _) in zip(sorted(infos, key=lambda i: i.name), logs(folders["inspect"]), strict=True):
        log = inspect.read_eval_log(info)
        assert (log.status, log.eval.task_id) == ("success", head["eval"]["task_id"])
        assert sorted((s.id, s.epoch) for s in log.samples) == sorted((s["id"], s["epoch"]) for s in samples)
        by_key = {(s.id, s.epoch): s for s in log.samples}
        for s in samples:
            read = by_key[s["id"], s["epoch"]]
            assert read.output.choices[0].message.content[0].reasoning == s["messages"][1]["content"][0]["reasoning"]
            assert {k: v.value for k, v in read.scores.items()} == {k: v["value"] for k, v in s["scores"].items()}
        assert len(inspect.read_eval_log_sample_summaries(info)) == len(samples)


def test_datasets_loads_the_folder(folders: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Both configurations; the card's features are those of the files, and none of it is passed over."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    logging.getLogger("datasets").addHandler(caplog.handler)  # it does not hand its records on
    try:
        loaded = datasets.load_dataset(str(folders["hf"]), split="train", cache_dir=str(tmp_path))
        asked_of = datasets.load_dataset(str(folders["hf"]), "questions", split="train", cache_dir=str(tmp_path))
    finally:
        logging.getLogger("datasets").removeHandler(caplog.handler)
    assert not caplog.records
    assert loaded.to_list() == pq.read_table(folders["hf"] / "data" / "generations.parquet").to_pylist()
    assert loaded.column_names == ROWS.names
    assert loaded.features == datasets.Features.from_arrow_schema(ROWS)
    assert asked_of["id"][:] == [q.id for q in asked()]


def test_datasets_loads_the_harness_samples(folders: dict[str, Path], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    files = sorted(map(str, folders["lm-eval"].glob("samples_*.jsonl")))
    loaded = datasets.load_dataset("json", data_files=files, split="train", cache_dir=str(tmp_path))
    assert loaded["exact_match"][:] == [line["exact_match"] for line in lines(folders["lm-eval"])]


def test_the_card_says_what_is_there(run: RunDir, folders: dict[str, Path]) -> None:
    text = (folders["hf"] / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    card = yaml.safe_load(front)
    assert [c["config_name"] for c in card["configs"]] == ["generations", "questions"]
    assert all((folders["hf"] / c["data_files"]).is_file() for c in card["configs"])
    assert f"Run `{run.id}`" in body
    assert "a \\| \\<b\\>" in body, "a source's name has no power over the table"
    assert "5 of 16 rows have no verdict" in body
    assert "GPQA" in body
