"""What the teacher writes, and how often it is right."""

from __future__ import annotations

from random import Random

from s1kit.nano import teacher, text, traces
from s1kit.nano.world import FAMILIES, draw


def test_short_traces_are_right_half_the_time_and_long_ones_mostly() -> None:
    written = traces.written(1000)
    short = [w for w in written if w.passes == 0]
    long = [w for w in written if w.passes >= 1]
    assert 0.25 <= len(short) / len(written) <= 0.6
    assert 0.4 <= sum(w.right for w in short) / len(short) <= 0.65
    assert sum(w.right for w in long) / len(long) >= 0.85
    assert max(w.passes for w in written) == 4


def test_a_trace_is_lines_each_new_thought_beginning_with_wait() -> None:
    for w in traces.written(300):
        lines = w.thinking.splitlines()
        assert w.thinking.endswith("\n")
        assert len(lines) == w.passes + 1
        assert not lines[0].startswith("Wait")
        assert all(line.startswith("Wait, ") for line in lines[1:])


def test_stopping_depends_on_length_and_not_on_difficulty() -> None:
    rng = Random(1)
    habits = teacher.Teacher()
    problems = [draw(rng, level, name) for name in FAMILIES for level in (2, 5) for _ in range(20)]
    problems.sort(key=lambda problem: len(problem.text))
    chances = [habits.stops(problem) for problem in problems]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > 0.75
    assert chances[-1] < 0.01
    same = [p for p in problems if len(p.text) == 50]
    assert {2, 5} == {p.level for p in same}
    assert len({habits.stops(p) for p in same}) == 1


def test_traces_are_a_function_of_the_seed() -> None:
    assert traces.load(50) == traces.load(50)
    assert traces.load(50, seed=2) != traces.load(50)


def test_pretraining_never_says_wait_or_hmm() -> None:
    rng = Random(2)
    mix = text.Mix(levels=(1, 5), most_passes=6)
    for name in list(FAMILIES) * 60:
        document = text.write_document(rng, draw(rng, rng.randint(1, 6), name, 0.2), mix)
        whole = (document.problem.text + document.reply + document.ending).lower()
        assert "wait" not in whole
        assert "hmm" not in whole
        assert "think" not in whole
