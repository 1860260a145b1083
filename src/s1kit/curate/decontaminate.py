"""Which questions are in an evaluation set, by which rule, and the words that show it.

Knows the paper's rule (any shared word 8-gram) and the rule by coverage (a share of the item or of the question,
boilerplate left out, or a near-duplicate). Refuses to drop without evidence, and counts what it cannot see. Not seen by
any rule: a translation, a paraphrase, look-alike letters of another alphabet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from s1kit.curate.contamination_index import Index, Item, Shares
from s1kit.curate.fold import shown
from s1kit.curate.row import Row
from s1kit.errors import UserError
from s1kit.types import Decision

Mode = Literal["paper", "coverage"]
Reason = Literal["ngram", "coverage", "near_duplicate"]
STEP = "decontaminate"
N = 8
QUOTED = 300
"""Characters of an n-gram that evidence quotes."""


class RuleError(UserError, ValueError):
    """A rule that cannot mean anything."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How questions are compared, and what is dropped. ``Rule()`` is the paper's; see ``rule_for``."""

    mode: Mode = "paper"
    """paper: words as they stand, any shared n-gram. coverage: folded words, see ``Hit.reason``."""
    n: int = N
    """Words of an n-gram."""
    boilerplate: int | None = None
    """N-grams that more than so many questions hold are not counted: "where m and n are relatively prime positive"
    proves nothing. None counts all, as the paper does. A whole copy is a near-duplicate all the same."""
    stop: tuple[str, ...] = ()
    """Phrases of at least n words whose n-grams are not counted."""
    least_coverage: float = 0.0
    """coverage: drop from this share of the n-grams of the item, or of the question."""
    near: float | None = None
    """coverage: drop from this Jaccard index of the word triples; None looks for no near-duplicates."""

    def __post_init__(self) -> None:
        if self.n < 1:
            raise RuleError(f"n-grams of {self.n} words: at least 1")
        if self.near is not None and not 0 < self.near <= 1:
            raise RuleError(f"near is {self.near}\nhint: a share above 0 and up to 1")
        if not 0 <= self.least_coverage <= 1:
            raise RuleError(f"least_coverage is {self.least_coverage}\nhint: a share between 0 and 1")


def rule_for(
    mode: Mode,
    *,
    n: int = N,
    boilerplate: int | None = 10,
    stop: Iterable[str] = (),
    least_coverage: float = 0.3,
    near: float | None = 0.6,
) -> Rule:
    """The rule of a configuration. In mode paper only ``n`` counts: that rule has no exceptions."""
    if mode == "paper":
        return Rule(n=n)
    return Rule(mode, n, boilerplate, tuple(stop), least_coverage, near)


@dataclass(frozen=True, slots=True)
class Hit:
    """One question against one evaluation item."""

    question_id: str
    evaluation: str
    item_id: str
    shared: int
    """Distinct n-grams of the item that the question has too, boilerplate left out, as in the next two."""
    of: int
    """Distinct n-grams of the item."""
    of_question: int
    """Distinct n-grams of the question."""
    ngram: str
    """The first shared one in the item's order; of a near-duplicate that shares none, the first shared triple."""
    similarity: float | None = None
    """Jaccard index of the word triples, where it reaches the rule's ``near``."""

    @property
    def coverage(self) -> float:
        """Share of the item's n-grams that the question holds, 0..1."""
        return self.shared / self.of if self.of else 0.0

    @property
    def question_coverage(self) -> float:
        """Share of the question's n-grams that the item holds, 0..1."""
        return self.shared / self.of_question if self.of_question else 0.0

    @property
    def strength(self) -> float:
        """The largest of both shares and the similarity, 0..1."""
        return max(self.coverage, self.question_coverage, self.similarity or 0.0)

    def reason(self, rule: Rule) -> Reason | None:
        """Why the question is dropped; None where this hit is too little."""
        if rule.mode == "paper":
            return "ngram" if self.shared else None
        if self.similarity is not None:
            return "near_duplicate"
        enough = max(self.coverage, self.question_coverage) >= rule.least_coverage
        return "coverage" if self.shared and enough else None

    def evidence(self, n: int) -> str:
        """``aime24/7: "the words" (5 of 40 8-grams, 0.125 of the item, 0.100 of the question)``."""
        said = []
        if self.similarity is not None:
            said.append(f"{self.similarity:.3f} of the word triples of both")
        if self.shared:
            said.append(f"{self.shared} of {self.of} {n}-grams, {self.coverage:.3f} of the item")
            said.append(f"{self.question_coverage:.3f} of the question")
        quoted = shown(self.ngram, 0, len(self.ngram), most=QUOTED)
        return f'{self.evaluation}/{self.item_id}: "{quoted}" ({", ".join(said)})'


@dataclass(frozen=True, slots=True)
class Contamination:
    """All hits, those of a question together and its strongest first, and what the comparison could not see."""

    rule: Rule
    hits: tuple[Hit, ...]
    n_questions: int
    short_questions: int
    """Questions with fewer words than an n-gram: no n-gram can match them (a near-duplicate can)."""
    n_items: dict[str, int]
    """Items of each evaluation set."""
    short_items: dict[str, int]
    """Of them, those with fewer words than an n-gram."""
    boilerplate: dict[str, int]
    """N-grams that were not counted -> questions that hold them."""

    def by_question(self) -> dict[str, list[Hit]]:
        """Question id -> its hits, strongest first."""
        found: dict[str, list[Hit]] = {}
        for hit in self.hits:
            found.setdefault(hit.question_id, []).append(hit)
        return found

    def dropped(self) -> frozenset[str]:
        """Ids of the questions that the rule drops."""
        return frozenset(h.question_id for h in self.hits if h.reason(self.rule) is not None)


def compare(
    questions: Iterable[tuple[str, str]],
    evaluations: Mapping[str, Sequence[tuple[str, str]]],
    rule: Rule | None = None,
) -> Contamination:
    """Every pair of a question and an evaluation item that share an n-gram, or are near-duplicates.

    Both are given as (id, text); ``rule`` None is the paper's. ``questions`` is read once, lazily, and only what hits
    is kept; of several with one id the n-grams are put together. Items of a set have distinct ids (ValueError).
    """
    rule = rule or Rule()
    index = Index(evaluations, rule.n, plain=rule.mode == "coverage", near=rule.near)
    found: dict[str, Shares] = {}
    count = short = 0
    for question_id, text in questions:
        tokens = index.words(text)
        count += 1
        short += len(tokens) < rule.n
        if shares := index.shares(tokens):
            found[question_id] = _both(found[question_id], shares) if question_id in found else shares
    times = Counter(number for shares in found.values() for number in shares.grams)
    common = _stopped(index, rule)
    if rule.boilerplate is not None:
        common |= {number for number, held in times.items() if held > rule.boilerplate}
    hits = [hit for name, shares in found.items() for hit in _hits(index, name, shares, common)]
    boilerplate = {index.names[number]: times[number] for number in common if times[number]}
    n_items = {name: len(items) for name, items in evaluations.items()}
    ordered = dict(sorted(boilerplate.items(), key=lambda pair: (-pair[1], pair[0])))
    return Contamination(rule, tuple(hits), count, short, n_items, index.short, ordered)


def decide(rows: Iterable[Row], contamination: Contamination) -> Iterator[Decision]:
    """One decision per row: dropped with the strongest hit as evidence, or kept. The same for the pool and for a
    selection from it; ``contamination`` must have seen the rows' questions."""
    rule = contamination.rule
    against: dict[str, list[Hit]] = {}
    for hit in contamination.hits:
        if hit.reason(rule) is not None:
            against.setdefault(hit.question_id, []).append(hit)
    for row in rows:
        hits = against.get(row.question.id)
        if not hits:
            yield row.decide(STEP, True)
            continue
        more = f"; {len(hits) - 1} more items" if len(hits) > 2 else "; 1 more item" if len(hits) == 2 else ""
        yield row.decide(STEP, False, hits[0].reason(rule) or "", hits[0].evidence(rule.n) + more)


def _both(one: Shares, other: Shares) -> Shares:
    grams = tuple(dict.fromkeys(one.grams + other.grams))
    return Shares(grams, max(one.n_grams, other.n_grams), tuple(dict.fromkeys(one.near + other.near)))


def _stopped(index: Index, rule: Rule) -> set[int]:
    """Numbers of the n-grams inside the rule's stop phrases. RuleError for a phrase that is too short to stop any."""
    stopped = set()
    for phrase in rule.stop:
        tokens = index.words(phrase)
        if len(tokens) < rule.n:
            raise RuleError(
                f"the stop phrase {phrase!r} has {len(tokens)} words, an n-gram has {rule.n}: it would stop nothing\n"
                "hint: give a longer phrase, or a smaller n"
            )
        grams = (" ".join(tokens[at : at + rule.n]) for at in range(len(tokens) - rule.n + 1))
        stopped |= {index.grams[gram] for gram in grams if gram in index.grams}
    return stopped


def _hits(index: Index, question_id: str, shares: Shares, common: set[int]) -> list[Hit]:
    """One hit per item that shares a counted n-gram or is nearly the same, strongest first."""
    grams = set(shares.grams) - common
    of_question = shares.n_grams - (len(shares.grams) - len(grams))
    near = {item: (value, triple) for item, value, triple in shares.near}
    items: dict[Item, None] = dict.fromkeys(near)
    items.update(dict.fromkeys(item for number in sorted(grams) for item in index.holders[number]))
    hits = []
    for item in items:
        counted = [number for number in index.items[item] if number not in common]
        shared = [number for number in counted if number in grams]
        similarity, triple = near.get(item, (None, ""))
        ngram = index.names[shared[0]] if shared else triple
        hits.append(Hit(question_id, *item, len(shared), len(counted), of_question, ngram, similarity))
    return sorted(hits, key=lambda hit: (-hit.strength, hit.evaluation, hit.item_id))
