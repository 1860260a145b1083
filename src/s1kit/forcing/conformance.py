"""Runs forcing test vectors: scripted chunks in, requests and a generation out, every difference named.

Knows the file format that ``conformance/README.md`` describes. Refuses to know any tokenizer: vectors speak in ids, and
the stand-in tokenizer here spells id 7 as ``<7>``. No engine takes part; an adapter or a port in another language runs
the same files through its own machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from s1kit.engines.base import Chunk, Finish, Request
from s1kit.forcing.check import PolicyError
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import Format
from s1kit.policies import BudgetForcing, Sampling, Unforced
from s1kit.tokenizer import Tokenizer
from s1kit.types import EngineInfo, Generation, Record

Ids = tuple[int, ...]


class FormatIds(Record):
    """A think format in ids."""

    open: Ids
    close: Ids
    cutoff_suffix: Ids
    nudge: Ids
    think_stops: tuple[Ids, ...]
    turn_end: Ids
    newline: int | None = None
    """The id of a newline, where one comes before ``close``; None: no newline is ever added."""
    line_ends: Ids = ()
    """Further ids whose last byte is a newline."""
    text_ids: Ids = ()
    """Ids that are ordinary text, also inside delimiters."""
    vocab_size: int = 100


class Expected(Record):
    """One request as it has to be. Stops are compared as sets; what is None is not compared."""

    prompt: Ids
    max_tokens: int
    stop_ids: Ids
    stop_seqs: tuple[Ids, ...] = ()
    min_tokens: int = 0
    banned: Ids = ()
    temperature: float | None = None
    seed: int | None = None


class Delta(Record):
    """What the scripted engine says: one chunk."""

    tokens: Ids = ()
    finish: Finish | None = None
    stop_id: int | None = None
    error: str | None = None


class Step(Record):
    """One request and the chunks that answer it."""

    request: Expected
    chunks: tuple[Delta, ...]


class Outcome(Record):
    """The generation. A segment is ``[phase, origin, why, ids]``, with the stop's id behind where one was met."""

    segments: tuple[tuple[str, str, str, Ids] | tuple[str, str, str, Ids, int], ...]
    ended: str
    answer_ended: str | None = None
    extensions: int = 0
    min_met: bool = True
    thinking: tuple[int, int]
    """Tokens of the model, tokens of nudges."""
    answer: int = 0
    paid: int


class Vector(Record):
    """One case: a policy, one row, what the engine says, and what has to come of it."""

    name: str
    why: str
    format: FormatIds
    prompt: Ids
    open: Ids | None = None
    """None: the format's; empty where the prompt already opens the thinking."""
    policy: dict[str, Any]
    """A policy whose nudges and cutoff_suffix are ids."""
    sampling: dict[str, Any] = Field(default_factory=dict)
    seed: int = 0
    engine: dict[str, Any]
    refused: bool = False
    """The policy has to be refused before the first request."""
    steps: tuple[Step, ...] = ()
    expect: Outcome | None = None


def load(path: str | Path) -> list[Vector]:
    """The vectors of a file, or of every ``*.json`` in a folder, by name. Raises ValueError naming the broken one."""
    root = Path(path)
    files = sorted(root.glob("*.json")) if root.is_dir() else [root]
    vectors: list[Vector] = []
    for file in files:
        content = json.loads(file.read_text(encoding="utf-8"))
        for fields in content["vectors"]:
            name = fields.get("name", "without a name")
            try:
                vectors.append(Vector.model_validate({**fields, "format": content["formats"][fields["format"]]}))
            except (ValidationError, KeyError) as error:
                raise ValueError(f"{file}: vector {name!r}: {error}") from error
    return vectors


def run(vector: Vector) -> list[str]:
    """Every difference between what this package does and what the vector says; none means it conforms."""
    try:
        plan, row = _resolve(vector)
    except PolicyError as error:
        return [] if vector.refused else [f"the policy was refused: {error}"]
    if vector.refused:
        return ["the policy was not refused"]
    wrong: list[str] = []
    waiting = list(vector.steps)
    running = machine(plan, row)
    previous: str | None = None
    try:
        request = next(running)
        while True:
            assert request is not None
            if not waiting:
                return [*wrong, f"a request too many: {request}"]
            step = waiting.pop(0)
            number = len(vector.steps) - len(waiting)
            wrong += [f"request {number}: {d}" for d in _request_differs(request, step.request, previous)]
            previous = request.id
            asked: Request | None = None
            for at, delta in enumerate(step.chunks):
                asked = running.send(Chunk(request.id, delta.tokens, delta.finish, delta.stop_id, error=delta.error))
                if (asked is None) != (at < len(step.chunks) - 1):
                    taken = "a partial" if asked is None else "the last"
                    return [*wrong, f"request {number}: chunk {at + 1} was taken for {taken} one"]
            request = asked
    except StopIteration as stop:
        left = [f"{len(waiting)} of {len(vector.steps)} requests were never made"] if waiting else []
        return wrong + left + _outcome_differs(stop.value, vector.expect)


def _resolve(vector: Vector) -> tuple[Plan, Row]:
    tokenizer = IdTokenizer(vector.format)
    spell = tokenizer.decode
    ids = vector.format
    spec = Format(
        name="vector",
        open=spell(ids.open),
        close=spell(ids.close),
        cutoff_suffix=spell(ids.cutoff_suffix),
        nudge=spell(ids.nudge),
        think_stops=tuple(spell(stop) for stop in ids.think_stops),
        turn_end=tuple(spell([end]) for end in ids.turn_end),
        newline_before_close=ids.newline is not None,
        text_delimiters=bool(ids.text_ids),
    )
    fields = dict(vector.policy)
    if fields.get("nudges") is not None:
        fields["nudges"] = tuple(spell(nudge) for nudge in fields["nudges"])
    if fields.get("cutoff_suffix") is not None:
        fields["cutoff_suffix"] = spell(fields["cutoff_suffix"])
    kind = Unforced if fields.get("kind") == "unforced" else BudgetForcing
    info = EngineInfo(name="vector", model="vector", version="1", **{"vocab_size": ids.vocab_size, **vector.engine})
    plan = Plan.make(kind.model_validate(fields), spec.resolve(tokenizer), Sampling(**vector.sampling), info)
    open_ids = ids.open if vector.open is None else vector.open
    return plan, Row(question_id=vector.name, prompt_ids=vector.prompt, open_ids=open_ids, seed=vector.seed)


def _request_differs(got: Request, want: Expected, previous: str | None) -> list[str]:
    pairs: list[tuple[str, object, object]] = [
        ("prompt", got.prompt_ids, want.prompt),
        ("max_tokens", got.max_tokens, want.max_tokens),
        ("stop_ids", set(got.stop_ids), set(want.stop_ids)),
        ("stop_seqs", set(got.stop_seqs), set(want.stop_seqs)),
        ("min_tokens", got.min_tokens, want.min_tokens),
        ("banned", set(got.banned_ids), set(want.banned)),
        ("continues", got.continues, previous),
    ]
    if want.temperature is not None:
        pairs.append(("temperature", got.sampling.temperature, want.temperature))
    if want.seed is not None:
        pairs.append(("seed", got.sampling.seed, want.seed))
    return _differences(pairs)


def _outcome_differs(got: Generation, want: Outcome | None) -> list[str]:
    if want is None:
        return ["the vector has no expect"]
    tokens = got.token_ids or ()
    segments = []
    for s in got.segments:
        fields = (s.phase, s.origin, s.why, tokens[s.start : s.end])
        segments.append(fields if s.stop_id is None else (*fields, s.stop_id))
    pairs: list[tuple[str, object, object]] = [
        ("segments", tuple(segments), want.segments),
        ("token_ids", tokens, tuple(i for s in want.segments for i in s[3])),
        ("ended", got.ended, want.ended),
        ("answer_ended", got.answer_ended, want.answer_ended),
        ("extensions", got.extensions, want.extensions),
        ("min_met", got.min_met, want.min_met),
        ("thinking", (got.n_thinking_model, got.n_thinking_forced), want.thinking),
        ("answer", got.n_answer, want.answer),
        ("paid", got.n_paid, want.paid),
        ("has an error", got.error is not None, "error" in (want.ended, want.answer_ended)),
    ]
    return _differences(pairs)


def _differences(pairs: list[tuple[str, object, object]]) -> list[str]:
    return [f"{what} is {got}, expected {want}" for what, got, want in pairs if got != want]


class IdTokenizer(Tokenizer):
    """Spells id 7 as ``<7>``, the newline id as a newline, and an id that ends a line as ``<8>`` and a newline."""

    def __init__(self, ids: FormatIds) -> None:
        self.name = "ids"
        self.config = {}
        self.chat_template = None
        self.vocab_size = ids.vocab_size
        self.added_ids = frozenset(range(ids.vocab_size)).difference(ids.text_ids)
        self.hash = "ids"
        self._newline = ids.newline
        self._line_ends = frozenset(ids.line_ends)

    def encode(self, text: str) -> Ids:
        """Ids as spelled."""
        out: list[int] = []
        for number, newline in re.findall(r"<(\d+)>|(\n)", text):
            if number:
                out.append(int(number))
            elif newline and not (out and out[-1] in self._line_ends) and self._newline is not None:
                out.append(self._newline)
        return tuple(out)

    def decode(self, ids: Sequence[int]) -> str:
        """The spelling of ids."""
        return "".join("\n" if i == self._newline else f"<{i}>\n" if i in self._line_ends else f"<{i}>" for i in ids)

    def id_of(self, token: str) -> int | None:
        """The id that is spelled like this."""
        found = self.encode(token)
        return found[0] if len(found) == 1 else None
