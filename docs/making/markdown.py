"""Docstrings and values as Markdown.

Knows how this package writes docstrings, and what a table on a code host can hold. Refuses to know any record.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any


def prose(doc: str) -> str:
    """A docstring's paragraphs: code in single back quotes, and nothing that Markdown would take for a tag."""
    parts = re.split(r"(`+)(.+?)\1", inspect.cleandoc(doc), flags=re.DOTALL)
    out = []
    for text, _, code in zip(parts[::3], [*parts[1::3], ""], [*parts[2::3], ""], strict=True):
        plain = text.replace("<", "&lt;").replace("*", "\\*")
        out += [re.sub(r"\[bold\](.+?)\[/\]", r"**\1**", plain), f"`{' '.join(code.split())}`" if code else ""]
    return "".join(out)


def one_line(doc: str) -> str:
    """The same for a cell of a table."""
    return " ".join(prose(doc).split()).replace("|", "\\|")


def code(text: str) -> str:
    """A cell that shows ``text`` as it stands; nothing for nothing."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}".replace("|", "\\|") if text else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of finished cells. ValueError for a row of another length."""
    lines = [list(head), ["---"] * len(head)]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"a row of {len(row)} cells under {len(head)} heads: {row}")
        lines.append(list(row))
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


@cache
def notes(owner: type[Any]) -> dict[str, str]:
    """Field -> the string under it, of a class and its bases: what the source says of each field.

    A field that a class declares again has its own words or none: those of the base may be wrong there.
    """
    found: dict[str, str] = {}
    for kind in reversed(owner.__mro__):
        if not kind.__module__.startswith("s1kit"):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
        assert isinstance(body, ast.ClassDef)
        targets = [item.target for item in body.body if isinstance(item, ast.AnnAssign)]
        own = {target.id for target in targets if isinstance(target, ast.Name)}
        found = {name: told for name, told in found.items() if name not in own} | under_names(body.body)
    return found


def under_names(body: Sequence[ast.stmt]) -> dict[str, str]:
    """Name -> the string below its assignment, in the body of a class or of a module."""
    found = {}
    for item, after in pairwise(body):
        told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        target = item.target if isinstance(item, ast.AnnAssign) else None
        if isinstance(item, ast.Assign):
            target = item.targets[0]
        if isinstance(target, ast.Name) and told and isinstance(after.value.value, str):
            found[target.id] = after.value.value
    return found


def summary(thing: Any) -> str:
    """The first paragraph of a docstring. ValueError where there is none: nothing undocumented is put on a page."""
    doc = thing.__doc__
    if not doc:
        raise ValueError(f"{thing} has no docstring")
    return inspect.cleandoc(doc).split("\n\n")[0]
