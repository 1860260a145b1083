"""Thinking and answer of a text that still holds its delimiters.

Knows the delimiters of the think formats. Refuses to guess at thinking that is not marked: without a delimiter all of
a text is the answer. Line breaks behind a delimiter belong to it; what stands before one is the model's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FormatName = Literal["auto", "s1", "think", "harmony", "plain"]
_DELIMITERS: dict[str, tuple[str, str]] = {
    "s1": ("<|im_start|>think", "<|im_start|>answer"),
    "think": ("<think>", "</think>"),
    "harmony": ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
}
_ALIASES = {"qwen3": "think", "qwq": "think", "r1": "think", "s1-steps": "s1"}
NAMES = ("auto", *_DELIMITERS, "plain", *_ALIASES)
_TURN_ENDS = ("<|im_end|>", "<|endoftext|>", "<｜end▁of▁sentence｜>", "<|return|>", "</s>", "<|eot_id|>")


@dataclass(frozen=True, slots=True)
class Parts:
    """``closed`` is false for a thought that was opened and never ended: it has no answer."""

    thinking: str
    answer: str
    format: str
    closed: bool = True


def marks(name: str) -> dict[str, str]:
    """A format's name and delimiters, as a policy says them; ``apart``, where the file split, is spelled think."""
    name = {"apart": "think", **_ALIASES}.get(name, name)
    opening, closing = _DELIMITERS.get(name, ("", ""))
    return {"name": name, "open": opening and f"{opening}\n", "close": closing and f"{closing}\n"}


def split(text: str, name: str = "auto") -> Parts:
    """The two phases of ``text``; ``auto`` takes the format whose delimiter comes first in it.

    The opening delimiter may be missing, since templates write it. Turn ends behind the answer are taken off.
    """
    name = _ALIASES.get(name, name)
    found = detect(text) if name == "auto" else name
    if found == "plain":
        return Parts("", text, "plain")
    opening, closing = _DELIMITERS[found]
    bare = text.lstrip()
    thinking, close, answer = bare.removeprefix(opening).partition(closing)
    if not close and not bare.startswith(opening):
        return Parts("", text, found)
    return Parts(thinking.removeprefix("\n"), _without_turn_end(answer.lstrip("\n")), found, closed=bool(close))


def detect(text: str) -> str:
    """The format that a text is in: that of its opening delimiter, else of the closing delimiter that comes first."""
    bare = text.lstrip()
    for name, (opening, _) in _DELIMITERS.items():
        if bare.startswith(opening):
            return name
    places = {name: bare.find(closing) for name, (_, closing) in _DELIMITERS.items()}
    return min((name for name in places if places[name] >= 0), key=places.__getitem__, default="plain")


def _without_turn_end(answer: str) -> str:
    bare = answer.rstrip()
    while mark := next((mark for mark in _TURN_ENDS if bare.endswith(mark)), None):
        answer = bare.removesuffix(mark)
        bare = answer.rstrip()
    return answer
