"""How often the lexical classifier names a right class, on questions whose subject somebody else labelled.

    python bench/domain_accuracy.py FOLDER

FOLDER holds math_train_rllm.json (MATH's training questions with `type`), theoremqa_test.json (`subfield`), scibench/
(one file per textbook) and olympiadbench_en_oe_to_math.jsonl (`subfield`). A label names a subject and no MSC class, so
each is mapped to the set of classes that would be right. The word lists, and this mapping, were tuned on one half of
the first three, drawn with a fixed seed; the numbers are those of the other half. OlympiadBench took no part in it.
MATH's Prealgebra is a school year and no subject: it is left out. Table on stderr, JSON on stdout.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from s1kit.curate.lexical import classify
from s1kit.curate.msc import OTHER

SEED = 20250131
RIGHT = {
    "MATH": {
        "Algebra": "08 12 15 26 39 40 97",
        "Intermediate Algebra": "12 13 15 26 30 39 40 51",
        "Precalculus": "15 26 30 33 51",
        "Number Theory": "11",
        "Geometry": "51 52",
        "Counting & Probability": "05 60",
    },
    "TheoremQA": {
        "Algebra": "12 13 15 16 20",
        "Atomic physics": "81",
        "Calculus": "26 28 33 40 49",
        "Celestial mechanics": "70 85",
        "Classic mechanics": "70 74",
        "Combinatorics": "05",
        "Complex analysis": "30 32",
        "Computer networking": "68 90 94",
        "Condensed matter physics": "81 82",
        "Derivatives": "91",
        "Economics": "91",
        "Electromagnetism": "78",
        "Equity investments": "91",
        "Fixed income": "91",
        "Fluid mechanics": "76",
        "Functional analysis": "46 47",
        "Geometry": "51 52 53",
        "Graph theory": "05 68 90",
        "Group theory": "20 22",
        "Information theory": "68 94",
        "Kinetics": "70 74",
        "Machine learning": "62 68",
        "Mathematical analysis": "26 28 40 42 46 47 54",
        "Number theory": "11",
        "Numerical analysis": "41 65",
        "Optics": "78",
        "Particle": "81",
        "Portfolio management": "91",
        "Probability theory": "60",
        "Quantitive methods": "62 91",
        "Quantum": "81",
        "Real analysis": "26 28 40 54",
        "Relativity": "83",
        "Signal processing": "42 44 93 94",
        "Statistical physics": "80 82",
        "Statistics": "60 62",
        "Stochastic process": "60",
        "Thermodynamics": "80 82",
        "Wave": "35 70 74 76 78",
    },
    "SciBench": {
        "atkins": "80 81 82 92",
        "calculus": "26 28 34 40 49 51 53",
        "chemmc": "81 82 92",
        "class": "70 74 85",
        "diff": "34 37",
        "fund": "70 74 76 78 80",
        "matter": "78 80 81 82 92",
        "quan": "81 92",
        "stat": "60 62",
        "thermo": "80 82 92",
    },
    "OlympiadBench": {"Algebra": "08 12 15 26 39 40 97", "Combinatorics": "05 52 60", "Geometry": "51 52"}
    | {"Number Theory": "11"},
}
COLUMNS: tuple[str, ...] = ("questions", "accuracy", "other", "majority_class", "majority_accuracy")
COLUMNS += ("narrow_questions", "narrow_accuracy", "narrow_majority_accuracy")
Labelled = tuple[str, str]
"""Question, label."""


def load(folder: Path) -> Iterator[tuple[str, list[Labelled]]]:
    """Source name and its labelled questions, in the file's order."""
    yield "MATH", [(r["problem"], r["type"]) for r in json.loads((folder / "math_train_rllm.json").read_text("utf-8"))]
    rows = json.loads((folder / "theoremqa_test.json").read_text("utf-8"))
    yield "TheoremQA", [(r["Question"], r["subfield"]) for r in rows]
    books = sorted((folder / "scibench").glob("*.json"))
    yield "SciBench", [(r["problem_text"], b.stem) for b in books for r in json.loads(b.read_text("utf-8"))]
    lines = (folder / "olympiadbench_en_oe_to_math.jsonl").read_text("utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line.strip()]
    yield "OlympiadBench", [(r["question"], r["subfield"]) for r in rows]


def halves(source: str, rows: Iterable[Labelled]) -> tuple[list[Labelled], list[Labelled]]:
    """The half that was tuned on and the half that is measured, without rows whose label is mapped to nothing."""
    kept = [row for row in rows if row[1] in RIGHT[source]]
    Random(SEED).shuffle(kept)
    if source == "OlympiadBench":
        return [], kept
    return kept[::2], kept[1::2]


def measure(source: str, tuned: list[Labelled], held_out: list[Labelled]) -> dict[str, object]:
    """Accuracy, share filed as other, and what always naming the best single class would score.

    ``narrow``: only labels for which at most two classes are right, where luck helps least (its majority class is the
    best in hindsight).
    """
    said = [classify(text)[0] for text, _ in held_out]
    right = [RIGHT[source][label].split() for _, label in held_out]
    by_label = Counter(label for _, label in held_out)
    hits = Counter(label for code, codes, (_, label) in zip(said, right, held_out, strict=True) if code in codes)
    best = Counter(code for _, label in tuned or held_out for code in RIGHT[source][label].split()).most_common(1)[0][0]
    n = len(held_out)
    narrow = [code in codes for code, codes in zip(said, right, strict=True) if len(codes) <= 2]
    return {
        "questions": n,
        "accuracy": round(hits.total() / n, 3),
        "other": round(said.count(OTHER) / n, 3),
        "majority_class": best,
        "majority_accuracy": round(sum(best in codes for codes in right) / n, 3),
        "narrow_questions": len(narrow),
        "narrow_accuracy": round(sum(narrow) / len(narrow), 3),
        "narrow_majority_accuracy": round(
            max(Counter(code for codes in right if len(codes) <= 2 for code in codes).values()) / len(narrow), 3
        ),
        "accuracy_on_the_tuned_half": round(
            sum(classify(text)[0] in RIGHT[source][label].split() for text, label in tuned) / len(tuned), 3
        )
        if tuned
        else None,
        "labels": {label: [hits[label], count] for label, count in sorted(by_label.items())},
    }


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python bench/domain_accuracy.py FOLDER")
    found = {name: measure(name, *halves(name, rows)) for name, rows in load(Path(sys.argv[1]))}
    table = Table(
        "source",
        "held out",
        "right",
        "other",
        "majority class",
        "its accuracy",
        "narrow",
        "right",
        "majority",
        title="Lexical classifier",
    )
    for name, row in found.items():
        table.add_row(name, *(str(row[column]) for column in COLUMNS))
    Console(stderr=True, width=120).print(table)
    texts = [text for _, rows in load(Path(sys.argv[1])) for text, _ in rows]
    began = time.perf_counter()
    for text in texts:
        classify(text)
    speed = len(texts) / (time.perf_counter() - began)
    record = {"bench": "domain_accuracy", "seed": SEED, "sources": found, "questions_per_s": round(speed)}
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
