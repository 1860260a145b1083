"""A curation whose every model is a server on this machine: the questions, the recipe, and what the models say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from unit.curate.calls.fake_server import Act, FakeServer, Seen, slow, whole

KEY = "sk-not-to-be-found-anywhere"


def write(folder: Path, recipe: dict[str, Any], name: str = "r.yaml") -> Path:
    """The recipe as a file."""
    path = folder / name
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path


def sums(folder: Path, count: int, name: str = "sums.jsonl") -> Path:
    """So many sums in words, none like another, each with a domain."""
    path = folder / name
    lines = [
        {
            "question": f"Shop {i} sells {i} pears and then {2 * i} figs. How many?",
            "answer": f"{3 * i}",
            "domain": f"{i % 3}",
        }
        for i in range(1, count + 1)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def proofs(folder: Path, count: int) -> Path:
    """So many tasks without an answer that a rule could read, each with its worked solution."""
    path = folder / "proofs.jsonl"
    lines = [{"question": f"Show that {2 * i} is even.", "solution": f"It is twice {i}."} for i in range(1, count + 1)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def models(server: FakeServer, **settings: Any) -> dict[str, dict[str, Any]]:
    """Teacher, solver, judge and classifier, all at this server."""
    common = {"kind": "endpoint", "base_url": server.url, "key_env": "S1_TEST_KEY", "tries": 1, "concurrency": 4}
    names = ("teacher", "solver", "judge", "classifier")
    return {name: {**common, "model": name, "stream": False, **settings} for name in names}


def recipe(server: FakeServer, **changes: Any) -> dict[str, Any]:
    """Everything in one: a pool of sums and proofs, and every step that calls a model."""
    who = models(server)
    base: dict[str, Any] = {
        "name": "world",
        "sources": [
            {"path": "sums.jsonl"},
            {"path": "proofs.jsonl", "mapping": {"solution": "solution", "answer_kind": "text"}},
        ],
        "steps": ["quality", "duplicates", "trace", "domain", "difficulty"],
        "duplicates": {"near": None},
        "trace": {"teacher": who["teacher"]},
        "domain": {"by": "model", "model": who["classifier"]},
        "difficulty": {"solvers": {"small": who["solver"]}, "judge": who["judge"]},
        "select": {"rule": "paper", "size": 4},
    }
    return {**base, **changes}


def saying(seconds: float = 0.0, **words: str) -> Any:
    """What each model says; a word that is not given is a default that solves nothing. Same question, same answer."""
    default = {
        "teacher": "So it is.",
        "solver": "Answer: 1000",
        "judge": "It holds.\nNo",
        "classifier": "11",
    }

    def behave(seen: Seen) -> Act:
        name = seen.body["model"]
        thinking = {"reasoning_content": f"Let me see: {len(seen.asked)}. " * (1 + len(seen.asked) % 5)}
        act = whole(content={**default, **words}[name], **(thinking if name == "teacher" else {}))
        return slow(seconds, act) if seconds else act

    return behave


def asked(server: FakeServer) -> Counter[str]:
    """Model -> requests."""
    return Counter(seen.body["model"] for seen in server.script.seen)


def rows(path: Path) -> list[dict[str, Any]]:
    """Of a Parquet file."""
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def decided(folder: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """(Step, row) -> decision."""
    return {(d["step"], d["row"]): d for file in sorted(folder.glob("decisions/*.parquet")) for d in rows(file)}


def the_run(folder: Path, name: str = "*") -> Path:
    """The one curation below a folder."""
    [found] = [p.parent for p in (folder / "runs").glob(f"{name}/manifest.json")]
    return found
