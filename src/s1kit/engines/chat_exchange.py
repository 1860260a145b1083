"""One try at a chat endpoint: a POST, and the answer gathered from what comes back.

Knows when an answer is over: said so, it is, whatever happens to the connection behind it. Refuses to try again and to
know what was asked.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import httpx

from s1kit.engines.chat_message import Message
from s1kit.wire.failed import Failed
from s1kit.wire.post import payloads

LINGER = 5.0
"""Seconds that a server has, after the answer ended, to send the bill and to end the stream."""


async def exchange(client: httpx.AsyncClient, url: str, body: bytes) -> Message:
    """Send ``body`` and read the answer. Raises Failed."""
    message = Message()
    clock = asyncio.timeout(None)

    def over() -> None:
        message.done = True
        if clock.when() is None:
            clock.reschedule(asyncio.get_running_loop().time() + LINGER)

    try:
        async with clock, aclosing(payloads(client, url, body, done=over)) as answer:
            async for payload in answer:
                message.add(payload)
                if message.done:
                    over()
    except (Failed, TimeoutError):
        if not message.done:  # else asking again would be paid for, and the answer is here
            raise
    message.end()
    return message
