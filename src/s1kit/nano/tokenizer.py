"""The nano tokenizer: a genuine byte-level tokenizer of Qwen2's type over a vocabulary of its own, about 1,200 tokens.

Knows Qwen2's normaliser, pre-tokenizer and chat layout, and builds the merges from the world's own words, so that a
word, a letter or a digit is one token. Punctuation and white space are never merged. Anything else in the folder than
Qwen2's own parts would be replaced without a word when transformers loads a model whose config says qwen2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from s1kit.nano import teacher, text
from s1kit.nano.words import COUNTED, PEOPLE, STOPS, WEEKDAYS
from s1kit.nano.world import FAMILIES, draw

SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
VOCABULARY = 1200
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def _split(phrase: str) -> list[str]:
    cleaned = "".join(character if character.isalpha() else " " for character in phrase.replace("{v}", " "))
    return cleaned.split()


OTHER_WORDS = _split(
    "user assistant system think answer Answer Final Wait Hmm Quick look Looks seems sure count Option Options Choose "
    "Pick one So The the a is it me let Let that gives Result result first sight guess check again Check Again more "
    "another way Another Once Second yes no and or not number numbers "
)


def build() -> Tokenizer:
    """Train the merges on words alone: deterministic, a second or two."""
    tokenizer = Tokenizer(models.BPE(vocab=None, merges=None, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIALS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[],
        show_progress=False,
    )
    tokenizer.train_from_iterator(_words(), trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    return tokenizer


def save(folder: Path) -> None:
    """Write the four files that transformers, vLLM and `tokenizers` read."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = build()
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer.model.save(str(folder))
    end = SPECIALS[-1]
    config = {
        "tokenizer_class": "Qwen2Tokenizer",
        "add_prefix_space": False,
        "add_bos_token": False,
        "bos_token": None,
        "eos_token": end,
        "pad_token": SPECIALS[0],
        "unk_token": None,
        "errors": "replace",
        "split_special_tokens": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 2048,
        "chat_template": CHAT_TEMPLATE,
        "additional_special_tokens": list(SPECIALS[1:]),
        "added_tokens_decoder": {
            str(tokenizer.token_to_id(token)): {
                "content": token,
                "lstrip": False,
                "normalized": False,
                "rstrip": False,
                "single_word": False,
                "special": True,
            }
            for token in SPECIALS
        },
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def special_id(tokenizer: Tokenizer, token: str) -> int:
    """Id of a token that has to exist."""
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ValueError(f"not a nano tokenizer: it has no {token}")
    return int(found)


def chat(question: str) -> str:
    """The prompt of one question, as the chat template renders it."""
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def _words() -> Iterator[str]:
    """Every word the world uses, with and without a space before it; words only, so that nothing else is merged."""
    rng = Random("nano-tokenizer")
    phrases = [*text.GUESSES, *text.FIRST, *text.LATER, *text.ENDS, *teacher.LOOKS, *teacher.RECHECKS, *teacher.AGAIN]
    for name in FAMILIES:
        phrases.extend(draw(rng, level, name).text for level in (1, 2, 3) for _ in range(40))
    seen = {word for phrase in phrases for word in _split(phrase)}
    seen |= {*OTHER_WORDS, *COUNTED, *PEOPLE, *STOPS, *WEEKDAYS}
    bare = {*OTHER_WORDS, "Wait", *(phrase.split(" ")[0].strip(":") for phrase in phrases if phrase), *WEEKDAYS}
    for word in sorted(seen):
        yield " " + word
        if word in bare or word[0].isupper():
            yield word
    for letter in "abcdefghijklmnopqrstuvwxyz":
        for _ in range(50):
            yield f" {letter}"
