"""The picture of a comparison."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import s1kit.report
from s1kit.compare.frontier import frontier
from s1kit.compare.point import MethodPoint
from s1kit.compare.table import point_rows
from s1kit.report.frontier import composition_picture, frontier_picture, spread
from s1kit.report.picture import DARK, LIGHT, Picture
from s1kit.search.samples import Cost
from unit.compare.points import drawn_method, made

NAMES = [f"method {letter}" for letter in "ABCDEFGHIJKL"]


def twelve() -> list[MethodPoint]:
    found: list[MethodPoint] = []
    for index, name in enumerate(NAMES):
        found += drawn_method(
            name, [20 + index, 90 + 3 * index, 400 - index], [0.3, 0.4 + index / 50, 0.5 + index / 40]
        )
    return found


def drawn(points: list[MethodPoint], axis: str = "tokens") -> Picture:
    rows = point_rows(points, resamples=50)
    picture = frontier_picture(rows, frontier(points, axis, resamples=50))  # type: ignore[arg-type]
    assert picture is not None
    return picture


def texts(svg: str) -> list[tuple[str, float]]:
    """Every text with its height on the page, as far as its own group says."""
    found = []
    for element in ElementTree.fromstring(svg).iter():
        if element.tag.endswith("text"):
            spot = re.search(r"translate\([-\d.]+,([-\d.]+)\)", element.get("transform", ""))
            found.append((element.text or "", float(spot[1]) if spot else math.nan))
    return found


@pytest.mark.parametrize("axis", ["tokens", "seconds"])
def test_twelve_methods_are_all_named_and_no_two_names_touch(axis: str) -> None:
    svg = drawn(twelve(), axis).svg()
    heights = sorted(height for text, height in texts(svg) if text in NAMES)
    assert len(heights) == len(NAMES)
    assert min(b - a for a, b in pairwise(heights)) >= 13
    assert any(axis in text for text, _ in texts(svg))


def test_no_two_methods_look_alike() -> None:
    svg = drawn(twelve()).svg()
    lines = re.findall(
        r'<path aria-label="[^"]*"|stroke="(#\w{6})" stroke-width="1.5"(?: stroke-dasharray="([\d,]+)")?', svg
    )
    looks = [look for look in lines if look[0]]
    assert len(looks) == len(set(looks)) == len(NAMES)


def test_the_settings_of_the_frontier_are_named_and_the_others_are_not() -> None:
    points = [made("A", "good", [1, 1, 0], 10), made("A", "bad", [0, 1, 0], 20), made("B", "better", [1, 1, 1], 40)]
    shown = [text for text, _ in texts(drawn(points).svg())]
    assert "good" in shown
    assert "better" in shown
    assert "bad" not in shown


def test_the_file_stands_alone_in_light_and_dark() -> None:
    svg = drawn(twelve()).svg()
    root = ElementTree.fromstring(svg)
    assert float(root.get("width", "0")) > 640
    assert "prefers-color-scheme: dark" in svg
    assert set(re.findall(r"var\(--(\w+)\)", svg)) <= LIGHT.keys()
    assert "href" not in svg
    assert "<script" not in svg


def test_its_colours_are_the_pages() -> None:
    css = (Path(s1kit.report.__file__).parent / "templates" / "report.css").read_text()
    light, dark = css.split("prefers-color-scheme: dark")[:2]
    assert all(f"--{name}: {value}" in light for name, value in LIGHT.items())
    assert all(f"--{name}: {value}" in dark for name, value in DARK.items())


def test_png_is_a_picture_of_the_right_size() -> None:
    picture = drawn(twelve())
    png = picture.png(scale=1)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(png[16:20], "big") == pytest.approx(
        float(ElementTree.fromstring(picture.svg()).get("width", "0")), abs=1
    )


def test_names_that_fight_back_are_only_text() -> None:
    points = [made("</text><script>", "\x1b[31m\u202e", [1, 0], 10), made("B", "x" * 200, [1, 1], 20)]
    svg = drawn(points).svg()
    assert "</text><script>" in [text for text, _ in texts(svg)]
    assert "\x1b" not in svg
    assert "\u202e" not in svg


def test_composition_shows_the_best_setting_of_each_method() -> None:
    points = [
        made("A", "worse", [0, 0], 1, cost=(Cost(5),) * 2),
        made("A", "best", [1, 1], 1, cost=(Cost(50, 25, 25),) * 2),
        made("PRM", "k = 4", [1, 0], 1, cost=(Cost(100, 0, 0, 100),) * 2),
    ]
    picture = composition_picture(point_rows(points, resamples=20))
    assert picture is not None
    shown = [text for text, _ in texts(picture.svg())]
    assert {"A, best", "100 tokens", "PRM, k = 4", "200 tokens", "reward model"} <= set(shown)
    assert "A, worse" not in shown


def test_nothing_to_draw_is_no_picture() -> None:
    rows = point_rows([made("A", "x", [math.nan], 10)], resamples=20)
    assert frontier_picture(rows, frontier([made("A", "x", [math.nan], 10)], resamples=20)) is None
    assert composition_picture(rows) is None
    unmeasured = [made("A", "x", [1.0], 10, seconds=math.nan)]
    assert frontier_picture(point_rows(unmeasured, resamples=20), frontier(unmeasured, "seconds", resamples=20)) is None


@given(st.lists(st.floats(0, 300), min_size=1, max_size=12))
def test_names_are_spread_in_order_and_inside(wanted: list[float]) -> None:
    got = spread(wanted, 14, 300)
    assert min(got) >= -1e-6
    assert max(got) <= 300 + 1e-6
    placed = [spot for _, spot in sorted(zip(wanted, got, strict=True))]
    assert all(b - a >= 14 - 1e-6 for a, b in pairwise(sorted(placed)))
    if all(b - a >= 14 for a, b in pairwise(sorted(wanted))):
        assert got == pytest.approx(wanted)
