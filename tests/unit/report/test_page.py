"""The page of a made-up run: well formed, self-contained, and saying what the numbers say."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from s1kit.report.build import ReportError, build_report
from s1kit.report.page import TRIGGER, UNKNOWN_TRIGGER
from s1kit.store.run import RunDir
from unit.report.report_runs import Words, finished, measure

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Outline(HTMLParser):
    """Tags in order, and what does not fit: unclosed and crossed elements, attributes that load or act."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.wrong: list[str] = []
        self.meta: dict[str, str] = {}
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        names = {name: value or "" for name, value in attrs}
        self.wrong += [f"{tag} {name}" for name in names if name.startswith("on") or name in ("src", "srcdoc")]
        if not re.fullmatch(r"(browse\.html)?(#[\w=&%.-]*)?", names.get("href", "")):
            self.wrong.append(f"{tag} href {names['href']}")
        if tag == "meta" and "http-equiv" in names:
            self.meta[names["http-equiv"]] = names["content"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    parser.close()
    return parser


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, Words]:
    return finished(tmp_path_factory.mktemp("runs"), 60, header="s1 sweep --budgets 8,16 <all>")


@pytest.fixture(scope="module")
def page(made: tuple[RunDir, Words]) -> str:
    run, words = made
    path = build_report(run, decode=words.decode, browser=False)
    assert path == run.path / "report" / "index.html"
    return path.read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_loads_nothing(page: str) -> None:
    found = outline(page)
    assert found.wrong == []
    assert found.open == []
    assert not {"script", "link", "iframe", "img", "object", "embed", "base", "form"} & set(found.tags)
    assert "http:" not in page.replace("http-equiv", "")
    assert "https:" not in page
    assert not re.search(r"@import|url\(|javascript:", page)
    assert found.meta["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert len(page.encode()) < 3_000_000


def test_the_page_says_what_was_run(page: str) -> None:
    text = " ".join(" ".join(outline(page).text).split())
    for words in ("nano_mixed, nano", "hf 5.19.0", "greedy", "default@1", "s1 sweep --budgets 8,16 <all>"):
        assert words in text
    assert TRIGGER in text
    assert "Control" in text
    assert "points per doubling" in text
    assert "below the natural end" in text
    assert "above the natural end" in text
    assert "(Theil–Sen)" in text


def test_the_curve_tells_its_sides_apart_and_is_named(page: str) -> None:
    wide = page[page.index('class="wide"') : page.index('class="narrow"')]
    assert 'class="narrow"' in page
    for name in ("max 8", "natural", "Wait x1", "Wait x4", "Hmm x1"):
        assert f">{name}</text>" in wide
    for colour in ("ink", "accent", "muted", "paper"):
        assert f"var(--{colour})" in wide
    assert "#1b1b0" not in page
    assert "stroke-dasharray" in wide


def test_the_ledger_holds_waits_placebos_and_the_fresh_sample(page: str) -> None:
    ledger = page[page.index("What did each “Wait” change") : page.index("<h2>Show me one</h2>")]
    for name in ("Wait x1", "Wait x2", "Wait x4", "Hmm x1", "(empty) x1", "fresh, up to"):
        assert name in ledger
    assert ledger.index("Wait x1") < ledger.index("Hmm x1") < ledger.index("Wait x2")
    assert ledger.count('class="forest"') == 8


def test_traces_come_with_the_forced_tokens_marked_and_changed_verdicts_first(page: str) -> None:
    assert page.count("<details>") == 60
    assert '<mark class="nudge" title="forced instead of the model&#39;s end of thinking">Wait</mark>' in page
    assert '<mark class="cutoff" title="forced because the budget ran out">Final Answer:</mark>' in page
    assert "&lt;|im_start|&gt;think" in page
    summaries = re.findall(r"<summary>.*?</summary>", page)
    tags = ["repaired" in s or "broken" in s for s in summaries]
    assert tags[0]
    assert tags == sorted(tags, reverse=True)


def test_without_a_decoder_the_stored_texts_are_shown_and_nothing_is_marked(
    made: tuple[RunDir, Words], tmp_path: Path
) -> None:
    path = build_report(made[0], tmp_path / "other.html")
    page = path.read_text(encoding="utf-8")
    assert path.name == "other.html"
    assert '<mark class="nudge"' not in page
    assert "The answer is" in page
    assert outline(page).wrong == []


def test_the_same_run_gives_the_same_page(made: tuple[RunDir, Words], page: str, tmp_path: Path) -> None:
    again = build_report(made[0], tmp_path, decode=made[1].decode, browser=False)
    assert again == tmp_path / "index.html"
    assert again.read_text(encoding="utf-8") == page


def test_a_run_without_grades_or_metrics_is_refused_with_the_verb_to_run(tmp_path: Path) -> None:
    ungraded, _ = finished(tmp_path / "a", 2, graded=False)
    with pytest.raises(ReportError, match=r"not graded\nhint: run `s1 grade"):
        build_report(ungraded)
    unmeasured, _ = finished(tmp_path / "b", 2, measured=False)
    with pytest.raises(ReportError, match=r"no metrics\nhint: run `s1 metrics"):
        build_report(unmeasured)
    unmeasured.write_metrics({"points": [], "of": "another version"})
    with pytest.raises(ReportError, match="another version of s1kit"):
        build_report(unmeasured)
    assert not (unmeasured.path / "report").exists()


def test_another_models_run_does_not_claim_to_know_its_training_traces(tmp_path: Path) -> None:
    run, _ = finished(tmp_path, 3, model="someone/else", trigger_in_training=None)
    measure(run)
    page = build_report(run).read_text(encoding="utf-8")
    assert UNKNOWN_TRIGGER in page
    assert TRIGGER not in page
    assert "Stopping earlier" not in page  # these metrics have no anytime curve
