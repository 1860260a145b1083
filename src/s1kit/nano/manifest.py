"""The manifest beside a set of weights: what made them, on what kind of machine, from which commit.

Knows versions and hardware in words; refuses host names and paths.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "transformers", "trl", "tokenizers", "numpy", "s1kit")


def thin(curve: Sequence[tuple[int, float]], points: int = 120) -> list[tuple[int, float]]:
    """At most `points` values of a curve, each the mean of its stretch."""
    if not curve:
        return []
    size = -(-len(curve) // points)
    parts = [curve[i : i + size] for i in range(0, len(curve), size)]
    return [(part[-1][0], round(sum(loss for _, loss in part) / len(part), 4)) for part in parts]


def write(folder: Path, facts: dict[str, Any]) -> None:
    body = {**facts, "machine": _machine(), "versions": _versions(), "git_commit": _commit()}
    (folder / "manifest.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def _machine() -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    return {"cpu": cpu, "cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return None
    return done.stdout.strip() or None
