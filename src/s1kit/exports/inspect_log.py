"""Inspect logs: one ``.eval`` file per policy, as inspect_ai's version 2 of that format.

Knows the fields of its EvalLog and EvalSample and the members of the archive. Refuses to import inspect_ai. Token ids
do not travel: an Inspect sample has no place for them; the segments do, as counts.
"""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from s1kit.exports.inspect_sample import sample, summary
from s1kit.exports.source import Row, Source, file_word
from s1kit.types import sha256_hex

VERSION = 2


@dataclass(slots=True)
class _Log:
    """One log being written, and what its header will say of the samples."""

    archive: zipfile.ZipFile
    summaries: list[dict[str, Any]] = field(default_factory=list)
    right: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Per question, 1 or 0 for each sample that has a verdict."""
    ungraded: int = 0
    failed: int = 0
    usage: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def write(self, name: str, value: Any) -> None:
        self.archive.writestr(name, json.dumps(value, ensure_ascii=False))

    def add(self, row: Row, made: dict[str, Any]) -> None:
        self.write(f"samples/{made['id']}_epoch_{made['epoch']}.json", made)
        self.summaries.append(summary(made))
        self.failed += "error" in made
        for name, n in made["output"].get("usage", {}).items():
            self.usage[name] += n
        if row.grade is None or row.grade.verdict == "ungraded":
            self.ungraded += 1
        else:
            self.right[row.question.id].append(float(row.grade.verdict == "correct"))


def write_inspect(source: Source, out: Path, rows: Iterable[Row]) -> list[Path]:
    """Write the logs into ``out``; their paths. ``rows`` are the source's."""
    paths = {policy: out / _name(source, policy) for policy in source.manifest.policies}
    with ExitStack() as stack:
        logs: dict[str, _Log] = {}
        for row in rows:
            policy = row.generation.policy_id
            if policy not in logs:
                archive = zipfile.ZipFile(paths[policy], "w", zipfile.ZIP_DEFLATED, compresslevel=6)
                logs[policy] = _Log(stack.enter_context(archive))
                logs[policy].write("_journal/start.json", {"version": VERSION, **_head(source, policy)})
            logs[policy].add(row, sample(row, source))
        for policy, log in logs.items():
            log.write("summaries.json", log.summaries)
            log.write("header.json", _header(source, policy, log))
    return [paths[policy] for policy in logs]


def _name(source: Source, policy: str) -> str:
    """Time, task and id, which is how Inspect finds its logs in a folder."""
    time = source.manifest.started.replace(":", "-")
    return f"{time}_{file_word(f'{source.benchmark}-{policy}')}_{_id(source, policy)}.eval"


def _id(source: Source, policy: str) -> str:
    """The same for the same run and policy: written twice, it is one log to Inspect."""
    return sha256_hex(f"{source.manifest.id} {policy}")[:22]


def _head(source: Source, policy: str) -> dict[str, Any]:
    """Spec and plan: what was asked, before anything came out."""
    m = source.manifest
    entry = source.entry(policy)
    samples = entry.get("samples", 1)
    sampling = entry.get("sampling") or {}
    wanted = {
        name: sampling[name] for name in ("temperature", "top_p", "top_k", "frequency_penalty") if name in sampling
    }
    if not wanted.get("top_k"):  # all tokens: no number says so there
        wanted.pop("top_k", None)
    spec = {
        "eval_id": _id(source, policy),
        "run_id": m.id,
        "created": m.started,
        "task": source.benchmark,
        "task_id": policy,
        "task_version": 0,
        "task_display_name": f"{source.benchmark}, {source.label(policy)}",
        "task_attribs": {},
        "task_args": {"policy": source.label(policy)},
        "solver": "s1kit",
        "tags": ["s1kit"],
        "dataset": {
            "name": source.benchmark,
            "samples": len(source.questions),
            "sample_ids": list(source.questions),
            "shuffled": False,
        },
        "model": f"{m.engine.name if m.engine else 's1kit'}/{source.model}",
        "model_generate_config": wanted,
        "model_args": {},
        "config": {"epochs": samples if isinstance(samples, int) else 1},
        "packages": {"s1kit": m.s1kit_version, **m.packages},
        "metadata": {"label": source.label(policy), "policy_id": policy, "entry": entry, "config_hash": m.config_hash},
    }
    if source.grader is not None:
        spec["scorers"] = [{"name": source.grader}]
    step = {"solver": "s1kit", "params": {"policy": entry.get("policy", {})}}
    return {"eval": spec, "plan": {"name": "plan", "steps": [step], "config": wanted}}


def _header(source: Source, policy: str, log: _Log) -> dict[str, Any]:
    head = _head(source, policy)
    finished = source.manifest.status == "finished"
    used = {head["eval"]["model"]: dict(log.usage)}
    return {
        "version": VERSION,
        "status": "success" if finished else "cancelled",
        **head,
        "results": {
            "total_samples": len(log.summaries),
            "completed_samples": len(log.summaries) - log.failed,
            "scores": [] if source.grader is None else [_score(source.grader, log)],
        },
        "stats": {
            "started_at": source.manifest.started,
            "completed_at": source.manifest.finished or "",
            "model_usage": used if log.usage else {},
        },
    }


def _score(grader: str, log: _Log) -> dict[str, Any]:
    """Accuracy over the samples that have a verdict; the error is over questions, whose samples are averaged first."""
    means = [fmean(values) for values in log.right.values()]
    numbers: dict[str, float] = {}
    if means:
        numbers["accuracy"] = fmean(value for values in log.right.values() for value in values)
    if len(means) > 1:
        numbers["stderr"] = stdev(means) / sqrt(len(means))
    return {
        "name": grader,
        "scorer": grader,
        "scored_samples": sum(map(len, log.right.values())),
        "unscored_samples": log.ungraded,
        "params": {},
        "metrics": {name: {"name": name, "value": value, "params": {}} for name, value in numbers.items()},
    }
