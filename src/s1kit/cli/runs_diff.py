"""``s1 runs diff``: what differs between two runs, in what was asked and in what came out.

Knows its flags and its tables. What is compared with what is ``s1kit.store.diff``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s1kit.cli import options as o

if TYPE_CHECKING:
    from rich.console import Console

    from s1kit.store.diff import PolicyDiff, RunDiff
    from s1kit.store.diff_rows import Sameness
    from s1kit.store.diff_verdicts import Changed


def diff(
    a: Annotated[Path, typer.Argument(help="A run directory.")],
    b: Annotated[Path, typer.Argument(help="Another, held against the first.")],
    policy: Annotated[str | None, typer.Option(help="Only this policy, by id or label.")] = None,
    grader: o.GraderName = "default",
    limit: Annotated[int, typer.Option(help="Changed verdicts shown (0: all).", min=0)] = 20,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 where what came out differs.")] = False,
    as_json: o.Json = False,
) -> None:
    """What two runs were asked that differs, then rows, tokens and verdicts, then the questions that changed."""
    from s1kit.cli.console import FAILED, data_console, people, print_json, say
    from s1kit.store.diff import diff_runs
    from s1kit.store.run import RunDir

    with people().status("comparing"):
        found = diff_runs(RunDir.open(a), RunDir.open(b), policy=policy, grader=grader, limit=limit or None)
    for note in found.notes:
        say(note, style="yellow")
    if as_json:
        print_json({"same": found.same, **found.model_dump(mode="json")})
    else:
        _show(found, data_console())
    if exit_code and not found.same:
        raise SystemExit(FAILED)


def _show(found: RunDiff, out: Console) -> None:
    def line(text: str = "") -> None:
        out.print(text, markup=False, soft_wrap=True)

    line(f"A  {found.a}\nB  {found.b}\n")
    _asked(found, out, line)
    line(
        f"questions: {found.questions_both} in both, {found.questions_only_a} only in A, "
        f"{found.questions_only_b} only in B"
    )
    for side, labels in (("A", found.only_a), ("B", found.only_b)):
        if labels:
            line(f"policies only in {side}: {', '.join(labels)}")
    if not found.policies:
        line("no policy in common: nothing that came out can be compared")
        return
    line()
    _policies(found, out)
    for caution in {p.verdicts.comparison.caution for p in found.policies if p.verdicts and p.verdicts.comparison}:
        if caution:
            line(caution)
    for policy in found.policies:
        for text in _parting(policy):
            line(text)
    line(_sameness(found))
    if found.n_changed:
        _changed(found, out, line)


def _sameness(found: RunDiff) -> str:
    if not found.same:
        return ""
    words = "rows and texts" if any(p.by_text for p in found.policies) else "rows and tokens"
    ruled = all(p.verdicts for p in found.policies)
    return f"\nthe same {words}; " + ("the same verdicts" if ruled else "verdicts are not compared")


def _asked(found: RunDiff, out: Console, line: Any) -> None:
    if not found.asked:
        line("asked the same\n")
        return
    table = _table("asked", "", "A", "B", "effect on rows")
    for one in found.asked:
        effect = "changes them" if one.effect == "changes" else "may change them"
        table.add_row(*map(_cell, (one.area, one.field, one.a, one.b, effect)))
    out.print(table)
    line()


def _policies(found: RunDiff, out: Console) -> None:
    columns = ("policy", "rows", "only A", "only B", "identical", "accuracy A", "B", "B - A, points", "p")
    table = _table(*columns, "repaired", "broken", "thinking A", "B")
    for p in found.policies:
        table.add_row(*map(_cell, _policy(p)))
    out.print(table)


def _policy(p: PolicyDiff) -> tuple[str, ...]:
    seen = [s for s in (p.by_tokens, p.by_text) if s is not None]
    name = p.label if p.matched == "id" else f"{p.label} (by label)"
    row = (name, str(p.both), str(p.only_a), str(p.only_b), str(sum(s.identical for s in seen)))
    thinking = tuple("" if t is None else f"{t:.1f}" for t in (p.thinking_a, p.thinking_b))
    v = p.verdicts
    if v is None or v.comparison is None:
        return (*row, *[""] * 6, *thinking)
    c = v.comparison
    points = f"{c.difference:+.1f} [{c.interval.low:+.1f}, {c.interval.high:+.1f}]"
    shares = (f"{right / v.graded:.1%}" for right in (v.right_a, v.right_b))
    return (*row, *shares, points, f"{c.p:.3g}", str(v.wrong_to_right), str(v.right_to_wrong), *thinking)


def _parting(p: PolicyDiff) -> list[str]:
    """Where the rows of a policy part, with one example; nothing where they do not."""
    lines = []
    for s in (p.by_tokens, p.by_text):
        if s is None or s.first is None:
            continue
        f = s.first
        lines.append(
            f"\n{p.label}: {s.n - s.identical} of {s.n} rows part, after {f.median:.0f} {s.unit} in the median "
            f"(quartiles {f.quarter:.0f} and {f.three_quarters:.0f}, from {f.least} to {f.most})"
        )
        lines += _example(s)
    if p.verdicts is not None and p.verdicts.ungraded:
        lines.append(f"{p.label}: {p.verdicts.ungraded} rows have no verdict in A or B and are left out of accuracy")
    return lines


def _example(s: Sameness) -> list[str]:
    e = s.example
    if e is None:
        return []
    name = f"  {e.question_id}, sample {e.sample}: the same for {e.at} {s.unit}"
    if not e.a and not e.b:
        return [f"{name}; what differs then is in no text"]
    same = f"…{_words(e.same)!r}" if e.same else "(no text yet)"
    return [name, f"    both  {same}", f"    A     {_words(e.a)!r}", f"    B     {_words(e.b)!r}"]


def _changed(found: RunDiff, out: Console, line: Any) -> None:
    line(f"verdicts that changed: {found.n_changed}, {len(found.changed)} shown")
    table = _table("question", "policy", "sample", "change", "reference", "A answered", "B answered", "text")
    for c in found.changed:
        table.add_row(*map(_cell, _change(c)))
    out.print(table)


def _change(c: Changed) -> tuple[str, ...]:
    answers = (c.reference, c.a, c.b)
    text = " ".join(c.question.split())
    shown = (("(none)" if a is None else a if len(a) <= 24 else a[:23] + "…") for a in answers)
    return (c.question_id, c.policy, str(c.sample), c.direction, *shown, text if len(text) <= 60 else text[:59] + "…")


def _table(*columns: str) -> Any:
    from rich.table import Table

    table = Table(*columns, box=None, padding=(0, 2))
    for column in table.columns:
        column.overflow = "fold"  # nothing that tells two runs apart is shortened
    return table


def _cell(text: str) -> str:
    from s1kit.cli.console import escape, visible

    return escape(visible(text))


def _words(text: str) -> str:
    from s1kit.cli.console import visible

    return visible(text)
