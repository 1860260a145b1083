"""Training sets: what is written is what is read, nothing is dropped in silence, and `s1 train` takes it as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s1kit.curate.conditions import Condition
from s1kit.curate.rows import build_rows
from s1kit.curate.trainset import FILE, LeftOut, TrainSetError, made_with, read_rows, write_trainset
from s1kit.errors import UserError
from s1kit.formats import BUILT_IN, ResolvedFormat
from s1kit.nano import traces
from s1kit.nano.shipped import resolve_model
from s1kit.store.errors import StoreError
from s1kit.store.files import sha256_file
from s1kit.tokenizer import Tokenizer
from s1kit.train.recipe import TrainConfig, run
from s1kit.types import Question, Trace
from unit.byte_level import tokenizer

Pair = tuple[Question, Trace]
PAIRS = traces.load(6)


@pytest.fixture(scope="module")
def form() -> ResolvedFormat:
    return BUILT_IN["s1"].resolve(Tokenizer.load(resolve_model("nano-base")))


def broken() -> list[Pair]:
    """Six good pairs, then one with a control token, one that failed, and the first once more."""
    token = (PAIRS[0][0], PAIRS[0][1].model_copy(update={"thinking": "<|im_end|>"}))
    failed = (PAIRS[1][0], PAIRS[1][1].model_copy(update={"error": "timeout"}))
    return [*PAIRS, token, failed, PAIRS[0]]


@pytest.mark.parametrize("condition", [None, "token", "step"])
def test_what_is_written_is_read(tmp_path: Path, form: ResolvedFormat, condition: Condition | None) -> None:
    done = write_trainset(tmp_path / "set", iter(PAIRS), form, condition=condition)
    rows = build_rows(PAIRS, form, condition=condition)
    assert list(read_rows(tmp_path / "set")) == list(read_rows(tmp_path / "set" / FILE)) == rows
    assert (done.rows, done.tokens, done.condition) == (6, sum(row.n_tokens for row in rows), condition)
    assert done.sha256 == sha256_file(tmp_path / "set" / FILE)
    assert made_with(tmp_path / "set") == (form.tokenizer.hash, form.tokenizer.name)
    schema = pq.read_schema(tmp_path / "set" / FILE)
    assert schema.field("input_ids").type == schema.field("labels").type == pa.list_(pa.int32())
    assert [p.name for p in (tmp_path / "set").iterdir()] == [FILE]


def test_the_same_pairs_give_the_same_bytes(tmp_path: Path, form: ResolvedFormat) -> None:
    assert len({write_trainset(tmp_path / name, PAIRS, form).sha256 for name in "ab"}) == 1


def test_rows_that_cannot_be_are_refused_together_and_the_old_file_stays(tmp_path: Path, form: ResolvedFormat) -> None:
    old = write_trainset(tmp_path, PAIRS[:2], form)
    with pytest.raises(TrainSetError) as caught:
        write_trainset(tmp_path, broken(), form)
    lines = str(caught.value).split("\n")
    assert lines[0] == "3 of 9 traces cannot be trained on as asked:"
    first, second = PAIRS[0][0].id, PAIRS[1][0].id
    assert [line.split(":")[0] for line in lines[1:-1]] == [f"  question {i}" for i in (first, second, first)]
    assert "timeout" in lines[2]
    assert sha256_file(tmp_path / FILE) == old.sha256
    assert [p.name for p in tmp_path.iterdir()] == [FILE]


def test_skipped_rows_are_listed(tmp_path: Path, form: ResolvedFormat) -> None:
    done = write_trainset(tmp_path, broken(), form, skip=True)
    assert done.rows == 6
    first, second = PAIRS[0][0].id, PAIRS[1][0].id
    assert [entry.question_id for entry in done.left_out] == [first, second, first]
    assert done.left_out[1] == LeftOut(question_id=second, reason=f"question {second}: there is no trace (timeout)")
    assert "twice" in done.left_out[2].reason


def test_long_rows_are_refused_by_max_tokens(tmp_path: Path, form: ResolvedFormat) -> None:
    sizes = [row.n_tokens for row in build_rows(PAIRS, form)]
    done = write_trainset(tmp_path, PAIRS, form, max_tokens=min(sizes), skip=True)
    assert done.rows == sizes.count(min(sizes))
    assert all(f"max_tokens is {min(sizes)}" in entry.reason and "hint" not in entry.reason for entry in done.left_out)


@pytest.mark.parametrize("skip", [False, True])
def test_a_set_without_rows_is_refused(tmp_path: Path, form: ResolvedFormat, skip: bool) -> None:
    with pytest.raises(TrainSetError, match="no rows are left"):
        write_trainset(tmp_path, [], form, skip=skip)
    with pytest.raises(TrainSetError, match="timeout"):
        write_trainset(tmp_path, [broken()[7]], form, skip=skip)
    assert list(tmp_path.iterdir()) == []


def test_a_format_without_thinking_says_that_traces_are_not_in_it(tmp_path: Path) -> None:
    assert write_trainset(tmp_path, PAIRS, BUILT_IN["plain"].resolve(tokenizer())).answer_only


def test_what_is_no_training_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is missing"):
        list(read_rows(tmp_path))
    (tmp_path / FILE).write_bytes(b"PAR1 no")
    for reading in (lambda: list(read_rows(tmp_path)), lambda: made_with(tmp_path)):
        with pytest.raises(UserError, match=r"cannot be read|is not a training set"):
            reading()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["", FILE])
def test_training_takes_a_set_as_it_is(tmp_path: Path, form: ResolvedFormat, name: str) -> None:
    write_trainset(tmp_path / "set", PAIRS[:4], form)
    data = str(tmp_path / "set" / name)
    done = run(TrainConfig(data=data, out=str(tmp_path / "out"), size=1, epochs=1, batch_size=2, learning_rate=1e-3))
    facts = json.loads((done.out / "manifest.json").read_text())
    assert (facts["rows"], facts["data_tokenizer"]) == (4, form.tokenizer.hash), "whole, whatever size says"


def test_training_refuses_a_set_of_another_tokenizer_or_format(tmp_path: Path, form: ResolvedFormat) -> None:
    write_trainset(tmp_path / "other", PAIRS, BUILT_IN["s1"].resolve(tokenizer()))
    with pytest.raises(UserError, match="made with the tokenizer byte-level"):
        run(TrainConfig(data=str(tmp_path / "other"), out=str(tmp_path / "out")))
    write_trainset(tmp_path / "plain", PAIRS, BUILT_IN["plain"].resolve(form.tokenizer))
    with pytest.raises(UserError, match="has format plain, the recipe says s1"):
        run(TrainConfig(data=str(tmp_path / "plain"), out=str(tmp_path / "out")))
    write_trainset(tmp_path / "long", PAIRS, form)
    with pytest.raises(UserError, match="max_tokens is 10"):
        run(TrainConfig(data=str(tmp_path / "long"), out=str(tmp_path / "out"), max_tokens=10))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no train\.parquet in"):
        run(TrainConfig(data=str(tmp_path / "empty"), out=str(tmp_path / "out")))


def test_a_set_that_does_not_say_its_tokenizer_is_checked_by_its_ids(tmp_path: Path, form: ResolvedFormat) -> None:
    write_trainset(tmp_path, PAIRS, form)
    table = pq.read_table(tmp_path / FILE).replace_schema_metadata(None)
    far = [[form.tokenizer.vocab_size]] * len(table)
    table = table.set_column(3, "input_ids", pa.array(far, pa.list_(pa.int32())))
    pq.write_table(table, tmp_path / FILE)
    assert made_with(tmp_path) == (None, None)
    with pytest.raises(UserError, match="holds ids that the base model's tokenizer does not have"):
        run(TrainConfig(data=str(tmp_path), out=str(tmp_path / "out")))
