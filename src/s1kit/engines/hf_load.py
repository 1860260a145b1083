"""From a model folder or hub id to a model that the hf engine can run, or one clear refusal.

Knows what a model folder must hold and which cache layouts the engine can address. Refuses to run code that came with
a model, and to read its ``generation_config``: sampling is part of the request, and a model author's defaults applied
in silence would make two engines disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache
from transformers.cache_utils import DynamicLayer

from s1kit.engines.base import EngineError
from s1kit.tokenizer import Tokenizer, TokenizerError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to run, with what the engine reports about it."""

    model: Any
    tokenizer: Tokenizer
    layers: int
    vocab_size: int
    """Ids that the output layer can emit; a padded vocabulary makes this larger than the tokenizer's."""
    context_len: int
    revision: str | None
    device: torch.device


def load(model: str | Path, *, dtype: str, device: str, context_len: int | None, revision: str | None) -> Loaded:
    """Load for inference. Raises EngineError with what, where and a hint."""
    if dtype not in DTYPES:
        raise EngineError(f"unknown dtype {dtype!r}\nhint: one of {', '.join(DTYPES)}")
    place = _device(device)
    folder, commit = weights_folder(model, revision)
    tokenizer = _tokenizer(folder)
    config = _config(folder)
    _check_cache_layout(folder, config)
    try:
        net = AutoModelForCausalLM.from_pretrained(
            folder, config=config, dtype=DTYPES[dtype], attn_implementation="sdpa", trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise EngineError(f"cannot load a causal language model from {folder}: {error}") from error
    net.eval().to(place)
    return Loaded(
        model=net,
        tokenizer=tokenizer,
        layers=int(config.get_text_config(decoder=True).num_hidden_layers),
        vocab_size=int(net.get_output_embeddings().weight.shape[0]),
        context_len=_context_len(folder, config, context_len),
        revision=commit,
        device=place,
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise EngineError(
            f"device {name!r} asked for, but torch {torch.__version__} sees no CUDA device\n"
            'hint: device="cpu" or "auto"; or install a CUDA build of torch'
        )
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise EngineError(f'unknown device {name!r}\nhint: "cpu", "cuda", "cuda:1" or "auto"') from error


def weights_folder(model: str | Path, revision: str | None) -> tuple[Path, str | None]:
    """The model's folder with config and weights, and its revision: a folder as it is, a hub id fetched once.

    Raises EngineError where there is neither, or where config or weights are missing.
    """
    path = Path(model)
    if path.is_dir():
        _check_folder(path)
        return path, revision
    if isinstance(model, Path) or path.is_absolute() or str(model).startswith((".", "~")) or str(model).count("/") != 1:
        raise EngineError(
            f"no model folder {model}\nhint: a folder with config.json, or a hub id like Qwen/Qwen2.5-0.5B-Instruct"
        )
    patterns = ["*.json", "*.jinja", "*.txt", *WEIGHTS]
    try:
        found = Path(snapshot_download(model, revision=revision, allow_patterns=patterns))
    except (OSError, ValueError) as error:  # huggingface_hub's errors derive from these
        raise EngineError(
            f"{model} is no folder here and could not be fetched from the hub: {error}\n"
            "hint: check the name and the connection, or give the path of a downloaded folder"
        ) from error
    _check_folder(found)
    return found, found.name


def _check_folder(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise EngineError(f"no config.json in {folder}\nhint: this is not a transformers model folder")
    if not any(next(folder.glob(pattern), None) for pattern in WEIGHTS):
        hint = (
            "the weights are an adapter: merge them first"
            if (folder / "adapter_config.json").is_file()
            else ("the download may be incomplete; the folder needs model.safetensors or its shards")
        )
        raise EngineError(f"no weights in {folder}\nhint: {hint}")


def _tokenizer(folder: Path) -> Tokenizer:
    try:
        return Tokenizer.load(folder)
    except TokenizerError as error:
        raise EngineError(str(error)) from error


def _config(folder: Path) -> Any:
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(
            f"transformers cannot read {folder / 'config.json'}: {error}\n"
            "hint: an architecture that needs its own code is not run here; use a server and the completions engine"
        ) from error


def _check_cache_layout(folder: Path, config: Any) -> None:
    """Slots hold plain keys and values per position. A window, a recurrent state or an encoder has no such thing."""
    hint = "hint: run it in vLLM (engine vllm) or behind a server (engine completions)"
    if getattr(config, "is_encoder_decoder", False):
        raise EngineError(f"{folder} is an encoder-decoder model; the hf engine continues decoder-only models\n{hint}")
    kinds = {type(layer) for layer in DynamicCache(config=config).layers}
    odd = sorted(kind.__name__ for kind in kinds if kind is not DynamicLayer)
    if odd or not kinds:
        what = ", ".join(odd) or "no attention layers"
        raise EngineError(f"{folder}: its cache is not plain keys and values per layer ({what})\n{hint}")


def _context_len(folder: Path, config: Any, asked: int | None) -> int:
    longest = getattr(config.get_text_config(decoder=True), "max_position_embeddings", None)
    if asked is not None and asked < 2:
        raise EngineError(f"context_len={asked}: a prompt and an answer need at least 2")
    if longest is None:
        if asked is None:
            raise EngineError(f"{folder / 'config.json'} has no max_position_embeddings\nhint: give context_len")
        return asked
    if asked is not None and asked > longest:
        raise EngineError(
            f"context_len={asked}, but {folder} was made for {longest} positions\nhint: leave context_len out"
        )
    return int(asked or longest)
