"""Whether a server without token ids lets anybody see where a thought ends.

Knows that most servers take special tokens out of their text. Refuses to guess: a model that never came to an end
within the tokens it was given proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from s1kit.engines.probe_ask import Asker, Finding, Ids, finding
from s1kit.formats import ResolvedFormat
from s1kit.types import EngineInfo

PATIENCE = 512
"""Tokens that the model gets to think of a short question."""
NAME = "end of thinking"


def delimiters(asker: Asker, info: EngineInfo, ends: Sequence[Ids]) -> Finding:
    """Let the model think to its end: is one of ``ends``, what the format ends a thought with, in its text?

    A turn that ended by itself with no end of the thought in sight shows that the server leaves it out. Without it a
    thought cannot be told from an answer, nor held open or closed.
    """
    room = min(PATIENCE, info.context_len - len(asker.prompt) - 1)
    chunk = asker.ask(max(1, room))
    places = [at for end in ends if (at := _find(chunk.tokens, end)) is not None]
    if places:
        return finding(NAME, None, True, f"seen in the text after {min(places)} tokens", "")
    if chunk.finish == "stop":
        detail = f"the turn ended after {len(chunk.tokens)} tokens of text, and nothing in it ends the thought"
        hint = (
            "the server returns no token ids and leaves special tokens out of its text: use one that returns ids "
            "(--profile vllm, sglang or llamacpp), or let it render special tokens"
        )
        return finding(NAME, None, False, detail, hint)
    if chunk.finish == "error":
        return finding(NAME, None, None, chunk.error or "an error", "")
    return finding(NAME, None, None, f"no end within {len(chunk.tokens)} tokens", "ask it something shorter")


def ends_of(fmt: ResolvedFormat) -> tuple[Ids, ...]:
    """What a model writes to end its thought in this format; ends of its turn are left to the server."""
    single = tuple((i,) for i in fmt.think_stop_ids if i not in fmt.turn_end_ids)
    return () if fmt.spec.plain else (*single, *fmt.think_stop_seqs)


def _find(tokens: Ids, end: Ids) -> int | None:
    size = len(end)
    return next((at for at in range(len(tokens) - size + 1) if size and tokens[at : at + size] == end), None)
