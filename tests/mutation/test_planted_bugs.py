"""Each planted bug in the forcing core is noticed by vectors or properties, and the core itself passes them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mutation.planted import MACHINE, PLANTED

HERE = Path(__file__).parent
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def killed_by() -> dict[str, str | None]:
    command = [sys.executable, str(HERE / "kill.py"), "planted"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["name"]: row["killed_by"] for row in rows}


@pytest.mark.parametrize("name", [bug.name for bug in PLANTED])
def test_planted_bug_is_noticed(name: str, killed_by: dict[str, str | None]) -> None:
    assert killed_by[name] is not None


def test_the_unchanged_core_passes_the_same_selection() -> None:
    code = (
        "import sys, kill; sys.path[:0] = [str(kill.ROOT / 'src'), str(kill.ROOT / 'tests')]; "
        f"print(kill.first_failure({MACHINE!r}, (kill.PACKAGE / {MACHINE!r}).read_text()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"
