"""One row as an Inspect sample.

Knows the fields of inspect_ai's EvalSample: input, target, messages, output with the thinking as a reasoning part,
scores, usage. Refuses to score: value, answer and explanation are our grade's, and a row without one has no score.
"""

from __future__ import annotations

from typing import Any

from s1kit.exports.source import Row, Source
from s1kit.store import layout
from s1kit.types import Generation, sha256_hex

VALUES = {"correct": "C", "incorrect": "I", "no_answer": "N"}
"""Inspect's words for a verdict; an ungraded row has no score."""
_SHOWN = 1000
"""Characters that Inspect keeps of a text in the summary of a sample."""


def sample(row: Row, source: Source) -> dict[str, Any]:
    """The row as JSON values; ``epoch`` counts samples from 1."""
    q, g = row.question, row.generation
    model = f"{source.manifest.engine.name if source.manifest.engine else 's1kit'}/{source.model}"
    output = _output(g, model, counted=source.counted(g.policy_id))
    name = sha256_hex("/".join((source.manifest.id, *map(str, g.key))))[:22]
    made: dict[str, Any] = {
        "id": q.id,
        "epoch": g.sample + 1,
        "input": q.prompt(),
        "target": q.answer or "",
        "messages": [
            {"id": f"{name}u", "role": "user", "content": q.prompt(), "source": "input"},
            output["choices"][0]["message"] | {"id": f"{name}a"},
        ],
        "output": output,
        "scores": _scores(row, source),
        "metadata": _metadata(row, source),
        "store": {},
        "events": [],
        "attachments": {},
        "model_usage": {model: output["usage"]} if "usage" in output else {},
        "uuid": name,
    }
    if q.choices:
        made["choices"] = list(q.choices)
    if g.engine_ms:
        made["working_time"] = g.engine_ms / 1000
    if layout.failed(g):
        message = g.error or "the engine failed"
        made["error"] = {"message": message, "traceback": message, "traceback_ansi": message}
    return made


def _output(g: Generation, model: str, *, counted: bool) -> dict[str, Any]:
    """``usage`` is left out where tokens were not counted."""
    content: list[dict[str, str]] = []
    if g.thinking_text:
        content.append({"type": "reasoning", "reasoning": g.thinking_text})
    content.append({"type": "text", "text": g.answer_text})
    message = {"role": "assistant", "content": content, "source": "generate", "model": model}
    out = g.n_thinking + g.n_answer
    usage = {"input_tokens": g.n_prompt, "output_tokens": out, "total_tokens": g.n_prompt + out}
    return {
        "model": model,
        "choices": [{"message": message, "stop_reason": _stop_reason(g)}],
        "completion": g.answer_text,
        **({"usage": {**usage, "reasoning_tokens": g.n_thinking}} if counted else {}),
        "time": g.engine_ms / 1000,
    }


def _stop_reason(g: Generation) -> str:
    """Why the answer ended, in Inspect's words; where there is none, why the thinking did."""
    if layout.failed(g):
        return "unknown"
    if g.answer_ended is None:
        return {"model": "stop", "cutoff": "max_tokens", "context": "model_length"}.get(g.ended, "unknown")
    return {"turn_end": "stop", "length": "max_tokens"}.get(g.answer_ended, "unknown")


def _scores(row: Row, source: Source) -> dict[str, Any]:
    grade = row.grade
    if grade is None or source.grader is None or grade.verdict not in VALUES:
        return {}
    return {
        source.grader: {
            "value": VALUES[grade.verdict],
            "answer": grade.extracted,
            "explanation": f"{grade.verdict}: decided by {grade.rule}",
            "metadata": {"verdict": grade.verdict, "rule": grade.rule, "reference": grade.reference},
        }
    }


def _metadata(row: Row, source: Source) -> dict[str, Any]:
    q, g = row.question, row.generation
    kept = ("ended", "answer_ended", "extensions", "min_met", "looped", "n_thinking_model", "n_thinking_forced")
    more = ("n_answer", "n_paid", "n_discarded", "tries", "exact", "error")
    segments = [
        {"phase": s.phase, "origin": s.origin, "why": s.why, "start": s.start, "end": s.end} for s in g.segments
    ]
    return {
        "policy_id": g.policy_id,
        "label": source.label(g.policy_id),
        **{name: getattr(g, name) for name in (*kept, *more)},
        "segments": segments,
        "ungraded": row.grade is None or row.grade.verdict == "ungraded",
        "source": q.source,
        "domain": q.domain,
        "licence": q.licence,
    }


def summary(made: dict[str, Any]) -> dict[str, Any]:
    """What a list of samples shows of one, texts cut as Inspect cuts them."""
    kept = {name: made[name] for name in ("id", "epoch", "target", "scores", "model_usage", "uuid")}
    kept["input"] = made["input"][:_SHOWN]
    kept["metadata"] = {k: v for k, v in made["metadata"].items() if k != "segments"}
    if "error" in made:
        kept["error"] = made["error"]["message"][:_SHOWN]
    return {**kept, "completed": True, "message_count": len(made["messages"])}
