"""The picture of a training run."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from s1kit.errors import UserError
from s1kit.report.training import training_picture


def test_three_panels_with_every_step(tmp_path: Path) -> None:
    steps = [{"step": i, "loss": 2.0 / i, "grad_norm": 1.0, "learning_rate": 1e-3 * i} for i in range(1, 13)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps))
    drawn = training_picture(tmp_path).read_text()
    texts = {"".join(e.itertext()) for e in ElementTree.fromstring(drawn).iter() if e.tag.endswith("text")}
    for title in ("loss", "gradient norm", "learning rate", "optimiser step"):
        assert title in texts
    assert drawn.count('class="mark-symbol role-mark') == 3
    assert drawn.count('<path transform="translate(') == 36


def test_without_a_log_it_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="hint: `s1 train` writes one"):
        training_picture(tmp_path)
