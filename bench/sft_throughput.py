"""Fine-tuning: tokens per second (padding not counted) of packed batches against TRL's padded ones. JSON on stdout.

    python bench/sft_throughput.py

The same rows, the same batches of 16, float32, no checkpointing, nothing truncated; only the layout differs. They take
turns; medians. Goal: 1.5 x. Then the shipped recipe's own size: 1,000 rows, 5 epochs, goal 240 s.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

from s1kit.curate.rows import build_rows
from s1kit.formats import load_format
from s1kit.nano import traces
from s1kit.nano.shipped import resolve_model
from s1kit.tokenizer import Tokenizer
from s1kit.train.sft import SftConfig, finetune

BASE = Path(resolve_model("nano-base"))
TURNS = 5


def main() -> None:
    form = load_format("s1").resolve(Tokenizer.load(BASE))
    rows = build_rows(traces.load(320), form)
    tokens = sum(row.n_tokens for row in rows)
    speeds: dict[str, list[float]] = {"padded": [], "packed": []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(TURNS):
            for layout in speeds:
                config = SftConfig.model_validate(
                    {"base": BASE, "out": Path(folder) / layout, "epochs": 1, "learning_rate": 1e-3, "layout": layout}
                )
                speeds[layout].append(tokens / finetune(config, rows).seconds)
            print(f"turn {turn + 1}: {speeds['padded'][-1]:.0f}, {speeds['packed'][-1]:.0f}", file=sys.stderr)
        whole = build_rows(traces.load(1000), form)
        config = SftConfig.model_validate({"base": BASE, "out": Path(folder) / "whole", "learning_rate": 1e-3})
        seconds = finetune(config, whole).seconds
    ratios = [packed / padded for padded, packed in zip(speeds["padded"], speeds["packed"], strict=True)]
    record = {
        "bench": "sft_throughput",
        "rows": len(rows),
        "tokens": tokens,
        "tokens_per_s": {layout: round(statistics.median(values)) for layout, values in speeds.items()},
        "ratio_median": round(statistics.median(ratios), 2),
        "ratio_min_max": [round(min(ratios), 2), round(max(ratios), 2)],
        "goal_ratio": 1.5,
        "whole": {"rows": len(whole), "epochs": 5, "seconds": round(seconds, 1), "goal_seconds": 240},
    }
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
