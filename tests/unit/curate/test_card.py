"""The card: every fact is on it, its front matter is YAML, and a stranger's name cannot break the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from s1kit.curate.audit import audit
from s1kit.curate.card import (
    CardFacts,
    Contamination,
    FunnelStep,
    SourceFacts,
    cell,
    render_card,
    size_category,
    write_card,
)
from s1kit.curate.export import Exported
from s1kit.types import TrainRow

ROW = TrainRow(id="r", question_id="q", format="s1", input_ids=(1, 7, 3, 9), labels=(-100, 7, 3, 9), n_tokens=4)


def facts(**change: Any) -> CardFacts:
    values: dict[str, Any] = {
        "name": "s1k again",
        "command": "s1 curate run recipes/s1k.yaml --set seed=3",
        "s1kit_version": "0.1.0",
        "size": 1000,
        "format": "s1",
        "tokenizer": "qwen2.5",
        "sources": (
            SourceFacts(name="aime", licence=None, pool=890, selected=305),
            SourceFacts(name="math", licence="MIT", pool=11999, selected=74),
            SourceFacts(name="unused", licence="CC-BY-4.0", pool=5, selected=0),
        ),
        "funnel": (FunnelStep(step="difficulty", before=51607, kept=24517, reasons={"solved": 27090}),),
        "contamination": (Contamination(evaluation="math500", items=500, any_ngram=89, covered=3),),
        "rule": "paper",
        "seed": 3,
        "teachers": ("gemini",),
        "verdicts": {"right": 536, "wrong": 464},
        "domains": {"11": 40},
        "audit": audit([ROW], (7,), (2, 4)),
        "exported": Exported(files=("messages.jsonl", "s1k.jsonl"), rows=1000, same_ids=999),
    }
    return CardFacts(**values | change)


def split(card: str) -> tuple[dict[str, Any], str]:
    _, front, body = card.split("---\n", 2)
    return yaml.safe_load(front), body


def test_every_fact_is_on_the_card(tmp_path: Path) -> None:
    path = write_card(tmp_path, facts())
    front, body = split(path.read_text(encoding="utf-8"))
    assert front["size_categories"] == ["1K<n<10K"]
    assert front["configs"] == [{"config_name": "default", "data_files": "train.parquet"}]
    for line in (
        "    s1 curate run recipes/s1k.yaml --set seed=3",
        "| aime | unknown | 890 | 305 |",
        "| math | MIT | 11,999 | 74 |",
        "| difficulty | 51,607 | 24,517 | solved 27,090 |",
        "Selection rule: paper. Seed: 3. The same pool, rule and seed give the same rows.",
        "| math500 | 500 | 89 | 3 |",
        "| right | 536 | 53.6% |",
        "| 11 | 40 |",
        "| 2 | 1 | 100.0% | 1 |",
        "| 4 | 0 | 0.0% | 0 |",
    ):
        assert line in body.split("\n")
    lines = body.split("\n")
    tables = [i for i, line in enumerate(lines) if line.startswith("|---")]
    assert all(lines[i - 2] == "" for i in tables), "a table starts behind an empty line"
    assert "999 of 1,000 rows come out with exactly the ids" in body
    assert "train on the ids" in body
    assert "| messages.jsonl |" in body
    assert "sharegpt.jsonl" not in body
    assert path.read_bytes() == write_card(tmp_path, facts()).read_bytes()


@pytest.mark.parametrize(
    ("licences", "front", "says"),
    [
        (["MIT"], {"license": "mit"}, "All rows are under MIT."),
        (["MIT", "Apache-2.0"], {"license": ["apache-2.0", "mit"]}, "**The licences are mixed:** Apache-2.0, MIT."),
        (["MIT", None], {"license": "other", "license_details": "mit, unknown"}, "For some sources nobody says which"),
        ([None], {"license": "other", "license_details": "unknown"}, "**No licence is known for any source.**"),
        (["My own: v2"], {"license": "other", "license_details": "my own: v2"}, "All rows are under My own: v2."),
    ],
)
def test_licences_are_said_plainly(licences: list[str | None], front: dict[str, Any], says: str) -> None:
    sources = tuple(SourceFacts(name=f"s{i}", licence=name, pool=1, selected=1) for i, name in enumerate(licences))
    found, body = split(render_card(facts(sources=sources)))
    assert found | front == found
    assert says in body


def test_what_was_not_done_is_said() -> None:
    bare = {"funnel": (), "contamination": (), "teachers": (), "verdicts": {}, "domains": {}, "audit": None}
    _, body = split(render_card(facts(**bare, exported=None, left_out=2)))
    assert "not compared with any evaluation set" in body
    assert "No teacher is recorded." in body
    assert "2 selected rows could not become training rows" in body
    assert "## Lengths" not in body
    assert "| train.parquet |" in body


@given(st.text(max_size=30))
def test_a_strangers_text_stays_in_its_cell(name: str) -> None:
    plain, odd = (render_card(facts(teachers=(n,), domains={n: 1}, name="n")).split("\n") for n in ("x", name))
    assert len(plain) == len(odd)
    row = f"| {cell(name)} | 1 |"
    assert row in odd
    assert row.replace("\\\\", "").replace("\\|", "").count("|") == 3


def test_nothing_a_name_holds_is_markup_or_invisible() -> None:
    assert cell("a|b <img> [x](y) `c`") == r"a\|b \<img\> \[x\](y) \`c\`"
    assert cell("a\nb\u202ec\u200bd\ud83de\x00") == "a b(U+202E)c(U+200B)d(U+D83D)e(U+0000)"
    assert len(cell("|" * 10**6)) < 500
    hostile = "x\n---\nlicense: mit\n| a"
    front, _ = split(render_card(facts(name=hostile, command=hostile)))
    assert front["pretty_name"] == "x --- license: mit | a"
    assert "\n    x --- license: mit | a\n" in render_card(facts(command=hostile))


@pytest.mark.parametrize(
    ("rows", "word"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (58986, "10K<n<100K"), (10**6, "1M<n<10M"), (10**8, "n>10M")],
)
def test_size_categories(rows: int, word: str) -> None:
    assert size_category(rows) == word
