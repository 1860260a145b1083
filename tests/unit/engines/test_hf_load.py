"""Model folders that the hf engine must refuse, each with what, where and a hint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from s1kit.engines.base import EngineError
from s1kit.engines.hf import HFEngine


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("file", "words"),
    [("config.json", "no config.json"), ("model.safetensors", "no weights"), ("tokenizer.json", "no tokenizer.json")],
)
def test_a_missing_file_is_named(folder: Path, file: str, words: str) -> None:
    (folder / file).unlink()
    with pytest.raises(EngineError, match=words) as caught:
        HFEngine(folder)
    assert str(folder) in str(caught.value)
    assert "hint:" in str(caught.value)


def test_an_adapter_is_recognised(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(EngineError, match="merge"):
        HFEngine(folder)


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(EngineError, match="no model folder"):
        HFEngine("./nowhere")


def test_a_hub_id_that_cannot_be_fetched() -> None:
    with pytest.raises(EngineError, match="could not be fetched"):
        HFEngine("nobody/no-such-model-s1kit")


def test_a_sliding_window_is_refused(folder: Path) -> None:
    edit(folder, use_sliding_window=True, sliding_window=64, max_window_layers=0, layer_types=["sliding_attention"] * 2)
    with pytest.raises(EngineError, match="not plain keys and values"):
        HFEngine(folder)


def test_an_unknown_architecture_is_refused(folder: Path) -> None:
    edit(folder, model_type="no_such_model", architectures=["NoSuchModel"])
    with pytest.raises(EngineError, match=r"config\.json"):
        HFEngine(folder)


def test_code_that_comes_with_a_model_is_not_run(folder: Path) -> None:
    edit(folder, model_type="mine", auto_map={"AutoConfig": "mine.C", "AutoModelForCausalLM": "mine.M"})
    (folder / "mine.py").write_text("raise SystemExit('this code ran')")
    with pytest.raises(EngineError):
        HFEngine(folder)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtype": "float8"}, "unknown dtype 'float8'"),
        ({"device": "tpu9"}, "unknown device"),
        ({"context_len": 257}, "was made for 256 positions"),
        ({"context_len": 1}, "at least 2"),
        ({"slots": 0}, "at least 1"),
    ],
)
def test_options_are_checked(tiny_model: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(EngineError, match=words):
        HFEngine(tiny_model, **options)


def test_a_shorter_context_is_honoured(tiny_model: Path) -> None:
    assert HFEngine(tiny_model, context_len=100, device="auto").info.context_len == 100
