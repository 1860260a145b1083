"""The sixteen sources of the paper and a few more, and how one of them is read.

Knows the declarations by key and turns rows into questions or into reasons. Refuses to drop a row silently: every row
of a source comes out, as a question or as what kept it out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from s1kit.benchmarks.reading import Line, ReadingError, read_rows
from s1kit.curate import hub
from s1kit.curate import source_math as mathematics
from s1kit.curate import source_science as science
from s1kit.curate.held_out import diamond_held_out
from s1kit.curate.mapping import Mapping, to_question
from s1kit.curate.source import Source
from s1kit.curate.source_draft import Draft, Left, finish
from s1kit.errors import UserError
from s1kit.types import Question, question_id, sha256_hex

_PAPER = (
    mathematics.NUMINA,
    mathematics.MATH,
    science.OLYMPICARENA,
    mathematics.OMNI,
    science.AGIEVAL,
    science.XWORD,
    mathematics.OLYMPIADBENCH,
    mathematics.AIME,
    mathematics.THEOREMQA,
    science.USACO,
    science.JEEBENCH,
    science.GPQA,
    science.SCIEVAL,
    mathematics.S1_PROB,
    science.LIVECODEBENCH,
    mathematics.S1_TEASERS,
)
_MORE = (
    science.S1_59K,
    mathematics.GSM8K,
    science.SCIBENCH,
    mathematics.MATH500,
    mathematics.AIME24,
    mathematics.AIME25,
    science.GPQA_DIAMOND,
)
SOURCES: dict[str, Source] = {source.key: source for source in (*_PAPER, *_MORE)}
PAPER_SOURCES: tuple[str, ...] = tuple(source.key for source in _PAPER)
"""In the order of Table 6, largest first."""


class SourceError(UserError, ValueError):
    """A source that is unknown, or that cannot be read without something that is not there."""


@dataclass(frozen=True, slots=True)
class Read:
    """One row of a source: its question, or the reason why there is none (``question`` None)."""

    where: str
    source: str
    question: Question | None
    reason: str = ""
    evidence: str = ""
    """Where the row stands and what is wrong; empty for a question."""


def find(key: str, *others: str) -> Source:
    """The source of this key. Raises SourceError with the nearest names, of ``others`` too."""
    if key in SOURCES:
        return SOURCES[key]
    near = difflib.get_close_matches(key, [*SOURCES, *others], n=3)
    raise SourceError(f"unknown source {key!r}\nhint: {', '.join(near or SOURCES)}; or a file with a mapping")


def read_source(source: Source, path: str | Path | None = None, *, everything: bool = False) -> Iterator[Read]:
    """Every row of a source, from a file, from the files of a folder (by name), or from the hub where ``path`` is None.

    Of a source that the paper sampled, as many questions are kept as it drew, by the hash of their ids, and the rest
    is left out as ``not_sampled``; ``everything`` keeps all. Reasons: those of the source, of `finish`, ``broken_row``,
    ``held_out`` and ``not_sampled``. Raises ReadingError, HubError or SourceError.
    """
    held = _held_out(source, path)
    reads = _reads(source, hub.rows(source) if path is None else _local(path), held)
    sampled = source.sample is not None and not everything
    return _sampled(list(reads), source.sample or 0) if sampled else reads


def read_mapped(mapping: Mapping, path: str | Path) -> Iterator[Read]:
    """Every row of any JSONL, JSON, CSV or Parquet file, or folder of them, under a mapping. Raises ReadingError.

    Questions are named after the mapping's source, else the row's, else the file.
    """
    for part, line in _local(path):
        name = mapping.source or part
        made = _broken(line) if line.row is None else to_question(line.row, mapping, name)
        yield _read(line.where, name, made)


def _reads(source: Source, lines: Iterable[tuple[str, Line]], held: frozenset[str]) -> Iterator[Read]:
    for part, line in lines:
        made: Question | Draft | Left = _broken(line) if line.row is None else source.convert(line.row, part)
        if isinstance(made, Draft):
            made = finish(made, source.key, source.licence)
        if isinstance(made, Question) and question_id(made.text) in held:
            made = diamond_held_out()
        yield _read(line.where, source.key, made)


def _read(where: str, source: str, made: Question | Left) -> Read:
    if isinstance(made, Question):
        return Read(where, made.source, made)
    return Read(where, source, None, made.reason, f"{where}: {made.evidence}")


def _broken(line: Line) -> Left:
    return Left("broken_row", line.broken)


def _local(path: str | Path) -> Iterator[tuple[str, Line]]:
    """Part name (the file's stem) and row, of one file or of a folder's readable files in the order of their names."""
    file = Path(path)
    files = sorted(p for p in file.iterdir() if p.is_file() and _readable(p)) if file.is_dir() else [file]
    if not files:
        raise ReadingError(f"{file} has no file that can be read\nhint: JSONL, JSON, CSV or Parquet")
    for one in files:
        stem = one.name.partition(".")[0]
        for line in read_rows(one):
            yield stem, line


def _readable(file: Path) -> bool:
    return file.name.lower().removesuffix(".gz").endswith((".jsonl", ".json", ".csv", ".parquet"))


def _held_out(source: Source, path: str | Path | None) -> frozenset[str]:
    """Ids, by text alone, of the evaluation questions that this source also has."""
    if source.held_out_by is None:
        return frozenset()
    evaluation = SOURCES[source.held_out_by]
    beside = None if path is None else _beside(source, evaluation, Path(path))
    reads = read_source(evaluation, beside)
    return frozenset(question_id(read.question.text) for read in reads if read.question is not None)


def _beside(source: Source, evaluation: Source, path: Path) -> Path:
    folder = path if path.is_dir() else path.parent
    files = sorted(p for p in folder.glob(f"{evaluation.key}.*") if _readable(p))
    if not files:
        raise SourceError(
            f"source {source.key}: its evaluation set has to be known to be held out, and {folder} has no "
            f"{evaluation.key} file\nhint: put {evaluation.key}.csv or .jsonl beside {path.name}"
        )
    return files[0]


def _sampled(reads: list[Read], size: int) -> Iterator[Read]:
    """The ``size`` questions whose ids hash lowest: seeded by content, so the same wherever the rows come from."""
    ids = {read.question.id for read in reads if read.question is not None}
    kept = set(sorted(ids, key=lambda name: sha256_hex(f"s1kit sample {name}"))[:size])
    for read in reads:
        if read.question is None or read.question.id in kept:
            yield read
        else:
            why = f"{read.where}: one of {len(ids)} questions, of which {size} are drawn as in the paper"
            yield Read(read.where, read.source, None, "not_sampled", why)
