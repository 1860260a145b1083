"""What a class or module refuses, read from the errors that it raises.

Knows ``raise X("...")`` in source. Refuses to run it: what a message names at run time stands as a word in braces.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

WORDS = {
    "policy.label()": "policy", "info.name": "engine", "info.version": "version", "fmt.spec.name": "format",
    "fmt.tokenizer.name": "tokenizer", "fmt.spec.think_stops": "delimiters",
}  # fmt: skip


def refusals(owner: type[Any] | ModuleType) -> list[str]:
    """The messages of all errors that a class, its bases, or a module raise, once each, in order.

    Left out are those whose words are all chosen at run time.
    """
    kinds = [owner] if isinstance(owner, ModuleType) else [k for k in owner.__mro__ if k.__module__.startswith("s1kit")]
    told = [message for kind in kinds for message in _raised(kind)]
    return [message for message in dict.fromkeys(told) if len(re.findall(r"(?<![{\w])\w+(?![}\w])", message)) > 2]


def _raised(owner: type[Any] | ModuleType) -> Iterator[str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    for node in sorted(found, key=lambda item: item.lineno):
        assert isinstance(node.exc, ast.Call)
        yield "".join(_text(node.exc.args[0])) if node.exc.args else ""


def _text(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        for part in node.values:
            yield from _text(part)
    elif isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.FormattedValue):
        name = ast.unparse(node.value)
        word = WORDS.get(name, name.removeprefix("self."))
        yield "{" + word + "}" if word.isidentifier() else "..."
    else:
        yield "..."
