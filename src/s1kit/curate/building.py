"""From a selection to a training set: rows, exports, length audit, card.

Knows where the parts lie and in which order they are written: the record comes last. Refuses to replace a training set
by another of the same name.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import s1kit
from s1kit.curate.audit import LengthAudit, audit
from s1kit.curate.card import CardFacts, Contamination, FunnelStep, SourceFacts, write_card
from s1kit.curate.conditions import Condition
from s1kit.curate.contamination_report import Report
from s1kit.curate.export import Exported, export
from s1kit.curate.folder import Folder
from s1kit.curate.funnel import measure
from s1kit.curate.recipe import CurateConfig, DecontaminateConfig, SelectConfig, TrainSetConfig
from s1kit.curate.row import batches
from s1kit.curate.trainset import TrainSet, TrainSetError, read_rows, write_trainset
from s1kit.curate.work import Work
from s1kit.formats import ResolvedFormat, load_format
from s1kit.store.files import write_atomic
from s1kit.store.rows import read_parquet, read_traces
from s1kit.tokenizer import Tokenizer
from s1kit.types import Grade, Question, Record, Selection, Trace

RECORD = "trainset.json"
AT_ONCE = 2000
"""Questions and traces that are held at once: what bounds the memory of a training set of the whole pool."""


class Built(Record):
    """``trainset.json``: what was built, from which selection and traces, and how long its rows are."""

    selection: str
    settings: TrainSetConfig
    trainset: TrainSet
    exported: Exported
    audit: LengthAudit
    verdicts: dict[str, int]
    """Traces of the set whose answer is right, wrong, missing, or that nobody could grade."""
    teachers: tuple[str, ...]


def resolve(config: CurateConfig) -> ResolvedFormat:
    """The format of the rows, with the tokenizer they are written with. Raises FormatError or TokenizerError."""
    return load_format(config.train.format).resolve(Tokenizer.load(config.folder(config.train.model)))


def label(selection: str, config: TrainSetConfig) -> str:
    """Folder of a training set."""
    return "-".join([selection, config.format, *([config.condition] if config.condition != "none" else [])])


def refuse_untaught(config: CurateConfig) -> None:
    """Raise TrainSetError for a recipe without traces."""
    if "trace" not in config.steps:
        raise TrainSetError("a training set needs traces\nhint: add `trace` to `steps`, or stop at `s1 curate select`")


def build(work: Work, selection: SelectConfig) -> Path:
    """The training set of a selection, from the curation's own traces; its folder."""
    refuse_untaught(work.config)
    folder = work.folder
    path = folder.trainsets / label(selection.label, work.config.train)
    if not (path / RECORD).exists():
        work.did = True
        write(path, folder, selection.label, work.config, folder.traces, list(folder.read_grades()))
    built = read_built(path)
    same = {"comparisons": work.config.train.comparisons}
    if built.settings.model_copy(update=same) != work.config.train:
        raise TrainSetError(f"`{path}` was built with other settings\nhint: remove it, or change `select.name`")
    left = f", {len(built.trainset.left_out)} left out" if built.trainset.left_out else ""
    work.say(f"training set {path.name}: {built.trainset.rows:,} rows, {built.trainset.tokens:,} tokens{left}")
    return path


def write(
    path: Path, folder: Folder, selection: str, config: CurateConfig, traces: Path, grades: Sequence[Grade]
) -> Built:
    """Everything of one training set, the record last. ``traces`` may be of another teacher than the curation's."""
    form = resolve(config)
    wanted = config.train.condition
    condition: Condition | None = None if wanted == "none" else wanted
    ids = Selection.model_validate_json((folder.selections / selection / "selection.json").read_bytes()).ids
    made = write_trainset(
        path,
        pairs(folder, ids, traces),
        form,
        condition=condition,
        max_tokens=config.train.max_tokens,
        skip=config.train.skip_unfit,
    )
    out = {entry.question_id for entry in made.left_out}
    inside = [name for name in ids if name not in out]
    exported = export(path, pairs(folder, inside, traces), form, condition=condition)
    lengths = audit(read_rows(path), form.close)
    verdicts = {g.question_id: g.verdict for g in grades}
    teachers = sorted({row["teacher"] for row in read_parquet(traces, ["teacher"])})
    built = Built(
        selection=selection,
        settings=config.train,
        trainset=made,
        exported=exported,
        audit=lengths,
        verdicts=dict(sorted(Counter(verdicts.get(name, "ungraded") for name in inside).items())),
        teachers=tuple(teachers),
    )
    write_card(path, card_facts(folder, built, config.decontaminate))
    write_atomic(path / RECORD, built.model_dump_json(indent=1) + "\n")
    return built


def read_built(path: Path) -> Built:
    """The record of a training set's folder."""
    return Built.model_validate_json((path / RECORD).read_bytes())


def pairs(folder: Folder, ids: Sequence[str], traces: Path) -> Iterator[tuple[Question, Trace]]:
    """Questions with their traces, in the order of ``ids``."""
    alive = folder.alive([step for step in folder.steps() if step != "difficulty"])
    for names in batches(ids, AT_ONCE):
        wanted = frozenset(names)
        questions = {q.id: q for q in folder.questions(alive, wanted)}
        there = {t.question_id: t for t in read_traces(traces, wanted)}
        for name in names:
            if name not in there:
                raise TrainSetError(f"question {name} of the selection has no trace in {traces.name}")
            yield questions[name], there[name]


def card_facts(folder: Folder, built: Built, rule: DecontaminateConfig) -> CardFacts:
    """What the card of a training set says, read from the curation."""
    path = folder.selections / built.selection
    selection = Selection.model_validate_json((path / "selection.json").read_bytes())
    funnel = measure(folder.path)
    return CardFacts(
        name=f"{folder.path.name}/{built.selection}",
        command="s1 " + " ".join(sys.argv[1:]),
        s1kit_version=s1kit.__version__,
        size=built.trainset.rows,
        format=built.trainset.format,
        tokenizer=built.trainset.tokenizer_name,
        condition=built.trainset.condition,
        left_out=len(built.trainset.left_out),
        sources=tuple(
            SourceFacts(
                name=source.source,
                licence=", ".join(source.licences) or None,
                pool=source.kept[0],
                selected=source.chosen.get(built.selection, 0),
            )
            for source in funnel.sources
        ),
        funnel=tuple(
            FunnelStep(
                step=step.name,
                before=step.rows_in,
                kept=step.kept,
                reasons={reason.reason: reason.rows for reason in step.reasons},
            )
            for step in funnel.steps
        ),
        contamination=tuple(_contamination(path / "contamination.json")),
        ngram=rule.n,
        coverage=rule.least_coverage,
        rule=selection.rule,
        seed=selection.seed,
        teachers=built.teachers,
        verdicts=built.verdicts,
        domains=selection.counts_by_domain,
        audit=built.audit,
        exported=built.exported,
    )


def _contamination(path: Path) -> Iterator[Contamination]:
    """The report on the selection, by evaluation set, in both modes."""
    found = Report.model_validate_json(path.read_bytes())
    for name, sizes in found.evaluations.items():
        paper, covered = (found.modes[mode].by_evaluation[name].dropped for mode in ("paper", "coverage"))
        yield Contamination(evaluation=name, items=sizes["items"], any_ngram=paper, covered=covered)
