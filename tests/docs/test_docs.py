"""Every block of README and docs runs, and prints what the page shows."""

from __future__ import annotations

import ast
import doctest
import json
import os
import re
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import pytest
import yaml

from docs.pages import PAGES, ROOT, Block, Command, blocks

SHOWN_ONLY = ("", "text", "csv", "json", "jsonl", "yaml", "sql", "latex", "mermaid", "bibtex", "http")
RUNS = ("eval", "sweep", "search", "import")
LONGEST = 280
"""Seconds."""


def names(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for shared in ("recipes", "conformance", "docs"):
        (tmp_path / shared).symlink_to(ROOT / shared)
    return tmp_path


def ran(words: list[str], folder: Path) -> tuple[int, str]:
    """Exit code, and everything that was printed in the order in which it was."""
    binaries = str(Path(sys.executable).parent)
    environment = {
        **os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", "COLUMNS": "100", "NO_COLOR": "1",
        "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", "TERM": "dumb", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    done = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder, env=environment, timeout=LONGEST
    )
    return done.returncode, done.stdout


def newest(folder: Path) -> str:
    """The newest run below the page's folder that has generations."""
    found = [path for path in folder.glob("*/**/manifest.json") if json.loads(path.read_text())["kind"] in RUNS]
    return str(max(found, key=lambda path: path.stat().st_mtime).parent.relative_to(folder))


def run_command(command: Command, block: Block, folder: Path) -> None:
    line = command.line
    if "<run>" in line:
        line = re.sub(r"(\S*/)?<run>", newest(folder), line)
    code, printed = ran(["bash", "-c", line], folder)
    assert code == int(block.notes.get("exit", 0)), f"{block.where}: {line}\nended with {code}\n{printed}"
    if command.prints is not None and command.prints.strip():
        compare(command.prints, printed, f"{block.where}: {line}")


def compare(wanted: str, printed: str, where: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    same = doctest.OutputChecker().check_output(wanted.strip() + "\n", printed.strip() + "\n", flags)
    assert same, f"{where}\nthe page shows\n{wanted}\nit printed\n{printed}"


def run_block(block: Block, output: str | None, folder: Path) -> None:
    if name := block.notes.get("file"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(block.body + "\n")
    elif block.kind == "console":
        for command in block.commands:
            run_command(command, block, folder)
    elif block.kind == "python":
        code, printed = ran([sys.executable, "-c", block.body], folder)
        assert code == 0, f"{block.where}\n{printed}"
        if output is not None:
            compare(output, printed, block.where)


def to_run(page: Path) -> list[tuple[Block, str | None]]:
    """The blocks that this test runs, each with its output where the page has a block for that."""
    found = blocks(page)
    return [
        (block, after.body if after is not None and "output" in after.notes else None)
        for block, after in zip_longest(found, found[1:])
        if (block.kind in ("console", "python") or "file" in block.notes)
        and not block.notes.keys() & {"not run", "run by"}
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", [page for page in PAGES if to_run(page)], ids=names)
def test_a_page_does_what_it_shows(page: Path, folder: Path) -> None:
    for block, output in to_run(page):
        run_block(block, output, folder)


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_no_block_is_left_out_without_a_reason(page: Path) -> None:
    for block in blocks(page):
        assert block.kind in ("console", "python", *SHOWN_ONLY), f"{block.where}: what is a {block.kind} block?"
        assert len(block.notes.get("not run", "a reason")) > 5, block.where
        if "run by" in block.notes:
            file, _, test = block.notes["run by"].partition("::")
            tree = ast.parse((ROOT / file).read_text())
            functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
            assert test in functions, f"{block.where}: no test {test} in {file}"


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_data_on_a_page_can_be_read(page: Path) -> None:
    for block in blocks(page):
        if block.kind == "yaml":
            yaml.safe_load(block.body)
        elif block.kind == "json":
            json.loads(block.body)
        elif block.kind == "jsonl":
            for line in block.body.splitlines():
                json.loads(line)


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_lead_somewhere(page: Path) -> None:
    """Files and anchors; what lies on the network is not asked for."""
    for target in re.findall(r"(?<!!)\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)", prose(page)):
        link = "".join(target)
        if re.match(r"https?:|mailto:", link):
            continue
        name, _, anchor = link.partition("#")
        file = (page.parent / name) if name else page
        assert file.exists(), f"{names(page)}: {link} leads nowhere"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{names(page)}: {link}: no such heading"


def prose(page: Path) -> str:
    """The page without its code."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"`[^`\n]*`", "`", text)


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}
