"""The words that tell a domain's questions from the others'.

Knows document frequencies: in how many questions a word stands, not how often. Refuses to know what a word means: LaTeX
commands, words of one or two letters and the commonest function words are left out, everything else is counted.
"""

from __future__ import annotations

import duckdb

MOST = 50_000
"""Questions that are looked at: of a larger pool the same sample every time, by a hash of the id."""
CHARACTERS = 4_000
"""Of each question, from its beginning."""
_COMMON = (
    "the and for are that with this from has have let find what which each such all any not but can its his her they "
    "one two three there then than when where who how will would was were been into onto only some same other more "
    "also given determine calculate compute following value values number you use show their these those both does had"
)

_QUERY = rf"""
WITH docs AS (
    SELECT scope, code, question_id, any_value(lower("left"(text, {CHARACTERS}))) AS text
    FROM filed JOIN pool ON id = question_id
    WHERE scope != '' OR ('0x' || "left"(md5(id), 8))::BIGINT < ? GROUP BY scope, code, question_id
), words AS (
    SELECT scope, code, unnest(list_distinct(regexp_extract_all(
        regexp_replace(text, '\\[a-z]+', ' ', 'g'), '\p{{L}}{{3,}}'))) AS word
    FROM docs
), sizes AS (SELECT scope, code, count(*) AS size, sum(count(*)) OVER (PARTITION BY scope) AS n
    FROM docs GROUP BY scope, code
), counts AS (SELECT scope, code, word, count(*) AS here FROM words WHERE length(word) <= 20 GROUP BY ALL
), totals AS (SELECT scope, word, sum(here) AS everywhere FROM counts GROUP BY ALL
), scored AS (
    SELECT scope, code, word, ln((here + .5) / (size - here + .5))
        - ln((everywhere - here + .5) / (n - size - everywhere + here + .5)) AS odds,
        odds / sqrt(1 / (here + .5) + 1 / (everywhere - here + .5)) AS score
    FROM counts JOIN totals USING (scope, word) JOIN sizes USING (scope, code)
    WHERE here >= 2 AND NOT list_contains(string_split(?, ' '), word)
)
SELECT scope, code, word FROM scored WHERE odds > 0
QUALIFY row_number() OVER (PARTITION BY scope, code ORDER BY score DESC, word) <= ?
ORDER BY scope, code, score DESC, word
"""


def keywords(connection: duckdb.DuckDBPyConnection, most: int = 6) -> dict[tuple[str, str], tuple[str, ...]]:
    """Scope and domain to the domain's most telling words there, best first; each in at least two of its questions.

    ``connection`` has the views of ``tables``. A word's score is the log odds of standing in a question of the domain
    against one of the rest of the scope, divided by its standard error (half a question added to every count).
    """
    counted = connection.execute("SELECT count(*) FROM domains").fetchone()
    below = int(min(1.0, MOST / max(counted[0] if counted else 0, 1)) * 2**32)
    found: dict[tuple[str, str], list[str]] = {}
    for scope, code, word in connection.execute(_QUERY, [below, _COMMON, most]).fetchall():
        found.setdefault((scope, code), []).append(word)
    return {place: tuple(words) for place, words in found.items()}
