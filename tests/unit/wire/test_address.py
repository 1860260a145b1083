"""Addresses as people write them; what is none is refused, and a key in it not repeated."""

from __future__ import annotations

import pytest

from s1kit.wire.address import AddressError, Settings, base_url, key_from

NAMES = Settings(url="engine.url", key_env="engine.api_key_env", slots="engine.slots")


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://a:8000", "http://a:8000/v1"),
        ("http://a:8000/", "http://a:8000/v1"),
        (" http://a:8000/v1/ ", "http://a:8000/v1"),
        ("https://a/api/v3", "https://a/api/v3"),
        ("http://a/v1/completions", "http://a/v1"),
        ("http://a/v1/chat/completions", "http://a/v1"),
        ("http://a/chat/completions/", "http://a"),
    ],
)
def test_an_address_may_be_written_in_several_ways(url: str, base: str) -> None:
    assert base_url(url, NAMES) == base
    assert base_url(f"{base}/completions", NAMES) == base


def test_a_host_alone_may_be_left_alone() -> None:
    assert base_url("http://a:8000/", NAMES, "") == "http://a:8000"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "no address of a server"),
        ("a:8000", "no address of a server"),
        ("ftp://a", "no address of a server"),
        ("http://", "no address of a server"),
        ("http:///v1", "no address of a server"),
        ("http://user:sk-secret@a/v1", r"engine\.url for a holds more than an address"),
        ("ftp://user:sk-secret@a/v1", "holds more than an address"),
        ("http://a/v1?key=sk-secret", "holds more than an address"),
        ("http://a:port", r"engine\.url cannot be read"),
    ],
)
def test_what_is_no_address_is_refused_and_a_key_in_it_not_repeated(url: str, words: str) -> None:
    with pytest.raises(AddressError, match=words) as caught:
        base_url(url, NAMES)
    assert "sk-secret" not in str(caught.value)
    assert "\nhint: " in str(caught.value)


def test_a_key_is_read_and_stripped_and_refused_where_no_header_can_carry_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S1KIT_TEST_KEY", " sk-1\n")
    assert [key_from("S1KIT_TEST_KEY"), key_from("S1KIT_TEST_NO_KEY"), key_from(None)] == ["sk-1", "", ""]
    monkeypatch.setenv("S1KIT_TEST_KEY", "sk-1\nsk-2")
    with pytest.raises(AddressError, match="line break") as caught:
        key_from("S1KIT_TEST_KEY")
    assert "sk-1" not in str(caught.value)
