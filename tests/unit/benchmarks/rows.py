"""Rows as the hub has them, invented, and the kinds of file that they come in."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

KINDS = ("jsonl", "json", "csv", "parquet")


def write_rows(file: Path, rows: list[dict[str, Any]]) -> Path:
    """A file of the kind that its suffix says."""
    match file.suffix:
        case ".csv":
            with file.open("w", newline="", encoding="utf-8") as handle:
                writer = csv.DictWriter(handle, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), file)
        case ".json":
            file.write_text(json.dumps(rows))
        case _:
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def gpqa_rows(count: int = 198) -> list[dict[str, Any]]:
    """Questions in GPQA's columns: the right option of each is "right N"."""
    return [
        {
            "Record ID": f"rec{i}",
            "Question": f"Which of these is number {i}?\n",
            "Correct Answer": f"right {i}\n",
            "Incorrect Answer 1": f"left {i}",
            "Incorrect Answer 2": f"up {i}",
            "Incorrect Answer 3": f"down {i}",
            "Explanation": "It says so.",
            "High-level domain": "Physics",
            "Subdomain": "Optics",
        }
        for i in range(count)
    ]


def math_rows(count: int = 500) -> list[dict[str, Any]]:
    """Problems in MATH500's columns, every second with an answer that is no integer."""
    return [
        {
            "problem": f"Compute ${i}/2$.",
            "solution": "Halve it.",
            "answer": str(i // 2) if i % 2 == 0 else f"\\frac{{{i}}}{{2}}",
            "subject": "Algebra",
            "level": 1,
            "unique_id": f"test/{i}.json",
        }
        for i in range(count)
    ]


def aime_rows(answers: list[str], text: str = "problem") -> list[dict[str, Any]]:
    """Problems in the columns of the reference's AIME sets; ``text`` is "question" in that of 2025."""
    return [
        {"id": i, text: f"Find {i}.", "solution": "Found.", "answer": a, "url": f"p/{i}"} for i, a in enumerate(answers)
    ]
