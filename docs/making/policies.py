"""The page of policies: what each can be asked for, what it is without being asked, and what it refuses.

Knows the union of policies. Refuses to explain how they run: concepts does.
"""

from __future__ import annotations

from typing import get_args

from pydantic import BaseModel

from making.markdown import code, prose, summary, table
from making.refusals import refusals
from making.types import fields
from s1kit.forcing import check
from s1kit.policies import AnyPolicy, Ask, AskAmount, Sampling, StepsBy

KINDS: tuple[type[BaseModel], ...] = get_args(AnyPolicy)
PARTS: tuple[type[BaseModel], ...] = (Sampling, Ask, AskAmount, StepsBy)
HEAD = """# Policies

A policy says what is done with a model's thinking. In a recipe it is a mapping with its `kind`
(`policies: [{kind: budget_forcing, max_thinking: 512}]`); in Python it is a frozen record of `s1kit.policies`. How each
of them runs, step by step: [concepts](../concepts.md). How they compare: [the guide](../compare.md).
"""
BEFORE = """What else is refused is a matter of format, tokenizer, sampling and engine, and is found before the first
request. Words in braces are named in the message.
"""


def page() -> str:
    """The page."""
    index = table(("kind", "record", "what it does"), map(_row, KINDS))
    asked = ["## Parts", "What their fields hold."]
    checks = "\n".join(f"- {_message(told)}" for told in refusals(check))
    return "\n\n".join([
        HEAD.strip(), index, *(_section(f"## {kind_of(kind)}", kind) for kind in KINDS), *asked,
        *(_section(f"### {part.__name__}", part) for part in PARTS),
        "## Refused before the first request", BEFORE.strip(), checks,
    ])  # fmt: skip


def kind_of(policy: type[BaseModel]) -> str:
    """The policy's ``kind``."""
    return str(policy.model_fields["kind"].default)


def link(record: type[BaseModel]) -> str:
    """Where a part is."""
    return f"[{record.__name__}](#{record.__name__.lower()})"


def _row(policy: type[BaseModel]) -> tuple[str, str, str]:
    first = " ".join(prose(summary(policy)).split()).replace("|", "\\|")
    return f"[`{kind_of(policy)}`](#{kind_of(policy)})", code(policy.__name__), first


def _section(head: str, record: type[BaseModel]) -> str:
    rows = [row for row in fields(record, link) if row[0] != "`kind`"]
    told = [f"- {_message(message)}" for message in refusals(record)]
    refused = ["Refused:", "\n".join(told)] if told else []
    return "\n\n".join(
        [head, prose(str(record.__doc__)), table(("field", "type", "default", "what it is"), rows), *refused]
    )


def _message(text: str) -> str:
    said, *hints = text.split("\n")
    return prose(said) + "".join(f" ({prose(hint)})" for hint in hints)
