"""What a comparison is asked for: methods, their settings, and what they share.

Knows the ways of spending test-time compute by the paper's names (section 5) and what each can be told. Refuses to know
how a method becomes policies: `settings` does.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from s1kit.engines.settings import EngineConfig, Positive
from s1kit.policies import (
    BudgetForcing,
    Confident,
    Count,
    EarlyExit,
    NoThinking,
    NoWait,
    Policy,
    Rejection,
    Sampling,
    SoftCutoff,
    StepsBy,
    Unforced,
)
from s1kit.types import Record

SEEDS = 5
"""Draws of a sampled method, unless it says otherwise."""
Temperature = Annotated[float, Field(ge=0.0, le=10.0)]
Rule = Literal[
    "majority", "weighted", "best_of_n", "shortest_majority", "short_m", "pass_at_k", "adaptive", "confidence", "online"
]
"""How stored samples become an answer; confidence and online are DeepConf's filtered vote and its early stop."""


class _Method(Record):
    name: str | None = None
    """What tables call it; None: the method's usual abbreviation."""
    model: str | None = None
    """None: the comparison's."""
    format: str | None = None
    """None: the comparison's."""
    temperature: Temperature | None = None
    """None: greedy for methods of one thought, 1 for sampled ones."""
    seeds: Positive | None = None
    """Draws per question where tokens are sampled; None: the comparison's."""
    max_thinking: Count | None = None
    """A maximum under all its settings; None: all the room there is."""


class ForcingMethod(_Method):
    """Budget forcing (BF): a maximum, the natural end, and "Wait"."""

    method: Literal["budget_forcing"]
    budgets: tuple[Count, ...] = ()
    """Maximum thinking tokens, one setting each."""
    natural: bool = False
    """A setting in which the model stops by itself."""
    extensions: tuple[Positive, ...] = ()
    """Numbers of suppressed ends, one setting each."""
    nudges: tuple[str, ...] | None = None
    """Appended in rotation; None: the format's; [""]: nothing."""
    after_nudge: Sampling | None = None
    """How tokens are drawn after the first nudge."""
    frequency_penalty: Annotated[float, Field(ge=-2.0, le=2.0)] = 0.0
    """Of every setting: see Sampling."""

    @model_validator(mode="after")
    def _something_is_asked_for(self) -> Self:
        if not (self.budgets or self.natural or self.extensions):
            raise ValueError("budget forcing without a setting: name budgets, extensions, or natural: true")
        return self


class TokenMethod(_Method):
    """Token-conditional control (TCC): "Think for up to N tokens."; with ``forced`` also ended there."""

    method: Literal["token_conditional"]
    limits: Annotated[tuple[Positive, ...], Field(min_length=1)]
    """Tokens that are asked for, one setting each."""
    forced: bool = False
    """Thinking is also closed there."""


class StepMethod(_Method):
    """Step-conditional control (SCC): "Think for up to N steps."; with ``forced`` ended at a countdown's 0."""

    method: Literal["step_conditional"]
    limits: Annotated[tuple[Positive, ...], Field(min_length=1)]
    """Steps that are asked for, one setting each."""
    forced: bool = False
    """Thinking is also closed when the countdown says 0."""
    step_tokens: Positive = 100
    """Tokens that a step may have when control is judged: the paper's."""


class ClassMethod(_Method):
    """Class-conditional control (CCC): asked for a short and for a long thought, judged by the natural one."""

    method: Literal["class_conditional"]


class _Sampled(_Method):
    @model_validator(mode="after")
    def _draws_differ(self) -> Self:
        if self.temperature == 0:
            raise ValueError("draws several times, and at temperature 0 all draws are one; leave it out for 1")
        return self


class RejectionMethod(_Sampled):
    """Rejection sampling (RS): draw until the thought is within the limit."""

    method: Literal["rejection"]
    limits: Annotated[tuple[Positive, ...], Field(min_length=1)]
    """Thinking tokens that a try may have, one setting each."""
    tries: Positive = 16
    """The most samples that a row may take."""


class VoteMethod(_Sampled):
    """k samples of one policy, then one answer: any k from the same stored samples."""

    method: Literal["vote"]
    rule: Rule = "majority"
    k: Annotated[tuple[Positive, ...], Field(min_length=1)]
    """Votes of so many samples, one setting each."""
    samples: Positive | None = None
    """Samples stored per question; None: as many as ``seeds`` votes of the largest k need."""
    unforced: Positive | None = None
    """Let the model write as it does on its own, at most so many tokens: for a base model, which marks no thinking
    (format plain). None: its thinking is bounded and closed."""
    scorer: str | None = None
    """Reward model of weighted and best_of_n: ``oracle``, ``random``, ``length``, a shipped name or a folder."""
    layout: str | None = None
    """How the reward model is asked; None: as its folder says."""
    reduction: Literal["last", "min", "mean", "prod"] = "last"
    """How the scores of a thought's steps become one."""
    steps: StepsBy = StepsBy()
    """What a step is to the scorer."""
    m: Positive = 1
    """short_m: so many finish first."""
    keep: Annotated[float, Field(gt=0, le=1)] = 0.5
    """confidence, online: the surest share."""
    warm_up: Positive = 4
    """online: samples that set the bar."""
    window: Positive = 2048
    """confidence, online: tokens of a group."""
    threshold: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """adaptive: how safe the majority has to be."""

    @model_validator(mode="after")
    def _enough_of_everything(self) -> Self:
        if (self.rule in ("weighted", "best_of_n")) != (self.scorer is not None):
            weighs = "needs a scorer: oracle, random, length, nano-prm, or a reward model's folder"
            raise ValueError(f"rule {self.rule} {weighs if self.scorer is None else 'reads no scorer'}")
        if self.unforced is not None and (self.max_thinking is not None or self.rule in ("confidence", "online")):
            raise ValueError("unforced samples have no max_thinking, and no confidence is recorded of them")
        return self


class TreeMethod(_Sampled):
    """REBASE, beam search or DVTS under a process reward model."""

    method: Literal["tree_search"]
    search: Literal["rebase", "beam", "dvts"] = "rebase"
    widths: Annotated[tuple[Positive, ...], Field(min_length=1)]
    """Leaves of a tree, one setting each."""
    scorer: str
    """``oracle``, ``random``, ``length``, a shipped name or a folder."""
    layout: str | None = None
    """How the reward model is asked; None: as its folder says."""
    steps: StepsBy = StepsBy()
    """Where a node ends."""
    aggregate: Literal["majority", "weighted", "best"] = "majority"
    """How the leaves become one answer."""
    reduction: Literal["last", "min", "mean", "prod"] = "last"
    """How the scores of a leaf's steps become one."""
    temperature_b: Annotated[float, Field(gt=0)] = 0.2
    """REBASE's balance temperature."""
    rounding: Literal["largest_remainder", "ceil", "round"] = "largest_remainder"
    """How REBASE's shares become whole children."""
    expand: Positive = 4
    """Children per kept node (beam, dvts)."""
    max_depth: Positive = 50
    """Steps of a branch at most."""


SinglePolicy = Annotated[
    Unforced | BudgetForcing | Rejection | NoThinking | NoWait | EarlyExit | SoftCutoff | Confident,
    Field(discriminator="kind"),
]
"""A policy of one thought."""


class PoliciesMethod(_Method):
    """Any policies, one setting each: how NoThinking, NoWait, early exit and soft cut-off come in."""

    method: Literal["policies"]
    name: str
    """What tables call it: these have no usual name."""
    policies: Annotated[tuple[SinglePolicy, ...], Field(min_length=1)]
    """One setting each."""


Method = Annotated[
    ForcingMethod | TokenMethod | StepMethod | ClassMethod | RejectionMethod | VoteMethod | TreeMethod | PoliciesMethod,
    Field(discriminator="method"),
]


class CompareConfig(Record):
    """``s1 compare``: methods x settings on one benchmark, at equal cost."""

    name: str = Field(default="compare", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """Folder of the comparison below ``out``."""
    benchmark: str = "nano_mixed"
    limit: Positive | None = 60
    """Only the first questions; None: all."""
    model: str = "nano"
    format: str = "s1"
    system: str | None = None
    engine: EngineConfig = EngineConfig()
    seed: int = 0
    seeds: Positive = SEEDS
    """Draws per question where tokens are sampled."""
    max_answer: Positive = 1024
    """Tokens reserved for the answer."""
    on_overflow: Literal["refuse", "clamp"] = "refuse"
    """Rows whose context is too small for a budget: refused, or given what room there is."""
    grader: Literal["default", "s1_compat"] = "default"
    """s1_compat: as the reference code grades."""
    baseline: str | None = None
    """The method that the others are compared with; None: every two."""
    methods: tuple[Method, ...]
    """What is compared; the guide has a table."""
    out: str = "runs"
    """The comparison's folder goes in here."""

    @model_validator(mode="after")
    def _methods_can_be_told_apart(self) -> Self:
        if not self.methods:
            raise ValueError("methods is empty: name at least one, e.g. {method: budget_forcing, budgets: [512]}")
        names = [name_of(method) for method in self.methods]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two methods are called {twice[0]!r}; give one of them a name of its own")
        if self.baseline is not None and self.baseline not in names:
            raise ValueError(f"baseline {self.baseline!r} is no method here: {', '.join(names)}")
        if self.engine.kind == "chat":
            raise ValueError("engine chat forces nothing and gives no tokens; use s1 eval --engine chat")
        return self


class PolicyWanted(Record):
    """A policy that one run of a comparison holds."""

    policy: Policy
    sampling: Sampling
    samples: Positive


class CompareRun(Record):
    """The configuration of one run of a comparison: what is generated together."""

    benchmark: str
    limit: Positive | None
    model: str
    format: str
    phase: str
    system: str | None
    engine: EngineConfig
    seed: int
    policies: tuple[PolicyWanted, ...]
    grader: Literal["default", "s1_compat"]
    out: str
    samples: Positive = 1

    def base(self) -> dict[str, object]:
        """What rows have to share to be compared: everything but the policies and where they lie."""
        return self.model_dump(mode="json", exclude={"policies", "phase", "grader", "out", "samples"})


def name_of(method: Method) -> str:
    """What tables call a method."""
    if method.name is not None:
        return method.name
    if isinstance(method, TokenMethod | StepMethod):
        return ("TCC" if isinstance(method, TokenMethod) else "SCC") + ("+BF" if method.forced else "")
    if isinstance(method, VoteMethod):
        rule = method.rule.replace("_", "-")
        return rule if method.scorer is None else f"{rule} ({method.scorer})"
    if isinstance(method, TreeMethod):
        return "REBASE" if method.search == "rebase" else method.search
    return {"budget_forcing": "BF", "class_conditional": "CCC", "rejection": "RS"}[method.method]
