"""The pages on curation: their tables are recomputed, their blocks run, and the recipes beside them load."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from fractions import Fraction
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from typer.main import get_command

from s1kit.cli.main import app
from s1kit.config import load
from s1kit.curate.decontaminate import compare, rule_for
from s1kit.curate.evaluation_sets import load_evaluations
from s1kit.curate.folder import Folder
from s1kit.curate.funnel import measure
from s1kit.curate.pipeline import run
from s1kit.curate.plan import planned_calls
from s1kit.curate.quality import PATTERNS
from s1kit.curate.recipe import CurateConfig
from s1kit.curate.select import Candidate, select
from s1kit.curate.sources import PAPER_SOURCES, SOURCES
from s1kit.curate.trainset import TRAIN_ROWS
from s1kit.nano.pool import planted
from s1kit.store import rows as schemas
from s1kit.types import question_id

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"
GUIDE, BY_HAND, SOURCES_PAGE = (
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("curate.md", "selection-by-hand.md", "sources.md")
)
S1K = ROOT / "recipes" / "s1k.yaml"
RECIPES = [p for p in sorted((ROOT / "recipes").glob("*.yaml")) if "#   s1 curate" in p.read_text(encoding="utf-8")]
COMMANDS = [
    line.removeprefix("$ ")
    for page in (GUIDE, BY_HAND)
    for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ s1 ")
] + [
    line.removeprefix("#   ") for path in RECIPES for line in path.read_text("utf-8").splitlines() if "#   s1 " in line
]
LETTERS = {"11": "N", "51": "G", "60": "P"}


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def table(page: str, name: str) -> list[list[str]]:
    """Cells of the table behind a marker, without head and ruler."""
    [block] = re.findall(rf"<!-- table: {name} -->\n((?:\|.*\n)+)", page)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()[2:]]


def module(name: str) -> ModuleType:
    spec = spec_from_file_location(f"bench_{name}", ROOT / "bench" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    found = module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def s1(folder: Path, *arguments: str) -> str:
    """What a command prints, messages first, with the settings' hash left out."""
    code = "from s1kit.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return re.sub(r"(runs/\w+)-[0-9a-f]{6}\b", r"\1-<six digits>", done.stderr + done.stdout)


def curate(config: CurateConfig, until: str) -> Folder:
    return run(config, bar=lambda title, total: nullcontext(lambda tally: None), say=lambda line: None, until=until)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the page's own Python and YAML make."""
    folder = tmp_path_factory.mktemp("toy")
    [code], [recipe] = blocks(BY_HAND, "python"), blocks(BY_HAND, "yaml")
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
    (folder / "toy.yaml").write_text(recipe, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def toy_rows(toy: Path) -> list[dict[str, Any]]:
    """The toy pool with the length of every trace."""
    rows, traces = (
        [json.loads(line) for line in (toy / n).read_text().split("\n") if line] for n in ("toy.jsonl", "traces.jsonl")
    )
    return [row | {"length": len(trace["thinking"].split())} for row, trace in zip(rows, traces, strict=True)]


def test_the_toy_pool_is_the_one_in_the_table(toy_rows: list[dict[str, Any]]) -> None:
    expected = []
    for row in toy_rows:
        lengths = sorted((r["length"] for r in toy_rows if r["domain"] == row["domain"]), reverse=True)
        rank = lengths.index(row["length"])
        chance = Fraction(1, 2**rank) / sum(Fraction(1, 2**r) for r in range(len(lengths)))
        cells = (row["name"], row["domain"], row["source"], row["length"], rank, chance, chance / len(LETTERS))
        expected.append([str(cell) for cell in cells])
    assert table(BY_HAND, "pool") == expected
    assert sum(Fraction(cells[-1]) for cells in expected) == 1


def test_every_draw_of_the_toy_pool(toy_rows: list[dict[str, Any]]) -> None:
    """By hand, from the generator alone; what the program selects is compared in the test after the next."""
    rng = Random("s1kit select paper 0")
    left = {code: [r for r in toy_rows if r["domain"] == code] for code in sorted(LETTERS)}
    expected = []
    for step in range(1, 6):
        names = sorted(left)
        place = rng.randrange(len(names))
        code = names[place]
        rows = sorted(left[code], key=lambda row: -row["length"])
        drawn = rng.randrange(1, 2 ** len(rows))
        bits = len(f"{drawn:b}")
        row = rows[len(rows) - bits]
        listed = " ".join(r["name"] for r in rows)
        last = f"{drawn} of 1..{2 ** len(rows) - 1}"
        cells = (step, " ".join(names), f"{place} of 0..{len(names) - 1}", code, listed, last, bits, len(rows) - bits)
        expected.append([*map(str, cells), f"**{row['name']}**", str(row["length"])])
        left[code].remove(row)
        if not left[code]:
            del left[code]
    assert table(BY_HAND, "draw") == expected


def test_the_notebooks_shape(toy_rows: list[dict[str, Any]]) -> None:
    weights: dict[str, Fraction] = {}
    expected = []
    for code in sorted(LETTERS):
        inside, told = [], []
        for source, weight in (("contest", "1.0"), ("textbook", "0.5")):
            counts = Counter(r["domain"] for r in toy_rows if r["source"] == source)
            inside.append(str(counts[code]))
            told.append(f"{weight} · {counts[code]}/{counts.total()}")
            weights[code] = weights.get(code, Fraction(0)) + Fraction(weight) * Fraction(counts[code], counts.total())
        expected.append([code, *inside, f"{' + '.join(told)} = {weights[code]}"])
    total = sum(weights.values())
    assert table(BY_HAND, "shape") == [[*cells, str(weights[cells[0]] / total)] for cells in expected]
    rng = Random("s1kit select notebook 0")
    drawn = [rng.randrange(n) if n in (3, 1_500_000) else rng.randrange(1, n) for n in (3, 16, 3, 8, 3, 8)]
    drawn += [rng.randrange(n) if n == 1_500_000 else rng.randrange(1, n) for n in (1_500_000, 4, 1_500_000, 4)]
    assert drawn[6::2] == [1_161_307, 221_813]
    assert drawn[7::2] == [1, 1]


def test_what_the_program_prints_and_selects(toy: Path, toy_rows: list[dict[str, Any]]) -> None:
    [shown] = blocks(BY_HAND, "console")
    command, _, expected = shown.partition("\n")
    assert s1(toy, *shlex.split(command)[2:]) == expected
    names = {question_id(row["question"]): row["name"] for row in toy_rows}
    told = []
    for rule in ("paper", "notebook", "random", "diverse", "longest"):
        [path] = toy.glob(f"runs/toy-*/selections/{rule}-5-seed0/rows.parquet")
        chosen = pq.read_table(path).to_pylist()
        tokens = sum(row["length"] for row in chosen)
        drawn = " ".join(names[row["question_id"]] for row in chosen)
        told.append([rule, drawn, str(len({r["domain"] for r in chosen})), f"{tokens:,}", str(tokens // 5)])
        assert tokens % 5 == 0
    assert table(BY_HAND, "rules") == told
    assert told[0][1].split() == [cells[8].strip("*") for cells in table(BY_HAND, "draw")]
    candidates = [Candidate(question_id(r["question"]), r["domain"], r["length"]) for r in toy_rows]
    assert [names[c.question_id] for c in select(candidates, "paper", 5)] == told[0][1].split()


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> tuple[CurateConfig, Folder]:
    """The nano recipe up to the first step that calls a model."""
    config, _ = load(CurateConfig, ROOT / "recipes" / "nano-curate.yaml", {"out": str(tmp_path_factory.mktemp("nano"))})
    return config, curate(config, "free")


def test_the_guides_nano_numbers(nano: tuple[CurateConfig, Folder]) -> None:
    config, folder = nano
    expected = []
    for step in measure(folder.path).steps:
        why = ", ".join(f"{r.reason} {r.rows}" for r in step.reasons)
        expected.append([step.name, f"{step.kept:,} of {step.rows_in:,}", why])
    assert table(GUIDE, "nano") == expected
    faulty = sum(row.fault is not None for row in planted(1200))
    assert f"of which {faulty} have a planted fault" in " ".join(GUIDE.split())
    assert set(planned_calls(config, folder).values()) == {979}
    assert "979 for the teacher and for each solver" in " ".join(GUIDE.split())


def test_the_guides_account_of_decontamination(nano: tuple[CurateConfig, Folder]) -> None:
    config, folder = nano
    faults = [row.fault for row in planted(1200)]
    left = folder.rows(folder.alive(["quality", "duplicates"]))
    rows = [row for batch in left for row in batch]
    copies = {row.question.id for row in rows if faults[row.number] == "contaminated"}
    evaluations = load_evaluations(config.decontaminate.evaluations)
    recipes = rule_for("coverage", least_coverage=0.6, boilerplate=3, near=0.8)
    told = []
    for rule in (rule_for("paper"), recipes, rule_for("coverage")):
        dropped = compare(((r.question.id, r.question.prompt()) for r in rows), evaluations, rule).dropped()
        told.append([str(len(dropped)), f"{len(dropped & copies)} of {len(copies)}", str(len(dropped - copies))])
        missed = [planted(1200)[r.number].problem.text for r in rows if r.question.id in copies - dropped]
        assert missed
        assert all(len(text.split()) < 8 for text in missed), "the items that were copied are short"
    assert [cells[1:] for cells in table(GUIDE, "contamination")] == told
    assert f"of the {len(rows):,} questions compared, {len(copies)} are planted copies" in " ".join(GUIDE.split())


def test_the_guides_own_recipe_takes_models_too() -> None:
    recipe, with_models = blocks(GUIDE, "yaml")
    merged = yaml.safe_load(recipe) | yaml.safe_load(with_models)
    assert CurateConfig.model_validate(merged).steps[-1] == "difficulty"


def test_the_guide_names_every_pattern_and_every_column() -> None:
    assert table(GUIDE, "patterns") == [
        [f"`{name}`", pattern.why, "yes" if pattern.default else "no"] for name, pattern in PATTERNS.items()
    ]
    known = {
        "pool": schemas.POOL,
        "decisions/NN-STEP": schemas.DECISIONS,
        "traces": schemas.TRACES,
        "trace_grades": schemas.GRADES,
        "attempts": schemas.ATTEMPTS,
        "domains": schemas.FILED,
        "selections/NAME/rows": schemas.CHOSEN,
        "trainsets/NAME/train": TRAIN_ROWS,
    }
    assert table(GUIDE, "files") == [[f"`{name}.parquet`", ", ".join(schema.names)] for name, schema in known.items()]


@pytest.mark.shared
@pytest.mark.skipif(not DATA.is_dir(), reason="the labelled questions are in shared/data, which is not here")
def test_the_guides_accuracy_of_the_lexical_domains() -> None:
    bench = module("domain_accuracy")
    told = []
    for name, rows in bench.load(DATA):
        found = bench.measure(name, *bench.halves(name, rows))
        numbers = ("accuracy", "majority_accuracy", "narrow_accuracy", "narrow_majority_accuracy")
        told.append([name, f"{found['questions']:,}", *(f"{found[number]:.3f}" for number in numbers)])
    assert [[cells[0].split(" (")[0], *cells[1:]] for cells in table(GUIDE, "domains")] == told


def test_the_page_of_sources_is_the_generators() -> None:
    assert module("sources_table").page() == SOURCES_PAGE


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_load(path: Path) -> None:
    config, _ = load(CurateConfig, path)
    assert config.select.label not in {other.label for other in config.comparisons}


def test_the_papers_recipe_is_the_papers() -> None:
    config, _ = load(CurateConfig, S1K)
    assert tuple(source.source for source in config.sources) == PAPER_SOURCES
    assert set(config.decontaminate.evaluations) == {"math500", "aime24", "gpqa_diamond"}
    assert (config.decontaminate.mode, config.decontaminate.n) == ("paper", 8)
    solvers = {s.model: s.temperature for s in config.difficulty.solvers.values() if s.kind == "endpoint"}
    assert solvers == {"Qwen/Qwen2.5-7B-Instruct": 0.05, "Qwen/Qwen2.5-32B-Instruct": 0.05}
    preselected = [(p.source, p.longer_than) for p in config.select.preselect]
    assert preselected == [("aime", 0), ("gpqa", 0), ("math", 5600)]
    assert (config.select.rule, config.select.size) == ("paper", 1000)
    assert [c.rule for c in config.comparisons] == ["random", "diverse", "longest", "full"]
    paper_order = re.findall(r"#   steps: \[(.*?)\]", S1K.read_text(encoding="utf-8"))
    assert sorted(paper_order[0].split(", ")) == sorted(config.steps)


def test_the_papers_recipe_names_the_hub_ids_that_are_declared_and_counts_its_calls() -> None:
    text = S1K.read_text(encoding="utf-8")
    told = dict(re.findall(r"\{source: ([\w-]+)\}  # (.+)", text))
    for key in PAPER_SOURCES:
        assert told[key] == ", ".join(dict.fromkeys(hub.dataset for hub in SOURCES[key].hub))
    tokens = sum((SOURCES[key].count or 0) * (SOURCES[key].thinking or 0) for key in PAPER_SOURCES) / 1000
    assert f"{tokens:.0f} million thinking tokens" in text
    assert all(f"{times * 51_581:,}" in text for times in (1, 2, 3))


def arguments(commands: Iterable[str]) -> list[list[str]]:
    return [shlex.split(command.split("  #")[0])[1:] for command in commands]


@pytest.mark.parametrize("words", arguments(COMMANDS), ids=" ".join)
def test_verbs_and_flags_exist(words: list[str]) -> None:
    verb: Any = get_command(app)
    while words and hasattr(verb, "commands"):
        if words[0] not in verb.commands:  # a recipe or a folder: `s1 curate RECIPE` is `s1 curate run RECIPE`
            verb = verb.commands["run"]
            break
        verb, words = verb.commands[words[0]], words[1:]
    known = {flag for parameter in verb.params for flag in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
