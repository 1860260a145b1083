"""One forward pass over rows of different lengths.

Knows how ids, positions, mask and cache instructions are laid out for transformers. Refuses to know requests: it is
told which rows are fed what, and returns the logits behind everybody's last token.
"""

from __future__ import annotations

from typing import Any

import torch

from s1kit.engines.hf_cache import SlotCache, Step


def forward(
    model: Any, cache: SlotCache, fed: list[list[int]], starts: list[int], rows: slice | torch.Tensor
) -> torch.Tensor:
    """Run ``fed[i]`` (may be empty) of the i-th row at positions ``starts[i]`` on; logits [B, vocabulary].

    ``rows`` are the storage rows, in batch order. Shorter rows are padded on the left inside this pass, so that
    everybody's last token is the last column; padding is not written to the cache. Raises what ``reserve`` raises.
    """
    device = model.device
    width = max(map(len, fed))
    reach = max(start + len(ids) for start, ids in zip(starts, fed, strict=True))
    cache.reserve(cache.rows, reach)
    view = min(-(-reach // 8) * 8, cache.length)  # CUDA kernels want masks of aligned width
    pads = [width - len(ids) for ids in fed]
    ids = torch.tensor([[0] * pad + row for pad, row in zip(pads, fed, strict=True)], device=device)
    first = torch.tensor([start - pad for start, pad in zip(starts, pads, strict=True)], device=device)
    places = first[:, None] if width == 1 else first[:, None] + torch.arange(width, device=device)
    keep = None
    if any(pads):
        places = places.clamp(min=0)
        real = torch.arange(width) >= torch.tensor(pads)[:, None]
        keep = real.flatten().nonzero().squeeze(-1).to(device)
    hidden = torch.arange(view, device=device) > places[:, None, :, None]
    # additive, made once: a boolean one would be converted again in every layer
    mask = torch.zeros(hidden.shape, dtype=model.dtype, device=device).masked_fill_(hidden, -torch.inf)
    cache.step = _step(rows, view, places, keep)
    out = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=places,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    logits: torch.Tensor = out.logits[:, -1]
    return logits


def _step(rows: slice | torch.Tensor, view: int, places: torch.Tensor, keep: torch.Tensor | None) -> Step:
    """The cache's instructions for a pass over ``rows`` whose tokens have the positions ``places`` ([B, Q])."""
    each = torch.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
    each = each.to(places.device)
    write_rows = each[:, None].expand(places.shape).reshape(-1)
    write_positions = places.reshape(-1)
    if keep is not None:
        write_rows, write_positions = write_rows[keep], write_positions[keep]
    return Step(rows if isinstance(rows, slice) else each, view, write_rows, write_positions, keep)
