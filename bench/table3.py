"""Seven methods, 60 questions: the time of the whole Table 3 in miniature, and what sharing saves. JSON on stdout.

    python bench/table3.py [--questions 200]

Goal: 60 questions in under 6 minutes on two cores, models loaded and graded answers included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECIPE = Path(__file__).parents[1] / "recipes" / "paper" / "table3-nano.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=60)
    questions = parser.parse_args().questions
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "s1kit.cli.main", "compare", str(RECIPE), "--json"]
        began = time.perf_counter()
        done = subprocess.run(
            [*command, "--out", folder, "--limit", str(questions)], check=True, stdout=subprocess.PIPE, text=True
        )
        seconds = time.perf_counter() - began
    found = json.loads(done.stdout)
    methods = {
        row["method"]: {
            "points": row["n_points"],
            "control": None if row["control"] is None else row["control"]["value"],
            "scaling": row["scaling"]["value"],
            "performance": row["performance"],
        }
        for row in found["methods"]
    }
    record = {
        "bench": "table3",
        "questions": questions,
        "seconds": round(seconds, 1),
        "goal_seconds": 360,
        "tokens_generated": found["shared"]["generated"],
        "tokens_if_run_separately": found["shared"]["alone"],
        "methods": methods,
    }
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
