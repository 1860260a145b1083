"""The paper's sources of mathematics, and the sets like them, one declaration each.

Knows columns and what the paper took of each source (Table 6, appendix C, and the reference's collection script, which
is read for facts only). Revisions are those of pages and code that were read; none could be asked of the hub here.
"""

from __future__ import annotations

from typing import Any

from s1kit.curate.held_out import aime_held_out
from s1kit.curate.source import Hub, Source, first, kept
from s1kit.curate.source_draft import Draft, Left, short_answer
from s1kit.types import AnswerKind

_THEOREM_KINDS: dict[str, AnswerKind] = {"integer": "integer", "bool": "text", "option": "choice"}
_COLLECT = "the reference's data/collect_data.py"


def _numina(row: dict[str, Any], part: str) -> Draft | Left:
    origin = row.get("source")
    if part != "numinamath_500" and origin != "aops_forum":
        return Left(
            "not_in_paper", f"NuminaMath source {origin!r}: the paper takes aops_forum and a list of 500 others"
        )
    solution = row.get("solution")
    return Draft(row.get("problem"), short_answer(solution), meta={"solution": solution, "origin": origin})


def _math(row: dict[str, Any], part: str) -> Draft:
    answer = first(row, "answer") or short_answer(row.get("solution"))
    meta = kept(row, "solution", "level", "difficulty", "unique_id")
    return Draft(row.get("problem"), answer, domain=first(row, "subject", "type"), meta=meta)


def _omni(row: dict[str, Any], part: str) -> Draft:
    domains = row.get("domain") or [None]
    return Draft(
        row.get("problem"),
        row.get("answer"),
        domain=domains if isinstance(domains, str) else domains[0],
        meta=kept(row, "solution", "difficulty", "source"),
    )


def _aime(row: dict[str, Any], part: str) -> Draft | Left:
    year = first(row, "Year", "year", "ID")
    if (left := aime_held_out(year)) is not None:
        return left
    meta = {"year": year, **kept(row, "solution", "ID", "Part")}
    return Draft(first(row, "Question", "problem"), first(row, "Answer", "answer"), "integer", meta=meta)


def _aime_evaluation(row: dict[str, Any], part: str) -> Draft:
    answer = first(row, "expected_answer", "answer", "Answer")
    return Draft(first(row, "problem", "Question"), answer, "integer", meta=kept(row, "id"))


def _theoremqa(row: dict[str, Any], part: str) -> Draft | Left:
    if row.get("Picture") is not None:
        return Left("has_picture", "the question needs its picture")
    answer_type = row.get("Answer_type")
    return Draft(
        row.get("Question"),
        row.get("Answer"),
        _THEOREM_KINDS.get(str(answer_type), "math"),
        domain=row.get("subfield"),
        meta=kept(row, "Answer_type", "theorem", "field", "id"),
    )


def _olympiadbench(row: dict[str, Any], part: str) -> Draft | Left:
    if row.get("language") not in (None, "English"):
        return Left("not_english", f"language {row['language']}")
    if row.get("image_1") is not None or row.get("modality") not in (None, "Text-only"):
        return Left("has_picture", "the question needs its picture")
    solutions, answers = (_texts(row.get(name)) for name in ("solution", "final_answer"))
    meta = kept(row, "id", "unit", "answer_type", "is_multiple_answer", "error", "subject", "question_type")
    return Draft(
        row.get("question"),
        ", ".join(answers) or None,
        passage=row.get("context"),
        domain=first(row, "subfield", "subject"),
        meta={**meta, "solution": "\n\n".join(solutions) or None},
    )


def _texts(value: Any) -> list[str]:
    return [str(part) for part in (value if isinstance(value, list) else [value]) if part is not None]


def _s1_prob(row: dict[str, Any], part: str) -> Draft:
    solution = row.get("solution")
    return Draft(row.get("question"), short_answer(solution), meta={"solution": solution})


def _s1_teasers(row: dict[str, Any], part: str) -> Draft:
    return Draft(row.get("Question"), row.get("Answer"))


def _gsm8k(row: dict[str, Any], part: str) -> Draft:
    solution, marker, answer = str(row.get("answer") or "").rpartition("####")
    found = answer.strip().replace(",", "") if marker else None
    return Draft(row.get("question"), found, meta={"solution": solution or None})


NUMINA = Source(
    "numinamath",
    "NuminaMATH",
    _numina,
    ("source", "problem", "solution", "messages"),
    f"hub pages of the data set; {_COLLECT}; a published s1K row",
    "apache-2.0",
    (
        Hub("AI-MO/NuminaMath-CoT", revision="9d8d210c9f6a36c8f3cd84045668c9b7800ef517"),
        Hub("simplescaling/numinamath_500", name="numinamath_500"),
    ),
    count=30660,
    thinking=4.1,
    note="all of aops_forum and the reference's list of about 500 others",
)
MATH = Source(
    "math",
    "MATH",
    _math,
    ("problem", "solution", "answer", "subject", "level", "unique_id"),
    f"{_COLLECT}; the 500 test rows of the same columns",
    "apache-2.0",
    (Hub("simplescaling/openaimath"),),
    hub_rows=12000,
    count=11999,
    thinking=2.9,
    verified="math500.jsonl; math_train_rllm.json, in columns of its own",
    note="the rllm file has the 7,474 rows of the original training split, without solutions",
)
OMNI = Source(
    "omnimath",
    "OmniMath",
    _omni,
    ("domain", "difficulty", "problem", "solution", "answer", "source"),
    "hub pages of the data set; the card of a 500-row copy; a published s1K row",
    "apache-2.0",
    (Hub("KbsdJames/Omni-MATH", "test", revision="0000b6bc8be4aa61655413073c3645ae4b3b30e8"),),
    hub_rows=4428,
    count=4238,
    thinking=4.4,
)
AIME = Source(
    "aime",
    "AIME",
    _aime,
    ("ID", "Year", "Problem Number", "Question", "Answer", "Part"),
    "the card of a renamed copy; the metadata of published s1K rows",
    "mit",
    (Hub("qq8933/AIME_1983_2024", revision="53ed0870b96dfe2117d5eb58c261a8812606a45a"),),
    count=890,
    thinking=4.7,
    verified="aime_train_rllm.json, in columns of its own",
    note="problems (c) MAA; 2022 and later held out for evaluation, row by row",
)
THEOREMQA = Source(
    "theoremqa",
    "TheoremQA",
    _theoremqa,
    ("Question", "Answer", "Answer_type", "Picture"),
    f"{_COLLECT}; the authors' own file",
    "mit",
    (Hub("TIGER-Lab/TheoremQA", "test"),),
    hub_rows=800,
    count=747,
    thinking=2.1,
    verified="theoremqa_test.json",
    note="rows with a picture left out",
)
OLYMPIADBENCH = Source(
    "olympiadbench",
    "OlympiadBench",
    _olympiadbench,
    ("id", "question", "solution", "final_answer", "context", "modality", "language", "subject", "question_type"),
    f"{_COLLECT}; the columns of the published evaluation copies",
    "apache-2.0",
    tuple(
        Hub("Hothan/OlympiadBench", config=config, revision="3b426ee1d587c71b495146dde9f3e995ee7ac59f")
        for config in ("OE_TO_maths_en_COMP", "OE_TO_physics_en_COMP", "TP_TO_maths_en_COMP", "TP_TO_physics_en_COMP")
    ),
    count=896,
    thinking=3.9,
    verified="olympiadbench_en_oe_to_math.jsonl, a part of the columns",
    note="the English text-only parts; the reference leaves the context out, it is put before the question here",
)
S1_PROB = Source(
    "s1-prob",
    "s1-prob",
    _s1_prob,
    ("question", "solution"),
    f"{_COLLECT}; hub pages of the data set",
    "apache-2.0",
    (Hub("simplescaling/s1-prob", revision="80832d9849aae689b1f0220e65e742c0bb96ebdb"),),
    hub_rows=182,
    count=182,
    thinking=4.0,
    note="proofs: most have no short answer, the solution is in meta",
)
S1_TEASERS = Source(
    "s1-teasers",
    "s1-teasers",
    _s1_teasers,
    ("Question", "Answer"),
    f"{_COLLECT}; hub pages of the data set",
    "apache-2.0",
    (Hub("simplescaling/s1-teasers", revision="e481ba4f78a15981229e306e81afed5d62511da9"),),
    hub_rows=23,
    count=23,
    thinking=4.1,
)
GSM8K = Source(
    "gsm8k",
    "GSM8K",
    _gsm8k,
    ("question", "answer"),
    "the authors' own files",
    "mit",
    (Hub("openai/gsm8k", config="main"),),
    verified="gsm8k_train.jsonl, gsm8k_test.jsonl",
    note="not in the paper",
)
MATH500 = Source(
    "math500",
    "MATH500",
    _math,
    ("problem", "solution", "answer", "subject", "level", "unique_id"),
    "the published file",
    "apache-2.0",
    (Hub("simplescaling/openaimath", "test"),),
    hub_rows=500,
    verified="math500.jsonl",
    evaluation=True,
)
AIME24 = Source(
    "aime24",
    "AIME24",
    _aime_evaluation,
    ("problem", "expected_answer"),
    "the published file",
    verified="aime24.jsonl",
    note="problems (c) MAA; from a file",
    evaluation=True,
)
AIME25 = Source(
    "aime25",
    "AIME25",
    _aime_evaluation,
    ("problem", "expected_answer"),
    "the published file",
    verified="aime25.jsonl",
    note="problems (c) MAA; from a file",
    evaluation=True,
)
