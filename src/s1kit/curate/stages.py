"""The steps, each from the rows that are left to decisions about them.

Knows what each step reads and writes beside its decisions, which come last. What decides is elsewhere, in pure
functions over batches of rows: ``quality``, ``duplicates``, ``near``, ``decontaminate``, ``verdicts``, ``domains``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from s1kit.curate import domains as filing
from s1kit.curate.contamination_report import report as contamination_report
from s1kit.curate.decontaminate import decide as decontaminated
from s1kit.curate.duplicates import Exact
from s1kit.curate.evaluation_sets import load_evaluations
from s1kit.curate.near import near_duplicates
from s1kit.curate.quality import step as quality_step
from s1kit.curate.row import Row
from s1kit.curate.teaching import teach
from s1kit.curate.trying import attempts, difficulty_of
from s1kit.curate.work import Work, until_read
from s1kit.store.files import write_atomic
from s1kit.types import Decision, Filed


def quality(work: Work) -> Iterator[Decision]:
    """Faults that are visible in the text."""
    config = work.config.quality
    for batch in work.rows():
        yield from quality_step(batch, patterns=config.patterns, reference=config.reference)
