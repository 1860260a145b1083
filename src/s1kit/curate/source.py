"""What a source is: one small declaration.

Knows the fields of a declaration: paper's numbers, licence, hub ids, columns, and how a row becomes a draft. Refuses to
know any source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from s1kit.curate.source_draft import Draft, Left

Convert = Callable[[dict[str, Any], str], Draft | Left]
"""A row and the name of the part it stands in (a file's stem, or the hub part's name) to a draft, or why not."""


@dataclass(frozen=True, slots=True)
class Hub:
    """One part of a data set on the hub.

    ``files`` are read as they lie there instead of through ``config``: for data sets that are a loading script, which
    the datasets library refuses since version 4. ``revision`` None: not pinned, the hub's newest.
    """

    dataset: str
    split: str = "train"
    config: str | None = None
    revision: str | None = None
    files: tuple[str, ...] = ()
    name: str = ""
    """What ``Convert`` is told; empty: the config, or the file's stem."""


@dataclass(frozen=True, slots=True)
class Source:
    """One source of questions.

    ``count`` and ``thinking`` (mean thinking tokens, in thousands) are those of the paper's Table 6; None outside it.
    ``columns`` are those the hub has to have; ``documented`` says where they are written down; ``verified`` names the
    real file that was read, and says so where its columns are not the hub's; empty where there was none.
    ``sample``: so many rows the paper drew from the source. ``evaluation``: never part of a pool.
    """

    key: str
    title: str
    convert: Convert
    columns: tuple[str, ...]
    documented: str
    licence: str | None = None
    hub: tuple[Hub, ...] = ()
    hub_rows: int | None = None
    """Rows that the hub's parts should have together, where it is documented."""
    count: int | None = None
    thinking: float | None = None
    verified: str = ""
    note: str = ""
    sample: int | None = None
    held_out_by: str | None = None
    """Key of the evaluation source whose questions are kept out, with a file of that name beside a local one."""
    evaluation: bool = False


def first(row: dict[str, Any], *names: str) -> Any:
    """The first of these columns that holds something."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def kept(row: dict[str, Any], *names: str) -> dict[str, Any]:
    """These columns, where they hold something, for ``meta``."""
    return {name: row[name] for name in names if row.get(name) not in (None, "")}
