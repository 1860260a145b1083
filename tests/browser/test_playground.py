"""The server's page in a real browser: live, hostile, long, stopped, copied, without a mouse, heard, small and dark."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from tokenizers import AddedToken

from browser.conftest import Open, heard, no_sideways, until
from s1kit.engines.base import Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.serve.fields import Rules
from s1kit.tokenizer import Tokenizer
from unit.byte_level import TEMPLATE, backend
from unit.serve.serving import TOKENIZER, Running, serving

pytestmark = pytest.mark.slow

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202eevil\u202c \x1b[31mred\x1b[0m 🍓\r é\n"
SHOWN = HOSTILE.replace("\u202e", "⟨202e⟩").replace("\u202c", "⟨202c⟩").replace("\x1b", "⟨1b⟩").replace("\r", "⟨d⟩")
LONG = "x" * 4096
ASKED = 'It\'s "7" \\ $HOME `id`\n🍓 How many r in raspberry?'
PICTURES = os.environ.get("S1_PICTURES")
"""A folder: the pictures in the guide are made anew there."""


def long_words() -> Tokenizer:
    """The byte-level tokenizer with one token of 4,096 letters."""
    made = backend()
    made.add_tokens([AddedToken(LONG, special=False, normalized=False)])
    return Tokenizer(made, name="byte-level", config={}, template=TEMPLATE)


@pytest.fixture(scope="module")
def scripted(browser: Any) -> Iterator[Running]:
    """A model that never ends: hostile words, one long line where the question is ``long``, slowly for ``slow``."""
    tokenizer = long_words()
    words, long = tokenizer.encode(HOSTILE), tokenizer.id_of(LONG)
    assert long is not None

    @lru_cache
    def asked(start: tuple[int, ...]) -> str:
        return tokenizer.decode(start)

    def write(context: tuple[int, ...], request: Request) -> int:
        question = asked(context[:24])
        time.sleep(0.002 if "slow" in question else 0)
        return long if "long" in question else words[len(context) % len(words)]

    engine = ScriptedEngine(write, vocab_size=tokenizer.vocab_size, context_len=30_000, slots=4)
    with serving(engine, rules=Rules(max_answer=256), tokenizer=tokenizer) as running:
        yield running


@pytest.fixture(scope="module")
def nano(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real ``s1 serve`` over the nano model."""
    pytest.importorskip("torch")
    command = [sys.executable, "-m", "s1kit.cli.main", "serve", "--model", "nano", "--format", "s1", "--port", "0"]
    log = tmp_path_factory.mktemp("serve") / "log"
    with log.open("wb") as file, subprocess.Popen(command, stderr=file, cwd=log.parent) as process:
        try:
            end = time.monotonic() + 120
            while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.1)
            with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=30) as client:
                assert client.get(found.group() + "/health").is_success
            yield found.group()
        finally:
            process.terminate()
            process.wait(60)


def ready(page: Any, question: str | None = None, **budgets: int) -> Any:
    """Wait until the page knows the model; fill in the question, and numbers of setting A."""
    page.wait_for_selector("#served:not(:empty)")
    page.evaluate(
        """() => { window.said = [[], []]; document.querySelectorAll(".status").forEach((status, i) =>
        new MutationObserver(() => said[i].push(status.textContent)).observe(status, { childList: true })) }"""
    )
    if question is not None:
        page.fill("#question", question)
    for name, value in budgets.items():
        page.fill(f'[data-pair="{name}"] >> nth=0', str(value))
    return page


def answered(page: Any) -> list[str]:
    """Ask, wait until everything is over, and give what the status lines said last."""
    page.click("#ask")
    page.wait_for_selector("#stop[disabled]", timeout=90_000)
    page.evaluate("() => new Promise(requestAnimationFrame)")  # the last words are drawn
    return [line.text_content() for line in page.query_selector_all(".side:not([hidden]) .status")]


def texts(page: Any, selector: str) -> list[str]:
    return [found.text_content() for found in page.query_selector_all(f".side:not([hidden]) {selector}")]


def test_two_settings_live_are_what_the_api_says(nano: str, open_page: Open) -> None:
    page = ready(open_page(nano), max=24)
    page.check("#compare")
    last = answered(page)
    assert last[0] == "10 of 24 thinking tokens · ended by the model"
    assert last[1] == "70 thinking tokens · ended by the model · 2 ends suppressed"
    for said, end in zip(page.evaluate("said"), last, strict=True):
        assert said == ["waiting", "thinking", "answering", end]  # live, and each told once
    for side, fields in enumerate(({"thinking_token_budget": 24}, {"wait": 2})):
        body = {"messages": [{"role": "user", "content": "How many r in raspberry?"}], **fields}
        message = httpx.post(f"{nano}/v1/chat/completions", json=body, timeout=30).json()["choices"][0]["message"]
        assert texts(page, ".thinking")[side] == message["reasoning_content"]
        assert texts(page, ".answer")[side] == message["content"]
    assert texts(page, "mark") == ["Wait", "Wait"]
    assert page.evaluate("document.querySelector('.fill').style.width") == f"{100 * 10 / 24:.4f}%"
    boxes = [found.bounding_box() for found in page.query_selector_all(".answer")]
    assert boxes[0]["y"] == boxes[1]["y"]  # side by side, however long the thoughts
    no_sideways(page)
    small = ready(open_page(nano, width=390, scheme="dark"), max=8)
    assert answered(small) == ["8 of 8 thinking tokens · cut by the budget"]
    assert texts(small, ".answer mark") == ["Final Answer:"]
    no_sideways(small)
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / "playground.png", full_page=True)
        small.screenshot(path=Path(PICTURES) / "playground-small-dark.png", full_page=True)


@pytest.mark.parametrize("form", ["curl", "python"])
def test_what_is_copied_runs(nano: str, open_page: Open, tmp_path: Path, form: str) -> None:
    if form == "curl" and shutil.which("curl") is None:
        pytest.skip("there is no curl")
    page = ready(open_page(nano), ASKED, max=60, wait=1)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.fill('[data-name="word"] >> nth=0', 'It\'s "so"')
    page.click(f'[data-copy="{form}"] >> nth=0')
    page.wait_for_selector("text=Copied.")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == page.text_content(".code >> nth=0")
    command = ["sh", "-c", text] if form == "curl" else [sys.executable, "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=True)
    assert "1 end suppressed" in answered(page)[0]
    [thinking], [answer] = texts(page, ".thinking"), texts(page, ".answer")
    if form == "curl":
        message = json.loads(done.stdout)["choices"][0]["message"]
        assert (message["reasoning_content"], message["content"]) == (thinking, answer)
    else:
        assert done.stdout == f"{thinking}\n{answer}\n"


def test_words_stay_words_and_20_000_tokens_are_fine(scripted: Running, open_page: Open) -> None:
    page = ready(open_page(scripted.url), max=20_000)
    page.check("#compare")
    page.uncheck('[data-name="unlimited"] >> nth=1')
    page.fill('[data-pair="max"] >> nth=1', "500")
    page.fill('[data-pair="wait"] >> nth=1', "0")
    before = page.evaluate("document.querySelectorAll('*').length")
    page.evaluate(
        """() => { window.longest = 0; let last = performance.now();
        const frame = (now) => { longest = Math.max(longest, now - last); last = now; requestAnimationFrame(frame) };
        requestAnimationFrame(frame) }"""
    )
    for side, used in zip(answered(page), (20_000, 500), strict=True):
        assert side == f"{used} of {used} thinking tokens · cut by the budget · answer cut"
    for pane in (*texts(page, ".thinking"), *texts(page, ".answer")):
        assert SHOWN in pane
        assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e]", pane)
    assert len(texts(page, ".thinking")[0].encode()) > 20_000
    assert texts(page, "mark") == ["Final Answer:", "Final Answer:"]
    assert page.evaluate("document.querySelectorAll('*').length") == before + 2  # the two marks
    assert page.evaluate("document.querySelector('.thinking').childNodes.length") == 1
    assert page.evaluate("longest") < 3000  # it could be used all the while


def test_a_line_of_a_million_letters_stays_inside(scripted: Running, open_page: Open) -> None:
    page = ready(open_page(scripted.url, width=390), "long", max=256)
    assert answered(page) == ["256 of 256 thinking tokens · cut by the budget · answer cut"]
    assert texts(page, ".thinking") == [LONG * 256]
    no_sideways(page)
    pane = page.query_selector(".thinking")
    assert pane.evaluate("pane => pane.scrollTop + pane.clientHeight >= pane.scrollHeight - 2")  # followed to its end


def test_stopping_and_asking_again_leave_nothing_behind(scripted: Running, open_page: Open) -> None:
    page = ready(open_page(scripted.url), "slow", max=25_000)
    for end in (lambda: page.click("#stop"), lambda: page.keyboard.press("Escape")):
        page.click("#ask")
        until(page, "document.querySelector('.thinking').textContent.length > 20")
        assert page.get_attribute(".answer", "aria-busy") == "true"
        end()
        page.wait_for_selector(".status >> text=stopped")
        assert page.get_attribute(".answer", "aria-busy") == "false"
        scripted.idle()
        assert page.is_disabled("#stop")
    page.fill("#question", "slow long")
    page.evaluate("() => { said[0].length = 0; window.held = []; }")
    page.evaluate("() => { window.requestAnimationFrame = (draw) => held.push(draw); }")  # as in a tab nobody looks at
    page.click("#ask")
    until(page, "said[0].includes('thinking')")
    page.fill('[data-pair="max"] >> nth=0', "3")
    page.click("#ask")
    until(page, "said[0].at(-1).startsWith('3 of 3')")
    assert "stopped" not in page.evaluate("said[0]")  # the run that was left does not speak for the new one
    page.evaluate("held.splice(0).forEach((draw) => draw())")
    assert texts(page, ".thinking") == [LONG * 3]  # nor are its words drawn after it
    scripted.idle()


def test_without_a_mouse(scripted: Running, open_page: Open) -> None:
    page = ready(open_page(scripted.url))
    press, focused = page.keyboard.press, "document.activeElement.id || document.activeElement.dataset.copy"
    reached = []
    for _ in range(20):
        press("Tab")
        reached.append(page.evaluate(focused))
        if reached[-1] == "question":
            press("Control+A")
            page.keyboard.type("slow")
        if reached[-1] == "max-0":
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            assert page.get_attribute("#max-0", "aria-valuetext") == "256 tokens"
            press("Home")
            press("ArrowRight")
            press("ArrowRight")
            assert page.get_attribute("#max-0", "aria-valuetext") == "12 tokens"
            assert page.input_value('[data-pair="max"] >> nth=0') == "12"
        if reached[-1] == "python":
            break
    for needed in ("question", "ask", "compare", "temperature", "seed", "max-0", "min-0", "wait-0", "word-0", "curl"):
        assert needed in reached
    press("End")  # keys do nothing on a button
    page.focus("#max-0")
    press("End")
    page.focus("#ask")
    press("Enter")
    until(page, "document.querySelector('.thinking').textContent.length > 20")
    press("Tab")
    assert page.evaluate(focused) == "stop"
    press("Enter")
    page.wait_for_selector(".status >> text=stopped")
    assert page.evaluate(focused) == "ask"  # the keyboard keeps its place
    page.focus("#question")
    press("Control+Enter")
    page.wait_for_selector("#stop:not([disabled])")
    press("Escape")
    page.wait_for_selector("#stop[disabled]")


def test_a_screen_reader_hears_names_phases_and_what_was_forced(scripted: Running, open_page: Open) -> None:
    page = ready(open_page(scripted.url), max=4)
    page.check("#compare")
    page.uncheck('[data-name="unlimited"] >> nth=1')
    answered(page)
    told = heard(page)
    controls = {"slider", "spinbutton", "textbox", "checkbox", "button", "progressbar", "region", "group"}
    named = [(role, name) for role, name, _ in told if role in controls]
    assert all(name for _, name in named), named
    for setting in ("Setting A", "Setting B"):
        assert ("region", setting) in named
    for wanted in (
        *(("slider", name) for name in ("At most", "At least", "Wait")),
        *(("spinbutton", name) for name in ("At most, thinking tokens", "At least, thinking tokens", "Wait, times")),
        *(("region", name) for name in ("Thinking", "Answer")),
        ("textbox", "Nudge"),
        ("progressbar", "Thinking tokens used"),
    ):
        assert named.count(wanted) == 2, wanted
    live = [(role, name) for role, name, about in told if about.get("live") == "polite" and not about.get("busy")]
    assert live.count(("region", "Answer")) == 2  # read out when it is whole
    assert [role for role, _ in live].count("status") == 4
    assert ("region", "Thinking") not in live  # far too many words to be read out unasked
    said = " ".join(name for role, name, _ in told if role == "StaticText")
    assert re.search(r"\[forced:\s+Final Answer:\s+\]", said)
    assert page.evaluate("document.querySelector('.answer').textContent.startsWith('Final Answer:')")


CONTRAST = """() => {
  const probe = document.body.appendChild(document.createElement("i"));
  const seen = (name) => {
    probe.style.color = `var(--${name})`;
    const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const names = ["paper", "panel", "wash", "ink", "muted", "accent", "edge"];
  return Object.fromEntries(names.map((name) => [name, seen(name)]));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_can_be_read_and_nothing_is_wider_than_a_telephone(
    scripted: Running, open_page: Open, scheme: str
) -> None:
    page = ready(open_page(scripted.url, width=390, scheme=scheme))
    light = page.evaluate(CONTRAST)
    assert (light["paper"] > light["ink"]) is (scheme == "light")
    for text, ground, least in (
        *(("ink", ground, 7.0) for ground in ("paper", "panel", "wash")),
        *((text, "paper", 4.5) for text in ("muted", "accent")),
        *(("edge", ground, 3.0) for ground in ("paper", "panel")),
    ):
        high, low = sorted((light[text], light[ground]), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= least, f"{text} on {ground}"
    page.check("#compare")
    for width in (320, 390, 833, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        no_sideways(page)


def test_only_the_page_s_own_script_runs_and_it_talks_to_no_other_server(scripted: Running, open_page: Open) -> None:
    page = ready(open_page(scripted.url, expected=("Content Security Policy", "violates the document", "127.0.0.1:9")))
    page.evaluate(
        """() => { const [script, picture] = ["script", "div"].map((tag) => document.createElement(tag));
        script.textContent = "window.ran = 1"; picture.innerHTML = "<img src=x onerror='window.ran = 2'>";
        document.body.append(script, picture) }"""
    )
    refused = "fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)"
    blocked = "new Promise((done) => addEventListener('securitypolicyviolation', (e) => done(e.effectiveDirective)))"
    assert page.evaluate(f"Promise.all([{blocked}, {refused}])") == ["connect-src", "TypeError"]
    assert page.evaluate("window.ran") is None


def given(reply: dict[str, Any] | None, route: Any) -> None:
    """Answer in the server's place; None: cut the line."""
    if reply is None:
        route.abort()
    else:
        route.fulfill(**reply)


def test_a_reply_that_breaks_off_or_is_refused_is_said_to(scripted: Running, open_page: Open) -> None:
    page = ready(open_page(scripted.url, expected=("Failed to load resource",)))
    event = {"choices": [{"delta": {"reasoning_content": "hm", "used": 1}, "finish_reason": None}]}
    for reply, said in (
        ({"body": f"data: {json.dumps(event)}\n\n"}, "the server ended its reply before it was whole"),
        ({"body": 'data: {"error": {"message": "the engine failed"}}\n\n'}, "the engine failed"),
        ({"status": 502, "body": "<h1>Bad gateway</h1>"}, "the server answered 502 Bad Gateway"),
        (None, "the line to the server is cut (Failed to fetch)"),
    ):
        page.route("**/v1/chat/completions", partial(given, reply))
        assert answered(page) == [said]
        assert page.query_selector(".status.error")
        page.unroute("**/v1/chat/completions")
    page.fill('[data-name="word"] >> nth=0', "<|im_end|>")
    page.fill('[data-pair="wait"] >> nth=0', "1")
    assert "control token" in answered(page)[0]  # refused, in the server's words


def test_a_key_is_asked_for_and_copied_nowhere(open_page: Open, tmp_path: Path) -> None:
    [letter] = TOKENIZER.encode("A")
    engine = ScriptedEngine(lambda context, request: letter, vocab_size=TOKENIZER.vocab_size, context_len=4096, slots=2)
    with serving(engine, rules=Rules(max_answer=8), key="sesame") as running:
        page = open_page(running.url, expected=("401",))
        page.wait_for_selector("#trouble >> text=API key")
        page.fill("#key", "sesame")
        page.press("#key", "Tab")
        ready(page, max=5)
        assert page.text_content("#trouble") == ""
        assert answered(page) == ["5 of 5 thinking tokens · cut by the budget · answer cut"]
        for form in ("curl", "python"):
            page.click(f'[data-copy="{form}"] >> nth=0')
            until(page, "document.querySelector('.copied').textContent")
            text = page.text_content(".code >> nth=0")
            assert "sesame" not in text
            command = ["sh", "-c", text] if form == "curl" else [sys.executable, "-c", text]
            environment = {**os.environ, "S1_API_KEY": "sesame"}
            done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=True)
            assert "AAAAA" in done.stdout
        running.idle()
