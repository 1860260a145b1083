"""A Qwen2 checkpoint of this project as one GGUF file, for tests against llama.cpp's servers.

llama.cpp's own converter knows a tokenizer by a fingerprint of what it encodes, and refuses every one that is not in
its list; the nano model's is not. So the file is written here, with the ``gguf`` package, and names the splitting rule
("qwen2") that the tokenizer really has. Weights are float32: ids have to come out as in transformers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gguf import MODEL_ARCH, GGMLQuantizationType, GGUFWriter, LlamaFileType, TokenType, get_tensor_name_map
from safetensors.torch import load_file


def write(folder: Path, path: Path) -> Path:
    """Write the checkpoint in ``folder`` to ``path``; return it. Raises ValueError where it is no plain Qwen2 model."""
    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] != "qwen2" or config.get("use_sliding_window"):
        raise ValueError(f"{folder}: only Qwen2 models without a sliding window are written")
    writer = GGUFWriter(path, "qwen2")
    _shapes(writer, config)
    _tokens(writer, folder, config)
    names = get_tensor_name_map(MODEL_ARCH.QWEN2, config["num_hidden_layers"])
    for name, tensor in load_file(folder / "model.safetensors").items():
        told = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if told is None:
            raise ValueError(f"{folder}: llama.cpp has no place for {name}")
        writer.add_tensor(told, tensor.float().numpy(), raw_dtype=GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _shapes(writer: GGUFWriter, config: dict[str, Any]) -> None:
    writer.add_name("s1kit")
    writer.add_file_type(LlamaFileType.ALL_F32)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base((config.get("rope_parameters") or config)["rope_theta"])


def _tokens(writer: GGUFWriter, folder: Path, config: dict[str, Any]) -> None:
    """Every id under its own number: the vocabulary, the added tokens, and padding that only the weights have."""
    told = json.loads((folder / "tokenizer.json").read_text())
    tokens = [f"[PAD{i}]" for i in range(config["vocab_size"])]
    types = [TokenType.UNUSED] * len(tokens)
    for text, at in told["model"]["vocab"].items():
        tokens[at], types[at] = text, TokenType.NORMAL
    for added in told["added_tokens"]:
        tokens[added["id"]] = added["content"]
        types[added["id"]] = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in told["model"]["merges"]])
    writer.add_add_bos_token(False)
    spelled = json.loads((folder / "tokenizer_config.json").read_text())
    writer.add_eos_token_id(tokens.index(spelled["eos_token"]))
    writer.add_pad_token_id(tokens.index(spelled["pad_token"]))
    writer.add_chat_template(spelled["chat_template"])
