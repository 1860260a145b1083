"""``s1 train``: supervised fine-tuning from a recipe.

Knows its flags. Rows and training are ``s1kit.train``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s1kit.cli import options as o


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe (YAML), for example recipes/nano-sft.yaml.")],
    sets: o.Sets = None,
    explain: o.Explain = False,
) -> None:
    """Fine-tune on reasoning traces, with the loss on trace and answer only; the model's folder is printed."""
    from s1kit.cli.console import say
    from s1kit.cli.running import explain as show_settings
    from s1kit.config import load
    from s1kit.train.recipe import TrainConfig, run

    config, settings = load(TrainConfig, recipe, None, tuple(sets or ()))
    if explain:
        show_settings(settings)
    done = run(config, lambda step, steps, loss: say(f"step {step} of {steps}  loss {loss:.4f}"))
    say(f"{done.rows} rows, {done.tokens} tokens, {done.seconds:.0f} s")
    print(done.out)
