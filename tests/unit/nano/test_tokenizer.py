"""The tokenizer through `tokenizers` and through transformers."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.nano import tokenizer as nano
from s1kit.nano import traces
from s1kit.nano.words import COUNTED, PEOPLE
from s1kit.nano.world import FAMILIES, draw
from s1kit.tokenizer import Tokenizer

ODD = ["  two  spaces ", "\n\n\n", "tab\there", "naïve café 日本語 🙂", "a\r\nb", " 7  8", "x" * 50, "", "don't WAIT"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("tokenizer")
    nano.save(target)
    return target


@pytest.fixture(scope="module")
def through_transformers(folder: Path) -> Any:
    transformers = pytest.importorskip("transformers")
    (folder / "config.json").write_text('{"model_type": "qwen2"}')
    return transformers.AutoTokenizer.from_pretrained(folder)


@cache
def loaded(folder: Path) -> Any:
    return nano.load(folder)


def world_texts() -> list[str]:
    rng = Random(5)
    questions = [draw(rng, level, name, 0.3).text for name in FAMILIES for level in range(1, 7)]
    return questions + [w.thinking for w in traces.written(60)] + ODD


def test_both_loaders_agree_and_lose_nothing(folder: Path, through_transformers: Any) -> None:
    direct = nano.load(folder)
    assert len(through_transformers) == direct.get_vocab_size()
    for text in [*world_texts(), *(nano.chat(t) + "<|im_start|>think\nx\n" for t in world_texts())]:
        ids = direct.encode(text).ids
        assert through_transformers(text).input_ids == ids
        assert direct.decode(ids, skip_special_tokens=False) == text
        assert through_transformers.decode(ids, clean_up_tokenization_spaces=False) == text


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.characters(min_codepoint=9, max_codepoint=0x2FF, exclude_categories=("Cs",))))
def test_bytes_survive(folder: Path, text: str) -> None:
    direct = loaded(folder)
    expected = unicodedata.normalize("NFC", text)
    assert direct.decode(direct.encode(text).ids, skip_special_tokens=False) == expected


def test_words_letters_and_digits_are_single_tokens(folder: Path) -> None:
    tokenizer = Tokenizer.load(folder)
    for word in [*COUNTED, *PEOPLE, *"abcdefghijklmnopqrstuvwxyz"]:
        assert len(tokenizer.encode(" " + word)) == 1, word
    assert len(tokenizer.encode("Wait")) == 1
    assert len(tokenizer.encode("1234567890")) == 10
    assert 600 <= tokenizer.vocab_size <= 1300


def test_the_nudge_is_what_a_new_thought_begins_with(folder: Path) -> None:
    tokenizer = Tokenizer.load(folder)
    thought = tokenizer.encode("Quick look: 4.\nWait, let me count:")
    assert tokenizer.encode("Wait")[0] in thought
    newline = tokenizer.encode("\n")[0]
    assert thought[thought.index(newline) + 1] == tokenizer.encode("Wait")[0]


def test_chat_is_the_template(folder: Path, through_transformers: Any) -> None:
    message = [{"role": "user", "content": "How many r in raspberry?"}]
    rendered = Tokenizer.load(folder).render(message)
    assert rendered == nano.chat("How many r in raspberry?")
    assert through_transformers.apply_chat_template(message, tokenize=False, add_generation_prompt=True) == rendered


def test_the_vocabulary_is_pinned(folder: Path) -> None:
    assert Tokenizer.load(folder).vocab_size == 1180
