"""Writes docs/reference/ from the code (every verb, setting, policy, format, record, metric, entry point and error),
and the index of all pages, docs/README.md.

    python docs/make_reference.py           write the pages
    python docs/make_reference.py --check   write nothing; exit 1 and name the pages that the code has left behind

Knows which pages there are. Refuses to know what is on them: each is a module of ``making``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from making import commands, errors, formats, index, metrics, policies, python, records, settings

DOCS = Path(__file__).resolve().parent
PAGES: dict[str, Callable[[], str]] = {
    "reference/cli.md": commands.page,
    "reference/recipes.md": settings.page,
    "reference/policies.md": policies.page,
    "reference/formats.md": formats.page,
    "reference/records.md": records.page,
    "reference/metrics.md": metrics.page,
    "reference/python.md": python.page,
    "reference/errors.md": errors.page,
    "README.md": index.page,
}
MARK = "<!-- written by docs/make_reference.py from the code; do not edit -->"


def made(name: str) -> str:
    """The text of one page."""
    head, _, rest = PAGES[name]().partition("\n")
    return f"{head}\n\n{MARK}\n{rest}\n"


def main(words: list[str]) -> int:
    """Write or check the pages; the exit code."""
    stale = []
    for name in PAGES:
        file, text = DOCS / name, made(name)
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in words:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
    strange = sorted({f"reference/{file.name}" for file in (DOCS / "reference").glob("*.md")} - PAGES.keys())
    if "--check" in words and (stale or strange):
        print(f"not as the code is: {', '.join(stale + strange)}\nhint: python docs/make_reference.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
