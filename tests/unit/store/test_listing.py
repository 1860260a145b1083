"""What ls, show, diff and env are made of."""

from __future__ import annotations

import getpass
import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from s1kit.store import manifest
from s1kit.store.difference import differences, outputs_only
from s1kit.store.errors import StoreError
from s1kit.store.listing import find_run, list_runs, show
from unit.store.samples import finished, new_run, questions, small_row


def test_listing_of_every_state(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "not yet") == []
    done, rows = finished(tmp_path, 2)
    (tmp_path / "junk").mkdir()
    (tmp_path / ".hidden").mkdir()
    with new_run(tmp_path, questions(3)) as run:
        run.append(small_row(questions(1)[0]))
        found = {r.directory: r for r in list_runs(tmp_path)}
        assert found[run.path.name].status == "running"
    assert (found[run.path.name].rows, found[run.path.name].expected) == (1, 3)
    assert (found[done.path.name].status, found[done.path.name].rows) == ("finished", len(rows))
    assert found["junk"].status == "unreadable"
    assert "no manifest.json" in (found["junk"].problem or "")
    assert len(found) == 3


def test_show_is_json(tmp_path: Path) -> None:
    done, _ = finished(tmp_path, 1)
    done.write_metrics({"points": [{"n": 1}]})
    shown = json.loads(json.dumps(show(done.path)))
    assert shown["points"] == [{"n": 1}]
    assert set(shown["files"]) == {
        "config.yaml", "generations.parquet", "manifest.json", "metrics.json", "questions.parquet"
    }  # fmt: skip


def test_find_run(tmp_path: Path) -> None:
    done, _ = finished(tmp_path, 1)
    with new_run(tmp_path, questions(2)) as other:
        pass
    assert find_run(done.path, tmp_path / "elsewhere") == done.path
    assert find_run(done.id, tmp_path) == done.path
    assert find_run(other.id[-6:], tmp_path) == other.path
    assert find_run("latest", tmp_path) in (done.path, other.path)
    with pytest.raises(StoreError, match="fits 2 runs"):
        find_run("test", tmp_path)
    with pytest.raises(StoreError, match="no run 'nothing'"):
        find_run("nothing", tmp_path)


def test_differences_have_dotted_names() -> None:
    old = {"a": {"b": 1, "c": [1, {"d": 2}]}, "same": None}
    new = {"a": {"b": 1.0, "c": [1, {"d": 3}, 4]}, "same": None}
    assert [str(d) for d in differences(old, new)] == ["a.b: 1 -> 1.0", "a.c.1.d: 2 -> 3", "a.c.2: (absent) -> 4"]
    assert outputs_only({"a": {"b": (1,), "c": 2}, "b": 3}, ("a.c", "b")) == {"a": {"b": [1]}}


def test_the_environment_names_nobody() -> None:
    facts = manifest.environment()
    text = json.dumps(facts)
    assert facts["packages"]["pydantic"]
    assert facts["hardware"]["cores"] >= 1
    for secret in (platform.node(), str(Path.home()), str(Path.cwd())):
        assert secret not in text
    assert f'"{getpass.getuser()}"' not in text


def test_git_of_code_that_is_not_a_checkout(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "module.py").write_text("")
    assert manifest.git_state(tmp_path / "module.py") == {}, "untracked: somebody else's repository"
    git = ("git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e")
    subprocess.run([*git, "add", "module.py"], check=True)
    subprocess.run([*git, "commit", "-qm", "m"], check=True)
    assert manifest.git_state(tmp_path / "module.py")["dirty"] is False
    (tmp_path / "module.py").write_text("x = 1\n")
    assert manifest.git_state(tmp_path / "module.py")["dirty"] is True


def test_the_store_loads_no_torch() -> None:
    code = (
        "import sys, s1kit.store.run, s1kit.store.verify, s1kit.store.listing, s1kit.store.query\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(manifest.__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
