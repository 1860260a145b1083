"""A training set for other trainers: the same rows as text, line n of every file being row n of ``train.parquet``.

Knows the field names that trainers read. Refuses to claim that text is enough: each row is rendered by the tokenizer's
own chat template and encoded again, and the result says for how many rows that gives the very ids of the row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from s1kit.curate.conditions import Condition, Written, write
from s1kit.curate.rows import encode_row
from s1kit.formats import ResolvedFormat
from s1kit.store.files import replacing
from s1kit.tokenizer import TokenizerError
from s1kit.types import Question, Record, Trace, TrainRow, canonical_json

Kind = Literal["messages", "prompt_completion", "sharegpt", "s1k", "train"]


@dataclass(frozen=True, slots=True)
class Item:
    """One row in all that an export may need of it."""

    question: Question
    trace: Trace
    written: Written
    row: TrainRow


class Exported(Record):
    """What was written, and whether a trainer that reads the text trains on the ids of the rows."""

    files: tuple[str, ...]
    rows: int
    same_ids: int
    """Rows that the tokenizer's own chat template and encoder turn into exactly the ids of their training row. Some
    templates do not: those of R1 drop earlier thinking, harmony's wraps the reply in a channel of its own."""


def messages(item: Item) -> dict[str, Any]:
    """OpenAI's chat format, read by TRL, axolotl, torchtune and most others: ``messages`` of role and content."""
    return {"messages": [_turn("user", item.written.user), _turn("assistant", item.written.reply)]}


def prompt_completion(item: Item) -> dict[str, Any]:
    """TRL's conversational prompt-completion: the loss is on the completion without further settings."""
    return {
        "prompt": [_turn("user", item.written.user)],
        "completion": [_turn("assistant", item.written.reply)],
    }


def sharegpt(item: Item) -> dict[str, Any]:
    """``conversations`` of from and value: LLaMA-Factory's ``sharegpt``, axolotl with its property mappings."""
    return {
        "conversations": [
            {"from": "human", "value": item.written.user},
            {"from": "gpt", "value": item.written.reply},
        ]
    }


def s1k(item: Item) -> dict[str, Any]:
    """The columns of the published s1K: text as it was collected, before layout, condition and "Answer: ".

    ``solution`` and ``cot_type`` come from ``meta`` where the source has them; otherwise the solution is the reference
    answer, and the type is left open.
    """
    question, meta = item.question, item.question.meta
    return {
        "solution": meta.get("solution", question.answer),
        "question": question.prompt(),
        "cot_type": meta.get("cot_type"),
        "source_type": question.source,
        "metadata": canonical_json(meta),
        "cot": None,
        "thinking_trajectories": [item.trace.thinking],
        "attempt": item.trace.answer,
    }


def train(item: Item) -> dict[str, Any]:
    """The training row itself: ids and labels, for trainers that take tokenised data. Always exact."""
    return item.row.model_dump(mode="json")


KINDS: dict[Kind, Callable[[Item], dict[str, Any]]] = {
    "messages": messages,
    "prompt_completion": prompt_completion,
    "sharegpt": sharegpt,
    "s1k": s1k,
    "train": train,
}


def export(
    folder: Path,
    pairs: Iterable[tuple[Question, Trace]],
    form: ResolvedFormat,
    *,
    condition: Condition | None = None,
    kinds: Sequence[Kind] = tuple(KINDS),
) -> Exported:
    """Write ``<kind>.jsonl`` for each kind into ``folder``, all of them or none, one pair at a time.

    Give the pairs that are in the training set: one that cannot be a row raises RowError. UTF-8, a row per line; line
    separators inside strings are escaped, so that any reader finds the same lines.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = same = 0
    with ExitStack() as stack:
        files = [(stack.enter_context(_replaced(folder / f"{kind}.jsonl")), KINDS[kind]) for kind in kinds]
        for question, trace in pairs:
            written = write(question, trace, form, condition)
            row = encode_row(written, question, trace, form, condition)
            item = Item(question, trace, written, row)
            for file, make in files:
                file.write(_line(make(item)))
            rows += 1
            same += gives_same_ids(item, form)
    return Exported(files=tuple(f"{kind}.jsonl" for kind in kinds), rows=rows, same_ids=same)


def gives_same_ids(item: Item, form: ResolvedFormat) -> bool:
    """Whether the chat template over both turns, encoded in one piece, starts with exactly the row's ids."""
    turns = [_turn("user", item.written.user), _turn("assistant", item.written.reply)]
    try:
        text = form.tokenizer.render(turns)
    except TokenizerError:  # a template that refuses a conversation cannot give its ids either
        return False
    return form.tokenizer.encode(text)[: item.row.n_tokens] == item.row.input_ids


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _line(value: dict[str, Any]) -> str:
    text = json.dumps(value, ensure_ascii=False)
    for separator in ("\x85", "\u2028", "\u2029"):  # JSON escapes the other line ends itself
        text = text.replace(separator, f"\\u{ord(separator):04x}")
    return text + "\n"


@contextmanager
def _replaced(path: Path) -> Iterator[TextIO]:
    with replacing(path) as temp, temp.open("w", encoding="utf-8", newline="\n") as file:
        yield file
