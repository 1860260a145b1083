"""The trace browser in a real Chromium, from a disk: hostile, filtered, linked to, by keyboard, small, dark."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from browser.conftest import LONGEST, Open, Watched, no_sideways, until
from s1kit.benchmarks.publishing import LEFT_OUT
from s1kit.report.browser import link, write_browser
from s1kit.report.shelves import plain_shelf
from s1kit.report.text import visible
from s1kit.store.run import RunDir
from s1kit.types import Generation
from unit.report.browser_runs import forced, hostile, sampled, shelf_of, verdicts
from unit.report.report_runs import questions
from unit.report.test_gated import secret
from unit.report.test_uncounted import measured

pytestmark = pytest.mark.slow


class Site:
    """A folder as the tests ask for it."""

    def __init__(self, folder: Path) -> None:
        self.run, self.writer = hostile(folder / "runs")
        self.samples, of_samples = sampled(folder / "sampled", questions(40))
        shelves = [
            shelf_of(self.run, self.writer.words.decode, "hostile"),
            shelf_of(self.samples, of_samples.words.decode, "sampled"),
        ]
        self.folder = write_browser(folder / "report", shelves, "Traces to be wary of").parent
        self.url = self.folder.as_uri() + "/"
        self.rows = list(self.run.generations())
        self.ids = [question.id for question in self.run.questions()]
        self.policies = list(self.run.manifest.policies)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


def opened(browser: Any, site_url: str, width: int = 1280, scheme: str = "light") -> tuple[Any, Watched]:
    """A page in a context of its own; what lies outside the folder it may not ask for."""
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    context.set_default_timeout(LONGEST)
    page, watched = context.new_page(), Watched(site_url)
    watched.over(page)
    return page, watched


@pytest.fixture
def visit(site: Site, browser: Any) -> Iterator[Callable[..., Any]]:
    """Open an address of the folder; a word on the console or a request to anywhere else fails the test."""
    pages: list[tuple[Any, Watched]] = []

    def go(address: str = "browse.html", **how: Any) -> Any:
        page, watched = opened(browser, site.url, **how)
        pages.append((page, watched))
        page.goto(site.url + address)
        until(page, "!document.getElementById('index').hidden || !document.getElementById('question').hidden")
        return page

    yield go
    for page, _ in pages:
        page.context.close()
    assert [said for _, watched in pages for said in watched.trouble] == []


def listed(page: Any) -> list[str]:
    """The ids of the questions in the table."""
    return re.findall(r"q=(\w+)", " ".join(page.eval_on_selector_all("#rows a", "all => all.map(a => a.href)")))


def set_hash(page: Any, text: str) -> None:
    page.evaluate("h => { location.hash = h; }", text)


def shows(page: Any, question: str) -> None:
    until(
        page,
        f"document.getElementById('asked').dataset.id === '{question}' && !document.getElementById('question').hidden",
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_traces_are_text(site: Site, visit: Callable[..., Any], width: int) -> None:
    page = visit(width=width)
    for question in site.run.questions():
        page.goto(site.url + link(question.id, site.policies[7]))
        shows(page, question.id)
        no_sideways(page)
        assert page.text_content("#asked") == visible(question.text)
        row = next(r for r in site.rows if r.key == (question.id, site.policies[7], 0))
        if not row.thinking_text.startswith("AAAA"):
            assert visible(row.thinking_text) in page.text_content(".trace")
    assert (
        page.evaluate("document.querySelectorAll('main script, main img, main math, main b:not(.used-of b)').length")
        == 0
    )
    # the long line is folded, and opened a piece at a time
    assert page.evaluate("document.querySelector('.trace').textContent.length") < 60_000
    page.click(".fold")
    assert 100_000 < page.evaluate("document.querySelector('.trace').textContent.length") < 200_000
    no_sideways(page)


def test_every_forced_token_is_lit_and_nothing_else(site: Site, visit: Callable[..., Any]) -> None:
    page = visit(width=390)  # one column
    for question, policy in itertools.product(site.ids[1:3], site.policies):
        page.goto(site.url + link(question, policy))
        until(
            page,
            f"document.querySelector('.chip[aria-pressed=true]')?.textContent.endsWith({site.run.manifest.policies[policy]['label']!r})",
        )
        shows(page, question)
        row = next(r for r in site.rows if r.key == (question, policy, 0))
        lit = page.evaluate(
            "[...document.querySelectorAll('.trace mark')].map(m => [m.className, m.title,"
            " [...m.childNodes].filter(n => n.className !== 'sr').map(n => n.textContent).join('')])"
        )
        assert row.token_ids is not None
        assert [(name, said) for name, _, said in lit] == [
            (s.why, visible(site.writer.words.decode(row.token_ids[s.start : s.end])) or "(nothing appended)")
            for s in row.segments
            if s.origin == "forced"
        ]
        assert all(title.startswith(f"forced: {name} ") for name, title, _ in lit)


def samples_of(run: RunDir, question: str) -> list[Generation]:
    return [row for row in run.generations() if row.question_id == question]


def test_filters_give_what_python_counts(site: Site, visit: Callable[..., Any]) -> None:
    page, judged = visit(), verdicts(site.run)
    conditions: dict[str, Callable[[Generation], bool]] = {
        "x=forced": forced,
        "x=looped": lambda row: row.looped,
        "x=cut": lambda row: row.ended in ("cutoff", "context"),
        "x=failed": lambda row: row.error is not None,
        "v=0": lambda row: judged[row.key] == "correct",
        "v=2": lambda row: judged[row.key] == "no_answer",
        "v=3": lambda row: judged[row.key] == "ungraded",
    }
    told = 0
    for one, two in itertools.combinations(conditions, 2):
        if one[0] == two[0] == "v":
            continue
        for policy in ("", site.policies[8]):
            rows = [r for r in site.rows if policy in ("", r.policy_id) and conditions[one](r) and conditions[two](r)]
            want = [question for question in site.ids if any(r.question_id == question for r in rows)]
            set_hash(page, f"{one}&{two}&w={policy}")
            page.wait_for_timeout(30)
            assert listed(page) == want, (one, two, policy)
            told += 0 < len(want) < len(site.ids)
    assert told > 4
    for (i, before), (j, after) in itertools.product(enumerate(site.policies[:2]), enumerate(site.policies[7:9])):
        for how, met in {
            "any": lambda was, now: was != now,
            "right": lambda was, now: was != now == "correct",
            "wrong": lambda was, now: "correct" == was != now,
        }.items():
            want = [q for q in site.ids if met(judged[q, before, 0], judged[q, after, 0])]
            set_hash(page, f"c={how}&a={before}&b={after}")
            page.wait_for_timeout(30)
            assert listed(page) == want, (how, i, j)
    set_hash(page, "d=even")
    page.wait_for_timeout(30)
    assert listed(page) == [q for i, q in enumerate(site.ids) if i % 2]


def test_search_and_order(site: Site, visit: Callable[..., Any]) -> None:
    page = visit()
    page.keyboard.press("/")
    page.keyboard.type("ONERROR")
    until(page, "document.querySelectorAll('#rows a').length === 1")
    assert listed(page) == [site.ids[1]]
    assert "t=ONERROR" in page.url
    page.click("#filters [type=reset]")
    until(page, "document.querySelectorAll('#rows a').length > 1")
    page.click("#heads [data-key=think] button")
    until(page, "location.hash === '#o=-think'")
    most = {q: max(r.n_thinking for r in site.rows if r.question_id == q) for q in site.ids}
    page.wait_for_timeout(50)
    assert [most[q] for q in listed(page)] == sorted(most.values(), reverse=True)


def test_a_link_restores_what_was_shown_and_back_goes_back(site: Site, visit: Callable[..., Any]) -> None:
    page = visit()
    page.click("#rows a >> nth=2")
    shows(page, site.ids[2])
    page.locator(".chip", has_text="max 16").first.click()
    until(page, "document.querySelectorAll('.column').length === 3")
    seen, address = page.text_content("#columns"), page.url
    page.go_back()
    until(page, "document.querySelectorAll('.column').length === 2")
    page.go_back()
    until(page, "!document.getElementById('index').hidden")
    again = visit(address.removeprefix(site.url))
    shows(again, site.ids[2])
    assert again.text_content("#columns") == seen


def test_samples_and_runs_are_matched(site: Site, visit: Callable[..., Any]) -> None:
    question = samples_of(site.samples, next(iter(site.samples.questions())).id)[0].question_id
    page = visit(link(question, None, 2, "sampled"))
    shows(page, question)
    assert (
        page.eval_on_selector_all(".samples [aria-pressed=true]", "all => all.map(b => b.title.slice(0, 8))")
        == ["sample 2"] * 2
    )
    page.click(".samples button >> nth=1")
    until(page, "new URLSearchParams(location.hash.slice(1)).get('s') === '1'")
    page.select_option("#run", "hostile")
    until(page, "document.getElementById('notice').textContent.includes('There is no question')")
    page.goto(site.url + "browse.html#r=nobody")
    until(page, "document.getElementById('notice').textContent.includes('There is no run nobody')")


def test_the_keyboard_does_everything(site: Site, visit: Callable[..., Any]) -> None:
    page = visit(link(site.ids[1], site.policies[10]))
    shows(page, site.ids[1])
    marks = page.locator("mark.nudge, mark.cutoff")
    for _ in range(2):
        page.keyboard.press("n")
    assert marks.nth(1).get_attribute("class") == "nudge now"
    assert page.evaluate("document.activeElement.className") == "nudge now"
    page.keyboard.press("Shift+N")
    assert marks.nth(0).get_attribute("class") == "nudge now"
    page.keyboard.press("j")
    shows(page, site.ids[2])
    page.keyboard.press("k")
    shows(page, site.ids[1])
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()
    assert page.locator("#question").is_visible()
    page.keyboard.press("Escape")
    until(page, "!document.getElementById('index').hidden")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    shows(page, site.ids[2])


def test_where_columns_part_is_marked(site: Site, visit: Callable[..., Any]) -> None:
    sampled_id = next(iter(site.samples.questions())).id
    pairs = {
        site.ids[0]: (site.policies[7], site.policies[10]),  # at a nudge
        sampled_id: tuple(site.samples.manifest.policies)[:2],  # inside the model's own words
    }
    for question, (one, two) in pairs.items():
        run = "sampled" if question == sampled_id else "hostile"
        page = visit(f"browse.html#r={run}&q={question}&p={one}&p={two}")
        shows(page, question)
        found = page.evaluate(
            "[...document.querySelectorAll('.trace')].map(t => { const c = t.cloneNode(true);"
            " c.querySelectorAll('.sr, h4').forEach(n => n.remove()); return c.textContent; })"
        )
        shared = page.evaluate("[...document.querySelectorAll('.shared')].map(s => s.textContent).join('')")
        assert shared
        assert found[0].startswith(shared)
        assert found[1].startswith(shared)
        assert found[0][len(shared)] != found[1][len(shared)]
        before = page.evaluate(
            "(() => { const sign = document.querySelector('.differs'), r = document.createRange();"
            " r.setStartBefore(sign.closest('.trace')); r.setEndBefore(sign); const c = r.cloneContents();"
            " c.querySelectorAll('.sr, h4').forEach(n => n.remove()); return c.textContent; })()"
        )
        assert before == shared


def _luminance(colour: list[float]) -> float:
    parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_read_stands_out(site: Site, visit: Callable[..., Any], scheme: str) -> None:
    page = visit(link(site.ids[1], site.policies[10]), scheme=scheme)
    shows(page, site.ids[1])
    for selector in ("#asked", ".phase", "mark.nudge", "mark.open", ".ending", "dt", ".pill", ".rule", ".used-of"):
        ink, paper = page.evaluate(
            "s => { let e = document.querySelector(s); const ink = getComputedStyle(e).color; let paper;"
            " do { paper = getComputedStyle(e).backgroundColor; e = e.parentElement; }"
            " while (e && paper === 'rgba(0, 0, 0, 0)');"
            " return [ink, paper].map(c => c.match(/[\\d.]+/g).slice(0, 3).map(Number)); }",
            selector,
        )
        light, dark = sorted((_luminance(ink), _luminance(paper)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, selector


def test_a_missing_file_is_named(browser: Any, tmp_path: Path) -> None:
    run, writer = sampled(tmp_path / "runs", questions(2))
    path = write_browser(tmp_path / "out", [shelf_of(run, writer.words.decode)], "t")
    (tmp_path / "out/data/browse-0-0.js").unlink()
    page, watched = opened(browser, path.parent.as_uri())
    page.goto(path.as_uri())
    until(page, "document.querySelectorAll('#rows a').length === 2")
    page.click("#rows a >> nth=0")
    until(page, "document.getElementById('notice').textContent.includes('data/browse-0-0.js cannot be read')")
    page.context.close()
    assert all("ERR_FILE_NOT_FOUND" in said for said in watched.trouble)


def test_on_a_narrow_window_the_filters_wait_to_be_asked_for(visit: Callable[..., Any]) -> None:
    page = visit(width=390)
    assert not page.locator("#where").is_visible()
    assert page.evaluate("document.getElementById('rows').getBoundingClientRect().top") < 260
    page.click("#more summary")
    page.select_option("#verdict", "0")
    page.check("#flags input >> nth=0")
    until(page, "document.getElementById('active').textContent === ': 2 set'")
    page.set_viewport_size({"width": 1280, "height": 844})
    assert page.locator("#where").is_visible()
    assert not page.locator("#more summary").is_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    until(page, "!document.getElementById('more').open")


@pytest.mark.parametrize("width", [1280, 390])
def test_marks_and_numbers_stand_beside_each_other(visit: Callable[..., Any], width: int) -> None:
    page = visit(width=width)
    overlaps = page.evaluate(
        "[...document.querySelectorAll('.row')].filter(row => row.querySelector('.strip').getBoundingClientRect().right"
        " > row.querySelector('.r').getBoundingClientRect().left + 1).length"
    )
    assert overlaps == 0


def test_what_is_left_out_or_was_not_counted_is_said_and_nothing_made_of_it(
    open_page: Open, browser: Any, tmp_path: Path
) -> None:
    closed, words = secret(tmp_path / "closed")
    plain = measured(tmp_path / "plain")
    blind = plain_shelf(plain, "plain", None)
    assert blind is not None
    home = write_browser(tmp_path / "out", [shelf_of(closed, words.decode, "closed"), blind], "t").as_uri()
    question = next(iter(closed.questions())).id
    page = open_page(f"{home}#q={question}", expected=("request:",))
    until(page, "document.querySelectorAll('.column').length === 2")
    assert LEFT_OUT in page.text_content("#asked")
    assert "ask that its text is not published" in page.text_content(".withheld")
    assert page.locator(".against").count() == 0, "two blanks are not the same text"
    assert page.locator("mark.nudge").first.text_content() == "forced, nudge: …"
    page.goto(f"{home}#r=plain")
    until(page, "document.querySelectorAll('#rows a').length === 3")
    assert page.eval_on_selector_all(".row", "all => all.map(row => row.children[4].textContent)") == ["–"] * 3
    page.click("#rows a >> nth=0")
    until(page, "document.querySelectorAll('.column').length === 2")
    assert "thinking tokens were not counted" in page.text_content(".column")
    assert page.locator(".column .bar").count() == 0
