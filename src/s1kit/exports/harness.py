"""Sample files of lm-evaluation-harness: ``samples_<task>_<date>.jsonl`` per policy, one ``results_<date>.json``.

Knows the keys that its evaluation tracker writes (version 0.4.13 and its main branch of August 2026). Refuses to import
it. One policy is one task, since the harness knows one way of asking per task. A row without a verdict has
``exact_match`` null, and is in no mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, TextIO

from s1kit.exports.source import Row, Source, transcript
from s1kit.store.files import write_atomic
from s1kit.types import sha256_hex

FILTER = "s1kit"
"""The name of the filter: what it lets through is what our grader extracted."""
METRICS = ("exact_match", "thinking_tokens", "answer_tokens")


@dataclass(slots=True)
class _Task:
    """One sample file being written, and what the results will say of it."""

    file: TextIO
    values: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in METRICS})
    hashes: list[str] = field(default_factory=list)
    documents: int = 0
    ungraded: int = 0


def write_harness(source: Source, out: Path, rows: Iterable[Row]) -> list[Path]:
    """Write samples and results into ``out``; their paths, results last. ``rows`` are the source's, in its order."""
    date = source.manifest.started.split("+")[0].replace(":", "-")
    with ExitStack() as stack:
        tasks: dict[str, _Task] = {}
        for (_, policy), group in groupby(rows, key=lambda row: (row.number, row.generation.policy_id)):
            if policy not in tasks:
                path = out / f"samples_{task_name(source, policy)}_{date}.jsonl"
                tasks[policy] = _Task(stack.enter_context(path.open("w", encoding="utf-8")))
            _add(tasks[policy], list(group), source)
    results = out / f"results_{date}.json"
    write_atomic(results, json.dumps(_results(source, tasks), indent=2, ensure_ascii=False) + "\n")
    return [*(Path(task.file.name) for task in tasks.values()), results]


def task_name(source: Source, policy: str) -> str:
    """Benchmark and policy, letters, digits and underscores alone."""
    return re.sub(r"\W", "_", f"{source.benchmark}_{policy}", flags=re.ASCII)


def _add(task: _Task, rows: list[Row], source: Source) -> None:
    made = document(rows, source)
    task.file.write(json.dumps(made, ensure_ascii=False) + "\n")
    task.documents += 1
    task.ungraded += sum(row.grade is None or row.grade.verdict == "ungraded" for row in rows)
    task.hashes.append(made["doc_hash"] + made["prompt_hash"] + made["target_hash"])
    for name in METRICS:
        if made[name] is not None:
            task.values[name].append(made[name])


def document(rows: list[Row], source: Source) -> dict[str, Any]:
    """One line: a question with all samples of one policy, as the harness writes repeats.

    ``exact_match`` is the mean over the samples that have a verdict, null where none has; so are the tokens of a
    policy whose tokens were not counted.
    """
    q, policy = rows[0].question, rows[0].generation.policy_id
    counted = source.counted(policy)
    entry = source.entry(policy)
    doc = {name: getattr(q, name) for name in ("id", "answer", "answer_kind", "source", "domain", "licence")}
    doc |= {"question": q.text, "choices": list(q.choices)}
    answers = ["" if row.grade is None else row.grade.extracted or "" for row in rows]
    right = [row.grade.verdict == "correct" for row in rows if row.grade and row.grade.verdict != "ungraded"]
    return {
        "doc_id": rows[0].number,
        "doc": doc,
        "target": str(q.answer),
        "arguments": {"gen_args_0": {"arg_0": q.prompt(), "arg_1": _asked(entry, len(rows))}},
        "resps": [[transcript(row.generation, entry) for row in rows]],
        "filtered_resps": answers if len(rows) == 1 else [answers],
        "filter": FILTER,
        "metrics": list(METRICS),
        "doc_hash": sha256_hex(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": sha256_hex(q.prompt()),
        "target_hash": sha256_hex(str(q.answer)),
        "exact_match": fmean(right) if right else None,
        "thinking_tokens": fmean(row.generation.n_thinking for row in rows) if counted else None,
        "answer_tokens": fmean(row.generation.n_answer for row in rows) if counted else None,
    }


def _asked(entry: dict[str, Any], repeats: int) -> dict[str, Any]:
    """What the harness calls generation arguments; budgets and extensions have no word there and stay ours."""
    sampling, policy = entry.get("sampling") or {}, entry.get("policy") or {}
    temperature = sampling.get("temperature", 0.0)
    asked = {"until": [], "do_sample": temperature > 0, "temperature": temperature, "repeats": repeats}
    asked |= {name: sampling[name] for name in ("top_p", "top_k", "frequency_penalty") if name in sampling}
    return {**asked, "s1kit_policy": policy}


def _results(source: Source, tasks: dict[str, _Task]) -> dict[str, Any]:
    m = source.manifest
    names = {policy: task_name(source, policy) for policy in tasks}
    numbers = {names[p]: _numbers(names[p], source.label(p), task) for p, task in tasks.items()}
    return {
        "results": numbers,
        "group_subtasks": {name: [] for name in names.values()},
        "configs": {names[p]: _config(source, p, names[p], task.ungraded) for p, task in tasks.items()},
        "versions": dict.fromkeys(names.values(), 1),
        "n-shot": dict.fromkeys(names.values(), 0),
        "higher_is_better": {
            name: {"exact_match": True, "thinking_tokens": False, "answer_tokens": False} for name in names.values()
        },
        "n-samples": {
            names[p]: {"original": len(source.questions), "effective": task.documents} for p, task in tasks.items()
        },
        "config": {
            "model": m.engine.name if m.engine else "s1kit",
            "model_args": {"pretrained": source.model},
            "model_dtype": m.engine.dtype if m.engine else None,
            "device": m.engine.device if m.engine else None,
            "limit": m.config.get("limit"),
            "random_seed": m.seeds.get("run", 0),
        },
        "git_hash": m.git.get("commit"),
        "date": _epoch(m.started),
        "s1kit_version": m.s1kit_version,
        "task_hashes": {names[policy]: sha256_hex("".join(task.hashes)) for policy, task in tasks.items()},
        "model_source": m.engine.name if m.engine else "s1kit",
        "model_name": source.model,
        "model_name_sanitized": re.sub(r"[\"<>:/|\\?*\[\]]+", "__", source.model),
        "system_instruction": m.config.get("system"),
        "total_evaluation_time_seconds": str(m.seconds),
    }


def _numbers(name: str, label: str, task: _Task) -> dict[str, Any]:
    return {"name": name, "alias": label, "sample_len": task.documents, **dict(_means(task))}


def _means(task: _Task) -> Iterator[tuple[str, Any]]:
    """Mean and standard error over documents, "N/A" where the harness writes that."""
    for metric, values in task.values.items():
        yield f"{metric},{FILTER}", fmean(values) if values else "N/A"
        spread = stdev(values) / sqrt(len(values)) if len(values) > 1 else "N/A"
        yield f"{metric}_stderr,{FILTER}", spread


def _config(source: Source, policy: str, name: str, ungraded: int) -> dict[str, Any]:
    entry = source.entry(policy)
    return {
        "task": name,
        "task_alias": source.label(policy),
        "dataset_path": source.benchmark,
        "output_type": "generate_until",
        "num_fewshot": 0,
        "repeats": entry.get("samples", 1),
        "metadata": {
            "version": 1,
            "s1kit": entry,
            "run": source.manifest.id,
            "grader": source.grader,
            "ungraded_rows": ungraded,
        },
    }


def _epoch(started: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(started).timestamp()
