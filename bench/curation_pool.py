"""A synthetic pool of questions, evaluation sets and traces, at the lengths of the paper's pool, for bench/curation.py.

Knows how a pool of collected questions looks to whoever compares texts: lengths (log-normal, 50 words on average),
words that follow Zipf's law, formulas, sentences that many questions share, copies, near copies, questions that hold an
evaluation question, faults. Refuses to look like mathematics. The same rows everywhere: row ``i`` depends on the seed
and on ``i`` alone, so a smaller pool is the beginning of a larger one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from s1kit.curate.msc import classes

SEED = 20250131
BLOCK = 1000
"""Rows that are written together, and within which rows copy each other."""
EVALUATIONS = {"aime24": 30, "math500": 500, "gpqa_diamond": 198}
"""The paper's three evaluation sets and their sizes: 728 questions."""
SOURCES = ("numina", "olympiads", "textbooks", "exams")
MEDIAN_WORDS, SPREAD = 36.0, 0.8
"""Of the log-normal number of words: 50 on average."""
VOCABULARY = 5000
FORMULAS = 0.15
"""Share of words that are pieces of LaTeX."""
BOILERPLATE = 0.05
"""Share of questions that end in a sentence that others end in too."""
SENTENCES = (
    r"Given that the answer is $\frac{m}{n}$ where $m$ and $n$ are relatively prime positive integers, find $m + n$.",
    "Express your answer as a common fraction in lowest terms, and show all the steps of your reasoning.",
    "Suppose that all of the given quantities are positive real numbers unless it is stated otherwise.",
)
FAULTS = ("", "See the figure below: ![Image](fig.png)", "[asy] draw((0,0)--(1,1)); [/asy]", "p12. Prove the same.")
SHARES = {"copy": 0.01, "near": 0.01, "leak": 0.01, "half_leak": 0.005, "fault": 0.005}
"""What becomes of a row, by probability; the rest are questions of their own."""
_COMMON = (
    "the of a is to and in that for find with are be let what by on at from if as its then all which has each number "
    "such we an how many there it two one where x n this point line function equation value not can have when between"
)


def write(folder: Path, rows: int, *, traces: bool) -> dict[str, int]:
    """pool.jsonl, one file per evaluation set, and traces.jsonl; how many rows of each kind the pool has."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in EVALUATIONS:
        lines = ({"question": text, "answer": "1"} for text in evaluation(name))
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    kinds: dict[str, int] = {}
    with (folder / "pool.jsonl").open("w") as pool, (folder / "traces.jsonl").open("w") as taught:
        for number, (kind, row) in enumerate(questions(rows)):
            kinds[kind] = kinds.get(kind, 0) + 1
            pool.write(json.dumps(row) + "\n")
            if traces and row["question"]:
                taught.write(json.dumps(trace(row, number)) + "\n")
    return kinds


def questions(rows: int) -> Iterator[tuple[str, dict[str, str]]]:
    """The kind of each row (a key of SHARES, or ``own``) and the row."""
    for first in range(0, rows, BLOCK):
        yield from _block(first // BLOCK)[: rows - first]


@cache
def evaluation(name: str) -> tuple[str, ...]:
    """The questions of an evaluation set, written like the pool's."""
    rng = np.random.default_rng([SEED, 1, list(EVALUATIONS).index(name)])
    return tuple(_texts(rng, EVALUATIONS[name], least=12))


def trace(row: dict[str, str], number: int) -> dict[str, str]:
    """A short trace: 20 to 120 words, about half of the answers right."""
    rng = Random(f"{SEED} trace {number}")
    words = vocabulary()
    thinking = " ".join(words[int(len(words) ** rng.random())] for _ in range(rng.randint(20, 120)))
    answer = row["answer"] if rng.random() < 0.5 else str(rng.randint(0, 999))
    return {"question": row["question"], "thinking": thinking, "answer": f"The answer is $\\boxed{{{answer}}}$."}


@cache
def vocabulary() -> tuple[str, ...]:
    """Common words first, then the terms of the subject classification among words that are made up."""
    rng = Random(SEED)
    terms = sorted({w for e in classes().values() for w in e["names"].replace(",", " ").split() if w.isalpha()})
    syllables = [c + v for c in "bdfgklmnprstvz" for v in ("a", "e", "i", "o", "u", "an", "er", "is", "ol", "un")]
    lengths = rng.choices((1, 2, 3), (1, 5, 2), k=VOCABULARY)
    made = {"".join(rng.choices(syllables, k=length)) for length in lengths}
    rest = sorted((made | set(terms)) - set(_COMMON.split()))
    rng.shuffle(rest)
    return (*_COMMON.split(), *rest)[:VOCABULARY]


def _block(block: int) -> list[tuple[str, dict[str, str]]]:
    """BLOCK rows; a copy copies an earlier row of its block."""
    numbers = np.random.default_rng([SEED, 0, block])
    rng = Random(f"{SEED} {block}")
    texts = list(_texts(numbers, BLOCK, least=4))
    kinds = rng.choices([*SHARES, "own"], [*SHARES.values(), 1 - sum(SHARES.values())], k=BLOCK)
    rows = []
    for at, kind in enumerate(kinds):
        texts[at] = _changed(kind, texts[:at], texts[at], rng)
        answer = str(rng.randint(0, 999)) if rng.random() < 0.6 else _formula(rng).strip("$")
        rows.append((kind, {"question": texts[at], "answer": answer, "source": SOURCES[block % len(SOURCES)]}))
    return rows


def _changed(kind: str, before: list[str], own: str, rng: Random) -> str:
    """A row's text after what its kind does to it."""
    if kind in ("copy", "near") and before:
        words = rng.choice(before).split()
        if kind == "near" and words:
            words[rng.randrange(len(words))] = rng.choice(vocabulary())
        return " ".join(words)
    if kind in ("leak", "half_leak"):
        item = rng.choice(evaluation(rng.choice(tuple(EVALUATIONS))))
        words = item.split()
        return item if kind == "leak" else " ".join(words[: len(words) // 2 + 1]) + " " + own
    fault = rng.choice(FAULTS) if kind == "fault" else None
    return own if fault is None else f"{own}\n{fault}" if fault else ""


def _texts(rng: np.random.Generator, count: int, least: int) -> Iterator[str]:
    """``count`` texts of at least ``least`` words, a share of them with boilerplate behind."""
    lengths = np.clip(rng.lognormal(np.log(MEDIAN_WORDS), SPREAD, count), least, 2000).astype(int)
    known = vocabulary()
    taken = np.searchsorted(_zipf(), rng.random(lengths.sum())).tolist()
    formulas = (rng.random(lengths.sum()) < FORMULAS).tolist()
    pieces = Random(int(rng.integers(2**62)))
    ends = (rng.random(count) < BOILERPLATE).tolist()
    at = 0
    for length, ends_in_boilerplate in zip(lengths.tolist(), ends, strict=True):
        words = [_formula(pieces) if formulas[i] else known[taken[i]] for i in range(at, at + length)]
        at += length
        text = " ".join(words).capitalize() + "."
        yield f"{text} {pieces.choice(SENTENCES)}" if ends_in_boilerplate else text


def _formula(rng: Random) -> str:
    """A piece of LaTeX without blanks, or a number."""
    a, b = rng.randint(1, 99), rng.randint(2, 99)
    return rng.choice((f"${a}$", f"$x^{{{b}}}$", f"\\frac{{{a}}}{{{b}}}", f"$a_{{{a}}}+{b}$", f"\\sqrt{{{b}}}", str(b)))


@cache
def _zipf() -> npt.NDArray[np.float64]:
    """Cumulative probabilities of the vocabulary's words by rank."""
    weights = 1 / (np.arange(VOCABULARY) + 2.7)
    return np.asarray(np.cumsum(weights) / weights.sum())
