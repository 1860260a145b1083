"""What the paper says of each table and figure, and the rule by which it holds in the nano world or does not.

Knows claims as data. Refuses to judge: `rules` does, on a comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

from s1kit.compare.result import Comparison
from s1kit.reproduce.judging import Rule, Verdict
from s1kit.reproduce.rules import (
    best_of,
    better_at_cost,
    controlled,
    falls,
    inverse,
    keeps_steps,
    more,
    raises_control,
    scales,
    scales_better,
)
from s1kit.types import Record


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the paper's, the numbers that it rests on there, and a rule."""

    text: str
    paper: str
    rule: Rule


class Judged(Record):
    """A claim on one comparison."""

    claim: str
    paper: str
    verdict: Verdict
    why: str


def judged(part: str, found: Comparison) -> list[Judged]:
    """Every claim of a part on one of its comparisons."""
    told = [(claim, claim.rule(found)) for claim in CLAIMS[part]]
    return [Judged(claim=c.text, paper=c.paper, verdict=verdict, why=why) for c, (verdict, why) in told]


def _wait(other: str, paper: str) -> Claim:
    against = "no extrapolation" if other == "natural" else "2x no string" if other == "nothing" else f'2x "{other}"'
    return Claim(f'2x "Wait" is more accurate than {against}', paper, more("accuracy", ("Wait", 0), (other, 0)))


_BASE = "majority of the base"
_SHORT, _LONG, _NONE = ("CCC", "short"), ("CCC", "long"), ("none", 0)
CLAIMS: dict[str, tuple[Claim, ...]] = {
    "table3": (
        Claim("Budget forcing controls perfectly", "100%", controlled("BF")),
        Claim("A prompt that asks for tokens does not control them", "40%", inverse(controlled("TCC"))),
        Claim("A forced end raises token-conditional control to 100%", "40% to 100%", raises_control("TCC", "TCC+BF")),
        Claim("A forced end raises step-conditional control to 100%", "60% to 100%", raises_control("SCC", "SCC+BF")),
        Claim("Prompts for a short or long thought do not control it", "50%", inverse(controlled("CCC"))),
        Claim("Budget forcing scales", "+15", scales("BF")),
        Claim("Token-conditional control alone scales inversely", "-24", inverse(scales("TCC"))),
        Claim("Budget forcing scales better than token-conditional control", "15, -24", scales_better("BF", "TCC")),
        Claim("Rejection sampling scales inversely", "-35", inverse(scales("RS"))),
        Claim("Budget forcing reaches the best accuracy", "56.7 against 40.0 at most", best_of("BF")),
    ),
    "table4": (
        _wait("natural", "53.3/93.0/59.6 against 50.0/93.0/57.6"),
        _wait("nothing", "53.3/93.0/59.6 against 50.0/90.2/55.1"),
        _wait("Alternatively", "53.3/93.0/59.6 against 50.0/92.2/59.6"),
        _wait("Hmm", "53.3/93.0/59.6 against 50.0/93.0/59.6"),
    ),
    "table11": (
        Claim("The model does not keep to the tokens it is asked for", "40%", inverse(controlled("TCC"))),
        Claim(
            "Asked for 16 times as much, it thinks no longer",
            "7939 and 7500 tokens",
            inverse(more("thinking", ("TCC", -1), ("TCC", 0))),
        ),
        Claim("A forced end keeps every limit", "100%", controlled("TCC+BF")),
        Claim(
            "Where thinking is cut early the answer is short",
            "15 and 722 answer tokens",
            more("answer", ("TCC+BF", -1), ("TCC+BF", 0)),
        ),
    ),
    "table12": (
        Claim("The model does not keep to the steps it is asked for", "123 of 16", inverse(keeps_steps("SCC"))),
        Claim("A forced end at 0 keeps every limit", "16 of 16, 136 of 256", keeps_steps("SCC+BF")),
        Claim("With fewer steps each is longer", "96 to 56 tokens per step", falls("SCC+BF", "tokens_per_step")),
        Claim("More steps are more accurate", "23.3 to 33.3", scales("SCC+BF")),
    ),
    "table13": (
        Claim("Asked for a long thought it thinks longer than for a short one", "AIME24: 9651 and 8033 tokens",
              more("thinking", _LONG, _SHORT)),
        Claim("Asked for a long thought it thinks longer than unasked", "AIME24: 9651 and 6109 tokens",
              more("thinking", _LONG, _NONE)),
        Claim("Asked for a short thought it thinks longer than unasked, too", "AIME24: 8033 and 6109 tokens",
              more("thinking", _SHORT, _NONE)),
        Claim("Asking for a long thought does not help", "AIME24: 36.7 against 50.0", more("accuracy", _NONE, _LONG)),
    ),
    "figure4b": (
        Claim("Majority voting of the base scales", "rises from 2 to 64 samples", scales(_BASE)),
        Claim("Thinking longer beats majority voting of the base at equal tokens", "drawn",
              better_at_cost("BF", _BASE)),
        Claim("Thinking longer reaches more than majority voting of the base", "drawn", best_of("BF", [_BASE])),
        Claim("Thinking longer reaches more than majority voting of the fine-tuned model", "not drawn",
              best_of("BF", ["majority"])),
    ),
    "figure6": (
        Claim("Accuracy falls as the limit of rejection sampling rises", "drawn", inverse(scales("RS"))),
        Claim("Tries fall as the limit rises", "655 to 1", falls("RS", "tries")),
    ),
    "figure7": (
        Claim("REBASE beats majority voting at equal tokens, the reward model's left out", "drawn",
              better_at_cost("REBASE", "majority", reward=False)),
        Claim("REBASE beats majority voting at equal tokens, the reward model's counted", "not counted there",
              better_at_cost("REBASE", "majority")),
        Claim("REBASE reaches more than thinking longer", "drawn", best_of("REBASE", ["BF"])),
        Claim("REBASE scales", "drawn", scales("REBASE")),
    ),
}  # fmt: skip
"""Part -> its claims."""
