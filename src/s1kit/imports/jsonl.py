"""Plain rows: a question, an answer to it, and whatever else stands beside them.

Knows the column names that people use, and chat messages. Refuses to guess which of two texts is the model's: a row
with ``thinking`` and ``answer`` alone does not say whose answer it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from s1kit.benchmarks.files import TEXT_KEYS
from s1kit.imports import asked
from s1kit.imports.docs import choices_of, reference_of
from s1kit.imports.errors import ImportRefused
from s1kit.imports.found import Found, Reading, Said, Tokens
from s1kit.imports.lines import array, count, first, mapping, objects, text
from s1kit.imports.verdicts import said

QUESTION = (*(name for name in TEXT_KEYS if name != "text"), "Question", "Problem", "text")
"""``text`` last: beside a question it is what was answered."""
RESPONSE = (
    *("response", "output", "completion", "generation", "generated_text", "model_output"),
    *("responses", "outputs", "completions", "generations"),
)
THINKING = ("thinking", "reasoning", "reasoning_content", "thinking_text", "thinking_trajectory")
ANSWERED = ("answer_text", "final_answer", "model_answer")
REFERENCE = ("target", "reference", "expected_answer", "gold", "ground_truth", "solution_answer", "label_answer")
VERDICT = ("verdict", "correct", "is_correct", "exact_match", "score", "verdicts", "exact_matches", "scores")


def read(path: Path, label: str | None, into: Reading) -> None:
    """Put every row of one file into ``into``. Raises ImportRefused for a row that cannot be told apart."""
    rows = objects(path) if path.suffix != ".json" else array(path)
    for where, row in rows:
        question = _question(row)
        if question is None:
            raise ImportRefused(
                f"{where}: no question",
                f"a row needs one of {', '.join(TEXT_KEYS)}, or messages; this has {', '.join(row) or 'nothing'}",
            )
        texts, thinking, reference = _texts(row, where)
        if not texts and not row.get("error"):
            into.leave_out(where, "no response")
            continue
        for number, one in enumerate(texts or [""]):
            stated = count(first(row, "sample", "sample_index", "epoch"))
            into.rows.append(_found(where, row, question, one, thinking, reference, label, stated, number, len(texts)))


def is_row(row: dict[str, Any]) -> bool:
    """Whether an object has a question and something that was answered."""
    names = (*RESPONSE, *THINKING, "messages", "error")
    beside = "text" in row and any(name in row for name in QUESTION if name != "text")
    return _question(row) is not None and (beside or any(row.get(name) is not None for name in names))


def _found(
    where: str,
    row: dict[str, Any],
    question: str,
    one: str,
    thinking: str | None,
    reference: str | None,
    label: str | None,
    sample: int | None,
    number: int,
    of: int,
) -> Found:
    budget = count(first(row, "max_thinking", "thinking_budget", "budget"))
    finish = first(row, "finish_reason", "stop_reason")
    return Found(
        where=where,
        question=question,
        text=one,
        thinking=thinking,
        reference=reference,
        choices=choices_of(row),
        answer_kind=text(row.get("answer_kind")),
        source=text(first(row, "source", "task", "benchmark", "dataset")) or "",
        model=text(first(row, "model", "model_name")) or "",
        label=label or text(first(row, "policy", "label", "setting", "method")),
        policy=asked.of_row(budget),
        sampling=asked.sampling(row),
        sample=number if of > 1 else sample,
        tokens=_tokens(row) if of < 2 else Tokens(),
        cut=finish in ("length", "max_tokens", "model_length"),
        error=text(row.get("error")) or None,
        said=_said(row, number, of),
    )


def _question(row: dict[str, Any]) -> str | None:
    for name in QUESTION:
        stated = row.get(name)
        value = _spoken(stated, "user") if isinstance(stated, list) else text(stated)
        if value and value.strip():
            return value
    return _spoken(row.get("messages"), "user")


def _texts(row: dict[str, Any], where: str) -> tuple[list[str], str | None, str | None]:
    """``(texts, thinking, reference)`` of a row; several texts are samples."""
    thinking = text(first(row, *THINKING))
    asked_elsewhere = any(row.get(name) is not None for name in QUESTION if name != "text")
    stated = first(row, *RESPONSE, *(("text",) if asked_elsewhere else ()))
    reference = reference_of({}, first(row, *REFERENCE, "answer"))
    if stated is None and isinstance(row.get("messages"), list):
        stated, thought = _spoken(row["messages"], "assistant"), _spoken(row["messages"], "assistant", *THINKING)
        return ([stated] if stated is not None else []), thinking or thought, reference
    if stated is None and thinking is not None:
        stated = text(first(row, *ANSWERED))
        if stated is None and first(row, *REFERENCE) is not None:
            stated, reference = text(row.get("answer")), reference_of({}, first(row, *REFERENCE))
        if stated is None:
            raise ImportRefused(
                f"{where}: there is thinking, but whose `answer` is it: the model's, or the right one?",
                f"call the model's `answer_text`, or the right one `target`; this has {', '.join(row)}",
            )
        return [stated], thinking, reference
    if isinstance(stated, list):
        return [_one(value, where) for value in stated], thinking, reference
    return ([] if stated is None else [_one(stated, where)]), thinking, reference


def _one(value: Any, where: str) -> str:
    found = text(first(value, "text", "content")) if isinstance(value, dict) else text(value)
    if found is None:
        raise ImportRefused(f"{where}: a response has to be a text, this is {type(value).__name__}")
    return found


def _spoken(messages: Any, role: str, *names: str) -> str | None:
    """What the last message of a role says, under the first of ``names`` that it has (``content`` by default)."""
    if not isinstance(messages, list):
        return None
    said_by = [one for one in messages if isinstance(one, dict) and one.get("role") == role]
    content = first(said_by[-1], *(names or ("content",))) if said_by else None
    if isinstance(content, list):
        content = "\n".join(text(part.get("text")) or "" for part in content if isinstance(part, dict))
    return text(content)


def _tokens(row: dict[str, Any]) -> Tokens:
    usage = mapping(row.get("usage"))
    details = mapping(usage.get("completion_tokens_details"))
    return Tokens(
        prompt=count(first({**usage, **row}, "prompt_tokens", "input_tokens", "n_prompt")),
        thinking=count(first({**details, **row}, "thinking_tokens", "reasoning_tokens", "n_thinking")),
        answer=count(first(row, "answer_tokens", "n_answer")),
        output=count(first({**usage, **row}, "output_tokens", "completion_tokens", "n_tokens")),
    )


def _said(row: dict[str, Any], number: int, of: int) -> dict[str, Said]:
    """The row's verdict on its one text; of several texts each has its own where the row lists as many."""
    name = next((name for name in VERDICT if row.get(name) is not None), None)
    if name is None:
        return {}
    stated, answer = row[name], first(row, "extracted", "extracted_answer")
    if isinstance(stated, list) and len(stated) == of:
        answers = answer if isinstance(answer, list) and len(answer) == of else [None] * of
        return {"jsonl": said(stated[number], name, text(answers[number]))}
    if of > 1:
        return {"jsonl": Said("ungraded", f"{name}: one verdict for {of} samples")}
    return {"jsonl": said(stated, name, text(answer))}
