"""The paper's figures as pictures, for whatever a folder of `s1 reproduce` holds so far.

Knows which parts make which figure. Refuses to run anything: a part that is not done has no figure, and nothing is said
of it here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from s1kit.compare.result import Comparison
from s1kit.reproduce.artefacts import FOLDER
from s1kit.reproduce.beside import compared, folder_of
from s1kit.reproduce.cells import Cell, Scale
from s1kit.reproduce.figure_curves import CURVES, curve_figure
from s1kit.reproduce.figure_files import Figure, write_figure
from s1kit.reproduce.figure_traces import Example, example, examples_figure, forced_figure
from s1kit.reproduce.figure_training import domains_of, dynamics_figure, efficiency_of, sample_figure
from s1kit.reproduce.paper import Versus
from s1kit.reproduce.results import run_of
from s1kit.reproduce.source import obtained, trained
from s1kit.store.run import RunDir


def write_figures(
    out: Path, scale: Scale, planned: Sequence[Cell | Versus], command: str = "s1 reproduce nano"
) -> list[Path]:
    """Write ``artefacts/figure….{svg,png,pdf,md}`` for every figure whose data lie in ``out``; their paths.

    What has not changed is not drawn again. ``command``: what the captions name. Raises StoreError where a file cannot
    be written or a run cannot be read.
    """
    runs = {cell: run for cell in planned if isinstance(cell, Cell) and (run := run_of(cell, out)) is not None}
    versus = {
        one: found for one in planned if isinstance(one, Versus) and (found := compared(one, scale, out)) is not None
    }
    written: list[Path] = []
    for figure, made in _figures(out, runs, versus):
        written += write_figure(out / FOLDER, figure.sourced(obtained(f"{command} --only {figure.name}", made)))
    if (dynamics := _dynamics(out, runs, f"{command} --only figure9")) is not None:
        written += write_figure(out / FOLDER, dynamics)
    return written


def _figures(
    out: Path, runs: Mapping[Cell, RunDir], versus: Mapping[Versus, Comparison]
) -> Iterator[tuple[Figure, list[Path]]]:
    """Every figure that can be drawn, with the runs behind it."""
    for name in CURVES:
        own = {one: found for one, found in versus.items() if one.part == name}
        if own and (figure := curve_figure(name, list(own.values()))) is not None:
            yield figure, [folder_of(one, out) / run for one, found in own.items() for run in found.runs]
    mine = {cell: run for cell, run in runs.items() if cell.part == "figure2"}
    chosen = [cell.model.data for cell in runs if cell.part in ("figure2", "main") and cell.model is not None]
    domains = domains_of(out, chosen[0]) if chosen else []
    if (figure := sample_figure(domains, *efficiency_of(mine, out))) is not None:
        yield figure, [run.path for run in mine.values()]
    for run in [run for cell, run in runs.items() if cell.part == "figure3"]:
        if (forced := example(run, "extension")) is not None:
            yield forced_figure(forced, example(run, "natural")), [run.path]
    examples = _examples(out, versus)
    if (figure := examples_figure([one for one, _ in examples])) is not None:
        yield figure, [path for _, path in examples]


def _dynamics(out: Path, runs: Mapping[Cell, RunDir], command: str) -> Figure | None:
    """Figure 9, which is of a model and not of its run."""
    models = [cell.model for cell in runs if cell.part == "figure9" and cell.model is not None]
    if not models:
        return None
    folder = out / "models" / models[0].name
    figure = dynamics_figure(folder)
    return None if figure is None else figure.sourced(trained(command, folder))


def _examples(out: Path, versus: Mapping[Versus, Comparison]) -> list[tuple[Example, Path]]:
    """One example for each set of Figure 5."""
    found = []
    for one, comparison in versus.items():
        if one.part != "figure5":
            continue
        for name in comparison.runs:
            run = RunDir.open(folder_of(one, out) / name)
            if (shown := example(run, "natural", right=True)) is not None:
                found.append((shown, run.path))
                break
    return found
