"""What every step of a curation gets: its settings, its files, the models it may call, and somebody to tell.

Knows how a role's calls become replies in the pool's order. Refuses to know what is asked and what an answer means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TypeVar

from s1kit.curate.calls.answering import Tally, answered
from s1kit.curate.calls.cache import Cache
from s1kit.curate.calls.call import Call, Caller, Reply
from s1kit.curate.calls.ledger import Ledger
from s1kit.curate.folder import Folder
from s1kit.curate.judge import Messages
from s1kit.curate.models import open_caller
from s1kit.curate.recipe import CurateConfig, ModelConfig
from s1kit.curate.row import Row
from s1kit.types import Question

T = TypeVar("T")
Tell = Callable[[Tally], None]
Bar = Callable[[str, int], AbstractContextManager[Tell]]
"""Opens a progress bar: its title and how many calls there will be."""


@dataclass(slots=True)
class Work:
    """One curation at work."""

    config: CurateConfig
    folder: Folder
    cache: Cache
    ledger: Ledger
    bar: Bar
    say: Callable[[str], None]
    before: tuple[str, ...] = ()
    """Steps that are done, in order."""
    number: int = 0
    """Of the step at work."""
    step: str = ""
    did: bool = False
    """Whether anything new was made."""
    callers: dict[str, Caller] = field(default_factory=dict)

    def rows(self) -> Iterator[list[Row]]:
        """The rows that are still in, in batches."""
        return self.folder.rows(self.folder.alive(self.before))

    def questions(self) -> Iterator[Question]:
        """Their questions, one by one."""
        return self.folder.questions(self.folder.alive(self.before))

    def size(self) -> int:
        """How many are still in."""
        return int(self.folder.alive(self.before).sum())

    def caller(self, role: str, config: ModelConfig) -> Caller:
        """The model of a role, opened once for a step."""
        if role not in self.callers:
            self.callers[role] = open_caller(config, self.config)
        return self.callers[role]

    def close_callers(self) -> None:
        """Give back every model that was opened."""
        while self.callers:
            self.callers.popitem()[1].close()


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing to ask of a model: about which question, in which words."""

    subject: str
    messages: Messages


def replies(
    work: Work, role: str, config: ModelConfig, asks: Callable[[], Iterable[Ask]], total: int, number: int = 0
) -> Iterator[tuple[str, Reply]]:
    """Every subject with its reply, in the order of ``asks``, which is read twice.

    First all of them are answered, as fast as the model goes, each kept as it comes; then they are read back in order.
    So the memory needed does not grow with their number, and the order never depends on who answered first.
    """

    caller = work.caller(role, config)

    def calls() -> Iterator[Call]:
        return (as_call(role, config, caller.identity, ask, number) for ask in asks())

    with work.bar(f"{role} {caller.identity}", total) as tell:
        for _ in answered(caller, calls(), work.cache, work.ledger, tell, total=total):
            pass
    for call in calls():
        reply = work.cache.get(call)
        assert reply is not None, "every call was answered and kept"
        yield call.subject, reply


def as_call(role: str, config: ModelConfig, identity: str, ask: Ask, number: int = 0) -> Call:
    """The call that a model's settings make of an ask."""
    if config.kind == "endpoint":
        return Call(
            role,
            ask.subject,
            identity,
            ask.messages,
            temperature=config.temperature,
            top_p=config.top_p,
            max_tokens=config.max_tokens,
            seed=config.seed,
            extra=config.extra,
            ask=number,
        )
    temperature = config.temperature if config.kind == "local" else None
    return Call(role, ask.subject, identity, ask.messages, temperature=temperature, seed=config.seed, ask=number)


def until_read(
    work: Work, role: str, config: ModelConfig, asks: dict[str, Messages], read: Callable[[str], T | None], most: int
) -> dict[str, tuple[T | None, str]]:
    """Ask about every subject until its reply can be read, at most ``most`` times; what was read last, and the words.

    A failed call is as unreadable as a sentence without the word asked for. Nothing is asked where there is no subject:
    the model is not even opened.
    """
    found: dict[str, tuple[T | None, str]] = dict.fromkeys(asks, (None, ""))
    waiting = list(asks)
    for number in range(most):
        if not waiting:
            break
        again = [Ask(subject, asks[subject]) for subject in waiting]
        for subject, reply in replies(work, role, config, again.__iter__, len(again), number):
            found[subject] = (read(reply.text), reply.error or reply.text[-200:])
        waiting = [subject for subject in waiting if found[subject][0] is None]
    return found
