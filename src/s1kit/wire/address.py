"""Where a server is, and the key it is asked with: as a user wrote them, checked.

Knows what is no address and what no header can carry. Refuses a key inside an address: addresses are written into
manifests, keys nowhere.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import httpx

from s1kit.errors import UserError

LOCAL = ("localhost", "127.0.0.1", "::1")


class Settings(NamedTuple):
    """What the settings are called where the user makes them; for messages."""

    url: str
    key_env: str
    slots: str


class AddressError(UserError):
    """An address that is none, or a key that cannot be sent."""


def base_url(url: str, names: Settings, version: str = "/v1") -> str:
    """The address that the endpoints follow, from one written with or without them.

    ``version`` is added to an address that is a host alone (``http://host:8000`` becomes ``http://host:8000/v1``), but
    not where an endpoint was written behind it: some providers have none. Raises AddressError.
    """
    given = url.strip().rstrip("/")
    text = given
    for tail in ("/chat/completions", "/completions"):
        text = text.removesuffix(tail)
    example = "hint: one looks like http://127.0.0.1:8000/v1"
    try:
        found = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise AddressError(f"{names.url} cannot be read: {error}\n{example}") from error
    if found.userinfo or found.query or found.fragment:
        raise AddressError(
            f"{names.url} for {found.host} holds more than an address\n"
            f"hint: a key belongs in an environment variable ({names.key_env}); URLs are written into manifests"
        )
    if found.scheme not in ("http", "https") or not found.host:
        raise AddressError(f"{url!r} is no address of a server ({names.url})\n{example}")
    return text if found.path.strip("/") or text != given else text + version


def key_from(variable: str | None) -> str:
    """The key in the environment variable, or "" where there is none. Raises AddressError, without the key."""
    key = os.environ.get(variable, "").strip() if variable else ""
    if not all("!" <= sign <= "~" for sign in key):
        raise AddressError(
            f"the key in {variable} has signs that no header can carry\nhint: was it pasted with a line break?"
        )
    return key
