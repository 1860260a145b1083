"""Results of other tools, from paths to a finished run.

Knows the order: which files, what wrote them, what is in them, the run. Refuses to import the same thing twice: the run
that is there already is handed back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s1kit.benchmarks.registry import title
from s1kit.imports import inspect_log, jsonl, lm_eval
from s1kit.imports.assemble import Parts, assemble
from s1kit.imports.detect import files_of
from s1kit.imports.errors import ImportRefused
from s1kit.imports.found import Kind, Reading
from s1kit.imports.split import NAMES
from s1kit.store.difference import config_hash, plain
from s1kit.store.errors import StoreError
from s1kit.store.files import sha256_file
from s1kit.store.manifest import MANIFEST, read_manifest
from s1kit.store.run import RunDir
from s1kit.tokenizer import Tokenizer
from s1kit.types import EngineInfo, Question


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks for. ``labels``: file or folder -> the label of what it holds."""

    paths: tuple[Path, ...]
    labels: Mapping[Path, str] = field(default_factory=dict)
    kind: Kind | None = None
    format: str = "auto"
    name: str | None = None
    tokenizer: Path | None = None
    benchmark: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What would become a run: its parts, its configuration, the hash of every file."""

    kind: Kind
    parts: Parts
    reading: Reading
    config: dict[str, Any]
    inputs: dict[str, str]
    typed: dict[str, Any]


def prepare(
    wanted: Wanted, questions: Sequence[Question] | None = None, tell: Callable[[str], None] | None = None
) -> Imported:
    """Read everything; nothing is written. ``questions`` are the benchmark's; ``tell`` hears of each file.

    Raises ImportRefused for a file or row that cannot be read, TokenizerError for a folder without a tokenizer.
    """
    if wanted.format not in NAMES:
        raise ImportRefused(f"unknown format {wanted.format!r}", f"one of {', '.join(NAMES)}")
    files, kind = files_of([*wanted.paths, *wanted.labels], wanted.kind)
    tokenizer = Tokenizer.load(wanted.tokenizer) if wanted.tokenizer is not None else None
    reading = Reading(files=[str(file) for file in files])
    for file in files:
        before = len(reading.rows)
        _read(file, kind, _label(file, wanted.labels), reading)
        if tell is not None:
            tell(f"{file}: {len(reading.rows) - before} rows")
    parts = assemble(reading, format_name=wanted.format, tokenizer=tokenizer, benchmark=questions)
    inputs = _hashes([Path(file) for file in reading.files])
    if tokenizer is not None:
        inputs["tokenizer"] = tokenizer.hash
    return Imported(kind, parts, reading, _config(wanted, kind, parts, reading, tokenizer), inputs, _typed(wanted))


def write(imported: Imported, out: Path, header: str = "") -> tuple[RunDir, bool]:
    """The finished run, and whether it is new: where the same files were imported in the same way, it is that run.

    Raises StoreError when it cannot be written.
    """
    known = _known(imported, out)
    if known is not None:
        return known, False
    parts = imported.parts
    with RunDir.create(
        out,
        "import",
        f"{title(imported.config['benchmark'])}-import",
        config_resolved=imported.config,
        config_typed=imported.typed,
        questions=parts.questions,
        inputs=imported.inputs,
        engine=_engine(imported),
        policies=parts.policies,
        header=header,
    ) as run:
        run.append_many(parts.generations)
        for grader, grades in parts.grades.items():
            run.write_grades(grader, grades)
        run.finish(counts={"left_out": sum(imported.reading.left_out.values())})
    return run, True


def _read(file: Path, kind: Kind, label: str | None, into: Reading) -> None:
    match kind:
        case "lm-eval" | "s1-reference":
            lm_eval.read(file, kind, label, into)
        case "inspect":
            inspect_log.read(file, label, into)
        case "jsonl":
            jsonl.read(file, label, into)


def _label(file: Path, labels: Mapping[Path, str]) -> str | None:
    """The label of the file itself, else of the nearest folder around it that has one."""
    for place in (file, *file.parents):
        if place in labels:
            return labels[place]
    return None


def _config(wanted: Wanted, kind: Kind, parts: Parts, reading: Reading, tokenizer: Tokenizer | None) -> dict[str, Any]:
    """What was imported and how: all that decides the rows, and what the files say of their making."""
    entries = parts.policies.values()
    models = list(dict.fromkeys(entry["model"] for entry in entries if entry["model"]))
    drawn = [entry["sampling"] for entry in entries if entry["format"]["sampling_stated"]]
    same = len(drawn) == len(entries) and all(one == drawn[0] for one in drawn)
    sources = list(dict.fromkeys(question.source for question in parts.questions if question.source))
    return {
        "benchmark": wanted.name or wanted.benchmark or " + ".join(sources[:3]) or Path(reading.files[0]).stem,
        "model": ", ".join(models) or "unnamed model",
        "samples": max(entry["samples"] for entry in entries),
        **({"sampling": drawn[0]} if same else {}),
        "written_by": kind,
        "format": wanted.format,
        "formats_seen": dict(sorted(parts.formats.items())),
        "tokens": ", ".join(sorted({entry["tokens"] for entry in entries})),
        "counted_with": tokenizer.name if tokenizer is not None else None,
        "left_out": dict(reading.left_out),
        "facts": plain(reading.facts),
    }


def _typed(wanted: Wanted) -> dict[str, Any]:
    return {
        "paths": [str(path) for path in wanted.paths],
        "labels": {str(path): name for path, name in wanted.labels.items()},
        "as": wanted.kind,
        "format": wanted.format,
        "name": wanted.name,
        "tokenizer": None if wanted.tokenizer is None else str(wanted.tokenizer),
        "benchmark": wanted.benchmark,
    }


def _hashes(files: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of each file by its name, with as many folders before it as tell it from the others."""
    ends = Counter("/".join(file.parts[-depth:]) for file in files for depth in range(1, len(file.parts) + 1))
    found = {}
    for file in files:
        names = ["/".join(file.parts[-depth:]) for depth in range(1, len(file.parts) + 1)]
        found[next((name for name in names if ends[name] == 1), names[-1])] = sha256_file(file)
    return found


def _engine(imported: Imported) -> EngineInfo:
    """Stands where a run has its engine: the tool that the results are from, and the model that it names."""
    version = imported.reading.facts.get("lm_eval_version") or imported.reading.facts.get("inspect_ai") or "unknown"
    return EngineInfo(
        name=imported.kind,
        model=imported.config["model"],
        version=str(version),
        context_len=0,
        vocab_size=0,
        exact=False,
        min_tokens=False,
        stop_seqs=False,
        banned_ids=False,
        crn=False,
        streams=False,
        top_k=False,
    )


def _known(imported: Imported, out: Path) -> RunDir | None:
    """The finished import of the same files in the same way below ``out``."""
    digest = config_hash(plain(imported.config))
    for path in sorted(out.glob(f"*/{MANIFEST}")):
        try:
            manifest = read_manifest(path.parent)
        except StoreError:
            continue  # another run that cannot be read is no reason to refuse this one
        same = (manifest.config_hash, manifest.inputs) == (digest, imported.inputs)
        if manifest.kind == "import" and manifest.status == "finished" and same:
            if manifest.policies == {name: plain(entry) for name, entry in imported.parts.policies.items()}:
                return RunDir.open(path.parent)
    return None
