"""Rows from the hub, and whether the hub still is what a declaration says.

Knows the datasets library, and streams. Refuses to run code from a data set, and to take one unreachable source for
the failure of all: the error names the source, so that the caller can go on with the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from s1kit.benchmarks.reading import Line
from s1kit.curate.source import Hub, Source
from s1kit.errors import UserError

_EXTRA = "hint: pip install 's1kit[data]'"


class HubError(UserError, RuntimeError):
    """A source that the hub does not give; names the source and the data set."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison of a declaration with the hub. ``same`` None: the hub does not say."""

    source: str
    part: str
    what: str
    """``id``, ``revision``, ``columns``, ``rows`` or ``hub`` (it could not be asked)."""
    declared: str
    found: str
    same: bool | None


def rows(source: Source) -> Iterator[tuple[str, Line]]:
    """Every row on the hub, streamed: the part's name and the row. Raises HubError, at once or on the way."""
    for hub in _parts(source):
        _asked(source, hub)
        for name, stream in _streams(source, hub):
            with _Asked(source, hub):
                for number, row in enumerate(stream, start=1):
                    yield name, Line(f"{hub.dataset}/{name or hub.split} row {number}", dict(row))


def check(source: Source, *, count: bool = False) -> list[Finding]:
    """What the hub says of ids, revisions, columns and rows. ``count``: rows the hub does not state are streamed.

    Never raises for what the hub answers: a source that cannot be asked is a finding too. Raises HubError only where
    the libraries are missing or the source has no hub part.
    """
    findings: list[Finding] = []
    total: int | None = 0
    for hub in _parts(source):
        try:
            found, n_rows = _check_part(source, hub, count)
        except HubError as error:
            said = _said(error.__cause__ or error)
            found, n_rows = [Finding(source.key, _name(hub), "hub", hub.dataset, said, False)], None
        findings += found
        total = None if total is None or n_rows is None else total + n_rows
    if source.hub_rows is not None:
        same = None if total is None else total == source.hub_rows
        findings.append(
            Finding(source.key, "", "rows", str(source.hub_rows), "unknown" if total is None else str(total), same)
        )
    return findings


def _check_part(source: Source, hub: Hub, count: bool) -> tuple[list[Finding], int | None]:
    info = _asked(source, hub)
    findings = [Finding(source.key, _name(hub), "id", hub.dataset, str(info.id), info.id == hub.dataset)]
    pinned = None if hub.revision is None else info.sha == hub.revision
    findings.append(Finding(source.key, _name(hub), "revision", hub.revision or "not pinned", str(info.sha), pinned))
    total, seen = 0, set[str]()
    for _, stream in _streams(source, hub):
        with _Asked(source, hub):
            for row in stream:
                total += 1
                seen.update(row)
                if not count:
                    break
    missing = [name for name in source.columns if name not in seen]
    said = f"missing: {', '.join(missing)}" if missing else ", ".join(sorted(seen))
    findings.append(Finding(source.key, _name(hub), "columns", ", ".join(source.columns), said, not missing))
    return findings, total if count else _stated_rows(info, hub)


def _asked(source: Source, hub: Hub) -> Any:
    """What the hub says of the data set: asked first, because the datasets library tries long where nobody answers."""
    from huggingface_hub import HfApi

    with _Asked(source, hub):
        return HfApi().dataset_info(hub.dataset, revision=hub.revision, timeout=30)


def _stated_rows(info: Any, hub: Hub) -> int | None:
    """Rows of a part as its card states them; None where it does not."""
    stated = ((info.card_data or {}).get("dataset_info") if info.card_data else None) or []
    for config in stated if isinstance(stated, list) else [stated]:
        if hub.config in (None, config.get("config_name")) and not hub.files:
            for split in config.get("splits") or []:
                if split.get("name") == hub.split and isinstance(split.get("num_examples"), int):
                    return int(split["num_examples"])
    return None


def _streams(source: Source, hub: Hub) -> Iterator[tuple[str, Any]]:
    """The part's streams with their names: one, or one per file."""
    from datasets import load_dataset

    if not hub.files:
        with _Asked(source, hub):
            stream = load_dataset(hub.dataset, hub.config, split=hub.split, revision=hub.revision, streaming=True)
        yield _name(hub), stream
    for file in hub.files:
        at = f"hf://datasets/{hub.dataset}{'@' + hub.revision if hub.revision else ''}/{file}"
        with _Asked(source, hub):
            stream = load_dataset("json", data_files=[at], split="train", streaming=True)
        yield PurePosixPath(file).stem, stream


def _parts(source: Source) -> tuple[Hub, ...]:
    if not source.hub:
        raise HubError(f"source {source.key} is not read from the hub\nhint: give its file")
    try:
        import datasets  # noqa: F401
        import huggingface_hub  # noqa: F401
    except ImportError as error:
        raise HubError(f"source {source.key} is on the hub, and the datasets library is not here\n{_EXTRA}") from error
    return source.hub


def _name(hub: Hub) -> str:
    return hub.name or hub.config or ""


def _said(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "")[:300] or type(error).__name__


class _Asked:
    """Whatever the libraries raise while they ask the hub, as one error that names source and data set."""

    def __init__(self, source: Source, hub: Hub) -> None:
        self.source, self.hub = source, hub

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None or not isinstance(error, _causes()):
            return
        pinned = f" at {self.hub.revision}" if self.hub.revision else ""
        raise HubError(
            f"source {self.source.key}: the hub does not give {self.hub.dataset}{pinned}: {_said(error)}\n"
            f"hint: check the connection and access, give a local file, or see what differs with --check"
        ) from error


def _causes() -> tuple[type[Exception], ...]:
    """What asking the hub may raise: the network's errors, the libraries' own, a missing file or split, bad data."""
    import pyarrow as pa
    from datasets.exceptions import DatasetsError
    from huggingface_hub import errors

    return (OSError, ValueError, RuntimeError, EOFError, _network_error(errors), DatasetsError, pa.ArrowException)


def _network_error(errors: Any) -> type[Exception]:
    """The base of what the hub library's HTTP client raises; which client that is changes with its version."""
    found = getattr(errors, "HTTPError", OSError)
    return found if isinstance(found, type) and issubclass(found, Exception) else OSError
