"""Where a pass goes wrong: against planted faults, to the character."""

from __future__ import annotations

from random import Random

import pytest

from s1kit.nano.prm_places import check, token_classes
from s1kit.nano.world import FAMILIES, draw

LEAD = "Wait, step by step:"


@pytest.mark.parametrize("name", list(FAMILIES))
def test_the_solvers_own_passes_never_depart(name: str) -> None:
    rng = Random(1)
    for _ in range(40):
        problem = draw(rng, rng.randint(1, 5), name)
        for layout in range(problem.family.layouts):
            work = problem.work(layout)
            line = f"{LEAD}{'' if work.startswith(' ') else ' '}{work}. So {problem.value}."
            found = check(problem, line)
            assert found is not None
            assert not found.departs
            assert line[found.fault :] == f" So {problem.value}."
            for kept in range(len(LEAD), len(line)):  # broken off, it has not departed either
                part = check(problem, line[:kept])
                assert part is not None
                assert not part.departs


@pytest.mark.parametrize("name", list(FAMILIES))
def test_a_planted_fault_is_found_where_it_stands(name: str) -> None:
    rng = Random(2)
    for _ in range(40):
        problem = draw(rng, rng.randint(2, 5), name)
        work = problem.work(0)
        line = f"{LEAD}{'' if work.startswith(' ') else ' '}{work}. So {problem.value}."
        at = rng.randrange(len(LEAD) + 1 + len(work) // 2, len(LEAD) + len(work))
        spoilt = line[:at] + "#" + line[at + 1 :]
        found = check(problem, spoilt)
        assert found is not None
        assert found.departs
        assert found.fault == at
        classes = token_classes(found, False, list(spoilt))
        assert classes == [*[None] * len(LEAD), *[True] * (at - len(LEAD)), *[False] * (len(spoilt) - at)]
        assert False not in token_classes(found, True, list(spoilt))


def test_a_token_that_reaches_over_the_fault_is_not_sound() -> None:
    problem = draw(Random(3), 2, "total")
    work = problem.work(0).lstrip()
    found = check(problem, f"{LEAD} {work}#")
    assert found is not None
    pieces = [LEAD, " " + work[:-2], work[-2:] + "#"]
    assert found.departs
    assert token_classes(found, None, pieces) == [None, True, False]


@pytest.mark.parametrize("line", ["Quick look: 4.", "Answer: 4", "Wait", ""])
def test_what_is_no_pass_is_not_checked(line: str) -> None:
    assert check(draw(Random(4), 2, "total"), line) is None
