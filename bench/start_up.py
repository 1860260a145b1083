"""How long `s1 --help` takes, and what importing s1kit loads. JSON on stdout.

    python bench/start_up.py

Goal: under 0.3 s (median of 15 new processes); importing s1kit, and asking for help, load no torch.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time


def seconds(arguments: list[str], runs: int = 15) -> list[float]:
    """Wall-clock seconds of new processes."""
    out = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        out.append(time.perf_counter() - began)
    return out


def loads_torch(code: str) -> bool:
    """Whether torch is in sys.modules after the code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().endswith("True")


def main() -> None:
    help_seconds = seconds(["-m", "s1kit.cli.main", "--help"])
    bare = seconds(["-c", "pass"])
    record = {
        "bench": "start_up",
        "help_median_s": round(statistics.median(help_seconds), 3),
        "help_max_s": round(max(help_seconds), 3),
        "bare_python_median_s": round(statistics.median(bare), 3),
        "import_loads_torch": loads_torch("import s1kit"),
        "help_loads_torch": loads_torch("import s1kit.cli.main"),
        "goal_s": 0.3,
    }
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
