"""From an address to a completions engine: what the server says of itself, and the tokenizer of its model.

Knows where each dialect tells its context and version. Refuses to guess: what neither the server nor the model's folder
says has to be given.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s1kit.engines.base import EngineError
from s1kit.engines.completions import CompletionsEngine
from s1kit.engines.completions_profile import PROFILES, Profile
from s1kit.engines.completions_server import Server
from s1kit.tokenizer import Tokenizer
from s1kit.types import EngineInfo
from s1kit.wire.failed import Failed
from s1kit.wire.peer import Patience
from s1kit.wire.post import fetch

FILES = ["tokenizer*.json", "config.json", "*.jinja"]


@dataclass(frozen=True, slots=True)
class _Found:
    """What a server told of itself."""

    card: dict[str, Any] | None
    context_len: int | None
    version: str


def open_completions(
    model: str | Path,
    *,
    url: str | None,
    profile: str = "vllm",
    served: str | None = None,
    tokenizer: str | Path | None = None,
    api_key_env: str | None = None,
    slots: int = 64,
    context_len: int | None = None,
    patience: Patience | None = None,
) -> tuple[CompletionsEngine, Tokenizer]:
    """The engine and the tokenizer of its model.

    ``served``: the model's name on the server (default ``model``). ``tokenizer``: folder or hub id (default ``model``).
    ``context_len``: default what the server says, then the model's ``config.json``. ``api_key_env``: the environment
    variable with the key; None sends none. Raises EngineError or TokenizerError.
    """
    if profile not in PROFILES:
        raise EngineError(f"unknown engine.profile {profile!r}\nhint: known profiles: {', '.join(PROFILES)}")
    if not url:
        raise EngineError("engine completions needs engine.url\nhint: --set engine.url=http://127.0.0.1:8000/v1")
    if slots < 1:
        raise EngineError(f"slots={slots}: at least 1")
    dialect = PROFILES[profile]
    name = str(served or model)
    folder = model_folder(tokenizer or model)
    loaded = Tokenizer.load(folder)
    server = Server(url, name, slots=slots, key_env=api_key_env, patience=patience or Patience(), native=dialect.native)
    found = _ask(server, dialect)
    server.card = found.card
    config = _config(folder)
    info = EngineInfo(
        name="completions",
        model=name,
        version=f"{profile} {found.version}",
        slots=slots,
        context_len=_context(context_len, found.context_len, config, dialect),
        vocab_size=max(loaded.vocab_size, _number(config, "vocab_size") or 0) if dialect.exact else loaded.vocab_size,
        tokenizer_hash=loaded.hash,
        exact=dialect.exact,
        min_tokens=dialect.min_tokens,
        stop_seqs=True,
        banned_ids=dialect.banned_ids,
        crn=False,  # a server's generator starts again with every request
        logprobs=dialect.logprobs,
        streams=dialect.streams and dialect.exact,  # text is only cut into tokens once all of it is there
        top_k=dialect.top_k,
    )
    return CompletionsEngine(server, dialect, loaded, info), loaded


def model_folder(model: str | Path) -> Path:
    """The folder itself, or the tokenizer files of a hub id, fetched once. Raises EngineError."""
    path = Path(model)
    if path.is_dir():
        return path
    if isinstance(model, Path) or path.is_absolute() or str(model).count("/") != 1 or str(model).startswith((".", "~")):
        raise EngineError(
            f"no tokenizer at {model}: it is neither a folder nor a hub id\n"
            "hint: set engine.tokenizer to the model's folder or hub id, beside its name on the server"
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(str(model), allow_patterns=FILES))
    except (OSError, ValueError) as error:  # huggingface_hub's errors derive from these
        raise EngineError(
            f"the tokenizer of {model} could not be fetched from the hub: {error}\n"
            "hint: set engine.tokenizer to a folder with its tokenizer.json"
        ) from error


def _ask(server: Server, profile: Profile) -> _Found:
    """Ask the server about itself; on a thread of its own, since a notebook has an event loop already."""
    with ThreadPoolExecutor(1) as pool:
        try:
            return pool.submit(asyncio.run, _probe(server, profile)).result()
        except Failed as failed:
            hint = f"is it running, and is engine.profile {profile.name} its dialect?"
            if failed.status == 404:
                hint = "set engine.served to the model's name on the server"
            elif failed.status in (401, 402, 403):
                hint = "set engine.api_key_env to the variable that holds the key"
            raise EngineError(f"{server.base}: {server.shown(failed)}\nhint: {hint}") from failed


async def _probe(server: Server, profile: Profile) -> _Found:
    async with server.new_client() as client:
        card = await server.ask_for_card(client)
        if profile.native:
            context = _number((card or {}).get("default_generation_settings"), "n_ctx")
            # its context counts as full one token early
            return _Found(card, context and context - 1, str((card or {}).get("build_info") or "unknown"))
        version = await fetch(client, f"{server.root}/version") if profile.name == "vllm" else None
        said = version.get("version") if isinstance(version, dict) else None
        return _Found(card, _number(card, "max_model_len"), str(said or "unknown"))


def _context(asked: int | None, told: int | None, config: dict[str, Any], profile: Profile) -> int:
    if asked is not None and told is not None and asked > told:
        raise EngineError(f"context_len {asked} is more than the server holds ({told})\nhint: set it to {told} or less")
    length = asked or told or _number(config, "max_position_embeddings")
    if length is None:
        raise EngineError(
            f"neither the server ({profile.name}) nor the model's config.json says how long the context is\n"
            "hint: set engine.context_len"
        )
    return length


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise EngineError(f"cannot read {path}: {error}") from error
    inner = found.get("text_config") if isinstance(found, dict) else None
    return {**found, **(inner if isinstance(inner, dict) else {})} if isinstance(found, dict) else {}


def _number(fields: Any, name: str) -> int | None:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if type(value) is int and value > 0 else None
