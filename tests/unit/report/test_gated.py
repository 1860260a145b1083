"""Questions that must not be published: no byte of a report folder tells them, and every number is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from s1kit.benchmarks.publishing import LEFT_OUT
from s1kit.report.browser import write_browser
from s1kit.report.build import build_report
from s1kit.report.gated import WITHHELD
from s1kit.report.several import build_several
from s1kit.report.target import build
from s1kit.store.run import RunDir
from s1kit.types import Generation, Question
from unit.report.browser_runs import shelf_of
from unit.report.report_runs import Words, Writer, described, measure, store
from unit.report.test_browser import delivered, wholes
from unit.report.test_several import comparison

SECRETS = ("Xylocarpus", "Quobnitz", "Zeugma", "Yttrandil", "Vrouwkin", "Jabbering", "Flummoxed", "Pizzicato")
"""Words of the question, a choice, the reference, the thinking, the answer, an error, a note, an extracted answer."""


def secret(root: Path, model: str = "nano") -> tuple[RunDir, Words]:
    """A run of three questions of a gated set and one of another; every text of the three holds a word of its own."""
    asked_word, choice, reference, thought, answered, failed, noted, taken = SECRETS
    writer, entries = Writer(), described()
    closed = [
        Question.make(
            text=f"{asked_word} {i}?", choices=(choice, f"{choice} {i}"), answer=reference, answer_kind="text",
            source="gpqa_diamond", meta={"gated": True, "explanation": noted},
        )
        for i in range(3)
    ]  # fmt: skip
    asked = [*closed, Question.make(text="Openly asked?", answer="3", answer_kind="integer")]

    def row(i: int, question: Question, key: str) -> Generation:
        made = writer.row(question, key, entries[key], 20, body=thought if i < 3 else "openly thought")
        if i == 1:  # as an engine without tokens writes it
            words = {"think": thought, "answer": answered}
            spoken = tuple(s.model_copy(update={"text": words[s.phase], "start": 0, "end": 0}) for s in made.segments)
            made = made.model_copy(update={"token_ids": None, "segments": spoken, "exact": False})
        update: dict[str, str] = {"answer_text": answered, "error": failed} if i < 3 else {}
        return made.model_copy(update=update)

    rows = [row(i, question, key) for i, question in enumerate(asked) for key in entries]
    run = store(root, asked, rows, entries)
    grades = [writer.grade(row, entries[row.policy_id], 0.7) for row in rows]
    grades = [
        g.model_copy(update={"extracted": taken, "reference": reference}) if g.question_id != asked[3].id else g
        for g in grades
    ]
    run.write_grades("default", grades)
    measure(run)
    return run, writer.words


def told(folder: Path) -> bytes:
    """Every byte of a folder's files, and what their names say."""
    return b"".join(str(path).encode() + path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, Words]:
    return secret(tmp_path_factory.mktemp("runs"))


def test_words_are_left_out_of_every_report_and_kept_on_request(made: tuple[RunDir, Words], tmp_path: Path) -> None:
    run, words = made
    other, more = secret(tmp_path / "other")
    folder = comparison(tmp_path / "compared")
    stored = json.loads((folder / "compare.json").read_text())
    (folder / "compare.json").write_text(json.dumps({**stored, "runs": [str(run.path)]}))
    both = {run.path: words.decode, other.path: more.decode}
    for name, make in {
        "one": lambda out, kept: build_report(run, out, words.decode, with_gated=kept),
        "page": lambda out, kept: build_report(run, out / "page.html", words.decode, with_gated=kept),
        "several": lambda out, kept: build_several([run, other], out, both, with_gated=kept),
        "comparison": lambda out, kept: build([folder], out, lambda _: words.decode, with_gated=kept),
    }.items():
        closed, kept = tmp_path / name, tmp_path / f"{name}-kept"
        page = make(closed, False).read_text(encoding="utf-8")
        make(kept, True)
        leaked = [word for word in SECRETS if word.encode() in told(closed)]
        assert leaked == [], name
        assert page.count(WITHHELD) == 1
        assert WITHHELD.encode() not in told(kept)
        assert (closed / "browse.html").exists() == (name != "page")
        if name != "page":
            assert WITHHELD in (closed / "browse.html").read_text(encoding="utf-8")
            assert all(word.encode() in told(kept) for word in SECRETS if word != "Flummoxed")
            assert b"Openly asked?" in told(closed), "what may be shown is shown"


def test_numbers_marks_and_verdicts_of_a_closed_question_are_whole(made: tuple[RunDir, Words], tmp_path: Path) -> None:
    run, words = made
    shelf = shelf_of(run, words.decode)
    write_browser(tmp_path / "closed", [shelf], "t")
    write_browser(tmp_path / "open", [shelf], "t", with_gated=True)
    closed, kept = (delivered(tmp_path / name / "data" / "browse-0.js")["questions"] for name in ("closed", "open"))
    assert [line["rows"] for line in closed] == [line["rows"] for line in kept]
    assert [line["text"] for line in closed[:3]] == [line["id"] for line in closed[:3]]
    assert closed[3] == kept[3]
    numbers = ("verdict", "rule", "ended", "extensions", "looped", "model", "forced", "answer", "paid", "tries")
    shown, whole = wholes(tmp_path / "closed"), wholes(tmp_path / "open")
    for line in closed[:3]:
        assert shown[line["id"]]["text"] == LEFT_OUT
        for mine, theirs in zip(shown[line["id"]]["rows"], whole[line["id"]]["rows"], strict=True):
            assert {name: mine[name] for name in numbers} == {name: theirs[name] for name in numbers}
            assert [part[:4] for part in mine["parts"]] == [part[:4] for part in theirs["parts"]]
    assert shown[closed[3]["id"]] == whole[closed[3]["id"]]
