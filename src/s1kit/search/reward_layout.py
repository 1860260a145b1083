"""How each family of reward models wants a question and its steps written as token ids, and where its score stands.

Knows the input layouts, as published with the models. Refuses to know weights. Marks are inserted as ids or found by
their place in the text, never searched for by id: a step that contains the mark's own text would shift every score
behind it. Sources: the model cards of Qwen2.5-Math-PRM (arXiv 2501.07301), Math-Shepherd (arXiv 2312.08935),
Skywork-o1-Open-PRM, RLHFlow Llama3.1-8B-PRM and ReasonFlux-PRM (arXiv 2506.18896), and TRL's trainer for process
reward models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer as Backend

from s1kit.search.reward import RewardError, shortened
from s1kit.tokenizer import Tokenizer

QWEN_SYSTEM = r"Please reason step by step, and put your final answer within \boxed{}."
SHEPHERD_TAG = " ки"
TURN_MARK = "\ue000"


@dataclass(frozen=True, slots=True)
class Marked:
    """An input of a reward model. ``reads[i]`` is the position behind which the score of step i is read."""

    ids: tuple[int, ...]
    reads: tuple[int, ...]


Layout = Callable[[str, Sequence[str]], Marked]
"""Question and steps to ids and places."""


def step_token(tokenizer: Tokenizer, *, system: str | None, mark: str = "<extra_0>") -> Layout:
    """Qwen2.5-Math-PRM, and ReasonFlux without ``system``: one chat turn, a mark of its own behind every step."""
    mark_id = _own_id(tokenizer, mark)

    def layout(question: str, steps: Sequence[str]) -> Marked:
        prompt = tokenizer.render([{"role": "user", "content": question}], system=system)
        return _joined(tokenizer.encode(prompt), [(*tokenizer.encode(step), mark_id) for step in steps])

    return layout


def step_newline(tokenizer: Tokenizer) -> Layout:
    """Skywork-o1: begin-of-text, problem, newline, then every step and a newline; read at the newline we put there."""
    begin = _begin_id(tokenizer)
    if begin is None:
        raise RewardError(
            f"tokenizer {tokenizer.name} names no bos_token, which this layout starts with\n"
            "hint: this is another model's tokenizer, or its tokenizer_config.json is missing"
        )
    newline = _single(tokenizer, "\n")

    def layout(question: str, steps: Sequence[str]) -> Marked:
        prompt = (begin, *tokenizer.encode(question + "\n"))
        return _joined(prompt, [(*tokenizer.encode(step), newline) for step in steps])

    return layout


def step_separator(tokenizer: Tokenizer, separator: str = "\n") -> Layout:
    """TRL: the prompt (behind begin-of-text, if the tokenizer has one), then every step and the separator."""
    begin = _begin_id(tokenizer)
    behind = tokenizer.encode(separator)
    if not behind:
        raise RewardError(f"the separator {separator!r} is no token of {tokenizer.name}")

    def layout(question: str, steps: Sequence[str]) -> Marked:
        prompt = (*(() if begin is None else (begin,)), *tokenizer.encode(question))
        return _joined(prompt, [(*tokenizer.encode(step), *behind) for step in steps])

    return layout


def tagged_text(folder: Path, tag: str = SHEPHERD_TAG) -> Layout:
    """Math-Shepherd: one text, ``question step1 ки`` and every further step on a new line; read at the tag.

    The text is tokenised whole, as in training: a SentencePiece-type tokenizer puts a blank before every separate
    piece. The tags are found by their place in the text.
    """
    backend = _backend(folder)
    tag_id = last_ids(backend, tag)[0]

    def layout(question: str, steps: Sequence[str]) -> Marked:
        text, ends = question + " ", list[int]()
        for number, step in enumerate(steps):
            text += ("\n" if number else "") + step + tag
            ends.append(len(text))
        coded = backend.encode(text)
        last = {end: place for place, (start, end) in enumerate(coded.offsets) if end > start}
        reads = [last.get(end, -1) for end in ends]
        for number, place in enumerate(reads):
            if place < 0 or coded.ids[place] != tag_id:
                raise RewardError(
                    f"the tag {tag!r} behind step {number + 1} ({shortened(steps[number])}) merges with its "
                    f"surroundings in the tokenizer of {folder}\nhint: strip the steps"
                )
        return Marked(tuple(coded.ids), tuple(reads))

    return layout


def turns(tokenizer: Tokenizer) -> Layout:
    """RLHFlow: every step a user turn (the first behind the question and a blank), every answer of the model ``+``.

    Read where the model is about to say its first ``+`` or ``-`` on that step: at the token before it.
    """
    plus = _single(tokenizer, "+")

    def layout(question: str, steps: Sequence[str]) -> Marked:
        if TURN_MARK in question or any(TURN_MARK in step for step in steps):
            raise RewardError(f"question {shortened(question)} or a step contains {TURN_MARK!r}, used as a mark here")
        messages = list[dict[str, str]]()
        for number, step in enumerate(steps):
            said = step if number else f"{question} {step}"
            messages += [{"role": "user", "content": said}, {"role": "assistant", "content": TURN_MARK}]
        if not steps:  # the question's own length, for windows
            return Marked(tokenizer.encode(tokenizer.render([{"role": "user", "content": question}])), ())
        pieces = tokenizer.render(messages[:-1]).split(TURN_MARK)
        if len(pieces) != len(steps):
            raise RewardError(f"the chat template of {tokenizer.name} does not repeat every assistant turn once")
        ids, reads = list[int](), list[int]()
        for piece in pieces:
            ids += tokenizer.encode(piece)
            reads.append(len(ids) - 1)
            ids.append(plus)
        return Marked(tuple(ids), tuple(reads))

    return layout


def last_ids(backend: Backend, text: str) -> tuple[int, ...]:
    """Ids of ``text`` (blank first, one word per id) as it is tokenised behind a word.

    Raises RewardError where it is not one token per word: the tokenizer is another model's.
    """
    behind, alone = (list(backend.encode(t, add_special_tokens=False).ids) for t in ("x" + text, "x"))
    found = behind[len(alone) :]
    if behind[: len(alone)] != alone or len(found) != len(text.split()):
        raise RewardError(
            f"{text!r} is {len(found)} tokens here, where {len(text.split())} are needed\n"
            "hint: the tokenizer in this folder is not the one the reward model was trained with"
        )
    return tuple(found)


def sign_ids(folder: Path, *, spaced: bool) -> tuple[int, int]:
    """Ids of ``+`` and ``-``, with the blank before them (``spaced``) or bare. Raises RewardError if not one token."""
    if spaced:
        plus, minus = last_ids(_backend(folder), " + -")
        return plus, minus
    tokenizer = Tokenizer.load(folder)
    return _single(tokenizer, "+"), _single(tokenizer, "-")


def _joined(prompt: Sequence[int], pieces: Sequence[Sequence[int]]) -> Marked:
    """Prompt and pieces in a row, read at the last id of every piece."""
    ids, reads = list(prompt), list[int]()
    for piece in pieces:
        ids += piece
        reads.append(len(ids) - 1)
    return Marked(tuple(ids), tuple(reads))


def _own_id(tokenizer: Tokenizer, mark: str) -> int:
    found = tokenizer.id_of(mark)
    if found is None or tokenizer.encode(mark) != (found,):
        raise RewardError(
            f"tokenizer {tokenizer.name} has no token {mark!r}\n"
            "hint: the tokenizer in this folder is not the one the reward model was trained with"
        )
    return found


def _single(tokenizer: Tokenizer, text: str) -> int:
    ids = tokenizer.encode(text)
    if len(ids) != 1:
        raise RewardError(
            f"{text!r} is {len(ids)} tokens of tokenizer {tokenizer.name}, where one is needed\n"
            "hint: the tokenizer in this folder is not the one the reward model was trained with"
        )
    return ids[0]


def _begin_id(tokenizer: Tokenizer) -> int | None:
    named = tokenizer.config.get("bos_token")
    name = named.get("content") if isinstance(named, dict) else named
    return None if not name else _own_id(tokenizer, str(name))


def _backend(folder: Path) -> Backend:
    """The tokenizer with the places of its tokens in the text, which `Tokenizer` does not tell."""
    backend = Backend.from_file(str(folder / "tokenizer.json"))
    backend.no_truncation()
    backend.no_padding()
    return backend
