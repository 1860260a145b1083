"""The model card: what a stranger has to know before running a fine-tuned model.

Knows the facts a card needs and how to write them as Markdown with front matter that the hub accepts. Refuses to look
anything up: the caller fills ``ModelCardFacts``. Names and licences come from strangers' files, so every value is
escaped, and what stands in a command is quoted.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import jinja2
import yaml
from pydantic import Field

from s1kit.curate.card import HUB_LICENCES, code, markdown_environment
from s1kit.formats import BUILT_IN, Format
from s1kit.types import Record

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_HERE = "path/to/this/folder"


class TrainedOn(Record):
    """The training set. ``tokens`` are those of one epoch, prompts included."""

    name: str
    hub_id: str | None = None
    licence: str | None = None
    rows: int
    tokens: int
    trained_tokens: int | None = None
    """Of ``tokens``, those on which loss was taken."""
    sha256: str
    longest: int | None = None
    """Tokens of the longest row."""
    rows_cut: int = 0
    """Rows that lost their end, at ``cut_at`` tokens."""
    cut_at: int | None = None


class Metric(Record):
    """One measured number. ``low`` and ``high`` bound its interval, in the same unit; None: no interval was made."""

    name: str
    value: float
    unit: str = "%"
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    questions: int | None = None
    condition: str | None = None
    """How thinking was controlled, for example ``Wait x2, at most 8,000 tokens``."""
    thinking_tokens: float | None = None
    """Mean per answer."""


class ModelCardFacts(Record):
    """All that a model card says. ``licence`` None: nobody says, and the card does not guess."""

    name: str
    repo_id: str | None = None
    base: str
    """Hub id or name of the model that was fine-tuned."""
    licence: str | None
    command: str
    s1kit_version: str
    format: str
    tokenizer: str | None = None
    data: TrainedOn
    recipe: dict[str, str | int | float | bool | None]
    losses: tuple[tuple[int, float], ...] = ()
    """(optimiser step, mean loss since the value before)."""
    seconds: float | None = None
    hardware: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    """Empty: nothing was measured, and the card says so."""
    contamination: str | None = None
    """What the comparison with evaluation sets found; None: the card says that it is not recorded."""
    limits: tuple[str, ...] = ()


def render_model_card(facts: ModelCardFacts, form: Format) -> str:
    """The card as text: YAML front matter, then Markdown. The same facts give the same bytes."""
    front = yaml.safe_dump(_front_matter(facts), sort_keys=False, allow_unicode=False, width=10**6)
    where = facts.repo_id if facts.repo_id and _HUB_ID.fullmatch(facts.repo_id) else _HERE
    body = (
        _environment()
        .get_template("model_card.md.j2")
        .render(f=facts, form=form, built_in=form.name in BUILT_IN, where=where, curve=loss_summary(facts.losses))
    )
    return f"---\n{front}---\n\n{body}"


def loss_summary(losses: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
    """At most nine points of a loss curve, evenly spread, the first and the last among them."""
    last = len(losses) - 1
    if last < 9:
        return losses
    return tuple(losses[round(part * last / 8)] for part in range(9))


def _front_matter(facts: ModelCardFacts) -> dict[str, Any]:
    licence = facts.licence.lower() if facts.licence else "unknown"
    front: dict[str, Any] = {"license": licence} if licence in HUB_LICENCES else {"license": "other"}
    if licence not in HUB_LICENCES:  # the hub takes a name of these signs only; the card's text says it in full
        front["license_name"] = re.sub(r"[^a-z0-9.]+", "-", licence).strip("-")[:80] or "unknown"
    if _HUB_ID.fullmatch(facts.base):  # the hub refuses the card where this is a folder
        front |= {"base_model": facts.base, "base_model_relation": "finetune"}
    if facts.data.hub_id and _HUB_ID.fullmatch(facts.data.hub_id):
        front["datasets"] = [facts.data.hub_id]
    return {
        **front,
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["reasoning", "test-time-scaling", "budget-forcing", "s1kit"],
    }


def _environment() -> jinja2.Environment:
    environment = markdown_environment("s1kit.train")
    environment.filters["shell"] = lambda value: code(shlex.quote(str(value)))
    environment.filters["literal"] = lambda value: code(json.dumps(str(value)))  # also valid Python
    environment.filters["number"] = lambda value: f"{value:,.2f}".rstrip("0").rstrip(".")
    return environment
