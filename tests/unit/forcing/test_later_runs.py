"""A run of the methods after budget forcing, stored and verified as ``s1 runs verify`` does, and spoiled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.policies import BudgetForcing, Confident, EarlyExit, NoThinking, NoWait, Sampling, SoftCutoff
from s1kit.store.run import RunDir
from s1kit.store.verify import verify
from s1kit.types import Generation
from unit.forcing.cases import FORMATS, VOCAB, resolve
from unit.forcing.later import ROOMY, SureEngine
from unit.store.samples import decode, entry, new_run, questions, with_texts

FMT = resolve(FORMATS["one id"].model_copy(update={"text_ids": tuple(range(1, 10))}))
SAYS = {20: 0.05, 6: 0.4, 10: 0.3, 5: 0.2, 7: 0.2}
"""A few tokens make most of what this "model" says: trial answers agree, and its lines end."""
POLICIES = (
    NoThinking(prefill="<7>", max_answer=5),
    NoWait(max_thinking=30, max_answer=5, words=("<7>",)),
    EarlyExit(max_thinking=30, max_answer=5, every=2, agree=2, max_probe=3),
    EarlyExit(max_thinking=30, max_answer=5, at="<5>", sure=0.3, max_probe=3),
    SoftCutoff(max_thinking=4, grace=8, until="<5>", max_answer=5),
    Confident(max_thinking=30, max_answer=5, bar=1.6, window=3, logprobs=3),
    BudgetForcing(max_thinking=30, max_answer=5, logprobs=3),
)
Spoil = Callable[[Generation], dict[str, Any]]
SPOILED: dict[str, tuple[str, str, Spoil]] = {
    "method": ("exit2", "early", lambda row: {"ended": "unsure"}),
    "sureness": ("confident", "unsure", lambda row: {"ended": "no_room"}),
    "budgets": ("soft8", "model", lambda row: {"ended": "cutoff"}),
    "closing": ("exitat", "early", lambda row: {"ended": "no_room"}),
}


def finished(root: Path, spoil: tuple[str, str, Spoil] | None = None) -> tuple[RunDir, list[Generation]]:
    """Thirty questions under every policy; the first row that ``spoil`` names is changed."""
    engine = SureEngine.random(3, stops=SAYS, vocab_size=VOCAB, context_len=ROOMY)
    asked = questions(30)
    plans = [Plan.make(policy, FMT, Sampling(), engine.info) for policy in POLICIES]
    machines = (machine(p, Row(q.id, (1 + n % 9, n % 30), FMT.open)) for p in plans for n, q in enumerate(asked))
    rows = [with_texts(row) for row in drive(machines, engine)]
    if spoil is not None:
        slug, ended, change = spoil
        at = next(i for i, row in enumerate(rows) if row.policy_id.startswith(slug) and row.ended == ended)
        rows[at] = rows[at].model_copy(update=change(rows[at]))
    entries = {plan.policy_id: {**entry(plan), "unsaid": list(plan.unsaid)} for plan in plans}
    with new_run(root, asked, entries) as run:
        run.append_many(rows)
        run.finish()
    return RunDir.open(run.path), rows


def test_a_run_of_all_methods_verifies(tmp_path: Path) -> None:
    run, rows = finished(tmp_path)
    assert [f"{f.where}: {f.message}" for f in verify(run, decode=decode) if f.level == "error"] == []
    ends = {row.ended for row in rows}
    assert {"model", "cutoff", "early", "unsure"} <= ends
    stored = {row.key: row for row in run.generations()}
    for row in rows:
        assert stored[row.key] == row


@pytest.mark.parametrize("rule", sorted(SPOILED))
def test_a_spoiled_row_is_found(tmp_path: Path, rule: str) -> None:
    run, _ = finished(tmp_path, SPOILED[rule])
    assert rule in {f.message.partition(":")[0] for f in verify(run, decode=decode) if f.level == "error"}
