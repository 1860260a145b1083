"""Statements that answer questions people have of their runs: what `s1 query --examples` prints and the docs show.

Knows the views of ``s1kit.store.query``. Refuses to be a second interface: each example is one statement, to be copied
and changed. docs/query.md holds `as_markdown` between two marks, and a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill


@dataclass(frozen=True, slots=True)
class Example:
    """A question and the statement that answers it; ``columns`` are those of the answer."""

    name: str
    asks: str
    says: str
    """How to read the answer."""
    columns: tuple[str, ...]
    sql: str


COST = Example(
    "cost",
    "What did each policy cost, and what did it buy?",
    "Thinking tokens are means per generation; `paid` is what the run generated for these rows, which is less than "
    "they would have cost alone where a sweep shared their beginnings. Ungraded rows are in no share.",
    ("run", "label", "n", "accuracy", "thinking", "paid"),
    """\
SELECT g.run, g.label, count(*) AS n,
       avg((v.verdict = 'correct')::INT) FILTER (v.verdict <> 'ungraded') AS accuracy,
       avg(g.n_thinking) AS thinking, sum(g.n_paid) AS paid
FROM generations g LEFT JOIN grades v
  ON v.grader = 'default' AND (v.run, v.question_id, v.policy_id, v.sample)
                            = (g.run, g.question_id, g.policy_id, g.sample)
GROUP BY g.run, g.policy_id, g.label
ORDER BY g.run, thinking""",
)

REPAIRED = Example(
    "repaired",
    'Which questions did a "Wait" repair?',
    "Wrong where the model ended by itself, right where it was made to go on. Swap the two verdicts for those that it "
    "broke.",
    ("run", "label", "question_id", "sample", "before", "after", "answer", "question"),
    """\
WITH roles AS (
  SELECT v.*, (r.policies->v.policy_id)->>'role' AS role, (r.policies->v.policy_id)->>'label' AS label
  FROM grades v JOIN runs r USING (run)
  WHERE v.grader = 'default'
)
SELECT a.run, b.label, a.question_id, a.sample, a.extracted AS before, b.extracted AS after, q.answer,
       q.text AS question
FROM roles a JOIN roles b USING (run, question_id, sample, version)
             JOIN questions q ON (q.run, q.id) = (a.run, a.question_id)
WHERE a.role = 'natural' AND b.role = 'extension' AND starts_with(b.label, 'Wait')
  AND a.verdict <> 'correct' AND b.verdict = 'correct'
ORDER BY a.run, b.label, a.question_id, a.sample""",
)

DISAGREE = Example(
    "disagree",
    "Where do two graders disagree?",
    "Grade a run a second time first (`s1 grade RUN --grader s1_compat`). `rule` says what decided each verdict.",
    ("run", "policy_id", "question_id", "sample", "reference", "ours", "rule", "theirs", "their_rule"),
    """\
SELECT a.run, a.policy_id, a.question_id, a.sample, a.reference,
       a.verdict || ': ' || coalesce(a.extracted, '(none)') AS ours, a.rule,
       b.verdict || ': ' || coalesce(b.extracted, '(none)') AS theirs, b.rule AS their_rule
FROM grades a JOIN grades b USING (run, policy_id, question_id, sample)
WHERE a.grader = 'default' AND b.grader = 's1_compat' AND a.verdict <> b.verdict
ORDER BY a.run, a.policy_id, a.question_id, a.sample""",
)

FORCED = Example(
    "forced",
    "How much of the thinking was forced on the model?",
    "`forced` is the share of thinking tokens that were appended instead of generated (nudges); `cut_off` the share of "
    "rows whose thinking was closed because the budget ran out.",
    ("run", "label", "forced", "extensions", "cut_off"),
    """\
SELECT run, label, sum(n_thinking_forced) / nullif(sum(n_thinking), 0) AS forced,
       avg(extensions) AS extensions, avg((ended = 'cutoff')::INT) AS cut_off
FROM generations
GROUP BY run, policy_id, label
ORDER BY forced DESC NULLS LAST, run, label""",
)

LOOPS = Example(
    "loops",
    "Which traces went in circles the longest?",
    "`looped` is set where the end of the thinking repeats itself; the last 80 characters show what.",
    ("run", "label", "question_id", "sample", "n_thinking", "ended", "end_of_it"),
    """\
SELECT run, label, question_id, sample, n_thinking, ended, right(thinking_text, 80) AS end_of_it
FROM generations
WHERE looped
ORDER BY n_thinking DESC, run, label, question_id, sample
LIMIT 10""",
)

PASS_AT_K = Example(
    "pass_at_k",
    "What would the best of k samples have been?",
    "Unbiased pass@k, 1 - C(n - c, k) / C(n, k) per question with c right among n graded samples, then its mean; a "
    "question with fewer than k samples has none and is counted in `too_few`.",
    ("run", "policy_id", "k", "pass_at_k", "questions", "too_few"),
    """\
WITH counts AS (
  SELECT run, policy_id, question_id, count(*) AS n, count(*) FILTER (verdict = 'correct') AS c
  FROM grades
  WHERE grader = 'default' AND verdict <> 'ungraded'
  GROUP BY run, policy_id, question_id
)
SELECT run, policy_id, k,
       avg(1 - list_product([greatest(n - c - i, 0) / (n - i) FOR i IN range(k)])) FILTER (n >= k) AS pass_at_k,
       count(*) FILTER (n >= k) AS questions, count(*) FILTER (n < k) AS too_few
FROM counts, (VALUES (1), (2), (4)) AS ks(k)
GROUP BY run, policy_id, k
ORDER BY run, policy_id, k""",
)

SPEED = Example(
    "speed",
    "How long does a token take, engine by engine?",
    "Engine time of each row alone, over all runs; rows that ran side by side overlap, so `tokens_per_second` is of "
    "one row and not of the machine. `wall_tokens_per_second` is: all tokens of these runs over their time.",
    ("engine", "model", "runs", "tokens", "ms_per_token", "tokens_per_second", "wall_tokens_per_second"),
    """\
WITH per_run AS (
  SELECT run, sum(n_paid) AS paid, sum(engine_ms) AS ms FROM generations GROUP BY run
)
SELECT r.engine, parse_filename(r.model) AS model, count(*) AS runs, sum(p.paid) AS tokens,
       sum(p.ms) / nullif(sum(p.paid), 0) AS ms_per_token,
       1000 * sum(p.paid) / nullif(sum(p.ms), 0) AS tokens_per_second,
       sum(p.paid) / nullif(sum(r.seconds), 0) AS wall_tokens_per_second
FROM runs r JOIN per_run p USING (run)
GROUP BY ALL
ORDER BY ms_per_token, model""",
)

EXAMPLES = {e.name: e for e in (COST, REPAIRED, DISAGREE, FORCED, LOOPS, PASS_AT_K, SPEED)}
"""Every example under its name."""


def as_markdown() -> str:
    """All examples, each with its question, its statement and how to read the answer."""
    return "\n\n".join(
        f"### {e.asks}\n\n`--example {e.name}`\n\n```sql\n{e.sql}\n```\n\n{fill(e.says, 120, break_on_hyphens=False)}"
        for e in EXAMPLES.values()
    )
