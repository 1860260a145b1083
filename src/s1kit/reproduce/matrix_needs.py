"""What each table and figure needs at the paper's scale: models to train and generations to make.

Knows the paper's settings, and lengths from the tables that print them. Refuses to price them.
"""

from __future__ import annotations

from typing import NamedTuple

from s1kit.reproduce.matrix_cost import Load, Training
from s1kit.reproduce.published import PUBLISHED

QUESTIONS = {"AIME24": 30, "MATH500": 500, "GPQA Diamond": 198}
ANSWER = 700
"""Tokens of an answer: Table 11 has 659 to 722."""
TRIES = ((3500, 655), (4000, 97), (5000, 8), (8000, 3), (16000, 2))
"""Figure 6: limit and tries per question; it prints five limits and six numbers of tries, the last is left out."""
TRAJECTORIES = 16
VOTES = 64
BASE_TOKENS = 1000
"""Of the base model on a question of AIME: assumed."""


class Needs(NamedTuple):
    """What to train and to generate, and what neither says."""

    trainings: tuple[Training, ...] = ()
    loads: tuple[Load, ...] = ()
    note: str = ""


def _natural() -> dict[str, float]:
    """Thinking tokens at the natural end, by benchmark: Table 7, trained on whole rows."""
    return _thinking(1)


def _thinking(row: int) -> dict[str, float]:
    values = PUBLISHED["table7"].rows[row].values
    return {name: values[2 + 2 * place] or 0.0 for place, name in enumerate(QUESTIONS)}


def _sets(what: str, longer: float = 1.0) -> tuple[Load, ...]:
    """One setting on the paper's three sets; ``longer``: thinking to that of the natural end."""
    return tuple(
        Load(name=f"{what}, {name}", sequences=count, tokens=longer * _natural()[name] + ANSWER)
        for name, count in QUESTIONS.items()
    )


def _printed(recipe: str, benchmark: str = "AIME24") -> tuple[Load, ...]:
    """Every row of a table that prints its tokens."""
    table = PUBLISHED[recipe]
    thinking = table.columns.index("thinking")
    answer = table.columns.index("answer") if "answer" in table.columns else None
    return tuple(
        Load(
            name=f"{row.method} {row.setting}, {benchmark}",
            sequences=QUESTIONS[benchmark],
            tokens=(row.values[thinking] or 0.0) + ((row.values[answer] if answer is not None else None) or ANSWER),
        )
        for row in table.rows
    )


def _rejection() -> tuple[Load, ...]:
    """A try is ended at its limit, so it never costs more."""
    natural, asked = _natural()["AIME24"], QUESTIONS["AIME24"]
    return tuple(
        Load(name=f"rejection {limit}", sequences=asked * tries, tokens=min(limit, natural) + ANSWER)
        for limit, tries in TRIES
    )


S1 = Training(name="s1-32B")
TOKEN, STEP = Training(name="token-conditional"), Training(name="step-conditional")
_SELECTIONS = tuple(Training(name=f"1K-{rule}") for rule in ("random", "diverse", "longest"))
_FULL = Training(name="59K-full", rows=59029, mean=3600)
_CUT_ROWS = tuple(
    Load(name=f"cut at 4,096, {name}", sequences=count, tokens=_thinking(0)[name]) for name, count in QUESTIONS.items()
)
_CUT = Training(name="cut at 4,096", mean=4096, longest=4096)
_S11 = Training(name="s1.1-32B", longest=20000)
_NATURAL, _TWICE = _sets("natural"), _sets("Wait x2", 2)
_SIX = Load(name="Wait x6, AIME24", sequences=QUESTIONS["AIME24"], tokens=3 * _natural()["AIME24"] + ANSWER)
_BASE_VOTES = Load(name="votes of the base", sequences=VOTES * QUESTIONS["AIME24"], tokens=BASE_TOKENS)
_TREES = tuple(
    Load(
        name=f"{how}, {TRAJECTORIES} trajectories",
        sequences=TRAJECTORIES * QUESTIONS["AIME24"],
        tokens=_natural()["AIME24"] + ANSWER,
    )
    for how in ("majority", "REBASE")
)
_STEPS = Load(name="32 to 512 steps", sequences=4 * QUESTIONS["AIME24"], tokens=_natural()["AIME24"] + ANSWER)
_CLASSES = (
    *_printed("table13-nano-hard"),
    *_printed("table13-nano-mixed", "MATH500"),
    *_printed("table13-nano-choice", "GPQA Diamond"),
)
_SWEPT = (*_printed("table11-nano"), *_printed("table12-nano"))

_CALLS = (
    "Calls, not cards: 211M thinking tokens of a teacher's over 59,029 questions, 103,162 attempts by two solvers, at "
    "most 154,743 judgements."
)
NEEDS: dict[str, Needs] = {
    "table5": Needs(note=_CALLS),
    "algorithm1": Needs(note="Nothing by itself; it draws from what Table 5 costs."),
    "figure1": Needs((S1,), _TWICE),
    "figure2": Needs((S1,), _TWICE, "Other models' points are their makers'."),
    "table1": Needs((S1,), (*_NATURAL, *_TWICE), "Other models' rows are their makers'."),
    "figure4a": Needs((S1,), (_SIX,)),
    "figure4b": Needs((S1,), (_SIX, _BASE_VOTES), f"{VOTES} samples of {BASE_TOKENS:,} tokens are assumed."),
    "table2": Needs(
        (S1, *_SELECTIONS, _FULL),
        (*_NATURAL, *(load for rule in ("random", "diverse", "longest", "full") for load in _sets(f"1K-{rule}"))),
        "The paper gives 394 hours for all 59K rows.",
    ),
    "table3": Needs((S1, TOKEN, STEP), (_SIX, *_SWEPT, *_printed("table13-nano-hard"), *_rejection())),
    "table4": Needs(
        (S1,),
        (*_NATURAL, *_TWICE, *(load for text in ("nothing", "Alternatively", "Hmm") for load in _sets(text, 2))),
    ),
    "figure6": Needs((S1,), _rejection()),
    "figure7": Needs((S1, STEP), (_STEPS, *_TREES), "The 34B reward model's passes come on top."),
    "figure9": Needs((S1,)),
    "table7": Needs((S1, _CUT), (*_NATURAL, *_CUT_ROWS)),
    "table11": Needs((TOKEN,), _printed("table11-nano")),
    "table12": Needs((STEP,), _printed("table12-nano")),
    "table13": Needs((S1,), _CLASSES),
    "s1.1": Needs((_S11,), (*_sets("s1.1 Wait x2", 2), Load(name="s1.1, AIME25", sequences=30, tokens=14700))),
}
"""Entry of the catalogue -> what it needs. Entries that are not here need next to nothing."""
