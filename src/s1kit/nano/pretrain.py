"""Pretraining from scratch: `s1 nano pretrain`.

Knows the model's shape, the optimiser, the schedule and resuming. Constant learning rate after a warm-up and a linear
decay only at the end, so that a run can go on from any weights. Refuses to know fine-tuning and the think format.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from s1kit.nano import measure
from s1kit.nano import tokenizer as nano_tokenizer
from s1kit.nano.stream import Batch, Plan, describe, make_batch
from s1kit.store.manifest import environment


@dataclass(frozen=True)
class Shape:
    """A Qwen2 of about 2.4M parameters; `head` is the width of an attention head."""

    width: int = 192
    layers: int = 5
    inner: int = 512
    head: int = 48


@dataclass(frozen=True)
class PretrainConfig:
    """Ends after `tokens` or `minutes`, whichever comes first; the last `decay` share goes down to zero."""

    out: Path
    plan: Plan = field(default_factory=Plan)
    shape: Shape = field(default_factory=Shape)
    tokens: int = 1 << 60
    minutes: float = 1e9
    warmup: int = 100
    decay: float = 0.2
    muon_lr: float = 0.02
    adam_lr: float = 0.003
    weight_decay: float = 0.01
    start: Path | None = None
    measure_every: int = 3_000_000
    save_every: int = 400
    threads: int = 2
    device: str = "auto"
    """auto: an accelerator where there is one."""
    compile: bool = True
    command: str = "s1 nano pretrain"


def new_model(shape: Shape, vocabulary: int, seed: int) -> Any:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    heads = shape.width // shape.head
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=vocabulary,
            hidden_size=shape.width,
            num_hidden_layers=shape.layers,
            intermediate_size=shape.inner,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
        )
    )


def optimisers(model: Any, config: PretrainConfig) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon for the matrices inside the blocks, AdamW for embeddings, norms and biases; each with its base rate."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    inside = [p for name, p in named if p.ndim == 2 and "embed" not in name]
    outside = [p for name, p in named if not (p.ndim == 2 and "embed" not in name)]
    muon = torch.optim.Muon(inside, lr=config.muon_lr, weight_decay=config.weight_decay, momentum=0.95)
    adam = torch.optim.AdamW(outside, lr=config.adam_lr, betas=(0.9, 0.95), weight_decay=0.0)
    return [(muon, config.muon_lr), (adam, config.adam_lr)]


class Pretraining:
    """A run: model, optimisers, and the number of its next batch."""

    def __init__(self, config: PretrainConfig) -> None:
        torch.set_num_threads(config.threads)
        self.config = config
        config.out.mkdir(parents=True, exist_ok=True)
        nano_tokenizer.save(config.out)
        self.tokenizer: Tokenizer = nano_tokenizer.load(config.out)
        self.device = torch.device(
            ("cuda" if torch.cuda.is_available() else "cpu") if config.device == "auto" else config.device
        )
        self.model = new_model(config.shape, self.tokenizer.get_vocab_size(), config.plan.seed).to(self.device)
        if config.start is not None:
            self.model.load_state_dict(_weights(config.start))
        self.optimisers = optimisers(self.model, config)
        self.step = 0
        self.began_at = 0
        self.seconds = 0.0
        self.decay_from: float | None = None
        self.curve: list[tuple[int, float]] = []
        self.accuracies: list[dict[str, Any]] = []
        if self.checkpoint.exists():
            self._restore()
        self.forward = torch.compile(self._loss) if config.compile else self._loss

    @property
    def checkpoint(self) -> Path:
        return self.config.out / "state.pt"

    @property
    def tokens(self) -> int:
        return self.step * self.config.plan.rows * self.config.plan.length

    def done(self) -> float:
        """Share of the run behind it, by tokens or by minutes, whichever is further."""
        return max(self.tokens / self.config.tokens, self.seconds / 60 / self.config.minutes)

    def rate(self) -> float:
        """Factor on the base learning rates: warm-up from the start of this process' weights, decay at the end."""
        warm = min(1.0, (self.step - self.began_at + 1) / max(1, self.config.warmup))
        left = max(0.0, 1.0 - self.done())
        return warm * min(1.0, left / self.config.decay)

    def _loss(
        self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = self.model(input_ids=ids, position_ids=positions, attention_mask=mask, use_cache=False).logits
        return torch.nn.functional.cross_entropy(
            logits[:, :-1].float().reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1), ignore_index=-100
        )

    def advance(self) -> dict[str, float]:
        """One optimiser step."""
        started = time.monotonic()
        rate = self.rate()
        batch = make_batch(self.tokenizer, self.config.plan, self.step)
        loss = self.forward(*(tensor.to(self.device) for tensor in _tensors(batch)))
        torch.autograd.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser, base in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = base * rate
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self.seconds += time.monotonic() - started
        return {
            "step": self.step,
            "tokens": self.tokens,
            "loss": loss.item(),
            "lr": rate,
            "grad": float(norm),
            "seconds": self.seconds,
        }

    def save(self) -> None:
        """Everything a resumed run needs, replaced in one move."""
        state = {
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser, _ in self.optimisers],
            "step": self.step,
            "began_at": self.began_at,
            "seconds": self.seconds,
            "curve": self.curve,
            "accuracies": self.accuracies,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint)

    def _restore(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        self.model.load_state_dict(state["model"])
        for (optimiser, _), saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.began_at, self.seconds = state["step"], state["began_at"], state["seconds"]
        self.curve, self.accuracies = state["curve"], state["accuracies"]

    def measure(self) -> dict[str, Any]:
        started = time.monotonic()
        self.model.eval()
        shares = measure.by_family(self.model, self.tokenizer, self.step)
        self.model.train()
        self.seconds += time.monotonic() - started
        return {"tokens": self.tokens, "families": shares}

    def run(self) -> None:
        """To the end of the budget, logging each step and saving now and then."""
        due = (self.tokens // self.config.measure_every + 1) * self.config.measure_every
        self.model.train()
        with (self.config.out / "log.jsonl").open("a", encoding="utf-8") as log:
            while self.done() < 1.0:
                row = self.advance()
                log.write(json.dumps(row) + "\n")
                if self.step % 10 == 0:
                    log.flush()
                    self.curve.append((self.tokens, round(row["loss"], 4)))
                if self.tokens >= due:
                    due += self.config.measure_every
                    self.accuracies.append(self.measure())
                    log.write(json.dumps(self.accuracies[-1]) + "\n")
                if self.step % self.config.save_every == 0:
                    self.save()
        self.save()


def pretrain(config: PretrainConfig) -> Path:
    """Run, or go on with a run that was interrupted, and write the weights; returns their folder."""
    run = Pretraining(config)
    run.run()
    target = config.out / "weights"
    export(run.model, target, config, run)
    return target


def export(model: Any, target: Path, config: PretrainConfig, run: Pretraining) -> None:
    """Weights in bfloat16 with tokenizer and manifest: a folder that transformers and vLLM load."""
    nano_tokenizer.save(target)
    write_weights(model, target, run.tokenizer)
    facts = {
        "kind": "pretrain",
        "command": config.command,
        "seed": config.plan.seed,
        "stream": describe(config.plan),
        "tokens": run.tokens,
        "steps": run.step,
        "minutes": round(run.seconds / 60, 1),
        "parameters": sum(p.numel() for p in model.parameters()),
        "shape": asdict(config.shape),
        "optimiser": {"muon_lr": config.muon_lr, "adam_lr": config.adam_lr, "weight_decay": config.weight_decay},
        "schedule": {"warmup_steps": config.warmup, "decay_share": config.decay},
        "loss_curve": thin(run.curve),
        "accuracies": run.accuracies,
        **({} if config.start is None else {"started_from": provenance(config.start)}),
        **environment(),
    }
    (target / "manifest.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def provenance(start: Path) -> dict[str, Any]:
    """What is known of the weights that a run went on from: their hash, and their own manifest but for its curves."""
    facts: dict[str, Any] = {"model_sha256": hashlib.sha256((start / "model.safetensors").read_bytes()).hexdigest()}
    if (start / "manifest.json").is_file():
        parent = json.loads((start / "manifest.json").read_text(encoding="utf-8"))
        facts |= {k: v for k, v in parent.items() if k not in ("loss_curve", "accuracies")}
    return facts


def thin(curve: Sequence[tuple[int, float]], points: int = 120) -> list[tuple[int, float]]:
    """At most `points` values of a curve, each the mean of its stretch."""
    size = max(1, -(-len(curve) // points))
    parts = [curve[i : i + size] for i in range(0, len(curve), size)]
    return [(part[-1][0], round(sum(loss for _, loss in part) / len(part), 4)) for part in parts]


def write_weights(model: Any, target: Path, tokenizer: Tokenizer) -> None:
    """Save a bfloat16 copy; the model itself keeps its dtype."""
    end = tokenizer.token_to_id("<|im_end|>")
    pad = tokenizer.token_to_id("<|endoftext|>")
    model.generation_config.eos_token_id = [end, pad]
    model.generation_config.pad_token_id = pad
    model.generation_config.bos_token_id = None
    model.config.eos_token_id, model.config.pad_token_id, model.config.bos_token_id = end, pad, None
    before = next(model.parameters()).dtype
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.to(torch.bfloat16).save_pretrained(target, safe_serialization=True)
    model.to(before).load_state_dict(kept)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return dict(model.state_dict())


def _tensors(batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, positions, the mask that keeps a document to itself, labels."""
    segments = torch.from_numpy(batch.segments)
    length = batch.ids.shape[1]
    causal = torch.from_numpy(np.tril(np.ones((length, length), dtype=np.bool_)))
    mask = (segments[:, None, :, None] == segments[:, None, None, :]) & causal
    return torch.from_numpy(batch.ids), torch.from_numpy(batch.positions), mask, torch.from_numpy(batch.labels)
