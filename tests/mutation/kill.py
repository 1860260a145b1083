"""Runs changed copies of the forcing core against a fast selection of its suite, each in a forked process.

    python tests/mutation/kill.py planted                      # the planted bugs
    python tests/mutation/kill.py mutate forcing/machine.py    # every small change an AST walk can think of
    python tests/mutation/kill.py mutate forcing/machine.py --quick    # against vectors and unit tests alone

One JSON line per change: {"name", "killed_by"}; null for a survivor. The selection is the conformance vectors, then the
properties at S1KIT_HYPOTHESIS=planted. Forking shares the imports, so a change costs a fraction of a second.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import importlib.abc
import importlib.util
import inspect
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

os.environ.setdefault("S1KIT_HYPOTHESIS", "planted")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "s1kit"
TIME_LIMIT = 30  # seconds of processor time per change (a tenth of it if quick): a loop without end is a kill too


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module of the package from changed source."""

    def __init__(self, module: str, source: str) -> None:
        self.name = "s1kit." + module.removesuffix(".py").replace("/", ".")
        self.code = compile(source, module, "exec")

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)


def suite() -> Iterator[tuple[str, Callable[[], object]]]:
    """The fast selection, cheapest first: (name, test)."""
    from s1kit.forcing.conformance import load, run

    for vector in load(ROOT / "conformance"):

        def holds(vector: object = vector) -> None:
            assert run(vector) == []  # type: ignore[arg-type]

        yield f"vector: {vector.name}", holds
    kinds = (
        "machine_units",
        "sweep",
        "machine_properties",
        "drive_properties",
        "sweep_properties",
        "unforced_properties",
    )
    for kind in kinds:
        module = importlib.import_module(f"unit.forcing.test_{kind}")
        for name, test in sorted(vars(module).items()):
            if name.startswith("test_") and not inspect.signature(test).parameters:
                yield f"{kind}: {name}", test


def first_failure(module: str, source: str, quick: bool = False) -> str | None:
    """Name of the first test that fails on the changed source; None if all pass. Forks; never raises."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        result = _in_child(module, source, quick)
        os.write(write_end, (result or "").encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        result = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "no end: stopped by the time limit"
    return result or None


def _in_child(module: str, source: str, quick: bool) -> str | None:
    import resource

    seconds = TIME_LIMIT // 10 if quick else TIME_LIMIT
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    now = "import"
    try:
        sys.meta_path.insert(0, _Changed(module, source))
        stale = "s1kit.forcing" if module.startswith("forcing/") else "s1kit"  # what may import the changed module
        for loaded in [m for m in sys.modules if m.startswith((stale, "unit."))]:
            del sys.modules[loaded]
        for name, test in suite():
            if quick and "properties" in name:
                return None
            now = name
            test()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the change was noticed
        return f"{now} ({type(error).__name__})"
    return None


def planted() -> Iterator[tuple[str, str, str]]:
    """(name, module, changed source) of every planted bug."""
    from mutation.planted import PLANTED

    for bug in PLANTED:
        source = (PACKAGE / bug.module).read_text()
        assert source.count(bug.old) == 1, f"{bug.name}: the old text occurs {source.count(bug.old)} times"
        yield bug.name, bug.module, source.replace(bug.old, bug.new)


_SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE,),
    ast.LtE: (ast.Lt,),
    ast.Gt: (ast.GtE,),
    ast.GtE: (ast.Gt,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.Mod: (ast.Mult,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}


def _variants(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], None]]]:
    """Ways to change one node: (what, how)."""
    if isinstance(node, ast.Compare):
        for new in _SWAPS.get(type(node.ops[0]), ()):
            yield f"{type(node.ops[0]).__name__} -> {new.__name__}", lambda n, new=new: n.ops.__setitem__(0, new())
    elif isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp)):
        for new in _SWAPS.get(type(node.op), ()):
            yield f"{type(node.op).__name__} -> {new.__name__}", lambda n, new=new: setattr(n, "op", new())
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        other: object = not node.value if isinstance(node.value, bool) else node.value + 1
        yield f"{node.value} -> {other}", lambda n: setattr(n, "value", other)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield f"{node.value!r} -> 'XX'", lambda n: setattr(n, "value", "XX")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not x -> x", lambda n: setattr(n, "op", ast.UAdd()) or setattr(n, "operand", _truth(n.operand))
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield "condition -> negated", lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
    elif isinstance(node, (ast.Break, ast.Continue)):
        yield "removed", lambda n: None


def _truth(operand: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("bool", ast.Load()), [operand], [])


def mutants(module: str) -> Iterator[tuple[str, str, str]]:
    """(name, module, changed source) of every single change; annotations and docstrings are left alone."""
    source = (PACKAGE / module).read_text()
    tree = ast.parse(source)
    lines = source.splitlines()
    for index in _changeable(tree):
        node = list(ast.walk(tree))[index]
        for what, change in _variants(node):
            copied = copy.deepcopy(tree)
            target = list(ast.walk(copied))[index]
            if isinstance(target, (ast.Break, ast.Continue)):
                copied = _Dropping(target).visit(copied)
            change(target)
            line = getattr(node, "lineno", 0)
            name = f"{line}: {what} | {lines[line - 1].strip()}"
            yield name, module, ast.unparse(ast.fix_missing_locations(copied))


class _Dropping(ast.NodeTransformer):
    def __init__(self, target: ast.AST) -> None:
        self.target = target

    def visit(self, node: ast.AST) -> ast.AST:
        return ast.Pass() if node is self.target else self.generic_visit(node)


def _changeable(tree: ast.Module) -> list[int]:
    skipped: set[int] = set()
    for node in ast.walk(tree):
        still = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            still.append(node.value)
        if isinstance(node, ast.JoinedStr):  # the wording of an error
            still.append(node)
        for part in still:
            skipped.update(id(n) for n in (ast.walk(part) if part is not None else ()))
    return [i for i, node in enumerate(ast.walk(tree)) if id(node) not in skipped]


def main() -> None:
    """Print one JSON line per change."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["planted", "mutate"])
    parser.add_argument("module", nargs="?", default="forcing/machine.py")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]
    importlib.import_module("unit.forcing.test_sweep_properties")  # shared by every fork
    importlib.import_module("pytest")
    changes = planted() if arguments.what == "planted" else mutants(arguments.module)
    for name, module, source in changes:
        print(json.dumps({"name": name, "killed_by": first_failure(module, source, arguments.quick)}), flush=True)


if __name__ == "__main__":
    main()
