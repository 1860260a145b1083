"""Whatever a model or a recipe says is text in the page and on the terminal, and the page stays small."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from s1kit.report.build import build_report
from s1kit.report.terminal import ledger_table, points_table
from s1kit.store.run import RunDir
from s1kit.types import Grade, Question
from unit.report.report_runs import Writer, described, measure, questions, store
from unit.report.test_page import outline

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</div></details></body></html><h1>mine</h1>",
    "\u202egnihton\u202c \u2066 isolate",
    "\x1b[2J\x1b]0;title\x07\x1b[31mred",
    "null \x00 byte, \x85 next line, \u2028 separator",
    "{{ 7 * 7 }} {% raw %} &amp; &#60;b&#62; ]]> <!-- ",
    '" onmouseover="alert(1)',
]
LABEL = "<b onload=x>\x1b[31m[red]'\"&\u202e"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, Writer]:
    writer, entries = Writer(), described()
    entries = {key: {**entry, "label": f"{entry['label']} {LABEL}"} for key, entry in entries.items()}
    texts = [*HOSTILE, "A" * 1_000_000, "<" * 1_000_000]
    asked = [
        Question.make(text=f"{i}: {text[:3000]}", answer=text[:50], answer_kind="text") for i, text in enumerate(texts)
    ]
    rows = [
        writer.row(q, key, entry, 60, body=text)
        for q, text in zip(asked, texts, strict=True)
        for key, entry in entries.items()
    ]
    run = store(tmp_path_factory.mktemp("runs"), asked, rows, entries, benchmark=HOSTILE[0], header=HOSTILE[2])
    grades = [
        Grade(
            question_id=row.question_id,
            policy_id=row.policy_id,
            grader="default",
            version=1,
            verdict="incorrect" if i % 3 else "correct",
            rule="<i>rule</i>",
            extracted=HOSTILE[i % len(HOSTILE)],
        )
        for i, row in enumerate(rows)
    ]
    run.write_grades("default", grades)
    measure(run)
    return run, writer


def test_hostile_traces_are_text_and_the_page_stays_small(hostile: tuple[RunDir, Writer], tmp_path: Path) -> None:
    run, writer = hostile
    for decode in (None, writer.words.decode):
        page = build_report(run, tmp_path, decode=decode, browser=False).read_bytes().decode()
        found = outline(page)
        assert found.wrong == []
        assert found.open == []
        assert not {"script", "img", "b", "i"} & set(found.tags)
        assert found.tags.count("h1") == 1
        assert found.tags.count("details") == len(HOSTILE) + 2
        assert not set("\x00\x07\x1b\x85\u2028\u202e\u202c\u2066") & set(page)
        assert "⟨U+202E⟩gnihton" in page
        assert "␛[2J" in page
        assert "{{ 7 * 7 }}" in page
        assert "characters left out…]" in page
        assert len(page.encode()) < 3_000_000


def test_a_decoder_may_give_lone_surrogates(hostile: tuple[RunDir, Writer], tmp_path: Path) -> None:
    page = build_report(hostile[0], tmp_path, decode=lambda ids: "\ud800x", browser=False).read_bytes().decode()
    assert "⟨U+D800⟩x" in page


def test_names_on_the_terminal_are_neither_markup_nor_control(hostile: tuple[RunDir, Writer]) -> None:
    run, _ = hostile
    metrics = measure(run)
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=True, color_system=None)
    console.print(points_table(metrics, run.manifest.policies), ledger_table(metrics, run.manifest.policies))
    assert "\x1b[31m" not in out.getvalue()
    assert "\u202e" not in out.getvalue()
    assert "[red]" in out.getvalue()


def test_a_rows_error_is_shown(tmp_path: Path) -> None:
    writer, entries, asked = Writer(), described(), questions(2)
    rows: list[Any] = [writer.row(q, key, entry, 60) for q in asked for key, entry in entries.items()]
    rows = [row.model_copy(update={"ended": "error", "error": "<engine> fell over"}) for row in rows]
    run = store(tmp_path, asked, rows, entries)
    blank = {"grader": "default", "version": 1, "verdict": "ungraded", "rule": "error"}
    run.write_grades("default", [Grade(question_id=r.question_id, policy_id=r.policy_id, **blank) for r in rows])
    measure(run)
    page = build_report(run, browser=False).read_text(encoding="utf-8")
    assert "&lt;engine&gt; fell over" in page
    assert "nothing graded" in page
    assert "ungraded rows in" in page
    assert outline(page).wrong == []
