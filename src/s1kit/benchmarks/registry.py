"""Question sets by name: the built-in ones, those that people know, and any file.

Knows how a set is asked for: NAME, NAME=FILE, or FILE. NAME=FILE reads a named benchmark from a local file; a file that
has such a name itself is given as ./NAME=FILE. Only NAME alone may need the network.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from s1kit.benchmarks.files import BenchmarkError, distinct, read_benchmark, read_questions
from s1kit.benchmarks.named import NAMED
from s1kit.benchmarks.reading import SUFFIXES
from s1kit.benchmarks.rows import check_whole, to_question
from s1kit.benchmarks.spec import Benchmark
from s1kit.types import Question

NANO = {
    "nano_hard": "hard integer questions of the nano world",
    "nano_mixed": "500 questions of all families and levels",
    "nano_choice": "multiple choice questions of the nano world",
    "nano_dev": "the development set: teacher and difficulty were tuned on it, so do not report it",
}


def load(asked: str, limit: int | None = None) -> list[Question]:
    """The questions of NAME, NAME=FILE or FILE, at most ``limit`` of them from the start.

    Raises BenchmarkError for an unknown name (with a guess), a broken file (with the line), a file that is not the
    whole of the benchmark it is given for, and a hub that does not answer (with the way by a file).
    """
    spec, file = named(asked)
    if spec is not None:
        questions = _from_hub(spec) if file is None else read_benchmark(spec, file)
    elif asked in NANO:
        from s1kit.nano.sets import load as load_nano  # generating them costs time that --help should not pay

        questions = load_nano(asked)
    elif (asked.lower().endswith(SUFFIXES) and not _misnamed(asked)) or Path(asked).exists():
        questions = read_questions(asked)
    else:
        raise _unknown(asked)
    return questions[:limit]


def named(asked: str) -> tuple[Benchmark | None, str | None]:
    """The named benchmark that is asked for, and the local file to read it from: (None, None) for anything else.

    Raises BenchmarkError where NAME= names no file.
    """
    name, equals, file = asked.partition("=")
    spec = NAMED.get(name)
    if spec is not None and equals and not file:
        raise BenchmarkError(f"{asked!r} names no file\nhint: {name}=FILE, or {name} alone for the hub")
    return (spec, file if equals else None) if spec is not None else (None, None)


def title(asked: str) -> str:
    """What a run of this set is called: the name, or the file's stem."""
    spec, _ = named(asked)
    return Path(asked).stem if spec is None else spec.name


def _from_hub(spec: Benchmark) -> list[Question]:
    from s1kit.benchmarks import hub

    rows, revision = hub.rows(spec)
    places = [f"{spec.hub.dataset}/{spec.hub.split} row {number}" for number in range(1, len(rows) + 1)]
    made = [to_question(spec, row, where) for row, where in zip(rows, places, strict=True)]
    if revision:
        made = [q.model_copy(update={"meta": {**q.meta, "revision": revision}}) for q in made]
    questions = distinct(zip(places, made, strict=True))
    check_whole(spec, questions, spec.hub.dataset)
    return questions


def _misnamed(asked: str) -> bool:
    """Whether this looks like NAME=FILE with a name that is not known."""
    name, equals, _ = asked.partition("=")
    return bool(equals) and "/" not in name


def _unknown(asked: str) -> BenchmarkError:
    name = asked.partition("=")[0] if _misnamed(asked) else asked
    near = get_close_matches(name, (*NANO, *NAMED), n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return BenchmarkError(
        f"unknown benchmark {name!r}\n"
        f"hint: {guess}built in: {', '.join(NANO)}; known: {', '.join(NAMED)} (alone from the hub, or NAME=FILE); "
        "or the path of a .jsonl, .json, .csv or .parquet file"
    )
