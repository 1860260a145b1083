"""The table of sources: Table 6 of the paper beside what is known of each.

Knows declarations only; what a pool really holds is counted elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from s1kit.curate.sources import PAPER_SOURCES, SOURCES

PAPER_TOTAL = 59029
"""Questions in the paper's pool: the sum of Table 6."""


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One line of the table. ``count`` and ``thinking`` (thousands of tokens) are the paper's, None outside it."""

    key: str
    title: str
    count: int | None
    thinking: float | None
    licence: str
    hub: str
    revisions: str
    verified: str
    note: str


def source_table() -> list[SourceLine]:
    """All sources, those of the paper first, in the order of Table 6."""
    return [_line(key) for key in SOURCES]


def _line(key: str) -> SourceLine:
    source = SOURCES[key]
    revisions = dict.fromkeys((hub.revision or "not pinned")[:12] for hub in source.hub)
    return SourceLine(
        key=key,
        title=source.title,
        count=source.count,
        thinking=source.thinking,
        licence=source.licence or "none stated",
        hub=", ".join(dict.fromkeys(hub.dataset for hub in source.hub)) or "from files",
        revisions=", ".join(revisions),
        verified=verified(key),
        note=source.note
        if key in PAPER_SOURCES or not source.evaluation
        else f"evaluation only; {source.note}".strip("; "),
    )


def verified(key: str) -> str:
    """How far a declaration was checked, in words."""
    source = SOURCES[key]
    hub = f"not verified against the hub; columns from {source.documented}" if source.hub else ""
    local = f"verified locally ({source.verified})" if source.verified else ""
    return "; ".join(part for part in (local, hub) if part)
