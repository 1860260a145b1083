"""The reproduction matrix in a real browser: from a file, without script, wide and narrow, light and dark."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from browser.conftest import Open, heard, no_sideways
from s1kit.reproduce.cells import Cell, Scale, cells
from s1kit.reproduce.matrix import write_matrix
from s1kit.reproduce.matrix_catalogue import CATALOGUE
from s1kit.reproduce.paper import Versus, comparisons

pytestmark = pytest.mark.slow

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x1b[31m" + "long" * 500
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PLANNED: list[Cell | Versus] = [*cells(Scale()), *comparisons()]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("matrix")
    accuracy = {"accuracy": 0.25, "interval": {"low": 0.2, "high": 0.3}, "tokens": 9.0, "used": 8.0}
    claim = {"claim": HOSTILE, "paper": "100%", "verdict": "holds", "why": HOSTILE}
    part = {
        "recipe": HOSTILE,
        "benchmark": HOSTILE,
        "questions": 60,
        "claims": [claim, {**claim, "verdict": "does not hold", "standing": "minor"}],
        "methods": [],
        "settings": [{"method": HOSTILE, "label": HOSTILE, **accuracy}],
    }
    results = {"scale": Scale().model_dump(mode="json"), "table4": [part], "figure6": [part], "made": {}}
    (out / "results.json").write_text(json.dumps(results))
    (out / "artefacts").mkdir()
    (out / "artefacts" / "figure6.png").write_bytes(PIXEL)
    (out / "artefacts" / "figure6.svg").write_text("<svg/>")
    return write_matrix(out, Scale(), PLANNED)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_says_all_in_words(page: Path, open_page: Open, width: int, scheme: str) -> None:
    opened: Any = open_page(page.as_uri(), width=width, scheme=scheme)
    opened.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    no_sideways(opened)
    assert opened.locator("article").count() == len(CATALOGUE)
    assert opened.locator("#table4 h3").inner_text().endswith("partly")
    assert opened.locator("#table3 h3").inner_text().endswith("not run")
    assert "<script>alert(1)</script>" in opened.locator("#table4 .claims").inner_text()
    assert opened.locator("#figure6 img").evaluate("one => one.complete && one.naturalWidth") == 1
    opened.locator("a[href='#table13']").first.click()
    assert -1 <= opened.locator("#table13").bounding_box()["y"] < 844


def test_a_screen_reader_hears_the_status_as_a_word(page: Path, open_page: Open) -> None:
    told = heard(open_page(page.as_uri()))
    headings = [name for role, name, _ in told if role == "heading"]
    assert any(name.startswith("Table 4") and name.endswith("partly") for name in headings)
    assert not any("◐" in name for name in headings)
