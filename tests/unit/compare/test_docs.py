"""The guide to comparing methods: its recipes, tables and refusals are the code's, and its examples run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from typer.main import get_command

from s1kit.cli.main import app
from s1kit.compare.recipe import CompareConfig, Rule, SinglePolicy, TreeMethod, name_of
from s1kit.compare.settings import policies, settings
from s1kit.config import EvalConfig
from s1kit.errors import UserError
from s1kit.evaluate import Wanted, prepare, role_of
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.policies import Bounded, BudgetForcing, Confident, Forced, NoWait, Rejection, Sampling, SoftCutoff
from s1kit.search.reward_model import FAMILIES
from s1kit.tokenizer import Tokenizer
from s1kit.types import EngineInfo, Question

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "compare.md").read_text(encoding="utf-8")
CONCEPTS = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
PLAIN = " ".join(GUIDE.split())
"""Without the places where its lines break."""
FIRST, ADDED, AFTER = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
TABLE = GUIDE[GUIDE.index("<!-- table: methods -->") :].split("\n\n")[0]
METHODS = [yaml.safe_load(code) for code in re.findall(r"`(\{(?:name|method): .*?\}\]?\}?)`", TABLE)]
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ s1 ")
]
QUESTION = Question.make(text="What is 2 + 2?", answer="4", answer_kind="integer")


def second() -> str:
    """The guide's second recipe: the first one with a baseline and more methods."""
    assert ADDED.startswith("baseline: BF\nmethods:")
    return FIRST + ADDED.partition("\n")[2].partition("\n")[2] + "baseline: BF\n"


def test_every_method_of_the_table_can_be_asked_for() -> None:
    for method in METHODS:
        config = CompareConfig.model_validate({"methods": [method]})
        found = settings(config)
        assert found
        assert policies(found)


def test_and_the_table_has_every_method_rule_search_and_policy() -> None:
    assert {method["method"] for method in METHODS} == {
        "budget_forcing", "token_conditional", "step_conditional", "class_conditional", "rejection", "vote",
        "tree_search", "policies",
    }  # fmt: skip
    assert {method["rule"] for method in METHODS if "rule" in method} == set(get_args(Rule))
    searches = {method["search"] for method in METHODS if "search" in method}
    assert searches == set(get_args(TreeMethod.model_fields["search"].annotation))
    kinds = {policy["kind"] for method in METHODS for policy in method.get("policies", ())}
    union = get_args(get_args(SinglePolicy)[0])
    assert kinds == {policy.model_fields["kind"].default for policy in union}


def test_names_in_the_table_are_those_that_tables_show() -> None:
    """A method that is not given a name is called in the first column what results call it."""
    for line in TABLE.splitlines()[3:]:
        names = line.split("|")[1].strip().split(", ")
        found = [yaml.safe_load(code) for code in re.findall(r"`(\{(?:name|method): .*?\}\]?\}?)`", line)]
        for method in found:
            config = CompareConfig.model_validate({"methods": [method]})
            shown = name_of(config.methods[0])
            assert "name" in method or shown.partition(" ")[0] in names, f"{shown} is not in {names}"


def test_recipes_load_and_the_second_adds_to_the_first() -> None:
    one, two = (CompareConfig.model_validate(yaml.safe_load(text)) for text in (FIRST, second()))
    assert two.methods[: len(one.methods)] == one.methods
    assert len(two.methods) == len(one.methods) + 3
    rows = {key: set(own) for key, own in policies(settings(two)).items()}
    before = {key: set(own) for key, own in policies(settings(one)).items()}
    [new] = [wanted for key, own in rows.items() for wanted in own - before.get(key, set())]
    assert new.policy.kind == "tree_search"  # "only the trees are generated"
    EvalConfig.model_validate(yaml.safe_load(AFTER))


def test_layouts_are_said_as_the_code_reads_them() -> None:
    said = PLAIN[PLAIN.index("The score of a step is, ") :].partition(". ")[0]
    assert set(re.findall(r"`(\w+)`", said)) == set(FAMILIES)
    for name, family in FAMILIES.items():
        assert f"`{name}`: {family.reads}" in said or f"`{name}` and `reasonflux`: {family.reads}" in said


def test_defaults_are_those_of_the_code() -> None:
    plain = CompareConfig.model_validate({"methods": [{"method": "class_conditional"}]})
    assert f"`limit` ({plain.limit})" in PLAIN
    assert f"`format` ({plain.format})" in PLAIN
    assert f"`seeds` ({plain.seeds})" in PLAIN
    steps = CompareConfig.model_validate({"methods": [{"method": "step_conditional", "limits": [1]}]}).methods[0]
    assert f"`step_tokens` ({getattr(steps, 'step_tokens', None)}, the paper's)" in PLAIN
    named = [{"method": "policies", "name": "any", "policies": [{"kind": "no_thinking"}]}]
    (setting,) = settings(CompareConfig.model_validate({"methods": named, "max_answer": 77}))
    assert isinstance(setting.wanted.policy, Bounded)
    assert setting.wanted.policy.max_answer == 77
    assert "`max_answer`: the recipe's unless set" in PLAIN


REFUSALS: Mapping[str, tuple[Forced, str, Mapping[str, Any]]] = {
    "at temperature 0 all draws are one": (Rejection(max_thinking=8), "s1", {}),
    "has no thinking phase": (BudgetForcing(), "plain", {}),
    "reads log-probabilities": (Confident(bar=1.0), "s1", {}),
    "cannot be told from the end of thinking": (SoftCutoff(max_thinking=8, until="<|im_start|>"), "s1", {}),
    "needs banned ids": (NoWait(), "s1", {"banned_ids": False}),
    "does not fit the context": (BudgetForcing(max_thinking=4000), "s1", {}),
}
"""What the guide says is refused -> a policy, a format and what its engine lacks."""


def test_the_guide_lists_these_refusals() -> None:
    table = GUIDE[GUIDE.index("| refusal |") :].split("\n\n")[0]
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == list(REFUSALS)


@pytest.mark.parametrize("words", REFUSALS)
def test_they_are_refused_in_these_words(words: str) -> None:
    policy, name, lacks = REFUSALS[words]
    tokenizer = Tokenizer.load(resolve_model("nano"))
    info = EngineInfo(name="any", model="any", version="1", context_len=2048, vocab_size=tokenizer.vocab_size, **lacks)
    wanted = Wanted(policy, role_of(policy), Sampling(), 1, None)
    with pytest.raises(UserError) as refused:
        prepare([QUESTION], [wanted], load_format(name).resolve(tokenizer), info, samples=1, seed=0)
    assert words in str(refused.value)
    assert "\nhint: " in str(refused.value)


@pytest.mark.parametrize("command", COMMANDS)
def test_verbs_and_flags_exist(command: str) -> None:
    words = shlex.split(command)[1:]
    verb = getattr(get_command(app), "commands", {})[words[0]]
    known = {flag for parameter in verb.params for flag in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_concepts_has_every_policy_and_every_end() -> None:
    from s1kit.types import Ended

    for ended in get_args(Ended):
        assert f"`{ended}`" in CONCEPTS
    section = CONCEPTS[CONCEPTS.index("## Other policies") : CONCEPTS.index("## Sweeps")]
    titles = re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE)
    assert titles == [
        "Rejection", "Countdown", "NoThinking", "NoWait", "Early exit", "Soft cut-off", "Confident", "Tree search",
    ]  # fmt: skip


def s1(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "s1kit.cli.main", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=240)
    assert done.returncode == 0, done.stderr
    return done


def heads(screen: str) -> list[list[str]]:
    """The first line of each table."""
    return [line.split() for line in screen.splitlines() if re.match(r"(method|extension) ", line)]


@pytest.mark.slow
def test_the_comparison_runs_and_one_method_more_costs_its_own_rows(tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text(FIRST)
    (tmp_path / "second.yaml").write_text(second())
    (shown,) = re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL)
    words = shlex.split(next(c for c in COMMANDS if c.startswith("s1 compare first.yaml")))[1:]
    done = s1(tmp_path, *words, "--limit", "2")
    assert done.stdout.strip() == "runs/first"
    assert [line for line in heads(done.stderr) if line[0] == "extension"] == [heads(shown)[-1]]
    settings_of = [line.split()[:3] for line in shown.splitlines()[5:15]]
    assert settings_of[0] == ["BF", "max", "16"]
    for words_of in settings_of:
        assert any(line.split()[:3] == words_of for line in done.stderr.splitlines()), words_of
    again = s1(tmp_path, "compare", "second.yaml", "--limit", "2")
    assert [line for line in again.stderr.splitlines() if line.endswith("to generate")] == [
        re.findall(r"^nano, .* to generate$", GUIDE, re.MULTILINE)[0]
    ]


@pytest.mark.slow
def test_votes_over_a_run_and_the_policies_of_eval_run(tmp_path: Path) -> None:
    (tmp_path / "after.yaml").write_text(AFTER)
    assert "soft max 32 + 32" in s1(tmp_path, "eval", "after.yaml", "--limit", "2").stderr
    [sampled] = [shlex.split(c)[1:] for c in COMMANDS if c.startswith("s1 eval --benchmark")]
    sampled[sampled.index("--limit") + 1] = "2"
    run = s1(tmp_path, *sampled).stdout.strip()
    [voting] = [c for c in COMMANDS if c.startswith("s1 vote")]
    told = s1(tmp_path, *shlex.split(voting.replace("runs/<run>", run))[1:]).stdout
    assert heads(told)[0][:4] == ["method", "setting", "asked", "used"]
    assert [line.split()[0] for line in told.splitlines()[1:]] == ["majority", "shortest-majo…"]
