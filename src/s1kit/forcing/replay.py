"""A stored generation as the requests and chunks it came from: the machine run again over its own record.

Knows how segments answer requests. Refuses to generate anything: what the record does not hold cannot be replayed.
Used to resume a sweep without paying twice.
"""

from __future__ import annotations

from s1kit.engines.base import Chunk, Request
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.types import Generation, Segment


class ReplayError(ValueError):
    """A record that the machine would not have made."""


def replay(plan: Plan, row: Row, record: Generation) -> list[tuple[Request, Chunk]]:
    """Run the machine over the record's model segments; the requests it made and the chunks that answered them.

    Raises ReplayError where the machine ends earlier or later than the record, or comes to another result.
    """
    if record.token_ids is None or record.error is not None:
        raise ReplayError("a row without token ids or with an error cannot be replayed")
    pairs: list[tuple[Request, Chunk]] = []
    unread = [s for s in record.segments if s.origin == "model"]
    runner = machine(plan, row)
    try:
        request = next(runner)
        while True:
            assert request is not None  # whole chunks only, so the machine never asks for more of one
            chunk = _answer(plan, request, row, record, unread)
            pairs.append((request, chunk))
            request = runner.send(chunk)
    except StopIteration as stop:
        made: Generation = stop.value
    if made.token_ids != record.token_ids or made.segments != record.segments or made.ended != record.ended:
        raise ReplayError(f"the machine makes another record of the tokens of {record.key}")
    return pairs


def _answer(plan: Plan, request: Request, row: Row, record: Generation, unread: list[Segment]) -> Chunk:
    """What the record says followed the request's context; takes the segment it is read from."""
    assert record.token_ids is not None
    at = len(request.prompt_ids) - len(row.prompt_ids)
    if tuple(request.prompt_ids[len(row.prompt_ids) :]) != record.token_ids[:at]:
        raise ReplayError(f"the machine's context differs from the tokens of {record.key}")
    end, stop_id = at, None
    if plan.policy.kind == "unforced":
        end, stop_id = len(record.token_ids), unread[-1].stop_id if unread else None
    elif unread and unread[0].start <= at <= unread[0].end:
        # an engine without min_tokens: the first token of a thought, whose segment goes on in the next request
        if not request.stop_ids and at < unread[0].end and (unread[0].end > at + 1 or unread[0].stop_id is not None):
            return Chunk(request.id, record.token_ids[at : at + 1], "length", paid=0)
        segment = unread.pop(0)
        end, stop_id = segment.end, segment.stop_id
    tokens = record.token_ids[at:end]
    stopped = stop_id is not None and len(tokens) < request.max_tokens
    return Chunk(request.id, tokens, "stop" if stopped else "length", stop_id=stop_id, paid=0)
