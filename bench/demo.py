"""Time and peak memory of `s1 nano demo` (what `make demo` runs after installation). JSON on stdout.

    python bench/demo.py

Goal: under 4 minutes and under 3 GiB on two cores.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "s1kit.cli.main", "nano", "demo", "--out", folder],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(
        json.dumps(
            {
                "bench": "demo",
                "seconds": round(seconds, 1),
                "peak_gib": round(peak, 2),
                "goal_seconds": 240,
                "goal_gib": 3,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
