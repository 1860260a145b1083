"""The blocks of a page of documentation, and how each of them is held to what the program does.

A page is read from top to bottom in one folder of its own, which has the repository's ``recipes``. What a fence is for:

- ``console``: lines behind ``$`` are commands, with their continuation lines; what follows up to the next one is all
  that they print, by doctest's rules (``...`` stands for anything, white space is one blank). Without any such line
  only their success counts. ``<run>`` is the folder of the newest run.
- ``python``: runs by itself.
- others: shown. A ``text`` fence under ``<!-- output -->`` is what the block before it prints.

A comment in the line above a fence changes that: ``<!-- file: NAME -->`` writes the block into a file, ``<!-- exit: 2
-->`` is the exit code, ``<!-- not run: why -->`` leaves it out and says why, ``<!-- run by: FILE::TEST -->`` names the
test that runs it.

Knows pages. Refuses to know what they say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("conformance/*.md"))
    if path.name not in ("LOG.md", "CHANGELOG.md")
)
NOTES = ("file", "exit", "not run", "run by", "output")
_NOTES = r"(?P<note>(?:<!-- [^\n]*? -->\n)*)"
_FENCE = re.compile(_NOTES + r"(?P<indent> *)```(?P<kind>\w*)\n(?P<body>.*?)\n?(?P=indent)```", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """A command of a console block, and what it prints; None where the page does not say."""

    line: str
    prints: str | None


@dataclass(frozen=True)
class Block:
    """One fence: where it begins, what it is for, and what the comment above it says."""

    page: Path
    line: int
    kind: str
    body: str
    notes: dict[str, str]

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[Command]:
        """What a console block runs. ValueError where it begins with something else."""
        found: list[Command] = []
        lines = iter(self.body.split("\n"))
        for line in lines:
            if line.startswith("$ "):
                whole = [line.removeprefix("$ ")]
                while whole[-1].endswith("\\"):
                    whole.append(next(lines).strip())
                found.append(Command("\n".join(whole), None))
            elif found:
                last = found[-1]
                found[-1] = Command(last.line, line if last.prints is None else f"{last.prints}\n{line}")
            elif line.strip():
                raise ValueError(f"{self.where}: the block does not begin with a command")
        return found


def blocks(page: Path) -> list[Block]:
    """The fences of a page, in order. ValueError for a comment that is none of ``NOTES``."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start("kind")) + 1
        notes = dict(_note(comment, page, line) for comment in re.findall(r"<!-- (.*?) -->", match["note"]))
        indent = len(match["indent"])
        body = "\n".join(row[indent:] for row in match["body"].split("\n"))
        found.append(Block(page, line, match["kind"], body, notes))
    return found


def _note(comment: str, page: Path, line: int) -> tuple[str, str]:
    name, _, value = comment.partition(":")
    if name in NOTES:
        return name, value.strip()
    return "", comment  # a mark of another tool, such as the beginning of a generated part
