"""Errors as OpenAI clients expect them: ``{"error": {"message", "type", "param", "code"}}``.

Knows which type goes with which status. Refuses to know causes: whoever refuses something says why and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s1kit.errors import UserError

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    429: "rate_limit_error",
    504: "timeout_error",
}


class ApiError(UserError):
    """A request that is refused or has failed, with its HTTP status. ``param`` names the field, where there is one."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The JSON that goes out."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        param = None if self.param is None else _encodable(self.param)
        return {"error": {"message": _encodable(self.message), "type": kind, "param": param, "code": self.code}}


def _encodable(text: str) -> str:
    """Half surrogates of a quoted name spelled out: a refusal must not fail over what it refuses."""
    return text.encode("utf-8", "backslashreplace").decode()


def in_one_line(error: UserError) -> str:
    """The message of an error from another layer, its ``hint:`` lines behind it."""
    lines = str(error).splitlines()
    said = " ".join(line for line in lines if not line.startswith("hint:"))
    hints = [line.removeprefix("hint:").strip() for line in lines if line.startswith("hint:")]
    return said if not hints else f"{said} (hint: {'; '.join(hints)})"
