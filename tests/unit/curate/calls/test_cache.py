"""The key is the request's content; the file survives, is shared, and refuses to be something else."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.curate.calls.cache import Cache, CacheError
from s1kit.curate.calls.call import Call, Reply

BASE = Call("solver", "q", "m", ({"role": "user", "content": "2+2?"},), max_tokens=5, seed=1, extra={"top_k": 2})
GOOD = Reply(text="4", thinking="2+2", usage={"prompt": 3, "completion": 2}, seconds=1.25)
BAD = Reply(error="HTTP 500", kind="http_5xx", tries=5)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"messages": ({"role": "system", "content": "2+2?"},)},
        {"messages": ({"role": "user", "content": "2+3?"},)},
        {"messages": BASE.messages * 2},
        {"temperature": 0.5},
        {"temperature": None},
        {"top_p": 1.0},
        {"max_tokens": 6},
        {"max_tokens": None},
        {"seed": 2},
        {"extra": {"top_k": 3}},
        {"extra": {}},
        {"ask": 1},
    ],
)
def test_whatever_changes_the_answer_changes_the_key(change: dict[str, Any]) -> None:
    assert replace(BASE, **change).key != BASE.key


def test_who_asks_and_how_it_is_written_does_not() -> None:
    messages = ({"content": "2+2?", "role": "user"},)
    other = Call("judge", "other", "m", messages, 0, None, 5, 1, {"top_k": 2})  # 0, not 0.0
    assert other.key == BASE.key
    assert len(BASE.key) == 64


def test_the_key_of_a_call_never_moves() -> None:
    assert BASE.key == "5d0cfaae0e6a0e853fb506fb08fad43aa0c1e779c1ae82ac5ced2cd118eb2928", (
        "every reply ever paid for would be lost"
    )


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(
    st.builds(
        Reply,
        text=TEXT,
        thinking=TEXT,
        finish=st.none() | TEXT,
        usage=st.dictionaries(st.sampled_from(["prompt", "completion"]), st.integers(0, 2**53)),
        error=st.none() | TEXT,
        seconds=st.floats(0, 1e6),
    )
)
def test_a_reply_comes_back_byte_for_byte(reply: Reply) -> None:
    with Cache(":memory:") as cache:
        cache.put(BASE, reply)
        back = cache.get(BASE)
        assert back == reply
        assert back is not None
        assert back.model_dump_json() == reply.model_dump_json()


def test_the_first_answer_stays_and_an_error_makes_way(tmp_path: Path) -> None:
    with Cache(tmp_path / "c") as cache:
        assert cache.get(BASE) is None
        assert cache.put(BASE, BAD) == BAD
        assert cache.put(BASE, GOOD) == GOOD
        assert cache.put(BASE, Reply(text="5")) == GOOD
        assert cache.put(BASE, BAD) == GOOD
        assert len(cache) == 1


def test_errors_are_kept_until_they_are_forgotten(tmp_path: Path) -> None:
    calls = [replace(BASE, model=model, ask=ask) for model in "mn" for ask in (0, 1)]
    with Cache(tmp_path / "c") as cache:
        for call in calls:
            cache.put(call, BAD if call.ask else GOOD)
    with Cache(tmp_path / "c") as cache:
        assert [cache.get(call) for call in calls] == [GOOD, BAD, GOOD, BAD]
        assert cache.forget_errors("n") == 1
        assert [cache.get(call) for call in calls] == [GOOD, BAD, GOOD, None]
        cache.forget(calls)
        assert [cache.get(call) for call in calls] == [GOOD, None, GOOD, None]
        assert cache.forget_errors() == 0


def test_many_may_open_a_new_file_at_once_and_share_it(tmp_path: Path) -> None:
    n, together = 8, threading.Barrier(8)
    problems: list[BaseException] = []
    counted: list[Reply] = []

    def work(number: int) -> None:
        try:
            together.wait()
            with Cache(tmp_path / "c") as cache:
                for ask in range(10):
                    cache.put(replace(BASE, ask=100 * number + ask), GOOD)
                counted.append(cache.put(replace(BASE, ask=9999), Reply(text=str(number))))
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert len({reply.text for reply in counted}) == 1, "all go on with the same answer"
    with Cache(tmp_path / "c") as cache:
        assert len(cache) == 10 * n + 1


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t (x)")
    db.close()


def newer(path: Path) -> None:
    Cache(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


def torn(path: Path) -> None:
    with Cache(path) as cache:
        for ask in range(200):
            cache.put(replace(BASE, ask=ask), Reply(text="x" * 500))
    body = path.read_bytes()
    path.write_bytes(body[:4096] + b"\x99" * (len(body) - 4096))


def changed(path: Path) -> None:
    with Cache(path) as cache:
        cache.put(BASE, GOOD)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE replies SET reply = '{\"txt\": 1}'")
    db.close()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b"no database " * 100), "not a database"),
        (foreign, "another program"),
        (newer, "schema 99"),
        (torn, "damaged"),
        (changed, "cannot be read"),
        (lambda path: path.mkdir(), "cannot use the cache"),
    ],
)
def test_what_is_no_cache_is_refused_by_name(make: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    make(path)
    with pytest.raises(CacheError, match=words) as caught, Cache(path) as cache:
        [cache.get(replace(BASE, ask=ask)) for ask in range(200)]
    assert str(path) in str(caught.value)


def test_a_place_that_cannot_be_written_is_an_error_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot use the cache"):
        Cache(tmp_path / "file" / "c.sqlite")
