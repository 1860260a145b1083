"""The 63 two-digit classes of the Mathematics Subject Classification of 2020, and words that point to each.

Knows codes, titles and this package's own word lists, ``msc.json``. Refuses to classify: ``lexical`` does. Physics,
astronomy, biology and chemistry, economics and computing have classes of their own (70 to 94).
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Final

OTHER: Final = "other"
"""Where no class was named."""


@cache
def classes() -> dict[str, dict[str, str]]:
    """Code -> ``title``, ``names`` (terms that name the subject) and ``hints`` (that point to it), terms by commas."""
    found: dict[str, dict[str, str]] = json.loads(files("s1kit.curate").joinpath("msc.json").read_text("utf-8"))
    return found


def title(code: str) -> str:
    """The title of a class; the word itself where it is none: a column's own, or ``other``."""
    return classes()[code]["title"] if code in classes() else code


@cache
def codes_by_title() -> dict[str, str]:
    """Case-folded title -> code."""
    return {entry["title"].casefold(): code for code, entry in classes().items()}
