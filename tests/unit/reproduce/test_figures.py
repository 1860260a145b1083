"""The paper's figures from what a folder holds: numbers as measured, files once, and nothing for what is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from s1kit.compare.result import Comparison
from s1kit.compare.table import PointRow
from s1kit.metrics.intervals import Interval
from s1kit.report.pictures import Panel, Spot
from s1kit.report.pictures_bars import Count
from s1kit.report.traces import Piece
from s1kit.reproduce.cells import Scale, cells
from s1kit.reproduce.figure_curves import CURVES, curve_figure
from s1kit.reproduce.figure_files import Figure, caption_of, write_figure
from s1kit.reproduce.figure_traces import Example, examples_figure, forced_figure
from s1kit.reproduce.figure_training import dynamics_figure, sample_figure
from s1kit.reproduce.figures import write_figures
from s1kit.reproduce.paper import comparisons
from s1kit.reproduce.published_figures import PAPER, SHOWS, trained_on
from s1kit.reproduce.source import trained
from s1kit.types import Generation, Grade, Question, Segment


def row(method: str, label: str, asked: float | None, used: float, accuracy: float | None, **more: object) -> PointRow:
    interval = None if accuracy is None else Interval(low=accuracy - 0.1, high=accuracy + 0.1, level=0.95, resamples=9)
    values = {"method": method, "label": label, "asked": asked, "used": used, "within": None, "thinking": used}
    values |= {"answer": 4.0, "forced": 0.0, "reward": 0.0, "tokens": used + 4, "seconds": None, "accuracy": accuracy}
    values |= {"interval": interval, "censored": 0.0, "no_answer": 0.0, "tries": None, "unmet": None, "steps": None}
    values |= {"tokens_per_step": None, "draws": 1, "note": None}
    return PointRow.model_validate({**values, **more})


BF = (
    row("BF", "max 16", 16, 15.5, 0.2),
    row("BF", "natural", None, 60, 0.6),
    row("BF", "Wait x2", 2, 200, 0.8),
    row("BF", "Wait x4", 4, 330, 0.7),
    row("base", "unforced", None, 100, 0.3),
)
OTHERS = {
    "figure4b": (*BF, row("majority", "k = 2", 2, 130, 0.5), row("majority", "k = 4", 4, 260, 0.65)),
    "figure6": (
        row("RS", "at most 8", 8, 7.5, 0.2, tries=7.3, unmet=0.25),
        row("RS", "at most 64", 64, 27, 0.5, tries=2.4, unmet=0.0),
    ),
    "figure7": (*BF, row("REBASE", "width 2", 2, 150, 0.5, reward=570.0, tokens=722.0)),
}


def comparison(rows: tuple[PointRow, ...], benchmark: str = "nano_hard") -> Comparison:
    return Comparison.model_construct(benchmark=benchmark, n_questions=60, settings=rows, runs=())


def drawn(name: str) -> Figure:
    rows = OTHERS.get(name, BF)
    sets = ("one", "two", "three") if name in ("figure1", "figure4a") else ("one",)
    figure = curve_figure(name, [comparison(rows, benchmark) for benchmark in sets])
    assert figure is not None
    return figure


@pytest.mark.parametrize("name", CURVES)
def test_every_curve_draws_and_tells_what_was_measured(name: str) -> None:
    figure = drawn(name)
    caption = caption_of(figure)
    assert PAPER[name] in caption
    assert "n = 60" in caption
    assert "95%" in caption
    rows = [one for one in OTHERS.get(name, BF) if one.method != "base" or name in ("figure4b", "figure7")]
    for one in rows:
        assert one.accuracy is not None
        assert f"{100 * one.accuracy:.1f}%" in figure.table
    assert figure.draw().svg() == drawn(name).draw().svg()


def spots(figure: Figure, series: str) -> list[tuple[float, float]]:
    panels: tuple[Panel, ...] = figure.data
    return [(spot.x, spot.y) for one in panels[0].series if one.name == series for spot in one.spots]


def test_what_each_axis_counts() -> None:
    assert spots(drawn("figure1"), "one thought, made longer") == [(15.5, 0.2), (60, 0.6), (200, 0.8), (330, 0.7)]
    assert spots(drawn("figure4a"), "cut at a budget") == [(15.5, 0.2), (60, 0.6)]
    assert spots(drawn("figure4a"), '"Wait" appended') == [(60, 0.6), (200, 0.8), (330, 0.7)]
    assert spots(drawn("figure4b"), "majority") == [(134, 0.5), (264, 0.65)]
    assert spots(drawn("figure6"), "rejection sampling") == [(8, 0.2), (64, 0.5)]
    assert spots(drawn("figure7"), "REBASE") == [(722, 0.5)]


def test_captions_say_what_the_picture_cannot() -> None:
    assert "at most 8: 25.0%" in caption_of(drawn("figure6"))
    svg = drawn("figure6").draw().svg()
    assert ">7.3</text>" in svg
    assert "at the points: tries" in svg
    assert caption_of(drawn("figure4a")).count("| 60 |") == 3, "the own end ends both lines, and is one row of each set"
    assert "REBASE width 2: 152 of 722" in caption_of(drawn("figure7"))
    assert "12 of 30" in caption_of(drawn("figure7"))


def test_a_setting_without_accuracy_is_not_drawn() -> None:
    assert curve_figure("figure1", [comparison((row("BF", "natural", None, 60, None),))]) is None


def test_the_paper_s_points_are_those_of_its_table() -> None:
    found = {name: (examples, accuracy) for name, examples, accuracy in trained_on()}
    assert found["s1-32B"] == (1000, pytest.approx(0.567))
    assert found["r1"] == (800_000, pytest.approx(0.798))
    assert "o1" not in found
    assert set(PAPER) == set(SHOWS)


def test_sample_efficiency_keeps_two_worlds_on_two_axes() -> None:
    figure = sample_figure(
        [Count("05A", 30), Count("06A", 10)], [Spot(0, 0.2, name="base"), Spot(40, 0.6)], "mine", 500
    )
    assert figure is not None
    panels = figure.data[1]
    assert [panel.title for panel in panels] == ["mine, measured", "AIME24, published"]
    assert [series.hollow for panel in panels for series in panel.series] == [False, True]
    svg = figure.draw().svg()
    assert "40 selected questions by domain" in svg
    assert "Bespoke-32B" in svg
    assert "Paper:" in caption_of(figure)
    assert sample_figure([], [], "mine", 0) is None
    domains = sample_figure([Count("05A", 30)], [], "", 0)
    assert domains is not None
    assert "Paper:" not in caption_of(domains), "the paper's points are not drawn"


def example(verdict: str = "correct") -> Example:
    question = Question.make(text="How many r in <raspberry>?", answer="3", answer_kind="integer")
    texts = ("<think>", "It looks like 2.", "Wait", ", three: 3.", "</think>", "Answer: 3")
    writers = ("open", "think", "nudge", "think", "close", "answer")
    segments, pieces, at = [], [], 0
    for text, why in zip(texts, writers, strict=True):
        origin = "model" if why in ("think", "answer") else "forced"
        phase = "answer" if why == "answer" else "think"
        segments.append(Segment(phase=phase, origin=origin, why=why, start=at, end=at + 1))  # type: ignore[arg-type]
        pieces.append(Piece(text, "" if origin == "model" else why))
        at += 1
    generation = Generation(
        question_id=question.id, policy_id="p", ended="model", extensions=1, segments=tuple(segments),
        token_ids=tuple(range(at)), n_thinking_model=41, n_thinking_forced=1,
    )  # fmt: skip
    grade = Grade(
        question_id=question.id, policy_id="p", grader="default", version=1, verdict=verdict,  # type: ignore[arg-type]
        rule="integer", extracted="3", reference="3",
    )  # fmt: skip
    return Example(question, generation, grade, tuple(pieces), "nano_hard")


def test_the_raspberry_shows_the_nudge_and_hides_the_delimiters() -> None:
    figure = forced_figure(example())
    svg = figure.draw().svg()
    assert re.search(r'font-weight="bold" xml:space="preserve">Wait</text>', svg)
    assert "&lt;raspberry&gt;" in svg
    assert "think>" not in svg.replace("&gt;", ">").replace("thinking", "")
    assert "replaced once" in caption_of(figure)
    assert "Left alone" not in caption_of(figure)
    assert "Left alone it answers 3, incorrect." in caption_of(forced_figure(example(), example("incorrect")))
    three = examples_figure([example(), example(), example()])
    assert three is not None
    assert len(three.data) == 9
    assert examples_figure([]) is None


def test_training_dynamics_come_from_the_log(tmp_path: Path) -> None:
    assert dynamics_figure(tmp_path) is None
    steps = [{"step": i, "loss": 2 / i, "grad_norm": 1.0, "learning_rate": 1e-5, "seconds": 0.1} for i in range(1, 31)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps))
    figure = dynamics_figure(tmp_path)
    assert figure is not None
    assert len(figure.data) == 30
    assert "gradient norm" in figure.draw().svg()
    assert "30 points up to step 30, each of one step" in caption_of(figure)
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps[9::10]))
    seldom = dynamics_figure(tmp_path)
    assert seldom is not None
    assert "3 points up to step 30, loss: mean of 10 steps each" in caption_of(seldom)


def test_the_footnote_of_a_training_is_the_model_s(tmp_path: Path) -> None:
    recipe = {"base": "/far/nano-base", "epochs": 5.0, "batch_size": 16, "learning_rate": 0.001, "seed": 2}
    made = {"recipe": recipe, "base_sha256": "a" * 64, "data_sha256": "b" * 64, "rows": 1924, "s1kit_version": "9"}
    (tmp_path / "manifest.json").write_text(json.dumps(made))
    told = trained("s1 reproduce nano --only figure9", tmp_path)
    assert "base: nano-base (aaaaaaaaaaaa); 1,924 rows (bbbbbbbbbbbb), 5 epochs, 16 rows a step" in told
    assert "seed: 2" in told
    assert "/far" not in told


def test_files_are_drawn_once_and_again_where_the_data_changed(tmp_path: Path) -> None:
    written = write_figure(tmp_path, drawn("figure6"))
    assert [path.suffix for path in written] == [".svg", ".png", ".pdf", ".md"]
    before = {path: path.stat().st_mtime_ns for path in written}
    write_figure(tmp_path, drawn("figure6"))
    assert before == {path: path.stat().st_mtime_ns for path in written}
    written[1].unlink()
    write_figure(tmp_path, drawn("figure6"))
    assert written[1].read_bytes().startswith(b"\x89PNG")
    changed = curve_figure("figure6", [comparison(OTHERS["figure6"][:1])])
    assert changed is not None
    svg = written[0].read_text()
    write_figure(tmp_path, changed)
    assert written[0].read_text() != svg


def test_an_empty_folder_has_no_figures(tmp_path: Path) -> None:
    scale = Scale()
    assert write_figures(tmp_path, scale, [*cells(scale), *comparisons()]) == []
    assert list(tmp_path.iterdir()) == []
