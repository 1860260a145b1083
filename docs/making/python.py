"""The page of Python entry points: the dozen or two that a program needs, with signature and docstring.

Knows their names and what they are for. Refuses to list the rest: what is not here may move.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from pydantic import BaseModel

from making.markdown import code, notes, one_line, prose, table

PARTS: dict[str, tuple[str, ...]] = {
    "Generate": (
        "s1kit.engines.open.open_engine",
        "s1kit.engines.base.Engine",
        "s1kit.engines.base.Request",
        "s1kit.engines.base.Chunk",
        "s1kit.formats.load_format",
        "s1kit.formats.Format.resolve",
        "s1kit.formats.ResolvedFormat.render",
        "s1kit.tokenizer.Tokenizer",
        "s1kit.forcing.plan.Plan",
        "s1kit.forcing.plan.Row",
        "s1kit.forcing.machine.machine",
        "s1kit.forcing.drive.drive",
        "s1kit.policies.policy_id",
        "s1kit.policies.row_seed",
    ),
    "Questions and verdicts": (
        "s1kit.benchmarks.registry.load",
        "s1kit.types.Question.make",
        "s1kit.grading.grader.grade",
        "s1kit.grading.grader.grade_all",
    ),
    "Runs on disk": ("s1kit.store.run.RunDir", "s1kit.store.verify.verify", "s1kit.store.query.query"),
    "Numbers and pages": (
        "s1kit.evaluate.grade_run",
        "s1kit.evaluate.measure_run",
        "s1kit.metrics.summary.summarise",
        "s1kit.report.build.build_report",
        "s1kit.store.diff.diff_runs",
        "s1kit.exports.folder.export_run",
    ),
    "Recipes": ("s1kit.config.load",),
}
HEAD = """# Python entry points

What a program of your own imports. Everything is typed; every error that a user can put right is an
`s1kit.errors.UserError` ([errors](errors.md)). Importing `s1kit` itself loads nothing: import the part you need. The
metrics have [a page of their own](metrics.md), so have [records](records.md) and [policies](policies.md).
"""


def page() -> str:
    """The page. AttributeError for a name that is gone."""
    parts = [HEAD.strip()]
    for head, names in PARTS.items():
        parts += [f"## {head}", *(entry(name) for name in names)]
    return "\n\n".join(parts)


def entry(name: str, level: int = 3) -> str:
    """One entry point: signature, docstring, and for a class its fields and public methods."""
    thing, short = found(name)
    head = f"{'#' * level} {short}"
    module = name.removesuffix("." + short)
    parts = [head, f"```text\nfrom {module} import {short.partition('.')[0]}\n\n{signature(thing, short)}\n```"]
    parts.append(prose(documented(thing, name)))
    if inspect.isclass(thing):
        parts += list(_inside(thing))
    return "\n\n".join(parts)


def found(name: str) -> tuple[Any, str]:
    """The object of a dotted name, and its name in its module."""
    module, _, last = name.rpartition(".")
    owner = module.rpartition(".")[2]
    if owner[:1].isupper():
        return getattr(getattr(import_module(module.rpartition(".")[0]), owner), last), f"{owner}.{last}"
    return getattr(import_module(module), last), last


def documented(thing: Any, name: str) -> str:
    """The docstring. ValueError where there is none: nothing undocumented is put on a page."""
    if not thing.__doc__:
        raise ValueError(f"{name} has no docstring")
    return inspect.cleandoc(thing.__doc__)


def signature(thing: Any, name: str) -> str:
    """As in the source, on one line where it fits, else one argument a line."""
    if inspect.isclass(thing) and (issubclass(thing, BaseModel) or getattr(thing, "_is_protocol", False)):
        return f"class {name}"
    told = inspect.signature(thing)
    kept = [p for p in told.parameters.values() if p.name != "self"]
    one = f"{name}{_plain(told.replace(parameters=kept))}"
    if len(one) <= 110:
        return one
    back = "" if told.return_annotation is told.empty else f" -> {told.return_annotation}"
    lines = _plain(told.replace(parameters=kept, return_annotation=told.empty))
    return (
        f"{name}(\n" + "\n".join(f"    {_plain(each)}," for each in _with_marks(kept)) + f"\n){back}" if lines else ""
    )


def _with_marks(parameters: list[inspect.Parameter]) -> Iterator[Any]:
    named = False
    for each in parameters:
        if each.kind is inspect.Parameter.KEYWORD_ONLY and not named:
            named = True
            yield "*"
        yield each


def _plain(told: Any) -> str:
    """Without the quotes of annotations that are text, and without addresses of objects in defaults."""
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(told))
    return re.sub(r"<function (\S+) at 0x\w+>", r"\1", text).replace("<lambda>", "...")


def _inside(owner: type[Any]) -> Iterator[str]:
    told = notes(owner)
    if getattr(owner, "_is_protocol", False):
        told = {f"{name}: {kind}": told.get(name, "") for name, kind in vars(owner)["__annotations__"].items()}
    if rows := [(code(name), one_line(words)) for name, words in told.items() if not name.startswith("_")]:
        yield table(("field", "what it is"), rows)
    rows = []
    for name, item in vars(owner).items():
        method = item.__func__ if isinstance(item, (classmethod, staticmethod)) else item
        if name.startswith("_") or not (inspect.isfunction(method) or isinstance(method, property)):
            continue
        call = name if isinstance(method, property) else _plain(_bare(method)).join((name, ""))
        rows.append((code(call), one_line(documented(method, f"{owner.__name__}.{name}"))))
    if rows:
        yield table(("member", "what it does"), rows)


def _bare(method: Any) -> inspect.Signature:
    told = inspect.signature(method)
    return told.replace(parameters=[p for p in told.parameters.values() if p.name not in ("self", "cls")])
