"""The steps, each from the rows that are left to decisions about them.

Knows what each step reads and writes beside its decisions, which come last. What decides is elsewhere, in pure
functions over batches of rows: ``quality``, ``duplicates``, ``near``, ``decontaminate``, ``teaching``, ``trying``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from s1kit.curate import decontaminate as contamination
from s1kit.curate import domains as filing
from s1kit.curate import near, pooling, quality, teaching, trying
from s1kit.curate.contamination_report import Report, report
from s1kit.curate.decontaminate import Mode, rule_for
from s1kit.curate.duplicates import Exact
from s1kit.curate.evaluation_sets import load_evaluations
from s1kit.curate.recipe import CurateConfig
from s1kit.curate.row import Row
from s1kit.curate.work import Work, until_read
from s1kit.store.files import write_atomic
from s1kit.tokenizer import Tokenizer
from s1kit.types import Decision, Filed, Question

MODES: tuple[Mode, ...] = ("paper", "coverage")


def pool(work: Work) -> Iterator[Decision]:
    """Every row of every source: a question of the pool, or the reason why it is none."""
    return pooling.read_pool(work.config, work.folder.pool, work.say)


def step_quality(work: Work) -> Iterator[Decision]:
    """Faults that are visible in the text."""
    config = work.config.quality
    for batch in work.rows():
        yield from quality.step(batch, config.patterns, reference=config.reference)


def step_duplicates(work: Work) -> Iterator[Decision]:
    """Exact copies, then near ones among what is left."""
    exact = Exact()
    if work.config.duplicates.near is None:
        for batch in work.rows():
            yield from exact.step(batch)
        return
    copies = {d.row: d for batch in work.rows() for d in exact.step(batch) if not d.kept}
    yield from near.step(lambda: chain.from_iterable(work.rows()), work.config.duplicates.near, copies)


def step_decontaminate(work: Work) -> Iterator[Decision]:
    """Questions that are in an evaluation set, by the recipe's rule; both rules are reported."""
    found, evaluations = compare_both(work.config, work.questions)
    told = report(found, work.questions, evaluations)
    write_atomic(work.folder.contamination, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    common = list(found["coverage"].boilerplate)
    write_atomic(work.folder.boilerplate, json.dumps(common, indent=1, ensure_ascii=False) + "\n")
    yield from contamination.decide(chain.from_iterable(work.rows()), found[work.config.decontaminate.mode])


def compare_selected(work: Work, questions: Iterable[Question]) -> dict[str, Any]:
    """The report on a selection, after everything: a copy that came in late must show.

    Boilerplate is what was boilerplate in the pool: among a thousand rows no phrase is common enough to stand out.
    """
    chosen = list(questions)
    if not work.config.decontaminate.evaluations:
        return Report(questions=len(chosen), evaluations={}, modes={}).model_dump(mode="json")
    path = work.folder.boilerplate
    stop = tuple(json.loads(path.read_bytes())) if path.exists() else None
    found, evaluations = compare_both(work.config, lambda: iter(chosen), stop)
    return report(found, lambda: iter(chosen), evaluations)


def step_trace(work: Work) -> Iterator[Decision]:
    """The teacher's traces, from a model or a file, counted and graded; what cannot be learned from is dropped."""
    config = work.config.trace
    tokenizer = Tokenizer.load(work.config.folder(config.tokenizer))
    if config.teacher is not None:
        traces = teaching.traces_by_model(work, config.teacher, work.questions, work.size(), tokenizer)
    elif config.file is not None:
        traces = teaching.traces_of_file(work.config.file(config.file), work.questions(), tokenizer)
    else:
        assert config.meta is not None, "the recipe was checked"
        traces = teaching.traces_of_sources(config.meta, work.questions(), tokenizer)
    work.folder.write_traces(traces)
    work.folder.write_grades(teaching.grade(work, work.questions(), work.folder.read_traces(), config.judged))
    yield from teaching.decide(chain.from_iterable(work.rows()), work.folder.read_traces(), work.step)


def step_domain(work: Work) -> Iterator[Decision]:
    """A domain for every row; none is dropped for having none."""
    work.folder.write_domains(_filed(work))
    for row, filed in zip(chain.from_iterable(work.rows()), work.folder.read_filed(), strict=True):
        yield file_decision(row, filed)


def file_decision(row: Row, filed: Filed) -> Decision:
    """Where a row was filed; a row that nobody could file is kept too, in the domain ``other``."""
    return row.decide("domain", True, "no_known_class" if filed.how == "unknown" else "", filed.code)


def step_difficulty(work: Work) -> Iterator[Decision]:
    """What no solver solves."""
    work.folder.write_attempts(trying.attempts(work))
    rows = chain.from_iterable(work.rows())
    yield from trying.decide(rows, work.folder.read_attempts(), work.step, work.config.difficulty.undecided)


FILING: dict[str, Callable[[Question], Filed]] = {"column": filing.by_column, "lexical": filing.by_lexical}


def _filed(work: Work) -> Iterator[Filed]:
    config = work.config.domain
    if config.by in FILING:
        yield from map(FILING[config.by], work.questions())
    else:
        assert config.model is not None, "the recipe was checked"
        asks = {q.id: tuple(filing.classifier_messages(q)) for q in work.questions()}
        said = until_read(work, "classifier", config.model, asks, filing.parse_model, config.asks)
        for question in work.questions():
            yield filing.by_model(question, *said[question.id])


def compare_both(
    curation: CurateConfig, questions: Callable[[], Iterable[Question]], stop: tuple[str, ...] | None = None
) -> tuple[dict[Mode, contamination.Contamination], dict[str, list[tuple[str, str]]]]:
    """The comparison by both rules, and the evaluation sets. ``stop``: boilerplate that is known already."""
    config = curation.decontaminate
    evaluations = load_evaluations(config.evaluations, curation.data)
    found: dict[Mode, contamination.Contamination] = {}
    for mode in MODES:
        rule = rule_for(
            mode,
            n=config.n,
            boilerplate=config.boilerplate if stop is None else None,
            stop=stop or (),
            least_coverage=config.least_coverage,
            near=config.near,
        )
        found[mode] = contamination.compare(((q.id, q.prompt()) for q in questions()), evaluations, rule)
    return found, evaluations


STAGES: dict[str, Callable[[Work], Iterator[Decision]]] = {
    "pool": pool,
    "quality": step_quality,
    "duplicates": step_duplicates,
    "decontaminate": step_decontaminate,
    "trace": step_trace,
    "domain": step_domain,
    "difficulty": step_difficulty,
}
"""Step -> what it does."""
