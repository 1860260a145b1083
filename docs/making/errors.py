"""The page of errors: every class of refusal, where it comes from and how the program ends.

Knows the source's classes. Refuses to import them: some need libraries that are not installed everywhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import s1kit
from making.markdown import code, one_line, table
from s1kit.errors import UserError
from s1kit.formats import load_format

ROOT = Path(s1kit.__file__).parent
BASE = "UserError"
HEAD = """# Errors

Every error that a user can put right is an `s1kit.errors.UserError`: its first lines say what is wrong and where, a
line that begins with `hint:` says what to do. The command line prints it to stderr and ends with the exit code; no
traceback. From Python, catch `UserError` or the class below; its text has the same lines.
All exit codes: [the command line](cli.md#exit-codes).
"""


def page() -> str:
    """The page."""
    rows = (
        (code(name), code(module), str(exit_code), one_line(doc)) for name, module, exit_code, doc in sorted(classes())
    )
    return "\n\n".join([HEAD.strip(), _example(), table(("class", "module", "exit code", "what it says"), rows)])


def _example() -> str:
    try:
        load_format("qwen")
    except UserError as error:
        return f"```text\nerror: {error}\n```"
    raise ValueError("the format qwen is not refused: show another error")


def classes() -> Iterator[tuple[str, str, int, str]]:
    """(name, module, exit code, docstring) of all errors that users are shown. ValueError for one without docstring."""
    known: dict[str, tuple[str, int]] = {}
    found = [(file, node) for file in sorted(ROOT.rglob("*.py")) for node in _classes(file)]
    codes = {BASE: 2}
    while True:
        new = [(file, node) for file, node in found if node.name not in known and _parents(node) & codes.keys()]
        if not new:
            return
        for file, node in new:
            doc = ast.get_docstring(node)
            if not doc:
                raise ValueError(f"{file}: {node.name} has no docstring")
            own = next((codes[parent] for parent in _parents(node) if parent in codes), 2)
            codes[node.name] = _exit_code(node, own)
            module = ".".join(file.relative_to(ROOT.parent).with_suffix("").parts)
            known[node.name] = (module, codes[node.name])
            yield node.name, module, codes[node.name], doc.split("\n\n")[0]


def _classes(file: Path) -> list[ast.ClassDef]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def _parents(node: ast.ClassDef) -> set[str]:
    return {base.id for base in node.bases if isinstance(base, ast.Name)}


def _exit_code(node: ast.ClassDef, inherited: int) -> int:
    for item in node.body:
        if isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == "exit_code":
            return int(ast.literal_eval(item.value))
    return inherited
