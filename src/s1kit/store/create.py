"""A new run directory, which appears whole or not at all.

Knows how a run is named and what it starts with. Refuses to touch an existing one: a name that is taken gets a number.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from s1kit.store import layout
from s1kit.store.difference import config_hash, outputs_only, plain
from s1kit.store.errors import StoreError, cannot_write
from s1kit.store.files import sync, write_atomic
from s1kit.store.lock import RunLock
from s1kit.store.manifest import environment, now, write_manifest
from s1kit.store.rows import QUESTIONS, question_row, write_parquet
from s1kit.types import EngineInfo, Question, RunKind, RunManifest, canonical_json, sha256_hex


def create_directory(
    root: Path,
    kind: RunKind,
    slug: str,
    *,
    config_resolved: Mapping[str, Any],
    config_typed: Mapping[str, Any],
    questions: Sequence[Question],
    inputs: Mapping[str, str],
    engine: EngineInfo | None,
    findings: Sequence[Mapping[str, Any]],
    policies: Mapping[str, Mapping[str, Any]],
    seeds: Mapping[str, int],
    non_output: Collection[str],
    header: str,
    parent: str | None,
) -> tuple[Path, RunLock]:
    """The directory and the lock on it. The arguments are those of ``RunDir.create``.

    Everything is written under a hidden name and renamed into place, so a crash leaves at most a hidden directory that
    no command looks at. Raises StoreError when a question is there twice or the disk is full.
    """
    _refuse_twice(questions)
    outputs = outputs_only(config_resolved, non_output)
    digest = config_hash(outputs)
    name = run_name(slug, [kind, digest, dict(inputs), [question.id for question in questions]])
    manifest = RunManifest(
        id=name,
        kind=kind,
        status="running",
        config=outputs,
        config_typed=plain(config_typed),
        config_hash=digest,
        inputs=dict(inputs),
        engine=engine,
        findings=tuple(plain(finding) for finding in findings),
        policies={policy: plain(values) for policy, values in policies.items()},
        seeds=dict(seeds),
        started=now(),
        parent=parent,
        **environment(),
    )
    hidden = root / f".{name}.{os.getpid()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(hidden, ignore_errors=True)
        hidden.mkdir()
    except OSError as problem:
        raise cannot_write(hidden, problem) from problem
    lock = RunLock(hidden)
    try:
        write_atomic(hidden / layout.CONFIG, _commented(header) + _as_yaml(config_resolved))
        write_parquet(hidden / layout.QUESTIONS, QUESTIONS, map(question_row, questions))
        write_atomic(hidden / layout.JOURNAL, "")
        return _into_place(hidden, root, manifest), lock
    except BaseException:
        lock.release()
        shutil.rmtree(hidden, ignore_errors=True)
        raise


def run_name(slug: str, identity: Any) -> str:
    """``<date>-<slug>-<six hex digits of identity>``; the date is today's, UTC."""
    clean = re.sub(r"[^a-z0-9]+", "-", slug.lower()).strip("-") or "run"
    return f"{datetime.now(UTC):%Y-%m-%d}-{clean}-{sha256_hex(canonical_json(identity))[:6]}"


def _into_place(hidden: Path, root: Path, manifest: RunManifest) -> Path:
    """Rename to the first free name, which the manifest says before it happens."""
    for number in count(1):
        name = manifest.id if number == 1 else f"{manifest.id}-{number}"
        if (root / name).exists():
            continue
        write_manifest(hidden, manifest.model_copy(update={"id": name}))
        try:
            os.rename(hidden, root / name)
            sync(root)
        except OSError as problem:
            if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise cannot_write(root / name, problem) from problem
            continue  # somebody took the name in between: a rename never replaces a directory with files in it
        return root / name
    raise AssertionError("unreachable: there is always a next number")


def _refuse_twice(questions: Sequence[Question]) -> None:
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise StoreError(
                f"question {question.id} is there twice: {question.text[:60]!r}", "drop one of the two from the input"
            )
        seen.add(question.id)


def _as_yaml(config: Mapping[str, Any]) -> str:
    return yaml.safe_dump(plain(config), sort_keys=False, allow_unicode=True, width=120)


def _commented(header: str) -> str:
    lines = (line if line.startswith("#") else f"# {line}".rstrip() for line in header.splitlines())
    return "".join(f"{line}\n" for line in lines)
