"""The dataset card: what a stranger has to know before using a training set.

Knows the facts a card needs and how to write them as Markdown with front matter. Refuses to look anything up: the
pipeline fills ``CardFacts``. Names and licences come from strangers' files, so every value is escaped.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup
from pydantic import Field

from s1kit.curate.audit import LengthAudit
from s1kit.curate.conditions import Condition
from s1kit.curate.export import Exported
from s1kit.store.files import write_atomic
from s1kit.types import Record

HUB_LICENCES = frozenset(
    (
        *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0"),
        *("cc-by-sa-4.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0"),
        *("cc-by-nc-nd-4.0", "odc-by", "odbl", "pddl", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "unlicense"),
    )
)
"""Identifiers that the hub's front matter accepts; anything else is ``other`` there and spelled out below."""


class SourceFacts(Record):
    """One source of the pool: its rows in the pool and in this set. ``licence`` None: nobody says."""

    name: str
    licence: str | None
    pool: int
    selected: int


class FunnelStep(Record):
    """Rows that came into a step and rows that it kept; ``reasons``: rows dropped, by reason."""

    step: str
    before: int
    kept: int
    reasons: dict[str, int] = Field(default_factory=dict)


class Contamination(Record):
    """Rows of this set that share text with an evaluation set, in both modes."""

    evaluation: str
    items: int
    any_ngram: int
    """Rows that share any n-gram with an item: the paper's rule."""
    covered: int
    """Rows that share at least ``CardFacts.coverage`` of an item's n-grams: copies rather than phrases."""


class CardFacts(Record):
    """All that a card says. Counts are rows unless they are named otherwise."""

    name: str
    command: str
    s1kit_version: str
    size: int
    format: str
    tokenizer: str | None = None
    condition: Condition | None = None
    left_out: int = 0
    """Selected rows that could not become training rows."""
    sources: tuple[SourceFacts, ...]
    funnel: tuple[FunnelStep, ...] = ()
    contamination: tuple[Contamination, ...] = ()
    """Empty: it was not checked, and the card says so."""
    ngram: int = 8
    coverage: float = 0.3
    rule: str
    seed: int
    teachers: tuple[str, ...] = ()
    verdicts: dict[str, int] = Field(default_factory=dict)
    """Traces of this set by right, wrong, undecided, ungraded."""
    domains: dict[str, int] = Field(default_factory=dict)
    audit: LengthAudit | None = None
    exported: Exported | None = None


def write_card(folder: Path, facts: CardFacts) -> Path:
    """Write ``README.md`` into ``folder`` and return its path. The same facts give the same bytes."""
    path = folder / "README.md"
    write_atomic(path, render_card(facts))
    return path


def render_card(facts: CardFacts) -> str:
    """The card as text: YAML front matter, then Markdown."""
    front = yaml.safe_dump(_front_matter(facts), sort_keys=False, allow_unicode=False, width=10**6)
    licences = sorted({source.licence or "unknown" for source in facts.sources if source.selected})
    body = markdown_environment("s1kit.curate").get_template("card.md.j2").render(f=facts, licences=licences)
    return f"---\n{front}---\n\n{body}"


def _front_matter(facts: CardFacts) -> dict[str, Any]:
    # one line each: a line end in a stranger's name must not look like the end of the front matter
    named = sorted({str(code(source.licence or "unknown")).lower() for source in facts.sources if source.selected})
    known = bool(named) and all(name in HUB_LICENCES for name in named)
    named = named or ["unknown"]
    licence: dict[str, Any] = {"license": named[0] if len(named) == 1 else named} if known else {"license": "other"}
    if not known:
        licence |= {"license_name": named[0] if len(named) == 1 else "mixed", "license_details": ", ".join(named)}
    return {
        "pretty_name": str(code(facts.name)),
        **licence,
        "task_categories": ["text-generation"],
        "tags": ["reasoning", "supervised-fine-tuning", "s1kit"],
        "size_categories": [size_category(facts.size)],
        # without this a viewer would mix the columns of all the files
        "configs": [{"config_name": "default", "data_files": "train.parquet"}],
    }


def size_category(rows: int) -> str:
    """The hub's word for a number of rows, ``1K<n<10K`` for 1,000."""
    bounds = [(1_000, "1K"), (10_000, "10K"), (100_000, "100K"), (1_000_000, "1M"), (10_000_000, "10M")]
    below = [name for bound, name in bounds if rows >= bound]
    above = [name for bound, name in bounds if rows < bound]
    if not below:
        return "n<1K"
    return f"{below[-1]}<n<{above[0]}" if above else "n>10M"


def cell(value: object) -> str:
    """A value as one line of Markdown text that is only text: nothing in it can start a cell, a tag or a link.

    Control, format and separator characters (line ends, zero-width and direction marks, half surrogates) are shown by
    their code point, so a reader sees that they are there.
    """
    if isinstance(value, Markup):
        return value
    shown = "".join(_shown(char) for char in str(value))
    return shown if len(shown) <= 400 else shown[:400].rstrip("\\") + " ..."


def code(value: object) -> Markup:
    """A value as one line of an indented code block, where Markdown has no signs and a backslash would show."""
    return Markup("".join(_visible(char) for char in str(value)))


def _shown(char: str) -> str:
    return f"\\{char}" if char in "\\`*[]<>|~&" else _visible(char)


def _visible(char: str) -> str:
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return " " if char in "\n\t\r" else f"(U+{ord(char):04X})"
    return char


def markdown_environment(package: str) -> jinja2.Environment:
    """Templates of ``package`` that make Markdown: every value is escaped, whatever the template forgets."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=cell,
        autoescape=False,
    )
    environment.filters["code"] = code
    environment.filters["thousands"] = lambda number: f"{number:,}"
    environment.filters["share"] = lambda part, whole: f"{part / whole:.1%}" if whole else "-"
    return environment
