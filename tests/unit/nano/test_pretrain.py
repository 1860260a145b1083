"""Pretraining on a micro model: a resumed run is the uninterrupted run, and its weights load."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from s1kit.nano import tokenizer as nano_tokenizer
from s1kit.nano.stream import IGNORED, Plan, make_batch

torch = pytest.importorskip("torch")

from s1kit.nano import pretrain as p  # noqa: E402 - after the guard

SMALL = Plan(seed=3, rows=1, length=256)


def config(out: Path, steps: int, device: str = "cpu") -> p.PretrainConfig:
    return p.PretrainConfig(
        out=out,
        device=device,
        plan=SMALL,
        shape=p.Shape(width=32, layers=1, inner=32, head=16),
        tokens=steps * 256,
        warmup=2,
        compile=False,
        threads=1,
        save_every=1000,
        measure_every=1 << 40,
    )


def test_a_batch_is_a_function_of_its_number() -> None:
    tokenizer = nano_tokenizer.build()
    first, again, other = (make_batch(tokenizer, SMALL, n) for n in (4, 4, 5))
    assert np.array_equal(first.ids, again.ids)
    assert not np.array_equal(first.ids, other.ids)


def test_loss_is_on_replies_and_documents_keep_to_themselves() -> None:
    tokenizer = nano_tokenizer.build()
    batch = make_batch(tokenizer, Plan(rows=4, length=256), 900)
    start, assistant = tokenizer.token_to_id("<|im_start|>"), tokenizer.encode("assistant").ids[0]
    for row in range(4):
        for place in np.flatnonzero(batch.ids[row] == start):
            assert batch.labels[row, place] == IGNORED
            if batch.ids[row, place + 1] == assistant:
                assert batch.labels[row, place + 3] == batch.ids[row, place + 3]
        for segment in range(1, batch.segments[row].max() + 1):
            inside = batch.segments[row] == segment
            assert np.array_equal(batch.positions[row, inside], np.arange(inside.sum()))
    assert (batch.segments > 0).mean() > 0.8


def test_resumed_is_uninterrupted(tmp_path: Path) -> None:
    whole = p.Pretraining(config(tmp_path / "whole", 6))
    whole.run()
    first = p.Pretraining(config(tmp_path / "parts", 6))
    for _ in range(3):
        first.advance()
    first.save()
    second = p.Pretraining(config(tmp_path / "parts", 6))
    assert second.step == 3
    second.run()
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[name]), name


def test_rate_warms_up_and_decays_to_zero(tmp_path: Path) -> None:
    run = p.Pretraining(config(tmp_path, 100))
    rates = []
    for step in range(101):
        run.step = step
        rates.append(run.rate())
    assert rates[0] == 0.5
    assert rates[1:80] == [1.0] * 79
    assert rates[90] == pytest.approx(0.5)
    assert rates[100] == 0.0


def test_weights_load_and_tell_where_they_come_from(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    target = p.pretrain(config(tmp_path, 2))
    model = AutoModelForCausalLM.from_pretrained(target)
    assert model.config.model_type == "qwen2"
    assert model.dtype == torch.bfloat16
    facts = json.loads((target / "manifest.json").read_text())
    assert facts["tokens"] == 512
    assert facts["hardware"]["cores"]
    assert str(tmp_path) not in json.dumps(facts)


def test_going_on_from_weights_begins_with_them_and_says_so(tmp_path: Path) -> None:
    first = p.pretrain(config(tmp_path / "first", 2))
    again = replace(config(tmp_path / "again", 2), start=first)
    run = p.Pretraining(again)
    for name, tensor in p._weights(first).items():
        assert torch.equal(run.model.state_dict()[name], tensor)
    assert run.rate() == 0.5, "a short warm-up, and then on"
    facts = json.loads((p.pretrain(again) / "manifest.json").read_text())
    assert facts["started_from"]["tokens"] == 512
    assert len(facts["started_from"]["model_sha256"]) == 64
    assert "loss_curve" not in facts["started_from"]


@pytest.mark.gpu
def test_pretraining_on_an_accelerator(tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    target = p.pretrain(config(tmp_path, 3, device="cuda"))
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert np.isfinite(losses).all()
    assert (target / "model.safetensors").exists()
