"""docs/sources.md from the declarations of the sources.

    python bench/sources_table.py

Writes the file; a test holds it to what this would write. No hub is asked: `s1 curate pool --check KEY` does that.
"""

from __future__ import annotations

from pathlib import Path

from s1kit.curate.source_table import PAPER_TOTAL, SourceLine, source_table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "sources.md"
HEAD = f"""# Sources

Written by `python bench/sources_table.py` from the declarations in `src/s1kit/curate/source_math.py` and
`source_science.py`; do not edit. The terminal shows the same: `s1 curate sources`.

Counts and mean thinking tokens (thousands) are those of the paper's Table 6, which sums to {PAPER_TOTAL:,} questions.
They are what the paper collected, not what the hub gives today. `s1 curate pool --check KEY` asks the hub for id,
revision, columns and rows of one source, and says where a declaration differs.

AIME of 2022 and later, AIME rows without a year, and the GPQA questions that are in the Diamond set never enter a pool
from these sources: they are evaluation data.
"""
VERIFIED = """
## How far each was verified

"Verified locally" names a real file that was read; its rows and their count are held by tests. No declaration was
verified against the hub, because it could not be asked when they were written. Columns are those of the places named.

| key | verified | note |
|---|---|---|
"""


def page() -> str:
    """The whole of docs/sources.md."""
    lines = source_table()
    paper, others = [x for x in lines if x.count is not None], [x for x in lines if x.count is None]
    parts = [HEAD, "\n## The paper's sixteen\n\n", _table(paper), "\n## Others\n\n", _table(others), VERIFIED]
    return "".join(parts) + "".join(f"| `{x.key}` | {x.verified} | {x.note} |\n" for x in lines)


def _table(lines: list[SourceLine]) -> str:
    rows = ["| key | source | questions | thinking | licence | hub | revision |", "|---|---|---|---|---|---|---|"]
    for x in lines:
        count, thinking = ("" if value is None else f"{value:,}" for value in (x.count, x.thinking))
        rows.append(f"| `{x.key}` | {x.title} | {count} | {thinking} | {x.licence} | {x.hub} | {x.revisions} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
