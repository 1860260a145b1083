"""The shape of a dense decoder, read from its ``config.json``: every size that the planner counts with.

Knows five architectures exactly and the published sizes of Qwen2.5 and Qwen3. Refuses to guess: an architecture it was
not checked against, a mixture of experts or a config with a size missing is an error that says what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field

from s1kit.errors import UserError
from s1kit.nano.shipped import resolve_model
from s1kit.types import Record

Family = Literal["qwen2", "qwen3", "llama", "mistral", "gemma"]
FAMILIES: tuple[Family, ...] = ("qwen2", "qwen3", "llama", "mistral", "gemma")
_SIZES = {
    "hidden_size": "hidden",
    "num_hidden_layers": "layers",
    "num_attention_heads": "heads",
    "num_key_value_heads": "kv_heads",
    "intermediate_size": "intermediate",
    "vocab_size": "vocab",
}
_HEAD_DIM = {"qwen3": 128, "gemma": 256}
"""What the architecture takes where ``head_dim`` is absent; the others divide the hidden size by the heads."""


class ShapeError(UserError):
    """A config that cannot be planned with: not found, not understood, or not complete."""


class Shape(Record):
    """Sizes of one model. Counts of parameters are exact: they equal the sum over the model's tensors."""

    name: str
    family: Family
    hidden: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    kv_heads: int = Field(gt=0)
    head_dim: int = Field(gt=0)
    intermediate: int = Field(gt=0)
    vocab: int = Field(gt=0)
    tied: bool
    """The output head is the embedding matrix."""
    attention_bias: bool = False
    """Bias on q, k and v; qwen2 always, llama, qwen3 and gemma where the config says so (then on o as well)."""
    mlp_bias: bool = False

    @property
    def q_width(self) -> int:
        """Width of all query heads together."""
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Width of all key heads together; the values are as wide."""
        return self.kv_heads * self.head_dim

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of the seven matrices of a layer."""
        return {
            "q_proj": (self.hidden, self.q_width),
            "k_proj": (self.hidden, self.kv_width),
            "v_proj": (self.hidden, self.kv_width),
            "o_proj": (self.q_width, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }

    @property
    def layer_matrices(self) -> int:
        """Parameters of a layer's matrices: what its multiplications cost, and what 4 bits would hold."""
        return sum(inputs * outputs for inputs, outputs in self.linears.values())

    @property
    def layer_params(self) -> int:
        """All parameters of one layer: matrices, biases, two norms, and the two norms of qwen3's heads."""
        biases = self.q_width + 2 * self.kv_width if self.attention_bias else 0
        if self.attention_bias and self.family != "qwen2":
            biases += self.hidden
        if self.mlp_bias:
            biases += 2 * self.intermediate + self.hidden
        head_norms = 2 * self.head_dim if self.family == "qwen3" else 0
        return self.layer_matrices + biases + 2 * self.hidden + head_norms

    @property
    def embedding(self) -> int:
        """Parameters of the embedding matrix; an untied output head has as many again."""
        return self.vocab * self.hidden

    @property
    def root_params(self) -> int:
        """What lies outside the layers: embedding, output head where it is its own, last norm."""
        return self.embedding * (1 if self.tied else 2) + self.hidden

    @property
    def params(self) -> int:
        """All parameters of the model."""
        return self.layers * self.layer_params + self.root_params

    @property
    def multiplied(self) -> int:
        """Parameters that every token is multiplied with: the matrices and the head; the embedding is looked up."""
        return self.layers * self.layer_matrices + self.embedding


def _published(name: str, family: Family, sizes: tuple[int, int, int, int, int, int], tied: bool) -> Shape:
    hidden, layers, heads, kv_heads, intermediate, vocab = sizes
    return Shape(
        name=name,
        family=family,
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=128 if family == "qwen3" else hidden // heads,
        intermediate=intermediate,
        vocab=vocab,
        tied=tied,
        attention_bias=family == "qwen2",
    )


# From the config.json that each model is published with (repositories Qwen/Qwen2.5-*-Instruct and Qwen/Qwen3-*).
PUBLISHED: dict[str, Shape] = {
    shape.name.lower(): shape
    for shape in (
        _published("Qwen2.5-0.5B-Instruct", "qwen2", (896, 24, 14, 2, 4864, 151936), True),
        _published("Qwen2.5-1.5B-Instruct", "qwen2", (1536, 28, 12, 2, 8960, 151936), True),
        _published("Qwen2.5-3B-Instruct", "qwen2", (2048, 36, 16, 2, 11008, 151936), True),
        _published("Qwen2.5-7B-Instruct", "qwen2", (3584, 28, 28, 4, 18944, 152064), False),
        _published("Qwen2.5-14B-Instruct", "qwen2", (5120, 48, 40, 8, 13824, 152064), False),
        _published("Qwen2.5-32B-Instruct", "qwen2", (5120, 64, 40, 8, 27648, 152064), False),
        _published("Qwen2.5-72B-Instruct", "qwen2", (8192, 80, 64, 8, 29568, 152064), False),
        _published("Qwen3-0.6B", "qwen3", (1024, 28, 16, 8, 3072, 151936), True),
        _published("Qwen3-1.7B", "qwen3", (2048, 28, 16, 8, 6144, 151936), True),
        _published("Qwen3-4B", "qwen3", (2560, 36, 32, 8, 9728, 151936), True),
        _published("Qwen3-8B", "qwen3", (4096, 36, 32, 8, 12288, 151936), False),
        _published("Qwen3-14B", "qwen3", (5120, 40, 40, 8, 17408, 151936), False),
        _published("Qwen3-32B", "qwen3", (5120, 64, 64, 8, 25600, 151936), False),
    )
}


def read_shape(model: str | Path | Mapping[str, Any]) -> Shape:
    """The shape of a published model by name, of a model folder or ``config.json``, or of a config as a dict."""
    if isinstance(model, Mapping):
        return _from_config(model, str(model.get("_name_or_path") or model.get("model_type") or "config"))
    key = str(model).removeprefix("Qwen/").lower()
    if key in PUBLISHED:
        return PUBLISHED[key]
    path = Path(resolve_model(str(model)))
    file = path / "config.json" if path.is_dir() else path
    if not file.is_file():
        raise ShapeError(
            f"no model {model}: not a folder with config.json, and not a published shape\n"
            f"hint: {', '.join(shape.name for shape in PUBLISHED.values())}"
        )
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ShapeError(f"{file} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise ShapeError(f"{file} is not a JSON object")
    return _from_config(config, str(model))


def _from_config(config: Mapping[str, Any], name: str) -> Shape:
    """Refuses what the formulas were not checked against, and everything that is missing at once."""
    family = config.get("model_type")
    if family not in FAMILIES:
        raise ShapeError(
            f"{name}: the architecture {family} cannot be planned: its layers were never counted and measured here\n"
            f"hint: dense {', '.join(FAMILIES)}; a mixture of experts or a model with images needs its own formulas"
        )
    if "quantization_config" in config:
        raise ShapeError(f"{name}: the weights are quantised already\nhint: plan with the config of the original model")
    sizes: dict[str, Any] = {ours: config.get(theirs) for theirs, ours in _SIZES.items()}
    if sizes["kv_heads"] is None and family == "llama":
        sizes["kv_heads"] = sizes["heads"]  # what an old Llama config without grouped queries means
    wrong = [theirs for theirs, ours in _SIZES.items() if not _is_size(sizes[ours])]
    if wrong:
        raise ShapeError(f"{name}: not a whole number above 0: {', '.join(wrong)}\nhint: is it the whole config.json?")
    if sizes["heads"] % sizes["kv_heads"]:
        raise ShapeError(f"{name}: {sizes['heads']} query heads cannot share {sizes['kv_heads']} key heads")
    head_dim = config.get("head_dim") or _HEAD_DIM.get(family) or sizes["hidden"] // sizes["heads"]
    if not _is_size(head_dim):
        raise ShapeError(f"{name}: head_dim is {head_dim!r}, not a whole number above 0")
    tied = config.get("tie_word_embeddings")
    return Shape(
        name=name,
        family=cast(Family, family),
        head_dim=head_dim,
        tied=family == "gemma" if tied is None else bool(tied),
        attention_bias=family == "qwen2" or (family != "mistral" and bool(config.get("attention_bias"))),
        mlp_bias=family == "llama" and bool(config.get("mlp_bias")),
        **sizes,
    )


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
