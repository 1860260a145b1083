"""Questions whose text must not be published, as a report shows them: numbers yes, words no.

Knows how rows and questions are blanked before a page is made, and what a page says of it. Refuses to know which data
sets are meant: that is ``benchmarks.publishing``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from s1kit.benchmarks.publishing import hide_generation, hide_grade, hide_question, is_gated
from s1kit.report.rows import Key
from s1kit.store.run import RunDir
from s1kit.types import Generation, Grade, Question

WITHHELD = (
    "The authors of this data set ask that its text is not published: questions, options and traces are left out here; "
    "numbers, marks and verdicts are all there. With --with-gated, s1 report keeps the texts, for your own eyes."
)
Full = Mapping[Key, tuple[Generation, Grade]]


def withheld(runs: Iterable[RunDir], with_gated: bool) -> str:
    """The sentence for a page that leaves texts of these runs out; empty where it leaves out none."""
    hides = not with_gated and any(is_gated(question, run.manifest) for run in runs for question in run.questions())
    return WITHHELD if hides else ""


def blanked(run: RunDir, questions: Mapping[str, Question], rows: Full) -> tuple[dict[str, Question], Full]:
    """Questions and rows, without the words of those that must not be published."""
    closed = {key for key, question in questions.items() if is_gated(question, run.manifest)}
    shown = {key: hide_question(q) if key in closed else q for key, q in questions.items()}
    hidden = {
        key: (hide_generation(row), hide_grade(grade)) if key[0] in closed else (row, grade)
        for key, (row, grade) in rows.items()
    }
    return shown, hidden
