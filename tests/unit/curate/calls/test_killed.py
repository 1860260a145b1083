"""What was seen is never paid for again, whatever ends the process; and Ctrl-C ends it at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from unit.curate.calls.fake_server import Act, FakeServer, Seen, hang, slow, whole

SCRIPT = Path(__file__).parent / "paying.py"
COUNT, AT_ONCE = 60, 4


def paying(server: FakeServer, cache: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(SCRIPT), server.url, str(cache), str(COUNT), str(AT_ONCE)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def answer(seen: Seen) -> Act:
    """Says the request's number, so that no two answers are alike."""
    return slow(0.01, whole(content=f"{seen.asked} by request {seen.number}"))


@pytest.mark.parametrize("seen_before", [1, 17, 41])
def test_a_run_killed_and_begun_again_pays_only_for_what_it_had_not_seen(seen_before: int, tmp_path: Path) -> None:
    with FakeServer(answer) as server:
        first = paying(server, tmp_path / "cache.sqlite")
        assert first.stdout is not None
        early = [first.stdout.readline() for _ in range(seen_before)]
        first.send_signal(signal.SIGKILL)
        early += first.stdout.readlines()
        first.communicate()
        early = [line for line in early if line.endswith("\n")]
        second = paying(server, tmp_path / "cache.sqlite")
        late, errors = second.communicate(timeout=120)
        assert second.returncode == 0, errors
        lines = late.splitlines(keepends=True)
        asked = Counter(seen.asked for seen in server.script.seen)
    assert len(early) >= seen_before
    assert len(lines) == COUNT
    assert set(early) <= set(lines), "a reply that was seen stays, byte for byte"
    assert [asked[line.split()[0]] for line in early] == [1] * len(early)
    assert sum(asked.values()) <= COUNT + AT_ONCE


def test_ctrl_c_ends_a_process_that_waits_for_a_silent_server(tmp_path: Path) -> None:
    with FakeServer(lambda seen: hang) as server:
        process = paying(server, tmp_path / "cache.sqlite")
        until = time.monotonic() + 60
        while server.requests < AT_ONCE and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        try:
            _, errors = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGUSR1)
            time.sleep(1)
            process.kill()
            pytest.fail(f"it hangs in\n{process.communicate()[1]}")
        assert time.monotonic() - begun < 10
    assert process.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "never retrieved" not in errors
