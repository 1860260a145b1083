"""What pretraining reads: replies with direct answers and worked computations, in the chat layout, never as thoughts.

Knows phrasings of guesses, passes and answers. Refuses the think format and the trigger words "Wait" and "Hmm": they
come from the fine-tuning traces alone (a test holds this module to it).
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from s1kit.nano.family import Problem

GUESSES = ("At a glance: {v}.", "Rough guess: {v}.", "My first guess is {v}.", "It looks like {v}.", "Maybe {v}.")
FIRST = ("Step by step:", "Working:", "Let me work it out:", "Let me count:", "In order:", "One by one:", "")
LATER = (
    "Check again:",
    "Second count:",
    "Once more:",
    "Another way:",
    "To be sure:",
    "Let me check:",
    "Let me count again:",
    "Again, step by step:",
    "Not sure. One by one:",
)
ENDS = ("So {v}.", "That gives {v}.", "It is {v}.", "Result {v}.", "So the answer is {v}.")
LEADS = ("Answer: ", "Final Answer: ")


@dataclass(frozen=True)
class Mix:
    """What documents are made of at one point of the curriculum."""

    levels: tuple[int, ...]
    most_passes: int
    direct: float = 0.2
    guess: float = 0.5
    cut: float = 0.25
    choice: float = 0.15
    fewer: float = 0.78
    """How much less likely each further pass is."""


@dataclass(frozen=True)
class Document:
    """A user turn and a reply; `cut` says that the reply is broken off at a random token before `ending`."""

    problem: Problem
    reply: str
    ending: str
    cut: bool


def pass_line(rng: Random, problem: Problem, value: str, work: str, lead: str) -> str:
    """One line: connective, steps, conclusion, and in a choice form the option that says so."""
    ends = rng.choice(ENDS).format(v=value)
    space = "" if work.startswith(" ") or not lead else " "
    return f"{lead}{space}{work if lead else work.strip()}. {ends}{problem.look_up(value)}\n"


def guess_value(rng: Random, problem: Problem, right: float) -> str:
    return problem.value if rng.random() < right else problem.miss(rng)


def count_passes(rng: Random, most: int, fewer: float) -> int:
    """One to `most`, each further pass a little less likely, so that long contexts are common but not the rule."""
    return rng.choices(range(1, most + 1), weights=[fewer**i for i in range(most)])[0]


def worked(rng: Random, problem: Problem, passes: int, guess: bool) -> str:
    """Lines of a worked reply, each pass in a layout of its own as far as there are enough."""
    lines = list[str]()
    if guess:
        lines.append(rng.choice(GUESSES).format(v=guess_value(rng, problem, 0.5)) + "\n")
    layouts = rng.sample(range(problem.family.layouts), problem.family.layouts)
    for index in range(passes):
        lead = rng.choice(LATER if index or guess else FIRST)
        layout = layouts[index % len(layouts)]
        lines.append(pass_line(rng, problem, problem.value, problem.work(layout), lead))
    return "".join(lines)


def write_document(rng: Random, problem: Problem, mix: Mix) -> Document:
    """One reply about `problem`."""
    ending = rng.choice(LEADS) + problem.answer
    if rng.random() < mix.direct:
        return Document(problem, "", ending, cut=False)
    passes = count_passes(rng, mix.most_passes, mix.fewer)
    guess = rng.random() < mix.guess
    cut = rng.random() < mix.cut
    if cut:
        passes = min(passes, 2)
        ending = "Final Answer: " + problem.answer
    elif guess and rng.random() < 0.12:
        passes = 0
    return Document(problem, worked(rng, problem, passes, guess), ending, cut)
