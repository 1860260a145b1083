"""``results_<date>.json`` beside a samples file: the model, the versions, each task's generation settings.

Knows where the harness puts them. Refuses to choose: where several files stand there and none has the samples' date,
none of them is believed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s1kit.imports.found import Reading
from s1kit.imports.lines import mapping, parse, text

_NAME = re.compile(r"samples_(?P<task>.+?)_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+)\.jsonl")


@dataclass(frozen=True, slots=True)
class Results:
    """What is known beside the samples; empty where no file says it."""

    model: str = ""
    tasks: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def generation(self, task: str) -> dict[str, Any]:
        """The generation settings of a task, before what the command line changed."""
        return mapping(mapping(self.tasks.get(task)).get("generation_kwargs"))

    def label(self, task: str) -> str | None:
        """What a run that was exported from here called the policy that is now a task."""
        config = mapping(self.tasks.get(task))
        return text(config.get("task_alias")) if "s1kit" in mapping(config.get("metadata")) else None

    def benchmark(self, task: str) -> str:
        """The set of questions: the task, but for an exported run, whose tasks are policies."""
        config = mapping(self.tasks.get(task))
        own = text(config.get("dataset_path")) if "s1kit" in mapping(config.get("metadata")) else None
        return own or task


def task_of(samples: Path) -> str:
    """The task in a samples file's name; the name itself where it is another."""
    found = _NAME.fullmatch(samples.name)
    return found["task"] if found else samples.stem.removeprefix("samples_")


def results_of(samples: Path, into: Reading) -> Results:
    """What the results file of ``samples`` says. Raises ImportRefused where it is not JSON."""
    found = _NAME.fullmatch(samples.name)
    beside = sorted(samples.parent.glob("results_*.json"))
    dated = [path for path in beside if found and path.name == f"results_{found['date']}.json"]
    chosen = dated or (beside if len(beside) == 1 else [])
    if not chosen:
        return Results(model=_folder_model(samples))
    content = parse(chosen[0].read_bytes(), str(chosen[0]))
    if not isinstance(content, dict):
        return Results(model=_folder_model(samples))
    if str(chosen[0]) not in into.files:
        into.files.append(str(chosen[0]))
    config = mapping(content.get("config"))
    facts = {name: content.get(name) for name in ("lm_eval_version", "git_hash", "date", "transformers_version")}
    facts["model_args"] = config.get("model_args")
    model = text(content.get("model_name")) or _pretrained(config.get("model_args")) or text(config.get("model")) or ""
    return Results(model=model, tasks=mapping(content.get("configs")), facts=facts)


def _pretrained(arguments: Any) -> str | None:
    """The model in the harness's ``model_args``: a text ``pretrained=...,dtype=...``, or an object."""
    if isinstance(arguments, dict):
        return text(arguments.get("pretrained"))
    parts = [part.partition("=") for part in arguments.split(",")] if isinstance(arguments, str) else []
    return next((value for name, _, value in parts if name == "pretrained"), None)


def _folder_model(samples: Path) -> str:
    """The harness names the folder of its samples after the model, with ``__`` for each slash."""
    name = samples.resolve().parent.name
    return name.replace("__", "/") if "__" in name.strip("_") else ""
