"""Which parts `--only` means: ``table3,fig4a``.

Knows the short names of tables and figures. Refuses to know what a part is made of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from s1kit.errors import UserError

_SHORT = re.compile(r"(?:fig|figure|tab|table)[ ._-]?(\d+[a-z]?)")


def chosen(text: str, parts: Sequence[str], cells: Sequence[str]) -> tuple[str, ...]:
    """The parts and cells that a comma-separated list names, in its order, each once.

    ``fig4a`` and ``figure4a`` are one; ``fig4`` is every panel that there is. UserError, with a guess, for a name that
    is neither a part nor a cell.
    """
    found: dict[str, None] = {}
    for word in filter(None, (item.strip() for item in text.split(","))):
        meant = [word] if word in cells else _parts(word.lower(), parts)
        if not meant:
            raise UserError(_unknown(word, parts, cells))
        found.update(dict.fromkeys(meant))
    if not found:
        raise UserError(f"--only names nothing\nhint: {', '.join(parts)}")
    return tuple(found)


def _parts(word: str, parts: Sequence[str]) -> list[str]:
    name = _long(word)
    if name in parts:
        return [name]
    return [part for part in parts if re.fullmatch(rf"{re.escape(name)}[a-z]", part)]


def _long(word: str) -> str:
    short = _SHORT.fullmatch(word)
    return f"{'figure' if word.startswith('f') else 'table'}{short[1]}" if short else word


def _unknown(word: str, parts: Sequence[str], cells: Sequence[str]) -> str:
    near = get_close_matches(_long(word.lower()), [*parts, *cells], n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return f"no part or cell {word!r}\nhint: {guess}{', '.join(parts)}, or a cell: {cells[0]}, ..."
