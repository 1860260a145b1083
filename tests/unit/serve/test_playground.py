"""The page at ``/`` as it is sent: it may run its own script only. What it does, tests/browser sees."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator

import httpx
import pytest

from unit.serve.serving import Running, chatty, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with serving(chatty()) as running:
        yield running


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
