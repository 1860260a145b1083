"""Launch files as their readers see them: accelerate's own loader and plugins, torchrun's own parser, bash."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import ParallelismConfig
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from accelerate.utils.launch import prepare_multi_gpu_env
from hypothesis import given
from hypothesis import strategies as st
from torch.distributed.fsdp import CPUOffloadPolicy
from torch.distributed.run import get_args_parser
from torch.distributed.tensor.experimental._context_parallel import _load_balancer

from s1kit.nano.shipped import resolve_model
from s1kit.train.launch import LaunchError, Sizes, accumulation, launch_files, layer_class, pad_multiple

BASE = Path(resolve_model("nano-base"))
SIZES = [(1, 1, 1), (1, 8, 1), (2, 8, 1), (1, 8, 2), (2, 8, 8), (4, 2, 2)]
OURS = ("ACCELERATE_", "FSDP_", "PARALLELISM_CONFIG_")


def written(tmp_path: Path, nodes: int, gpus: int, cp: int, recipe: str = "recipes/x.yaml", **rest: Any) -> list[Path]:
    out = tmp_path / "launch"
    return launch_files(nodes, gpus, context_parallel=cp, recipe=Path(recipe), out=out, base=BASE, **rest)


def accelerates(config: Path, recipe: str = "recipes/x.yaml") -> dict[str, str]:
    """The variables that accelerate's launcher sets for this file, without starting anything."""
    command = ["--config_file", str(config), "--main_process_port", "0", "-m", "s1kit.cli.main", "train", recipe]
    args, _, _ = _validate_launch_command(launch_command_parser().parse_args(command))
    args.main_process_ip = args.main_process_ip or "127.0.0.1"
    assert args.use_fsdp
    return prepare_multi_gpu_env(args)


def shim(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/usr/bin/env bash\n{script}\n")
    (folder / name).chmod(0o755)


def ran(tmp_path: Path, script: Path, **variables: str) -> tuple[list[str], dict[str, str]]:
    """Run the script with a torchrun that only tells its arguments and its environment."""
    told = tmp_path / "told"
    shim(tmp_path / "bin", "torchrun", f'printf "%s\\0" "$@" > "{told}.args"; env -0 > "{told}.env"')
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith((*OURS, "OMP_"))}
    subprocess.run(["bash", str(script)], check=True, env={**clean, **variables, "PATH": path}, cwd=tmp_path)
    pairs = Path(f"{told}.env").read_text().split("\0")[:-1]
    return Path(f"{told}.args").read_text().split("\0")[:-1], dict(pair.split("=", 1) for pair in pairs)


def plugin(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> dict[str, Any]:
    """FSDP's settings as accelerate reads them in a process with these variables."""
    with monkeypatch.context() as patched:
        for name in [name for name in os.environ if name.startswith(OURS)]:
            patched.delenv(name)
        for name, value in variables.items():
            if name.startswith(OURS):
                patched.setenv(name, value)
        found = FullyShardedDataParallelPlugin()
        return {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}


def parallelism(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> dict[str, int]:
    with monkeypatch.context() as patched:
        for name, value in variables.items():
            if name.startswith("PARALLELISM_CONFIG_"):
                patched.setenv(name, value)
        found = ParallelismConfig()
        return {**found._sizes, "total": found.total_size}


@pytest.mark.parametrize(("nodes", "gpus", "cp"), SIZES)
def test_accelerate_reads_what_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nodes: int, gpus: int, cp: int
) -> None:
    config, _, _ = written(tmp_path, nodes, gpus, cp)
    found = load_config_from_file(str(config))
    assert (found.num_machines, found.num_processes) == (nodes, nodes * gpus)
    assert (found.distributed_type, found.mixed_precision) == (DistributedType.FSDP, "bf16")
    variables = accelerates(config)
    settings = plugin(monkeypatch, variables)
    assert settings["fsdp_version"] == 2
    assert settings["reshard_after_forward"] is True
    assert settings["transformer_cls_names_to_wrap"] == ["Qwen2DecoderLayer"]
    assert settings["activation_checkpointing"] is True
    assert settings["cpu_ram_efficient_loading"] is True
    assert "FULL_STATE_DICT" in str(settings["state_dict_type"])
    assert variables["ACCELERATE_MIXED_PRECISION"] == "bf16"
    assert (variables.get("ACCELERATE_USE_PARALLELISM_CONFIG") == "true") is (cp > 1)
    if cp > 1:  # the trainer refuses to start where the product is not the number of processes
        sizes = parallelism(monkeypatch, variables)
        assert sizes == {
            "dp_replicate": 1, "dp_shard": nodes * gpus // cp, "cp": cp, "sp": 1, "tp": 1, "total": nodes * gpus
        }  # fmt: skip


@pytest.mark.parametrize(("nodes", "gpus", "cp"), SIZES)
@pytest.mark.parametrize("rest", [{}, {"checkpointing": "offload", "offload": True}, {"checkpointing": "none"}])
def test_torchrun_sets_what_accelerate_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nodes: int, gpus: int, cp: int, rest: dict[str, Any]
) -> None:
    config, torchrun, _ = written(tmp_path, nodes, gpus, cp, **rest)
    theirs = accelerates(config)
    args, ours = ran(tmp_path, torchrun, S1_HEAD="node-a:29500")
    mine = {name: value for name, value in ours.items() if name.startswith(OURS)}
    for name in ("ACCELERATE_USE_FSDP", "ACCELERATE_MIXED_PRECISION", "ACCELERATE_USE_PARALLELISM_CONFIG"):
        assert mine.get(name) == theirs.get(name)
    assert {name: theirs.get(name, "").lower() for name in mine} == {k: v.lower() for k, v in mine.items()}
    assert repr(plugin(monkeypatch, ours)) == repr(plugin(monkeypatch, theirs))
    assert parallelism(monkeypatch, ours) == parallelism(monkeypatch, theirs)
    parsed = get_args_parser().parse_args(args)
    assert (parsed.nproc_per_node, parsed.module, parsed.training_script) == (str(gpus), True, "s1kit.cli.main")
    assert parsed.training_script_args == ["train", "recipes/x.yaml"]
    if nodes == 1:
        assert parsed.standalone
    else:
        assert (parsed.nnodes, parsed.rdzv_backend, parsed.rdzv_endpoint) == (str(nodes), "c10d", "node-a:29500")


@pytest.mark.parametrize(
    ("rest", "kept"),
    [
        ({}, (True, False, False)),
        ({"checkpointing": "none"}, (False, False, False)),
        ({"checkpointing": "offload"}, (True, True, False)),
        ({"offload": True}, (True, False, True)),
    ],
)
def test_what_is_recomputed_and_what_is_parked_is_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: dict[str, Any], kept: tuple[bool, bool, bool]
) -> None:
    found = plugin(monkeypatch, accelerates(written(tmp_path, 1, 8, 1, **rest)[0]))
    offload = isinstance(found["cpu_offload"], CPUOffloadPolicy)
    assert (found["activation_checkpointing"], found["activation_checkpointing_offload"], offload) == kept


def test_slurm_starts_one_torchrun_per_node_that_meet_at_the_first(tmp_path: Path) -> None:
    _, _, slurm = written(tmp_path, 2, 8, 1)
    shim(tmp_path / "bin", "scontrol", 'test "$3" = "gpu[07-08]" && printf "gpu07\\ngpu08\\n"')
    shim(tmp_path / "bin", "srun", f'printf "%s\\n" "$@" > "{tmp_path}/srun"; shift 3; exec "$@"')
    job = {"SLURM_JOB_NODELIST": "gpu[07-08]", "SLURM_JOB_ID": "71234", "SLURM_CPUS_PER_TASK": "64"}
    args, _ = ran(tmp_path, slurm, **job)
    parsed = get_args_parser().parse_args(args)
    assert (parsed.rdzv_endpoint, parsed.rdzv_id) == ("gpu07:21234", "71234")
    assert (tmp_path / "srun").read_text().split("\n")[:3] == [
        "--ntasks-per-node=1", "--cpus-per-task=64", "--kill-on-bad-exit=1"
    ]  # fmt: skip
    asked = [line.removeprefix("#SBATCH ") for line in slurm.read_text().split("\n") if line.startswith("#SBATCH")]
    assert {"--nodes=2", "--ntasks-per-node=1", "--gpus-per-node=8"} <= set(asked)


def test_a_second_node_without_an_address_does_not_start(tmp_path: Path) -> None:
    _, torchrun, _ = written(tmp_path, 2, 8, 1)
    with pytest.raises(subprocess.CalledProcessError):
        ran(tmp_path, torchrun)


@pytest.mark.parametrize("recipe", ["my recipe.yaml", "$(touch pwned).yaml", "it's.yaml", "a;b`c`.yaml", "ü–x.yaml"])
def test_a_recipe_with_an_odd_name_arrives_whole(tmp_path: Path, recipe: str) -> None:
    files = written(tmp_path, 1, 8, 1, recipe)
    args, _ = ran(tmp_path, files[1])
    assert args[-1] == recipe
    assert not (tmp_path / "pwned").exists()
    assert load_config_from_file(str(files[0])).num_processes == 8
    for script in files[1:]:
        subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize(("nodes", "gpus", "cp"), [(0, 8, 1), (1, 3, 1), (1, 16, 1), (65, 8, 1), (1, 8, 3), (1, 8, 0)])
def test_unknown_sizes_are_refused(tmp_path: Path, nodes: int, gpus: int, cp: int) -> None:
    with pytest.raises(LaunchError, match="hint:"):
        written(tmp_path, nodes, gpus, cp)
    assert not (tmp_path / "launch").exists()


def test_a_batch_that_the_gpus_cannot_share_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="batch of 16 rows cannot be shared by 32 groups"):
        written(tmp_path, 4, 8, 1)
    assert "8 at a time, 2 times" in written(tmp_path, 4, 8, 4)[0].read_text()


def test_a_path_that_would_break_a_comment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="control characters"):
        written(tmp_path, 1, 8, 1, "a\nrm -rf x.yaml")


@given(st.integers(1, 512), st.integers(1, 64), st.integers(1, 16))
def test_accumulation_makes_the_batch_exactly(batch: int, groups: int, per_device: int) -> None:
    if batch % (groups * per_device):
        with pytest.raises(LaunchError, match="cannot be shared"):
            accumulation(batch, groups, per_device)
    else:
        assert accumulation(batch, groups, per_device) * groups * per_device == batch


@given(st.sampled_from([2, 4, 8]), st.integers(1, 400))
def test_rows_are_padded_to_what_ring_attention_divides(cp: int, length: int) -> None:
    multiple = pad_multiple(cp)
    assert multiple is not None

    def divides(tokens: int) -> bool:
        try:
            _load_balancer._HeadTailLoadBalancer(tokens, cp, torch.device("cpu"))._generate_indices()
        except AssertionError:
            return False
        return True

    assert divides(length) is (length % multiple == 0)


def test_one_gpu_per_row_needs_no_padding() -> None:
    assert pad_multiple(1) is None


def test_the_layer_is_that_of_the_architecture(tmp_path: Path) -> None:
    assert layer_class(BASE) == "Qwen2DecoderLayer"
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    assert layer_class(tmp_path) == "LlamaDecoderLayer"
    for architecture in ("NobodysForCausalLM", "os.path", "logging"):
        (tmp_path / "config.json").write_text(json.dumps({"architectures": [architecture]}))
        with pytest.raises(LaunchError, match="names no layer class"):
            layer_class(tmp_path)
    for text in ("{}", "[]", "no json", '{"architectures": []}'):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(LaunchError, match="cannot tell the architecture"):
            layer_class(tmp_path)


def test_without_a_folder_accelerate_asks_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, *_ = launch_files(1, 8, recipe=Path("x.yaml"), out=tmp_path)
    assert plugin(monkeypatch, accelerates(config))["transformer_cls_names_to_wrap"] is None


def test_sizes_count_groups() -> None:
    sizes = Sizes(nodes=2, gpus_per_node=8, context_parallel=4)
    assert (sizes.processes, sizes.data_parallel) == (16, 4)
