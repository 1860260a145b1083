"""A report over 10,000 generations: how long it takes to build, how large it is, when its first page is painted.

    python bench/report.py [--questions 1000] [--points 10] [--tokens 2000]

The run is made up, and goes through the real store, grades and metrics. JSON on stdout; the first paint needs
playwright and a Chromium, else it is null. Goals: built in under 20 s, first paint in under 1 s from disk.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from s1kit.metrics.summary import summarise
from s1kit.policies import BudgetForcing, Sampling, label, policy_id
from s1kit.report.build import build_report
from s1kit.store.run import RunDir
from s1kit.types import Generation, Grade, Question, Segment

WORDS = [f" w{n}" for n in range(1000)]


def policies(points: int, tokens: int) -> dict[str, dict[str, Any]]:
    """Budgets up to ``tokens``, the natural end, and two extensions: ``points`` in all."""
    budgets = [max(1, tokens >> (step + 1)) for step in range(points - 3)]
    wanted = [(BudgetForcing(max_thinking=n), "budget") for n in dict.fromkeys(budgets)]
    wanted += [(BudgetForcing(), "natural"), *((BudgetForcing(extensions=n), "extension") for n in (1, 2))]
    return {
        policy_id(policy, {}, Sampling()): {
            "label": label(policy),
            "role": role,
            "policy": policy.model_dump(mode="json"),
            "sampling": {},
            "samples": 1,
        }
        for policy, role in wanted
    }


def row(question: Question, name: str, asked: dict[str, Any], trace: list[int]) -> Generation:
    """A cut of the question's one trace, as a sweep makes it; every extension adds the trace's first half again."""
    budget = asked["max_thinking"]
    own = trace[:budget] if budget else trace
    tokens, segments = [0, *own], [
        Segment(phase="think", origin="forced", why="open", start=0, end=1),
        Segment(phase="think", origin="model", why="think", start=1, end=1 + len(own)),
    ]  # fmt: skip
    for _ in range(asked["extensions"]):
        at = len(tokens)
        tokens += [1, *trace[: len(trace) // 2]]
        segments.append(Segment(phase="think", origin="forced", why="nudge", start=at, end=at + 1))
        segments.append(Segment(phase="think", origin="model", why="think", start=at + 1, end=len(tokens)))
    at = len(tokens)
    tokens += [2, 3, 4]
    segments.append(Segment(phase="answer", origin="forced", why="close", start=at, end=at + 1))
    segments.append(Segment(phase="answer", origin="model", why="answer", start=at + 1, end=at + 3))
    cut = budget is not None and len(trace) >= budget
    return Generation(
        question_id=question.id,
        policy_id=name,
        token_ids=tuple(tokens),
        segments=tuple(segments),
        ended="cutoff" if cut else "model",
        answer_ended="turn_end",
        extensions=asked["extensions"],
        n_thinking_model=sum(s.end - s.start for s in segments if s.why == "think"),
        n_thinking_forced=asked["extensions"],
        n_answer=2,
        n_paid=len(own) + 2,
        n_paid_thinking=len(own),
        thinking_text=decode(tokens[1 : segments[-2].start]),
        answer_text=decode(tokens[-2:]),
    )


def decode(ids: Any) -> str:
    """Every token is a word."""
    return "".join(WORDS[i] for i in ids)


def made(root: Path, n: int, points: int, tokens: int) -> RunDir:
    """The run: stored, graded, measured."""
    chance = random.Random(0)
    asked = [Question.make(text=f"What is {i} + 1?", answer="3", answer_kind="integer") for i in range(n)]
    entries = policies(points, tokens)
    grades: list[Grade] = []

    def rows() -> Iterator[list[Generation]]:
        for question in asked:
            trace = [chance.randrange(5, 1000) for _ in range(chance.randrange(tokens // 4, tokens))]
            block = [row(question, name, entry["policy"], trace) for name, entry in entries.items()]
            for one in block:
                right = chance.random() < min(0.9, 0.2 + one.n_thinking / tokens)
                verdict: Any = "correct" if right else "incorrect"
                grades.append(
                    Grade(
                        question_id=question.id, policy_id=one.policy_id, grader="default", version=1, verdict=verdict,
                        rule="last_number", extracted="3" if right else "4", reference="3",
                    )
                )  # fmt: skip
            yield block

    config = {"benchmark": "made-up", "model": "made-up", "sampling": {"temperature": 0.0}}
    with RunDir.create(root, "sweep", "bench", questions=asked, policies=entries, config_resolved=config) as run:
        for block in rows():
            run.append_many(block)
        run.finish()
    run = RunDir.open(run.path)
    run.write_grades("default", grades)
    light = [
        one.model_copy(update={"token_ids": None, "thinking_text": "", "segments": ()}) for one in run.generations()
    ]
    run.write_metrics(summarise(asked, light, grades, entries).model_dump(mode="json"))
    return RunDir.open(run.path)


def first_paint(page: Path) -> float | None:
    """Milliseconds until something is on the screen, the median of five; None without a browser."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if found is None:
        return None
    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for _ in range(5):
            tab = browser.new_page()
            tab.goto(page.as_uri())
            tab.wait_for_timeout(300)
            painted = tab.evaluate("performance.getEntriesByType('paint').map(entry => entry.startTime)")
            times.append(min(painted, default=float("inf")))
            tab.close()
        browser.close()
    return round(sorted(times)[2], 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("questions", 1000), ("points", 10), ("tokens", 2000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = made(Path(folder) / "runs", asked.questions, asked.points, asked.tokens)
        seconds = {}
        for browser, name in ((False, "overview_alone"), (True, "with_browser")):
            began = time.perf_counter()
            page = build_report(run, Path(folder) / name, decode, browser=browser)
            seconds[name] = round(time.perf_counter() - began, 2)
        written = sum(path.stat().st_size for path in page.parent.rglob("*") if path.is_file())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        record = {
            "bench": "report",
            "generations": asked.questions * asked.points,
            "tokens_in_run": sum(one["thinking_mean"] * one["n"] for one in (run.metrics() or {})["points"]),
            "build_s": seconds,
            "overview_kib": round(page.stat().st_size / 1024),
            "folder_mib": round(written / 2**20, 1),
            "peak_mib": round(peak / (2**20 if sys.platform == "darwin" else 1024)),
            "first_paint_ms": first_paint(page),
            "goals": {"build_s": 20, "first_paint_ms": 1000},
        }
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
