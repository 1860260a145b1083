"""The tokenizer reads a model folder as it stands and renders chats as transformers does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from s1kit.tokenizer import Tokenizer, TokenizerError
from unit.byte_level import QWEN, TEMPLATE, folder, tokenizer

QWEN25 = Path(__file__).parents[3] / "shared" / "data" / "qwen2.5-tokenizer"
CHATS: list[list[dict[str, str]]] = [
    [{"role": "user", "content": "How many r in raspberry?"}],
    [{"role": "system", "content": "Short."}, {"role": "user", "content": " a\n\nb "}],
    [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "é 漢 😀"}],
]


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n\n", "How many r?\n", "é 漢 😀 \t x", "<|im_start|>think\n", "Wait Waiter"]
)
def test_text_survives_the_round_trip_with_special_tokens_shown(text: str) -> None:
    made = tokenizer()
    assert made.decode(made.encode(text)) == text


def test_specials_are_recognised_and_none_is_added() -> None:
    made = tokenizer()
    assert made.encode("<|im_start|>") == (made.id_of("<|im_start|>"),)
    assert len(made.encode("a")) == 1
    assert made.id_of("<|absent|>") is None
    assert made.added_ids == {made.id_of(t) for t in QWEN}
    assert made.vocab_size == max(made.added_ids) + 1


def test_a_folder_is_read_as_it_stands(tmp_path: Path) -> None:
    root = folder(tmp_path / "m")
    (root / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    made = Tokenizer.load(root)
    assert made.render(CHATS[0]).endswith("<|im_start|>assistant\n")
    (root / "chat_template.jinja").write_text("{{ messages[0].content }}!")
    again = Tokenizer.load(root)
    assert again.render(CHATS[0]) == "How many r in raspberry?!"
    assert again.hash != made.hash


def test_of_several_templates_the_default_one_counts(tmp_path: Path) -> None:
    root = folder(tmp_path / "m")
    templates = [{"name": "tools", "template": "no"}, {"name": "default", "template": "yes"}]
    (root / "tokenizer_config.json").write_text(json.dumps({"chat_template": templates}))
    assert Tokenizer.load(root).render(CHATS[0]) == "yes"


@pytest.mark.parametrize(("name", "content"), [("tokenizer.json", "{"), ("tokenizer_config.json", "{")])
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: str) -> None:
    root = folder(tmp_path / "m")
    (root / name).write_text(content)
    with pytest.raises(TokenizerError, match=name):
        Tokenizer.load(root)


def test_a_folder_without_tokenizer_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"no tokenizer.json in .*\nhint:"):
        Tokenizer.load(tmp_path)


def test_no_template_and_a_refusing_template_are_errors() -> None:
    with pytest.raises(TokenizerError, match="has no chat template"):
        tokenizer(template=None).render(CHATS[0])
    with pytest.raises(TokenizerError, match="only user turns"):
        tokenizer(template="{{ raise_exception('only user turns') }}").render(CHATS[0])
    with pytest.raises(TokenizerError, match="refused the messages"):
        tokenizer(template="{{ 1 + messages[0].content }}").render(CHATS[0])


TEMPLATES = [
    TEMPLATE,
    "{% if tools is not none %}tools{% endif %}{% if documents is defined %}d{% endif %}{{ messages[0].content }}",
    "{{ bos_token }}|{{ unk_token }}|{% if pad_token is defined %}pad{% endif %}|{{ messages | length }}",
    "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}",
    "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ m | tojson }}{% endfor %}",
    "    {% if true %}\n    x\n    {% endif %}\n",
]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("messages", CHATS)
def test_rendering_equals_transformers(template: str, messages: list[dict[str, str]]) -> None:
    fast: Any = pytest.importorskip("transformers").PreTrainedTokenizerFast
    made = tokenizer(template=template, bos_token="<|endoftext|>")
    theirs = fast(tokenizer_object=made._backend, bos_token="<|endoftext|>")
    expected = theirs.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=True)
    assert made.render(messages) == expected


def test_a_system_prompt_is_the_first_turn() -> None:
    made = tokenizer()
    assert made.render(CHATS[0], system="S") == made.render([{"role": "system", "content": "S"}, *CHATS[0]])


@pytest.mark.skipif(not QWEN25.is_dir(), reason="the Qwen2.5 tokenizer is in ../shared/data, which is absent")
@pytest.mark.shared
@pytest.mark.parametrize("messages", CHATS)
def test_the_real_qwen25_template_renders_as_in_transformers(messages: list[dict[str, str]]) -> None:
    auto: Any = pytest.importorskip("transformers").PreTrainedTokenizerFast
    made = Tokenizer.load(QWEN25)
    theirs = auto.from_pretrained(str(QWEN25))
    text = theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert made.render(messages) == text
    assert list(made.encode(text)) == theirs.encode(text, add_special_tokens=False)
