"""The pages of a curation and of a reproduction in a real browser: they fit, are quiet, and show any text as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser.conftest import Open, no_sideways
from s1kit.report.curation import build_curation_report
from s1kit.report.target import build
from unit.curate.curated import Curation
from unit.report.report_runs import finished
from unit.report.test_curation import contamination
from unit.report.test_hostile import HOSTILE
from unit.report.test_several import comparison

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def curation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With two evaluation sets beside it, so that the pairs are shown, and questions that hold anything."""
    made = Curation(tmp_path_factory.mktemp("curated") / "s1k-abc", texts=tuple(HOSTILE))
    made.write(contamination=contamination(made.questions))
    (made.path / "config.yaml").write_text("# s1 curate build s1k.yaml <all>\nname: s1k\n", encoding="utf-8")
    (made.path / "manifest.json").write_text('{"id": "s1k-abc", "config_hash": "beef", "counts": {}}', encoding="utf-8")
    return build_curation_report(made.path)


@pytest.fixture(scope="module")
def reproduction(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    comparison(folder / "compare" / "figure9")
    finished(folder / "runs" / "cell", 3)
    (folder / "results.json").write_text('{"missing": ["table7"]}')
    (folder / "main.md").write_text("".join(f"| {text} |\n" for text in HOSTILE), encoding="utf-8")
    return build([folder], folder / "report", lambda _: None)


@pytest.mark.parametrize("name", ["curation", "reproduction"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_and_shows_words(request: pytest.FixtureRequest, open_page: Open, name: str, width: int) -> None:
    page = open_page(request.getfixturevalue(name).as_uri(), width=width)
    no_sideways(page)
    assert page.evaluate("document.querySelectorAll('script, img, math, iframe, object, form').length") == 0
    assert page.evaluate("getComputedStyle(document.body).maxWidth") != "none", "the sheet applies"
