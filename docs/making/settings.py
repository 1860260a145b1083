"""The page of recipes: every setting of every verb that reads one.

Knows which models are recipes. Refuses to know a setting: names, types, defaults and words come from the models.
"""

from __future__ import annotations

from pydantic import BaseModel

from making import policies
from making.markdown import code, prose, summary, table
from making.refusals import refusals
from making.types import fields, inside
from s1kit.config import VERBS, AskConfig

RECIPES: dict[str, type[BaseModel]] = {"ask": AskConfig, **VERBS}
HEAD = """# Recipes

A recipe is a YAML file whose keys are the settings below; `recipes/` holds some to start from. A flag overrides it,
`--set engine.slots=8` reaches any setting, and `--explain` prints every value with where it came from. Unknown keys are
refused. "none" in a default means that the setting is left out, and its line says what happens then.
"""
POLICIES = set(policies.KINDS)


def link(record: type[BaseModel]) -> str:
    """Where a record's settings are."""
    if record in POLICIES:
        return "[policy](policies.md)"
    return f"[{record.__name__}](#{record.__name__.lower()})"


def page() -> str:
    """The page: the verbs, then the blocks that they are made of, each once."""
    blocks: list[type[BaseModel]] = []
    for recipe in RECIPES.values():
        _collect(recipe, blocks)
    parts = [HEAD.strip(), table(("verb", "recipe"), ((code(f"s1 {v}"), f"[{m.__name__}](#s1-{_anchor(v)})")
             for v, m in RECIPES.items()))]  # fmt: skip
    parts += [_section(f"## s1 {verb}", model) for verb, model in RECIPES.items()]
    parts += ["## Blocks", "What several of them are made of, and what their lists hold."]
    parts += [_section(f"### {block.__name__}", block) for block in blocks]
    return "\n\n".join(parts)


def _anchor(verb: str) -> str:
    return verb.lower().replace(" ", "-")


def _collect(record: type[BaseModel], found: list[type[BaseModel]]) -> None:
    for field in record.model_fields.values():
        for inner in inside(field.annotation):
            if inner not in found and inner not in POLICIES:
                found.append(inner)
                _collect(inner, found)


def _section(head: str, record: type[BaseModel]) -> str:
    rows = table(("setting", "type", "default", "what it is"), fields(record, link))
    told = [f"- {prose(message.split(chr(10))[0])}" for message in refusals(record)]
    refused = ["Refused:", "\n".join(told)] if told else []
    return "\n\n".join([head, prose(summary(record)), rows, *refused])
