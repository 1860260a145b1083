"""``s1 runs verify`` on a curation: derive again what it claims, and list where that does not hold.

Knows which claims can be derived from the folder alone: hashes, ids, that no row is decided twice or after it was
dropped, the filters that read nothing but the pool, difficulty from the attempts, every draw, every training row.
Refuses to pass what it cannot derive: what evaluation sets, a teacher or a tokenizer would be needed for is
"unverifiable" where those are not at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path

import duckdb
import pyarrow as pa
import yaml
from pydantic import ValidationError

from s1kit.curate import decontaminate as contamination
from s1kit.curate import near, quality, teaching, trying
from s1kit.curate.building import RECORD, pairs, read_built
from s1kit.curate.drawing import draw
from s1kit.curate.duplicates import Exact
from s1kit.curate.figures import Funnel
from s1kit.curate.folder import POOL_STEP, Folder
from s1kit.curate.funnel import measure
from s1kit.curate.keeping import settings_of
from s1kit.curate.recipe import CurateConfig, SelectConfig
from s1kit.curate.row import Row
from s1kit.curate.rows import build_row
from s1kit.curate.selecting import SETTINGS
from s1kit.curate.stages import FILING, compare_both, file_decision
from s1kit.curate.trainset import FILE, read_rows
from s1kit.errors import UserError
from s1kit.formats import load_format
from s1kit.store.difference import config_hash, differences
from s1kit.store.errors import StoreError
from s1kit.store.files import sha256_file
from s1kit.store.findings import Finding, Findings
from s1kit.store.manifest import read_manifest
from s1kit.store.rows import read_records
from s1kit.tokenizer import Tokenizer
from s1kit.types import Chosen, Decision, Selection, question_id


def verify(path: Path) -> list[Finding]:
    """Everything that can be derived again, problems first. Never raises for damage: damage is what it reports."""
    findings = Findings()
    folder = Folder(path)
    checks: tuple[Callable[[Folder, Findings], None], ...] = (
        _config,
        _hashes,
        _pool,
        _decisions,
        _steps,
        _selections,
        _trainsets,
        _funnel,
    )
    for check in checks:
        try:
            check(folder, findings)
        except (UserError, ValueError, LookupError, OSError, pa.ArrowException, duckdb.Error) as problem:
            said = str(problem).partition("\nhint:")[0]
            findings.add("files", "error", path.name, f"{check.__name__.strip('_')} cannot be checked: {said}")
    return findings.findings()


def read_config(folder: Folder) -> CurateConfig:
    """The recipe as the folder keeps it. Raises StoreError where it is none."""
    file = folder.path / "config.yaml"
    try:
        return CurateConfig.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as problem:
        raise StoreError(f"`{file}` is no recipe of a curation: {problem}") from problem


def _config(folder: Folder, findings: Findings) -> None:
    manifest = read_manifest(folder.path)
    if config_hash(manifest.config) != manifest.config_hash:
        findings.add("config", "error", "manifest.json", "config does not have the hash config_hash")
    for difference in differences(manifest.config, settings_of(read_config(folder))):
        findings.add("config", "error", "config.yaml", f"{difference} (manifest -> config.yaml)")
    findings.ran("config", "the settings have the hash that the manifest names, and config.yaml says the same")
    if manifest.status != "finished":
        findings.add("status", "warning", "manifest.json", f"the curation is {manifest.status}")


def _hashes(folder: Folder, findings: Findings) -> None:
    hashes = read_manifest(folder.path).hashes
    for name, expected in hashes.items():
        if not (folder.path / name).exists():
            findings.add("hashes", "error", name, "is missing")
        elif sha256_file(folder.path / name) != expected:
            findings.add("hashes", "error", name, "was changed after it was written")
    findings.ran("hashes", f"{len(hashes)} files are as they were written")


def _pool(folder: Folder, findings: Findings) -> None:
    seen = 0
    for row in _all_rows(folder):
        seen += 1
        q = row.question
        if q.id != question_id(q.text, q.choices):
            findings.add("pool", "error", f"row {row.number}", f"id {q.id} is not that of its content")
    findings.ran("pool", f"{seen} ids are those of their questions")


def _decisions(folder: Folder, findings: Findings) -> None:
    """Every row that reached a step is decided there once, and none that had been dropped."""
    done: list[str] = []
    for step in folder.steps():
        rows = [(d.row, d.step) for d in folder.decisions(step)]
        if any(said != step for _, said in rows):
            findings.add("decisions", "error", step, "holds decisions of another step")
        numbers = [row for row, _ in rows]
        expected = list(range(len(rows))) if step == POOL_STEP else folder.alive(done).nonzero()[0].tolist()
        if numbers != expected:
            findings.add("decisions", "error", step, f"{len(numbers)} rows are decided, {len(expected)} were left")
        done.append(step)
    if read_manifest(folder.path).status == "finished":
        for step in set(read_config(folder).steps) - set(done):
            findings.add("decisions", "error", step, "is of a finished curation, and has no decisions")
    findings.ran("decisions", f"in {len(done)} steps every row that was left is decided once, no other")


def _steps(folder: Folder, findings: Findings) -> None:
    """The filters that need nothing but the pool and the folder's own files, taken again."""
    config = read_config(folder)
    done = [POOL_STEP]
    for step in list(folder.steps())[1:]:
        again = _again(folder, config, step, done)
        if again is None:
            findings.add(f"step {step}", "unverifiable", step, "needs what is not in the folder")
        else:
            _compare(findings, step, folder.decisions(step), again)
            findings.ran(f"step {step}", "taken again, it says the same of every row")
        done.append(step)


def _compare(findings: Findings, step: str, stored: Iterable[Decision], derived: Iterable[Decision]) -> None:
    """Where two lists of decisions, both by rising row, differ."""
    for there, again in zip_longest(stored, derived):
        if there is None or again is None or there.row != again.row:
            what = "has no decision" if there is None else "is decided, but should not have got here"
            findings.add(f"step {step}", "error", f"row {(there or again).row}", what)
            return  # what follows is out of step
        if there != again:
            said = f"kept {there.kept} {there.reason!r}, derived {again.kept} {again.reason!r}"
            findings.add(f"step {step}", "error", f"row {there.row}", said)


def _again(folder: Folder, config: CurateConfig, step: str, done: list[str]) -> Iterable[Decision] | None:
    def rows() -> Iterator[Row]:
        return chain.from_iterable(folder.rows(folder.alive(done)))

    if step == "quality":
        settings = config.quality
        batches = folder.rows(folder.alive(done))
        return chain.from_iterable(quality.step(b, settings.patterns, reference=settings.reference) for b in batches)
    if step == "duplicates":
        exact = Exact()
        found = [d for batch in folder.rows(folder.alive(done)) for d in exact.step(batch)]
        if config.duplicates.near is None:
            return found
        return near.step(rows, config.duplicates.near, {d.row: d for d in found if not d.kept})
    if step == "decontaminate":
        with suppress(UserError):  # the evaluation sets may have been elsewhere
            questions = partial(folder.questions, folder.alive(done))
            both, _ = compare_both(config, questions)
            return contamination.decide(rows(), both[config.decontaminate.mode])
    if step == "trace":
        return teaching.decide(rows(), folder.read_traces(), step)
    if step == "domain" and config.domain.by in FILING:
        again = (FILING[config.domain.by](row.question) for row in rows())
        return (file_decision(row, filed) for row, filed in zip(rows(), again, strict=True))
    if step == "difficulty":
        return trying.decide(rows(), folder.read_attempts(), step, config.difficulty.undecided)
    return None


def _selections(folder: Folder, findings: Findings) -> None:
    steps = read_config(folder).steps
    names = sorted(p.parent.name for p in folder.selections.glob("*/selection.json"))
    for name in names:
        path = folder.selections / name
        record = Selection.model_validate_json((path / "selection.json").read_bytes())
        again, rows = draw(folder, steps, SelectConfig.model_validate_json((path / SETTINGS).read_bytes()))
        if again != record:
            findings.add("selections", "error", name, "drawn again it comes out otherwise")
        if list(read_records(path / "rows.parquet", Chosen)) != rows:
            findings.add("selections", "error", name, "rows.parquet is not what is drawn again")
    findings.ran("selections", f"{len(names)} selections, each drawn again with the same rows in the same order")


def _trainsets(folder: Folder, findings: Findings) -> None:
    """Every row built again from question and trace, where the tokenizer is at hand. Exports and card: by hash only."""
    config = read_config(folder)
    sets = sorted(p.parent for p in folder.trainsets.glob(f"*/{RECORD}"))
    for path in sets:
        built = read_built(path)
        if sha256_file(path / FILE) != built.trainset.sha256:
            findings.add("training sets", "error", path.name, f"{FILE} is not what {RECORD} says")
        tokenizer = Tokenizer.load(config.folder(built.settings.model))
        if tokenizer.hash != built.trainset.tokenizer:
            findings.add("training sets", "unverifiable", path.name, "was made with a tokenizer that is not at hand")
            continue
        form = load_format(built.trainset.format).resolve(tokenizer)
        out = {entry.question_id for entry in built.trainset.left_out}
        ids = Selection.model_validate_json((folder.selections / built.selection / "selection.json").read_bytes()).ids
        own = path / "traces.parquet"
        inside = [name for name in ids if name not in out]
        again = pairs(folder, inside, own if own.exists() else folder.traces)
        for row, pair in zip_longest(read_rows(path), again):
            if row is None or pair is None:
                findings.add("training sets", "error", path.name, f"does not have the {len(inside)} rows it should")
                break
            question, trace = pair
            if row != build_row(question, trace, form, condition=built.trainset.condition):
                findings.add(
                    "training sets", "error", f"{path.name} row {row.id}", "built again it comes out otherwise"
                )
    findings.ran("training sets", f"{len(sets)} training sets, each row built again with the same ids and labels")


def _funnel(folder: Folder, findings: Findings) -> None:
    there, derived = Funnel.model_validate_json(folder.funnel.read_bytes()), measure(folder.path)
    if (there.steps, there.sources) != (derived.steps, derived.sources):
        findings.add("funnel", "error", "funnel.json", "its counts are not those of the decisions")
    findings.ran("funnel", "funnel.json is what the decisions give")


def _all_rows(folder: Folder) -> Iterator[Row]:
    return chain.from_iterable(folder.rows(folder.alive(())))
