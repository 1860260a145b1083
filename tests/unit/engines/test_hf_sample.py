"""Draws: the generator's values are fixed for good, filters are what they say, rows do not touch each other."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from s1kit.engines.hf_sample import Draw, sample, top_logprobs, uniforms  # noqa: E402
from s1kit.policies import Sampling  # noqa: E402

GOLDEN = [0.6524484863740322, 0.7012121095215252, 0.36818951565166946, 0.5854352489135838]
"""By a second implementation, in plain integers."""


def draw(position: int = 0, banned: object = None, context: tuple[int, ...] = (), **sampling: float | int) -> Draw:
    return Draw(Sampling(**sampling), position, banned, context)  # type: ignore[arg-type]


def frequencies(logits: list[float], n: int = 4000, **sampling: float | int) -> dict[int, float]:
    rows = torch.tensor([logits] * n)
    tokens = sample(rows, [draw(position=i, temperature=1.0, **sampling) for i in range(n)])
    return {token: count / n for token, count in Counter(tokens).items() if token is not None}


def test_the_generator_is_pinned() -> None:
    """A change here changes every sampled run: it needs a new major version."""
    assert uniforms([0, 0, 1, 2**63 - 1], [0, 1, 0, 5]).tolist() == GOLDEN


def test_uniforms_are_uniform_and_neighbours_unrelated() -> None:
    seeds, places = np.meshgrid(np.arange(200), np.arange(200))
    u = uniforms(seeds.ravel().tolist(), places.ravel().tolist()).reshape(200, 200)
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < 0.005
    assert abs(u.var() - 1 / 12) < 0.002
    for a, b in ((u[:, 1:], u[:, :-1]), (u[1:], u[:-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.02


def test_frequencies_follow_the_softmax() -> None:
    got = frequencies([math.log(0.5), math.log(0.3), math.log(0.2)])
    assert [got[i] for i in range(3)] == pytest.approx([0.5, 0.3, 0.2], abs=0.03)


def test_temperature_sharpens() -> None:
    rows = torch.tensor([[math.log(0.6), math.log(0.4)]] * 4000)
    tokens = sample(rows, [draw(position=i, temperature=0.5) for i in range(4000)])
    assert tokens.count(0) / 4000 == pytest.approx(0.36 / 0.52, abs=0.03)


def test_top_k_keeps_k_and_ties() -> None:
    assert set(frequencies([3.0, 1.0, 2.0, 0.0], top_k=2)) == {0, 2}
    assert set(frequencies([3.0, 2.0, 2.0, 0.0], top_k=2)) == {0, 1, 2}
    assert set(frequencies([0.0, 0.1, 0.2], top_k=100)) == {0, 1, 2}


def test_top_p_keeps_the_smallest_set_with_that_mass() -> None:
    logits = [math.log(p) for p in (0.5, 0.3, 0.15, 0.05)]
    assert set(frequencies(logits, top_p=0.5)) == {0}
    assert set(frequencies(logits, top_p=0.51)) == {0, 1}
    assert set(frequencies(logits, top_p=0.9)) == {0, 1, 2}
    assert set(frequencies(logits, top_p=0.001)) == {0}


def test_frequency_penalty_counts_the_context() -> None:
    rows = torch.tensor([[1.0, 0.5]] * 2)
    assert sample(rows, [draw(frequency_penalty=0.3, context=(0, 0)), draw(frequency_penalty=0.3)]) == [1, 0]


def test_rows_with_different_settings_do_not_touch_each_other() -> None:
    torch.manual_seed(0)
    logits = torch.randn(6, 50)
    draws = [
        draw(temperature=0.0),
        draw(temperature=1.0, seed=1, position=4),
        draw(temperature=0.7, seed=2, top_k=5),
        draw(temperature=1.3, seed=3, top_p=0.7),
        draw(temperature=1.0, seed=4, banned=torch.arange(25)),
        draw(temperature=1.0, seed=5, top_k=3, top_p=0.5, frequency_penalty=1.0, context=(1, 2, 2)),
    ]
    together = sample(logits.clone(), draws)
    assert together == [sample(logits[i : i + 1].clone(), [draws[i]])[0] for i in range(6)]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_rows_without_anything_to_draw(temperature: float) -> None:
    rows = torch.tensor([[0.0, 1.0], [float("nan"), 1.0], [0.0, 1.0]])
    nothing = draw(temperature=temperature, banned=torch.tensor([0, 1]))
    tokens = sample(rows, [draw(temperature=temperature), draw(temperature=temperature), nothing])
    assert tokens[0] in (0, 1)
    assert tokens[1:] == [None, None]


def test_banned_ids_are_never_drawn_at_the_edges() -> None:
    """The last id banned: rounding at the top of the ladder must not reach it."""
    rows = torch.zeros(3000, 3)
    last = torch.tensor([2])
    tokens = sample(rows, [draw(position=i, temperature=1.0, banned=last) for i in range(3000)])
    assert set(tokens) == {0, 1}


def test_top_logprobs_are_sorted_and_natural() -> None:
    entry = top_logprobs(torch.tensor([math.log(0.2), math.log(0.7), math.log(0.1)]), 2)
    assert [i for i, _ in entry] == [1, 0]
    assert [p for _, p in entry] == pytest.approx([math.log(0.7), math.log(0.2)], abs=1e-6)
