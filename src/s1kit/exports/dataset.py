"""A Hugging Face dataset folder: ``generations`` and ``questions`` as Parquet, and a card that says what they are.

Knows the columns and the card's front matter. Refuses the ``datasets`` package: Parquet holds its own types, and the
card names the files. Here token ids and segments travel whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from s1kit.benchmarks.publishing import LEFT_OUT
from s1kit.exports.source import Row, Source, Tally
from s1kit.store.files import write_atomic
from s1kit.store.rows import GENERATIONS, GRADES, QUESTIONS, parquet_sink, question_row, write_parquet

_RULED = [name for name in GRADES.names if name not in ("question_id", "policy_id", "sample")]
_ASKED = ("text", "choices", "answer", "answer_kind", "source", "domain", "licence")
ROWS = pa.schema(
    [
        ("run", pa.string()),
        ("label", pa.string()),
        ("gated", pa.bool_()),
        *GENERATIONS,
        *(GRADES.field(name) for name in _RULED),
        *(QUESTIONS.field(name).with_name("question" if name == "text" else name) for name in _ASKED),
    ]
)
"""One row per generation, with its policy's label, its grade (null where it has none) and its question."""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_dataset(source: Source, out: Path, rows: Iterable[Row]) -> list[Path]:
    """Write the folder's files into ``out``; their paths, the card last. ``rows`` are the source's."""
    data = out / "data"
    data.mkdir()
    tally = Tally()
    with parquet_sink(data / "generations.parquet", ROWS) as add:
        for row in rows:
            tally.add(row)
            add(_columns(row, source))
    write_parquet(data / "questions.parquet", QUESTIONS, map(question_row, source.questions.values()))
    write_atomic(out / "README.md", card(source, tally))
    return [data / "generations.parquet", data / "questions.parquet", out / "README.md"]


def _columns(row: Row, source: Source) -> dict[str, Any]:
    asked = row.question.model_dump(include=set(_ASKED))
    asked["question"] = asked.pop("text")
    ruled = dict.fromkeys(_RULED) if row.grade is None else row.grade.model_dump(include=set(_RULED))
    head = {"run": source.manifest.id, "label": source.label(row.generation.policy_id), "gated": row.gated}
    return {**head, **row.generation.model_dump(), **ruled, **asked}


def card(source: Source, tally: Tally) -> str:
    """README.md: front matter that ``datasets`` reads, then what was run and what is missing."""
    front = yaml.safe_dump(_front(source, tally), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n".join(_body(source, tally)) + "\n"


def _front(source: Source, tally: Tally) -> dict[str, Any]:
    files = (("generations", ROWS), ("questions", QUESTIONS))
    return {
        "pretty_name": f"{source.benchmark}, {source.model}, test-time compute",
        "license": "other",
        "size_categories": [next((name for most, name in _SIZES if tally.rows < most), "n>1M")],
        "tags": ["s1kit", "test-time-scaling", "reasoning"],
        "configs": [
            {"config_name": name, "data_files": f"data/{name}.parquet", **({"default": True} if i == 0 else {})}
            for i, (name, _) in enumerate(files)
        ],
        "dataset_info": [
            {
                "config_name": name,
                "features": [{"name": f.name, **_feature(f.type)} for f in schema],
            }
            for name, schema in files
        ],
    }


def _feature(kind: pa.DataType) -> dict[str, Any]:
    """An Arrow type as the card's front matter spells it."""
    if pa.types.is_list(kind):
        inner = _feature(kind.value_type)
        return {"list": inner.get("dtype", inner.get("struct"))}
    if pa.types.is_struct(kind):
        return {"struct": [{"name": f.name, **_feature(f.type)} for f in kind]}
    names = {"double": "float64", "float": "float32"}
    return {"dtype": names.get(str(kind), str(kind))}


def _body(source: Source, tally: Tally) -> Iterator[str]:
    m = source.manifest
    engine = f"{m.engine.name} {m.engine.version}" if m.engine else "an engine that is not recorded"
    yield f"# {_plain(source.benchmark)}: what {_plain(source.model)} generated under {len(m.policies)} policies\n"
    yield f"Run `{m.id}` ({m.status}, started {m.started}) by s1kit {m.s1kit_version} with {_plain(engine)}."
    yield f"{tally.rows} generations on {len(source.questions)} questions.\n"
    yield "One row of `generations` is everything that one policy did with one question: `token_ids` after the prompt,"
    yield "`segments` that say which of them the model wrote and which were forced, both texts, and the verdict with"
    yield f"the rule that decided it (grader: {_plain(source.grader or 'none')}). `questions` holds the questions.\n"
    yield "## Policies\n\n| policy | label |\n|---|---|"
    yield from (f"| `{policy}` | {_plain(source.label(policy))} |" for policy in m.policies)
    yield "\n## Where the questions come from\n\n| source | licence | questions |\n|---|---|---|"
    of = Counter((q.source or "not recorded", q.licence or "not recorded") for q in source.questions.values())
    yield from (f"| {_plain(name)} | {_plain(licence)} | {n} |" for (name, licence), n in sorted(of.items()))
    yield "\nThe questions keep the licences of their sources.\n"
    yield "## What is missing\n"
    notes = [*source.notes(), *tally.notes()]
    yield from (f"- {_plain(note)}" for note in notes or ["Nothing: every row has tokens and a verdict."])
    if source.hidden:
        yield f"\nIn rows whose `gated` is true every text reads `{LEFT_OUT}` and token ids are null."
        yield "Ids, counts, verdicts and rules are all there, so every number can be computed again."


def _plain(text: str) -> str:
    """A stranger's words on one line, without power over the table or the page."""
    kept = " ".join(text.split())
    for sign in "\\`*_<>[]|":
        kept = kept.replace(sign, f"\\{sign}")
    return kept
