"""The pictures of a report in the docs: ``python bench/pictures.py RUN [FOLDER]``.

Opens the report of a finished run in a Chromium and photographs the overview, the table of questions, and the first
question that a forced second look repaired (else the first of all). Knows which pictures the guide shows. Refuses to
make the run: ``docs/report.md`` says which command made it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def photograph(report: Path, folder: Path) -> list[Path]:
    """Three pictures of the report in this folder, written to ``folder``. Raises SystemExit without a Chromium."""
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("there is no chromium")
    overview, traces = (report / name for name in ("index.html", "browse.html"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown: list[tuple[str, Any]] = [
            ("report-overview", open_page(browser, overview, 1280, "light", 960)),
            ("trace-questions", open_page(browser, traces, 1280, "light")),
            ("trace-side-by-side", question(open_page(browser, overview, 1280, "light"), traces)),
        ]
        made = []
        for name, page in shown:
            made.append(folder / f"{name}.png")
            page.screenshot(path=made[-1], animations="disabled")
        browser.close()
    return made


def open_page(browser: Any, file: Path, width: int, scheme: str, height: int = 844) -> Any:
    """A page of a report in a window of its own."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(file.as_uri())
    page.wait_for_timeout(1500)
    return page


def question(page: Any, traces: Path) -> Any:
    """The first question that the overview tells of, in the trace browser, under the policies that it shows unasked."""
    link = page.query_selector("a[href*='browse.html#q=']")
    page.goto(traces.parent.as_uri() + "/" + link.get_attribute("href").partition("&")[0] if link else traces.as_uri())
    page.wait_for_timeout(1500)
    return page


def main(run: str, folder: str = str(ROOT / "docs" / "images")) -> None:
    """Write the pictures and print their paths."""
    report = Path(run).resolve() / "report"
    if not (report / "index.html").is_file():
        raise SystemExit(f"{run} has no report\nhint: s1 report {run}")
    for path in photograph(report, Path(folder)):
        print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
