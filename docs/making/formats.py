"""The page of think formats: what each shipped one writes and looks for, and what a tokenizer makes of it.

Knows the built-in formats and the nano tokenizer. Refuses to show ids of tokenizers that do not ship.
"""

from __future__ import annotations

from making.markdown import code, prose, summary, table
from making.types import fields
from s1kit.formats import BUILT_IN, Format, FormatError
from s1kit.nano.shipped import resolve_model
from s1kit.tokenizer import Tokenizer

HEAD = """# Think formats

How a model family opens and closes its thinking. `--format NAME`, or `--format my.yaml` with the fields below. A format
is never guessed from a model's name, and before a run every delimiter is resolved against the model's own tokenizer:
one that the tokenizer would spell out as ordinary text is refused.
"""
RESOLVED = """Against the tokenizer of the nano model, as `s1 doctor` checks it for any model: ids (in brackets
those of one sequence), or the refusal.
"""
SHOWN = ("open", "close", "think_stops", "turn_end", "newline_before_close", "cutoff_suffix", "nudge")


def page() -> str:
    """The page."""
    rows = ((f"`{name}`", *(_value(getattr(f, field)) for field in SHOWN)) for name, f in BUILT_IN.items())
    tokenizer = Tokenizer.load(resolve_model("nano"))
    return "\n\n".join([
        HEAD.strip(), table(("format", *map(code, SHOWN)), rows),
        "## Fields", prose(summary(Format)),
        table(("field", "type", "default", "what it is"), fields(Format, lambda record: record.__name__)),
        "## What resolves",
        RESOLVED.strip(),
        table(("format", "`open`", "`close`", "ends thinking", "ends the turn"),
              (_resolved(f, tokenizer) for f in BUILT_IN.values())),
    ])  # fmt: skip


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(map(_value, value))
    return code(str(value).replace("\n", "\\n"))


def _resolved(spec: Format, tokenizer: Tokenizer) -> tuple[str, ...]:
    try:
        found = spec.resolve(tokenizer)
    except FormatError as refused:
        why = str(refused).split("\n")[0].replace(tokenizer.name, "the tokenizer")
        return f"`{spec.name}`", f"refused: {code(why)}", "", "", ""
    stops = [*found.think_stop_ids, *map(list, found.think_stop_seqs)]
    return f"`{spec.name}`", _ids(found.open), _ids(found.close), _ids(stops), _ids(found.turn_end_ids)


def _ids(ids: object) -> str:
    return " ".join(map(str, ids))  # type: ignore[call-overload]
