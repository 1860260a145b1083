"""What the model is asked: the messages of a chat, or the prompts of a completion.

Knows the shapes that OpenAI documents. Refuses what is not text: images, audio and tool calls have nowhere to go.
"""

from __future__ import annotations

from typing import Any

from s1kit.serve.body import encodable, shown
from s1kit.serve.errors import ApiError

Turn = dict[str, str]
Prompt = str | tuple[int, ...]

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_IDLE_KEYS = frozenset({"role", "content", "name", "type", "reasoning_content", "reasoning", "annotations"})
"""Accepted in a message. Earlier thinking is dropped, as the models' own templates do; a name changes nothing."""


def read_messages(value: Any) -> tuple[Turn, ...]:
    """The turns of a chat. Raises ApiError (400) naming the message that is wrong."""
    if not isinstance(value, list) or not value:
        raise ApiError("messages has to be a list of at least one message", param="messages")
    turns = tuple(_turn(message, f"messages[{i}]") for i, message in enumerate(value))
    if turns[-1]["role"] != "user":
        raise ApiError(
            f"the last message has the role {turns[-1]['role']!r}; the model answers a user message: "
            "put it last, or use /v1/completions to continue a text",
            param=f"messages[{len(turns) - 1}].role",
        )
    return turns


def _turn(message: Any, where: str) -> Turn:
    if not isinstance(message, dict):
        raise ApiError(f"{where} has to be an object with role and content", param=where)
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        known = ", ".join(_ROLES)
        raise ApiError(f"{where}.role is {shown(role)}, not supported; use one of {known}", param=f"{where}.role")
    for key, said in message.items():
        if key not in _IDLE_KEYS and said not in (None, [], ""):
            raise ApiError(f"{where}.{key} is not supported; a message is text", param=f"{where}.{key}")
    return {"role": _ROLES[role], "content": _content(message.get("content"), f"{where}.content")}


def _content(value: Any, where: str) -> str:
    if isinstance(value, str):
        return encodable(value, where)
    if isinstance(value, list) and value:
        parts = []
        for i, part in enumerate(value):
            kind = part.get("type") if isinstance(part, dict) else None
            if kind != "text" or not isinstance(part.get("text"), str):
                raise ApiError(f"{where}[{i}] of type {shown(kind)} is not supported; send text", param=f"{where}[{i}]")
            parts.append(encodable(part["text"], f"{where}[{i}].text"))
        return "".join(parts)
    raise ApiError(f"{where} has to be text (a string, or a list of text parts)", param=where)


def read_prompts(value: Any, n: int, most: int) -> tuple[Prompt, ...]:
    """The prompts of a completion, ``n`` times them at most ``most``: text, ids, or a list of either."""
    if isinstance(value, str):
        return (_prompt(value, "prompt"),)
    if isinstance(value, list) and value:
        if all(_is_id(item) for item in value):
            return (tuple(value),)
        if len(value) * n > most:
            raise ApiError(
                f"prompt holds {len(value)} prompts, for {n} choices each; one request makes at most {most} choices",
                param="prompt",
            )
        return tuple(_prompt(item, f"prompt[{i}]") for i, item in enumerate(value))
    raise ApiError("prompt has to be a string, a list of strings, or a list of token ids", param="prompt")


def _prompt(value: Any, where: str) -> Prompt:
    if isinstance(value, str) and value:
        return encodable(value, where)
    if isinstance(value, list) and value and all(_is_id(item) for item in value):
        return tuple(value)
    raise ApiError(f"{where} has to be a non-empty string or a list of token ids (whole numbers)", param=where)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
