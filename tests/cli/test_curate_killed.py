"""kill -9 at any moment: the curation comes to the same selection, byte for byte, and pays for no answer twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli import curating as world
from cli.conftest import Run
from cli.test_killed import start
from unit.curate.calls.fake_server import Act, FakeServer, Seen
from unit.curate.nano_run import recipe

SUMS, PROOFS, AT_ONCE = 40, 8, 4
CALLS = 3 * (SUMS + PROOFS) + PROOFS
"""Teacher, classifier and solver for every row, the judge for every proof."""
SAME = ("pool.parquet", "traces.parquet", "trace_grades.parquet", "domains.parquet", "attempts.parquet")


def compared(run: Path) -> dict[str, bytes]:
    """What has to come out the same: rows, decisions, selections, training sets."""
    parts = [*(run / name for name in SAME), *run.glob("decisions/*"), *run.glob("selections/*/*")]
    parts += run.glob("trainsets/*/*.parquet")
    found = {str(p.relative_to(run)): p.read_bytes() for p in parts if p.exists() and not p.name.startswith(".")}
    assert "decisions/00-pool.parquet" in found
    return found


def put(folder: Path, server: FakeServer) -> None:
    world.sums(folder, SUMS)
    world.proofs(folder, PROOFS)
    world.write(folder, world.recipe(server, select={"rule": "paper", "size": 20}))


def kill(child: subprocess.Popen[str], when: Callable[[], bool], chance: random.Random) -> bool:
    """SIGKILL soon after ``when``; False where the process was done first."""
    deadline = time.monotonic() + 60
    while child.poll() is None and not when() and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(chance.random() * 0.05)
    alive = child.poll() is None
    if alive:
        os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    return alive


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.timeout(900)
def test_a_curation_killed_again_and_again_equals_an_undisturbed_one(s1: Run, tmp_path: Path, kills: int) -> None:
    with FakeServer(world.saying(0.01, judge="Yes", teacher="Answer: 9")) as server:
        put(tmp_path, server)
        calm = tmp_path / s1("curate", "r.yaml", "--out", "calm").stdout.strip().splitlines()[-1]
        assert server.requests == CALLS
        chance = random.Random(kills)
        killed = 0
        for _ in range(kills):
            child = start(["curate", "r.yaml"], tmp_path)
            # while starting, in the middle of the calls, or at some time while files are written
            until = server.requests + chance.choice((0, 1, CALLS // kills, CALLS // kills))
            killed += kill(child, lambda until=until: server.requests >= until, chance)  # type: ignore[misc]
        assert killed >= kills - 2, "the run is over too soon: make it longer"
        s1("curate", "r.yaml")
        paid = server.requests - CALLS
    assert CALLS <= paid <= CALLS + killed * AT_ONCE
    run = world.the_run(tmp_path)
    assert run.name == calm.name
    assert compared(run) == compared(calm)
    assert json.loads((run / "manifest.json").read_bytes())["status"] == "finished"
    bills = json.loads((run / "ledger.json").read_bytes())["entries"]
    assert sum(bill["used"]["calls"] for bill in bills) == CALLS
    assert "error" not in s1("runs", "verify", run).stdout


@pytest.mark.parametrize(
    "part",
    [
        "traces.parquet",
        pytest.param("pool.parquet", marks=pytest.mark.slow),
        pytest.param("decisions/00-pool.parquet", marks=pytest.mark.slow),
        pytest.param("decisions/02-duplicates.parquet", marks=pytest.mark.slow),
        pytest.param("decisions/04-trace.parquet", marks=pytest.mark.slow),
        pytest.param("selections/*/rows.parquet", marks=pytest.mark.slow),
        pytest.param("selections/*/selection.json", marks=pytest.mark.slow),
        pytest.param("trainsets/*/train.parquet", marks=pytest.mark.slow),
        pytest.param("trainsets/*/s1k.jsonl", marks=pytest.mark.slow),
    ],
)
def test_killed_as_soon_as_a_file_is_there(s1: Run, tmp_path: Path, part: str) -> None:
    """The nano pool: no wait for a server, so that files come one upon the other."""
    world.write(tmp_path, recipe(limit=120))
    calm = tmp_path / s1("curate", "r.yaml", "--out", "calm").stdout.strip().splitlines()[-1]
    child = start(["curate", "r.yaml"], tmp_path)
    assert kill(child, lambda: any((tmp_path / "runs").glob(f"*/{part}")), random.Random(part))
    s1("curate", "r.yaml")
    assert compared(world.the_run(tmp_path)) == compared(calm)
    assert [p.name for p in world.the_run(tmp_path).rglob(".*")] == [".lock"], "nothing half written is left behind"


def test_ctrl_c_ends_it_at_once_and_the_same_command_goes_on(s1: Run, tmp_path: Path) -> None:
    def behave(seen: Seen) -> Act:
        act: Any = world.saying(0.05)(seen)
        return act  # type: ignore[no-any-return]

    with FakeServer(behave) as server:
        put(tmp_path, server)
        child = start(["curate", "r.yaml"], tmp_path)
        deadline = time.monotonic() + 60
        while child.poll() is None and server.requests < 20 and time.monotonic() < deadline:
            time.sleep(0.005)
        child.send_signal(signal.SIGINT)
        begun = time.monotonic()
        _, said = child.communicate(timeout=60)
        assert time.monotonic() - begun < 10
        assert child.returncode == 130, said
        assert "Traceback" not in said
        assert "every answer that came is kept" in said
        assert "hint: run the same command again" in said
        assert not list(world.the_run(tmp_path).glob("decisions/*-trace.parquet"))
        before = server.requests
        s1("curate", "r.yaml")
        assert server.requests - before <= CALLS - before + AT_ONCE
    assert json.loads((world.the_run(tmp_path) / "manifest.json").read_bytes())["status"] == "finished"


@pytest.mark.slow
def test_two_at_once_are_refused_and_the_first_goes_on(s1: Run, tmp_path: Path) -> None:
    with FakeServer(world.saying(0.05)) as server:
        put(tmp_path, server)
        first = start(["curate", "r.yaml"], tmp_path)
        deadline = time.monotonic() + 60
        while first.poll() is None and not server.requests and time.monotonic() < deadline:
            time.sleep(0.005)
        second = s1("curate", "r.yaml", check=2)
        assert "Traceback" not in second.stderr
        assert "writ" in second.stderr
        _, said = first.communicate(timeout=120)
        assert first.returncode == 0, said
        assert server.requests == CALLS
