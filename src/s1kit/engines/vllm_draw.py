"""How vLLM's next token is drawn: by this project's own sampler, inside vLLM, as a logits processor.

Knows the settings that ``VLLMEngine`` sends with each request, and vLLM's batch of rows. Refuses to use vLLM's own
sampling, for three reasons: its per-request seed crashes on CPU, and elsewhere a generator's state is lost with every
continuation; its minimum of tokens also bans ends that the request did not name; its penalty forgets the prompt. The
draw of ``hf_sample`` depends on (seed, position) alone, so a sample here is the sample that transformers draws.

vLLM decodes every row greedily. A row that is to be sampled leaves here with one finite logit: the drawn token's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates

from s1kit.engines.hf_sample import Draw, sample
from s1kit.policies import Sampling

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.config import VllmConfig

KEY = "s1kit"
"""Where a request's settings lie in ``SamplingParams.extra_args``."""


def settings(sampling: Sampling, banned: tuple[int, ...], stops: tuple[int, ...], min_tokens: int) -> dict[str, Any]:
    """What a request sends along: plain values, since they may cross into another process.

    ``stops`` are banned too until ``min_tokens`` tokens are out.
    """
    held = tuple(sorted({*banned, *stops})) if min_tokens else banned
    return {"sampling": sampling.model_dump(), "banned": banned, "held": held, "min_tokens": min_tokens}


@dataclass(slots=True)
class _Row:
    """One running request: how it is drawn, and its ids, which vLLM lengthens as they come."""

    sampling: Sampling
    banned: torch.Tensor | None
    held: torch.Tensor | None
    min_tokens: int
    prompt: list[int]
    output: list[int]

    @property
    def idle(self) -> bool:
        """Whether plain greedy decoding is all that is asked for."""
        held = self.held if len(self.output) < self.min_tokens else self.banned
        return held is None and not self.sampling.temperature and not self.sampling.frequency_penalty

    def draw(self) -> Draw:
        banned = self.held if len(self.output) < self.min_tokens else self.banned
        context = self.prompt + self.output if self.sampling.frequency_penalty else []
        return Draw(self.sampling, len(self.prompt) + len(self.output), banned, context)


_NOTHING = Draw(Sampling(), 0, None, [])


class Drawing(LogitsProcessor):  # type: ignore[misc]
    """Bans, penalties and draws for every row of the batch."""

    def __init__(self, vllm_config: VllmConfig, device: torch.device, is_pin_memory: bool) -> None:
        self._device = device
        self._rows: dict[int, _Row] = {}
        self._bans: dict[tuple[int, ...], torch.Tensor] = {}

    def is_argmax_invariant(self) -> bool:
        """It decides which token is the most likely: vLLM must run it for greedy rows too."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow the rows as vLLM adds, removes and moves them."""
        process_dict_updates(self._rows, batch_update, self._new_row)

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """float32 [rows, vocabulary], changed in place: bans are -inf, and a sampled row keeps only its token."""
        if all(row.idle for row in self._rows.values()):
            return logits
        rows = [self._rows.get(index) for index in range(logits.shape[0])]
        tokens = sample(logits, [_NOTHING if row is None else row.draw() for row in rows])
        warm = [i for i, row in enumerate(rows) if row is not None and row.sampling.temperature]
        empty = [i for i, token in enumerate(tokens) if token is None]
        decided = sorted({*warm, *empty})
        if decided:
            place = torch.tensor(decided, device=logits.device)
            chosen = [token if (token := tokens[i]) is not None else self._signal(i) for i in decided]
            logits[place] = -torch.inf
            logits[place, torch.tensor(chosen, device=logits.device)] = 0.0
        return logits

    def _signal(self, index: int) -> int:
        """A banned id says that a row has nothing to draw from: the engine ends that row. Without bans all end."""
        row = self._rows.get(index)
        held = None if row is None else row.draw().banned
        if held is None:
            raise RuntimeError("the model's logits are not numbers")
        return int(held[0])

    def _new_row(self, params: SamplingParams, prompt: list[int] | None, output: list[int]) -> _Row | None:
        sent: Mapping[str, Any] | None = (params.extra_args or {}).get(KEY)
        if sent is None:
            return None
        return _Row(
            sampling=Sampling.model_validate(sent["sampling"]),
            banned=self._tensor(tuple(sent["banned"])),
            held=self._tensor(tuple(sent["held"])),
            min_tokens=int(sent["min_tokens"]),
            prompt=list(prompt or ()),
            output=output,
        )

    def _tensor(self, ids: tuple[int, ...]) -> torch.Tensor | None:
        """One tensor per distinct set of bans, so that rows with the same bans are recognised by identity."""
        if not ids:
            return None
        if ids not in self._bans:
            self._bans[ids] = torch.tensor(ids, device=self._device)
        return self._bans[ids]
