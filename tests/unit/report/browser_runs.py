"""Runs for the trace browser: hostile, sampled, without tokens, and what Python says of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s1kit.report.shelf import Listed, Shelf
from s1kit.report.traces import Decode
from s1kit.store.run import RunDir
from s1kit.types import Generation, Grade, Question
from unit.report.report_runs import Writer, described, store

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!-- <img src=x onerror=alert(1)> -->",
    "\u202egnihton\u202c \u2066isolate",
    "\x1b[31mred\x1b[0m \x00 \u2028 \u2029",
    "<math><mi>x</mi></math> 🍓👩‍👩‍👧 \ufeff",
    "`${alert(1)}` \\u003c \\ \"'",
)
MARKS: dict[str, Any] = {"budget": "truncation", "natural": "natural", "extension": "extension", "placebo": "placebo"}
LONG = 1_000_000


def shelf_of(run: RunDir, decode: Decode | None, name: str = "one", grader: str = "default@1") -> Shelf:
    """All policies of the manifest, in its order."""
    listed = tuple(
        Listed(key, entry["label"], MARKS.get(entry["role"]), entry["policy"]["max_thinking"])
        for key, entry in run.manifest.policies.items()
    )
    return Shelf(run, name, grader if run.grade_files() else "", listed, decode)


def graded(root: Path, asked: list[Question], rows: list[Generation], entries: dict[str, dict[str, Any]]) -> RunDir:
    """A run whose verdicts go round, one row in five without a grade."""
    run = store(root, asked, rows, entries)
    words = ("correct", "incorrect", "no_answer", "ungraded")
    run.write_grades(
        "default",
        [
            Grade(
                question_id=row.question_id,
                policy_id=row.policy_id,
                sample=row.sample,
                grader="default",
                version=1,
                verdict=words[(i * i + i // 7) % 4],  # type: ignore[arg-type]
                rule="<i>rule</i>",
                extracted=f"<b>{i}</b>\u202e",
            )
            for i, row in enumerate(rows)
            if i % 5
        ],
    )
    return run


def hostile(root: Path) -> tuple[RunDir, Writer]:
    """A question per hostile text, and one with a line of a million letters; looped, failed and sampled rows."""
    writer, entries = Writer(), described()
    texts = [*HOSTILE, "A" * LONG]
    asked = [
        Question.make(
            text=f"{i}: {text[:300]}",
            answer=text[:40],
            answer_kind="text",
            choices=(text[:40], "<b>b</b>") if i % 2 else (),
            source=text[:20],
            domain="even" if i % 2 else "odd",
        )
        for i, text in enumerate(texts)
    ]
    rows: list[Generation] = []
    for i, (question, text) in enumerate(zip(asked, texts, strict=True)):
        for n, (key, entry) in enumerate(entries.items()):
            row = writer.row(question, key, entry, 60, body=text)
            row = row.model_copy(update={"looped": (i + n) % 4 == 0})
            if (i, n) == (1, 2):
                row = row.model_copy(update={"ended": "error", "error": "<engine> fell over\u202e"})
            rows.append(row)
    return graded(root, asked, rows, entries), writer


def sampled(root: Path, asked: list[Question], samples: int = 3) -> tuple[RunDir, Writer]:
    """Several samples of each question under two policies."""
    writer = Writer()
    entries = {key: {**entry, "samples": samples} for key, entry in list(described().items())[6:9]}
    rows = [
        writer.row(question, key, entry, 40).model_copy(update={"sample": sample})
        for question in asked
        for key, entry in entries.items()
        for sample in range(samples)
    ]
    return graded(root, asked, rows, entries), writer


def forced(row: Generation) -> bool:
    """Whether something was forced upon it beyond the ordinary opening and closing."""
    return any(
        s.origin == "forced" and s.why not in ("open", "close") and (s.end > s.start or s.text) for s in row.segments
    )


def verdicts(run: RunDir) -> Mapping[tuple[str, str, int], str]:
    """The verdict of every row; a row without a grade is ungraded."""
    found: dict[tuple[str, str, int], str] = {row.key: "ungraded" for row in run.generations()}
    found.update({grade.key: grade.verdict for grade in run.grades("default")})
    return found
