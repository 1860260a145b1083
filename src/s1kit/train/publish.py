"""A trained folder made ready for strangers: checked, with a generation config and a card; pushed only when asked.

Knows what transformers and vLLM need to load a folder unchanged, and checks it without loading a tensor. Refuses to
repair: a folder that lacks something is an error that names it. Refuses to upload anything that loading does not
need: checkpoints, optimiser states, logs and manifests stay where they are.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from s1kit.errors import UserError
from s1kit.formats import Format, ResolvedFormat, load_format
from s1kit.store.files import write_atomic
from s1kit.tokenizer import Tokenizer
from s1kit.train.model_card import ModelCardFacts, render_model_card
from s1kit.types import Record

_INDEX = "model.safetensors.index.json"
_TEXTS = (
    *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"),
    *("special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt"),
    *("README.md", "LICENSE", "LICENSE.txt", "NOTICE"),
)
_NEUTRAL = frozenset(("bos_token_id", "eos_token_id", "pad_token_id", "use_cache", "do_sample", "transformers_version"))


class PublishError(UserError, ValueError):
    """A folder that others could not load as it is, or a hub that does not take it."""


class Published(Record):
    """What was written: ``files`` are all that a stranger needs, the ones that ``push`` uploads."""

    folder: Path
    files: tuple[str, ...]
    weight_bytes: int
    dropped: dict[str, Any]
    """Settings of the generation config that was there before which would have changed what the model says."""


def publish(folder: Path, facts: ModelCardFacts) -> Published:
    """Check ``folder``, then write ``generation_config.json`` and ``README.md`` into it.

    Raises PublishError where something is missing or broken, FormatError where the tokenizer cannot express the
    format that ``facts`` name. Nothing is written unless everything is in order.
    """
    spec = load_format(facts.format)
    form = check(folder, spec)
    before = _json(folder / "generation_config.json") if (folder / "generation_config.json").exists() else {}
    config = generation_config(folder, form)
    card = render_model_card(facts, spec)
    write_atomic(folder / "generation_config.json", json.dumps(config, indent=2) + "\n")
    write_atomic(folder / "README.md", card)
    dropped = {
        name: value
        for name, value in before.items()
        if name not in _NEUTRAL and not name.startswith(("_", "output_")) and value is not None
    }
    files = published_files(folder)
    size = sum((folder / name).stat().st_size for name in files if name.endswith(".safetensors"))
    return Published(folder=folder, files=files, weight_bytes=size, dropped=dropped)


def check(folder: Path, spec: Format) -> ResolvedFormat:
    """The format in the folder's ids, where config, weights, tokenizer and chat template are whole and belong together.

    Weights are checked by their headers: names, offsets and file sizes, not the numbers. Raises PublishError.
    """
    if (folder / "adapter_config.json").exists() and not (folder / "config.json").exists():
        raise PublishError(
            f"{folder} holds an adapter, not a model\nhint: merge it into its base model first, then publish the result"
        )
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        if not (folder / name).is_file():
            raise PublishError(f"no {name} in {folder}\nhint: publish the folder that `s1 train` printed")
    config = _json(folder / "config.json")
    _json(folder / "tokenizer_config.json")
    if not config.get("architectures"):
        raise PublishError(f"{folder / 'config.json'} names no architecture, so nobody could load the model")
    if "auto_map" in config:
        raise PublishError(
            f"{folder / 'config.json'} asks for remote code (auto_map), which s1kit neither runs nor ships"
        )
    _check_weights(folder)
    tokenizer = Tokenizer.load(folder)
    tokenizer.render([{"role": "user", "content": "1 + 1?"}])  # raises TokenizerError without a template
    rows = config.get("vocab_size")
    if isinstance(rows, int) and tokenizer.vocab_size > rows:
        raise PublishError(f"{folder}: the tokenizer has {tokenizer.vocab_size} ids, the model only {rows} embeddings")
    return spec.resolve(tokenizer)


def generation_config(folder: Path, form: ResolvedFormat) -> dict[str, Any]:
    """Greedy decoding that ends at the format's turn ends, and nothing else.

    A base model's own file may hold a repetition penalty or a temperature, which transformers and vLLM would apply
    without being asked: none is carried over. Temperature 0 is not written: transformers calls it invalid here.
    """
    config, tokenizer = _json(folder / "config.json"), form.tokenizer
    padding = tokenizer.config.get("pad_token")
    pad = tokenizer.id_of(padding["content"] if isinstance(padding, dict) else padding) if padding else None
    pad = config.get("pad_token_id") if pad is None else pad
    found: dict[str, Any] = {"do_sample": False, "eos_token_id": list(form.turn_end_ids)}
    if config.get("bos_token_id") is not None:
        found["bos_token_id"] = config["bos_token_id"]
    # training switches the cache off in config.json; without it generation is quadratic work
    return {**found, "pad_token_id": form.turn_end_ids[-1] if pad is None else pad, "use_cache": True}


def published_files(folder: Path) -> tuple[str, ...]:
    """Names in ``folder`` that a stranger needs, sorted: texts, and the weights that the index names."""
    weights = _weight_files(folder)
    index = [_INDEX] if (folder / _INDEX).exists() else []
    return tuple(sorted([*(name for name in _TEXTS if (folder / name).is_file()), *weights, *index]))


def push(folder: Path, repo_id: str, *, private: bool = True, endpoint: str | None = None) -> str:
    """Upload a published folder as one commit and return its address.

    The token comes from the environment or the hub's own login, never from an argument. A repository that exists must
    be as private as asked: uploading to a public one by mistake cannot be undone. Raises PublishError.
    """
    if not (folder / "README.md").is_file() or not (folder / "generation_config.json").is_file():
        raise PublishError(f"{folder} is not published yet\nhint: write its card first")
    _check_weights(folder)
    files = published_files(folder)
    try:
        import huggingface_hub as hub
    except ImportError as error:
        raise PublishError("pushing needs huggingface_hub\nhint: pip install 's1kit[data]'") from error
    if hub.get_token() is None:
        raise PublishError("not logged in to the hub\nhint: `hf auth login`, or set HF_TOKEN")
    api = hub.HfApi(endpoint=endpoint)
    try:
        address = api.create_repo(repo_id, private=private, exist_ok=True)
        found = api.repo_info(repo_id, timeout=30)
        if bool(found.private) is not private:
            raise PublishError(
                f"{repo_id} exists and is {'private' if found.private else 'public'}; nothing was uploaded\n"
                "hint: say which you mean, change the repository's visibility, or take another name"
            )
        api.upload_folder(
            repo_id=repo_id, folder_path=folder, allow_patterns=list(files), commit_message="Published with s1kit"
        )
    except _hub_errors(hub) as error:
        said = next(iter(str(error).strip().splitlines()), "")[:300] or type(error).__name__
        raise PublishError(
            f"the hub does not take {repo_id}: {said}\nhint: check the name, the token's rights and the connection"
        ) from error
    return str(address)


def _hub_errors(hub: Any) -> tuple[type[Exception], ...]:
    """What talking to the hub raises: the network's errors, a bad name, a failed upload, its HTTP client's own."""
    client = getattr(hub.errors, "HTTPError", OSError)
    return (OSError, RuntimeError, hub.errors.HFValidationError, client)


def _weight_files(folder: Path) -> tuple[str, ...]:
    """The weight files by name. Raises PublishError where there is none, or the index is no index."""
    if not (folder / _INDEX).exists():
        if (folder / "model.safetensors").is_file():
            return ("model.safetensors",)
        raise PublishError(
            f"no model.safetensors and no {_INDEX} in {folder}\nhint: save the model with save_pretrained; "
            "pickled weights (.bin, .pt) are not published"
        )
    places = _json(folder / _INDEX).get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise PublishError(f"{folder / _INDEX} maps no weights to files")
    if odd := sorted(name for name in set(places.values()) if "/" in name or not name.endswith(".safetensors")):
        raise PublishError(f"{folder / _INDEX} names {odd[0]!r}, which is no safetensors file of this folder")
    return tuple(sorted(set(places.values())))


def _check_weights(folder: Path) -> None:
    there: dict[str, str] = {}
    for name in _weight_files(folder):
        there |= dict.fromkeys(_tensors(folder / name), name)
    if (folder / _INDEX).exists():
        for tensor, name in _json(folder / _INDEX)["weight_map"].items():
            if there.get(tensor) != name:
                raise PublishError(f"{folder / _INDEX}: {tensor} is not in {name}\nhint: save the model again")


def _tensors(path: Path) -> list[str]:
    """Names of the tensors of a safetensors file, whose header has to fit the file's size. Raises PublishError."""
    if not path.is_file():
        raise PublishError(f"no {path.name} in {path.parent}, though its index names it")
    size = path.stat().st_size
    try:
        with path.open("rb") as handle:
            length = struct.unpack("<Q", handle.read(8))[0]
            if length > size:
                raise ValueError(f"a header of {length} bytes")
            header = json.loads(handle.read(length))
        names = [name for name in header if name != "__metadata__"]
        end = max((header[name]["data_offsets"][1] for name in names), default=0)
    except (struct.error, ValueError, AttributeError, KeyError, TypeError, IndexError) as error:
        raise PublishError(f"{path} is no safetensors file: {error}\nhint: save the model again") from error
    if not names or 8 + length + end != size:
        raise PublishError(f"{path} has {size} bytes, its header speaks of {8 + length + end}\nhint: save it again")
    return names


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PublishError(f"cannot read {path}: {error}") from error
    if not isinstance(found, dict):
        raise PublishError(f"{path} holds no JSON object")
    return found
