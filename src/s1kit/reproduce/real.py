"""The paper's tables and figures on a model of one's own: a recipe, and the comparisons that it becomes.

Knows which model every method needs, and the paper's settings (sections 4 to 6) as defaults. Refuses to run: what it
lists goes through `s1 compare` as in the nano world. A model that is not named leaves its rows to say so.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from s1kit.engines.settings import EngineConfig, Positive
from s1kit.policies import Count, StepsBy
from s1kit.types import Record

Settings = tuple[Positive, ...]


class Models(Record):
    """The models of the paper, as folders or hub ids. None: there is none."""

    s1: str
    """Fine-tuned on the selection."""
    base: str | None = None
    """What it was fine-tuned from."""
    token: str | None = None
    """Trained on rows that ask for tokens."""
    step: str | None = None
    """Trained on rows that ask for steps."""
    reward: str | None = None
    """Process reward model of tree search."""


class Benchmarks(Record):
    """The paper's three sets: names or files. None: there is none."""

    aime: str | None = "aime24"
    math: str | None = "math500"
    gpqa: str | None = "gpqa_diamond"


class PaperConfig(Record):
    """``s1 reproduce RECIPE``: models, engine, benchmarks, and the paper's settings."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    models: Models
    benchmarks: Benchmarks = Benchmarks()
    format: str = "s1"
    base_format: str = "plain"
    step_format: str = "s1-steps"
    engine: EngineConfig = EngineConfig()
    limit: Positive | None = None
    """Only the first questions; None: all."""
    seed: int = 0
    max_answer: Positive = 1024
    on_overflow: Literal["refuse", "clamp"] = "clamp"
    """The context bounds how often "Wait" fits: such rows get what room there is."""
    out: str = "runs/paper"

    budgets: tuple[Count, ...] = (500, 1000, 2000, 4000, 8000)
    """Figures 1 and 4a: thinking is closed there."""
    waits: Settings = (2, 4, 6)
    control_budgets: tuple[Count, ...] = (2000, 4000)
    """Table 3 has five runs of budget forcing: these, and ``waits``."""
    nudges: tuple[str, ...] = ("", "Alternatively", "Hmm", "Wait")
    """Table 4."""
    token_limits: Settings = (1024, 2048, 4096, 8192, 16384)
    step_limits: Settings = (16, 32, 64, 128, 256)
    step_tokens: Positive = 100
    rejection_limits: Settings = (3500, 4000, 5000, 8000, 16000)
    tries: Positive = 1000
    """The paper does not bound them; 3,500 tokens took 655."""
    rejection_seeds: Positive = 1
    votes: Settings = (2, 4, 8, 16, 32, 64)
    samples: Positive = 64
    base_tokens: Positive = 4096
    """Of a sample of the base model, which marks no thinking."""
    widths: Settings = (2, 4, 8, 16)
    max_depth: Positive = 512
    tree_steps: StepsBy = StepsBy()
    layout: str | None = None
    """How the reward model reads a solution; None: as its folder says."""
    sampled_thinking: Positive | None = None
    """A maximum under votes and trees; None: all the room there is."""
