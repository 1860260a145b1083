"""From sources to the pool: every row becomes a question with a number, or a decision that says why not.

Knows the order of the sources and that their rows are numbered through. Nothing is held in memory but a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from s1kit.curate.folder import BATCH, POOL_STEP
from s1kit.curate.hub import HubError
from s1kit.curate.mapping import Mapping
from s1kit.curate.models import NANO_POOL_SIZE
from s1kit.curate.recipe import CurateConfig, SourceConfig
from s1kit.curate.sources import Read, find, read_mapped, read_source
from s1kit.errors import UserError
from s1kit.nano import pool as nano_pool
from s1kit.store.rows import POOL, parquet_sink, question_row
from s1kit.types import Decision, Question

Say = Callable[[str], None]


def read_pool(config: CurateConfig, path: Path, say: Say) -> Iterator[Decision]:
    """Write the pool to ``path`` and yield one decision per row of every source.

    The file is complete when the last decision has been taken. Raises UserError for a source that cannot be read;
    an unreachable hub is passed over, and told, where the recipe allows it.
    """
    for source in config.sources:
        known(source)
    with parquet_sink(path, POOL, BATCH) as add:
        number = 0
        for source in config.sources:
            place = None if source.path is None else config.file(source.path)
            for read in reads(source, place, skip=say if config.skip_unreachable else None):
                if read.question is not None:
                    add({"row": number, **question_row(read.question)})
                yield Decision(
                    row=number,
                    question_id=read.question.id if read.question else None,
                    source=read.question.source if read.question else read.source,
                    step=POOL_STEP,
                    kept=read.question is not None,
                    reason=read.reason,
                    evidence=read.evidence or read.where,
                )
                number += 1


def known(config: SourceConfig) -> None:
    """Raise UserError for a source that there is not, and for one that must not be in a pool."""
    if config.source is None or config.source == nano_pool.SOURCE:
        return
    if find(config.source, nano_pool.SOURCE).evaluation:
        raise UserError(
            f"source {config.source} is an evaluation set and never part of a pool\n"
            "hint: name it under decontaminate.evaluations"
        )


def reads(config: SourceConfig, path: Path | None, skip: Say | None = None) -> Iterator[Read]:
    """The rows of one source. ``skip`` is told of a hub that does not answer, which is an error where it is None."""
    taken = 0
    try:
        for read in _reads(config, path):
            if config.limit is not None and taken >= config.limit:
                return
            taken += 1
            yield _named(read, config)
    except HubError as error:
        if skip is None:
            raise
        why = str(error).partition("\nhint:")[0]
        skip(f"skipped source {config.source}, after {taken} rows: {why}")


def _reads(config: SourceConfig, path: Path | None) -> Iterator[Read]:
    if config.source == nano_pool.SOURCE:
        for question, where in nano_pool.read(config.limit or NANO_POOL_SIZE, config.seed):
            reason = "" if question is not None else "empty_question"
            yield Read(where, nano_pool.SOURCE, question, reason, "" if question is not None else where)
    elif config.source is not None:
        yield from read_source(find(config.source), path)
    else:
        assert path is not None, "the recipe was checked"
        yield from read_mapped(config.mapping or Mapping(), path)


def _named(read: Read, config: SourceConfig) -> Read:
    """The read with the name and licence that the recipe gives it, where it gives any."""
    question: Question | None = read.question
    if question is not None and (config.name or config.licence):
        changes = {"source": config.name, "licence": config.licence}
        question = question.model_copy(update={k: v for k, v in changes.items() if v is not None})
    return Read(read.where, config.name or read.source, question, read.reason, read.evidence)
