"""Which names the server answers to.

Knows the Host header. A page whose name is made to point at this machine (DNS rebinding) counts as the server's own
origin in a browser, but its requests still carry the page's name: that is what is refused here. Refuses to know keys.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from s1kit.serve.errors import ApiError


def loopback(host: str) -> bool:
    """Whether a name or an address is this machine and no other."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(header: str) -> str:
    """The name in a Host header: no port, no brackets, no final dot, in lower case."""
    text = header.strip().lower()
    name = text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0]
    return name.removesuffix(".")


class HostGuard:
    """Lets requests through whose Host is loopback or one of ``names``; the others get 403.

    One without the header (HTTP/1.0) comes from no browser and is let through.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(host_name(name) for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        hosts = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"]
        if scope["type"] != "http" or all(self._known(host_name(host)) for host in hosts):
            await self._app(scope, receive, send)
            return
        error = ApiError(
            f"this server does not answer as {hosts[0][:80]!r}; ask it as 127.0.0.1 or localhost, or start it with "
            "--allow-host NAME",
            status=403,
            code="host_not_allowed",
        )
        await JSONResponse(error.body(), error.status)(scope, receive, send)

    def _known(self, name: str) -> bool:
        return name in self._names or loopback(name)
