"""``s1 runs verify``: derive again what a run claims, and list where it does not hold.

Knows files, hashes, keys and the rules of ``rules``. Refuses to pass what it cannot derive: a row without token ids, a
policy of an unknown kind or a text without a tokenizer is "unverifiable". Changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from s1kit.errors import UserError
from s1kit.policies import Sampling, policy_id
from s1kit.store import layout
from s1kit.store.difference import config_hash, differences
from s1kit.store.errors import StoreError
from s1kit.store.files import sha256_file
from s1kit.store.findings import Finding, Findings, Level
from s1kit.store.rows import read_parquet
from s1kit.store.rules import ROW_RULES, Terms, split_tokens
from s1kit.store.run import RunDir
from s1kit.types import Generation, question_id

Decode = Callable[[Sequence[int]], str]
Recompute = Callable[[RunDir], Mapping[str, Any]]


def verify(run: RunDir, *, decode: Decode | None = None, recompute: Recompute | None = None) -> list[Finding]:
    """Everything that can be derived again, problems first; ``ok`` findings name the rules that hold.

    ``decode`` (token ids -> text) adds the comparison of both texts with the tokens; ``recompute`` (run -> metrics)
    that of ``metrics.json`` with what the rows give. Never raises for a damaged run: damage is what it reports.
    """
    report = Findings()
    checks: tuple[Callable[[], None], ...] = (
        lambda: _config(run, report),
        lambda: _policies(run, report),
        lambda: _hashes(run, report),
        lambda: _questions(run, report),
        lambda: _rows(run, report, decode),
        lambda: _grades(run, report),
        lambda: _metrics(run, report, recompute),
    )
    for check in checks:
        try:
            check()
        except (StoreError, OSError) as problem:
            report.add("files", "error", run.path.name, getattr(problem, "message", str(problem)))
    return report.findings()


def _config(run: RunDir, report: Findings) -> None:
    manifest = run.manifest
    if config_hash(manifest.config) != manifest.config_hash:
        report.add("config", "error", "manifest.json", "config does not have the hash config_hash")
    try:
        text = yaml.safe_load((run.path / layout.CONFIG).read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        report.add("config", "error", layout.CONFIG, f"is not YAML: {problem}")
        return
    for difference in differences(manifest.config, _same_fields(text, manifest.config)):
        report.add("config", "error", layout.CONFIG, f"{difference} (manifest -> {layout.CONFIG})")
    report.ran("config", "the configuration has the hash that the manifest names, and config.yaml says the same")


def _same_fields(value: Any, like: Any) -> Any:
    """``value`` without the keys that ``like`` lacks: config.yaml also holds the fields that change no output."""
    if isinstance(value, dict) and isinstance(like, dict):
        return {key: _same_fields(item, like[key]) for key, item in value.items() if key in like}
    return value


def _policies(run: RunDir, report: Findings) -> None:
    report.ran("policies", f"{len(run.manifest.policies)} policy ids are those of their policies")
    for name, entry in run.manifest.policies.items():
        policy, missing = Terms.of(entry).policy, [k for k in ("policy", "format", "sampling") if not entry.get(k)]
        if policy is None:
            report.add("policies", "unverifiable", name, "no policy of a known kind: its budgets are not checked")
        elif missing:
            report.add("policies", "unverifiable", name, f"the manifest does not hold its {' and '.join(missing)}")
        else:
            sampling = _sampling(entry["sampling"])
            if sampling is None or policy_id(policy, entry["format"], sampling) != name:
                report.add("policies", "error", name, "policy, format and sampling do not give this id")
        thinks = (entry.get("format") or {}).get("think_stops") != []  # a plain format has no thinking to end
        if policy is not None and thinks and not entry.get("think_stops"):
            report.add("policies", "unverifiable", name, "no think_stops: stop ids inside thinking cannot be seen")


def _sampling(value: Any) -> Sampling | None:
    try:
        return Sampling.model_validate(value)
    except ValidationError:
        return None


def _hashes(run: RunDir, report: Findings) -> None:
    hashes = run.manifest.hashes
    for name, expected in hashes.items():
        if not (run.path / name).exists():
            report.add("hashes", "error", name, "is missing")
        elif sha256_file(run.path / name) != expected:
            report.add("hashes", "error", name, "was changed after it was written")
    report.ran("hashes", f"{len(hashes)} files are as they were written")
    if run.manifest.status != "finished":
        return
    needed = [layout.CONFIG, layout.QUESTIONS, layout.GENERATIONS]
    present = [layout.METRICS] if (run.path / layout.METRICS).exists() else []
    present += [f"{layout.GRADES}/{path.name}" for path in run.grade_files().values()]
    for name in [*needed, *present]:
        if name not in hashes:
            report.add("hashes", "error", name, "the manifest does not name it")
    if (run.path / layout.JOURNAL).exists():
        report.add("hashes", "error", layout.JOURNAL, "lies in a finished run and hides the Parquet file")


def _questions(run: RunDir, report: Findings) -> None:
    seen: set[str] = set()
    for number, row in enumerate(read_parquet(run.path / layout.QUESTIONS)):
        derived = question_id(row["text"], tuple(row["choices"] or ()))
        if row["id"] != derived:
            report.add(
                "questions", "error", layout.QUESTIONS, f"row {number}: id {row['id']}, its content is {derived}"
            )
        if row["id"] in seen:
            report.add("questions", "error", layout.QUESTIONS, f"row {number}: id {row['id']} is there twice")
        seen.add(row["id"])
    report.ran("questions", f"{len(seen)} ids are those of their questions")


def _rows(run: RunDir, report: Findings, decode: Decode | None) -> None:
    known = {row["id"] for row in read_parquet(run.path / layout.QUESTIONS, ["id"])}
    caps = _caps(run)
    terms = {name: Terms.of(entry, caps) for name, entry in run.manifest.policies.items()}
    keys: set[layout.Key] = set()
    blind, errors = 0, 0
    for row in run.generations():
        where = "/".join(map(str, row.key))
        if row.key in keys:
            report.add("keys", "error", where, "the row is there twice")
        keys.add(row.key)
        if row.question_id not in known:
            report.add("keys", "error", where, "no such question in the run")
        if terms and row.policy_id not in terms:
            report.add("keys", "error", where, "no such policy in the manifest")
        errors += layout.failed(row)
        if row.token_ids is None:
            blind += 1
            if row.exact:
                report.add("tokens", "error", where, "exact is true, but there are no token ids")
            continue
        for name, message in _row(row, terms.get(row.policy_id, Terms(None, frozenset())), decode):
            report.add(name, "error", where, message)
    for rule in [*ROW_RULES, *(["texts"] if decode else [])]:
        report.ran(rule, f"holds for {len(keys) - blind} rows")
    if blind:
        message = f"{blind} rows have no token ids: segments, budgets and counts cannot be derived"
        report.add("tokens", "unverifiable", "generations", message)
    _complete(run, report, keys, known)
    _counts(run, report, {"questions": len(known), "generations": len(keys), "errors": errors})


def _caps(run: RunDir) -> dict[str, dict[tuple[str, int], int]]:
    """Thinking tokens of the rows that an ``equal_to`` policy refers to, by policy id, question and sample."""
    held = ((entry.get("policy") or {}).get("equal_to") for entry in run.manifest.policies.values())
    named = {name for name in held if isinstance(name, str)}
    caps: dict[str, dict[tuple[str, int], int]] = {name: {} for name in named}
    if named:
        for row in run.generations():
            if row.policy_id in named:
                caps[row.policy_id][row.question_id, row.sample] = row.n_thinking
    return caps


def _row(row: Generation, terms: Terms, decode: Decode | None) -> Iterator[tuple[str, str]]:
    for name, rule in ROW_RULES.items():
        for message in rule(row, terms):
            yield name, message
    if decode is not None:
        stored = (row.thinking_text, row.answer_text)
        for name, text, ids in zip(("thinking_text", "answer_text"), stored, split_tokens(row), strict=True):
            if decode(ids) != text:
                yield "texts", f"{name} is not what its {len(ids)} tokens decode to"


def _complete(run: RunDir, report: Findings, keys: set[layout.Key], known: set[str]) -> None:
    """Questions x policies x samples, each once, but for leaves that a tree need not have.

    While a run is unfinished missing rows are only worth a warning.
    """
    report.ran("keys", f"{len(keys)} rows, each once, of known questions and policies, none missing")
    level: Level = "error" if run.manifest.status == "finished" else "warning"
    for policy in run.manifest.policies:
        wanted = {(question, policy, i) for question in known for i in range(layout.samples(run.manifest, policy))}
        missing = sorted(key for key in wanted - keys if not layout.may_lack(run.manifest, key))
        extra = sorted(key for key in keys - wanted if key[1] == policy and key[0] in known)
        if missing:
            first = "/".join(map(str, missing[0]))
            report.add("keys", level, policy, f"{len(missing)} of {len(wanted)} rows are missing, the first is {first}")
        if extra:
            report.add("keys", "error", policy, f"{len(extra)} rows have a sample number out of range")


def _counts(run: RunDir, report: Findings, derived: Mapping[str, int]) -> None:
    if run.manifest.status != "finished":
        return
    report.ran("totals", "the manifest's counts are those of the rows")
    for name, value in derived.items():
        claimed = run.manifest.counts.get(name)
        if claimed != value:
            report.add("totals", "error", "manifest.json", f"counts.{name} is {claimed}, there are {value}")


def _grades(run: RunDir, report: Findings) -> None:
    files = run.grade_files()
    if not files:
        return
    report.ran("grades", f"{len(files)} files, every grade once and of an existing row")
    keys = {key for key, _ in layout.read_outcomes(run.path)}
    for name in files:
        seen: set[layout.Key] = set()
        for grade in run.grades(name):
            where = f"{name} {'/'.join(map(str, grade.key))}"
            if grade.key in seen:
                report.add("grades", "error", where, "the grade is there twice")
            if grade.key not in keys:
                report.add("grades", "error", where, "there is no such row")
            if f"{grade.grader}@{grade.version}" != name:
                report.add("grades", "error", where, f"is by {grade.grader}@{grade.version}")
            seen.add(grade.key)
        if keys - seen:
            report.add("grades", "warning", name, f"{len(keys - seen)} rows have no grade")


def _metrics(run: RunDir, report: Findings, recompute: Recompute | None) -> None:
    stored = run.metrics()
    if stored is None or recompute is None:
        return
    try:
        derived = recompute(run)
    except (UserError, ValueError, KeyError) as problem:
        report.add("metrics", "error", layout.METRICS, f"cannot be derived again: {problem}")
        return
    for name, old, new in _numbers_apart(stored, derived, ""):
        report.add("metrics", "error", layout.METRICS, f"{name} is {old}, the rows give {new}")
    report.ran("metrics", "metrics.json is what the rows and grades give")


def _numbers_apart(old: Any, new: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    """Leaves that differ; numbers may differ in the last bits, which sums in another order do."""
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        old, new = dict(enumerate(old)), dict(enumerate(new))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*map(str, old), *map(str, new)}):
            one, two = ({str(k): v for k, v in side.items()}.get(key) for side in (old, new))
            yield from _numbers_apart(one, two, f"{name}.{key}" if name else key)
    elif isinstance(old, float | int) and isinstance(new, float | int):
        if not math.isclose(old, new, rel_tol=1e-9, abs_tol=1e-12):
            yield name, old, new
    elif old != new:
        yield name, old, new
