"""README: its numbers are those of the benchmarks' files, its Python runs, its verbs and flags exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from typer.main import get_command

from s1kit.cli.main import app

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.removeprefix("$ ").strip()
    for block in re.findall(r"```console\n(.*?)```", TEXT.replace("\\\n", " "), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ s1 ")
]


def test_measured_numbers_are_those_of_the_benchmarks() -> None:
    spec = spec_from_file_location("bench_readme", ROOT / "bench" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.put(TEXT, "measured", module.measured()) == TEXT
    assert module.put(TEXT, "reproduced", module.reproduced()) == TEXT


def test_the_python_block_runs() -> None:
    [code] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.match(r"(model|cutoff) 1 <\|im_start\|>think\n", done.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_verbs_and_flags_exist(command: str) -> None:
    words = shlex.split(command, comments=True)[1:]
    verb = get_command(app)
    while words and words[0] in getattr(verb, "commands", {}):
        verb = verb.commands[words.pop(0)]
    if words and "run" in getattr(verb, "commands", {}):  # `s1 curate RECIPE` is `s1 curate run RECIPE`
        verb = verb.commands["run"]
    known = {flag for parameter in verb.params for flag in parameter.opts}
    assert not getattr(verb, "commands", {}), f"{command}: no such verb"
    assert {word for word in words if word.startswith("--")} <= known


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) >= 5
