"""The page and the terminal of a curation say what was counted, load nothing, and are safe whatever a row holds."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from s1kit.curate.contamination_report import report
from s1kit.curate.decontaminate import Mode, compare, rule_for
from s1kit.curate.figures import Funnel
from s1kit.curate.funnel import measure
from s1kit.curate.life import explain
from s1kit.curate.tables import CurationError
from s1kit.report.contamination import compared
from s1kit.report.costs import cost_rows
from s1kit.report.curation import build_curation_report, headline, length_lines
from s1kit.report.curation_terminal import bar, funnel_table, life_lines, steps_table
from s1kit.types import Question
from unit.curate.curated import LEDGER, Curation, bill
from unit.report.test_hostile import HOSTILE
from unit.report.test_page import outline

ITEMS = {"math500": [("1", "Let the triangle and a circle be given. Find nothing else"), ("2", "short")]}
MODES: tuple[Mode, ...] = ("paper", "coverage")
OPTIONAL = ("traces", "trace_grades", "attempts", "domains", "selections", "ledger")


def contamination(questions: list[Question], n: int = 5) -> dict[str, Any]:
    found = {
        mode: compare(((q.id, q.prompt()) for q in questions), ITEMS, rule_for(mode, n=n, boilerplate=100))
        for mode in MODES
    }
    return report(found, lambda: iter(questions), ITEMS)


@pytest.fixture(scope="module")
def curation(tmp_path_factory: pytest.TempPathFactory) -> Curation:
    made = Curation(tmp_path_factory.mktemp("curated") / "s1k-abc")
    made.write(contamination=contamination(made.questions))
    (made.path / "config.yaml").write_text("# s1 curate build s1k.yaml <all>\nname: s1k\n", encoding="utf-8")
    (made.path / "manifest.json").write_text('{"id": "s1k-abc", "config_hash": "beef", "counts": {}}', encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def funnel(curation: Curation) -> Funnel:
    return measure(curation.path, paper={"numina": 30660})


@pytest.fixture(scope="module")
def page(curation: Curation, funnel: Funnel) -> str:
    path = build_curation_report(curation.path, funnel=funnel)
    assert path == curation.path / "report" / "index.html"
    return path.read_text(encoding="utf-8")


def words(page: str) -> str:
    return " ".join(" ".join(outline(page).text).split())


def printed(shown: RenderableType, width: int = 80, **more: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=width, **more).print(shown)
    return out.getvalue()


def test_the_page_is_well_formed_and_loads_nothing(page: str) -> None:
    found = outline(page)
    assert (found.wrong, found.open) == ([], [])
    assert not {"script", "link", "iframe", "img", "object", "embed", "base", "form"} & set(found.tags)
    assert "http:" not in page.replace("http-equiv", "").replace("http_", "")
    assert not re.search(r"https:|@import|url\(|javascript:", page)
    assert found.meta["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert len(page.encode()) < 1_000_000


def test_the_page_says_what_was_counted(page: str, funnel: Funnel) -> None:
    text = words(page)
    assert headline(funnel) in text
    assert f"{funnel.collected} rows → 36 questions" in text or f"{funnel.collected} rows → 72 questions" in text
    for step in funnel.steps:
        assert step.name in text
        for reason in step.reasons:
            assert f"{reason.reason} {reason.rows}" in text
    for told in ("s1 curate build s1k.yaml <all>", "s1k-abc", "beef", "30,660", "licence not said", "big/thinker"):
        assert told in text
    for part in ("Funnel", "Sources", "Domains", "Lengths", "Who was right", "Contamination", "Cost"):
        assert f"<h2>{part}</h2>" in page


def test_bars_are_shares_of_everything_collected(page: str, funnel: Funnel) -> None:
    widths = re.findall(r'<i style="width:([\d.]+)%"></i><i class="lost" style="width:([\d.]+)%"></i>', page)
    expected = [(100 * s.kept / funnel.collected, 100 * s.dropped / funnel.collected) for s in funnel.steps]
    assert [(float(a), float(b)) for a, b in widths] == [pytest.approx(pair, abs=0.001) for pair in expected]


def test_contamination_pairs_stand_side_by_side_with_the_shared_words_marked(page: str) -> None:
    assert re.search(r"<mark>[^<]*circle be given. Find</mark>", page)
    assert "any shared 5-gram of words" in page
    assert "math500 1" in page


def test_marks_are_exactly_the_words_that_were_found(curation: Curation) -> None:
    stored = contamination(curation.questions)
    (shown,) = compared({"pool": stored})
    for tried in shown.modes:
        for pair, raw in zip(tried.pairs, stored["modes"][tried.mode]["pairs"], strict=False):
            for (_, pieces), side in zip(pair.sides, (raw["question"], raw["item"]), strict=True):
                assert [text for marked, text in pieces if marked] == [
                    " ".join(side["words"][start:end]) for start, end in side["marks"]
                ]
                assert "".join(text for _, text in pieces).split() == " ".join(side["words"]).split()


def test_the_same_files_give_the_same_page(curation: Curation, page: str, funnel: Funnel, tmp_path: Path) -> None:
    again = build_curation_report(curation.path, tmp_path / "other.html", funnel)
    assert again.read_text(encoding="utf-8") == page


@pytest.mark.parametrize("without", [*((name,) for name in OPTIONAL), OPTIONAL])
def test_whatever_is_missing_the_page_stands(tmp_path: Path, without: tuple[str, ...]) -> None:
    path = Curation(tmp_path / "c", n=40).write(without=without)
    page = build_curation_report(path).read_text(encoding="utf-8")
    assert outline(page).wrong == []
    assert "Not run: nothing was compared" in page
    assert ("no ledger was written" in page) == ("ledger" in without)
    assert ("Nothing was selected yet" in page) == ("selections" in without)
    assert "quality" in printed(funnel_table(measure(path)))


def test_a_report_of_another_version_is_said_and_not_half_read() -> None:
    other = {"evaluations": {"x": {}}, "of": 9}
    shown = compared({"a": other, "b": None, "c": {"evaluations": {}, "note": "n"}, "d": []})
    assert [(one.name, one.modes) for one in shown] == [("a", ()), ("c", ()), ("d", ())]
    assert "another version" in shown[0].note
    assert "No evaluation set" in shown[1].note


def test_no_curation_writes_no_page(tmp_path: Path) -> None:
    with pytest.raises(CurationError):
        build_curation_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Curation:
    texts = (*HOSTILE, "A" * 1_000_000, "<" * 1_000_000, *(f"{text} let the be given and find" for text in HOSTILE))
    made = Curation(tmp_path_factory.mktemp("bad") / "<script>x", n=40, texts=texts)
    for number, text in enumerate(HOSTILE):
        made.say("quality", 900 + number, made.questions[number].id, text, False, text, text * 50)
        made.traces[number] = made.traces[number].model_copy(update={"teacher": text, "thinking": text, "error": text})
        made.filed[number] = made.filed[number].model_copy(update={"code": text, "said": text})
        made.attempts[number] = made.attempts[number].model_copy(update={"solver": text, "rule": text, "judged": text})
        made.grades[number] = made.grades[number].model_copy(update={"policy_id": text})
    made.rules["s1k"] = HOSTILE[0]
    items = {HOSTILE[1]: [(text, text) for text in HOSTILE]}
    found = {mode: compare(((q.id, q.prompt()) for q in made.questions), items, rule_for(mode, n=2)) for mode in MODES}
    made.write(contamination=report(found, lambda: iter(made.questions), items))
    return made


def test_hostile_rows_are_text_and_the_page_stays_small(hostile: Curation) -> None:
    page = build_curation_report(hostile.path).read_bytes().decode()
    found = outline(page)
    assert (found.wrong, found.open) == ([], [])
    assert not {"script", "img"} & set(found.tags)
    assert found.tags.count("h1") == 1
    assert not set("\x00\x07\x1b\x85\u2028\u202e\u202c\u2066") & set(page)
    assert "⟨U+202E⟩gnihton" in page
    assert "{{ 7 * 7 }}" in page
    assert len(page.encode()) < 1_000_000


def test_hostile_rows_reach_no_terminal(hostile: Curation) -> None:
    shown = printed(funnel_table(measure(hostile.path)), 200, force_terminal=True, color_system=None)
    lives = [line for q in hostile.questions[: len(HOSTILE) + 2] for line in life_lines(explain(hostile.path, q.id))]
    plain = re.sub(r"\x1b\[\d*m", "", shown)
    assert not set("\x00\x07\x1b\x85\u2028\u202e\u202c\u2066") & set("".join([plain, *lives]))
    assert "\x1b[2J" not in shown
    assert max(map(len, lives)) <= 2100
    assert not [line for line in lives if "\n" in line]


def test_the_terminal_tells_the_funnel_in_eighty_columns(funnel: Funnel) -> None:
    shown = printed(funnel_table(funnel))
    assert max(map(len, shown.splitlines())) <= 80
    steps = printed(steps_table(funnel)).splitlines()
    for step in funnel.steps:
        (line,) = [line for line in steps if line.startswith(step.name)]
        assert f" {step.kept} " in line
        assert f" {step.dropped} " in f"{line} "
    assert "s1k" in shown
    assert "teacher" in shown


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(1, 40))
def test_bars_are_to_an_eighth_and_never_nothing_for_something(part: int, whole: int, width: int) -> None:
    drawn = bar(min(part, whole), whole, width)
    eighths = sum(8 if sign == "█" else " ▏▎▍▌▋▊▉".index(sign) for sign in drawn)
    assert abs(eighths - 8 * width * min(part, whole) / whole) <= 1
    assert (drawn == "") == (part == 0)
    assert len(drawn) <= width


def test_a_life_is_told_in_order(curation: Curation) -> None:
    chosen = curation.selections["s1k"][1]
    lines = life_lines(explain(curation.path, chosen.question_id))
    assert lines[0] == f"question {chosen.question_id}"
    told = "\n".join(lines)
    order = ["from", "text", "answer", "pool", "quality", "difficulty", "solver", "selected", "trained"]
    places = [told.index(f"\n{name} ") for name in order]
    assert places == sorted(places)
    assert f"s1k: drawn, rank 1 by length of 9 left in {chosen.domain}, {chosen.length:,} tokens" in told
    copy = "\n".join(life_lines(explain(curation.path, curation.questions[3].id)))
    assert "DROPPED  exact: row 3" in copy
    assert "could not be read" in life_lines(explain(curation.path, f"#{curation.broken}"))[0]


def test_an_unknown_cost_is_a_dash_and_no_ledger_no_table() -> None:
    rows = cost_rows(LEDGER)
    assert [(row.role, row.cells[0], row.cells[-2:]) for row in rows] == [
        ("solver", "222", ("–", "–")), ("teacher", "230", ("1.31", "1.25")), ("all", "", ("–", "–")),
    ]  # fmt: skip
    one = {"entries": [{"role": "r", "model": "m", "cached": 0, "paid": bill(1, 0.0), "used": bill(1, 0.0)}]}
    assert cost_rows(one)[0].cells[-1] == "0.00"
    for nothing in (None, [], "x", {"entries": "x"}, {"entries": [3]}, {}):
        assert cost_rows(nothing) == []


def test_length_lines_hold_every_scopes_shares(funnel: Funnel) -> None:
    lines = length_lines(funnel.lengths)
    for place, _ in enumerate(funnel.lengths):
        assert sum(line.shares[place] for line in lines) == pytest.approx(1)
    assert max(share for line in lines for share in line.bars) == pytest.approx(100)
