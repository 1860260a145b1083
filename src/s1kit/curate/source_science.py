"""The paper's sources of science, language, puzzles and code, and the sets like them, one declaration each.

Knows columns and what the paper took of each source, as `source_math` does.
"""

from __future__ import annotations

import re
from typing import Any

from s1kit.benchmarks.gpqa_diamond import in_order
from s1kit.curate.held_out import aime_held_out
from s1kit.curate.source import Hub, Source, first, kept
from s1kit.curate.source_draft import Draft, Left, short_answer
from s1kit.types import AnswerKind

_COLLECT = "the reference's data/collect_data.py"
_JEE_KINDS: dict[str, AnswerKind] = {"MCQ": "choice", "Integer": "integer", "Numeric": "math"}
_OPTIMAL = re.compile(r"\nOptimal (\w+):\s*\Z")
_YEAR_IN_METADATA = re.compile(r"'(?:Year|ID)': '?(\d{4})")
_XWORD_TASK = "Solve this crossword clue. The number of letters is in brackets."
_AGIEVAL_SETS = ("aqua-rat", "logiqa-en", "lsat-ar", "lsat-lr", "lsat-rc", "math", "sat-en", "sat-math")


def _olympicarena(row: dict[str, Any], part: str) -> Draft | Left:
    if row.get("language") != "EN":
        return Left("not_english", f"language {row.get('language')}")
    if row.get("modality") != "text-only":
        return Left("has_picture", f"modality {row.get('modality')}")
    answer, subject = first(row, "answer"), row.get("subject")
    meta = kept(row, "id", "solution", "unit", "answer_type")
    return Draft(row.get("problem"), answer, _letter_kind(answer), subset=subject or part, domain=subject, meta=meta)


def _agieval(row: dict[str, Any], part: str) -> Draft | Left:
    subset, other = part.removesuffix("-dev"), row.get("other")
    detail = other if isinstance(other, dict) else {}
    level = detail.get("level")
    if subset == "math" and str(level) != "5":
        return Left("too_easy", f"AGIEval math of level {level}: the reference takes level 5 only")
    return Draft(
        row.get("question"),
        first(row, "label", "answer"),
        choices=row.get("options"),
        lettered=True,
        passage=row.get("passage"),
        subset=subset,
        domain=detail.get("type"),
        meta=kept(detail, "solution", "level"),
    )


def _xword(row: dict[str, Any], part: str) -> Draft | Left:
    _, marker, clue = str(row.get("input") or "").partition("### Clue:")
    if not marker or not clue.strip():
        return Left("no_text", "no clue behind '### Clue:'")
    output = str(row.get("output") or "")
    answer = output.partition("### Answer:")[2].partition("### Explanation:")[0].strip() or output.strip()
    return Draft(f"{_XWORD_TASK}\n\n{clue.strip()}", answer, "text", meta={"solution": output or None})


def _usaco(row: dict[str, Any], part: str) -> Draft:
    return Draft(row.get("question"), kind="text", meta=kept(row, "id", "difficulty"))


def _jeebench(row: dict[str, Any], part: str) -> Draft:
    kind = _JEE_KINDS.get(str(row.get("type")), "text")
    meta = kept(row, "description", "index", "type")
    return Draft(row.get("question"), row.get("gold"), kind, domain=row.get("subject"), meta=meta)


def _gpqa(row: dict[str, Any], part: str) -> Draft | Left:
    """The choices in an order that follows from their text, so that a question has one id wherever it is read."""
    names = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
    right, *wrong = (str(row.get(name) or "").strip() for name in names)
    if not right or not all(wrong):
        return Left("no_answer", "one of the four answers is missing")
    text = row.get("Question")
    choices, letter = in_order(str(text), (right, *wrong))
    return Draft(
        text,
        letter,
        "choice",
        choices,
        domain=first(row, "Subdomain", "High-level domain"),
        meta={**kept(row, "Record ID", "High-level domain"), "solution": first(row, "Explanation")},
    )


def _scieval(row: dict[str, Any], part: str) -> Draft | Left:
    answers = row.get("answer")
    if not answers:
        return Left("no_answer", "the test split's answers are not public")
    text = row.get("question")
    if isinstance(text, str):
        text = _OPTIMAL.sub(r"\nWhich \1 is optimal?", text.removesuffix("\n\nAnswer:"))
    return Draft(
        text,
        answers[0] if isinstance(answers, list) else answers,
        "choice" if row.get("type") == "multiple-choice" else "text",
        domain=first(row, "topic", "category"),
        meta=kept(row, "id", "task_name", "type", "category", "ability"),
    )


def _livecodebench(row: dict[str, Any], part: str) -> Draft | Left:
    if row.get("difficulty") not in (None, "hard"):
        return Left("too_easy", f"difficulty {row['difficulty']}: the reference takes hard problems only")
    meta = kept(row, "question_id", "contest_id", "contest_date", "platform", "starter_code")
    return Draft(first(row, "question_content", "prompt"), kind="text", meta=meta)


def _scibench(row: dict[str, Any], part: str) -> Draft:
    meta = kept(row, "unit", "problemid", "solution")
    return Draft(
        row.get("problem_text"), first(row, "answer_number"), "math", subset=row.get("source") or "", meta=meta
    )


def _s1_59k(row: dict[str, Any], part: str) -> Draft | Left:
    """A row of the published pool. Its AIME rows go by the same rule as the source itself."""
    origin, solution = str(row.get("source_type") or ""), row.get("solution")
    if "AIME" in origin:
        year = _YEAR_IN_METADATA.search(str(row.get("metadata")))
        if (left := aime_held_out(year and year[1])) is not None:
            return left
    meta = {"solution": solution, **kept(row, "source_type", "cot_type")}
    answer = short_answer(solution)
    return Draft(row.get("question"), answer, _letter_kind(answer), meta=meta)


def _letter_kind(answer: Any) -> AnswerKind | None:
    """One capital letter answers a choice question whose options are part of its text."""
    return "choice" if isinstance(answer, str) and re.fullmatch(r"[A-J]", answer) else None


OLYMPICARENA = Source(
    "olympicarena",
    "OlympicArena",
    _olympicarena,
    ("id", "problem", "answer", "solution", "language", "modality", "subject"),
    f"{_COLLECT}; hub pages of the data set",
    "cc-by-nc-sa-4.0",
    tuple(
        Hub("GAIR/OlympicArena", split, config, "3099d676cc0834867a55cf18efc7b57cc55491c1")
        for config in ("Math", "Physics", "Chemistry", "Biology", "Geography", "Astronomy", "CS")
        for split in ("test", "val")
    ),
    hub_rows=11163,
    count=4250,
    thinking=3.2,
    note="English, text only; the test split's answers may be empty",
)
AGIEVAL = Source(
    "agieval",
    "AGIEval",
    _agieval,
    ("passage", "question", "options", "label", "answer", "other"),
    "the authors' own files",
    "mit",
    (
        Hub(
            "lighteval/agi_eval_en",
            revision="dee300c6e3d06c368f7129c72d6e67f238cc4414",
            files=tuple(f"data/{name}{dev}.jsonl" for name in _AGIEVAL_SETS for dev in ("", "-dev")),
        ),
    ),
    count=2385,
    thinking=1.2,
    verified="agieval/*.jsonl, eight sets",
    note="level 5 of the math set only; baber/agieval is a loading script, so a copy's files are read",
)
XWORD = Source(
    "xword",
    "xword",
    _xword,
    ("instruction", "input", "output"),
    f"{_COLLECT}; the metadata of a published s1K row",
    None,
    (Hub("0xharib/xword1"),),
    count=999,
    thinking=0.7,
    note="no licence stated; the task's sentence is ours, so ids differ from the published rows",
    sample=1000,
)
USACO = Source(
    "usaco",
    "USACO",
    _usaco,
    ("id", "question", "difficulty", "input_output"),
    f"{_COLLECT}; public code that reads the columns",
    None,
    (Hub("codegenning/usacobench_formatted", "test"),),
    count=519,
    thinking=3.6,
    note="no licence stated; no reference answer, tests are not kept",
)
JEEBENCH = Source(
    "jeebench",
    "JEEBench",
    _jeebench,
    ("subject", "description", "gold", "index", "type", "question"),
    "hub pages of the data set; public code that reads the columns",
    "mit",
    (Hub("daman1209arora/jeebench", "test", revision="d070d1113ce365df05903763a2017ec2d0d56118"),),
    hub_rows=515,
    count=515,
    thinking=2.9,
    note="the options are part of the question",
)
_GPQA_COLUMNS = (
    "Question",
    "Correct Answer",
    "Incorrect Answer 1",
    "Incorrect Answer 2",
    "Incorrect Answer 3",
    "Explanation",
    "High-level domain",
    "Record ID",
)
_GPQA_REVISION = "633f5ee89ab8ad4522a9f850766b73f62147ffdd"
GPQA = Source(
    "gpqa",
    "GPQA",
    _gpqa,
    _GPQA_COLUMNS,
    f"{_COLLECT} and data/fix_gpqa.py",
    "cc-by-4.0",
    (Hub("Idavidrein/gpqa", config="gpqa_extended", revision=_GPQA_REVISION),),
    hub_rows=546,
    count=348,
    thinking=2.9,
    note="the extended set without the Diamond set; gated: accept its terms first, and publish no examples",
    held_out_by="gpqa_diamond",
)
SCIEVAL = Source(
    "scieval",
    "SciEval",
    _scieval,
    ("question", "answer", "category", "topic", "ability", "type", "task_name", "id"),
    "the authors' scieval-valid.json",
    None,
    (
        Hub(
            "OpenDFM/SciEval",
            revision="3714d9cb70006397bdf6b85fa208a0295c78d3d9",
            files=("scieval-valid.json", "scieval-test.json"),
        ),
    ),
    count=227,
    thinking=0.7,
    note="no licence stated; the reference drew 250, spread over tasks and topics, some by hand",
    sample=250,
)
LIVECODEBENCH = Source(
    "livecodebench",
    "LiveCodeBench",
    _livecodebench,
    ("question_content", "question_id", "contest_id", "contest_date", "platform", "difficulty", "starter_code"),
    f"{_COLLECT}; hub pages of the data set",
    "cc",
    (
        Hub(
            "livecodebench/code_generation_lite",
            revision="5c923977ac2edd278a385f2d78179ead9450fb63",
            files=("test.jsonl", "test2.jsonl", "test3.jsonl"),
        ),
    ),
    count=151,
    thinking=3.5,
    verified="livecodebench_v5_qwq.jsonl, in columns of its own",
    note="hard problems of releases 1 to 3; a loading script, so its files are read; no reference answer",
)
SCIBENCH = Source(
    "scibench",
    "SciBench",
    _scibench,
    ("problem_text", "answer_number", "unit", "source", "problemid"),
    "the authors' own files",
    "mit",
    verified="scibench/*.json",
    note="not in the paper; textbook problems; from files; the answer's unit is in meta",
)
GPQA_DIAMOND = Source(
    "gpqa_diamond",
    "GPQA Diamond",
    _gpqa,
    _GPQA_COLUMNS,
    f"{_COLLECT} and data/fix_gpqa.py",
    "cc-by-4.0",
    (Hub("Idavidrein/gpqa", config="gpqa_diamond", revision=_GPQA_REVISION),),
    hub_rows=198,
    note="gated: accept its terms first, and publish no examples",
    evaluation=True,
)
S1_59K = Source(
    "s1-59k",
    "the paper's pool",
    _s1_59k,
    ("solution", "question", "cot_type", "source_type", "metadata"),
    "the data set's card",
    "apache-2.0",
    (Hub("simplescaling/data_ablation_full59K"),),
    hub_rows=58986,
    verified="s1k_5_gemini_traces.jsonl",
    note="all sixteen sources as the authors published them, 43 rows fewer than in the paper",
)
