"""Rows of a named benchmark from the hub.

Knows the datasets library and its cache. Refuses to run code from a data set, and to try long where nobody answers:
the hub is asked once, briefly, before anything is fetched. With ``HF_HUB_OFFLINE=1`` only the cache is read.
"""

from __future__ import annotations

from typing import Any

from s1kit.benchmarks.spec import Benchmark, BenchmarkError

_PATIENCE = 15
"""Seconds that the hub may take to answer the first question."""


def rows(spec: Benchmark) -> tuple[list[dict[str, Any]], str]:
    """Every row of the benchmark's split, and the revision that was read ("" where only the cache was asked).

    Raises BenchmarkError, with the way by a local file, where the libraries, the network or the access are missing.
    """
    try:
        from datasets import load_dataset
        from huggingface_hub import HfApi, constants
    except ImportError as error:
        raise BenchmarkError(
            f"{spec.name} is on the hub ({spec.hub.dataset}), and the datasets library is not here\n"
            f"hint: pip install 's1kit[data]'\n{by_file(spec)}"
        ) from error
    hub, read = spec.hub, spec.hub.revision or ""
    try:
        if not constants.HF_HUB_OFFLINE:
            read = str(HfApi().dataset_info(hub.dataset, revision=hub.revision, timeout=_PATIENCE).sha)
        table = load_dataset(hub.dataset, hub.config, split=hub.split, revision=hub.revision or read or None)
        return [dict(row) for row in table], read
    except _causes() as error:
        said = next(iter(str(error).strip().splitlines()), "")[:300] or type(error).__name__
        gated = "hint: accept its terms on the hub, then: hf auth login\n" if spec.gated else ""
        raise BenchmarkError(
            f"the hub does not give {hub.dataset}, which {spec.name} is read from: {said}\n{gated}{by_file(spec)}"
        ) from error


def by_file(spec: Benchmark) -> str:
    """The hint that leads past the hub."""
    return (
        f"hint: without a network: --benchmark {spec.name}=FILE (JSONL, JSON, CSV or Parquet with the columns "
        f"{', '.join(spec.columns)})"
    )


def _causes() -> tuple[type[Exception], ...]:
    """What asking the hub may raise: the network's errors, the libraries' own, a missing split, bad data."""
    import pyarrow as pa
    from datasets.exceptions import DatasetsError
    from huggingface_hub import errors

    network = getattr(errors, "HTTPError", OSError)  # the library's HTTP client changes with its version
    return (OSError, ValueError, RuntimeError, EOFError, DatasetsError, pa.ArrowException, network)
