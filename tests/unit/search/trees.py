"""Trees on a random "model": scorers without a model, a recording engine, and random searches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from s1kit.engines.base import Chunk, Engine
from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.plan import Plan, Row
from s1kit.policies import Sampling, TreeSearch
from s1kit.search.allocate import Rebase
from s1kit.search.beam import Beam
from s1kit.search.leaf import Tree
from s1kit.search.reward import Item, RewardInfo, Spent
from s1kit.search.run import run_searches
from s1kit.search.steps import StepEnd, StepRule
from s1kit.search.tree import Search, tree_search
from s1kit.types import sha256_hex
from unit.forcing.cases import RESOLVED, STOPS, VOCAB

FMT = RESOLVED["one id"]
BOUNDARY = 11
LIKED = "<5>"


class Scorer:
    """Scores a step by a function of its text; a word is a token, and costs one."""

    def __init__(self, rule: Callable[[str], float]) -> None:
        self.info = RewardInfo("words", "control", "a function of the text")
        self.spent = Spent()
        self.seen: list[list[str]] = []
        self._rule = rule

    def score(self, question: str, steps: Sequence[str]) -> list[float]:
        return self.score_batch([(question, steps)])[0]

    def score_batch(self, items: Sequence[Item]) -> list[list[float]]:
        self.seen += [list(steps) for _, steps in items]
        self.spent += Spent(len(items), tokens=sum(len(steps) for _, steps in items), seconds=0.5)
        return [[self._rule(step) for step in steps] for _, steps in items]


def by_chance(step: str) -> float:
    """A score that has nothing to do with what the step says."""
    return int(sha256_hex(step)[:8], 16) / 16**8


def by_liking(step: str) -> float:
    """The share of a step's tokens that are the liked one."""
    return step.count(LIKED) / max(1, step.count("<"))


class Recording(ScriptedEngine):
    """Keeps what it said."""

    said: dict[str, Chunk]

    def collect(self) -> list[Chunk]:
        chunks = super().collect()
        self.said = getattr(self, "said", {}) | {chunk.request_id: chunk for chunk in chunks}
        return chunks


def engine(model: int = 3, *, slots: int = 16, order: int = 0, context_len: int = 400) -> Recording:
    made = Recording.random(model, stops=STOPS["one id"], vocab_size=VOCAB, context_len=context_len, slots=slots)
    made._order.seed(order)
    return made


def plan(over: Engine, *, temperature: float = 1.0, **policy: object) -> Plan:
    bounded = TreeSearch.model_validate({"width": 1, "max_thinking": 40, "max_answer": 4, **policy})
    return Plan.make(bounded, FMT, Sampling(temperature=temperature), over.info)


def row(number: int = 0, seed: int = 0) -> Row:
    return Row(f"q{number}", (1, number), FMT.open, seed=seed)


def steps_of(size: int, *ids: int) -> StepRule:
    return lambda depth: StepEnd(size, ids)


def grown(over: Engine, search: Search, scorer: Scorer | None = None, *, at: Row | None = None, **policy: int) -> Tree:
    """One question's tree."""
    chosen = scorer or Scorer(by_chance)
    made = tree_search(plan(over, **policy), at or row(), "what?", search, chosen)
    (tree,) = run_searches([made], over)
    return tree


@dataclass(frozen=True)
class Case:
    """One random search on one random "model"."""

    search: Search
    policy: dict[str, int]
    model: int
    seed: int
    context_len: int

    def run(self, over: Engine | None = None, scorer: Scorer | None = None) -> Tree:
        over = over or self.engine()
        return grown(over, self.search, scorer, at=row(seed=self.seed), **self.policy)

    def engine(self, **options: int) -> Recording:
        return engine(self.model, context_len=self.context_len, **options)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any search that spends its budget exactly."""
    width = draw(st.sampled_from([1, 2, 4, 6, 9]))
    rebase = Rebase(draw(st.sampled_from([0.02, 0.2, 3.0])), draw(st.sampled_from(["largest_remainder", "ceil"])))
    search = Search(
        width=width,
        steps=steps_of(draw(st.integers(1, 9)), *draw(st.sampled_from([(), (BOUNDARY,), (10, BOUNDARY)]))),
        allocate=draw(st.just(rebase) | st.builds(Beam, st.integers(1, 4))),
        max_depth=draw(st.sampled_from([1, 3, 60])),
        subtrees=draw(st.sampled_from([n for n in (1, 2, 3) if width % n == 0])),
        score_answer=draw(st.booleans()),
    )
    policy = {"max_thinking": draw(st.integers(0, 30)), "max_answer": draw(st.integers(1, 4))}
    return Case(search, policy, draw(st.integers(0, 999)), draw(st.integers(0, 9)), draw(st.sampled_from([60, 400])))


def same(tree: Tree) -> Tree:
    """The tree without what a clock said and without how much an engine had to read again."""
    leaves = tuple(
        replace(leaf, generation=leaf.generation.model_copy(update={"engine_ms": 0.0})) for leaf in tree.leaves
    )
    return replace(tree, leaves=leaves, prefilled=0)
