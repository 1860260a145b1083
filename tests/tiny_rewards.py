"""Tiny random reward models in the published state-dict layouts, with genuine tokenizers of their kinds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, decoders, models, normalizers, processors
from tokenizers import Tokenizer as Backend
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2ForTokenClassification,
)

from unit.byte_level import QWEN, TEMPLATE, backend

HIDDEN = 32
SHAPE: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "initializer_range": 0.3,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}
LLAMA = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
LLAMA_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


def qwen(folder: Path, *, mark: bool = True) -> Path:
    """Qwen2.5-Math-PRM and ReasonFlux: Qwen2, ``score.0`` and ``score.2``, two shards, a config that names own code."""
    size = _tokenizer(folder, backend((*QWEN, "<extra_0>") if mark else QWEN), chat_template=TEMPLATE)
    torch.manual_seed(1)
    net = Qwen2ForCausalLM(Qwen2Config(vocab_size=size + 8, **SHAPE))
    head = {
        "score.0.weight": torch.randn(HIDDEN, HIDDEN) * 0.4,
        "score.0.bias": torch.randn(HIDDEN),
        "score.2.weight": torch.randn(2, HIDDEN) * 0.4,
        "score.2.bias": torch.randn(2),
    }
    config = {**net.config.to_dict(), "architectures": ["Qwen2ForProcessRewardModel"], "model_type": "qwen2"}
    config["auto_map"] = {"AutoModel": "modeling_that_is_not_there.Qwen2ForProcessRewardModel"}
    (folder / "config.json").write_text(json.dumps(config))
    shards = {"model-00001-of-00002.safetensors": _cloned(net), "model-00002-of-00002.safetensors": head}
    for name, state in shards.items():
        save_file(state, folder / name, metadata={"format": "pt"})
    places = {key: name for name, state in shards.items() for key in state}
    index = {"metadata": {"total_size": 0}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def skywork(folder: Path) -> Path:
    """Skywork-o1-Open-PRM: Qwen2 and ``v_head.summary``."""
    size = _tokenizer(folder, backend(), bos_token="<|endoftext|>")
    torch.manual_seed(2)
    net = Qwen2ForCausalLM(Qwen2Config(vocab_size=size, **SHAPE))
    net.config.save_pretrained(folder)
    head = {"v_head.summary.weight": torch.randn(1, HIDDEN) * 0.4, "v_head.summary.bias": torch.randn(1)}
    save_file(_cloned(net) | head, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def shepherd(folder: Path) -> Path:
    """Math-Shepherd: Mistral as it is, in ``pytorch_model.bin``, with a SentencePiece-type tokenizer."""
    made = sentencepiece_like(("▁ки", "▁+", "▁-"))
    size = _tokenizer(folder, made, bos_token="<s>")
    torch.manual_seed(3)
    net = MistralForCausalLM(MistralConfig(vocab_size=size, sliding_window=None, **SHAPE))
    net.config.save_pretrained(folder)
    torch.save(_cloned(net), folder / "pytorch_model.bin")
    return folder


def rlhflow(folder: Path) -> Path:
    """RLHFlow: Llama as it is, with a chat template."""
    size = _tokenizer(folder, backend(LLAMA), bos_token=LLAMA[0], chat_template=LLAMA_TEMPLATE)
    torch.manual_seed(4)
    LlamaForCausalLM(LlamaConfig(vocab_size=size, **SHAPE)).save_pretrained(folder)
    return folder


def trl(folder: Path, *, classes: int = 2) -> Path:
    """TRL: a token classification model."""
    size = _tokenizer(folder, backend(), bos_token=None)
    torch.manual_seed(5)
    net = Qwen2ForTokenClassification(Qwen2Config(vocab_size=size, num_labels=classes, **SHAPE))
    torch.nn.init.normal_(net.score.bias)
    net.save_pretrained(folder)
    return folder


BUILD: dict[str, Callable[[Path], Path]] = {
    "qwen": qwen,
    "reasonflux": qwen,
    "shepherd": shepherd,
    "skywork": skywork,
    "rlhflow": rlhflow,
    "trl": trl,
}


def sentencepiece_like(words: tuple[str, ...]) -> Backend:
    """Llama's and Mistral's kind: a blank before the text, blanks as ▁, bytes for what is not in the vocabulary."""
    letters = [chr(code) for code in range(33, 127)] + ["▁", "к", "и"]
    bytes_ = [f"<0x{code:02X}>" for code in range(256)]
    merges = [("▁", "к"), ("▁к", "и"), ("▁", "+"), ("▁", "-")]
    tokens = ["<unk>", "<s>", "</s>", *bytes_, *letters, "▁к", *words]
    vocab = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    merges = [(a, b) for a, b in merges if a + b in vocab]
    made = Backend(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in ("<unk>", "<s>", "</s>")])
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", vocab["<s>"])])
    return made


def _tokenizer(folder: Path, made: Backend, **config: Any) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return int(max(made.get_vocab(with_added_tokens=True).values())) + 1


def _cloned(net: Any) -> dict[str, torch.Tensor]:
    return {key: value.detach().clone() for key, value in net.state_dict().items()}
