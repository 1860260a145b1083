"""Draws the demo's curve for README: docs/images/curve.svg and curve.png.

    s1 nano demo --out runs
    python bench/curve.py RUN

RUN: the run directory that the demo names.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from s1kit.metrics.summary import Metrics
from s1kit.report.marks import marked
from s1kit.report.pictures_curve import curve_picture
from s1kit.store.run import RunDir

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=IMAGES)
    options = parser.parse_args()
    run = RunDir.open(options.run)
    picture = curve_picture(marked(Metrics.model_validate(run.metrics()), run.manifest.policies))
    (options.out / "curve.svg").write_text(picture.svg(), encoding="utf-8")
    (options.out / "curve.png").write_bytes(picture.png(3))


if __name__ == "__main__":
    main()
