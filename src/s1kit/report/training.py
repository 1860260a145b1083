"""Figure 9 of the paper for any run: loss, gradient norm and learning rate over the steps, as one picture.

Knows ``log.jsonl``. Refuses to smooth: every logged step is drawn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from s1kit.errors import UserError
from s1kit.report.picture import Picture
from s1kit.report.pictures import INNER, heading, picture_of
from s1kit.report.svg import COLOURS
from s1kit.store.files import write_atomic

PANELS = (("loss", "loss"), ("grad_norm", "gradient norm"), ("learning_rate", "learning rate"))
_HIGH, _MARKED = 62, 40
"""Height of a panel; with more steps than this, points are not marked."""


def training_picture(folder: Path) -> Path:
    """Write ``training.svg`` beside a run's ``log.jsonl``; its path. Raises UserError where there is no log."""
    path = folder / "training.svg"
    write_atomic(path, training_dynamics(read_log(folder)).svg())
    return path


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The logged steps of the training run in ``folder``. Raises UserError where there is no log."""
    log = folder / "log.jsonl"
    if not log.is_file():
        raise UserError(f"no log at {log}\nhint: `s1 train` writes one")
    return [json.loads(line) for line in log.read_text(encoding="utf-8").split("\n") if line]


def training_dynamics(lines: Sequence[Mapping[str, Any]]) -> Picture:
    """The three panels under each other, over one axis of steps. ``lines``: ``step`` and the three values each."""
    steps = [line["step"] for line in lines]
    span = [0, max(steps, default=1)]
    views = [
        _panel(name, title, lines, span, last=index == len(PANELS) - 1) for index, (name, title) in enumerate(PANELS)
    ]
    return picture_of(views, f"Training dynamics over {len(lines)} logged steps: loss, gradient norm, learning rate.")


def _panel(name: str, title: str, lines: Sequence[Mapping[str, Any]], span: list[int], *, last: bool) -> dict[str, Any]:
    values = [{"step": line["step"], "value": line[name]} for line in lines]
    up = {"title": None, "tickCount": 3, "domain": False, "ticks": False, "format": "~g"}
    across = {"grid": False, "title": "optimiser step" if last else None, "labels": last, "ticks": last}
    x = {"field": "step", "type": "quantitative", "scale": {"domain": span, "nice": False}, "axis": across}
    y = {"field": "value", "type": "quantitative", "scale": {"zero": True}, "axis": up}
    encoding = {"x": x, "y": y}
    line: dict[str, Any] = {"type": "line", "strokeWidth": 1.3, "color": COLOURS["ink"]}
    layers: list[dict[str, Any]] = [{"mark": line, "encoding": encoding}]
    if len(values) < _MARKED:
        dot = {"type": "point", "filled": True, "fill": COLOURS["ink"], "size": 18, "opacity": 1}
        layers.append({"mark": dot, "encoding": encoding})
    return {
        "data": {"values": values},
        "width": INNER,
        "height": _HIGH,
        "layer": [*layers, *heading(title, INNER)],
    }
