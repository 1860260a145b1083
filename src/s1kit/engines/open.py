"""An engine by its short name.

Knows which names there are. Refuses to import an engine before it is asked for: torch loads only for ``hf``.
"""

from __future__ import annotations

from s1kit.engines.base import Engine, EngineError
from s1kit.tokenizer import Tokenizer

KINDS = ("hf", "scripted")


def open_engine(
    kind: str,
    model: str,
    *,
    slots: int = 64,
    dtype: str = "float32",
    device: str = "cpu",
    context_len: int | None = None,
    seed: int = 0,
) -> tuple[Engine, Tokenizer]:
    """The engine and the tokenizer of its model. Raises EngineError or TokenizerError, with what to do."""
    if kind == "scripted":
        from s1kit.engines.scripted import ScriptedEngine

        tokenizer = Tokenizer.load(model)
        ends = {i: 0.05 for name in ("<|im_start|>", "<|im_end|>") if (i := tokenizer.id_of(name)) is not None}
        return (
            ScriptedEngine.random(
                seed, stops=ends, vocab_size=tokenizer.vocab_size, context_len=context_len or 4096, slots=slots
            ),
            tokenizer,
        )
    if kind == "hf":
        try:
            from s1kit.engines.hf import HFEngine
        except ImportError as error:
            raise EngineError(
                f"engine hf needs torch and transformers ({error})\nhint: pip install 's1kit[hf]'"
            ) from error
        engine = HFEngine(model, slots=slots, dtype=dtype, device=device, context_len=context_len)
        return engine, engine.tokenizer
    raise EngineError(f"unknown engine {kind!r}\nhint: known engines: {', '.join(KINDS)}")
