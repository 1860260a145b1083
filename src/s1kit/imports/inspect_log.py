"""Inspect logs, ``.json`` and ``.eval``, read without inspect_ai.

Knows the log's schema (header with ``eval`` and ``plan``; samples with ``input``, ``target``, ``messages``,
``output``, ``scores``, ``model_usage``; epochs are samples). Refuses nothing that a model wrote: tool calls and
pictures are left out of the text, a sample that failed is a failed row.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from s1kit.imports import asked
from s1kit.imports.docs import reference_of
from s1kit.imports.errors import ImportRefused
from s1kit.imports.found import Found, Reading, Said, Tokens
from s1kit.imports.inspect_zip import members
from s1kit.imports.lines import count, mapping, parse, text
from s1kit.imports.verdicts import grader_name, said

_LENGTH = ("max_tokens", "model_length")
_ATTACHED = "attachment://"


def read(path: Path, label: str | None, into: Reading) -> None:
    """Put every sample of one log into ``into``; of an archive only one is held. Raises ImportRefused for no log."""
    header, samples = _log(path)
    spec = header.get("eval")
    if not isinstance(spec, dict):
        raise ImportRefused(f"{path}: no Inspect log: it has no `eval`")
    into.facts.setdefault("tasks", []).append(text(spec.get("task")) or path.stem)
    stated = mapping(spec.get("packages")) | {name: spec.get(name) for name in ("run_id", "created")}
    into.facts.update({name: value for name, value in stated.items() if isinstance(value, str)})
    config = _config(header, spec)
    where = None
    for where, sample in samples:
        if not isinstance(sample, dict):
            raise ImportRefused(f"{where}: a sample has to be an object")
        found = _sample(where, sample, spec, config, label, into)
        if found is not None:
            into.rows.append(found)
    if where is None:
        raise ImportRefused(
            f"{path}: a log without samples", "the log's own folder may hold a whole one (status success)"
        )


def _log(path: Path) -> tuple[dict[str, Any], Iterator[tuple[str, Any]]]:
    """``(header, (where, sample) of each)``."""
    listed: Iterator[tuple[str, Any]]
    if path.suffix == ".eval":
        rest = members(path)
        _, header = next(rest)
        listed = ((f"{path}!{name}", value) for name, value in rest)
    else:
        header = parse(path.read_bytes(), str(path))
        stated = header.get("samples") if isinstance(header, dict) else None
        listed = ((f"{path}[{number}]", value) for number, value in enumerate(stated or []))
    if not isinstance(header, dict):
        raise ImportRefused(f"{path}: no Inspect log: its header is no object")
    return header, listed


def _config(header: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """The generate config: the model's own, then what the plan says."""
    plan = header.get("plan")
    parts = (spec.get("model_generate_config"), plan.get("config") if isinstance(plan, dict) else None)
    return {
        name: value for part in parts if isinstance(part, dict) for name, value in part.items() if value is not None
    }


def _sample(
    where: str, sample: dict[str, Any], spec: dict[str, Any], config: dict[str, Any], label: str | None, into: Reading
) -> Found | None:
    attached = mapping(sample.get("attachments"))
    question = _input(sample.get("input"), attached)
    if not question.strip():
        into.leave_out(where, "no question")
        return None
    error = sample.get("error")
    message, stop = _answer(sample)
    thinking, answer = _parts(message, attached)
    if message is None and not error:
        into.leave_out(where, "no output and no error")
        return None
    choices, own, beside = sample.get("choices"), mapping(spec.get("metadata")), mapping(sample.get("metadata"))
    return Found(
        where=where,
        question=question,
        text=answer,
        thinking=thinking,
        reference=reference_of({}, _target(sample.get("target"))),
        choices=tuple(text(one) or "" for one in choices) if isinstance(choices, list) else (),
        source=text(beside.get("source")) or text(spec.get("task")) or "",
        model=text(spec.get("model")) or "",
        label=label or (text(own.get("label")) if "entry" in own else None),
        policy=asked.of_own(mapping(own.get("entry")).get("policy")) or asked.of_inspect(config, where),
        sampling=asked.sampling(config),
        sample=max(0, (count(sample.get("epoch")) or 1) - 1),
        tokens=_usage(sample),
        cut=stop in _LENGTH,
        error=_error(error),
        said=_scores(sample.get("scores")),
    )


def _target(target: Any) -> Any:
    """Several targets mean that any will do; the first stands for them."""
    return target[0] if isinstance(target, list) and target else target


def _error(error: Any) -> str | None:
    if not error:
        return None
    return (text(error.get("message")) if isinstance(error, dict) else text(error)) or "the sample failed"


def _input(value: Any, attached: dict[str, Any]) -> str:
    """What was asked: the text, or the last thing that the user says in a conversation."""
    if isinstance(value, list):
        asked_of = [one for one in value if isinstance(one, dict) and one.get("role") == "user"]
        return _parts(asked_of[-1], attached)[1] if asked_of else ""
    return _resolved(text(value) or "", attached)


def _answer(sample: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """The assistant's last message and why it stopped."""
    output = mapping(sample.get("output"))
    choices = output.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        message = choices[0].get("message")
        return (message if isinstance(message, dict) else None), choices[0].get("stop_reason")
    messages = sample.get("messages")
    listed = messages if isinstance(messages, list) else []
    if spoken := [one for one in listed if isinstance(one, dict) and one.get("role") == "assistant"]:
        return spoken[-1], None
    done = output.get("completion")
    return ({"content": done} if isinstance(done, str) and done else None), None


def _parts(message: dict[str, Any] | None, attached: dict[str, Any]) -> tuple[str | None, str]:
    """``(thinking, text)``; None where no part is marked as thinking, so that delimiters in the text decide."""
    content = message.get("content") if message is not None else ""
    if isinstance(content, str):
        return None, _resolved(text(content) or "", attached)
    thinking, answer = [], []
    for part in content if isinstance(content, list) else []:
        if not isinstance(part, dict):
            continue
        if part.get("type") == "reasoning":
            shown = part.get("summary") if part.get("redacted") else part.get("reasoning")
            thinking.append(_resolved(text(shown) or "", attached))
        elif part.get("type", "text") == "text":
            answer.append(_resolved(text(part.get("text")) or "", attached))
    return ("\n".join(thinking) if thinking else None), "\n".join(answer)


def _resolved(value: str, attached: dict[str, Any]) -> str:
    """Long texts stand once, under a hash, beside the sample."""
    if not value.startswith(_ATTACHED):
        return value
    return text(attached.get(value.removeprefix(_ATTACHED))) or value


def _usage(sample: dict[str, Any]) -> Tokens:
    """Tokens of the model's one call. With several models none of them is the answer's alone."""
    output = mapping(sample.get("output"))
    usage = output.get("usage")
    of_models = sample.get("model_usage")
    if not isinstance(usage, dict) and isinstance(of_models, dict) and len(of_models) == 1:
        usage = next(iter(of_models.values()))
    if not isinstance(usage, dict):
        return Tokens()
    prompt, whole, thinking = (count(usage.get(f"{name}_tokens")) for name in ("input", "output", "reasoning"))
    return Tokens(prompt=prompt, thinking=thinking, output=whole)


def _scores(scores: Any) -> dict[str, Said]:
    """The first scorer's verdict carries the name ``inspect``, the others theirs behind it."""
    found: dict[str, Said] = {}
    for name, score in scores.items() if isinstance(scores, dict) else []:
        value = score.get("value") if isinstance(score, dict) else score
        answer = text(score.get("answer")) if isinstance(score, dict) else None
        found[grader_name("inspect", *([str(name)] if found else []))] = said(value, str(name), answer)
    return found
