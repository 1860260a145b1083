"""The records that reach disk, and the closed sets of words they use.

Knows the shape of every row that a stage writes and the next stage reads. Refuses to know how a row comes about:
no engine, no tokenizer, no file. Every record is frozen and forbids unknown fields, so a row written by a newer
version is refused instead of half read.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

AnswerKind = Literal["integer", "math", "choice", "text"]
Phase = Literal["think", "answer"]
Origin = Literal["model", "forced"]
Why = Literal["open", "prefill", "think", "nudge", "close", "cutoff", "answer"]
"""What a segment is for; nudge and cutoff are the forced words, open, prefill and close the forced frame."""
Ended = Literal[
    "model", "cutoff", "context", "no_room", "stuck", "error", "unmet", "early", "unsure"
]  # fmt: skip
"""How thinking ended. model: by itself; cutoff: its budget ran out; context: the room did; no_room: not even a nudge
fits; stuck: a nudge was followed by nothing; unmet: no try of rejection sampling was short enough; early: trial answers
were settled; unsure: given up for lack of confidence."""
AnswerEnded = Literal["turn_end", "length", "reopened", "error"]
"""How the answer ended. length: at ``max_answer``; reopened: where another thought began; error: the engine failed."""
Verdict = Literal["correct", "incorrect", "no_answer", "ungraded"]
"""no_answer: nothing could be extracted; ungraded: an error, or no reference."""
Role = Literal["budget", "natural", "extension", "placebo", "fresh", "anytime", "unforced", "other"]
"""What a point of a run is for: budget, natural, extension and unforced make the curve, the others stand beside it."""
RunKind = Literal["eval", "sweep", "search", "import", "train", "pretrain", "curate"]
RunStatus = Literal["running", "finished", "interrupted"]

SCHEMA_VERSION = 2
"""Moves when a record changes shape; written into every manifest, checked before a run is read."""


class Record(BaseModel):
    """Base of everything on disk: immutable, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: the form that every hash in this package is taken over."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256_hex(text: str) -> str:
    """SHA-256 of the UTF-8 bytes of ``text``, 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def question_id(text: str, choices: tuple[str, ...] = ()) -> str:
    """Content id of a question: 16 hex digits.

    NFC, white space folded to single blanks, stripped, case kept; then the choices, each on its own line. Two
    questions that differ only in spacing are the same question; two that differ in case are not (``N`` and ``n``
    are different variables).
    """
    folded = [" ".join(unicodedata.normalize("NFC", part).split()) for part in (text, *choices)]
    return sha256_hex("\n".join(folded))[:16]


class Question(Record):
    """One problem with its reference answer. ``id`` is derived from the content and checked."""

    id: str
    text: str
    answer: str | None
    """Reference answer as text; None where there is none, and then the row can only be ``ungraded``."""
    answer_kind: AnswerKind
    choices: tuple[str, ...] = ()
    """Of a choice question, without letters."""
    source: str = ""
    """Where it comes from."""
    domain: str | None = None
    licence: str | None = None
    meta: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _id_matches_content(self) -> Self:
        expected = question_id(self.text, self.choices)
        if self.id != expected:
            raise ValueError(f"question id {self.id!r} does not match its content (expected {expected!r})")
        return self

    @classmethod
    def make(
        cls, *, text: str, answer: str | None, answer_kind: AnswerKind, choices: tuple[str, ...] = (), **rest: Any
    ) -> Question:
        """A question with its id computed from the content."""
        return cls(
            id=question_id(text, choices), text=text, answer=answer, answer_kind=answer_kind, choices=choices, **rest
        )

    def prompt(self) -> str:
        """What the user turn says: the bare question, then ``A) ...`` lines for a choice question.

        No instruction is added (paper, section 4.1; the reference tasks send the bare question too).
        """
        if not self.choices:
            return self.text
        lines = [
            f"{letter}) {choice}" for letter, choice in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", self.choices, strict=False)
        ]
        return self.text + "\n\n" + "\n".join(lines)


class Trace(Record):
    """A teacher's reasoning and answer for one question."""

    question_id: str
    teacher: str
    thinking: str
    answer: str
    thinking_tokens: int | None = None
    tokenizer: str | None = None
    """Which tokenizer counted ``thinking_tokens``: counts of different tokenizers are not comparable."""
    finish: str | None = None
    """How the teacher's endpoint says it ended."""
    usage: dict[str, int] = Field(default_factory=dict)
    """Tokens, as the endpoint counts them."""
    error: str | None = None
    """Why there is none: thinking and answer are then empty."""


class Decision(Record):
    """What one step of a curation said of one row of the pool: one record per row and step, so a funnel is a count.

    ``row`` is the row's number in the pool, from 0 over all sources: two copies of a question share ``question_id``,
    and only one of them is kept. A row that could not be read has no question.
    """

    row: int
    question_id: str | None
    source: str
    step: str
    kept: bool
    """Whether the row is in the next step."""
    reason: str = ""
    """The rule that decided, in a word or two; empty for a row that nothing was said against."""
    evidence: str = ""
    """What a reader needs to check it: the n-gram, the other row, the pattern's match, the error."""


class Attempt(Record):
    """One solver's try at one question, and what the grader (then the judge) said of it."""

    question_id: str
    solver: str
    answer: str
    finish: str | None = None
    error: str | None = None
    verdict: Literal["correct", "incorrect", "no_answer", "undecided"]
    rule: str
    """The grader's rule, or ``judge/yes``, ``judge/no``, ``judge/undecided``, ``no_judge``, ``failed_call``."""
    judged: str | None = None
    """The judge's last words, where it was asked."""


class Filed(Record):
    """The domain that a question was filed under, and who said so."""

    question_id: str
    code: str
    """A two-digit class of the Mathematics Subject Classification, a column's own word, or ``other``."""
    how: Literal["model", "column", "lexical", "unknown"]
    """Who said so; unknown: nobody."""
    score: float | None = None
    said: str | None = None
    """A model's last words, where one was asked."""


class Chosen(Record):
    """A selected row and how it came in."""

    question_id: str
    domain: str
    how: Literal["preselected", "drawn", "longest", "all"]
    """By which part of the rule."""
    rank: int | None = None
    """Place by trace length among those left in its domain, 0 the longest; None where rank played no part."""
    left: int | None = None
    """Rows that were left in the domain, this one included."""
    length: int = 0
    """Tokens of its trace."""


class Selection(Record):
    """A drawn set: everything that is needed to draw it again."""

    rule: str
    """As `s1kit.curate.select` names it."""
    size: int
    seed: int
    ids: tuple[str, ...]
    """In the order in which they were drawn."""
    counts_by_domain: dict[str, int]
    inputs: dict[str, str]
    """What it was drawn from: name to SHA-256."""


class TrainRow(Record):
    """One row of a training set: token ids and labels (-100 where no loss is taken), nothing to re-tokenise."""

    id: str
    """Content id of the row."""
    question_id: str
    format: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    n_tokens: int
    """Of ``input_ids``."""


class Segment(Record):
    """A stretch ``[start, end)`` of a generation's tokens: who wrote it and why.

    ``stop_id`` is the token that the engine stopped at; it never enters the context. ``text`` is used only where the
    engine gives no token ids (``Generation.exact`` is then false).
    """

    phase: Phase
    origin: Origin
    why: Why
    start: int
    """Place in ``Generation.token_ids``, from 0."""
    end: int
    """One behind the last."""
    stop_id: int | None = None
    text: str | None = None


class Generation(Record):
    """Everything one policy did with one question: the tokens after the prompt, and how they came about.

    ``token_ids`` starts behind the rendered prompt; ``open`` is its first forced segment. ``n_thinking_model +
    n_thinking_forced`` is the thinking that budgets speak of: open, close and suffix never count. ``n_*`` is what the
    row would cost alone, ``n_paid`` what this run generated for it (less in a sweep, where prefixes are shared).
    """

    KEY: ClassVar[tuple[str, ...]] = ("question_id", "policy_id", "sample")

    question_id: str
    policy_id: str
    sample: int = 0
    """From 0."""
    n_prompt: int = 0
    """Tokens of the rendered prompt."""
    token_ids: tuple[int, ...] | None = None
    """None where the engine gives text alone."""
    segments: tuple[Segment, ...] = ()
    ended: Ended
    answer_ended: AnswerEnded | None = None
    extensions: int = 0
    """Ends of thinking that were suppressed."""
    min_met: bool = True
    """Whether ``min_thinking`` was reached; true where none was asked."""
    looped: bool = False
    """The end of the thinking repeats itself."""
    n_thinking_model: int = 0
    n_thinking_forced: int = 0
    n_answer: int = 0
    n_paid: int = 0
    n_paid_thinking: int = 0
    n_discarded: int = 0
    """Tokens that were generated on the way and are not in the record (rejected tries, trial answers), had this row
    been run alone."""
    tries: int = 1
    """Samples that were drawn for it; more than one under rejection sampling alone."""
    n_steps: int | None = None
    """Steps that a countdown announced, where the prompt or the policy speaks of steps."""
    n_step_tokens: int | None = None
    """Thinking tokens inside those steps, their announcements left out."""
    confidence: tuple[float, ...] | None = None
    """Of each token that the model wrote, thinking then answer, where the policy records it (DeepConf)."""
    exact: bool = True
    """Token ids in and token ids out: every number of tokens was counted, none guessed."""
    engine_ms: float = 0.0
    """Milliseconds in the engine, this row alone."""
    thinking_text: str = ""
    """Decoded for reading; the tokens are the record."""
    answer_text: str = ""
    error: str | None = None
    """Why there is no answer, where the engine failed."""

    @property
    def key(self) -> tuple[str, str, int]:
        """Identity of the row inside a run."""
        return (self.question_id, self.policy_id, self.sample)

    @property
    def n_thinking(self) -> int:
        """Thinking tokens as a budget counts them: model tokens plus nudges."""
        return self.n_thinking_model + self.n_thinking_forced


class Grade(Record):
    """One verdict on one generation, with the rule that decided it."""

    question_id: str
    policy_id: str
    sample: int = 0
    grader: str
    version: int
    """Of the grader: moves when verdicts could."""
    verdict: Verdict
    rule: str
    """What decided, as the grader names it."""
    extracted: str | None = None
    """The answer as it was read."""
    reference: str | None = None
    """What it was compared with."""

    @property
    def key(self) -> tuple[str, str, int]:
        """The key of the generation that was graded."""
        return (self.question_id, self.policy_id, self.sample)


class EngineInfo(Record):
    """What an engine is and what it honours. Goes into every manifest; a policy that needs more is refused."""

    name: str
    model: str
    revision: str | None = None
    version: str
    dtype: str | None = None
    device: str | None = None
    slots: int = 1
    context_len: int
    vocab_size: int
    """Ids the model can emit. May exceed the tokenizer's: the surplus is banned in every request."""
    tokenizer_hash: str | None = None
    exact: bool = True
    """Token ids in, token ids out. False for text-only engines."""
    min_tokens: bool = True
    """Can hold back stops for a number of tokens."""
    stop_seqs: bool = True
    """Can stop at several ids in a row."""
    banned_ids: bool = True
    """Can leave ids out of the draw."""
    crn: bool = True
    """Common random numbers: token t of a sequence is drawn with a generator keyed (seed, t), so batching, chunking
    and budgets do not change a sample. Where false, token equality is claimed for greedy decoding only."""
    logprobs: bool = False
    """Gives log-probabilities of the most likely ids."""
    streams: bool = True
    """Gives the tokens of a request as they come; where false, all at its end."""
    top_k: bool = True
    """Can keep the k most likely tokens only."""


class RunManifest(Record):
    """What a run directory is: written as a ``running`` stub first and in full, last, on finish."""

    id: str
    kind: RunKind
    status: RunStatus
    schema_version: int = SCHEMA_VERSION
    s1kit_version: str
    config: dict[str, Any]
    """As resolved: every value that changes outputs."""
    config_typed: dict[str, Any] = Field(default_factory=dict)
    """As the user gave it, before defaults."""
    config_hash: str
    inputs: dict[str, str] = Field(default_factory=dict)
    """Name of an input (questions, model, tokenizer, chat template) to the SHA-256 of its content."""
    engine: EngineInfo | None = None
    """As claimed, without what it was found not to honour."""
    findings: tuple[dict[str, Any], ...] = ()
    """What was tried on the engine before the first question, and seen (``s1kit.engines.probe.Finding``)."""
    policies: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """policy_id -> the policy, its label and its sampling, as canonical values."""
    packages: dict[str, str] = Field(default_factory=dict)
    git: dict[str, Any] = Field(default_factory=dict)
    """Commit, and whether the tree was clean."""
    seeds: dict[str, int] = Field(default_factory=dict)
    hardware: dict[str, Any] = Field(default_factory=dict)
    started: str
    finished: str | None = None
    seconds: float | None = None
    """Of all sessions."""
    counts: dict[str, int] = Field(default_factory=dict)
    """Questions, generations, errors and the like."""
    hashes: dict[str, str] = Field(default_factory=dict)
    """File name inside the run to SHA-256, for ``s1 runs verify``."""
    parent: str | None = None
    """Id of the run that it was made from."""
