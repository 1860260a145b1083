"""Runs that cannot go on: no memory, no disk, nothing to learn. Each says where, what is kept, and what to do."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import yaml

from s1kit.curate.rows import build_rows
from s1kit.formats import BUILT_IN
from s1kit.nano import traces
from s1kit.nano.shipped import resolve_model
from s1kit.tokenizer import Tokenizer
from s1kit.train.checkpoints import CHECKPOINTS, latest
from s1kit.train.launch import LaunchError
from s1kit.train.oom import out_of_memory
from s1kit.train.settings import Settings
from s1kit.train.sft import SftConfig, TrainError, finetune
from s1kit.types import TrainRow

BASE = Path(resolve_model("nano-base"))
SMALL = {"base": BASE, "epochs": 3, "batch_size": 4, "learning_rate": 1e-3, "log_every": 1, "save_dtype": "float32"}


@pytest.fixture(scope="module")
def rows() -> list[TrainRow]:
    return build_rows(traces.load(8), BUILT_IN["s1"].resolve(Tokenizer.load(BASE)))


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size`` bytes: what a quota or a full disk does to a large one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", ["weights", "optimiser"])
def test_a_full_disk_keeps_the_last_good_checkpoint_and_the_run_goes_on(
    tmp_path: Path, rows: list[TrainRow], part: str
) -> None:
    def config(name: str) -> SftConfig:
        return SftConfig.model_validate({**SMALL, "save_every": 2, "out": tmp_path / name})

    size = (BASE / "model.safetensors").stat().st_size * 2  # float32; the shipped weights are bfloat16
    with files_of_at_most(2**40):
        most = size // 2 if part == "weights" else size + size // 2
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

        def fill_after_three(step: int, steps: int, loss: float) -> None:
            if step == 3:
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))

        with pytest.raises(TrainError) as caught:
            finetune(config("full"), rows, fill_after_three)
    whole, torn = (tmp_path / "full" / CHECKPOINTS / f"checkpoint-{step}" for step in (2, 4))
    said = str(caught.value)
    assert f"cannot write the checkpoint {torn}: " in said
    assert "it needs about " in said
    assert "MiB is free\nhint: the last good checkpoint is " + str(whole) in said
    assert "start the same command again, and it goes on from there" in said
    assert latest(tmp_path / "full") == whole
    assert not torn.exists()
    done = finetune(config("full"), rows)
    assert done.resumed_from == 2
    undisturbed = finetune(config("free"), rows)
    assert done.losses == undisturbed.losses
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("full", "free")]
    assert weights[0] == weights[1]


@pytest.mark.filterwarnings("ignore")
def test_a_disk_that_is_full_at_the_end_loses_no_checkpoint(tmp_path: Path, rows: list[TrainRow]) -> None:
    config = SftConfig.model_validate({**SMALL, "save_every": 2, "out": tmp_path / "out"})
    with files_of_at_most(2**40):
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

        def fill(step: int, steps: int, loss: float) -> None:
            if step == steps - 1:
                resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))

        with pytest.raises(TrainError, match=r"cannot write .*\n?hint: the last good checkpoint is .*checkpoint-4"):
            finetune(config, rows, fill)
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.filterwarnings("ignore")
def test_memory_that_runs_out_in_a_step_names_the_settings_to_change(tmp_path: Path, rows: list[TrainRow]) -> None:
    calls = 0

    def fail_later(module: torch.nn.Module, _: object) -> None:
        nonlocal calls
        if isinstance(module, torch.nn.Embedding):
            calls += 1
            if calls == 4:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore")

    handle = torch.nn.modules.module.register_module_forward_pre_hook(fail_later)
    config = SftConfig.model_validate({**SMALL, "save_every": 2, "out": tmp_path, "lm_head": "whole"})
    try:
        with pytest.raises(TrainError) as caught:
            finetune(config, rows)
    finally:
        handle.remove()
    said = str(caught.value)
    first, planned, *hints = said.splitlines()
    assert first.startswith("out of memory on ")
    assert first.endswith("CUDA out of memory. Tried to allocate 20.00 GiB.")
    assert f"for 4 rows at once of up to {max(row.n_tokens for row in rows):,} tokens" in planned
    assert any(line.startswith("hint: per_device: 1 (") for line in hints)
    assert hints[-1].startswith("hint: the last good checkpoint is ")
    assert hints[-1].endswith("checkpoint-2")


def test_the_advice_is_in_the_recipes_own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A 7B model on a card of 24 GB: each hint is a setting that a recipe takes, and none that it has."""
    monkeypatch.setattr("s1kit.train.oom.device", lambda: ("a card", 24 * 2**30))
    sizes = {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28}
    more = {"num_key_value_heads": 4, "vocab_size": 152064, "tie_word_embeddings": False}
    shape = json.dumps({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", **sizes, **more})
    (tmp_path / "config.json").write_text(shape)
    row = TrainRow(id="r", question_id="q", format="s1", input_ids=(1,) * 9000, labels=(1,) * 9000, n_tokens=9000)
    settings = Settings(precision="bfloat16", lm_head="whole", per_device=1, layout="padded")
    lines = out_of_memory(settings, tmp_path, [row], "it was said", 1).splitlines()
    hints = [line.removeprefix("hint: ").partition(" (")[0] for line in lines if line.startswith("hint:")]
    assert "lm_head: chunked" in hints
    assert "checkpointing: recompute" in hints
    assert "per_device: 1" not in hints
    for hint in hints:
        if not hint.startswith("`s1 train --launch`"):
            Settings.model_validate({"precision": "bfloat16", **yaml.safe_load(hint)})
    (tmp_path / "config.json").write_text('{"architectures": ["Unheard"], "model_type": "unheard"}')
    plain = out_of_memory(settings, tmp_path, [row], "it was said", 1)
    assert "\nno plan: " in plain
    assert "\nhint: per_device: 1, checkpointing: recompute" in plain


def test_rows_without_a_label_are_refused_before_anything_is_loaded(tmp_path: Path, rows: list[TrainRow]) -> None:
    masked = rows[2].model_copy(update={"id": "masked-one", "labels": (-100,) * rows[2].n_tokens})
    config = SftConfig.model_validate({**SMALL, "out": tmp_path / "out"})
    with pytest.raises(TrainError, match=r"row masked-one: every label is masked \(1 of 8 rows\).*\nhint: "):
        finetune(config, [*rows[:2], masked, *rows[3:]])
    assert not (tmp_path / "out").exists()


def test_rows_that_devices_would_share_are_refused_where_the_launcher_says_so(
    tmp_path: Path, rows: list[TrainRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARALLELISM_CONFIG_CP_SIZE", "2")
    with pytest.raises(LaunchError, match="layout: packed"):
        finetune(SftConfig.model_validate({**SMALL, "out": tmp_path / "out"}), rows)


@pytest.mark.filterwarnings("ignore")
def test_a_mixture_of_experts_keeps_its_balancing_loss(tmp_path: Path, rows: list[TrainRow]) -> None:
    from transformers import MixtralConfig, MixtralForCausalLM

    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    more = {"num_key_value_heads": 2, "num_local_experts": 2, "max_position_embeddings": 2048}
    vocab = Tokenizer.load(BASE).vocab_size
    MixtralForCausalLM(MixtralConfig(vocab_size=vocab, **sizes, **more)).save_pretrained(tmp_path / "base")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "base" / name).write_bytes((BASE / name).read_bytes())
    config = {**SMALL, "base": tmp_path / "base", "out": tmp_path / "out"}
    with pytest.raises(TrainError, match="balancing loss lm_head: whole would leave out\nhint: lm_head: chunked"):
        finetune(SftConfig.model_validate({**config, "lm_head": "whole"}), rows)
    done = finetune(SftConfig.model_validate({**config, "epochs": 1, "layout": "padded"}), rows)
    assert len(done.losses) == 2
