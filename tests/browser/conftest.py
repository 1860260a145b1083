"""A real Chromium for pages that s1kit makes: opened clean, watched, and asked how it was at the end.

Knows nothing of any page. Skipped where playwright or a Chromium is missing; nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

Open = Callable[..., Any]
LONGEST = 30_000
"""Milliseconds that anything on a page may take on a busy machine."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for a module's tests. No longer: playwright holds the thread's event loop while it is open."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no chromium")
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=root)
        yield launched
        launched.close()


@dataclass
class Watched:
    """What a page did that no page of ours may do."""

    home: str
    trouble: list[str] = field(default_factory=list)

    def over(self, page: Any) -> None:
        """Listen to a page's console, errors, dialogs and requests."""
        page.on("console", lambda message: self.trouble.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.home, "data:")):
            self.trouble.append(f"request: {request.url}")


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """``open_page(url, width=1280, scheme="light")``: the page, in a context of its own.

    Whatever it writes to the console, throws, pops up or asks of another server fails the test, except what contains
    one of the texts in ``expected``.
    """
    opened: list[tuple[Any, Watched, tuple[str, ...]]] = []

    def make(url: str, width: int = 1280, scheme: str = "light", expected: tuple[str, ...] = ()) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
        context.set_default_timeout(LONGEST)
        page, watched = context.new_page(), Watched(url)
        watched.over(page)
        opened.append((context, watched, expected))
        page.goto(url)
        return page

    yield make
    for context, _, _ in opened:
        context.close()
    for _, watched, expected in opened:
        assert [said for said in watched.trouble if not any(text in said for text in expected)] == []


def until(page: Any, condition: str) -> None:
    """Wait for a condition. Playwright's own way evaluates strings inside the page, which the page forbids."""
    end = time.monotonic() + LONGEST / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)


def no_sideways(page: Any) -> None:
    """Nothing is wider than the window."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def heard(page: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Role, name and properties of what a screen reader is told, in reading order."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    by_id, told, waiting = {node["nodeId"]: node for node in nodes}, [], [nodes[0]["nodeId"]]
    while waiting:
        node = by_id[waiting.pop()]
        waiting += reversed([child for child in node.get("childIds", ()) if child in by_id])
        if not node["ignored"]:
            about = {found["name"]: found["value"].get("value") for found in node.get("properties", ())}
            told.append((node["role"]["value"], node.get("name", {}).get("value", ""), about))
    return told
