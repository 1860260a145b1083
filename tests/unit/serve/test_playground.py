"""The page at ``/``: it runs its own script only, and in a real browser a model's words stay words."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from s1kit.engines.base import Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.serve.fields import Rules
from unit.serve.serving import TOKENIZER, Running, serving

WORDS = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e ok\n"
IDS = TOKENIZER.encode(WORDS)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    def hostile(context: tuple[int, ...], request: Request) -> int:
        return IDS[len(context) % len(IDS)]

    engine = ScriptedEngine(hostile, vocab_size=TOKENIZER.vocab_size, context_len=30_000, slots=4)
    with serving(engine, rules=Rules(max_answer=64)) as running:
        yield running
        running.idle()


def test_only_its_own_script_may_run(server: Running) -> None:
    reply = httpx.get(server.url + "/")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/html")
    policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    for tag in ("script", "style"):
        [inside] = re.findall(rf"<{tag}>(.*?)</{tag}>", reply.text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\bon\w+=|https?://", reply.text)


def test_every_control_has_a_name(server: Running) -> None:
    text = httpx.get(server.url + "/").text
    for control in re.findall(r"<(?:input|textarea)\b[^>]*>", text):
        said = re.search(r'id="([\w-]+)"', control)
        named = said is not None and f'for="{said.group(1)}"' in text
        by_knob = re.search(r'data-name="(\w+)"', control)
        named |= by_knob is not None and f'data-for="{by_knob.group(1)}"' in text
        assert named or "aria-label" in control or re.search(rf"<label[^>]*>[^<]*{re.escape(control)}", text), control


@pytest.fixture
def browser_page() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


@pytest.mark.slow
def test_in_a_browser_words_stay_words_and_20_000_tokens_are_fine(server: Running, browser_page: Any) -> None:
    page, trouble = browser_page, []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", lambda dialog: (trouble.append(dialog.message), dialog.dismiss()))
    page.goto(server.url)
    page.wait_for_selector("text=Model test")
    page.check("#compare")
    page.fill('[data-pair="max"] >> nth=0', "20000")
    page.uncheck('[data-name="unlimited"] >> nth=1')
    page.fill('[data-pair="max"] >> nth=1', "50")
    page.focus("#question")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#stop:not([disabled])")
    page.wait_for_selector("#stop[disabled]", timeout=90_000)
    for side, used in zip(page.query_selector_all(".side"), (20_000, 50), strict=True):
        side.wait_for_selector(f"text={used} of {used} thinking tokens")
        assert side.query_selector("mark").text_content() == "Final Answer:"
        assert "<script>alert(1)</script>" in side.query_selector(".answer").text_content()
        assert "\u202e" not in side.text_content()
    assert len(page.query_selector_all("script")) == 1
    assert trouble == []
    page.fill('[data-name="word"] >> nth=0', "<|im_end|>")  # refused: the server's words are shown
    page.fill('[data-pair="wait"] >> nth=0', "1")
    page.click("#ask")
    page.wait_for_selector(".error >> text=control token")


@pytest.mark.slow
def test_stop_frees_the_slot(server: Running, browser_page: Any) -> None:
    page = browser_page
    page.goto(server.url)
    page.wait_for_selector("text=Model test")
    page.fill('[data-pair="max"] >> nth=0', "25000")
    page.click("#ask")
    page.wait_for_selector("text=thinking >> nth=0")
    page.click("#stop")
    page.wait_for_selector("text=stopped")
    server.idle()
