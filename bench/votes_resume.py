"""A majority of 64 over 500 nano questions, killed with -9 twice and resumed, against the same run undisturbed (hf).

    python bench/votes_resume.py [--questions 500] [--samples 64] [--max-thinking 16] [--slots 64] [--kills 2]

Every session is a process of its own that counts each token as its model draws it, in a file that survives the kill.
Asserted: no (question, sample) is there twice; both runs hold the same rows, but for one in a thousand (in float32 the
company that a row has in its batch turns a draw now and then); and what the sessions of the killed run drew beyond the
undisturbed one is no more than what the rows that were open at the kills can have held.
JSON on stdout.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from s1kit.store.run import RunDir

ANSWER = 16
IN_FLIGHT = 4
"""Rows that are open at once, per slot of the engine (the driver's default); at most a batch more waits for its
fsync."""


def child(counter: Path, arguments: list[str]) -> None:
    """Run ``s1`` in this process, every drawn token counted in ``counter``."""
    from s1kit.cli.main import main as s1
    from s1kit.engines.hf import HFEngine

    handle = counter.open("r+b")
    memory = mmap.mmap(handle.fileno(), 8)
    accept = HFEngine._accept

    def counted(engine: HFEngine, live: Any, token: int | None) -> Any:
        memory[:8] = struct.pack("<q", struct.unpack("<q", memory[:8])[0] + 1)
        return accept(engine, live, token)

    HFEngine._accept = counted  # type: ignore[method-assign, assignment]
    sys.argv = ["s1", *arguments]
    s1()


def session(folder: Path, arguments: list[str], kill_at: float | None = None, of: int = 0) -> tuple[int, bool]:
    """``(tokens drawn, whether it was killed)``. ``kill_at``: the share of ``of`` bytes stored at which it is."""
    counter = folder / "counter"
    counter.write_bytes(bytes(8))
    command = [sys.executable, __file__, "--child", str(counter), *arguments]
    log = (folder / "log").open("ab")
    process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={**os.environ, "NO_COLOR": "1"})
    while kill_at is not None and process.poll() is None and stored(folder) < kill_at * of:
        time.sleep(0.005)
    if kill_at is not None and process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    code = process.wait()
    log.close()
    assert code in (0, -signal.SIGKILL), (folder / "log").read_text()[-2000:]
    return struct.unpack("<q", counter.read_bytes())[0], code != 0


def stored(folder: Path) -> int:
    """Bytes of journal."""
    return sum(f.stat().st_size for f in folder.glob("runs/*/generations.jsonl"))


def rows(folder: Path) -> tuple[int, dict[tuple[str, str, int], tuple[int, ...]]]:
    """How many bytes of journal the run's rows are, and their tokens by key."""
    [run] = (folder / "runs").iterdir()
    found: dict[tuple[str, str, int], tuple[int, ...]] = {}
    size = 0
    for row in RunDir.open(run).generations():
        assert row.key not in found, f"{row.key} is there twice"
        found[row.key] = row.token_ids or ()
        size += len(row.model_dump_json()) + 1
    return size, found


def measure(args: argparse.Namespace, root: Path) -> dict[str, Any]:
    """Both runs."""
    policy = f"{{kind: budget_forcing, max_thinking: {args.max_thinking}, max_answer: {ANSWER}}}"
    arguments = ["eval", "--model", "nano", "--engine", "hf", "--benchmark", "nano_mixed", "--temperature", "1"]
    arguments += ["--limit", str(args.questions), "--samples", str(args.samples), "--slots", str(args.slots)]
    arguments += ["--set", f"policies=[{policy}]"]
    calm, cut = root / "calm", root / "cut"
    calm.mkdir()
    cut.mkdir()
    began = time.perf_counter()
    alone, _ = session(calm, arguments)
    seconds = time.perf_counter() - began
    size, wanted = rows(calm)
    chance = random.Random(args.seed)
    moments = sorted(chance.uniform(0.1, 0.9) for _ in range(args.kills))
    drawn, kills = [], 0
    for number, moment in enumerate([*moments, None]):
        tokens, killed = session(cut, [*arguments, *(["--resume"] if number else [])], moment, size)
        drawn.append(tokens)
        kills += killed
    _, got = rows(cut)
    differing = sum(got.get(key) != tokens for key, tokens in wanted.items())
    open_rows = IN_FLIGHT * args.slots + max(8, args.slots // 4)
    return {
        "rows": len(wanted),
        "kills": kills,
        "moments": [round(moment, 3) for moment in moments],
        "tokens_alone": alone,
        "tokens_by_session": drawn,
        "tokens_made_again": sum(drawn) - alone,
        "most_that_may_be": kills * open_rows * (args.max_thinking + ANSWER),
        "rows_missing": len(wanted.keys() - got.keys()),
        "rows_differing": differing,
        "seconds_alone": round(seconds, 1),
    }


def main() -> None:
    """Measure, print."""
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--max-thinking", type=int, default=16)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        result = measure(args, Path(root))
    given = {name: getattr(args, name) for name in ("questions", "samples", "max_thinking", "slots")}
    print(json.dumps({"bench": "votes_resume", **given, "threads": os.environ.get("OMP_NUM_THREADS"), **result}))
    assert result["kills"] == args.kills, "the run was over before it was killed"
    assert result["rows_missing"] == 0, "rows are missing"
    assert result["rows_differing"] <= result["rows"] / 1000, "a resumed run drew other tokens"
    assert result["tokens_made_again"] <= result["most_that_may_be"], "more was drawn again than was open"


if __name__ == "__main__":
    main()
