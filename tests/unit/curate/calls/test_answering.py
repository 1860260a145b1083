"""Every call is answered, none is paid for twice, and the counts say so."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.curate.calls.answering import Tally, answered
from s1kit.curate.calls.cache import Cache
from s1kit.curate.calls.call import Answer, Call, CallerError, Prices, Reply
from s1kit.curate.calls.ledger import Ledger


class Counting:
    """Answers the n-th request by n, several at a time and last in first out; texts with "bad" fail."""

    def __init__(self, at_once: int = 3, stop_at: int | None = None, prices: Prices | None = None) -> None:
        self.identity = "m"
        self.prices = prices
        self.asked: list[str] = []
        self._at_once, self._stop_at = at_once, stop_at

    def answer(self, calls: Iterable[Call | Answer]) -> Generator[Answer, None, None]:
        flying: list[Call] = []
        for item in calls:
            if not isinstance(item, Call):
                yield item
                continue
            flying.append(item)
            while len(flying) >= self._at_once:
                yield self._reply(flying.pop())
        while flying:
            yield self._reply(flying.pop())

    def _reply(self, call: Call) -> Answer:
        if len(self.asked) == self._stop_at:
            raise CallerError("no more")
        self.asked.append(call.key)
        if "bad" in call.subject:
            return call, Reply(error="HTTP 400", kind="http_4xx", seconds=0.5)
        return call, Reply(text=str(len(self.asked)), usage={"prompt": 10, "completion": 100}, seconds=2.0)

    def close(self) -> None:
        pass


def call(text: str, role: str = "solver") -> Call:
    return Call(role, text, "m", ({"role": "user", "content": text},))


TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d", "bad", "worse bad"]), max_size=20)


@settings(deadline=None, max_examples=40)  # every reply is synced to the disk
@given(TEXTS, TEXTS, st.integers(1, 4))
def test_replays_equal_first_answers_and_each_distinct_call_is_paid_once(
    first: list[str], second: list[str], at_once: int
) -> None:
    caller = Counting(at_once)
    replies: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for texts in (first, second, first + second):
            tallies: list[Tally] = []
            with Cache(Path(folder) / "c") as cache:
                calls = [call(text) for text in texts]
                got = list(answered(caller, iter(calls), cache, tell=tallies.append, total=len(calls)))
            assert Counter(id(c) for c, _ in got) == Counter(id(c) for c in calls), "each call itself, once"
            for asked, reply in got:
                replies.setdefault(asked.key, set()).add(reply.model_dump_json())
            assert [tally.done for tally in tallies[-1:]] == [len(calls)][: len(calls)]
    assert all(len(said) == 1 for said in replies.values())
    assert sorted(caller.asked) == sorted(replies)


def test_calls_are_read_as_they_are_needed_hits_included(tmp_path: Path) -> None:
    read = 0

    def source() -> Iterator[Call]:
        nonlocal read
        for number in range(100):
            read += 1
            yield call(str(number // 2))

    with Cache(tmp_path / "c") as cache:
        for _ in range(2):
            read = got = 0
            for _answer in answered(Counting(at_once=3), source(), cache):
                got += 1
                assert read <= got + 7, "three in flight, each perhaps twice"
            assert got == 100


def test_when_a_caller_stops_answers_stay_and_the_errors_before_it_are_forgotten(tmp_path: Path) -> None:
    texts = ["1", "bad 1", "2", "bad 2", "bad 3", "3"]
    with Cache(tmp_path / "c") as cache:
        with pytest.raises(CallerError):
            list(answered(Counting(at_once=1, stop_at=5), map(call, texts), cache))
        assert [cache.get(call(text)) is not None for text in texts] == [True, True, True, False, False, False]


def test_the_ledger_tells_paid_from_used_and_unknown_from_nothing(tmp_path: Path) -> None:
    prices = Prices(prompt=1.0, completion=10.0)
    with Cache(tmp_path / "c") as cache:
        list(answered(Counting(prices=prices), [call("a"), call("bad")], cache))
        ledger = Ledger()
        calls = [call("a"), call("a"), call("b"), call("bad")]
        list(answered(Counting(prices=prices), calls, cache, ledger))
        list(answered(Counting(), [call("b", "judge"), call("c", "judge")], cache, ledger))
        list(answered(Counting(), [call("c", "third")], cache, ledger))
    made = ledger.as_dict()
    judge, solver, third = made["entries"]
    assert (solver["role"], solver["model"], solver["cached"]) == ("solver", "m", 3)
    assert solver["prices"] == {"prompt": 1.0, "completion": 10.0}
    assert solver["paid"] == {
        "calls": 1,
        "errors": 0,
        "tries": 1,
        "prompt": 10,
        "completion": 100,
        "thinking": 0,
        "unmetered": 0,
        "seconds": 2.0,
        "cost": pytest.approx(0.00101),
    }
    assert solver["used"] == {
        "calls": 4,
        "errors": 1,
        "tries": 4,
        "prompt": 30,
        "completion": 300,
        "thinking": 0,
        "unmetered": 1,
        "seconds": 6.5,
        "cost": pytest.approx(0.00303),
    }
    assert (judge["cached"], judge["paid"]["calls"], judge["paid"]["cost"]) == (1, 1, None), "no price is no zero"
    assert (third["paid"]["cost"], third["used"]["cost"]) == (0.0, None), "nothing asked costs nothing"
    assert made["cost"] == {"paid": None, "used": None}


def test_time_left_is_told_from_what_was_asked_not_from_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("s1kit.curate.calls.answering.time.monotonic", lambda: now)
    tally = Tally(total=20, started=100.0)
    assert (tally.rate, tally.left) == (None, None)
    for _ in range(8):
        tally.add(Reply(), cached=True)
    now = 110.0
    assert (tally.rate, tally.left) == (None, None)
    for _ in range(2):
        tally.add(Reply(usage={"prompt": 3, "completion": 4}), cached=False)
    assert (tally.rate, tally.left) == (0.2, 50.0)
    assert (tally.done, tally.cached, tally.errors, tally.prompt, tally.completion) == (10, 8, 0, 6, 8)
