"""An engine by its short name.

Knows which names there are. Refuses to import an engine before it is asked for: torch loads only for those that use it.
"""

from __future__ import annotations

from typing import Any

from s1kit.engines.base import Engine, EngineError
from s1kit.tokenizer import Tokenizer

KINDS = ("hf", "vllm", "completions", "scripted")


def open_engine(
    kind: str,
    model: str,
    *,
    slots: int = 64,
    spare: int | None = None,
    dtype: str = "float32",
    device: str = "cpu",
    context_len: int | None = None,
    seed: int = 0,
    prefix_caching: bool = True,
    tensor_parallel: int = 1,
    data_parallel: int = 1,
    gpu_memory: float = 0.9,
    cache_bytes: int | None = None,
    eager: bool | None = None,
    url: str | None = None,
    profile: str = "vllm",
    served: str | None = None,
    tokenizer: str | None = None,
    api_key_env: str | None = None,
    timeout: float = 300.0,
    longest: float = 7200.0,
    tries: int = 6,
) -> tuple[Engine, Tokenizer]:
    """The engine and the tokenizer of its model. Raises EngineError or TokenizerError, with what to do.

    ``spare``: finished rows that engine ``hf`` keeps in its cache (None: a quarter of ``slots``).
    From ``tensor_parallel`` to ``eager`` of engine ``vllm`` (``vllm_load.Options``); the others after that of engine
    ``completions`` (``completions_open.open_completions``), which has neither dtype nor device: those are the server's.
    """
    if kind == "scripted":
        return _scripted(model, seed, context_len or 4096, slots)
    loaded: dict[str, Any] = {"slots": slots, "dtype": dtype, "device": device, "context_len": context_len}
    loaded["prefix_caching"] = prefix_caching
    if kind == "hf":
        try:
            from s1kit.engines.hf import HFEngine
        except ImportError as error:
            raise EngineError(
                f"engine hf needs torch and transformers ({error})\nhint: pip install 's1kit[hf]'"
            ) from error
        engine = HFEngine(model, spare=spare, **loaded)
        return engine, engine.tokenizer
    if kind == "vllm":
        from s1kit.engines.vllm import VLLMEngine

        offline = VLLMEngine(
            model,
            **loaded,
            tensor_parallel=tensor_parallel,
            data_parallel=data_parallel,
            gpu_memory=gpu_memory,
            cache_bytes=cache_bytes,
            eager=eager,
        )
        return offline, offline.tokenizer
    if kind == "completions":
        from s1kit.engines.completions_open import open_completions
        from s1kit.wire.peer import Patience

        return open_completions(
            model,
            url=url,
            profile=profile,
            served=served,
            tokenizer=tokenizer,
            api_key_env=api_key_env,
            slots=slots,
            context_len=context_len,
            patience=Patience(silence=timeout, longest=longest, tries=tries),
        )
    if kind == "chat":
        raise EngineError(
            "engine chat answers whole conversations and continues nothing: it is for s1 eval only\n"
            "hint: use engine completions, if the server has /v1/completions"
        )
    raise EngineError(f"unknown engine {kind!r}\nhint: known engines: {', '.join(KINDS)}")


def _scripted(model: str, seed: int, context_len: int, slots: int) -> tuple[Engine, Tokenizer]:
    from s1kit.engines.scripted import ScriptedEngine

    loaded = Tokenizer.load(model)
    ends = {i: 0.05 for name in ("<|im_start|>", "<|im_end|>") if (i := loaded.id_of(name)) is not None}
    size = loaded.vocab_size
    return ScriptedEngine.random(seed, stops=ends, vocab_size=size, context_len=context_len, slots=slots), loaded
