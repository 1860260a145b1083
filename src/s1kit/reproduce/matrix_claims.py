"""Claims on parts that are no comparison: the selections, the cut rows, the variants and the main curve.

Knows the rows that `results.json` holds of them, and rules on rows. Refuses to read runs: where a row keeps no test
over questions, intervals that do not touch decide, which asks for more than a test would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from s1kit.metrics.intervals import Interval
from s1kit.reproduce.claims import Judged
from s1kit.reproduce.judging import Found, side, span, unknown
from s1kit.reproduce.tables import BASELINE, Measured
from s1kit.reproduce.variants import Variant

Rows = Sequence[dict[str, Any]]
Rule = Callable[[Rows], Found]


class CellClaim(NamedTuple):
    """A sentence of the paper's, the numbers that it rests on there, and a rule over rows of a part."""

    text: str
    paper: str
    rule: Rule


def judged_rows(part: str, rows: Rows) -> list[Judged]:
    """Every claim of a part on its rows; none for a part without claims."""
    told = [(claim, claim.rule(rows)) for claim in CELL_CLAIMS.get(part, ())]
    return [Judged(claim=c.text, paper=c.paper, verdict=verdict, why=why) for c, (verdict, why) in told]


def lower(part: str, row: str) -> Rule:
    """Holds where ``row``, at its natural end, is shown less accurate than the table's baseline: the interval of the
    paired difference lies below 0 and so does the difference of every seed. Does not where both lie above."""

    def read(rows: Rows) -> Found:
        own, base = _natural(rows, row), _natural(rows, BASELINE[part])
        if own is None or base is None or own.difference is None or own.difference_interval is None:
            return unknown(f"{row} or {BASELINE[part]} was not run")
        gaps = [theirs - ours for ours, theirs in zip(own.by_seed, base.by_seed, strict=False)]
        less = Interval(low=-own.difference_interval.high, high=-own.difference_interval.low)
        why = f"{own.difference:+.1f} {span(own.difference_interval)} points, {own.seeds} seeds"
        agreed = all(gap > 0 for gap in gaps) or all(gap < 0 for gap in gaps)
        return Found(side(less), why) if agreed else unknown(f"{why}, which do not agree")

    return read


def not_higher(part: str, row: str) -> Rule:
    """Holds where ``row`` is not shown more accurate than the baseline; does not where it is. Both ways of reading
    an interval that holds 0 favour the paper here, as its own claim is that no difference was shown."""

    def read(rows: Rows) -> Found:
        verdict, why = lower(part, row)(rows)
        own = _natural(rows, row)
        if own is None or own.difference_interval is None:
            return unknown(why)
        return Found("does not hold" if verdict == "does not hold" else "holds", why)

    return read


def thinks_longer(row: str, than: str) -> Rule:
    """Holds where ``row`` thinks for more tokens than the other at its natural end. Means: no interval is kept."""

    def read(rows: Rows) -> Found:
        one, other = _natural(rows, row), _natural(rows, than)
        if one is None or other is None:
            return unknown(f"{row} or {than} was not run")
        longer = one.thinking_tokens > other.thinking_tokens
        why = f"{one.thinking_tokens:.0f} and {other.thinking_tokens:.0f} thinking tokens, means"
        return Found("holds" if longer else "does not hold", why)

    return read


def variant_better(one: tuple[str, str], than: tuple[str, str]) -> Rule:
    """Holds where the interval of the first (model, asked) lies above that of the second; does not where below."""

    def read(rows: Rows) -> Found:
        known = {(v.model, v.asked): v.interval for v in map(Variant.model_validate, rows)}
        if one not in known or than not in known:
            return unknown(f"{' '.join(one)} or {' '.join(than)} was not run")
        return _apart(known[one], known[than])

    return read


def rises(rows: Rows) -> Found:
    """Holds where the interval at the most thinking tokens lies above that at the fewest; does not where below."""
    points = [row for row in rows if None not in row["interval"]]
    if len(points) < 2:
        return unknown("fewer than two graded points")
    least, most = (pick(points, key=lambda row: row["thinking_tokens"]) for pick in (min, max))
    low, high = (Interval(low=row["interval"][0], high=row["interval"][1]) for row in (least, most))
    verdict, why = _apart(high, low)
    return Found(verdict, f"{why}, at {most['thinking_tokens']:.0f} and {least['thinking_tokens']:.0f} tokens")


def _apart(one: Interval, other: Interval) -> Found:
    why = f"[{one.low:.1f}, {one.high:.1f}]% and [{other.low:.1f}, {other.high:.1f}]%"
    if one.low > other.high:
        return Found("holds", why)
    return Found("does not hold", why) if one.high < other.low else unknown(why)


def _natural(rows: Rows, name: str) -> Measured | None:
    found = (row for row in rows if row["role"] == "natural" and row["row"].partition("-")[0] == name)
    return next(map(Measured.model_validate, found), None)


CELL_CLAIMS: dict[str, tuple[CellClaim, ...]] = {
    "main": (CellClaim("More thinking is more accurate", "drawn, on three sets", rises),),
    "table2": (
        CellClaim("Random rows are worse than the selection", "36.7 against 50.0 on AIME24", lower("table2", "random")),
        CellClaim("Diverse rows alone are worse", "26.7 against 50.0", lower("table2", "diverse")),
        CellClaim("The longest rows alone are worse", "33.3 against 50.0", lower("table2", "longest")),
        CellClaim("All rows are not shown better", "53.3 against 50.0", not_higher("table2", "full")),
    ),
    "table7": (
        CellClaim("Cut rows make the model worse", "30.0 against 50.0 on AIME24", lower("table7", "cut")),
        CellClaim("Cut rows make it think longer", "20721 and 6984 tokens", thinks_longer("cut", "whole")),
    ),
    "variants": (
        CellClaim("Fine-tuning beats the base", "50.0 against 26.7 on AIME24",
                  variant_better(("fine-tuned", "natural"), ("base", "unforced 400"))),
        CellClaim("Budget forcing beats the fine-tuned model alone", "56.7 against 50.0",
                  variant_better(("fine-tuned", "Wait x1"), ("fine-tuned", "natural"))),
    ),
}  # fmt: skip
"""Part -> its claims. A row's name counts up to its first hyphen: the length at which rows are cut is a setting."""
