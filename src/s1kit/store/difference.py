"""Whether two configurations produce the same rows, and where they differ.

Knows nested values and dotted names. Refuses to know which fields change outputs: the verb that owns the
configuration passes the names of those that do not.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from s1kit.types import canonical_json, sha256_hex

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One field: its dotted name, and both values as JSON ("(absent)" where there is none)."""

    field: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.field}: {self.old} -> {self.new}"


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as JSON values (tuples become lists). Raises TypeError for what JSON cannot hold."""
    value: dict[str, Any] = json.loads(json.dumps(config, allow_nan=False))
    return value


def outputs_only(config: Mapping[str, Any], non_output: Collection[str]) -> dict[str, Any]:
    """The configuration without the fields that change no row; ``"engine.slots"`` names a nested one."""
    return _without(plain(config), non_output, "")


def _without(config: dict[str, Any], names: Collection[str], prefix: str) -> dict[str, Any]:
    return {
        key: _without(value, names, f"{prefix}{key}.") if isinstance(value, dict) else value
        for key, value in config.items()
        if f"{prefix}{key}" not in names
    }


def config_hash(outputs: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of what ``outputs_only`` left, 64 hex digits."""
    return sha256_hex(canonical_json(outputs))


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Every leaf that differs, in order of name. Lists are compared item by item: ``policies.2.extensions``."""
    return list(_walk(plain(old), plain(new), ""))


def _walk(old: Any, new: Any, name: str) -> Iterator[Difference]:
    if isinstance(old, list) and isinstance(new, list):
        old, new = dict(enumerate(old)), dict(enumerate(new))
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _walk(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{name}.{key}" if name else str(key))
    elif old is not new and (type(old) is not type(new) or old != new):
        yield Difference(name, _show(old), _show(new))


def _show(value: Any) -> str:
    return "(absent)" if value is _ABSENT else json.dumps(value, ensure_ascii=False)
