"""The browser's folder: texts are whole, shared beginnings are kept once, and nothing in it can act."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.report.browser import ASSETS, link, write_browser
from s1kit.report.browser_texts import WORTH, Texts, characters, spell_characters
from s1kit.report.text import visible
from s1kit.store.run import RunDir
from unit.report.browser_runs import LONG, forced, graded, hostile, shelf_of, verdicts
from unit.report.report_runs import Writer, described, finished, questions, store

TEMPLATES = Path(__file__).parents[3] / "src/s1kit/report/templates"


def delivered(path: Path) -> Any:
    """What a data file gives the page: one call with a name and JSON, and nothing besides."""
    found = re.fullmatch(r's1\.deliver\("([\w-]+)", (.*)\);\n', path.read_text(encoding="utf-8"), re.DOTALL)
    assert found, path
    assert found[1] == path.stem
    return json.loads(found[2])


def wholes(folder: Path, run: int = 0) -> dict[str, Any]:
    """Every question of a run's shards."""
    found: dict[str, Any] = {}
    for path in folder.glob(f"data/browse-{run}-*.js"):
        found |= dict(delivered(path))
    return found


def said(whole: dict[str, Any], row: dict[str, Any]) -> list[str]:
    return ["".join(whole["texts"][i] for i in places) for *_, places in row["parts"]]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3 * WORTH), st.text("ab🍓\u202e", max_size=9)),
        max_size=8,
    )
)
def test_stretches_are_spelled_whole_whatever_they_share(found: list[tuple[int, int, str]]) -> None:
    trunk = ["🍓é" * 2 * WORTH, "x" * 3 * WORTH, "xy" * 2 * WORTH, ""]
    texts = [trunk[kind][:cut] + tail for kind, cut, tail in found]
    # bytes as tokens: a character of four tokens may be cut anywhere
    tokens = [np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int32) for text in texts]
    for spell, stretches in (
        (spell_characters, [characters(text) for text in texts]),
        (lambda ids: bytes(ids.tolist()).decode(errors="replace"), tokens),
    ):
        kept = Texts(spell)
        places = kept.add(stretches)
        assert ["".join(kept.pieces[i] for i in mine) for mine in places] == texts


def test_a_sweeps_shared_beginning_is_stored_and_decoded_once() -> None:
    trace = np.arange(8000, dtype=np.int32)
    decoded: list[int] = []

    def spell(ids: Any) -> str:
        decoded.append(len(ids))
        return "".join(f"{i} " for i in ids)

    kept = Texts(spell)
    cuts = [500, 1000, 2000, 4000, 8000, 8000, 8000]
    places = kept.add([trace[:cut] for cut in cuts])
    assert [len(mine) for mine in places] == [1, 2, 3, 4, 5, 5, 5]
    assert len("".join(kept.pieces)) == len(spell(trace))
    assert sum(decoded[:-1]) < 3 * len(trace)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, Writer, Path]:
    run, writer = hostile(tmp_path_factory.mktemp("runs"))
    folder = tmp_path_factory.mktemp("report")
    write_browser(folder, [shelf_of(run, writer.words.decode)], "Hostile </title>")
    return run, writer, folder


def test_every_part_of_every_row_is_what_its_segment_decodes_to(built: tuple[RunDir, Writer, Path]) -> None:
    run, writer, folder = built
    index, found, judged = delivered(folder / "data/browse-0.js"), wholes(folder), verdicts(run)
    place = {policy["id"]: i for i, policy in enumerate(index["policies"])}
    words = ["correct", "incorrect", "no_answer", "ungraded"]
    for row in run.generations():
        whole = found[row.question_id]
        mine = next(r for r in whole["rows"] if (r["policy"], r["sample"]) == (place[row.policy_id], row.sample))
        assert row.token_ids is not None
        assert said(whole, mine) == [visible(writer.words.decode(row.token_ids[s.start : s.end])) for s in row.segments]
        assert [part[:4] for part in mine["parts"]] == [
            [s.phase, s.origin, s.why, s.end - s.start] for s in row.segments
        ]
        assert words[mine["verdict"]] == judged[row.key]
        line = next(line for line in index["questions"] if line["id"] == row.question_id)
        flags = forced(row) | 2 * row.looped | 4 * (row.ended == "cutoff") | 8 * (row.error is not None)
        assert line["rows"][place[row.policy_id]] == [
            [row.sample, mine["verdict"], flags, row.n_thinking, row.extensions]
        ]


def test_nothing_that_hides_or_acts_reaches_the_files(built: tuple[RunDir, Writer, Path]) -> None:
    folder = built[2]
    for path in folder.rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert not set("\x00\x1b\u202e\u202c\u2066\u2028\u2029\ufeff") & set(text), path
    page = (folder / "browse.html").read_text(encoding="utf-8")
    assert "Hostile &lt;/title&gt;" in page
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|style=|https?://", page)
    assert sum(path.stat().st_size for path in folder.rglob("*.*")) < 3 * LONG  # 14 policies share the long line


def test_scripts_write_text_and_never_markup() -> None:
    for name in ASSETS:
        text = (TEMPLATES / name).read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(|fetch\(", text), (
            name
        )
        assert not re.search(r"https?://", text), name


def test_colours_are_the_reports() -> None:
    def palettes(name: str) -> list[str]:
        return re.findall(r"--(?:paper|ink|muted|accent|wash|good|faint|panel): #\w+", (TEMPLATES / name).read_text())

    assert palettes("browse.css") == palettes("report.css")
    assert len(palettes("report.css")) == 16


def test_rows_without_tokens_or_tokenizer_show_what_was_stored(tmp_path: Path) -> None:
    writer, entries, asked = Writer(), described(), questions(3)
    rows = [writer.row(q, key, entry, 60) for q in asked for key, entry in entries.items()]
    bare = [row.model_copy(update={"token_ids": None, "segments": ()}) for row in rows]
    run = store(tmp_path / "runs", asked, bare, entries)
    write_browser(tmp_path / "bare", [shelf_of(run, writer.words.decode)], "t")
    kept = store(tmp_path / "kept", asked, rows, entries)
    write_browser(tmp_path / "undecoded", [shelf_of(kept, None)], "t")
    for folder in ("bare", "undecoded"):
        for question, whole in wholes(tmp_path / folder).items():
            texts = {(r.thinking_text, r.answer_text) for r in rows if r.question_id == question}
            assert {tuple(said(whole, row)) for row in whole["rows"]} == texts
            assert {row["verdict"] for row in whole["rows"]} == {3}


def test_a_running_run_is_in_order_whatever_came_first(tmp_path: Path) -> None:
    writer, entries, asked = Writer(), described(), questions(4)
    rows = [writer.row(q, key, entry, 60) for key, entry in entries.items() for q in asked]
    with RunDir.create(tmp_path, "sweep", "t", config_resolved={}, questions=asked, policies=entries) as run:
        run.append_many(rows[:-3])
    write_browser(tmp_path / "out", [shelf_of(RunDir.open(run.path), writer.words.decode)], "t")
    lines = delivered(tmp_path / "out/data/browse-0.js")["questions"]
    assert [line["id"] for line in lines] == [q.id for q in asked]
    assert sum(len(found) for line in lines for found in line["rows"]) == len(rows) - 3


def test_probes_are_left_out_unless_there_is_nothing_else(tmp_path: Path) -> None:
    writer, asked = Writer(), questions(2)
    all_ = described()
    some = {key: {**entry, "role": "anytime"} if i else entry for i, (key, entry) in enumerate(all_.items())}
    for entries, left in ((some, 1), ({key: {**entry, "role": "anytime"} for key, entry in all_.items()}, len(all_))):
        rows = [writer.row(q, key, entry, 60) for q in asked for key, entry in entries.items()]
        run = graded(tmp_path / str(left), asked, rows, entries)
        write_browser(tmp_path / "out", [shelf_of(run, writer.words.decode)], "t")
        index = delivered(tmp_path / "out/data/browse-0.js")
        assert len(index["policies"]) == left
        assert all(len(line["rows"]) == left for line in index["questions"])


def test_several_runs_old_files_and_the_progress(tmp_path: Path) -> None:
    run, words = finished(tmp_path / "runs", 5)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/browse-9-9.js").write_text("old")
    told: list[tuple[int, int]] = []
    shelves = [shelf_of(run, words.decode, name) for name in ("a", "b")]
    write_browser(tmp_path, shelves, "t", lambda done, all_: told.append((done, all_)))
    assert told == [(i, 10) for i in range(1, 11)]
    assert [r["name"] for r in delivered(tmp_path / "data/browse.js")["runs"]] == ["a", "b"]
    assert wholes(tmp_path, 0) == wholes(tmp_path, 1)
    assert not (tmp_path / "data/browse-9-9.js").exists()


def test_links_are_escaped() -> None:
    assert link("ab") == "browse.html#q=ab"
    assert link("ab", "a b&c", 2, "r/1") == "browse.html#q=ab&p=a+b%26c&s=2&r=r%2F1"
