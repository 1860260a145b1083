"""Which 1,000 rows: Algorithm 1 of the paper, the rule of its published notebook, and the sets it compares with.

Knows ids, domains and trace lengths, and nothing else of a question. Every draw is seeded and made of integers alone,
so a selection is the same on every machine, and every drawn row says which domain, rank and pool it was drawn from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from s1kit.errors import UserError
from s1kit.types import Chosen

Rule = Literal["paper", "notebook", "random", "diverse", "longest", "full"]
UNIFORM_SHARE = 7, 10
"""The notebook draws domains uniformly until this share of the selection is there, then by the benchmarks' shape."""


class SelectionError(UserError, ValueError):
    """A selection that cannot be made from this pool; says how many rows there are and what would be needed."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that passed every filter; ``length`` in tokens of its trace."""

    id: str
    domain: str
    length: int


def select(
    candidates: Iterable[Candidate],
    rule: Rule,
    size: int = 1000,
    *,
    seed: int = 0,
    preselected: Iterable[Candidate] = (),
    shape: Mapping[str, float] | None = None,
) -> list[Chosen]:
    """The selection in the order in which it was drawn.

    ``paper``: until ``size`` rows are there, draw a domain uniformly, in it a row with weight 2^-rank (rank 0 the
    longest trace), remove it; a domain that runs empty leaves the draw. ``preselected`` rows are in from the start,
    whether or not they are among the candidates (the paper keeps them although a solver may have solved them).
    ``notebook``: the same, but candidates that are preselected stay in their pools (drawing one uses it up and adds
    nothing), and for the last three tenths domains are drawn with the weights ``shape`` (domain -> weight of the
    benchmarks).
    ``random``: uniform over rows. ``diverse``: uniform over domains, then over their rows. ``longest``: by length.
    ``full``: everything, in the order of ids. Ties in length go by id; the order of ``candidates`` does not matter.

    The other rules take no preselected rows.

    Raises SelectionError for duplicate ids, too small a pool, or (notebook) a shape whose domains run empty.
    """
    pool = sorted(candidates, key=_place)
    kept = {c.id: _chosen(c, "preselected") for c in sorted(preselected, key=_place)}
    _check(pool, rule, size, kept)
    if rule == "full":
        return [_chosen(c, "all") for c in sorted(pool, key=lambda c: c.id)]
    if rule == "longest":
        return [_chosen(c, "longest", rank, len(pool)) for rank, c in enumerate(pool[:size])]
    rng = Random(f"s1kit select {rule} {seed}")
    if rule == "random":
        return [_chosen(c, "drawn") for c in rng.sample(sorted(pool, key=lambda c: c.id), size)]
    return _by_domain(rng, pool, rule, size, kept, shape)


def draw_rank(rng: Random, count: int) -> int:
    """A rank in 0..count-1 with probability proportional to 2^-rank, exactly: no float is involved.

    Of the numbers 1 to 2^count - 1 those with ``count - rank`` bits are 2^(count - rank - 1) many.
    """
    return count - rng.randrange(1, 1 << count).bit_length()


def _by_domain(
    rng: Random,
    pool: Sequence[Candidate],
    rule: Rule,
    size: int,
    kept: dict[str, Chosen],
    shape: Mapping[str, float] | None,
) -> list[Chosen]:
    stays = rule == "notebook"
    domains: dict[str, list[Candidate]] = {}
    for candidate in pool:
        if stays or candidate.id not in kept:
            domains.setdefault(candidate.domain, []).append(candidate)
    selected = dict(kept)
    names = sorted(domains)
    turn = size * UNIFORM_SHARE[0] // UNIFORM_SHARE[1] if stays else size
    while len(selected) < size:
        name = names[rng.randrange(len(names))] if len(selected) < turn else _shaped(rng, names, shape or {}, selected)
        rows = domains[name]
        rank = rng.randrange(len(rows)) if rule == "diverse" else draw_rank(rng, len(rows))
        row = rows.pop(rank)
        if row.id not in selected:
            selected[row.id] = _chosen(row, "drawn", None if rule == "diverse" else rank, len(rows) + 1)
        if not rows:
            names.remove(name)
    return list(selected.values())


def _shaped(rng: Random, names: Sequence[str], shape: Mapping[str, float], selected: Mapping[str, Chosen]) -> str:
    """A domain by the benchmarks' weights, as whole numbers: a share below a millionth of a row counts as none."""
    weights = [round(1_000_000 * shape.get(name, 0.0)) for name in names]
    total = sum(weights)
    if total <= 0:
        raise SelectionError(
            f"after {len(selected)} rows no domain is left that the benchmarks have weight in\n"
            "hint: give weights for more domains, or use the rule paper"
        )
    at = rng.randrange(total)
    for name, weight in zip(names, weights, strict=True):
        at -= weight
        if at < 0:
            return name
    raise AssertionError("the draw lies within the total")


def _chosen(
    row: Candidate,
    how: Literal["preselected", "drawn", "longest", "all"],
    rank: int | None = None,
    left: int | None = None,
) -> Chosen:
    return Chosen(question_id=row.id, domain=row.domain, how=how, rank=rank, left=left, length=row.length)


def _check(pool: Sequence[Candidate], rule: Rule, size: int, kept: Mapping[str, Chosen]) -> None:
    twice = next((name for name, n in Counter(c.id for c in pool).items() if n > 1), None)
    if twice is not None:
        raise SelectionError(f"row {twice} is in the pool twice\nhint: add `duplicates` to `steps`")
    if size < 1:
        raise SelectionError(f"a selection of {size} rows: ask for at least 1")
    if kept and rule not in ("paper", "notebook"):
        raise SelectionError(f"the rule {rule} takes no preselected rows")
    if len(kept) > size:
        raise SelectionError(f"{len(kept)} rows are preselected, but only {size} asked for")
    there = len({c.id for c in pool} | kept.keys())
    if rule != "full" and there < size:
        raise SelectionError(f"{size} rows asked for, the pool has {there}\nhint: filter less, or ask for fewer")


def _place(candidate: Candidate) -> tuple[int, str]:
    return -candidate.length, candidate.id
