"""Figures 1, 4a, 4b, 6 and 7: accuracy against tokens, from finished comparisons.

Knows which setting is which mark. Refuses to compute: every number is a row's of the comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from s1kit.compare.result import Comparison
from s1kit.compare.table import PointRow
from s1kit.compare.text import Grid, markdown
from s1kit.report.pictures import Panel, Series, Spot, panels_picture
from s1kit.report.text import number, percent
from s1kit.reproduce.figure_files import Figure
from s1kit.reproduce.published_figures import SHOWS

SEQUENTIAL = "BF"
_ONE = "one thought, made longer"
_HIGH = 150
_THINKING = "thinking tokens (log)"
_ALL = "tokens per question, all kinds (log scale)"
_INTERVALS = "Lines at the points: 95% intervals, questions resampled."


def curve_figure(name: str, found: Sequence[Comparison]) -> Figure | None:
    """The figure of these comparisons, one for each set of questions; None where there is nothing to draw."""
    panels, told = CURVES[name](found)
    if not any(series.spots for panel in panels for series in panel.series):
        return None
    high = _HIGH if len(panels) > 1 else 180
    draw = partial(panels_picture, panels, f"{SHOWS[name]}; the numbers stand in {name}.md.", high=high)
    asked = "; ".join(f"{one.benchmark}, n = {one.n_questions:,}" for one in found)
    return Figure(name, tuple(panels), draw, (told, f"Questions: {asked}. {_INTERVALS}"), _table(panels))


def lengths(found: Sequence[Comparison]) -> tuple[list[Panel], str]:
    """Figure 1: one line from the smallest budget to the most extensions, a panel for each set."""
    panels = [Panel(one.benchmark, (Series(_ONE, _spots(_of(one), _used)),), _THINKING) for one in found]
    told = (
        "Each point is a setting of budget forcing: thinking cut at a budget, ended by the model, or kept from ending. "
    )
    return panels, told + "The horizontal axis is the mean of the thinking tokens that were used."


def sequential(found: Sequence[Comparison]) -> tuple[list[Panel], str]:
    """Figure 4a: what is cut, what ends by itself and what is extended are told apart."""
    panels = []
    for one in found:
        rows = _of(one)
        cut, own, longer = ([row for row in rows if _kind(row) == kind] for kind in ("cut", "natural", "longer"))
        series = (
            Series("cut at a budget", _spots([*cut, *own], _used)),
            Series('"Wait" appended', _spots([*own, *longer], _used, _times)),
            Series("own end", _spots(own, _used), joined=False),
        )
        panels.append(Panel(one.benchmark, tuple(one for one in series if one.spots), _THINKING))
    told = 'Own end: the model stops by itself. At the points: how often "Wait" was put in place of the end. '
    told += "The axis is the mean of the thinking tokens that were used."
    return panels, told


def parallel(found: Sequence[Comparison]) -> tuple[list[Panel], str]:
    """Figure 4b: votes of k samples and one longer thought, over all tokens that were generated."""
    told = 'At the points: samples of a vote; how often "Wait" replaced the end of thinking. '
    return _by_method(found), told + "The axis counts all tokens of all samples."


def rejection(found: Sequence[Comparison]) -> tuple[list[Panel], str]:
    """Figure 6: accuracy over the limit, with the tries that it took."""
    panels = []
    for one in found:
        rows = [row for row in one.settings if row.asked is not None and row.tries is not None]
        spots = _spots(rows, lambda row: row.asked or 0.0, lambda row: f"{row.tries:.1f}")
        panels.append(
            Panel(
                "", (Series("rejection sampling", spots),), "limit in thinking tokens (log scale); at the points: tries"
            )
        )
    lost = [
        f"{row.label}: {percent(row.unmet)}"
        for one in found
        for row in one.settings
        if row.unmet and row.tries is not None
    ]
    told = "At the points: mean tries until a thought is within the limit. Where no try met it, it counts as wrong"
    shown = f" ({', '.join(lost)})" if lost else ""
    return panels, f"{told}{shown}."


def together(found: Sequence[Comparison]) -> tuple[list[Panel], str]:
    """Figure 7: every method over all tokens, those that a reward model reads included."""
    told = (
        "At the points: samples of a vote, leaves of a tree, extensions. The axis counts all tokens, also those that "
    )
    told += "the reward model reads"
    free = [
        f"{row.method} {row.label}: {number(row.tokens - row.reward)} of {number(row.tokens)}"
        for one in found
        for row in one.settings
        if row.reward > 0
    ]
    return _by_method(found), f"{told}; without these, as the paper counts: {'; '.join(free)}." if free else f"{told}."


CURVES: dict[str, Callable[[Sequence[Comparison]], tuple[list[Panel], str]]] = {
    "figure1": lengths,
    "figure4a": sequential,
    "figure4b": parallel,
    "figure6": rejection,
    "figure7": together,
}
"""Figure -> its panels and what is said of them."""


def _by_method(found: Sequence[Comparison]) -> list[Panel]:
    panels = []
    for one in found:
        methods = dict.fromkeys(row.method for row in one.settings)
        series = [
            Series(
                _ONE if method == SEQUENTIAL else method,
                _spots([row for row in one.settings if row.method == method], lambda row: row.tokens, _times),
            )
            for method in methods
        ]
        panels.append(Panel(one.benchmark if len(found) > 1 else "", tuple(series), _ALL))
    return panels


def _of(one: Comparison) -> list[PointRow]:
    return [row for row in one.settings if row.method == SEQUENTIAL]


def _used(row: PointRow) -> float:
    return row.used


def _kind(row: PointRow) -> str:
    if row.asked is None:
        return "natural"
    return "cut" if row.label.startswith("max ") else "longer"


def _times(row: PointRow) -> str:
    """What was asked for, as short as it can stand at a point: ``2x`` extensions, or 16 samples."""
    if row.asked is None:
        return ""
    return f"{row.asked:g}x" if row.method == SEQUENTIAL else f"{row.asked:g}"


def _spots(
    rows: Sequence[PointRow], across: Callable[[PointRow], float], name: Callable[[PointRow], str] | None = None
) -> tuple[Spot, ...]:
    """Points by rising cost; what has no accuracy is not drawn."""
    found = [
        Spot(
            across(row),
            row.accuracy,
            None if row.interval is None else row.interval.low,
            None if row.interval is None else row.interval.high,
            "" if name is None else name(row),
        )
        for row in rows
        if row.accuracy is not None and across(row) >= 0
    ]
    return tuple(sorted(found, key=lambda spot: spot.x))


def _table(panels: Sequence[Panel]) -> str:
    """What is drawn, in numbers; a point that ends two lines and has a mark of its own stands there alone."""
    alone = {
        (panel.title, spot.x, spot.y) for panel in panels for s in panel.series if not s.joined for spot in s.spots
    }
    rows = tuple(
        (
            panel.title or "–",
            series.name,
            spot.name or "–",
            number(spot.x),
            percent(spot.y),
            "–" if spot.low is None else f"{percent(spot.low)} to {percent(spot.high)}",
        )
        for panel in panels
        for series in panel.series
        for spot in series.spots
        if not series.joined or (panel.title, spot.x, spot.y) not in alone
    )
    axis = panels[0].x_title.split(" (")[0]
    return markdown(Grid(("set", "series", "at the point", axis, "accuracy", "95%"), rows, names=3))
