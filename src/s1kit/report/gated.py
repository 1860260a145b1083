"""Questions whose text must not be published, as a report shows them: numbers yes, words no.

Knows how rows and questions are blanked before a page is made. Refuses to know which data sets are meant: that is
``benchmarks.publishing``'s.
"""

from __future__ import annotations

from collections.abc import Mapping

from s1kit.benchmarks.publishing import hide_generation, hide_grade, hide_question, is_gated
from s1kit.report.rows import Key
from s1kit.store.run import RunDir
from s1kit.types import Generation, Grade, Question

WITHHELD = (
    "The authors of this data set ask that its questions are not published: the trace browser is left out. "
    "`s1 report --with-gated` writes it, for your own eyes."
)
Full = Mapping[Key, tuple[Generation, Grade]]


def has_gated(run: RunDir) -> bool:
    """Whether any question of the run must not be published."""
    return any(is_gated(question, run.manifest) for question in run.questions())


def blanked(run: RunDir, questions: Mapping[str, Question], rows: Full) -> tuple[dict[str, Question], Full]:
    """Questions and rows, without the words of those that must not be published."""
    closed = {key for key, question in questions.items() if is_gated(question, run.manifest)}
    shown = {key: hide_question(q) if key in closed else q for key, q in questions.items()}
    hidden = {
        key: (hide_generation(row), hide_grade(grade)) if key[0] in closed else (row, grade)
        for key, (row, grade) in rows.items()
    }
    return shown, hidden
