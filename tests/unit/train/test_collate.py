"""Batches: packing loses no token, mixes no rows and changes no loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from s1kit.curate.rows import IGNORED, build_rows
from s1kit.formats import BUILT_IN
from s1kit.nano import traces
from s1kit.nano.shipped import resolve_model
from s1kit.tokenizer import Tokenizer
from s1kit.train.collate import Collator, first_fit, lay_out

BASE = Path(resolve_model("nano-base"))
LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=20)


@given(LENGTHS, st.integers(0, 20))
def test_every_row_has_one_place_and_no_sequence_is_too_long(lengths: list[int], more: int) -> None:
    width = max(lengths) + more
    bins = first_fit(lengths, width)
    assert sorted(place for own in bins for place in own) == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in own) <= width for own in bins)
    assert len(bins) <= 2 * -(-sum(lengths) // width), "first fit needs at most twice the least number"


def test_a_row_that_fits_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="5 tokens does not fit a sequence of 4"):
        first_fit([1, 5], 4)


@given(LENGTHS, st.sampled_from(["padded", "packed", "flat"]), st.integers(1, 8))
def test_a_layout_holds_every_row_with_its_own_positions(lengths: list[int], layout: str, multiple: int) -> None:
    rows = [(list(range(100 * i, 100 * i + n)), [IGNORED, *range(1, n)]) for i, n in enumerate(lengths)]
    filled = lay_out(rows, layout, pad=-1, multiple=multiple)  # type: ignore[arg-type]
    assert {len(f.ids) for f in filled} == {len(filled[0].ids)}
    assert len(filled[0].ids) % multiple == 0
    found = {}
    for f in filled:
        starts = [i for i, position in enumerate(f.positions) if position == 0]
        for start, end in zip(starts, [*starts[1:], len(f.ids)], strict=True):
            assert f.positions[start:end] == list(range(end - start))
            assert f.labels[start] == IGNORED, "the first token of a row is never predicted from the row before"
            if f.ids[start] >= 0:
                found[f.ids[start] // 100] = (f.ids[start:end], f.labels[start:end])
            else:
                assert set(f.labels[start:end]) == {IGNORED}
    assert found == dict(enumerate((ids, labels) for ids, labels in rows))


@pytest.mark.parametrize("layout", ["packed", "flat"])
def test_packed_losses_are_those_of_the_rows_alone(layout: str) -> None:
    form = BUILT_IN["s1"].resolve(Tokenizer.load(BASE))
    rows = build_rows(traces.load(7), form)
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).eval()
    examples = [{"id": r.id, "input_ids": list(r.input_ids), "labels": list(r.labels)} for r in rows]

    def losses(layout: str) -> torch.Tensor:
        batch = Collator(layout, pad=0)(examples)  # type: ignore[arg-type]
        labels = batch.pop("labels")
        with torch.inference_mode():
            logits = model(**batch, use_cache=False).logits[:, :-1].float()  # as in training
        each = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="none"
        )
        return each[labels[:, 1:].flatten() != IGNORED].sort().values

    alone, together = losses("padded"), losses(layout)
    assert len(alone) == len(together) == sum(label != IGNORED for r in rows for label in r.labels)
    assert torch.allclose(alone, together, atol=2e-5)


def test_the_collator_knows_its_rows_and_what_padding_costs() -> None:
    rows = [{"id": f"r{n}", "input_ids": [1] * n, "labels": [IGNORED] * n} for n in (10, 4, 5)]
    padded, packed = Collator("padded", 0), Collator("packed", 0, remember=2)
    padded(rows)
    packed(rows)
    assert (padded.tokens, padded.slots) == (19, 30)
    assert (packed.tokens, packed.slots) == (19, 20)
    assert packed.seen == ["r4", "r5"]
