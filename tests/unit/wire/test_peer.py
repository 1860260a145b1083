"""Tries and waits: bounded, counted from the last progress, and told without the key."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from s1kit.wire.address import Settings
from s1kit.wire.failed import DENIED, Failed, malformed, refused_by
from s1kit.wire.peer import Patience, Peer

NAMES = Settings(url="engine.url", key_env="engine.api_key_env", slots="engine.slots")
QUICK = Patience(tries=3, back_off=0.001, longest_wait=0.2, longest=5.0)


def persist(tries: list[Failed | None], patience: Patience = QUICK, progress: list[int] | None = None) -> Peer:
    """A request whose n-th try fails with the n-th of these, or succeeds; its tries are used up one by one."""

    async def once() -> None:
        if (failed := tries.pop(0)) is not None:
            raise failed

    async def run(peer: Peer) -> None:
        try:
            await peer.persist(once, (lambda: (progress or [0]).pop(0)) if progress else lambda: 0)
        finally:
            await peer.close()

    peer = Peer("http://127.0.0.1:9", "m", slots=1, key_env="S1KIT_TEST_KEY", patience=patience, names=NAMES)
    asyncio.run(run(peer))
    return peer


def again(kind: Any = "connection") -> Failed:
    return Failed(kind, "it broke", again=True)


def test_tries_are_counted_in_a_row_and_begin_anew_after_progress() -> None:
    left: list[Failed | None] = [again(), again(), None, again()]
    assert persist(left).succeeded
    assert len(left) == 1
    with pytest.raises(Failed, match=r"it broke \(3 tries\); is the server running at http://127.0.0.1:9/v1"):
        persist([again() for _ in range(5)])
    # asked once at the start, then twice per failure: 0 -> 4 -> 9 tokens
    assert persist([again() for _ in range(4)] + [None], progress=[0, 0, 0, 4, 4, 4, 4, 9, 9, 9]).succeeded


def test_what_no_try_can_mend_is_not_tried_again() -> None:
    left: list[Failed | None] = [refused_by(400, "too long"), None]
    with pytest.raises(Failed, match=r"^HTTP 400: too long; the server does not take this request"):
        persist(left)
    assert left == [None]


def test_all_tries_together_have_a_time() -> None:
    begun = time.monotonic()
    with pytest.raises(Failed, match=r"no whole answer within 0\.3 seconds; fewer engine\.slots") as caught:
        persist([refused_by(429, "busy", 60.0)] * 9, Patience(tries=9, longest=0.3))
    assert caught.value.kind == "timeout"
    assert time.monotonic() - begun < 5


def test_told_to_wait_all_wait_however_often_that_is_said() -> None:
    """The third waits for what the first was told when the second, under way all the time, is told to wait longer."""
    asked: dict[str, list[float]] = {}

    async def one(peer: Peer, name: str, *tries: tuple[float, float]) -> None:
        left = list(tries)

        async def once() -> None:
            asked.setdefault(name, []).append(time.monotonic() - begun)
            if left:
                takes, told = left.pop(0)
                await asyncio.sleep(takes)
                raise refused_by(429, "busy", told)

        await peer.persist(once)

    async def run() -> None:
        peer = Peer("http://127.0.0.1:9", "m", slots=1, key_env=None, patience=Patience(back_off=0.001), names=NAMES)
        told = asyncio.gather(one(peer, "first", (0.0, 0.3)), one(peer, "second", (0.2, 0.6)))
        await asyncio.sleep(0.1)
        await one(peer, "third")
        await told
        await peer.close()

    begun = time.monotonic()
    asyncio.run(run())
    assert [len(times) for times in asked.values()] == [2, 2, 1]
    assert min(asked["first"][1], asked["second"][1], asked["third"][0]) >= 0.79


@pytest.mark.parametrize("key", ["", "sk-very-secret"])
def test_no_message_holds_the_key_or_half_of_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S1KIT_TEST_KEY", key)
    for dots in range(270, 310):
        with pytest.raises(Failed) as caught:
            persist([refused_by(401, "." * dots + "sk-very-secret is no key")])
        assert ("sk-" not in caught.value.message) or not key
        assert caught.value.message.isprintable()
        assert "S1KIT_TEST_KEY" in caught.value.message


def test_whose_fault_a_failure_is() -> None:
    """What every other request would meet too is the server's; a filter, a bad request, a broken promise are not."""
    assert all(refused_by(code, "").server for code in (*DENIED, 302, 429, 500, 503))
    assert not any(refused_by(code, "").server for code in (400, 409, 413, 422))
    assert malformed("x").server
    assert [Failed(kind, "").server for kind in ("refused", "unkept", "timeout", "cut")] == [False, False, True, True]


@pytest.mark.parametrize("wrong", [{"tries": 0}, {"silence": 0.0}, {"longest": -1.0}, {"connect": 0.0}])
def test_a_patience_without_a_try_or_time_is_a_mistake(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least one try"):
        Patience(**wrong)
