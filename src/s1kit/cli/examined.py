"""Everything that ``s1 doctor`` finds out, in its order, and how it is shown.

Knows which check makes sense after which. Refuses to try anything itself, and to print what is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s1kit.doctor import Kept, Spread, Vectors
    from s1kit.engines.base import Engine
    from s1kit.engines.probe import Finding
    from s1kit.engines.probe_server import ServerProbe
    from s1kit.forcing.determinism import Compared, Seen
    from s1kit.tokenizer import Tokenizer
    from s1kit.types import EngineInfo, Question

COLOURS = {
    "ok": "green",
    "more than claimed": "green",
    "absent": "yellow",
    "ignored": "yellow",
    "not tried": "dim",
    "wrong": "bold red",
}


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found out. ``info`` is as the engine claims."""

    info: EngineInfo
    findings: Sequence[Finding]
    refused: str | None
    """Why no budget can be kept on it; the checks that need one were then left out."""
    vectors: Vectors | None
    kept: Sequence[Kept]
    compared: Sequence[Compared]
    spread: Sequence[Spread]

    @property
    def failed(self) -> bool:
        """Whether a claim, a rule or a vector does not hold."""
        broken = any(k.broken for k in self.kept) or bool(self.vectors and self.vectors.broken)
        return broken or any(f.verdict == "wrong" for f in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "engine": self.info.model_dump(mode="json"),
            "findings": [{**f.model_dump(mode="json"), "verdict": f.verdict} for f in self.findings],
            "refused": self.refused,
            "vectors": self.vectors and self.vectors.model_dump(mode="json"),
            "conformance": [k.model_dump(mode="json") for k in self.kept],
            "determinism": [c.model_dump(mode="json") for c in self.compared],
            "accuracy": [s.model_dump(mode="json") for s in self.spread],
        }


def examine(
    engine: Engine,
    tokenizer: Tokenizer,
    server: ServerProbe | None,
    format_name: str,
    messages: list[dict[str, str]],
    *,
    rules_on: Sequence[Question] | None,
    compare_on: Sequence[Question] | None,
    without_cache: Mapping[str, Callable[[], Engine]],
    tell: Callable[[str], None],
) -> Examined:
    """Try the engine, then its server's own answers, then the rules and ways of running on their questions.

    What was not found to hold is taken back before the rules are tried, as before a run.
    """
    from s1kit import doctor as checks
    from s1kit.engines.probe import corrected, ends_of, probe, refusal
    from s1kit.engines.probe_server import offline
    from s1kit.formats import load_format

    fmt = load_format(format_name).resolve(tokenizer)
    prompt, opening = fmt.render(messages)
    claimed = engine.info
    findings = probe(engine, prompt + opening, ends_of(fmt), tell=tell)
    answers = all(f.probe != "answers" for f in findings)
    if server is not None and answers:
        tell("the server's own answers")
        findings += [server.tokens_match(prompt + opening), server.native_budget(messages)]
    findings += offline(claimed)
    found, refused = corrected(claimed, findings), refusal(findings)
    vectors = None
    if rules_on is not None:
        tell("the conformance vectors")
        vectors = checks.vectors()
    kept: Sequence[Kept] = []
    compared: Sequence[Compared] = []
    spread: Sequence[Spread] = []
    if rules_on is not None and refused is None:
        kept = checks.rules_kept(engine, fmt, rules_on, info=found, tell=tell)
    if compare_on is not None and refused is None:
        compared, spread = checks.determinism(engine, fmt, compare_on, info=found, others=without_cache, tell=tell)
    return Examined(claimed, findings, refused, vectors, kept, compared, spread)


def show(found: Examined, tokenizer: Tokenizer) -> None:
    """Tables and lines on stdout."""
    from rich.table import Table

    from s1kit.cli.console import data_console, escape
    from s1kit.forcing.determinism import strict_mode

    console, info = data_console(), found.info
    version = f"{info.name} {info.version}, {info.dtype or 'unknown precision'}, context {info.context_len:,}"
    console.print(f"{info.model} on {version}", markup=False)
    table = Table(box=None, padding=(0, 2))
    for name in ("", "tried", "seen", "what it means"):
        table.add_column(name, overflow="fold")
    for f in found.findings:
        verdict = f"[{COLOURS[f.verdict]}]{f.verdict}[/]"
        table.add_row(verdict, f.probe.replace("_", " "), escape(f.detail), escape(f.hint))
    console.print(table)
    lines = [found.refused] if found.refused else []
    lines += [line for said in (_of_rules(found), _of_ways(found, tokenizer)) for line in said]
    if found.spread:
        every = [s.accuracy for s in found.spread]
        lines.append(f"accuracy spread over {len(every)} ways of running: {max(every) - min(every):.1f} points")
    if any(c.identical < c.rows for c in found.compared):
        lines.append(f"what removes it: {strict_mode(info)}")
    for line in lines:
        console.print(line, markup=False)


def _of_rules(found: Examined) -> list[str]:
    lines = []
    if (vectors := found.vectors) is not None:
        here = f"{vectors.total} vectors of the state machine, {len(vectors.broken) or 'no'} differences"
        lines.append(here if vectors.total else "the conformance vectors are not installed here: run from a checkout")
        lines += [f"  {line}" for line in vectors.broken]
    for k in found.kept:
        done = f"{k.rows} rows in {k.requests} requests, {len(k.broken) or 'no'} broken rules"
        lines.append(f"{k.policy}: {f'refused: {k.refused}' if k.refused else done}")
        lines += [f"  {line}" for line in k.broken]
    return lines


def _of_ways(found: Examined, tokenizer: Tokenizer) -> list[str]:
    lines = []
    accuracy = {s.setting: s.accuracy for s in found.spread}
    for c in found.compared:
        right = f"{accuracy[c.setting]:.1f}% right, alone {accuracy['1 at once']:.1f}%"
        failed = f", {c.errors} failed" if c.errors else ""
        ran = f"; {c.prefilled:,} prompt tokens run" if c.prefilled else ""
        lines.append(f"{c.setting}: {c.identical} of {c.rows} rows as alone{failed}; {right}{ran}")
        if c.alone is not None and c.here is not None:
            lines.append(f"  the first at token {c.first} of question {c.where}:")
            lines += [f"    alone {_seen(c.alone, tokenizer)}", f"    here  {_seen(c.here, tokenizer)}"]
    return lines


def _seen(seen: Seen, tokenizer: Tokenizer) -> str:
    from s1kit.cli.console import visible

    def spelled(token: int) -> str:
        return f"{visible(tokenizer.decode([token]))!r} ({token})"

    said = "the row has ended" if seen.token is None else spelled(seen.token)
    likely = ", ".join(f"{spelled(token)} {value:.6f}" for token, value in seen.likely)
    return f"{said}; log-probabilities: {likely}" if likely else said
