"""From a folder with a reward model's weights to a function from token ids to numbers, without the folder's own code.

Knows the state-dict layouts of the heads. Refuses ``trust_remote_code``, a head that is not there, and weights left
out or left over in silence: transformers would fill a missing one with noise. Heads are computed in float32, whatever
the model runs in: two logits in half precision tie where they should not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from s1kit.search.reward import RewardError

HeadName = Literal["two_layers", "value", "two_tokens", "token_classes"]
SPARE: dict[HeadName, tuple[str, ...]] = {
    "two_layers": ("score.", "lm_head."),
    "value": ("v_head.", "lm_head."),
    "two_tokens": ("lm_head.",),
    "token_classes": ("lm_head.",),
}
"""Weights outside the body that may be there: the head, which is read apart, and an output layer nobody needs."""
Places = tuple[Sequence[int], Sequence[int]]
"""Rows and columns of a batch, equally many."""


@dataclass(frozen=True, slots=True)
class Net:
    """A reward model in memory. ``values(ids, mask, places)`` gives one number per place, all of them in [0, 1]."""

    values: Callable[[Any, Any, Places], list[float]]
    device: Any
    vocab_size: int
    """Rows of the embedding: ids from here on are another model's."""
    max_tokens: int | None
    """Positions it was made for."""


def load_net(folder: Path, head: HeadName, *, dtype: str, device: str, signs: tuple[int, int] | None = None) -> Net:
    """Load weights and head. ``signs``: ids of + and - for ``two_tokens``. Raises RewardError."""
    import torch

    from s1kit.engines.hf_load import DTYPES

    if dtype not in DTYPES:
        raise RewardError(f"unknown dtype {dtype!r}\nhint: one of {', '.join(DTYPES)}")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    body = _body(folder, head, DTYPES[dtype])
    try:
        body.eval().to(device)
    except (RuntimeError, AssertionError) as error:  # torch's words for a device that is unknown or not there
        raise RewardError(f"cannot use device {device!r}: {error}") from error
    if head == "two_tokens":
        if signs is None:
            raise ValueError("two_tokens needs the ids of + and -")
        values = _two_tokens(body, signs)
    elif head == "token_classes":
        values = _token_classes(body)
    else:
        values = _on_hidden(body, *_read_head(folder, head, int(body.config.hidden_size), device))
    return Net(
        values=values,
        device=device,
        vocab_size=int(body.get_input_embeddings().weight.shape[0]),
        max_tokens=getattr(body.config, "max_position_embeddings", None),
    )


def _body(folder: Path, head: HeadName, dtype: Any) -> Any:
    """The transformers model under the head, every one of its weights found in the folder."""
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForTokenClassification

    kind = {"two_tokens": AutoModelForCausalLM, "token_classes": AutoModelForTokenClassification}.get(head, AutoModel)
    reports = logging.getLogger("transformers")
    level = reports.level
    try:
        reports.setLevel(logging.ERROR)  # it would list the head, which is read here, as unexpected
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if head == "token_classes" and config.num_labels != 2:
            raise RewardError(f"{folder}: a head with {config.num_labels} classes, where two (wrong, right) are needed")
        body, found = kind.from_pretrained(
            folder, config=config, dtype=dtype, trust_remote_code=False, output_loading_info=True
        )
    except RewardError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise RewardError(f"cannot load a reward model from {folder}: {error}") from error
    finally:
        reports.setLevel(level)
    _check_keys(folder, head, found)
    return body


def _check_keys(folder: Path, head: HeadName, found: dict[str, Any]) -> None:
    """Refuse weights that are missing, and weights that this layout would not use."""
    missing = sorted(found["missing_keys"]) + sorted(str(key) for key in found["mismatched_keys"])
    if missing:
        raise RewardError(
            f"{folder} lacks {len(missing)} of the weights that this layout needs, the first is {missing[0]}\n"
            f"hint: another layout? The folder holds {_outer_keys(folder)}"
        )
    over = sorted(
        key for key in found["unexpected_keys"] if not (key.startswith(SPARE[head]) or key.endswith("inv_freq"))
    )
    if over:
        raise RewardError(
            f"{folder} holds {len(over)} weights that this layout does not use, the first is {over[0]}\n"
            "hint: another layout?"
        )


def _read_head(folder: Path, head: HeadName, hidden: int, device: str) -> tuple[Any, bool]:
    """The head as a float32 module, and whether it has one output (sigmoid) instead of two (softmax)."""
    import torch

    held = _head_weights(folder)
    if head == "value":
        inside = "v_head.summary." if "v_head.summary.weight" in held else "v_head."
        layers: list[Any] = [torch.nn.Linear(hidden, 1)]
        names = {"0.": inside}
    else:
        layers = [torch.nn.Linear(hidden, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 2)]
        names = {"0.": "score.0.", "2.": "score.2."}
    module = torch.nn.Sequential(*layers)
    state = {
        here + end: held[there + end].float()
        for here, there in names.items()
        for end in ("weight", "bias")
        if there + end in held
    }
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise RewardError(
            f"{folder} does not hold the head of this layout ({', '.join(sorted(names.values()))}weight and bias): "
            f"{error}\nhint: another layout? The folder holds {_outer_keys(folder)}"
        ) from error
    return module.eval().to(device), head == "value"


def _head_weights(folder: Path) -> dict[str, Any]:
    """Tensors of the folder's files that are of no known body: names beginning ``score.`` or ``v_head.``."""
    import torch
    from safetensors import safe_open

    wanted = ("score.", "v_head.")
    held = dict[str, Any]()
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(str(path), framework="pt") as file:
            held |= {key: file.get_tensor(key) for key in file.keys() if key.startswith(wanted)}  # noqa: SIM118
    if not held:
        for path in sorted(folder.glob("pytorch_model*.bin")):
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            held |= {key: value.clone() for key, value in state.items() if key.startswith(wanted)}
    return held


def _outer_keys(folder: Path) -> str:
    """What weights are there outside the body, for a message."""
    from safetensors import safe_open

    if not next(folder.glob("*.safetensors"), None):
        return "pytorch_model.bin"
    keys = set[str]()
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(str(path), framework="pt") as file:
            keys |= {key for key in file.keys() if not key.startswith("model.")}  # noqa: SIM118
    return ", ".join(sorted(keys)[:8]) or "no head of its own"


def _on_hidden(body: Any, head: Any, one_output: bool) -> Callable[[Any, Any, Places], list[float]]:
    def values(ids: Any, mask: Any, places: Places) -> list[float]:
        hidden = body(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        out = head(hidden[places[0], places[1]].float())
        found: list[float] = (out[:, 0].sigmoid() if one_output else out.softmax(-1)[:, 1]).tolist()
        return found

    return values


def _two_tokens(body: Any, signs: tuple[int, int]) -> Callable[[Any, Any, Places], list[float]]:
    def values(ids: Any, mask: Any, places: Places) -> list[float]:
        import torch

        # logits of the whole vocabulary only where somebody reads them: a batch of all of them fills a memory
        columns = sorted(set(places[1]))
        column_of = {column: number for number, column in enumerate(columns)}
        kept = torch.tensor(columns, device=ids.device)
        out = body(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=kept).logits
        pairs = out[places[0], [column_of[column] for column in places[1]]][:, list(signs)]
        found: list[float] = pairs.float().softmax(-1)[:, 0].tolist()
        return found

    return values


def _token_classes(body: Any) -> Callable[[Any, Any, Places], list[float]]:
    def values(ids: Any, mask: Any, places: Places) -> list[float]:
        out = body(input_ids=ids, attention_mask=mask).logits
        found: list[float] = out[places[0], places[1]].float().softmax(-1)[:, 1].tolist()
        return found

    return values
