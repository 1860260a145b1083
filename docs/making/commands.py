"""The page of the command line: every verb, argument and flag, from the program itself.

Knows typer's command tree. Refuses to repeat what a verb is for beyond its own help.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from typer.main import get_command

from making.markdown import code, one_line, prose, table
from making.types import NAMES
from s1kit.cli.main import app

HEAD = """# The command line

Every verb, as `s1 VERB --help` says it. A verb that takes a recipe reads YAML ([all settings](recipes.md)); a flag
overrides the recipe, `--set key=value` reaches every setting, and a flag that is not given leaves the recipe's value or
the default. Data goes to stdout, words for people to stderr.
"""


def page() -> str:
    """The page."""
    root = get_command(app)
    verbs = list(commands(root, "s1"))
    index = table(("verb", "what it does"), ((f"[`{name}`](#{_anchor(name)})", _first(verb)) for name, verb in verbs))
    codes = [part.strip() for part in str(root.epilog).removeprefix("Exit codes:").rstrip(".").split(", ")]
    exits = table(("exit code", "meaning"), (part.split(" ", 1) for part in codes))
    more = "Which errors are which: [errors](errors.md)."
    return "\n\n".join([HEAD.strip(), index, "## Exit codes", exits, more, *(_verb(n, v) for n, v in verbs)])


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """(how it is called, the command) of everything that can be called, in the order of the help."""
    inner = getattr(command, "commands", {})
    if not inner or (command.params and name != "s1"):
        yield name, command
    for each, below in inner.items():
        if not below.hidden:
            yield from commands(below, f"{name} {each}")


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _first(verb: Any) -> str:
    return one_line(str(verb.help).split("\n\n")[0].split("\f")[0])


def _verb(name: str, verb: Any) -> str:
    shown = [p for p in verb.params if not getattr(p, "hidden", False) and p.name != "help"]
    places = [p for p in shown if p.param_type_name == "argument"]
    flags = [p for p in shown if p.param_type_name != "argument"]
    usage = " ".join([name, *map(_place, places), *(["[OPTIONS]"] if flags else [])])
    parts = [f"## {name}", f"```text\n{usage}\n```", prose(str(verb.help))]
    if places:
        rows = ((code(_name(p)), _takes(p), _default(p), one_line(p.help or "")) for p in places)
        parts.append(table(("argument", "takes", "default", "what it is"), rows))
    if flags:
        rows = (
            (" ".join(map(code, (*p.opts, *p.secondary_opts))), _takes(p), _default(p), one_line(p.help or ""))
            for p in flags
        )
        parts.append(table(("flag", "takes", "default", "what it does"), rows))
    return "\n\n".join(parts)


def _name(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _place(param: Any) -> str:
    name = _name(param) + ("..." if param.nargs != 1 else "")
    return name if param.required else f"[{name}]"


def _takes(param: Any) -> str:
    if getattr(param, "is_flag", False):
        return ""
    kind = param.type_descriptor.annotation
    many = " (may be repeated)" if param.multiple or param.nargs != 1 else ""
    for one in (kind, *get_args(kind)):
        if one in NAMES:
            kind = one
    values = [each.value for each in kind] if hasattr(kind, "__members__") else []
    word = " or ".join(map(code, values)) if values else NAMES.get(kind, "path")
    low, high = getattr(param, "min", None), getattr(param, "max", None)
    least = f" >= {low}" if low is not None else ""
    return word + least + (f" <= {high}" if high is not None else "") + many


def _default(param: Any) -> str:
    if param.required:
        return "required"
    value = getattr(param.default, "value", param.default)
    if value is None or value is False or value == ():
        return ""
    return code("yes" if value is True else str(value))
