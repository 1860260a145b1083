"""What one request has received so far, and whether it is over: the same rules for every server.

Knows limits, stops, bans and what another try goes on from. Refuses to know HTTP. Nothing that a server promises is
taken on trust: stops, bans and limits are looked for here too, so a server that ignores one cannot lengthen a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from s1kit.engines.base import Finish, Request, StopMatcher
from s1kit.engines.completions_profile import Piece, Profile
from s1kit.wire.failed import Failed, malformed
from s1kit.wire.words import whole

ROUNDS = 8
"""Requests that a text-only server gets for one row: its tokens and ours differ, so a budget may take several."""
CANNOT_MEND = "a cut stream could not be mended: the server does not repeat a seeded sample; ask again"


class Tape:
    """Ids of an exact server.

    A greedy row that was cut goes on from the tokens it has. Any other starts again, since a server's generator (and
    its penalty) begins anew with every request; what was already streamed has to come again the same.
    """

    def __init__(self, request: Request, profile: Profile, room: int, vocab_size: int, eos: frozenset[int]) -> None:
        self.request = request
        self.tokens: list[int] = []
        self.logprobs: list[tuple[tuple[int, float], ...]] = []
        self.sent = 0
        self.thrown_away = 0
        """Tokens that were generated, received and not kept, because the row began again."""
        self.ended: tuple[Finish, int | None] | None = None
        self.prefilled: int | None = None
        self._profile = profile
        self._limit = min(request.max_tokens, room)
        self._vocab_size = vocab_size
        self._eos = eos
        self._shown: list[int] = []
        """What was streamed before the row began again."""
        self._matcher = StopMatcher(request.stop_seqs, request.min_tokens)
        sampling = request.sampling
        self._goes_on = not sampling.temperature and not sampling.frequency_penalty

    def ask(self) -> Request:
        """What to request now: the rest, or all of it."""
        if not self._goes_on:
            if len(self.tokens) > len(self._shown):
                self._shown = self.tokens[: self.sent]
            self.thrown_away += len(self.tokens)
            self.tokens, self.logprobs = [], []
        have = len(self.tokens)
        return replace(
            self.request,
            prompt_ids=(*self.request.prompt_ids, *self.tokens),
            max_tokens=self._limit - have,
            min_tokens=max(0, self.request.min_tokens - have),
        )

    def prompt(self, asked: Request) -> list[int] | str:
        """How the prompt of ``asked`` is sent."""
        return list(asked.prompt_ids)

    @property
    def progress(self) -> int:
        """Grows with every try that brought the row further."""
        return len(self.tokens) if self._goes_on else 0

    def take(self, piece: Piece, asked: Request) -> None:
        """Add what arrived; sets ``ended`` when the row is over. Raises Failed where the server breaks its word."""
        if self.prefilled is None:
            self.prefilled = piece.prefilled
        if self.ended is not None:
            return
        if piece.prompt_ids is not None and tuple(piece.prompt_ids) != asked.prompt_ids:
            raise Failed("malformed", "the server changed the prompt; it must take token ids as they are")
        if piece.ids is None and piece.text:
            raise Failed(
                "malformed",
                f"the server sends text without token ids, which profile {self._profile.name} promises: "
                "use a newer server, or engine.profile: openai, where only inexact policies run",
            )
        ids = piece.ids or []
        logprobs = piece.logprobs
        if self.request.top_logprobs and ids and (logprobs is None or len(logprobs) != len(ids)):
            raise Failed("malformed", "the server sends no log-probabilities for its tokens: ask for none")
        for at, token in enumerate(ids):
            if self.request.top_logprobs and logprobs is not None:
                self.logprobs.append(logprobs[at][: self.request.top_logprobs])
            self._accept(token)
            if self.ended is not None:
                return
        if piece.finish is not None:
            self._finish(piece)

    def fresh(self) -> tuple[int, ...]:
        """Tokens that may be streamed now and were not yet."""
        return tuple(self.tokens[self.sent : len(self.tokens) - self._matcher.withheld])

    def _accept(self, token: int) -> None:
        request, have = self.request, len(self.tokens)
        if token in request.stop_ids and have >= request.min_tokens:
            self._end("stop", token)
            return
        if token in request.banned_ids or token in request.stop_ids:
            raise Failed("unkept", f"the server returned id {token}, which was banned: its profile promises too much")
        if not 0 <= token < self._vocab_size:
            raise Failed(
                "unkept",
                f"the server returned id {token}, outside the vocabulary of {self._vocab_size}: is it the model?",
            )
        if have < len(self._shown) and token != self._shown[have]:
            raise Failed("unkept", CANNOT_MEND)
        self.tokens.append(token)
        matched = self._matcher.match(self.tokens) if request.stop_seqs else None
        if matched is not None:
            del self.tokens[-len(matched) :]
            self._end("stop", matched[0])
        elif len(self.tokens) >= self._limit:
            self._end("length", None)

    def _finish(self, piece: Piece) -> None:
        """The server says that it is over, and no token said so."""
        have = len(self.tokens)
        if piece.finish == "stop" and isinstance(piece.stop, str) and piece.stop:
            if not self._goes_on:
                raise Failed("unkept", f"the server stopped at {piece.stop!r}, which the model wrote with other ids")
            return  # a stop is its ids: the rest is asked for
        if piece.finish == "stop":
            if have and self.tokens[-1] in self._eos and self.tokens[-1] not in self.request.banned_ids:
                self.tokens.pop()  # an end of sequence that cannot be switched off is not part of the text
                have -= 1
            if have < self.request.min_tokens:
                raise Failed(
                    "unkept",
                    f"the server stopped after {have} tokens, at least {self.request.min_tokens} were asked for",
                )
            stop = piece.stop if type(piece.stop) is int and piece.stop in self.request.stop_ids else None
            self._end("stop", stop)
        elif piece.finish == "length" and piece.full:
            self._end("length", None)
        elif piece.finish == "length":
            raise Failed(
                "unkept",
                f"the server ended after {have} of {self._limit} tokens without a stop: it has a limit of its own; "
                "raise that, or set engine.context_len to what it holds",
            )
        else:
            raise _odd(str(piece.finish))

    def _end(self, finish: Finish, stop_id: int | None) -> None:
        if len(self.tokens) < self.sent:
            raise Failed("unkept", CANNOT_MEND)
        self.ended = (finish, stop_id)
        del self.logprobs[len(self.tokens) :]


class TextTape(Tape):
    """Text of a server that has no ids: they are made here by the model's tokenizer, so nothing about them is exact.

    Nothing is streamed, since a later character may change how the earlier ones are cut into tokens. A budget is one of
    our tokens: where the server's run out first, it is asked for the rest, ``ROUNDS`` times at most.
    """

    def __init__(
        self,
        request: Request,
        profile: Profile,
        room: int,
        encode: Callable[[str], tuple[int, ...]],
        decode: Callable[[Sequence[int]], str],
    ) -> None:
        super().__init__(request, profile, room, 0, frozenset())
        self._encode = encode
        self._stops = [(decode([i]), i) for i in request.stop_ids]
        self._stops += [(decode(seq), seq[0]) for seq in request.stop_seqs if seq]
        self._prompt = decode(request.prompt_ids)
        self._kept = ""
        """Text of earlier rounds."""
        self._text = ""
        self._rounds = 0

    def prompt(self, asked: Request) -> list[int] | str:
        """The prompt as text, with what earlier rounds brought."""
        return self._prompt + self._kept

    def ask(self) -> Request:
        """What to request now: a round that was cut begins again."""
        self._text = ""
        have = len(self._encode(self._kept)) if self._kept else 0
        return replace(self.request, max_tokens=max(1, self._limit - have))

    @property
    def progress(self) -> int:
        """Rounds that are over."""
        return self._rounds

    def take(self, piece: Piece, asked: Request) -> None:
        """Add text; the first stop in it ends the row, whether the server left it in or not."""
        if self.prefilled is None:
            self.prefilled = piece.prefilled
        if self.ended is not None:
            return
        self._text += piece.text
        places = [(at, stop_id) for word, stop_id in self._stops if word and (at := self._text.find(word)) >= 0]
        if places:
            at, stop_id = min(places)
            self._text = self._text[:at]
            self._over("stop", stop_id)
        elif piece.finish == "stop":
            told = [stop_id for word, stop_id in self._stops if word == piece.stop]
            self._over("stop", told[0] if told else None)
        elif piece.finish == "length":
            self._round()
        elif piece.finish is not None:
            raise _odd(piece.finish)

    def fresh(self) -> tuple[int, ...]:
        """Nothing."""
        return ()

    def _round(self) -> None:
        text = whole(self._kept + self._text)
        tokens = self._encode(text)
        self._rounds += 1
        if len(tokens) >= self._limit:
            self._over("length", None)
        elif not self._text or self._rounds >= ROUNDS:
            raise Failed(
                "unkept",
                f"the server ended after {len(tokens)} of {self._limit} tokens without a stop: it has a limit of its "
                "own; raise that, or set engine.context_len to what it holds",
            )
        else:
            self._kept, self._text = text, ""

    def _over(self, finish: Finish, stop_id: int | None) -> None:
        tokens = self._encode(whole(self._kept + self._text))
        if len(tokens) >= self._limit:
            tokens, finish, stop_id = tokens[: self._limit], "length", None
        self.tokens = list(tokens)
        self._end(finish, stop_id)


def _odd(word: str) -> Failed:
    """The answer ended in a way that is neither a stop nor a limit."""
    if word == "content_filter":
        return Failed("refused", "the server's filter ended the answer")
    return malformed(f"the server ended the answer with {word!r}")
