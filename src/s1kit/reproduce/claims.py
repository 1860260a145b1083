"""What the paper says of each table and figure, and the rule by which it holds in the nano world or does not.

Knows claims as data. Refuses to judge: `rules` does, on a comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

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

Standing = Literal["chief", "minor", "beyond"]
"""chief: what the paper concludes from the table or figure. minor: what it shows besides. beyond: not the paper's,
but asked beside it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the paper's, the numbers that it rests on there, and a rule."""

    text: str
    paper: str
    rule: Rule
    standing: Standing = "chief"


class Judged(Record):
    """A claim on one comparison."""

    claim: str
    paper: str
    verdict: Verdict
    why: str
    standing: Standing = "chief"


def judged(part: str, found: Comparison) -> list[Judged]:
    """Every claim of a part on one of its comparisons; none where the paper claims nothing that a rule could read."""
    told = [(claim, *claim.rule(found)) for claim in CLAIMS.get(part, ())]
    return [
        Judged(claim=claim.text, paper=claim.paper, verdict=verdict, why=why, standing=claim.standing)
        for claim, verdict, why in told
    ]


def _wait(other: str, paper: str) -> Claim:
    against = "no extrapolation" if other == "natural" else "2x no string" if other == "nothing" else f'2x "{other}"'
    return Claim(f'2x "Wait" is more accurate than {against}', paper, more("accuracy", ("Wait", 0), (other, 0)))


_minor = partial(Claim, standing="minor")
_BASE = "majority of the base"
_NATURAL = ("BF", "natural")
_SHORT, _LONG, _NONE = ("CCC", "short"), ("CCC", "long"), ("none", 0)
CLAIMS: dict[str, tuple[Claim, ...]] = {
    "table3": (
        Claim("Budget forcing controls perfectly", "100%", controlled("BF")),
        _minor("A prompt that asks for tokens does not control them", "40%", inverse(controlled("TCC"))),
        _minor("A forced end raises token-conditional control to 100%", "40% to 100%", raises_control("TCC", "TCC+BF")),
        _minor("A forced end raises step-conditional control to 100%", "60% to 100%", raises_control("SCC", "SCC+BF")),
        _minor("Prompts for a short or long thought do not control it", "50%", inverse(controlled("CCC"))),
        Claim("Budget forcing scales", "+15", scales("BF")),
        _minor("Token-conditional control alone scales inversely", "-24", inverse(scales("TCC"))),
        _minor("Budget forcing scales better than token-conditional control", "15, -24", scales_better("BF", "TCC")),
        _minor("Rejection sampling scales inversely", "-35", inverse(scales("RS"))),
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
        _minor(
            "Asked for 16 times as much, it thinks no longer",
            "7939 and 7500 tokens",
            inverse(more("thinking", ("TCC", -1), ("TCC", 0)))),
        Claim("A forced end keeps every limit", "100%", controlled("TCC+BF")),
        _minor(
            "Where thinking is cut early the answer is short",
            "15 and 722 answer tokens",
            more("answer", ("TCC+BF", -1), ("TCC+BF", 0))),
    ),
    "table12": (
        Claim("The model does not keep to the steps it is asked for", "123 of 16", inverse(keeps_steps("SCC"))),
        Claim("A forced end at 0 keeps every limit", "16 of 16, 136 of 256", keeps_steps("SCC+BF")),
        _minor("With fewer steps each is longer", "96 to 56 tokens per step", falls("SCC+BF", "tokens_per_step")),
        _minor("More steps are more accurate", "23.3 to 33.3", scales("SCC+BF")),
    ),
    "table13": (
        Claim("Asked for a long thought it thinks longer than for a short one", "AIME24: 9651 and 8033 tokens",
              more("thinking", _LONG, _SHORT)),
        _minor("Asked for a long thought it thinks longer than unasked", "AIME24: 9651 and 6109 tokens",
              more("thinking", _LONG, _NONE)),
        _minor("Asked for a short thought it thinks longer than unasked, too", "AIME24: 8033 and 6109 tokens",
              more("thinking", _SHORT, _NONE)),
        Claim("Asking for a long thought does not help", "AIME24: 36.7 against 50.0", more("accuracy", _NONE, _LONG)),
    ),
    "table1": (
        Claim("Fine-tuning beats the base", "50.0/92.6/56.6 against 26.7/84.0/49.0",
              more("accuracy", _NATURAL, ("base", 0))),
        Claim("Budget forcing beats the fine-tuned model alone", "56.7/93.0/59.6 against 50.0/92.6/56.6",
              more("accuracy", ("BF", "Wait x2"), _NATURAL)),
    ),
    "figure1": (
        Claim("More thinking is more accurate", "drawn, on three sets", scales("BF")),
        _minor("The most thinking is more accurate than what the model ends by itself", "drawn, on three sets",
               more("accuracy", ("BF", -1), _NATURAL)),
    ),
    "figure4a": (
        Claim('Two "Wait" are more accurate than none', "drawn", more("accuracy", ("BF", "Wait x2"), _NATURAL)),
        Claim('Six "Wait" are more accurate than none', "from 50% to 57%, flat at six",
              more("accuracy", ("BF", "Wait x6"), _NATURAL)),
        Claim('It flattens: six "Wait" are no better than four', "flattens at six",
              inverse(more("accuracy", ("BF", "Wait x6"), ("BF", "Wait x4")))),
    ),
    "figure4b": (
        _minor("Majority voting of the base scales", "rises from 2 to 64 samples", scales(_BASE)),
        Claim("Thinking longer beats majority voting of the base at equal tokens", "drawn",
              better_at_cost("BF", _BASE)),
        Claim("Thinking longer reaches more than majority voting of the base", "drawn", best_of("BF", [_BASE])),
        Claim("Thinking longer reaches more than majority voting of the fine-tuned model", "not drawn",
              best_of("BF", ["majority"]), standing="beyond"),
    ),
    "figure6": (
        Claim("Accuracy falls as the limit of rejection sampling rises", "drawn", inverse(scales("RS"))),
        _minor("Tries fall as the limit rises", "655 to 1", falls("RS", "tries")),
    ),
    "figure7": (
        Claim("REBASE beats majority voting at equal tokens, the reward model's left out", "drawn",
              better_at_cost("REBASE", "majority", reward=False)),
        Claim("REBASE beats majority voting at equal tokens, the reward model's counted", "not counted there",
              better_at_cost("REBASE", "majority"), standing="beyond"),
        Claim("REBASE reaches more than thinking longer", "drawn", best_of("REBASE", ["BF"])),
        _minor("REBASE scales", "drawn", scales("REBASE")),
    ),
}  # fmt: skip
"""Part -> its claims."""
