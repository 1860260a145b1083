"""Built-in question sets by name.

Knows which sets ship with s1kit and how to get at any other file. Refuses the network.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from s1kit.benchmarks.files import BenchmarkError, read_questions
from s1kit.types import Question

NANO = {
    "nano_hard": "hard integer questions of the nano world",
    "nano_mixed": "500 questions of all families and levels",
    "nano_choice": "multiple choice questions of the nano world",
    "nano_dev": "the development set: teacher and difficulty were tuned on it, so do not report it",
}


def load(name_or_path: str, limit: int | None = None) -> list[Question]:
    """The questions of a built-in set or a JSONL file, at most ``limit`` of them from the start.

    Raises BenchmarkError for an unknown name (with a guess) or a broken file (with the line).
    """
    if name_or_path in NANO:
        from s1kit.nano.sets import load as load_nano  # generating them costs time that --help should not pay

        questions = load_nano(name_or_path)
    elif Path(name_or_path).suffix in (".jsonl", ".json") or Path(name_or_path).exists():
        questions = read_questions(name_or_path)
    else:
        near = get_close_matches(name_or_path, NANO, n=1)
        guess = f"did you mean {near[0]!r}? " if near else ""
        raise BenchmarkError(
            f"unknown benchmark {name_or_path!r}\n"
            f"hint: {guess}built in: {', '.join(NANO)}; or the path of a .jsonl file"
        )
    return questions[:limit]
