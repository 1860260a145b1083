"""Types and defaults of record fields in words.

Knows annotations as pydantic keeps them. Refuses to know which page a record stands on: the caller links it.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as at
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from making.markdown import code, one_line
from making.markdown import notes as notes_of

NAMES = {int: "whole number", float: "number", str: "text", bool: "true or false", Any: "anything", type(None): "none"}
Link = Callable[[type[BaseModel]], str]
"""How a page refers to a record."""
Cells = tuple[str, str, str, str]


def bounds(metadata: tuple[Any, ...] | list[Any]) -> str:
    """What a value may be, behind its type: `` > 0``."""
    signs = {at.Gt: (">", "gt"), at.Ge: (">=", "ge"), at.Lt: ("<", "lt"), at.Le: ("<=", "le")}
    flat = [item for each in metadata for item in (each.metadata if isinstance(each, FieldInfo) else (each,))]
    told = [f"{sign} {getattr(m, name):g}" for m in flat for kind, (sign, name) in signs.items() if isinstance(m, kind)]
    empty = ", not empty" if any(isinstance(m, at.MinLen) and m.min_length == 1 for m in flat) else ""
    return (" " + ", ".join(told) if told else "") + empty


def said(annotation: Any, link: Link) -> str:
    """A type in words, as a cell of a table."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return said(inner[0], link) + bounds(inner[1:])
    if origin is Literal:
        return " or ".join(code(value if isinstance(value, str) else repr(value)) for value in inner)
    if origin in (Union, types.UnionType):
        kept = [said(one, link) for one in inner if one is not type(None)]
        return " or ".join([*dict.fromkeys(kept), *(["none"] if type(None) in inner else [])])
    if origin is tuple:
        if inner[-1:] == (Ellipsis,):
            return f"list of {said(inner[0], link)}"
        return ", ".join(said(one, link) for one in inner)
    if origin in (dict, Mapping):
        return f"mapping of {said(inner[0], link)} to {said(inner[1], link)}"
    if origin is list:
        return f"list of {said(inner[0], link)}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return link(annotation)
    return NAMES.get(annotation, code(getattr(annotation, "__name__", str(annotation))))


def default(field: FieldInfo) -> str:
    """What a field is where it is left out, as YAML; "required" where it may not be."""
    if field.is_required() or (field.default is PydanticUndefined and field.default_factory is None):
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel) and not value.model_dump(exclude_defaults=True):
        return "its defaults"
    return code(as_yaml(plain(value))) if value is not None else "none"


def plain(value: Any) -> Any:
    """A default without what its own defaults say."""
    if isinstance(value, BaseModel):
        own = value.model_dump(mode="json", exclude_defaults=True)
        kind = getattr(value, "kind", None)
        return {"kind": kind, **own} if kind and "kind" in type(value).model_fields and not own else own
    if isinstance(value, (tuple, list)):
        return [plain(one) for one in value]
    return value


def as_yaml(value: Any) -> str:
    """On one line, as a recipe has it."""
    if isinstance(value, str) and not value.strip():
        return json.dumps(value)
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def fields(owner: type[BaseModel], link: Link) -> list[Cells]:
    """(name, type, default, what the source says of it) of every field, as cells."""
    notes = notes_of(owner)
    return [
        (
            code(name),
            said(field.annotation, link) + bounds(field.metadata),
            default(field),
            one_line(notes.get(name, "")),
        )
        for name, field in owner.model_fields.items()
    ]


def inside(annotation: Any) -> list[type[BaseModel]]:
    """The records that a type speaks of, in order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [record for one in get_args(annotation) for record in inside(one)]
