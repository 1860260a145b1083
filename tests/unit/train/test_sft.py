"""Fine-tuning with the real TRL: the loss is that of the labels, the schedule is ours, the folder loads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from s1kit.curate.rows import build_rows
from s1kit.engines.open import open_engine
from s1kit.errors import UserError
from s1kit.formats import BUILT_IN, ResolvedFormat
from s1kit.nano import traces
from s1kit.nano.shipped import resolve_model
from s1kit.tokenizer import Tokenizer
from s1kit.train.recipe import TrainConfig, run
from s1kit.train.sft import SftConfig, TrainError, finetune
from s1kit.types import TrainRow

BASE = Path(resolve_model("nano-base"))
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def rows() -> list[TrainRow]:
    form: ResolvedFormat = BUILT_IN["s1"].resolve(Tokenizer.load(BASE))
    return build_rows(traces.load(4), form, max_tokens=2048)


def loss_of(rows: list[TrainRow], *, everything: bool) -> float:
    """Mean cross-entropy over the labels of all rows together; over the prompt too when asked."""
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).eval()
    total, count = 0.0, 0
    for row in rows:
        ids = torch.tensor([row.input_ids])
        labels = ids if everything else torch.tensor([row.labels])
        with torch.inference_mode():
            logits = model(input_ids=ids).logits[0, :-1].float()
        losses = torch.nn.functional.cross_entropy(logits, labels[0, 1:], ignore_index=-100, reduction="sum")
        total, count = total + float(losses), count + int((labels[0, 1:] != -100).sum())
    return total / count


@pytest.mark.filterwarnings("ignore")
def test_the_first_loss_is_that_of_trace_and_answer_alone(tmp_path: Path, rows: list[TrainRow]) -> None:
    told: list[tuple[int, int, float]] = []
    config = SftConfig(base=BASE, out=tmp_path / "out", epochs=2, batch_size=4, learning_rate=1e-3, log_every=1)
    done = finetune(config, rows, lambda step, steps, loss: told.append((step, steps, loss)))
    assert [(step, steps) for step, steps, _ in told] == [(1, 2), (2, 2)]
    assert done.losses == tuple((step, round(loss, 4)) for step, _, loss in told)
    assert told[0][2] == pytest.approx(loss_of(rows, everything=False), rel=2e-3)
    assert told[0][2] != pytest.approx(loss_of(rows, everything=True), rel=5e-2)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt"):
        assert (config.out / name).read_bytes() == (BASE / name).read_bytes()
    assert not any(path.is_dir() for path in config.out.iterdir())
    engine, _ = open_engine("hf", config.out)
    engine.close()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "other",
    [{"layout": "padded"}, {"per_device": 2}, {"per_device": 4, "layout": "padded"}, {"checkpointing": "recompute"}],
    ids=str,
)
def test_one_batch_is_one_batch_however_it_is_computed(tmp_path: Path, other: dict[str, object]) -> None:
    form: ResolvedFormat = BUILT_IN["s1"].resolve(Tokenizer.load(BASE))
    rows = build_rows(traces.load(16), form)
    same = {"base": BASE, "epochs": 3, "batch_size": 8, "learning_rate": 1e-3, "log_every": 1, "save_dtype": "float32"}

    def trained(name: str, **values: object) -> tuple[list[float], torch.Tensor]:
        done = finetune(SftConfig.model_validate({**same, **values, "out": tmp_path / name}), rows)
        model = AutoModelForCausalLM.from_pretrained(done.out, dtype=torch.float32)
        return [loss for _, loss in done.losses], torch.cat([p.detach().flatten() for p in model.parameters()])

    (losses, weights), (again, others) = trained("one"), trained("other", **other)
    assert len(losses) == 6
    assert again == pytest.approx(losses, abs=2e-4)
    # rounding in another order, and Adam divides small gradients by small gradients: measured 1e-4 of a step's reach
    assert float((weights - others).abs().mean()) < 1e-4 * 1e-3 * 6 * 100


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "values", [{"layout": "packed"}, {"layout": "padded", "per_device": 2}, {"adapter": {"r": 4, "alpha": 8}}], ids=str
)
def test_the_chunked_head_is_the_whole_one(
    tmp_path: Path, rows: list[TrainRow], values: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same loss at every step and the same weights; tiles so small that there are many, the last ones short."""
    import trl.kernels.chunked_logprob
    import trl.trainer.utils

    monkeypatch.setattr(trl.trainer.utils, "_CHUNKED_LOGPROB_CHUNK_SIZE", 200)
    monkeypatch.setattr(trl.kernels.chunked_logprob, "TOKEN_CHUNK_SIZE", 50)
    same = {"base": BASE, "epochs": 3, "batch_size": 4, "learning_rate": 1e-3, "log_every": 1, "save_dtype": "float32"}

    def trained(head: str) -> tuple[list[float], torch.Tensor]:
        config = SftConfig.model_validate({**same, **values, "lm_head": head, "out": tmp_path / head})
        seen = [loss for _, loss in finetune(config, rows).losses]
        return seen, torch.cat([tensor.flatten() for _, tensor in sorted(load_file(config.out / WEIGHTS).items())])

    (losses, weights), (again, others) = trained("chunked"), trained("whole")
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    assert again == pytest.approx(losses, abs=1e-4)
    assert float((weights - others).abs().mean()) < 3e-6, "a step moves weights by 1e-3"


@pytest.mark.filterwarnings("ignore")
def test_the_whole_head_has_the_logits_and_the_chunked_one_has_not(
    tmp_path: Path, rows: list[TrainRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the heads multiply: the whole one all tokens by all words, which is what the planner counts."""
    shapes: dict[str, set[tuple[int, ...]]] = {}
    for head in ("chunked", "whole"):
        seen = shapes.setdefault(head, set())

        def watch(module: torch.nn.Module, _: object, output: object, seen: set[tuple[int, ...]] = seen) -> None:
            if isinstance(module, torch.nn.Linear) and isinstance(output, torch.Tensor):
                seen.add(tuple(output.shape[1:]))

        handle = torch.nn.modules.module.register_module_forward_hook(watch)
        values = {"base": BASE, "out": tmp_path / head, "epochs": 1, "batch_size": 4, "layout": "padded"}
        try:
            finetune(SftConfig.model_validate({**values, "lm_head": head}), rows)
        finally:
            handle.remove()
    vocab = AutoModelForCausalLM.from_pretrained(BASE).config.vocab_size
    longest = max(row.n_tokens for row in rows)
    assert shapes["whole"] - shapes["chunked"] == {(longest, vocab)}


@pytest.mark.filterwarnings("ignore")
def test_a_recipe_leaves_a_manifest(tmp_path: Path) -> None:
    config = TrainConfig(out=str(tmp_path / "out"), size=4, epochs=1, batch_size=2, learning_rate=1e-3)
    done = run(config)
    facts = json.loads((done.out / "manifest.json").read_text())
    assert facts["kind"] == "sft"
    assert facts["recipe"] == config.model_dump(mode="json")
    assert facts["rows"] == 4


def test_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="no rows to train on\nhint: "):
        finetune(SftConfig(base=BASE, out=tmp_path), [])


def test_a_row_longer_than_the_model_is_named(tmp_path: Path) -> None:
    row = TrainRow(
        id="long-one", question_id="q", format="s1", input_ids=(1,) * 3000, labels=(1,) * 3000, n_tokens=3000
    )
    with pytest.raises(
        TrainError, match=r"long-one: 3000 tokens, the model has \d+ positions\nhint: .*on_overflow: cut"
    ):
        finetune(SftConfig(base=BASE, out=tmp_path), [row])


def test_a_base_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match="no model folder nope"):
        run(TrainConfig(base="nope"))
