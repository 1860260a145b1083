"""Tree search over the steps of a thought: REBASE (arXiv 2408.00724), beam search and DVTS, on any engine.

Knows the loop: one step for every child, score, retire what ended, hand the rest of the budget out again. Refuses to
know engines, reward models and rounding: requests go out in batches (``run`` submits them), a ``Scorer`` scores, an
``Allocate`` hands out. Every node that was started is paid for; every leaf answers, also one that was cut.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

from s1kit.engines.base import Chunk, Request
from s1kit.forcing.machine import overflow
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.tape import Tape
from s1kit.policies import TreeSearch
from s1kit.search.allocate import Allocate, Rebase, SearchError
from s1kit.search.leaf import Leaf, Tree
from s1kit.search.node import Bounds, Crew, Node
from s1kit.search.reward import Item, Scorer, Spent, checked
from s1kit.search.samples import Cost
from s1kit.search.steps import StepRule
from s1kit.types import Ended

MAX_DEPTH = 50
"""The bound of s1's REBASE; the original's is 25."""

Growing = Generator[list[Request], Chunk, Tree]
"""Yields requests that may run side by side with those that are out already, perhaps none; is sent the chunk of any,
whole; returns the tree."""


@dataclass(frozen=True, slots=True)
class Search:
    """How a tree grows. Raises SearchError for numbers that make no tree."""

    width: int
    """Leaves: the budget of children at the root; it falls by one with every leaf."""
    steps: StepRule
    allocate: Allocate = field(default_factory=Rebase)
    max_depth: int = MAX_DEPTH
    """Thoughts of this many steps are closed by force."""
    subtrees: int = 1
    """Parts that the width is split into and that never compete (``dvts``)."""
    score_answer: bool = True
    """Score the answer as one more step, as the reference does, whose last step holds the answer."""

    def __post_init__(self) -> None:
        for name in ("width", "max_depth", "subtrees"):
            if getattr(self, name) < 1:
                raise SearchError(f"{name} is {getattr(self, name)}; at least 1 is needed")
        if self.width % self.subtrees:
            raise SearchError(f"width {self.width} cannot be split into {self.subtrees} equal subtrees")


def tree_search(plan: Plan, row: Row, question: str, search: Search, scorer: Scorer) -> Growing:
    """The search of one question, ready for ``run_searches``. ``question`` is what the scorer is told.

    ``plan`` holds a ``TreeSearch``, which bounds every leaf: ``max_thinking`` over all its steps, then the close and
    ``max_answer``. ``search`` is how the tree grows: ``search_of(policy, format)``, unless one tries another way.
    Raises SearchError for a policy or sampling that no tree can have; RewardError comes from the scorer as it runs.
    """
    policy = plan.policy
    if not isinstance(policy, TreeSearch):
        raise SearchError(
            f"policy {plan.label!r} does not ask for a tree\n"
            "hint: use tree_search, whose max_thinking and max_answer bound every leaf"
        )
    if plan.sampling.temperature == 0 and search.width > 1:
        raise SearchError("temperature 0: all children of a node would be equal\nhint: sample, e.g. temperature=1.0")
    return _Growth(plan, policy, row, question, search, scorer).grow()


class _Growth:
    """One search under way."""

    def __init__(self, plan: Plan, policy: TreeSearch, row: Row, question: str, search: Search, scorer: Scorer) -> None:
        self.plan, self.policy, self.row = plan, policy, row
        self.question, self.search, self.scorer = question, search, scorer
        self.left = [search.width // search.subtrees] * search.subtrees
        """Children that each subtree may still have at one depth."""
        self.nodes: list[Node] = []
        self.leaves: list[Node] = []
        self.reward = Spent()

    def grow(self) -> Growing:
        """Depth by depth. A depth waits for its steps alone: answers run beside, and are scored when all are there."""
        search, bounds = self.search, self._bounds()
        root = Node((), Tape(self.plan, self.row))
        root.tape.write("think", "forced", "open", self.row.open_ids)
        if isinstance(bounds, str):
            return self._refused(root, bounds)
        widths = [(root, search.width)]
        crew, asked = Crew(), list[Request]()
        depth = 0
        while widths:
            children = [self._child(node, i) for node, width in widths for i in range(width)]
            self.nodes += children
            end = search.steps(depth)
            asked += [request for node in children for request in crew.start(node, node.think(end, bounds))]
            while not crew.busy.isdisjoint(children):
                asked = crew.take((yield asked))
            depth += 1
            self._score(children)
            for node in children:
                if node.ended is None and depth == search.max_depth:
                    node.ended = "cutoff"
            ended = [node for node in children if node.ended is not None]
            self.leaves += ended
            for node in ended:
                if node.ended != "error":
                    asked += crew.start(node, node.answer(self.row.seed, self.policy.max_answer))
            widths = self._hand_out(children)
        while crew.busy:
            asked = crew.take((yield asked))
        self._score_answers()
        return self._tree()

    def _bounds(self) -> Bounds | str:
        """How long a path may think, or why it cannot be run at all."""
        room = self.plan.room(self.row)
        asked = [limit for limit in (self.policy.max_thinking, self.row.cap) if limit is not None]
        wanted = self.policy.max_thinking or 0
        if room < 0 or (room < wanted and self.policy.on_overflow == "refuse"):
            return overflow(self.plan, self.row, room)
        limit = min([room, *asked])
        ran_out: Ended = "cutoff" if limit in asked else "context"
        return Bounds(limit, ran_out)

    def _child(self, parent: Node, number: int) -> Node:
        subtree = parent.subtree if parent.path else number * self.search.subtrees // self.search.width
        return parent.child(number, self.row.seed, subtree)

    def _hand_out(self, children: list[Node]) -> list[tuple[Node, int]]:
        """The next depth: open nodes and how many children each gets, zeros left out."""
        grown: list[tuple[Node, int]] = []
        for subtree in range(self.search.subtrees):
            mine = [node for node in children if node.subtree == subtree]
            still = [node for node in mine if node.ended is None]
            self.left[subtree] -= len(mine) - len(still)
            if still and self.left[subtree] > 0:
                widths = self.search.allocate([node.score for node in still], self.left[subtree])
                grown += [(node, width) for node, width in zip(still, widths, strict=True) if width > 0]
        return grown

    def _score_answers(self) -> None:
        """The leaves' answers as their last steps, all at once: no child depends on them."""
        if self.search.score_answer:
            answered = [node for node in self.leaves if node.answer_ended not in (None, "error")]
            for node in answered:
                node.steps = (*node.steps, node.answer_text().strip())
            self._score(answered)

    def _score(self, nodes: list[Node]) -> None:
        """Score what each node has just written. An empty step has nothing to score and keeps its parent's score."""
        told: list[tuple[Node, Item]] = []
        for node in nodes:
            empty = not node.steps or not node.steps[-1]
            node.steps = tuple(step for step in node.steps if step)
            if not empty and len(node.steps) > len(node.scores) and node.tape.error is None:
                told.append((node, (self.question, node.steps)))
        if not told:
            return
        before = self.scorer.spent
        found = self.scorer.score_batch([item for _, item in told])
        self.reward += self.scorer.spent - before
        for (node, item), scores in zip(told, found, strict=True):
            node.scores = (*node.scores, checked(self.scorer.info.name, item, scores)[-1])

    def _refused(self, root: Node, why: str) -> Tree:
        """A question that cannot be run: every leaf says so, as every sample would."""
        for number in range(self.search.width):
            leaf = self._child(root, number)
            leaf.ended, leaf.tape.error = "error", why
            self.leaves.append(leaf)
        return self._tree()

    def _tree(self) -> Tree:
        """The tree as a record; every node's cost goes to one leaf."""
        self.leaves.sort(key=lambda node: node.path)
        thinking = sum(node.tape.paid_thinking for node in self.nodes)
        paid = sum(node.tape.paid for node in self.nodes)
        seconds = sum(node.tape.seconds for node in self.nodes)
        started = [node for node in self.nodes if node.tape.rounds > (node.answer_ended is not None)]
        alive = {leaf.path[:size] for leaf in self.leaves for size in range(len(leaf.path) + 1)}
        self._charge(alive)
        return Tree(
            leaves=tuple(self._leaf(node, number) for number, node in enumerate(self.leaves)),
            width=self.search.width,
            cost=Cost(thinking, paid - thinking, 0.0, self.reward.tokens, seconds + self.reward.seconds),
            reward=self.reward,
            prefilled=sum(node.prefilled for node in self.nodes),
            nodes=len(started),
            dropped=sum(node.path not in alive for node in started),
            depth=max((len(node.path) for node in started), default=0),
        )

    def _charge(self, alive: set[tuple[int, ...]]) -> None:
        """What a node cost is its first leaf's; what a dropped branch did, the first leaf's beside it, as discarded."""
        if not self.leaves:
            return
        for node in self.nodes:
            path = node.path
            while path not in alive:
                path = path[:-1]
            payer = next(leaf for leaf in self.leaves if leaf.path[: len(path)] == path)
            if payer is not node:
                own, theirs, spent = node.tape, payer.tape, node.tape.paid
                theirs.paid, own.paid = theirs.paid + own.paid, 0
                theirs.paid_thinking, own.paid_thinking = theirs.paid_thinking + own.paid_thinking, 0
                theirs.seconds, own.seconds = theirs.seconds + own.seconds, 0.0
                theirs.discarded += 0 if node.path in alive else spent

    def _leaf(self, node: Node, number: int) -> Leaf:
        assert node.ended is not None
        row = node.tape.finish(node.ended, node.answer_ended)
        row = row.model_copy(
            update={
                "sample": self.row.sample + number,
                "thinking_text": node.thinking_text(),
                "answer_text": node.answer_text(),
            }
        )
        return Leaf(row, node.scores, node.steps, node.path)
