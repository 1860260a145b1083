"""Figure 9 of the paper for any run: loss, gradient norm and learning rate over the steps, as one picture.

Knows ``log.jsonl``. Refuses to smooth: every logged step is drawn.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import vl_convert

from s1kit.errors import UserError
from s1kit.store.files import write_atomic

PANELS = (("loss", "loss"), ("grad_norm", "gradient norm"), ("learning_rate", "learning rate"))


def training_picture(folder: Path) -> Path:
    """Write ``training.svg`` beside a run's ``log.jsonl``; its path. Raises UserError where there is no log."""
    log = folder / "log.jsonl"
    if not log.is_file():
        raise UserError(f"no log at {log}\nhint: `s1 train` writes one")
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").split("\n") if line]
    path = folder / "training.svg"
    write_atomic(path, vl_convert.vegalite_to_svg(_spec(lines)))
    return path


def _spec(lines: list[dict[str, Any]]) -> dict[str, Any]:
    panels = []
    for name, title in PANELS:
        values = [{"step": line["step"], "value": line[name]} for line in lines]
        y = {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": name != "loss"}}
        x = {"field": "step", "type": "quantitative", "title": "optimiser step", "axis": {"grid": False}}
        mark = {"type": "line", "strokeWidth": 1.4, "color": "#1b1b1b", "point": len(values) < 40}
        encoding = {"x": x, "y": y}
        panels.append(
            {
                "data": {"values": values},
                "mark": mark,
                "encoding": encoding,
                "title": title,
                "width": 230,
                "height": 150,
            }
        )
    quiet = {"labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal"}
    config = {"view": {"stroke": None}, "axis": quiet, "title": {"fontSize": 12, "fontWeight": "normal"}}
    return {"hconcat": panels, "background": "white", "config": config}
