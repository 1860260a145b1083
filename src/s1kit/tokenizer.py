"""A model's tokenizer and chat template, read from its folder without transformers.

Knows ``tokenizer.json``, ``tokenizer_config.json`` and ``chat_template.jinja``. Refuses to know think formats and
engines. Text is encoded as it stands (no BOS, no template added), and ids are decoded with special tokens shown: the
record is tokens, so nothing may be dropped on the way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import Template, nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer as Backend

from s1kit.errors import UserError


class TokenizerError(UserError, ValueError):
    """A tokenizer that is missing, unreadable or cannot render a chat. Carries a hint on its own line."""


class Tokenizer:
    """Ids from text and text from ids, exactly as ``tokenizer.json`` says."""

    def __init__(self, backend: Backend, *, name: str, config: dict[str, Any], template: str | None) -> None:
        self.name = name
        self.config = config
        self.chat_template = template
        self._backend = backend
        self.vocab_size: int = max(backend.get_vocab(with_added_tokens=True).values()) + 1
        added = backend.get_added_tokens_decoder()
        self.added_ids = frozenset(added)
        self.special_ids = frozenset(i for i, token in added.items() if token.special)
        digest = hashlib.sha256(backend.to_str().encode())
        digest.update((template or "").encode())
        self.hash = digest.hexdigest()[:16]

    @classmethod
    def load(cls, folder: str | Path) -> Tokenizer:
        """Read the tokenizer of a model folder.

        Raises TokenizerError when the folder has no ``tokenizer.json``, or one that cannot be read.
        """
        root = Path(folder)
        path = root / "tokenizer.json"
        if not path.is_file():
            raise TokenizerError(
                f"no tokenizer.json in {root}\n"
                "hint: a model folder needs its fast tokenizer; AutoTokenizer(...).save_pretrained writes one"
            )
        try:
            backend = Backend.from_file(str(path))
        except Exception as error:  # the Rust binding raises bare Exception for every kind of bad file
            raise TokenizerError(f"cannot read {path}: {error}") from error
        backend.no_truncation()
        backend.no_padding()
        config = _read_json(root / "tokenizer_config.json")
        template_file = root / "chat_template.jinja"
        template = template_file.read_text() if template_file.is_file() else config.get("chat_template")
        if isinstance(template, list):  # several named templates: the one called default
            template = next((t["template"] for t in template if t.get("name") == "default"), None)
        return cls(backend, name=root.name, config=config, template=template)

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of ``text`` alone: special tokens written in it are recognised, none is added around it."""
        return tuple(self._backend.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ``ids`` with special tokens shown. Bytes that are no UTF-8 come out as U+FFFD."""
        return str(self._backend.decode(list(ids), skip_special_tokens=False))

    def id_of(self, token: str) -> int | None:
        """Id of a token by its exact name, or None."""
        found = self._backend.token_to_id(token)
        return None if found is None else int(found)

    def ends_line(self, token_id: int) -> bool:
        """Whether the token's last byte is a newline. One token suffices: a newline is one byte in UTF-8."""
        return self.decode([token_id]).endswith("\n")

    def render(self, messages: Sequence[dict[str, str]], system: str | None = None) -> str:
        """The prompt text of a conversation by the model's own chat template, ready for the assistant to speak.

        Raises TokenizerError where there is no template, or the template refuses the messages.
        """
        if self.chat_template is None:
            raise TokenizerError(
                f"tokenizer {self.name} has no chat template\n"
                "hint: use a chat model, or add chat_template.jinja to its folder"
            )
        turns = [{"role": "system", "content": system}] if system is not None else []
        turns += list(messages)
        try:
            template = _compiled(self.chat_template)
            # tools and documents are always there, as transformers passes them: templates test them against none
            return template.render(
                messages=turns, tools=None, documents=None, add_generation_prompt=True, **_special_names(self.config)
            )
        except (TemplateError, TypeError) as error:
            raise TokenizerError(f"the chat template of {self.name} refused the messages: {error}") from error


class _GenerationTag(Extension):
    """``{% generation %}``: templates mark the assistant's words with it for training masks; here it only renders."""

    tags = {"generation"}  # noqa: RUF012 - the base class declares an instance variable

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@lru_cache(maxsize=32)
def _compiled(text: str) -> Template:
    """Kept: compiling a template costs some hundred times as much as filling it in. Raises TemplateError."""
    return _environment().from_string(text)


def _environment() -> ImmutableSandboxedEnvironment:
    # the settings that transformers documents for chat templates; sandboxed, since a template is somebody's code
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _GenerationTag]
    )
    environment.filters["tojson"] = lambda value, **kw: json.dumps(value, ensure_ascii=False, **kw)
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _special_names(config: dict[str, Any]) -> dict[str, str]:
    names = {}
    for key in ("bos_token", "eos_token", "pad_token", "unk_token"):
        value = config.get(key)
        if value:
            names[key] = value["content"] if isinstance(value, dict) else value
    return names


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text())
    except ValueError as error:
        raise TokenizerError(f"cannot read {path}: {error}") from error
    return value if isinstance(value, dict) else {}
