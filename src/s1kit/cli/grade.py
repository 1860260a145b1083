"""``s1 grade``: verdicts on what was generated, without generating.

Knows its flags. The rules are ``s1kit.grading``.
"""

from __future__ import annotations

from collections import Counter

from s1kit.cli import options as o


def grade(run: o.RunPath, grader: o.GraderName = "default", as_json: o.Json = False) -> None:
    """Grade every generation of a run (again); an older grading by the same grader and version is replaced."""
    from rich.table import Table

    from s1kit.cli.console import data_console, print_json
    from s1kit.evaluate import grade_run
    from s1kit.store.run import RunDir

    grades = grade_run(RunDir.open(run), grader)
    counts = Counter((g.verdict, g.rule) for g in grades)
    if as_json:
        print_json([{"verdict": v, "rule": r, "n": n} for (v, r), n in sorted(counts.items())])
        return
    table = Table("verdict", "decided by", "n", box=None, padding=(0, 2))
    for (verdict, rule), n in sorted(counts.items()):
        table.add_row(verdict, rule, str(n))
    data_console().print(table)
