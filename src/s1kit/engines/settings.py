"""Which engine continues the tokens, as a recipe says it.

Knows every setting of every engine. Refuses to open one: ``open`` does.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from s1kit.types import Record

Positive = Annotated[int, Field(strict=True, gt=0)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class EngineConfig(Record):
    """Which engine continues the tokens."""

    kind: Literal["hf", "vllm", "completions", "chat", "scripted"] = "hf"
    slots: Positive = 64
    """Rows that run at once. Changes speed, not results."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = "cpu"
    context_len: Positive | None = None
    """None: the model's own."""
    seed: int = 0
    """Of the scripted engine only."""
    prefix_caching: bool = True
    """Keep what was computed for a context for the next one that begins alike (hf, vllm)."""
    tensor_parallel: Positive = 1
    """Devices that share every layer (vllm)."""
    data_parallel: Positive = 1
    """Copies of the model: refused here, vLLM's own server has them."""
    gpu_memory: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Share of an accelerator's memory (vllm)."""
    cache_bytes: Positive | None = None
    """Memory for keys and values (vllm); None: on CPU what the slots need, else what ``gpu_memory`` leaves."""
    eager: bool | None = None
    """No compilation and no graphs (vllm); None: on CPU."""
    url: str | None = None
    """Of the engines completions and chat: the server's address; dtype and device are then the server's own."""
    profile: Literal["vllm", "sglang", "llamacpp", "openai"] = "vllm"
    """The server's dialect (completions)."""
    served: str | None = None
    """The model's name on the server (completions, chat); None: as ``model``."""
    tokenizer: str | None = None
    """Folder or hub id of the model's tokenizer (completions); None: as ``model``."""
    api_key_env: str | None = None
    """The environment variable that holds the key (completions; chat: OPENAI_API_KEY where none is named). The key
    itself is never written anywhere."""
    timeout: Seconds = 300.0
    """Without a byte from the server (completions, chat)."""
    longest: Seconds = 7200.0
    """For one row, all its tries together (completions, chat)."""
    tries: Positive = 6
    """In a row that brought a request no further (completions, chat)."""
