"""``s1 metrics``: control, scaling, performance of a graded run.

Knows its flags. The formulas are ``s1kit.metrics``.
"""

from __future__ import annotations

from s1kit.cli import options as o


def metrics(run: o.RunPath, grader: o.GraderName = "default", as_json: o.Json = False) -> None:
    """Compute a run's metrics from its generations and grades, store and print them."""
    from s1kit.cli.console import print_json
    from s1kit.cli.running import show_metrics
    from s1kit.evaluate import measure_run
    from s1kit.store.run import RunDir

    opened = RunDir.open(run)
    measured = measure_run(opened, grader)
    if as_json:
        print_json(measured.model_dump(mode="json"))
    else:
        show_metrics(measured, opened.manifest.policies)
