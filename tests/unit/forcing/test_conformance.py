"""Every vector in conformance/ holds, and the checker notices when one does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from s1kit.forcing.conformance import Vector, load, run

FOLDER = Path(__file__).parents[3] / "conformance"
VECTORS = load(FOLDER)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v.name)
def test_vector_holds(vector: Vector) -> None:
    assert run(vector) == []


def test_names_are_unique() -> None:
    names = [v.name for v in VECTORS]
    assert len(set(names)) == len(names)


def changed(name: str, **fields: object) -> Vector:
    vector = next(v for v in VECTORS if v.name == name)
    return Vector.model_validate({**vector.model_dump(), **fields})


def test_a_wrong_outcome_is_a_difference() -> None:
    vector = changed("one extension")
    assert vector.expect is not None
    wrong = vector.model_copy(update={"expect": vector.expect.model_copy(update={"extensions": 2, "paid": 5})})
    assert run(wrong) == ["extensions is 1, expected 2", "paid is 4, expected 5"]


def test_a_wrong_request_is_a_difference() -> None:
    vector = changed("one extension")
    step = vector.steps[1]
    request = step.request.model_copy(update={"min_tokens": 0})
    steps = (vector.steps[0], step.model_copy(update={"request": request}), vector.steps[2])
    assert run(vector.model_copy(update={"steps": steps})) == ["request 2: min_tokens is 1, expected 0"]


def test_missing_and_surplus_requests_are_differences() -> None:
    vector = changed("natural end")
    assert "a request too many" in run(vector.model_copy(update={"steps": vector.steps[:1]}))[0]
    assert "1 of 3 requests were never made" in run(
        vector.model_copy(update={"steps": (*vector.steps, vector.steps[1])})
    )


def test_refusals_are_compared_both_ways() -> None:
    assert run(changed("natural end", refused=True)) == ["the policy was not refused"]
    assert "was refused" in run(changed("budget smaller than the nudge", refused=False))[0]


def test_a_chunk_without_finish_is_not_the_last_one() -> None:
    vector = changed("natural end")
    step = vector.steps[0]
    partial = step.model_copy(update={"chunks": (step.chunks[0].model_copy(update={"finish": None}),)})
    assert "a partial" in run(vector.model_copy(update={"steps": (partial, *vector.steps[1:])}))[-1]


def test_a_misspelt_key_names_file_and_vector(tmp_path: Path) -> None:
    content = json.loads((FOLDER / "natural.json").read_text())
    content["vectors"][1]["stepps"] = []
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"broken.json: vector 'natural end below the maximum'.*") as caught:
        load(path)
    assert "stepps" in str(caught.value)
