"""The numbers of a funnel report are those that a plain count over the records gives, and a life is whole."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1kit.curate.figures import Funnel
from s1kit.curate.funnel import REASONS, measure
from s1kit.curate.life import explain
from s1kit.curate.msc import title
from s1kit.curate.tables import CurationError
from s1kit.types import Filed
from unit.curate.curated import SOURCES, STEPS, Curation


@pytest.fixture(scope="module")
def curation(tmp_path_factory: pytest.TempPathFactory) -> Curation:
    made = Curation(tmp_path_factory.mktemp("it's [a] curation") / "c*")
    made.write()
    return made


@pytest.fixture(scope="module")
def funnel(curation: Curation) -> Funnel:
    return measure(curation.path, paper={"numina": 30660, "gpqa": 348})


def test_steps_are_counts_of_the_decisions(curation: Curation, funnel: Funnel) -> None:
    assert [step.name for step in funnel.steps] == ["pool", *STEPS]
    for step in funnel.steps:
        said = [d for d in curation.decisions if d.step == step.name]
        assert (step.rows_in, step.kept) == (len(said), sum(d.kept for d in said))
        reasons = Counter(d.reason for d in said if not d.kept)
        assert {r.reason: r.rows for r in step.reasons} == reasons
        assert [r.rows for r in step.reasons] == sorted(reasons.values(), reverse=True)
        assert step.other == 0
    assert funnel.collected == len(curation.pool) + 1
    assert funnel.left == sum(curation.last(number) for number, _ in curation.pool)


def test_sources_add_up_to_the_steps(curation: Curation, funnel: Funnel) -> None:
    assert {s.source for s in funnel.sources} == {*SOURCES, "gpqa"}
    for place, step in enumerate(funnel.steps):
        assert sum(s.kept[place] for s in funnel.sources) == step.kept
    assert sum(s.collected for s in funnel.sources) == funnel.collected
    by_name = {s.source: s for s in funnel.sources}
    assert (by_name["gpqa"].collected, by_name["gpqa"].paper, by_name["aime"].paper) == (0, 348, None)
    assert by_name["numina"].licences == ("Apache-2.0",)
    assert by_name["aime"].licences == ()
    source_of = {q.id: q.source for q in curation.questions}
    for name, chosen in curation.selections.items():
        expected = Counter(source_of[c.question_id] for c in chosen)
        assert {s.source: s.chosen[name] for s in funnel.sources if name in s.chosen} == expected


def test_the_papers_counts_stand_beside_known_sources_without_being_asked_for(curation: Curation) -> None:
    papers = {s.source: s.paper for s in measure(curation.path).sources}
    assert papers["aime"] == 890
    assert papers["agieval/sat-math"] is None


def test_lengths_are_those_of_the_traces_in_bins_by_powers_of_two(curation: Curation, funnel: Funnel) -> None:
    scopes: dict[str, list[int]] = {"": [t.thinking_tokens or 0 for t in curation.traces if t.error is None]}
    scopes |= {name: [c.length for c in chosen] for name, chosen in curation.selections.items()}
    assert {found.scope for found in funnel.lengths} == set(scopes)
    for found in funnel.lengths:
        lengths = sorted(scopes[found.scope])
        assert (found.n, found.total) == (len(lengths), sum(lengths))
        assert found.mean == pytest.approx(sum(lengths) / len(lengths))
        assert (found.quantiles["min"], found.quantiles["max"]) == (lengths[0], lengths[-1])
        assert found.quantiles["p50"] in lengths
        for bin_ in found.bins:
            assert bin_.n == sum(bin_.low <= n <= bin_.high for n in lengths)
        assert sum(b.n for b in found.bins) == found.n
        assert all(left.high + 1 == right.low for left, right in zip(found.bins, found.bins[1:], strict=False))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=12))
def test_every_length_falls_into_the_bin_of_its_power(tmp_path: Path, lengths: list[int]) -> None:
    made = Curation(tmp_path / "c", n=20)
    made.traces = [t.model_copy(update={"thinking_tokens": n}) for t, n in zip(made.traces * 2, lengths, strict=False)]
    made.traces = [t.model_copy(update={"error": None}) for t in made.traces]
    found = measure(made.write(without=("selections",))).lengths[0]
    expected = Counter(0 if n == 0 else 2 ** (n.bit_length() - 1) for n in lengths)
    assert {b.low: b.n for b in found.bins if b.n} == expected


def test_domains_count_questions_tokens_and_name_their_words(curation: Curation, funnel: Funnel) -> None:
    tokens, codes = curation.tokens(), {f.question_id: f.code for f in curation.filed}
    for domain in funnel.domains:
        assert domain.pool is not None
        inside = [name for name, code in codes.items() if code == domain.code]
        assert (domain.pool.questions, domain.pool.tokens) == (len(inside), sum(tokens[n] for n in inside))
        assert domain.pool.share == pytest.approx(len(inside) / len(codes))
        for name, filing in domain.chosen.items():
            chosen = [c for c in curation.selections[name] if c.domain == domain.code]
            assert (filing.questions, filing.tokens) == (len(chosen), sum(c.length for c in chosen))
    by_code = {domain.code: domain for domain in funnel.domains}
    assert by_code["51"].title == title("51") != "51"
    assert title("zz") == "zz"
    pool = by_code["51"].pool
    assert pool is not None
    assert {"triangle", "circle"} <= set(pool.keywords)
    assert not {"frac", "find", "question", "the"} & {w for d in funnel.domains if d.pool for w in d.pool.keywords}


def test_keywords_tell_apart_and_are_in_two_questions_at_least(tmp_path: Path) -> None:
    texts = ("the shared apple once", "the shared apple banana", "the shared cherry", "shared cherry \\frac \\cherry")
    made = Curation(tmp_path / "c", n=8, texts=texts)
    made.filed = [
        Filed(question_id=q.id, code="a" if "apple" in q.text else "b", how="column") for q in made.questions[:4]
    ]
    words = {d.code: d.pool.keywords for d in measure(made.write(without=("selections",))).domains if d.pool}
    assert words == {"a": ("apple",), "b": ("cherry",)}


def test_verdicts_are_counts_of_grades_and_attempts(curation: Curation, funnel: Funnel) -> None:
    chosen = {c.question_id for c in curation.selections["s1k"]}
    taught = {v.scope: v.counts for v in funnel.teacher}
    assert taught[""] == Counter(g.verdict for g in curation.grades)
    assert taught["s1k"] == Counter(g.verdict for g in curation.grades if g.question_id in chosen)
    for found in funnel.solvers:
        if not found.scope:
            assert found.counts == Counter(a.verdict for a in curation.attempts if a.solver == found.who)
    solved = {a.question_id for a in curation.attempts if a.verdict == "correct"}
    assert (funnel.solved, funnel.attempted) == (len(solved), len({a.question_id for a in curation.attempts}))


def test_samples_are_rows_of_their_step_and_every_reason_is_seen(curation: Curation, funnel: Funnel) -> None:
    decided = {(d.step, d.row): d for d in curation.decisions}
    for sample in funnel.samples:
        said = decided[sample.step, sample.row]
        assert (sample.kept, sample.reason, sample.evidence) == (said.kept, said.reason, said.evidence)
        text = dict(curation.pool)[sample.row].text if sample.row != curation.broken else None
        assert sample.text == text
    for step in funnel.steps:
        shown = [s for s in funnel.samples if s.step == step.name]
        assert sum(not s.kept for s in shown) == min(5, step.dropped)
        assert sum(s.kept for s in shown) == min(5, step.kept)
        assert {s.reason for s in shown if not s.kept} == {r.reason for r in step.reasons}


def test_the_same_files_give_the_same_record(curation: Curation, funnel: Funnel) -> None:
    again = measure(curation.path, paper={"numina": 30660, "gpqa": 348})
    assert again.model_dump_json() == funnel.model_dump_json()
    assert Funnel.model_validate_json(funnel.model_dump_json()) == funnel


def test_the_main_selection_is_the_one_by_the_papers_rule(funnel: Funnel) -> None:
    assert [draw.name for draw in funnel.selections] == ["longest", "s1k"]
    assert funnel.main is not None
    assert (funnel.main.name, funnel.main.rule, funnel.main.seed, funnel.main.domains) == ("s1k", "paper", 7, 4)


def test_a_pool_alone_is_a_funnel(tmp_path: Path) -> None:
    made = Curation(tmp_path / "c", n=30)
    path = made.write(without=("traces", "trace_grades", "attempts", "domains", "selections", "ledger"))
    found = measure(path)
    assert found.steps[0].kept == 31
    assert (found.lengths, found.domains, found.teacher, found.solvers, found.ledger) == ((), (), (), (), None)
    assert (found.solved, found.main, found.audits) == (None, None, {})
    assert explain(path, made.questions[4].id).traces == ()


def test_many_reasons_are_cut_and_the_rest_counted(tmp_path: Path) -> None:
    made = Curation(tmp_path / "c", n=20)
    for row in range(REASONS + 7):
        made.say("quality", 1000 + row, None, "aime", False, f"reason {row:03}", "")
    step = measure(made.write()).steps[1]
    assert len(step.reasons) == REASONS
    assert step.other == step.dropped - sum(r.rows for r in step.reasons) > 0


def test_a_ten_megabyte_question_comes_as_its_beginning(tmp_path: Path) -> None:
    huge = "x\x00\u202e " + "9" * 10_000_000
    made = Curation(tmp_path / "c", n=4, texts=(huge,))
    funnel = measure(made.write(without=("selections",)))
    shown = next(s for s in funnel.samples if s.row == 0)
    assert (shown.text, shown.length) == (huge[:600], len(huge))
    life = explain(made.path, made.questions[0].id)
    assert (life.text, life.length) == (huge[:2000], len(huge))
    assert len(funnel.model_dump_json()) < 100_000


def test_a_life_is_everything_that_the_records_say(curation: Curation) -> None:
    chosen = curation.selections["longest"][2]
    number, question = next((n, q) for n, q in curation.pool if q.id == chosen.question_id)
    life = explain(curation.path, question.id[:10].upper())
    assert (life.id, life.text, life.answer, life.choices) == (
        question.id,
        question.text,
        question.answer,
        question.choices,
    )
    assert [(p.row, p.source, p.licence) for p in life.rows] == [(number, question.source, question.licence)]
    assert [(s.step, s.kept) for s in life.steps] == [(step, True) for step in ("pool", *STEPS)]
    trace = next(t for t in curation.traces if t.question_id == question.id)
    grade = next(g for g in curation.grades if g.question_id == question.id)
    (taught,) = life.traces
    assert (taught.teacher, taught.tokens, taught.thinking) == (trace.teacher, trace.thinking_tokens, trace.thinking)
    assert (taught.verdict, taught.rule) == (grade.verdict, grade.rule)
    assert [(a.solver, a.verdict) for a in life.attempts] == [("large", "incorrect"), ("small", "incorrect")]
    assert life.domain is not None
    assert life.domain.code == question.domain
    assert [(s.selection, s.rank) for s in life.selections] == [("longest", 2), ("s1k", 2)]
    assert [b.trainset for b in life.trainsets] == ["longest-s1", "s1k-s1"]


def test_a_copy_lives_in_both_rows_and_a_broken_row_under_its_number(curation: Curation) -> None:
    copy = explain(curation.path, curation.questions[3].id)
    assert [p.row for p in copy.rows] == [3, len(curation.questions)]
    assert [(s.row, s.reason) for s in copy.steps if not s.kept] == [(len(curation.questions), "exact")]
    assert explain(curation.path, f"#{len(curation.questions)}") == copy
    broken = explain(curation.path, f"#{curation.broken}")
    assert (broken.id, broken.text, broken.rows[0].source) == (None, None, "numina")
    assert [(s.step, s.kept, s.reason) for s in broken.steps] == [("pool", False, "broken_row")]


@pytest.mark.parametrize("name", ["zz", "", "%", "#99999", "#x", "#", "#-1", "' OR 1=1 --", "\x00", "#" + "9" * 40])
def test_a_name_of_no_question_is_refused_with_a_hint(curation: Curation, name: str) -> None:
    with pytest.raises(CurationError, match=r"has no (question|row).*\nhint: "):
        explain(curation.path, name)


def test_a_beginning_of_several_ids_is_refused_and_names_some(curation: Curation) -> None:
    digit = Counter(q.id[0] for q in curation.questions).most_common(1)[0][0]
    with pytest.raises(CurationError, match=r"several questions .*\nhint: give more digits") as refused:
        explain(curation.path, digit)
    listed = str(refused.value).splitlines()[0].partition(": ")[2].split(", ")
    assert listed[-1] == "..."
    assert len(listed) == 7
    assert {q.id for q in curation.questions} >= set(listed[:6])


def test_no_curation_and_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CurationError, match=r"no curation.*\nhint: name the folder"):
        measure(tmp_path)
    path = Curation(tmp_path / "c", n=20).write()
    (path / "attempts.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(CurationError, match=r"cannot be read.*\nhint: "):
        measure(path)
    (path / "attempts.parquet").unlink()
    (path / "selections" / "s1k" / "selection.json").write_text(json.dumps({"rule": "paper"}), encoding="utf-8")
    with pytest.raises(CurationError, match="is not a selection of this version"):
        measure(path)
    (path / "ledger.json").write_text("{", encoding="utf-8")
    (path / "selections" / "s1k" / "selection.json").unlink()
    with pytest.raises(CurationError, match=r"ledger\.json` cannot be read"):
        measure(path)
