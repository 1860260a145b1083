"""A curation for a terminal: the funnel with bars, domains, cost, and one question's life.

Knows characters and columns. Refuses to print, and to pass on a control character: whatever a question says is text.
"""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from s1kit.curate.figures import Funnel
from s1kit.curate.life import Life, Taught
from s1kit.report.costs import COST_HEADS, cost_rows
from s1kit.report.curation import domain_lines, headline
from s1kit.report.text import number, one_line, shorten, visible

BAR = 20
"""Characters of a full bar."""
DOMAINS = 20
"""Domains that are listed."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def funnel_table(funnel: Funnel) -> RenderableType:
    """Headline, steps with bars and reasons, domains and cost; fits 80 columns."""
    parts: list[RenderableType] = [Text(headline(funnel)), Text(""), steps_table(funnel)]
    if funnel.domains:
        parts += [Text(""), domains_table(funnel)]
    if cost_rows(funnel.ledger):
        parts += [Text(""), cost_table(funnel)]
    return Group(*parts)


def steps_table(funnel: Funnel) -> Table:
    """One line a step: what is left of everything collected, and what was dropped for which reasons."""
    table = _table("step", "", "kept", "dropped", "why")
    for step in funnel.steps:
        why = [f"{one_line(r.reason or 'no reason', 24)} {number(r.rows)}" for r in step.reasons[:4]]
        rest = step.dropped - sum(r.rows for r in step.reasons[:4])
        why += [f"others {number(rest)}"] if rest else []
        table.add_row(
            Text(one_line(step.name, 16)),
            Text(bar(step.kept, funnel.collected)),
            Text(number(step.kept)),
            Text(number(step.dropped)),
            Text(", ".join(why)),
        )
    for draw in funnel.selections:
        told = f"selection, rule {one_line(draw.rule, 12)}, seed {draw.seed}"
        length = bar(draw.questions, funnel.collected)
        table.add_row(Text(one_line(draw.name, 16)), Text(length), Text(number(draw.questions)), Text(""), Text(told))
    return table


def domains_table(funnel: Funnel) -> Table:
    """The domains of the main selection (of the pool where there is none), most questions first."""
    lines = domain_lines(funnel)
    table = _table("domain", "", "questions", "tokens", "words")
    most = max((line.filing.questions for line in lines), default=1)
    for line in lines[:DOMAINS]:
        filing = line.filing
        words = filing.keywords or (line.domain.pool.keywords if line.domain.pool else ())
        table.add_row(
            Text(one_line(line.domain.title, 24)),
            Text(bar(filing.questions, most, 10)),
            Text(number(filing.questions)),
            Text(number(filing.tokens)),
            Text(one_line(", ".join(words[:3]), 60)),
        )
    if len(lines) > DOMAINS:
        table.add_row(Text(f"{len(lines) - DOMAINS} more", style="dim"), "", "", "", "")
    return table


def cost_table(funnel: Funnel) -> Table:
    """Calls, tokens and money per role and model; a dash is a cost that is not known."""
    shown = [place for place, (head, _) in enumerate(COST_HEADS) if head not in ("cached", "thinking")]
    table = _table("role", "model", *(COST_HEADS[place][0] for place in shown))
    for row in cost_rows(funnel.ledger):
        cells = (Text(row.cells[place]) for place in shown)
        table.add_row(Text(one_line(row.role, 12)), Text(one_line(row.model, 20)), *cells)
    return table


def bar(part: float, whole: float, width: int = BAR) -> str:
    """``part`` of ``whole`` in block characters, to an eighth of one; something for everything above 0."""
    eighths = min(round(8 * width * part / whole), 8 * width) if whole > 0 else 0
    if part > 0:
        eighths = max(eighths, 1)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def life_lines(life: Life) -> list[str]:
    """One question's whole life, a fact a line, in the order in which it happened."""
    lines = [f"question {life.id or '(none: the row could not be read)'}"]
    lines += [
        _field("from", f"row {p.row}, {p.source or 'no source'}, licence {p.licence or 'not said'}") for p in life.rows
    ]
    if life.text is not None:
        more = f" […{number(life.length - len(life.text))} characters more]" if life.length > len(life.text) else ""
        lines += [_field("text", line) for line in (shorten(life.text, 4000) + more).split("\n")]
        lines += [_field("choice", choice) for choice in life.choices]
        lines.append(_field("answer", "none" if life.answer is None else f"{life.answer} ({life.answer_kind})"))
    several = len({said.row for said in life.steps}) > 1
    for said in life.steps:
        row = f"row {said.row}: " if several else ""
        why = ": ".join(part for part in (said.reason, said.evidence) if part)
        lines.append(_field(said.step, f"{row}{'kept' if said.kept else 'DROPPED'}{'  ' + why if why else ''}"))
    for taught in life.traces:
        lines += _taught(taught)
    for tried in life.attempts:
        rest = tried.error or tried.judged or tried.answer
        lines.append(_field("solver", f"{tried.solver}: {tried.verdict} ({tried.rule})  {rest}"))
    if life.domain is not None:
        lines.append(_field("domain", f"{life.domain.code} (by {life.domain.how})  {life.domain.said or ''}".rstrip()))
    for chosen in life.selections:
        rank = "" if chosen.rank is None else f", rank {chosen.rank} by length"
        left = "" if chosen.left is None else f" of {chosen.left} left in {chosen.domain}"
        lines.append(
            _field("selected", f"{chosen.selection}: {chosen.how}{rank}{left}, {number(chosen.length)} tokens")
        )
    if not life.selections:
        lines.append(_field("selected", "no"))
    lines += [_field("trained", f"{b.trainset}: format {b.format}, {number(b.tokens)} tokens") for b in life.trainsets]
    return [visible(line) for line in lines]


def _taught(taught: Taught) -> list[str]:
    if taught.error is not None:
        return [_field("trace", f"{taught.teacher}: no trace: {taught.error}")]
    verdict = f", {taught.verdict} ({taught.rule})" if taught.verdict else ", not graded"
    counter = f" ({taught.tokenizer})" if taught.tokenizer else ""
    head = f"{taught.teacher}: {number(taught.tokens)} tokens{counter}{verdict}"
    return [
        _field("trace", head),
        _field("thinking", one_line(taught.thinking, 300)),
        _field("answer", one_line(taught.answer, 200)),
    ]


def _field(name: str, text: str) -> str:
    """One line, whatever ``text`` holds."""
    return f"{one_line(name, 14):14}{' '.join(text.splitlines())}"[:2000].rstrip()


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for head in heads:
        right = head not in (heads[0], "", "why", "words", "model")
        table.add_column(head, justify="right" if right else "left", no_wrap=head != "why" and head != "words")
    return table
