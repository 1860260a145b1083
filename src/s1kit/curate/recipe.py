"""What a curation was asked to do.

Knows every setting, its default and its place in the paper, and which settings change no output. Refuses to act: no
file is opened here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from s1kit.curate.mapping import Mapping
from s1kit.nano.shipped import SHIPPED, resolve_model
from s1kit.types import Record

Positive = Annotated[int, Field(strict=True, gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Step = Literal["quality", "duplicates", "decontaminate", "trace", "domain", "difficulty"]


class SourceConfig(Record):
    """One source: a known one (from the hub, or from ``path`` in its own format), or any file with a mapping."""

    source: str | None = None
    """A known source (``s1 curate sources`` lists them), or nano_pool."""
    path: str | None = None
    """JSONL, JSON, CSV or Parquet. None: the hub."""
    name: str | None = None
    """What the rows are said to come from; None: the source's name, or the file's."""
    licence: str | None = None
    mapping: Mapping | None = None
    """Which column is what, for a file that is no known source's."""
    limit: Positive | None = None
    """Only the first rows."""
    seed: int = 0
    """Of nano_pool only."""

    @model_validator(mode="after")
    def _says_where_from(self) -> Self:
        if self.source is None and self.path is None:
            raise ValueError("a source needs `source` (a known one) or `path` (a file), or both")
        if self.source is not None and self.mapping is not None:
            raise ValueError(f"{self.source} has a mapping of its own: leave out `mapping`, or leave out `source`")
        return self


class EndpointConfig(Record):
    """A chat endpoint that speaks OpenAI's protocol."""

    kind: Literal["endpoint"] = "endpoint"
    model: str
    """As the server names it."""
    base_url: str = "https://api.openai.com/v1"
    key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; the key itself is never written anywhere."""
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: Positive = 32768
    seed: int | None = None
    extra: dict[str, Any] = Field(default_factory=dict)
    """Further fields of the request's body, as the server names them."""
    concurrency: Positive = 8
    """Calls that are open at once."""
    tries: Positive = 5
    """Of one call, the first included."""
    timeout: float = Field(default=600, gt=0)
    """Seconds without a byte after which a request is given up."""
    stream: bool = True
    """Ask for the reply as it comes, so that a long one is not taken for a dead one."""
    price_in: float | None = Field(default=None, ge=0)
    """Per million prompt tokens, in your currency; None: unknown, and the cost is then not stated."""
    price_out: float | None = Field(default=None, ge=0)


class LocalConfig(Record):
    """A model on this machine."""

    kind: Literal["local"] = "local"
    model: str
    """Folder, hub id, or ``nano`` / ``nano-base``."""
    format: str = "s1"
    temperature: float = Field(default=0, ge=0)
    max_thinking: Positive | None = None
    """At most so many thinking tokens; None: all the room there is."""
    max_answer: Positive = 1024
    seed: int = 0
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = "cpu"
    slots: Positive = 64
    """Rows that run at once."""


class NanoTeacherConfig(Record):
    """The nano world's noisy teacher, for questions of nano_pool."""

    kind: Literal["nano_teacher"] = "nano_teacher"
    seed: int = 0
    fails: Share = 0.02
    """Share of questions on which it fails, as endpoints do."""


ModelConfig = Annotated[EndpointConfig | LocalConfig | NanoTeacherConfig, Field(discriminator="kind")]


class QualityConfig(Record):
    """Faults that are visible in the text."""

    patterns: tuple[str, ...] | None = None
    """None: all that are on by default."""
    reference: bool = False
    """The literal patterns of the reference code instead, which also hit "step2."."""


class DuplicatesConfig(Record):
    """Exact copies, and near ones."""

    near: Annotated[float, Field(ge=0.6, le=1)] | None = 0.8
    """Share of 3-word shingles in common from which two questions are one; None: exact copies only."""


class DecontaminateConfig(Record):
    """Against which evaluation sets, and by which rule."""

    evaluations: dict[str, str] = Field(default_factory=dict)
    """Name -> a known source, a built-in benchmark, or a file."""
    mode: Literal["paper", "coverage"] = "coverage"
    """paper: any shared word 8-gram. coverage: enough of them, boilerplate left out, and near-duplicates."""
    n: Positive = 8
    """Words of an n-gram."""
    least_coverage: Share = 0.3
    """Share of an evaluation question's n-grams from which a row is out (coverage mode)."""
    boilerplate: Positive | None = 10
    """N-grams in more questions than this prove nothing (coverage mode)."""
    near: Share = 0.6
    """Share of 3-word shingles in common from which two questions are near (coverage mode)."""


class TraceConfig(Record):
    """The teacher, and what is done with what it says."""

    teacher: ModelConfig | None = None
    """Who thinks; None: ``file`` or ``meta``, or no traces."""
    file: str | None = None
    """Traces that are there already: JSONL or Parquet with question (or question_id), thinking and answer."""
    meta: str | None = None
    """The sources' own worked solutions as traces: the column kept in ``Question.meta``, usually ``solution``."""
    tokenizer: str = "nano"
    """Folder whose tokenizer counts the trace's length; nano ships with s1kit."""
    judged: bool = False
    """Ask the judge about traces that no rule decides. They need not be right (paper, section 2), only known."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(origin is not None for origin in (self.teacher, self.file, self.meta)) > 1:
            raise ValueError("traces come from one of `teacher`, `file` and `meta`")
        return self


class DomainConfig(Record):
    """Who files a question under a class of the Mathematics Subject Classification."""

    by: Literal["lexical", "column", "model"] = "lexical"
    """By words, by a column of the source, or by asking a model."""
    model: ModelConfig | None = None
    """Whom ``by: model`` asks."""
    asks: Positive = 3
    """How often a model that names no known class is asked, in all."""

    @model_validator(mode="after")
    def _a_model_where_needed(self) -> Self:
        if (self.by == "model") != (self.model is not None):
            raise ValueError("by: model needs `model`, and only then is there one")
        return self


class DifficultyConfig(Record):
    """The solvers: what any of them solves is dropped."""

    solvers: dict[str, ModelConfig] = Field(default_factory=dict)
    """Name -> the model that tries every question."""
    judge: ModelConfig | None = None
    """Asked where no rule decides; None: such attempts are undecided."""
    asks: Positive = 3
    """How often a judge that says neither Yes nor No is asked, in all."""
    undecided: Literal["drop", "keep"] = "drop"
    """A question that no solver is known to have solved, but some attempt at which nobody could judge."""


class PreselectConfig(Record):
    """Rows of a source that need no further filter if the teacher solved them (paper, section 2.2)."""

    source: str
    """Whose rows."""
    longer_than: int = 0
    """Only traces of more tokens than this."""


class SelectConfig(Record):
    """Which rows become the set."""

    rule: Literal["paper", "notebook", "random", "diverse", "longest", "full"] = "paper"
    """paper: Algorithm 1; notebook: the rule of its published notebook; full: every row; the others are the sets that
    the paper compares with."""
    size: Positive = 1000
    """Questions of the set."""
    seed: int = 0
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """Folder of the selection; None: rule, size and seed."""
    preselect: tuple[PreselectConfig, ...] = ()
    shape: dict[str, float] = Field(default_factory=dict)
    """Rule notebook: source -> weight; domains are drawn as these sources' questions lie over them."""

    @property
    def label(self) -> str:
        """The selection's name."""
        return self.name or ("full" if self.rule == "full" else f"{self.rule}-{self.size}-seed{self.seed}")

    @model_validator(mode="after")
    def _a_shape_where_needed(self) -> Self:
        if (self.rule == "notebook") != bool(self.shape):
            raise ValueError("rule notebook needs `shape` (source -> weight), and no other rule has one")
        if self.preselect and self.rule not in ("paper", "notebook"):
            raise ValueError(f"rule {self.rule} takes no preselected rows")
        return self


class TrainSetConfig(Record):
    """The rows that are trained on."""

    format: str = "s1"
    """Think format that the rows are written in."""
    model: str = "nano"
    """Folder whose tokenizer and chat template the rows are written with."""
    condition: Literal["none", "token", "step"] = "none"
    """Prompts that say how long to think, for token- and step-conditional training (paper, section 5)."""
    max_tokens: Positive | None = None
    """A longer row is refused; None: any length."""
    skip_unfit: bool = False
    """Leave out, and name, rows that cannot be built, instead of refusing them all together."""
    comparisons: bool = False
    """Build the comparison selections too."""


class CurateConfig(Record):
    """``s1 curate``: a pool, the steps that thin it, the selection and the training set."""

    name: str = Field(default="curation", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    sources: tuple[SourceConfig, ...]
    skip_unreachable: bool = False
    """Go on without sources that the hub does not give, and say so; otherwise the first of them ends it."""
    steps: tuple[Step, ...] = ("quality", "duplicates", "decontaminate", "trace", "domain", "difficulty")
    """In this order. What costs money comes last; the paper taught first and filtered afterwards."""
    quality: QualityConfig = QualityConfig()
    duplicates: DuplicatesConfig = DuplicatesConfig()
    decontaminate: DecontaminateConfig = DecontaminateConfig()
    trace: TraceConfig = TraceConfig()
    domain: DomainConfig = DomainConfig()
    difficulty: DifficultyConfig = DifficultyConfig()
    select: SelectConfig = SelectConfig()
    comparisons: tuple[SelectConfig, ...] = ()
    """Further selections from the same rows: random, diverse, longest, full (paper, Table 2)."""
    train: TrainSetConfig = TrainSetConfig()
    data: str | None = None
    """Folder that relative paths of files start from; None: the current one."""
    out: str = "runs"
    cache: str | None = None
    """Where model calls are kept; None: calls.sqlite in ``out``, shared by every curation there."""

    def file(self, path: str) -> Path:
        """Where a file of the recipe is."""
        return Path(self.data or ".") / path

    def folder(self, model: str) -> str:
        """Folder of a model or tokenizer: one that ships, one below ``data``, or the name as it is (a hub id)."""
        place = self.file(model)
        return str(place) if model not in SHIPPED and place.is_dir() else resolve_model(model)

    @model_validator(mode="after")
    def _steps_in_order(self) -> Self:
        if not self.sources:
            raise ValueError("sources is empty: name at least one")
        if len(set(self.steps)) < len(self.steps):
            raise ValueError(f"a step is there twice: {', '.join(self.steps)}")
        if "trace" in self.steps and not (self.trace.teacher or self.trace.file or self.trace.meta):
            raise ValueError("the step trace needs trace.teacher (a model), trace.file or trace.meta")
        if "difficulty" in self.steps and not self.difficulty.solvers:
            raise ValueError("the step difficulty needs difficulty.solvers; leave the step out to keep what they solve")
        if "decontaminate" in self.steps and not self.decontaminate.evaluations:
            raise ValueError("the step decontaminate needs decontaminate.evaluations (name -> set)")
        labels = [s.label for s in (self.select, *self.comparisons)]
        if len(set(labels)) < len(labels):
            raise ValueError(f"two selections have the same name: {', '.join(labels)}; give one a name of its own")
        return self


NON_OUTPUT = frozenset(
    {"data", "out", "cache", "select", "comparisons", "train"}
    | {
        f"{model}.{key}"
        for model in ("trace.teacher", "domain.model", "difficulty.judge")
        for key in (
            "base_url",
            "key_env",
            "concurrency",
            "tries",
            "timeout",
            "stream",
            "slots",
            "device",
            "price_in",
            "price_out",
        )
    }
)
"""Settings that change nothing before the selection: they may be others when a curation goes on."""


def outputs(config: CurateConfig) -> frozenset[str]:
    """``NON_OUTPUT`` with the solvers' names filled in."""
    keys = [name.rpartition(".")[2] for name in NON_OUTPUT if name.startswith("difficulty.judge.")]
    return NON_OUTPUT | {f"difficulty.solvers.{s}.{key}" for s in config.difficulty.solvers for key in keys}
