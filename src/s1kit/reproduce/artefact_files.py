"""The folder ``artefacts``: every table and the numbers behind every figure, as far as their cells are done.

Knows which parts have tables and which figures; the pictures are ``figures``. Cheap where nothing changed: a file with
the same content is not written again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from s1kit.compare.result import Comparison
from s1kit.metrics.intervals import bootstrap_mean
from s1kit.reproduce.artefacts import FOLDER, beside_table, seeds_table, settings_table, systems_table
from s1kit.reproduce.beside import Beside, beside, folder_of
from s1kit.reproduce.cells import Cell
from s1kit.reproduce.paper import Versus
from s1kit.reproduce.published import PUBLISHED
from s1kit.reproduce.source import obtained
from s1kit.reproduce.table_files import Column, Entry, PaperTable, as_csv, write_changed, write_table
from s1kit.reproduce.tables import Measured, scores
from s1kit.store.run import RunDir


def artefact_text(part: str, out: Path) -> str | None:
    """What the part's table, or its figure's caption, says as Markdown; None where there is none."""
    path = out / FOLDER / f"{part}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else None


class Artefacts:
    """What is done, and the folder that tells it."""

    def __init__(
        self, out: Path, command: str, runs: Mapping[Cell, RunDir], compared: Mapping[Versus, Comparison]
    ) -> None:
        """``command``: how all of it is made; a part adds its ``--only``."""
        self.out, self.command, self.runs, self.compared = out, command, runs, compared

    def write(self, measured: Mapping[str, Sequence[Measured]]) -> dict[str, list[Path]]:
        """Write all tables and the figures' numbers; part -> its files. ``measured``: rows of Tables 2 and 7."""
        files: dict[str, list[Path]] = {}
        for part, rows in measured.items():
            files[part] = write_table(self._folder, seeds_table(part, rows, self._notes(part)))
        for part in dict.fromkeys(versus.part for versus in self.compared):
            own = {one: found for one, found in self.compared.items() if one.part == part}
            files[part] = self._compared(part, own)
        if efficiency := self._efficiency():
            files["figure2"] = write_table(self._folder, efficiency)
        return files

    def write_lacking(self, needs: Mapping[str, str]) -> None:
        """Tables that cannot be made: what the paper printed, and what of ours is wanting. Part -> what it needs."""
        for part, why in needs.items():
            printed = PUBLISHED.get(f"{part}-nano")
            if printed is None or not printed.rows:
                continue
            names = tuple(dict.fromkeys(row.method for row in printed.rows))
            empty = Beside(
                recipe=part, benchmark="", questions=0, methods=(), settings=(), published=printed, claims=(), notes=(),
                lacking=names,
            )  # fmt: skip
            write_table(self._folder, beside_table(part, [empty], [f"Ours {why}."]))

    @property
    def _folder(self) -> Path:
        return self.out / FOLDER

    def _compared(self, part: str, own: Mapping[Versus, Comparison]) -> list[Path]:
        if part == "table1":
            by_set = {found.benchmark: found for found in own.values()}
            return write_table(self._folder, systems_table(by_set, self._notes(part)))
        if part == "figure5":  # transcripts: no numbers are behind it
            return []
        if part.startswith("figure"):
            path = self._folder / f"{part}.csv"
            return [write_changed(path, as_csv(settings_table(part, list(own.values()))))]
        told = [beside(versus, found) for versus, found in own.items()]
        return write_table(self._folder, beside_table(part, told, self._notes(part)))

    def _notes(self, part: str) -> list[str]:
        """How a part was obtained: one line, from the manifests of its runs."""
        runs = [run.path for cell, run in self.runs.items() if cell.part == part]
        for versus, found in self.compared.items():
            if versus.part == part:
                runs += [folder_of(versus, self.out) / name for name in found.runs]
        return [obtained(f"{self.command} --only {part}", list(dict.fromkeys(runs)))]

    def _efficiency(self) -> PaperTable | None:
        """Figure 2, right: accuracy against examples."""
        cells = {cell: run for cell, run in self.runs.items() if cell.part == "figure2"}
        rows = []
        for cell, run in cells.items():
            examples, right = 0, {"natural": [float(g.verdict == "correct") for g in run.grades("default")]}
            if cell.model is not None:
                found = scores(run, self.out / "models" / cell.model.name)
                examples, right = found.rows, {role: list(values) for role, values in found.right.items()}
            rows.append(
                (Entry(value=cell.row), Entry(value=examples), _share(right, "natural"), _share(right, "extension"))
            )
        if not rows:
            return None
        columns = [Column(head="trained on", words=True), Column(head="examples")]
        columns += [Column(head="natural", interval=True), Column(head="one Wait", interval=True)]
        told = "The paper's points are those of its Table 1. The base writes as it does on its own."
        return PaperTable(
            name="figure2-efficiency",
            title="Figure 2: accuracy against training examples",
            columns=tuple(columns),
            rows=tuple(rows),
            notes=(told, *self._notes("figure2")),
        )


def _share(right: Mapping[str, Sequence[float]], role: str) -> Entry:
    values = [100 * value for value in right.get(role, ())]
    if not values:
        return Entry(value=None)
    interval = bootstrap_mean(values)
    return Entry(value=sum(values) / len(values), low=interval.low, high=interval.high)
