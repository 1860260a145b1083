"""The overview in a real browser: wide and narrow, light and dark, hostile, several runs, a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from browser.conftest import Open, no_sideways
from s1kit.report.build import build_report
from s1kit.report.target import build
from s1kit.types import Grade, Question
from unit.report.report_runs import Writer, described, finished, measure, store
from unit.report.test_hostile import HOSTILE, LABEL
from unit.report.test_several import comparison

pytestmark = pytest.mark.slow
PAINT = "performance.getEntriesByType('paint').map(entry => entry.startTime)"
LOOKS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def overview(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run, words = finished(tmp_path_factory.mktemp("runs"), 60)
    return build_report(run, decode=words.decode)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_the_overview_fits_is_quiet_and_readable(open_page: Open, overview: Path, width: int, scheme: str) -> None:
    page = open_page(overview.as_uri(), width=width, scheme=scheme)
    no_sideways(page)
    drawn = "[...document.querySelectorAll('figure > svg')].filter(e => getComputedStyle(e).display != 'none').length"
    assert page.evaluate(drawn) == 3, "one drawing of each picture"
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontWeight") == "650", "the sheet applies"
    assert faint(page) == []


def faint(page: Any) -> list[str]:
    """Texts whose contrast with the paper is below 4.5 to 1 (WCAG 2.1, 1.4.3), where the paper is what is behind."""
    script = """() => {
      const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number).map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
      const paper = light(getComputedStyle(document.body).backgroundColor);
      return [...document.querySelectorAll('body *')].filter(e => !e.closest('svg, .trace')
        && [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())).filter(e => {
          const a = light(getComputedStyle(e).color);
          return (Math.max(a, paper) + .05) / (Math.min(a, paper) + .05) < 4.5; }).map(e => e.outerHTML.slice(0, 80));
    }"""
    return list(page.evaluate(script))


def test_nothing_in_the_page_can_run_or_load(browser: Any, overview: Path, tmp_path: Path) -> None:
    """The policy holds in this browser: planted script, style, picture and address do nothing."""
    planted = (
        "<script>document.title = 'ran'</script><img src=x onerror=\"document.title = 'ran'\">"
        '<p id="planted" style="color: rgb(1, 2, 3)">x</p><style>#planted { color: rgb(1, 2, 3) }</style>'
        '<img id="far" src="planted.png"></body>'
    )
    page_file = tmp_path / "index.html"
    page_file.write_text(overview.read_text(encoding="utf-8").replace("</body>", planted), encoding="utf-8")
    page = browser.new_page()
    asked: list[str] = []
    page.on("requestfinished", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    assert page.title() != "ran"
    assert page.evaluate("getComputedStyle(document.getElementById('planted')).color") != "rgb(1, 2, 3)"
    assert asked == [page_file.as_uri()]
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_and_traces_are_text(open_page: Open, tmp_path: Path, width: int) -> None:
    writer, entries = Writer(), described()
    entries = {key: {**entry, "label": f"{entry['label']} {LABEL}"} for key, entry in entries.items()}
    texts = [*HOSTILE, "🍓 <math><mi>x</mi></math> e\u0301\u200d", "A" * 1_000_000]
    asked = [
        Question.make(text=f"{i}: {text[:300]}", answer=text[:50], answer_kind="text") for i, text in enumerate(texts)
    ]
    natural = next(key for key, entry in entries.items() if entry["role"] == "natural")
    rows = [
        writer.row(q, key, e, 60, body=text) for q, text in zip(asked, texts, strict=True) for key, e in entries.items()
    ]
    run = store(tmp_path, asked, rows, entries, benchmark=HOSTILE[0], header=HOSTILE[2])
    grades = [
        Grade(
            question_id=row.question_id,
            policy_id=row.policy_id,
            grader="default",
            version=1,
            verdict="incorrect" if (row.policy_id == natural) == bool(i % 2) else "correct",
            rule="<i>rule</i>",
            extracted=HOSTILE[i % len(HOSTILE)],
        )
        for i, row in enumerate(rows)
    ]
    run.write_grades("default", grades)
    measure(run)
    for whole in (True, False):
        page = open_page(build_report(run, decode=writer.words.decode, browser=whole).as_uri(), width=width)
        no_sideways(page)
        assert page.evaluate("document.querySelectorAll('script, img, math, b, i, iframe').length") == 0
        assert page.locator(".moment").count() >= 2
        assert "</script>" in page.title()


def test_several_runs_and_a_comparison_fit(open_page: Open, tmp_path: Path) -> None:
    runs = [finished(tmp_path / "runs", n, model=m)[0].path for n, m in ((9, "nano"), (8, "a/" + "long" * 30))]
    pages = [
        build(runs, tmp_path / "several", lambda _: None),
        build([comparison(tmp_path / "c")], None, lambda _: None),
    ]
    for made in pages:
        for width, scheme in LOOKS[::3]:
            page = open_page(made.as_uri(), width=width, scheme=scheme)
            no_sideways(page)
            assert faint(page) == []


def test_a_link_of_the_overview_opens_the_trace_in_the_browser(open_page: Open, overview: Path) -> None:
    page = open_page(overview.as_uri(), expected=(f"request: {overview.parent.as_uri()}/",))
    asked = page.locator(".moment .asked").first.inner_text()
    page.goto(page.locator(".moment a").first.evaluate("link => link.href"))
    page.get_by_text(asked, exact=False).first.wait_for()


def test_the_first_paint_comes_at_once(browser: Any, overview: Path) -> None:
    page = browser.new_page()
    page.goto(overview.as_uri())
    page.wait_for_timeout(200)
    painted = page.evaluate(PAINT)
    assert painted
    assert min(painted) < 3000, "milliseconds; under 1 s on a quiet machine, which bench/report.py measures"
    page.close()
