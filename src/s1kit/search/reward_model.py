"""A reward model with weights: loaded by its layout's name, asked in batches.

Knows which layout of the input goes with which head, how solutions are packed into passes, and what that costs.
Refuses to guess the layout from a folder's name or to take a tokenizer from elsewhere: the tokenizer is the one in
the model's own folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from s1kit.search.reward import Item, RewardError, RewardInfo, Spent, checked, shortened
from s1kit.search.reward_layout import (
    QWEN_SYSTEM,
    Layout,
    Marked,
    sign_ids,
    step_newline,
    step_separator,
    step_token,
    tagged_text,
    turns,
)
from s1kit.search.reward_load import HeadName, Net, load_net
from s1kit.search.reward_window import StepTooLong, Window, windows
from s1kit.tokenizer import Tokenizer

LayoutName = Literal["qwen", "reasonflux", "shepherd", "skywork", "rlhflow", "trl"]


@dataclass(frozen=True, slots=True)
class Family:
    """One published way of making a reward model: input, head, and the number its scores are."""

    layout: Callable[[Path, Tokenizer], Layout]
    head: HeadName
    reads: str
    spaced_signs: bool = False
    """Whether the two judged tokens carry a blank before + and -."""


FAMILIES: dict[LayoutName, Family] = {
    "qwen": Family(lambda _, t: step_token(t, system=QWEN_SYSTEM), "two_layers", "P(class 1) at <extra_0>"),
    "reasonflux": Family(lambda _, t: step_token(t, system=None), "two_layers", "P(class 1) at <extra_0>"),
    "shepherd": Family(lambda f, _: tagged_text(f), "two_tokens", "P(+) of (+, -) at the step tag", True),
    "skywork": Family(lambda _, t: step_newline(t), "value", "sigmoid at the step's newline"),
    "rlhflow": Family(lambda _, t: turns(t), "two_tokens", "P(+) of (+, -) as the answer to the step"),
    "trl": Family(lambda _, t: step_separator(t), "token_classes", "P(class 1) at the step's newline"),
}
"""All six end as a probability, so every score is in [0, 1] and a softmax temperature means the same for each."""


class RewardModel:
    """A `Scorer` over one loaded model. Make it with `load`."""

    def __init__(self, info: RewardInfo, layout: Layout, net: Net, *, max_tokens: int, batch_tokens: int) -> None:
        self.info = info
        self.spent = Spent()
        self._layout, self._net = layout, net
        self._max_tokens, self._batch_tokens = max_tokens, batch_tokens

    @classmethod
    def load(
        cls,
        model: str | Path,
        layout: LayoutName,
        *,
        dtype: str = "float32",
        device: str = "auto",
        max_tokens: int | None = None,
        batch_tokens: int = 16384,
        revision: str | None = None,
    ) -> RewardModel:
        """A reward model from a folder or hub id.

        ``max_tokens``: longest pass, at most (and by default) the positions the model was made for; longer solutions
        are windowed (`reward_window`). ``batch_tokens``: most tokens of one batch, padding included; one long
        solution may be more. Raises RewardError, and EngineError where the folder cannot be had.
        """
        from s1kit.engines.hf_load import weights_folder

        if layout not in FAMILIES:
            raise RewardError(f"unknown reward-model layout {layout!r}\nhint: one of {', '.join(FAMILIES)}")
        family = FAMILIES[layout]
        folder, _ = weights_folder(model, revision)
        tokenizer = Tokenizer.load(folder)
        written = family.layout(folder, tokenizer)
        signs = sign_ids(folder, spaced=family.spaced_signs) if family.head == "two_tokens" else None
        net = load_net(folder, family.head, dtype=dtype, device=device, signs=signs)
        if tokenizer.vocab_size > net.vocab_size:
            raise RewardError(
                f"{folder}: the tokenizer has {tokenizer.vocab_size} ids, the model {net.vocab_size}\n"
                "hint: the tokenizer in this folder is not the one the reward model was trained with"
            )
        limit = _limit(folder, net, max_tokens)
        info = RewardInfo(f"{layout}:{model}", "process", family.reads, limit, dtype)
        return cls(info, written, net, max_tokens=limit, batch_tokens=batch_tokens)

    def score(self, question: str, steps: Sequence[str]) -> list[float]:
        """One score in [0, 1] per step. Raises RewardError."""
        return self.score_batch([(question, steps)])[0]

    def score_batch(self, items: Sequence[Item]) -> list[list[float]]:
        """The scores of each item, in the order given. Raises RewardError, naming question and step.

        Padding is on the right and masked: a causal model never sees it, so a batch says what each item alone says,
        up to the rounding of larger matrix products.
        """
        began = time.perf_counter()
        passes = [(number, *cut) for number, item in enumerate(items) for cut in self._cut(item)]
        scores = [[float("nan")] * len(steps) for _, steps in items]
        order = sorted(range(len(passes)), key=lambda n: -len(passes[n][2].ids))
        for batch in batches(order, [len(marked.ids) for _, _, marked in passes], self._batch_tokens):
            found = iter(self._run([passes[n] for n in batch]))
            for number, window, _ in (passes[n] for n in batch):
                for step in range(window.first, window.end):
                    scores[number][step] = next(found)
        done = [checked(self.info.name, item, found) for item, found in zip(items, scores, strict=True)]
        self.spent += Spent(
            solutions=len(items),
            steps=sum(map(len, scores)),
            tokens=sum(len(marked.ids) for _, _, marked in passes),
            seconds=time.perf_counter() - began,
            windowed=len({number for number, window, _ in passes if window.first}),
        )
        return done

    def _cut(self, item: Item) -> list[tuple[Window, Marked]]:
        """The passes that one solution takes."""
        question, steps = item
        if not steps:
            return []
        whole = self._layout(question, steps)
        if len(whole.ids) <= self._max_tokens:
            return [(Window(0, 0, len(steps)), whole)]
        try:
            cut = windows(len(steps), lambda a, b: len(self._layout(question, steps[a:b]).ids), self._max_tokens)
        except StepTooLong as error:
            raise RewardError(
                f"{self.info.name}: step {error.step + 1} of {len(steps)} ({shortened(steps[error.step])}) and "
                f"question {shortened(question)} are {error.tokens} tokens, more than max_tokens={self._max_tokens}\n"
                "hint: split the solution into shorter steps"
            ) from error
        return [(window, self._layout(question, steps[window.start : window.end])) for window in cut]

    def _run(self, batch: Sequence[tuple[int, Window, Marked]]) -> list[float]:
        """One pass of the model: the scores that its windows are there for, in order."""
        import torch

        width = max(len(marked.ids) for _, _, marked in batch)
        ids = torch.tensor([[*marked.ids, *[0] * (width - len(marked.ids))] for _, _, marked in batch])
        lengths = torch.tensor([len(marked.ids) for _, _, marked in batch])
        mask = (torch.arange(width) < lengths[:, None]).long()
        rows, columns = list[int](), list[int]()
        for row, (_, window, marked) in enumerate(batch):
            wanted = marked.reads[window.first - window.start :]
            rows += [row] * len(wanted)
            columns += wanted
        with torch.inference_mode():
            return self._net.values(ids.to(self._net.device), mask.to(self._net.device), (rows, columns))


def _limit(folder: Path, net: Net, asked: int | None) -> int:
    if asked is not None and asked < 2:
        raise RewardError(f"max_tokens={asked}: a question and a step need at least 2")
    if asked is None and net.max_tokens is None:
        raise RewardError(f"{folder / 'config.json'} has no max_position_embeddings\nhint: give max_tokens")
    if asked is not None and net.max_tokens is not None and asked > net.max_tokens:
        raise RewardError(f"max_tokens={asked}, but {folder} was made for {net.max_tokens} positions")
    return int(asked or net.max_tokens or 0)


def batches(order: Sequence[int], lengths: Sequence[int], most: int) -> list[list[int]]:
    """``order`` (longest first) cut so that rows times the longest row is at most ``most``."""
    found = list[list[int]]()
    for number in order:
        if found and lengths[found[-1][0]] * (len(found[-1]) + 1) <= most:
            found[-1].append(number)
        else:
            found.append([number])
    return found
