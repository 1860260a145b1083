"""Formats: resolved against the real tokenizer or refused loudly, and opened exactly once."""

from __future__ import annotations

from pathlib import Path

import pytest

from s1kit.formats import BUILT_IN, Format, FormatError, load_format
from s1kit.tokenizer import Tokenizer
from unit.byte_level import HARMONY, QWEN, R1, TEMPLATE, THINK, tokenizer

QWEN25 = Path(__file__).parents[3] / "shared" / "data" / "qwen2.5-tokenizer"
USER = [{"role": "user", "content": "How many r?"}]

qwen25 = pytest.mark.skipif(not QWEN25.is_dir(), reason="the Qwen2.5 tokenizer is in ../shared/data, which is absent")


@pytest.mark.parametrize(
    ("name", "special"),
    [
        ("s1", QWEN),
        ("qwen3", (*QWEN, *THINK)),
        ("qwq", (*QWEN, *THINK)),
        ("r1", R1),
        ("harmony", HARMONY),
        ("plain", QWEN),
    ],
)
def test_every_built_in_format_resolves_on_its_family(name: str, special: tuple[str, ...]) -> None:
    made = tokenizer(special)
    fmt = load_format(name).resolve(made)
    assert made.decode(fmt.open) == fmt.spec.open
    assert made.decode(fmt.close) == fmt.spec.close
    assert set(fmt.turn_end_ids) <= set(fmt.think_stop_ids)
    assert all(made.decode([i]) in fmt.spec.turn_end for i in fmt.turn_end_ids)


def test_s1_stops_at_im_start_alone_and_at_turn_ends() -> None:
    made = tokenizer()
    fmt = BUILT_IN["s1"].resolve(made)
    assert fmt.think_stop_ids == tuple(made.id_of(t) for t in ("<|im_start|>", "<|im_end|>", "<|endoftext|>"))
    assert fmt.think_stop_seqs == ()
    assert made.decode(fmt.close) == "<|im_start|>answer\n"
    assert fmt.reopen_ids == (made.id_of("<|im_start|>"),)
    assert fmt.reopen_seqs == ()


def test_harmony_closes_with_several_tokens_and_no_newline() -> None:
    made = tokenizer(HARMONY)
    fmt = BUILT_IN["harmony"].resolve(made)
    assert len([i for i in fmt.close if i in made.added_ids]) == 4
    assert fmt.newline == ()
    assert fmt.newline_for(None) == ()
    assert fmt.reopen_ids == (made.id_of("<|channel|>"),)


@pytest.mark.parametrize(
    ("name", "special"), [("qwen3", QWEN), ("r1", QWEN), ("harmony", QWEN), ("s1", HARMONY), ("plain", THINK)]
)
def test_a_format_of_another_family_is_refused(name: str, special: tuple[str, ...]) -> None:
    with pytest.raises(FormatError, match=name) as caught:
        load_format(name).resolve(tokenizer(special))
    assert "hint:" in str(caught.value)


def test_a_delimiter_of_ordinary_text_is_refused_by_name() -> None:
    with pytest.raises(FormatError, match=r"think_stops '</think>' is ordinary text \['<', '/', 't'"):
        load_format("qwen3").resolve(tokenizer(QWEN))


def test_text_delimiters_are_matched_on_their_ids_where_the_format_says_so() -> None:
    spec = Format(
        name="mine",
        open="Thought:\n",
        close="Answer:\n",
        cutoff_suffix="",
        nudge="Wait",
        think_stops=("Answer:",),
        turn_end=("<|im_end|>",),
        text_delimiters=True,
    )
    made = tokenizer()
    fmt = spec.resolve(made)
    assert fmt.think_stop_seqs == (made.encode("Answer:"),)
    assert fmt.think_stop_ids == fmt.turn_end_ids
    assert fmt.reopen_ids == ()
    assert fmt.reopen_seqs == (made.encode("Thought:\n"),)


def test_a_delimiter_that_does_not_survive_the_round_trip_is_refused() -> None:
    class Lossy(Tokenizer):
        def decode(self, ids: object) -> str:
            return "?"

    lossy = Lossy(tokenizer()._backend, name="lossy", config={}, template=None)
    with pytest.raises(FormatError, match="cannot express think_stops"):
        BUILT_IN["s1"].resolve(lossy)


def test_a_newline_is_due_unless_the_last_byte_is_one() -> None:
    made = tokenizer()
    fmt = BUILT_IN["s1"].resolve(made)
    newline = made.encode("\n")
    assert fmt.newline_for(made.encode("a")[0]) == newline
    assert fmt.newline_for(newline[0]) == ()
    assert len(made.encode("\n\n")) == 1
    assert fmt.newline_for(made.encode("\n\n")[0]) == ()
    assert fmt.newline_for(None) == newline
    assert fmt.newline_for(made.encode("é")[0]) == newline  # half a character is no newline


@pytest.mark.parametrize(
    ("ending", "still_open"),
    [("", "<think>\n"), ("<think>\n", ""), ("<think>", "\n"), ("<think>\n\n", "<think>\n"), ("think", "<think>\n")],
)
def test_open_is_completed_not_repeated(ending: str, still_open: str) -> None:
    made = tokenizer((*QWEN, *THINK), template=TEMPLATE + "{{ " + repr(ending) + " }}")
    fmt = BUILT_IN["qwen3"].resolve(made)
    ids, open_ids = fmt.render(USER)
    assert made.decode(ids).endswith("<|im_start|>assistant\n" + ending)
    assert made.decode(open_ids) == still_open


def test_plain_has_nothing_to_open() -> None:
    fmt = BUILT_IN["plain"].resolve(tokenizer())
    assert fmt.spec.plain
    assert fmt.render(USER)[1] == ()
    assert (fmt.open, fmt.close, fmt.reopen_ids, fmt.reopen_seqs) == ((), (), (), ())


def test_a_format_of_your_own_comes_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        'name: mine\nopen: "<think>\\n"\nclose: "</think>\\n"\ncutoff_suffix: "So:"\nnudge: Hmm\n'
        'think_stops: ["</think>"]\nturn_end: ["<|im_end|>"]\n'
    )
    made = tokenizer((*QWEN, *THINK))
    fmt = load_format(str(path)).resolve(made)
    assert made.decode(fmt.cutoff_suffix) == "So:"
    assert fmt.newline_for(made.encode("a")[0]) == made.encode("\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\nthink_stop: [a]\n", "did you mean 'think_stops' for 'think_stop'"),
        ("name: [", "is not YAML"),
        ("- a\n- b\n", "is not a format"),
        ("", "is not a format"),
        ("name: x\nopen: ''\nclose: c\ncutoff_suffix: ''\nnudge: ''\nthink_stops: abc\nturn_end: [e]\n", "think_stops"),
        (
            "name: x\nopen: o\nclose: c\ncutoff_suffix: ''\nnudge: ''\nthink_stops: []\nturn_end: [e]\n",
            "think_stops is empty",
        ),
        (
            "name: x\nopen: o\nclose: ''\ncutoff_suffix: ''\nnudge: ''\nthink_stops: [a]\nturn_end: [e]\n",
            "close is empty",
        ),
        ("name: x\nopen: o\nclose: c\ncutoff_suffix: ''\nnudge: ''\nthink_stops: ['']\nturn_end: [e]\n", "is empty"),
    ],
)
def test_a_broken_format_file_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(text)
    with pytest.raises(FormatError) as caught:
        load_format(str(path))
    assert said in str(caught.value)
    assert "mine.yml" in str(caught.value)


def test_a_file_that_is_no_text_or_no_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="is not YAML"):
        load_format(str(path))
    with pytest.raises(FormatError, match="no format file"):
        load_format(str(tmp_path / "absent.yaml"))


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(FormatError, match="did you mean 'qwen3'"):
        load_format("qwen2")


@qwen25
@pytest.mark.shared
def test_s1_on_the_real_qwen25_tokenizer() -> None:
    made = Tokenizer.load(QWEN25)
    fmt = BUILT_IN["s1"].resolve(made)
    assert made.encode("<|im_start|>think") == (151644, 26865)
    assert made.encode("<|im_start|>answer") == (151644, 9217)
    assert fmt.open == (151644, 26865, 198)
    assert fmt.close == (151644, 9217, 198)
    assert fmt.think_stop_ids == (151644, 151645, 151643)
    assert len(made.encode("Wait")) == 1
    assert fmt.newline == (198,)
    assert fmt.newline_for(198) == ()
    assert fmt.newline_for(made.encode(".\n\n")[-1]) == ()
    assert fmt.newline_for(made.encode("Wait")[0]) == (198,)
    with pytest.raises(FormatError, match="ordinary text"):
        BUILT_IN["qwen3"].resolve(made)
