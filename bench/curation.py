"""Curation without model calls, on a synthetic pool (curation_pool.py). JSON on stdout, progress on stderr.

    python bench/curation.py [--rows 250000 1000000] [--keep FOLDER]

``whole``: 59,029 questions against 728 evaluation questions through ``s1 curate``, with traces from a file, to the
training set and the report (goal: under 60 s and 2 GiB on two cores). ``decontamination``: the comparison alone, beside
two plain ways of doing it, in this process on the same texts, all three with the same hits (goal: under 10 s, and 10
times as fast as a set of n-gram strings per text and an intersection per pair). ``scaling``: ``s1 curate filter`` at
two sizes (goal: under 3 GiB, and seconds in proportion to rows). Memory is the largest sum of the resident sets of the
command and its children, looked at twice a second; a page that two of them share counts twice.

The synthetic traces are short. Counting the tokens of real ones is measured apart (``counting``).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import yaml

import curation_pool
from s1kit.curate.decontaminate import compare, rule_for
from s1kit.curate.source_table import PAPER_TOTAL
from s1kit.nano.shipped import resolve_model
from s1kit.store.rows import read_parquet
from s1kit.tokenizer import Tokenizer

GIB = 1 << 30
LOOK_EVERY = 0.5
"""Seconds: more often, and looking would take a tenth of a core from what is looked at."""
N = 8
MATH_VERIFY = ("math_verify", "unparsed", "uncomparable")
"""Ends of the rules by which Math-Verify was asked."""
TRACE_TOKENS = 4000
"""Of a real trace, about."""
Texts = Sequence[tuple[str, str]]
Pairs = set[tuple[str, str]]
"""(question, item) that share an n-gram."""


def recipe(data: Path, out: Path, *, whole: bool) -> dict[str, Any]:
    """The settings of a curation of ``data``; with all that calls no model, or with the filters alone."""
    evaluations = {name: str(data / f"{name}.jsonl") for name in curation_pool.EVALUATIONS}
    filters = ["quality", "duplicates", "decontaminate", "domain"]
    config: dict[str, Any] = {
        "name": "bench",
        "sources": [{"path": str(data / "pool.jsonl")}],
        "steps": [*filters[:3], "trace", "domain"] if whole else filters,
        "decontaminate": {"evaluations": evaluations},
        "out": str(out),
    }
    if whole:
        config |= {
            "trace": {"file": str(data / "traces.jsonl")},
            "select": {"rule": "paper", "size": 1000},
            "comparisons": [{"rule": rule, "size": 1000} for rule in ("random", "diverse", "longest")],
        }
    return config


def curate(data: Path, out: Path, *, whole: bool) -> dict[str, Any]:
    """Seconds, by step too, processor seconds and the peak of memory of ``s1 curate`` in a process of its own."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe(data, out, whole=whole)))
    command = [sys.executable, "-m", "s1kit.cli.main", "curate", *([] if whole else ["filter"]), str(file)]
    steps: dict[str, float] = {}
    told = []
    spent, load = processor_seconds(), os.getloadavg()[0]
    began = last = time.perf_counter()
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "400"},
    ) as process:
        watch = Watch(process.pid)
        for line in process.stderr or ():
            now = time.perf_counter()
            print(f"{now - began:8.1f} s  {watch.peak / GIB:5.2f} GiB  {line}", end="", file=sys.stderr, flush=True)
            name = line.partition(":")[0].strip()
            steps[name], last = round(now - last, 2), now
            told.append(line.strip())
        process.wait()
        seconds = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"error: {' '.join(command)} ended with {process.returncode}: {told[-3:]}")
    steps["end"] = round(time.perf_counter() - last, 2)
    return {
        "load_before": round(load, 2),
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor_seconds() - spent, 1),
        "peak_gib": round(watch.end() / GIB, 2),
        "steps": named(steps),
        **(taught(out, steps["trace"]) if whole else {}),
    }


def taught(out: Path, seconds: float) -> dict[str, Any]:
    """What the step trace did in its ``seconds``, by the times at which its files were done."""
    [traces] = out.glob("*/traces.parquet")
    done = [file.stat().st_mtime for file in (traces, traces.with_name("trace_grades.parquet"))]
    decided = next(traces.parent.glob("decisions/*-trace.parquet")).stat().st_mtime
    graded, rest = done[1] - done[0], decided - done[1]
    compared = [row["rule"] for row in read_parquet(traces.with_name("trace_grades.parquet"), ["rule"])]
    return {
        "trace": {
            "read_and_counted": round(seconds - graded - rest, 2),
            "graded": round(graded, 2),
            "decided": round(rest, 2),
            "traces": len(compared),
            "compared_by_math_verify": sum(rule.endswith(MATH_VERIFY) for rule in compared),
        }
    }


def processor_seconds() -> float:
    """Of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def named(steps: dict[str, float]) -> dict[str, float]:
    """The lines' beginnings as names of steps; the first line comes when the command has started."""
    return {"start" if "/" in name and name != "the page" else name: seconds for name, seconds in steps.items()}


class Watch(threading.Thread):
    """The largest sum of resident sets, in bytes, of a process and its children."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        """Look until the process is gone."""
        while not self._over.wait(LOOK_EVERY):
            try:
                family = [self._process, *self._process.children(recursive=True)]
                self.peak = max(self.peak, sum(resident(one) for one in family))
            except psutil.NoSuchProcess:
                return

    def end(self) -> int:
        """Stop looking; the peak."""
        self._over.set()
        self.join()
        return self.peak


def resident(process: psutil.Process) -> int:
    """Bytes; 0 for a process that has just ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def grams(text: str) -> set[str]:
    """The word n-grams of a text, as strings."""
    words = text.lower().split()
    return {" ".join(words[at : at + N]) for at in range(len(words) - N + 1)}


def by_sets(questions: Texts, items: Texts) -> Pairs:
    """The straightforward way: a set of strings for every text, and every pair of sets held against each other."""
    sets = [(name, grams(text)) for name, text in items]
    found: Pairs = set()
    for question, text in questions:
        own = grams(text)
        found.update((question, item) for item, other in sets if not own.isdisjoint(other))
    return found


def by_dictionary(questions: Texts, items: Texts) -> Pairs:
    """One dictionary from every n-gram of the pool to its questions, in which the items' n-grams are looked up."""
    lookup: defaultdict[str, set[str]] = defaultdict(set)
    for question, text in questions:
        for gram in grams(text):
            lookup[gram].add(question)
    return {(question, item) for item, text in items for gram in grams(text) for question in lookup.get(gram, ())}


def by_index(questions: Texts, items: Texts) -> Pairs:
    """As s1kit does it: the paper's rule."""
    return {(hit.question_id, hit.item_id) for hit in compare(questions, {"all": items}, rule_for("paper", n=N)).hits}


def timed(do: Callable[[Texts, Texts], Any], questions: Texts, items: Texts, runs: int) -> tuple[float, Any]:
    """The median of ``runs`` in seconds, and what came out."""
    seconds = []
    found = None
    for _ in range(runs):
        began = time.perf_counter()
        found = do(questions, items)
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)[runs // 2], found


def decontamination(rows: int) -> dict[str, Any]:
    """The comparison alone, three ways, and by the coverage rule."""
    load = os.getloadavg()[0]
    questions = [(str(at), row["question"]) for at, (_, row) in enumerate(curation_pool.questions(rows))]
    names = curation_pool.EVALUATIONS
    items = [(f"{name}/{at}", text) for name in names for at, text in enumerate(curation_pool.evaluation(name))]
    own, found = timed(by_index, questions, items, 3)
    table, looked_up = timed(by_dictionary, questions, items, 3)
    sets, paired = timed(by_sets, questions, items, 1)
    if not found == looked_up == paired:
        raise SystemExit("error: the three ways do not find the same pairs")
    coverage, _ = timed(lambda q, i: compare(q, {"all": i}, rule_for("coverage", n=N)), questions, items, 3)
    return {
        "load_before": round(load, 2),
        "questions": len(questions),
        "items": len(items),
        "pairs_that_share_an_8_gram": len(found),
        "seconds": round(own, 2),
        "seconds_by_coverage_rule": round(coverage, 2),
        "seconds_set_per_text": round(sets, 1),
        "seconds_one_dictionary": round(table, 2),
        "ratio_set_per_text": round(sets / own, 1),
        "ratio_one_dictionary": round(table / own, 2),
    }


def counting(traces: int) -> dict[str, Any]:
    """Tokens a second of the nano tokenizer on traces of real length, and what ``traces`` of them take."""
    tokenizer = Tokenizer.load(resolve_model("nano"))
    texts = (row["question"] for _, row in curation_pool.questions(5000))
    text = " ".join(texts)
    piece = text[: len(text) * TRACE_TOKENS // len(tokenizer.encode(text))]
    began = time.perf_counter()
    tokens = sum(len(tokenizer.encode(piece)) for _ in range(200))
    speed = tokens / (time.perf_counter() - began)
    return {
        "tokenizer": "nano",
        "tokens_per_s": round(speed),
        "trace_tokens": TRACE_TOKENS,
        "seconds_for_all": round(traces * TRACE_TOKENS / speed),
    }


def scaling(sizes: Sequence[int], folder: Path) -> dict[str, Any]:
    """The filters at each size; ``ratio`` is seconds a row at the largest to those at the smallest."""
    runs = []
    for rows in sizes:
        data = folder / f"data-{rows}"
        curation_pool.write(data, rows, traces=False)
        runs.append({"rows": rows, **curate(data, folder / f"runs-{rows}", whole=False)})
    ratios = {}
    for kind in ("seconds", "processor_seconds"):
        first, last = (run[kind] / run["rows"] for run in (runs[0], runs[-1]))
        ratios[f"{kind}_per_row_ratio"] = round(last / first, 2)
    return {"runs": runs, **ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[250_000, 1_000_000], help="sizes for scaling")
    parser.add_argument("--keep", type=Path, help="work here, and leave the files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        kinds = curation_pool.write(folder / "data", PAPER_TOTAL, traces=True)
        record = {
            "bench": "curation",
            "pool": {"rows": PAPER_TOTAL, "kinds": kinds, "seed": curation_pool.SEED},
            "whole": curate(folder / "data", folder / "runs", whole=True),
            "decontamination": decontamination(PAPER_TOTAL),
            "counting": counting(PAPER_TOTAL),
            "scaling": scaling(options.rows, folder),
            "goals": {"whole_s": 60, "whole_gib": 2, "decontamination_s": 10, "ratio": 10, "scaling_gib": 3},
        }
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
