"""A tiny genuine byte-level tokenizer of Qwen2's kind, with whatever special tokens a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as Backend

from s1kit.tokenizer import Tokenizer

QWEN = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
THINK = ("<think>", "</think>")
HARMONY = ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>", "<|call|>")
R1 = ("<｜end▁of▁sentence｜>", "<think>", "</think>")
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPLIT = r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"


def backend(special: Sequence[str] = QWEN) -> Backend:
    """Bytes, a few merges (two newlines are one token), then the special tokens."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ċ", "Ċ"), ("W", "a"), ("Wa", "i"), ("Wai", "t")]
    vocab = {token: i for i, token in enumerate([*letters, *(a + b for a, b in merges)])}
    made = Backend(models.BPE(vocab=vocab, merges=merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    return made


def tokenizer(special: Sequence[str] = QWEN, template: str | None = TEMPLATE, **config: Any) -> Tokenizer:
    """The same as s1kit's tokenizer."""
    return Tokenizer(backend(special), name="byte-level", config=config, template=template)


def folder(root: Path, special: Sequence[str] = QWEN) -> Path:
    """The same as a model folder."""
    root.mkdir(parents=True, exist_ok=True)
    backend(special).save(str(root / "tokenizer.json"))
    return root
