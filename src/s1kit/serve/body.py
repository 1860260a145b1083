"""The bytes of a request body as JSON, read strictly.

Knows what JSON allows. Refuses NaN and Infinity, a key written twice (which of two budgets would count?), half
surrogates (no tokenizer can encode them), and nesting too deep to read.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from s1kit.serve.errors import ApiError


def parse_json(raw: bytes) -> dict[str, Any]:
    """The object that ``raw`` holds. Raises ApiError (400) saying what is wrong and where."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise ApiError(f"the body is not UTF-8 (byte {error.start}); send JSON encoded as UTF-8") from error
    except RecursionError as error:
        raise ApiError("the body is nested too deeply; a request needs a handful of levels") from error
    except ValueError as error:
        raise ApiError(f"the body is not JSON: {error}; send one JSON object", code="invalid_json") from error
    if not isinstance(value, dict):
        raise ApiError(f"the body is a JSON {_kind(value)}; send one JSON object")
    return value


def _no_constant(word: str) -> NoReturn:
    raise ApiError(f"the body holds {word}, which is not JSON; send a finite number", code="invalid_json")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ApiError(f"the key {name[:80]!r} is written twice; send it once", code="duplicate_key")
            seen.add(name)
    return made


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "boolean", str: "string", list: "array"}.get(type(value), "number")


def encodable(text: str, param: str) -> str:
    """``text``, unless it holds half of a surrogate pair, which JSON can spell and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ApiError(
            f"{param} holds half of a surrogate pair at character {error.start}; send whole characters", param=param
        ) from error
    return text


def shown(value: Any) -> str:
    """A value as an error message quotes it: short, and never the inside of a list or an object."""
    if isinstance(value, (list, dict)):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
