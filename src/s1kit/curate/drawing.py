"""From the rows that are left to a selection: who is a candidate for which rule, and the draw.

Knows which steps stand before a rule (paper, section 2.2 and Table 2): the comparison sets are drawn from what is left
before difficulty, and preselected rows too. Refuses to draw by itself: ``select`` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from s1kit.curate.folder import Folder
from s1kit.curate.recipe import PreselectConfig, SelectConfig
from s1kit.curate.select import Candidate, SelectionError, select
from s1kit.types import Chosen, Question, Selection, canonical_json, sha256_hex

OTHER = "other"
BY_LENGTH = ("paper", "notebook", "longest")
BY_DOMAIN = ("paper", "notebook", "diverse")


def draw(folder: Folder, steps: Sequence[str], config: SelectConfig) -> tuple[Selection, list[Chosen]]:
    """The selection and its rows, in the order in which they were drawn.

    Raises SelectionError where a rule needs lengths or domains that no step has made, or there are too few rows.
    """
    refuse_missing(steps, config)
    before = [step for step in steps if step != "difficulty"]
    lengths = folder.lengths() if "trace" in steps else {}
    domains = folder.read_domains()
    hard = config.rule in ("paper", "notebook")
    pool = list(_candidates(folder.ids(folder.alive(steps if hard else before)), domains, lengths))
    kept: list[Candidate] = []
    shape: dict[str, float] = {}
    if config.preselect or config.shape:
        easy_too = list(folder.questions(folder.alive(before)))
        solved = (q.id for q in _preselected(folder, easy_too, config.preselect, lengths))
        kept = list(_candidates(solved, domains, lengths))
        shape = _shape(easy_too, domains, config.shape)
    rows = select(pool, config.rule, config.size, seed=config.seed, preselected=kept, shape=shape)
    selection = Selection(
        rule=config.rule,
        size=len(rows),
        seed=config.seed,
        ids=tuple(row.question_id for row in rows),
        counts_by_domain=dict(sorted(Counter(row.domain for row in rows).items())),
        inputs={
            "candidates": _digest(pool),
            "preselected": _digest(kept),
            "shape": sha256_hex(canonical_json(shape)),
            "settings": sha256_hex(canonical_json(config.model_dump(mode="json", exclude={"name"}))),
        },
    )
    return selection, rows


def from_source(question: Question, source: str) -> bool:
    """Whether a question comes from a source, or from a part of it (``agieval`` has ``agieval/lsat-ar``)."""
    return question.source == source or question.source.startswith(source + "/")


def refuse_missing(steps: Sequence[str], config: SelectConfig) -> None:
    """Raise SelectionError where a rule needs lengths or domains that no step makes."""
    missing = "trace" if config.rule in BY_LENGTH and "trace" not in steps else None
    missing = "domain" if config.rule in BY_DOMAIN and "domain" not in steps else missing
    if missing is not None:
        raise SelectionError(
            f"rule {config.rule} needs the step {missing}\nhint: add it to `steps`, or choose another rule"
        )


def _candidates(ids: Iterable[str], domains: dict[str, str], lengths: dict[str, int]) -> Iterable[Candidate]:
    return (Candidate(name, domains.get(name, OTHER), lengths.get(name, 0)) for name in ids)


def _preselected(
    folder: Folder, questions: Iterable[Question], wanted: Sequence[PreselectConfig], lengths: dict[str, int]
) -> list[Question]:
    """Questions of the named sources that the teacher is known to have solved, with traces long enough."""
    if not wanted:
        return []
    solved = {g.question_id for g in folder.read_grades() if g.verdict == "correct"}
    return [
        q
        for q in questions
        if q.id in solved and any(from_source(q, w.source) and lengths[q.id] > w.longer_than for w in wanted)
    ]


def _shape(questions: Iterable[Question], domains: dict[str, str], weights: dict[str, float]) -> dict[str, float]:
    """Domain -> weight: each source's questions spread over domains, summing to the source's weight."""
    shape: dict[str, float] = {}
    rows = list(questions) if weights else []
    for source, weight in weights.items():
        counts = Counter(domains.get(q.id, OTHER) for q in rows if from_source(q, source))
        for domain, count in counts.items():
            shape[domain] = shape.get(domain, 0.0) + weight * count / counts.total()
    return dict(sorted(shape.items()))


def _digest(candidates: Iterable[Candidate]) -> str:
    return sha256_hex(canonical_json(sorted([c.id, c.domain, c.length] for c in candidates)))
