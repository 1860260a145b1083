"""Launch files for training on several GPUs: an accelerate config, a torchrun script and a Slurm script.

Knows how GPUs are divided into data parallelism (FSDP2) and context parallelism, and what each launcher wants to be
told. Refuses sizes that nobody has thought about, and to launch anything: the files are for people to read and run.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, Final, Literal

import jinja2
from pydantic import Field

from s1kit.errors import UserError
from s1kit.store.files import write_atomic
from s1kit.types import Record

ACCELERATE: Final = "accelerate.yaml"
TORCHRUN: Final = "torchrun.sh"
SLURM: Final = "slurm.sh"
GPUS_PER_NODE: Final = (1, 2, 4, 8)
MOST_NODES: Final = 64

Checkpointing = Literal["none", "recompute", "offload"]
"""What becomes of activations: kept, computed again in the backward pass, or that and parked in CPU memory."""


class LaunchError(UserError, ValueError):
    """A size, a model or a path that no launch file can be written for."""


class Sizes(Record):
    """How many GPUs, and how they share a step. ``context_parallel`` GPUs hold one row together, each a part of it."""

    nodes: int
    gpus_per_node: int
    context_parallel: int = Field(default=1)

    @property
    def processes(self) -> int:
        """One per GPU."""
        return self.nodes * self.gpus_per_node

    @property
    def data_parallel(self) -> int:
        """Groups of GPUs that work on different rows."""
        return self.processes // self.context_parallel

    def check(self) -> None:
        """Raises LaunchError for sizes that are not supported."""
        if self.gpus_per_node not in GPUS_PER_NODE or not 1 <= self.nodes <= MOST_NODES:
            raise LaunchError(
                f"no launch files for {self.nodes} x {self.gpus_per_node} GPUs\n"
                f"hint: {', '.join(map(str, GPUS_PER_NODE))} GPUs per node, 1 to {MOST_NODES} nodes"
            )
        if self.context_parallel < 1 or self.gpus_per_node % self.context_parallel:
            raise LaunchError(
                f"context parallelism over {self.context_parallel} of {self.gpus_per_node} GPUs per node\n"
                "hint: it has to divide the GPUs of one node, so that a row's parts stay within it"
            )


def accumulation(batch: int, data_parallel: int, per_device: int = 1) -> int:
    """Gradient accumulation steps that make ``batch`` rows one optimiser step. Raises LaunchError if none do."""
    steps, rest = divmod(batch, data_parallel * per_device)
    if rest or not steps:
        raise LaunchError(
            f"a batch of {batch} rows cannot be shared by {data_parallel} groups of GPUs with {per_device} rows each\n"
            f"hint: make it a multiple of {data_parallel * per_device}; more context parallelism makes fewer groups"
        )
    return steps


def pad_multiple(context_parallel: int) -> int | None:
    """What row lengths must be a multiple of: PyTorch's ring attention deals each GPU two slices of every row."""
    return 2 * context_parallel if context_parallel > 1 else None


def layer_class(base: Path) -> str:
    """The transformer layer that FSDP shards one by one, from the model's ``config.json``. Raises LaunchError."""
    try:
        config = json.loads((base / "config.json").read_text(encoding="utf-8"))
        architecture = str(config["architectures"][0])
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise LaunchError(f"cannot tell the architecture of {base}: {error!r}\nhint: the folder of a model") from error
    import transformers

    model = getattr(transformers, architecture, None) if architecture.isidentifier() else None
    layers = sorted(getattr(model, "_no_split_modules", None) or ())
    if not layers:
        raise LaunchError(
            f"transformers {transformers.__version__} names no layer class for {architecture!r} of {base}"
        )
    return ",".join(layers)


def launch_files(
    nodes: int,
    gpus_per_node: int,
    *,
    recipe: Path,
    out: Path,
    base: Path | None = None,
    context_parallel: int = 1,
    batch: int = 16,
    checkpointing: Checkpointing = "recompute",
    offload: bool = False,
) -> list[Path]:
    """Write ``accelerate.yaml``, ``torchrun.sh`` and ``slurm.sh`` into ``out`` and return their paths.

    ``recipe`` is the file that each process trains from, its path as seen from where the job starts; ``base`` the
    model's folder (None: accelerate asks the model for its layer class); ``batch`` the rows of one optimiser step;
    ``offload`` parks parameters, gradients and optimiser states in CPU memory. Raises LaunchError for sizes that do
    not divide, paths with control characters, and an architecture that transformers does not know.
    """
    sizes = Sizes(nodes=nodes, gpus_per_node=gpus_per_node, context_parallel=context_parallel)
    sizes.check()
    for path in (recipe, out):
        if not str(path).isprintable():
            raise LaunchError(f"a path with control characters: {str(path)!r}\nhint: rename it")
    fsdp = _fsdp(layer_class(base) if base is not None else None, checkpointing, offload)
    facts = {
        "s": sizes,
        "batch": batch,
        "accumulate": accumulation(batch, sizes.data_parallel),
        "fsdp": fsdp,
        "parallelism": _parallelism(sizes),
        "recipe": str(recipe),
        "accelerate": str(out / ACCELERATE),
        "torchrun": str(out / TORCHRUN),
        "slurm": str(out / SLURM),
    }
    out.mkdir(parents=True, exist_ok=True)
    environment = _environment()
    for name in (ACCELERATE, TORCHRUN, SLURM):
        write_atomic(out / name, environment.get_template(f"{name}.j2").render(facts))
    return [out / name for name in (ACCELERATE, TORCHRUN, SLURM)]


def _fsdp(layer: str | None, checkpointing: Checkpointing, offload: bool) -> dict[str, Any]:
    """accelerate's ``fsdp_config``; upper-cased, the keys are the variables that its launcher would set."""
    return {
        "fsdp_version": 2,
        "fsdp_reshard_after_forward": True,
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        **({} if layer is None else {"fsdp_transformer_layer_cls_to_wrap": layer}),
        "fsdp_activation_checkpointing": checkpointing != "none",
        "fsdp_activation_checkpointing_offload": checkpointing == "offload",
        "fsdp_cpu_ram_efficient_loading": True,
        "fsdp_offload_params": offload,
        # transformers' save_model writes no weights at all where this is SHARDED_STATE_DICT
        "fsdp_state_dict_type": "FULL_STATE_DICT",
    }


def _parallelism(sizes: Sizes) -> dict[str, Any]:
    """accelerate's ``parallelism_config``; empty without context parallelism, where FSDP shards over all GPUs."""
    if sizes.context_parallel == 1:
        return {}
    return {
        "parallelism_config_dp_replicate_size": 1,
        "parallelism_config_dp_shard_size": sizes.data_parallel,
        "parallelism_config_tp_size": 1,
        "parallelism_config_cp_size": sizes.context_parallel,
        "parallelism_config_cp_backend": "torch",
        "parallelism_config_cp_comm_strategy": "allgather",
    }


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("s1kit.train"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["shell"] = lambda value: shlex.quote(str(value))
    environment.filters["plain"] = lambda value: json.dumps(value) if isinstance(value, bool) else str(value)
    environment.filters["variable"] = _variable
    return environment


def _variable(key: str) -> str:
    """The environment variable of an ``fsdp_config`` key; accelerate shortens one of them."""
    return key.upper().replace("FSDP_TRANSFORMER_LAYER_CLS_TO_WRAP", "FSDP_TRANSFORMER_CLS_TO_WRAP")
