r"""One process that compares answers with Math-Verify until its input ends. Run by `s1kit.grading.pool`, as a module.

Knows Math-Verify: how to hand it bare LaTeX, gold first, and where its "equal" is not to be believed. Refuses to
handle its own end: the kernel or the parent kills it. Speaks JSON lines: ``{"gold": ..., "answer": ...}`` in, an
outcome out.

Outcomes: ``equal``, ``unequal``, ``unparsed`` (the answer), ``gold_unparsed``, ``uncomparable`` (Math-Verify raised:
``1/0``), ``memory``, ``recursion``.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
from typing import Any

RELATIVE_TOLERANCE = 1e-5
"""Two numbers further apart than this share of the larger are different, whatever Math-Verify's absolute rounding
says: it holds 1/2004! and 1/2006! for equal. 0.333333 still passes for 1/3."""
KERNEL_GRACE = 5
"""Wall seconds after the parent's own limit at which the kernel ends a worker whose parent is gone."""


def in_dollars(latex: str) -> str:
    """Bare LaTeX as inline maths: without delimiters Math-Verify reads ``Evelyn`` and ``3x+4y+14=0`` as nothing."""
    return "$" + re.sub(r"(?<!\\)\$|\\[()\[\]]", " ", latex) + "$"


def compare(gold: str, answer: str) -> str:
    """The outcome for one pair. Raises MemoryError or RecursionError where Math-Verify lets them through."""
    from math_verify import LatexExtractionConfig, parse, verify  # type: ignore[import-untyped, unused-ignore]

    config = [LatexExtractionConfig()]
    parsed_gold = parse(in_dollars(gold), config, parsing_timeout=None)
    if not parsed_gold:
        return "gold_unparsed"
    parsed_answer = parse(in_dollars(answer), config, parsing_timeout=None)
    if not parsed_answer:
        return "unparsed"
    # Symmetric in sets and inequalities (0 < x < 1 is (0, 1)), which the default is only with gold on one side.
    equal = verify(parsed_gold, parsed_answer, allow_set_relation_comp=True, timeout_seconds=None, raise_on_error=True)
    if equal and "%" not in gold + answer and _far_apart(parsed_gold[0], parsed_answer[0]):
        return "unequal"
    return "equal" if equal else "unequal"


def _far_apart(gold: Any, answer: Any) -> bool:
    """Whether two parsed values are real numbers whose relative difference exceeds the tolerance."""
    sides = [getattr(side, "rhs", side) for side in (gold, answer)]
    if not all(getattr(side, "is_number", False) and getattr(side, "is_real", False) for side in sides):
        return False
    left, right = sides
    return bool(abs((left - right).evalf(20)) > RELATIVE_TOLERANCE * max(abs(left.evalf(20)), abs(right.evalf(20))))


def answer_line(line: str) -> str:
    """Outcome of one request line; every failure of Math-Verify becomes a word."""
    pair = json.loads(line)
    try:
        return compare(pair["gold"], pair["answer"])
    except MemoryError:
        return "memory"
    except RecursionError:
        return "recursion"
    except Exception:  # noqa: BLE001 - sympy raises anything; a pair it cannot compare is an outcome, not a crash.
        return "uncomparable"


def limit_memory(mebibytes: int) -> None:
    """Cap this process's address space. A system without such limits (macOS) keeps only the wall clock."""
    try:
        resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20, mebibytes << 20))
    except (ValueError, OSError):
        print("s1kit: this system sets no memory limit on grading workers", file=sys.stderr)


def main() -> None:
    """``python -m s1kit.grading.worker SECONDS WALL MEBIBYTES``: serve until standard input ends.

    A pair that takes more than SECONDS of processor time or WALL seconds in all ends the process by signal, with the
    default action: the kernel acts also where C code would let no handler run.
    """
    seconds, wall, mebibytes = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    limit_memory(mebibytes)
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not be read as an outcome
    import math_verify  # noqa: F401 - pay for the import before the first clock starts

    replies.write("ready\n")
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, wall + KERNEL_GRACE)
        outcome = answer_line(line)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        replies.write(outcome + "\n")


if __name__ == "__main__":
    main()
