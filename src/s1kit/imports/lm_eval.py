"""``samples_<task>_<date>.jsonl`` of lm-evaluation-harness, and of the reference's fork of it.

Knows a sample's keys as the harness writes them (``doc``, ``target``, ``arguments``, ``resps``, ``filtered_resps``,
``filter``, a column per metric) and what the fork adds (``exact_matches`` and ``extracted_answers``, thinking budgets
among the generation settings). Refuses rows without generated text: a log-likelihood is no answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from s1kit.imports import asked
from s1kit.imports.docs import choices_of, question_of, reference_of
from s1kit.imports.found import Found, Kind, Reading, Said, Tokens
from s1kit.imports.lines import count, first, mapping, objects, text
from s1kit.imports.lm_eval_results import Results, results_of, task_of
from s1kit.imports.verdicts import grader_name, said

_OWN = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash"}
_OWN |= {"prompt_hash", "target_hash", "exact_matches", "extracted_answers"}
_OF_GROUPS = ("cov@", "maj@", "pass@", "pass_at_")
"""Metrics of all samples of a document together: no verdict on one of them."""
_NOTHING = ("", "[invalid]")
"""What a filter of the harness hands on where it found no answer."""


def read(path: Path, kind: Kind, label: str | None, into: Reading) -> None:
    """Put every generation of one samples file into ``into``. Raises ImportRefused for a line that is no sample."""
    results = results_of(path, into)
    task = task_of(path)
    into.facts.setdefault("tasks", []).append(task)
    into.facts.update({name: value for name, value in results.facts.items() if value})
    for samples in _documents(path, into):
        into.rows.extend(_generations(samples, kind, label, task, results, into))


def is_reference(row: dict[str, Any]) -> bool:
    """Whether a sample is of the reference's fork: by its budgets, its columns, or its delimiters."""
    settings = _settings(row)
    if "s1kit_policy" in settings:  # exported from here
        return False
    texts = _responses(row)
    marked = any(one.lstrip().startswith("<|im_start|>think") for one in texts)
    return bool({"max_tokens_thinking", "thinking_n_ignore"} & settings.keys()) or "exact_matches" in row or marked


def _documents(path: Path, into: Reading) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The lines of each document together: one per filter, all on the same generations. In the file's order."""
    documents: dict[Any, list[tuple[str, dict[str, Any]]]] = {}
    for number, (where, row) in enumerate(objects(path)):
        key = (str(row.get("doc_id", f"line {number}")), str(row.get("doc_hash", "")))
        lines = documents.setdefault(key, [])
        if any(row.get("filter") == other.get("filter") for _, other in lines):
            into.leave_out(where, "the same document and filter again")
            continue
        lines.append((where, row))
    yield from documents.values()


def _generations(
    lines: list[tuple[str, dict[str, Any]]], kind: Kind, label: str | None, task: str, results: Results, into: Reading
) -> Iterator[Found]:
    where, row = lines[0]
    doc = mapping(row.get("doc"))
    prompt = _prompt(row)
    question = question_of(doc) or prompt
    responses = _responses(row)
    if not responses:
        into.leave_out(where, "no generated text (a log-likelihood task)")
        return
    if not question.strip():
        into.leave_out(where, "no question")
        return
    settings = {**results.generation(task), **_settings(row)}
    reference = kind == "s1-reference"
    policy = asked.of_own(settings.get("s1kit_policy"))
    if policy is None:
        policy = asked.of_reference(settings, prompt, where) if reference else asked.of_harness(settings, where)
    for number, response in enumerate(responses):
        yield Found(
            where=where,
            question=question,
            text=response,
            reference=reference_of(doc, row.get("target")),
            choices=choices_of(doc),
            answer_kind=text(doc.get("answer_kind")),
            source=text(doc.get("source")) or results.benchmark(task),
            model=results.model,
            label=label or results.label(task),
            policy=policy,
            sampling=asked.sampling(settings),
            sample=number if len(responses) > 1 else None,
            tokens=_tokens(row) if len(responses) == 1 else Tokens(),
            said=_verdicts(lines, kind, number, len(responses)),
        )


def _verdicts(lines: list[tuple[str, dict[str, Any]]], kind: Kind, number: int, of: int) -> dict[str, Said]:
    """What each filter's metrics say of one sample. The first metric of the first filter carries the kind's name.

    A verdict on a document with several samples belongs to none of them, unless the fork lists one for each.
    """
    found: dict[str, Said] = {}
    for _, row in lines:
        kept = str(row.get("filter", "none"))
        listed, answers = row.get("exact_matches"), row.get("extracted_answers")
        answer = _at(answers, number) if isinstance(answers, list) else _at(row.get("filtered_resps"), 0)
        for metric in _metrics(row):
            rule = metric if kept == "none" else f"{metric}/{kept}"
            name = grader_name(kind) if not found else grader_name(kind, metric, kept if kept != "none" else "")
            if metric == "exact_match" and isinstance(listed, list) and number < len(listed):
                found[name] = _said(listed[number], rule, answer)
            elif of == 1:
                found[name] = _said(row[metric], rule, answer)
            else:
                found[name] = Said("ungraded", f"{rule}: one verdict for {of} samples")
    return found


def _said(score: Any, rule: str, answer: str | None) -> Said:
    """The verdict; a wrong one on an answer that the filter did not find is no answer."""
    verdict = said(score, rule, answer)
    nothing = answer is not None and answer.strip() in _NOTHING
    return Said("no_answer", rule) if nothing and verdict.verdict == "incorrect" else verdict


def _metrics(row: dict[str, Any]) -> list[str]:
    """The columns that hold scores, ``exact_match`` first; one that is named and null is a verdict that is missing."""
    named = row.get("metrics")
    names = [str(name) for name in named] if isinstance(named, list) else list(row)
    kinds = (bool, int, float, type(None)) if isinstance(named, list) else (bool, int, float)
    names = [name for name in names if name in row and name not in _OWN and isinstance(row[name], kinds)]
    names = [name for name in names if not name.startswith(_OF_GROUPS) and not name.endswith("_tokens")]
    return sorted(names, key=lambda name: not name.startswith("exact_match"))


def _tokens(row: dict[str, Any]) -> Tokens:
    """Counts in columns of their own, where somebody put them there."""
    return Tokens(thinking=count(row.get("thinking_tokens")), answer=count(row.get("answer_tokens")))


def _at(values: Any, number: int) -> str | None:
    value = values[number] if isinstance(values, list) and number < len(values) else None
    return text(value)


def _responses(row: dict[str, Any]) -> list[str]:
    """The texts of the one request that a generating task makes; empty where there is something else."""
    stated = first(row, "resps", "filtered_resps")
    if isinstance(stated, list) and len(stated) == 1 and isinstance(stated[0], list):
        stated = stated[0]
    if not isinstance(stated, list) or not all(isinstance(one, str) for one in stated):
        return []
    return [text(one) or "" for one in stated]


def _arguments(row: dict[str, Any]) -> list[Any]:
    """The first request's arguments: ``[prompt, settings]``, which newer versions write as an object of objects."""
    stated = row.get("arguments")
    request = next(iter(stated.values()), None) if isinstance(stated, dict) else _first_of(stated)
    if isinstance(request, dict):
        return [request[name] for name in sorted(request)]
    return list(request) if isinstance(request, list) else []


def _first_of(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None


def _prompt(row: dict[str, Any]) -> str:
    return next((text(part) or "" for part in _arguments(row) if isinstance(part, str)), "")


def _settings(row: dict[str, Any]) -> dict[str, Any]:
    return next((part for part in _arguments(row) if isinstance(part, dict)), {})
