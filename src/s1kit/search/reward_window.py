"""How a solution too long for a reward model's context is read in several passes.

Knows numbers of tokens. Refuses to know texts and models. Every pass begins with the question, then repeats the last
steps of the pass before as context, for up to half of its length, and scores the steps that follow. What a step is
worth may depend on a step that is no longer in sight: whoever shows such scores says that they were windowed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """One pass: it reads the question and steps ``[start, end)`` and scores ``[first, end)``."""

    start: int
    first: int
    end: int


class StepTooLong(ValueError):
    """Question and one step alone are longer than a pass."""

    def __init__(self, step: int, tokens: int) -> None:
        super().__init__(f"step {step + 1} with its question: {tokens} tokens")
        self.step, self.tokens = step, tokens


def windows(steps: int, size: Callable[[int, int], int], limit: int) -> list[Window]:
    """The passes that score each of ``steps`` steps once, in order; one where everything fits.

    ``size(a, b)`` is the length in tokens of the question with steps ``[a, b)``: it grows with b and falls with a.
    Raises StepTooLong for the first step that does not fit alone.
    """
    found, done = list[Window](), 0
    while done < steps:
        if (alone := size(done, done + 1)) > limit:
            raise StepTooLong(done, alone)
        start = _context_from(done, size, limit) if done else 0
        end = _reach(start, done, steps, size, limit)
        found.append(Window(start, done, end))
        done = end
    return found


def _context_from(done: int, size: Callable[[int, int], int], limit: int) -> int:
    """The earliest step that may be repeated: what comes before step ``done`` fills half a pass at most."""
    return _first_true(0, done, lambda a: size(a, done) <= limit // 2 and size(a, done + 1) <= limit)


def _reach(start: int, done: int, steps: int, size: Callable[[int, int], int], limit: int) -> int:
    """The end of the pass that begins at ``start``: step ``done`` is known to fit."""
    return _first_true(done + 1, steps, lambda b: size(start, b + 1) > limit)


def _first_true(low: int, high: int, test: Callable[[int], bool]) -> int:
    """The smallest n in [low, high) for which ``test`` holds; ``high`` where it holds for none. Bisects."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if test(middle) else (middle + 1, high)
    return low
