"""The trace browser at the size of a real sweep: written, opened in Chromium, and weighed.

    python bench/report_browser.py [--questions 1000] [--points 10] [--tokens 8000]

A made-up sweep: per question one trace of words, cut at rising budgets, and extended for the last points, so rows share
their beginnings as a real sweep's do. Measured: seconds to write the folder and its size; in Chromium from disk the
seconds until the table is there, until a question is, and the heap after forty questions. JSON on stdout.

Goals: 10,000 generations written in under 10 s, opened in under 2 s, folder and heap under 300 MB.
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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from s1kit.policies import BudgetForcing, label
from s1kit.report.browser import write_browser
from s1kit.report.shelf import Listed, Shelf
from s1kit.store.rows import GENERATIONS, parquet_sink
from s1kit.store.run import RunDir
from s1kit.types import Question

WORDS = [f" {a}{b}" for a in ("so", "then", "let", "we", "take", "it", "is") for b in ("", "s", "ing", "ed", "er", ",")]
STEP = 200
"""Tokens that each extension adds."""


def policies(points: int, tokens: int) -> dict[str, BudgetForcing]:
    """Rising budgets, the natural end, three extensions."""
    found = {f"max{i}": BudgetForcing(max_thinking=tokens * (i + 1) // points) for i in range(max(0, points - 4))}
    found["natural"] = BudgetForcing()
    return {**found, **{f"wait{n}": BudgetForcing(extensions=n) for n in (1, 2, 3)}}


def rows(asked: Sequence[Question], named: dict[str, BudgetForcing], tokens: int) -> Iterator[dict[str, Any]]:
    """Question by question, as a finished run has them."""
    random_ = random.Random(0)
    for question in asked:
        whole = [random_.randrange(len(WORDS)) for _ in range(tokens + 3 * STEP)]
        for name, policy in named.items():
            n = policy.max_thinking or tokens
            ids, segments = whole[:n], [("think", "model", "think", 0, n)]
            for step in range(policy.extensions):
                begin = len(ids)
                ids = [*ids, 0, *whole[tokens + step * STEP : tokens + (step + 1) * STEP]]
                segments += [
                    ("think", "forced", "nudge", begin, begin + 1),
                    ("think", "model", "think", begin + 1, len(ids)),
                ]
            segments.append(("answer", "model", "answer", len(ids), len(ids) + 4))
            yield {
                **{field.name: 0 for field in GENERATIONS if str(field.type) == "int64"},
                "question_id": question.id, "policy_id": name, "token_ids": [*ids, 1, 2, 3, 4], "tries": 1,
                "segments": [dict(zip(("phase", "origin", "why", "start", "end"), s, strict=True)) for s in segments],
                "ended": "cutoff" if policy.max_thinking else "model", "answer_ended": "turn_end",
                "extensions": policy.extensions, "min_met": True, "looped": False, "n_thinking_model": len(ids),
                "n_answer": 4, "exact": True, "engine_ms": 0.0, "thinking_text": "", "answer_text": "",
            }  # fmt: skip


def made(root: Path, n: int, points: int, tokens: int) -> RunDir:
    """The run. Its rows go straight to Parquet: a journal of this size takes minutes."""
    asked = [
        Question.make(text=f"What is {i} + {i * i}?", answer=str(i + i * i), answer_kind="integer") for i in range(n)
    ]
    named = policies(points, tokens)
    described = {
        name: {"label": label(policy), "policy": policy.model_dump(mode="json")} for name, policy in named.items()
    }
    with RunDir.create(root, "sweep", "bench", config_resolved={}, questions=asked, policies=described) as run:
        path = run.path
    (path / "generations.jsonl").unlink(missing_ok=True)
    with parquet_sink(path / "generations.parquet", GENERATIONS, batch=64) as add:
        for row in rows(asked, named, tokens):
            add(row)
    return RunDir.open(path)


def opened(page_path: Path) -> dict[str, float]:
    """What a reader waits for, and what Chromium holds."""
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        begin = time.perf_counter()
        page.goto(page_path.as_uri())
        page.wait_for_selector("#rows .row")
        table = time.perf_counter() - begin
        begin = time.perf_counter()
        page.click("#rows a >> nth=0")
        page.wait_for_selector(".trace")
        question = time.perf_counter() - begin
        session = page.context.new_cdp_session(page)
        for _ in range(40):
            page.keyboard.press("j")
            page.wait_for_timeout(60)
        heap = session.send("Runtime.getHeapUsage")["usedSize"]
        browser.close()
    return {"table_seconds": round(table, 2), "question_seconds": round(question, 2), "heap_mb": round(heap / 1e6, 1)}


def main() -> None:
    """Make, write, open, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in (("questions", 1000), ("points", 10), ("tokens", 8000)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    asked = parser.parse_args()

    def decode(ids: Sequence[int]) -> str:
        return "".join([WORDS[i] for i in ids])

    with tempfile.TemporaryDirectory() as root:
        run = made(Path(root) / "runs", asked.questions, asked.points, asked.tokens)
        print("made", file=sys.stderr)
        listed = tuple(Listed(key, entry["label"], None, None) for key, entry in run.manifest.policies.items())
        begin = time.perf_counter()
        page = write_browser(Path(root) / "report", [Shelf(run, "bench", "", listed, decode)], "Bench")
        seconds = time.perf_counter() - begin
        size = sum(path.stat().st_size for path in page.parent.rglob("*.*"))
        found = {
            **vars(asked), "generations": asked.questions * len(listed), "write_seconds": round(seconds, 2),
            "folder_mb": round(size / 1e6, 1),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
            **opened(page),
        }  # fmt: skip
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
