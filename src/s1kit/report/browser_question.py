"""One question of a run as the page gets it: a line of the index, and everything that is shown when it is opened.

Knows which words of a row become which keys of the data files, and makes every text visible: the page's script prints
what it gets. Refuses to know files. ``templates/browse_*.js`` read what is made here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from s1kit.benchmarks.publishing import hide_grade, hide_question
from s1kit.report.browser_rows import Row
from s1kit.report.browser_texts import Ids, Texts, characters, spell_characters
from s1kit.report.text import visible
from s1kit.report.traces import Decode
from s1kit.store.layout import Key
from s1kit.types import Grade, Question

VERDICTS = ("correct", "incorrect", "no_answer", "ungraded")
"""A verdict is sent as its place here."""
FORCED, LOOPED, CUT, FAILED = 1, 2, 4, 8
"""What a row is marked with in the index. FORCED: a token that the model did not write, beyond the ordinary opening and
closing of its thinking; CUT: budget or room ended it; FAILED: the engine did."""
ORDINARY = ("open", "close")
TEASER = 2000
"""Characters of a question that the index holds, to be read in the table and searched."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A question for the two kinds of data file."""

    line: dict[str, Any]
    """For the index: what the table shows, sorts and filters by."""
    whole: dict[str, Any]
    """For a shard: the question, its texts, and a record per row that refers to them."""


def flags(row: Mapping[str, Any]) -> int:
    """The marks of a row; ``row`` has the fields of a Generation, its segments as mappings."""
    forced = any(
        s["origin"] == "forced" and s["why"] not in ORDINARY and (s["end"] > s["start"] or s["text"])
        for s in row["segments"] or ()
    )
    cut = row["ended"] in ("cutoff", "context")
    failed = bool(row["error"]) or "error" in (row["ended"], row["answer_ended"])
    return FORCED * forced | LOOPED * bool(row["looped"]) | CUT * cut | FAILED * failed


def pack(
    question: Question,
    rows: Sequence[Row],
    policies: Mapping[str, int],
    grades: Mapping[Key, Grade],
    decode: Decode | None,
) -> Packed:
    """A question with its rows. ``policies`` maps a policy id to its column; ``grades`` may lack any row."""
    columns: list[list[list[int]]] = [[] for _ in policies]
    for row in rows:
        grade, plain = grades.get(row.key), row.plain
        verdict = VERDICTS.index(grade.verdict if grade else "ungraded")
        thinking = plain["n_thinking_model"] + plain["n_thinking_forced"]
        columns[policies[plain["policy_id"]]].append(
            [plain["sample"], verdict, flags(plain), thinking, plain["extensions"]]
        )
    about = {"source": visible(question.source), "domain": visible(question.domain or "")}
    teaser = visible(" ".join(question.text[: 2 * TEASER].split())[:TEASER])
    texts, parts = _parts(rows, decode)
    whole = {
        **about,
        "text": visible(question.text),
        "choices": [visible(choice) for choice in question.choices],
        "answer": None if question.answer is None else visible(question.answer),
        "texts": texts,
        "rows": [
            _record(row, policies[row.plain["policy_id"]], grades.get(row.key), mine)
            for row, mine in zip(rows, parts, strict=True)
        ],
    }
    return Packed({"id": question.id, "text": teaser, **about, "rows": columns}, whole)


def closed_pack(
    question: Question,
    rows: Sequence[Row],
    policies: Mapping[str, int],
    grades: Mapping[Key, Grade],
    decode: Decode | None,
) -> Packed:
    """As ``pack``, of a question that must not be published: ids, numbers, marks and verdicts, and no words."""
    shown = {row.key: hide_grade(grades[row.key]) for row in rows if row.key in grades}
    packed = pack(hide_question(question), [row.hidden() for row in rows], policies, shown, decode)
    return Packed({**packed.line, "text": question.id}, {**packed.whole, "closed": True})


def _record(row: Row, column: int, grade: Grade | None, parts: list[list[Any]]) -> dict[str, Any]:
    plain = row.plain
    return {
        "policy": column,
        "sample": plain["sample"],
        "verdict": VERDICTS.index(grade.verdict if grade else "ungraded"),
        "rule": visible(grade.rule) if grade else "",
        "extracted": None if grade is None or grade.extracted is None else visible(grade.extracted),
        "ended": plain["ended"],
        "answerEnded": plain["answer_ended"],
        "extensions": plain["extensions"],
        "looped": bool(plain["looped"]),
        "model": plain["n_thinking_model"],
        "forced": plain["n_thinking_forced"],
        "answer": plain["n_answer"],
        "paid": plain["n_paid"],
        "discarded": plain["n_discarded"],
        "tries": plain["tries"],
        "error": None if plain["error"] is None else visible(plain["error"]),
        "parts": parts,
    }


def _parts(rows: Sequence[Row], decode: Decode | None) -> tuple[list[str], list[list[list[Any]]]]:
    """The texts, and per row its parts in order: ``[phase, origin, why, tokens, [places in texts]]``.

    Stretches of tokens and stretches of characters are stored apart, then put behind each other.
    """

    def spell(ids: Ids) -> str:
        return decode(ids.tolist()) if decode else ""

    found = [(row, _stretches(row, decode is not None)) for row in rows]
    of_tokens, of_characters = Texts(spell), Texts(spell_characters)
    spelled = iter(of_tokens.add([ids for _, mine in found for *_, ids in mine if isinstance(ids, np.ndarray)]))
    written = iter(of_characters.add([characters(t) for _, mine in found for *_, t in mine if isinstance(t, str)]))
    shift = len(of_tokens.pieces)
    parts = []
    for _, mine in found:
        parts.append(
            [
                [*head, [shift + place for place in next(written)] if isinstance(said, str) else next(spelled)]
                for *head, said in mine
            ]
        )
    return [visible(text) for text in (*of_tokens.pieces, *of_characters.pieces)], parts


def _stretches(row: Row, decodes: bool) -> list[tuple[str, str, str, int, Ids | str]]:
    """What each segment says, as tokens or as text; where neither is there the two stored texts stand for all."""
    found: list[tuple[str, str, str, int, Ids | str]] = []
    for s in row.plain["segments"] or ():
        head = (s["phase"], s["origin"], s["why"], s["end"] - s["start"])
        if s["text"] is not None:
            found.append((*head, s["text"]))
        elif decodes and row.tokens is not None:
            found.append((*head, row.tokens[s["start"] : s["end"]]))
        else:
            found = []
            break
    if found:
        return found
    stored = (("think", row.thinking_text), ("answer", row.answer_text))
    return [(phase, "model", phase, 0, text) for phase, text in stored if text]
