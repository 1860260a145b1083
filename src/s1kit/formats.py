"""Think formats: how a model family opens and closes its thinking, resolved to ids of a real tokenizer.

Knows delimiters per family and whether a tokenizer can express them. Refuses to guess: no format is chosen from a
model's name, and a delimiter that the tokenizer would spell out as ordinary text is an error unless the format says
``text_delimiters: true``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import ValidationError, model_validator

from s1kit.errors import UserError
from s1kit.tokenizer import Tokenizer
from s1kit.types import Record


class FormatError(UserError, ValueError):
    """A format that is unknown, malformed, or that this tokenizer cannot express."""


class Format(Record):
    """Delimiters as text. Empty ``open`` and ``think_stops`` mean ``plain``: no thinking phase at all."""

    name: str
    open: str
    """Starts the thinking, behind the rendered prompt; left out where the prompt already ends with it."""
    close: str
    """Ends the thinking and starts the answer, appended whole, exactly once."""
    cutoff_suffix: str
    nudge: str
    think_stops: tuple[str, ...]
    """What the model writes when it wants to end its thinking. Turn ends are added to these."""
    turn_end: tuple[str, ...]
    """Ends of the assistant's turn; at least one must exist in the tokenizer, the others are passed over."""
    newline_before_close: bool = True
    """A newline comes before ``close`` unless the thinking already ends in one."""
    text_delimiters: bool = False
    """Allow delimiters that are ordinary text to the tokenizer, matched on their ids as tokenised alone."""

    @model_validator(mode="after")
    def _delimiters_belong_together(self) -> Self:
        if self.think_stops and not self.close:
            raise ValueError("close is empty: thinking could end, but never be closed by force")
        if not self.think_stops and (self.open or self.close):
            raise ValueError("think_stops is empty: what does the model write when it wants to end its thinking?")
        if not all(self.think_stops) or not all(self.turn_end):
            raise ValueError("a delimiter in think_stops or turn_end is empty")
        return self

    @property
    def plain(self) -> bool:
        """Whether the format has no thinking phase."""
        return not self.think_stops

    def resolve(self, tokenizer: Tokenizer) -> ResolvedFormat:
        """The format in ids. Raises FormatError naming the delimiter that the tokenizer cannot express."""
        turn_end = tuple(i for i in (tokenizer.id_of(text) for text in self.turn_end) if i is not None)
        if not turn_end:
            raise FormatError(
                f"format {self.name!r}: none of its turn ends {list(self.turn_end)} is a token of {tokenizer.name}\n"
                "hint: choose the format of this model's family (s1, qwen3, qwq, r1, harmony, plain) or write your own"
            )
        stop_ids: list[int] = []
        stop_seqs: list[tuple[int, ...]] = []
        for text in self.think_stops:
            ids = _delimiter(self, tokenizer, "think_stops", text)
            if len(ids) == 1:
                stop_ids.append(ids[0])
            else:
                stop_seqs.append(ids)
        return ResolvedFormat(
            spec=self,
            tokenizer=tokenizer,
            open=_delimiter(self, tokenizer, "open", self.open) if self.open else (),
            close=_delimiter(self, tokenizer, "close", self.close) if self.close else (),
            cutoff_suffix=tokenizer.encode(self.cutoff_suffix),
            newline=tokenizer.encode("\n") if self.newline_before_close else (),
            think_stop_ids=tuple(dict.fromkeys((*stop_ids, *turn_end))),
            think_stop_seqs=tuple(stop_seqs),
            turn_end_ids=turn_end,
        )


def _delimiter(spec: Format, tokenizer: Tokenizer, field: str, text: str) -> tuple[int, ...]:
    ids = tokenizer.encode(text)
    if tokenizer.decode(ids) != text:
        problem = f"{tokenizer.name} cannot express {field} {text!r} (round trip differs)"
        raise FormatError(f"format {spec.name!r}: {problem}")
    if not spec.text_delimiters and not tokenizer.added_ids.intersection(ids):
        pieces = [tokenizer.decode([i]) for i in ids]
        raise FormatError(
            f"format {spec.name!r}: to {tokenizer.name} the delimiter {field} {text!r} is ordinary text {pieces}, "
            "which can be cut into other tokens in context\n"
            "hint: use the format of this model's family, or set text_delimiters: true to match these ids all the same"
        )
    return ids


@dataclass(frozen=True, slots=True)
class ResolvedFormat:
    """A format in the ids of one tokenizer."""

    spec: Format
    tokenizer: Tokenizer
    open: tuple[int, ...]
    close: tuple[int, ...]
    cutoff_suffix: tuple[int, ...]
    newline: tuple[int, ...]
    think_stop_ids: tuple[int, ...]
    """Single ids that end thinking, turn ends included."""
    think_stop_seqs: tuple[tuple[int, ...], ...]
    turn_end_ids: tuple[int, ...]

    @property
    def reopen_ids(self) -> tuple[int, ...]:
        """The id with which an answer opens another thought: the first of ``open``, where that is a delimiter."""
        first = self.open[:1]
        return first if len(self.open) == 1 or self.tokenizer.added_ids.intersection(first) else ()

    @property
    def reopen_seqs(self) -> tuple[tuple[int, ...], ...]:
        """``open`` whole, where its first id is ordinary text that an answer may well contain."""
        return (self.open,) if self.open and not self.reopen_ids else ()

    def render(
        self, messages: Sequence[dict[str, str]], system: str | None = None
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """``(prompt ids, open ids)`` of a conversation; ``open`` is empty where the prompt already ends with it.

        Raises FormatError where a message holds control tokens, TokenizerError where the template refuses.
        """
        self._refuse_control_tokens([*messages, {"content": system or ""}])
        text = self.tokenizer.render(messages, system)
        ids = self.tokenizer.encode(text)
        if not self.open or ids[-len(self.open) :] == self.open:
            return ids, ()
        bare = self.spec.open.rstrip("\n")  # a template may open with fewer newlines than the format
        lines = len(self.spec.open) - len(bare)
        for have in range(lines, -1, -1):
            if bare and text.endswith(bare + "\n" * have):
                return ids, self.tokenizer.encode("\n" * (lines - have))
        return ids, self.open

    def _refuse_control_tokens(self, messages: Sequence[Mapping[str, str]]) -> None:
        """A message in which a special token is written would open turns and thoughts of its own."""
        delimiters = {*self.think_stop_ids, *self.turn_end_ids, *self.open, *self.close} & self.tokenizer.added_ids
        for message in messages:
            found = (delimiters | self.tokenizer.special_ids).intersection(self.tokenizer.encode(message["content"]))
            if found:
                named = ", ".join(repr(self.tokenizer.decode([i])) for i in sorted(found))
                raise FormatError(
                    f"the text holds {named}, which {self.tokenizer.name} reads as control tokens\n"
                    "hint: write it otherwise (a space inside is enough), or leave the question out"
                )

    def newline_for(self, last_id: int | None) -> tuple[int, ...]:
        """The newline ids due before ``close`` when the context ends with ``last_id``."""
        if not self.newline or (last_id is not None and self.tokenizer.ends_line(last_id)):
            return ()
        return self.newline


def _think_family(name: str, *turn_end: str) -> Format:
    return Format(
        name=name,
        open="<think>\n",
        close="</think>\n\n",
        cutoff_suffix="Final Answer:",
        nudge="Wait",
        think_stops=("</think>",),
        turn_end=turn_end,
    )


BUILT_IN: dict[str, Format] = {
    f.name: f
    for f in (
        Format(
            name="s1",
            open="<|im_start|>think\n",
            close="<|im_start|>answer\n",
            cutoff_suffix="Final Answer:",
            nudge="Wait",
            think_stops=("<|im_start|>",),
            turn_end=("<|im_end|>", "<|endoftext|>"),
        ),
        # s1 trained with a countdown of steps: thinking ends only where the answer begins, since a model that counts
        # may write the marker that opens a step
        Format(
            name="s1-steps",
            open="<|im_start|>think\n",
            close="<|im_start|>answer\n",
            cutoff_suffix="Final Answer:",
            nudge="Wait",
            think_stops=("<|im_start|>answer",),
            turn_end=("<|im_end|>", "<|endoftext|>"),
        ),
        # Qwen3 and QwQ end turns as Qwen does; DeepSeek-R1 and its distillations with their own token
        _think_family("qwen3", "<|im_end|>", "<|endoftext|>"),
        _think_family("qwq", "<|im_end|>", "<|endoftext|>"),
        _think_family("r1", "<｜end▁of▁sentence｜>"),
        Format(
            name="harmony",
            open="<|channel|>analysis<|message|>",
            close="<|end|><|start|>assistant<|channel|>final<|message|>",
            cutoff_suffix="Final Answer:",
            nudge="Wait",
            think_stops=("<|end|>", "<|call|>"),
            turn_end=("<|return|>",),
            newline_before_close=False,
        ),
        Format(
            name="plain",
            open="",
            close="",
            cutoff_suffix="",
            nudge="",
            think_stops=(),
            turn_end=(
                "<|im_end|>",
                "<|endoftext|>",
                "</s>",
                "<|eot_id|>",
                "<|end_of_text|>",
                "<｜end▁of▁sentence｜>",
                "<|return|>",
            ),
        ),
    )
}


def load_format(name_or_path: str) -> Format:
    """A built-in format by name, or one of your own from a ``.yaml`` file. Raises FormatError with what is known."""
    if name_or_path in BUILT_IN:
        return BUILT_IN[name_or_path]
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        return _read_format(path)
    near = get_close_matches(name_or_path, BUILT_IN, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    known = ", ".join(BUILT_IN)
    raise FormatError(
        f"unknown format {name_or_path!r}\nhint: {guess}known formats: {known}; or the path of a .yaml file"
    )


def _read_format(path: Path) -> Format:
    if not path.is_file():
        raise FormatError(f"no format file {path}")
    try:
        fields: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Format.model_validate(fields)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FormatError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        known = list(Format.model_fields)
        unknown = [str(e["loc"][0]) for e in error.errors() if e["type"] == "extra_forbidden"]
        near = [(key, match[0]) for key in unknown if (match := get_close_matches(key, known, n=1))]
        guess = "".join(f"did you mean {match!r} for {key!r}? " for key, match in near)
        raise FormatError(f"{path} is not a format: {error}\nhint: {guess}the fields are {', '.join(known)}") from error
