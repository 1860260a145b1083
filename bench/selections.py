"""What the selections of a curation consist of: where Table 2 in miniature differs before anything is trained.

    python bench/selections.py CURATION     # the folder of `s1 reproduce nano`'s curation, or of any other

Knows files of a curation. Prints one line per selection: rows, mean tokens of a trace, share of traces that end at the
first look, share whose answer is right, mean level of the questions, families, and what a trace token is spent on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq


def lines(curation: Path) -> list[dict[str, object]]:
    """One record per selection, in the order of names."""
    pool = {row["id"]: row for row in pq.read_table(curation / "pool.parquet", columns=["id", "meta"]).to_pylist()}
    traces = {row["question_id"]: row for row in pq.read_table(curation / "traces.parquet").to_pylist()}
    grades = {row["question_id"]: row for row in pq.read_table(curation / "trace_grades.parquet").to_pylist()}
    found: list[dict[str, object]] = []
    for folder in sorted((curation / "selections").iterdir()):
        ids = pq.read_table(folder / "rows.parquet", columns=["question_id"])["question_id"].to_pylist()
        metas = [json.loads(pool[i]["meta"]) for i in ids]
        passes = [len(traces[i]["thinking"].strip().split("\n")) for i in ids]
        n = len(ids)
        found.append(
            {
                "selection": folder.name,
                "rows": n,
                "trace_tokens": round(sum(traces[i]["thinking_tokens"] for i in ids) / n, 1),
                "quick_looks": round(sum(p == 1 for p in passes) / n, 3),
                "traces_right": round(sum(grades[i]["verdict"] == "correct" for i in ids) / n, 3),
                "level": round(sum(m["level"] for m in metas) / n, 2),
                "families": len({m["family"] for m in metas}),
                "choice_questions": round(sum(bool(m["options"]) for m in metas) / n, 3),
            }
        )
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} CURATION")
    for line in lines(Path(sys.argv[1])):
        print(json.dumps(line))
