"""Printed pictures: what goes in can be read out of the drawing again."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.metrics.points import Point
from s1kit.report.marks import Mark as Mark_
from s1kit.report.marks import Marked
from s1kit.report.picture import COLUMN, DARK, HUES, LIGHT, PAGE, Picture
from s1kit.report.pictures import INNER, WIDTH, Panel, Series, Spot, heading, looks, panels_picture, picture_of
from s1kit.report.pictures_bars import MOST, Count, bars_view, shown
from s1kit.report.pictures_curve import curve_picture
from s1kit.report.pictures_key import breadth, rows

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</text><script>alert(1)</script>\u202e\x1b[31m & "quoted" var(--ink)'
_SHIFT = re.compile(r"translate\(([-\d.e]+),\s*([-\d.e]+)\)")


@dataclass(frozen=True)
class Mark:
    """Something drawn, in page units: its element and its middle."""

    element: ElementTree.Element
    x: float
    y: float

    @property
    def text(self) -> str:
        return "".join(self.element.itertext())


def marks(picture: Picture) -> list[Mark]:
    """Every element with its place on the page, groups' shifts added up."""
    found: list[Mark] = []

    def walk(element: ElementTree.Element, x: float, y: float) -> None:
        moved = _SHIFT.search(element.get("transform", ""))
        if moved:
            x, y = x + float(moved[1]), y + float(moved[2])
        found.append(Mark(element, x, y))
        for child in element:
            walk(child, x, y)

    walk(ElementTree.fromstring(picture.svg()), 0.0, 0.0)
    return found


def symbols(found: Sequence[Mark], hue: str, *, keyed: bool = True) -> list[Mark]:
    """Filled symbols of a colour; those of a key, which is one row above everything else, are left out."""
    own = [m for m in found if m.element.get("fill") == hue and m.element.tag == f"{SVG}path" and m.element.get("d")]
    return [m for m in own if not keyed or m.y > 22]


def axis(found: Sequence[Mark], read: Callable[[str], float | None], side: str) -> Callable[[float], float]:
    """Page units to data by two labels of an axis: linear in what ``read`` makes of a label."""
    texts = [m for m in found if m.element.tag == f"{SVG}text"]
    known = [(getattr(m, side), value) for m in texts if (value := read(m.text)) is not None]
    if side == "y":  # letters stand on their base line, below the line that they name
        known = [(min((m.y for m in found if is_grid(m)), key=lambda y: abs(y - p)), v) for p, v in known]
    (p0, v0), (p1, v1) = min(known), max(known)
    assert p1 > p0, "an axis needs two labels"
    return lambda place: v0 + (place - p0) / (p1 - p0) * (v1 - v0)


def is_grid(mark: Mark) -> bool:
    return mark.element.tag == f"{SVG}line" and float(mark.element.get("x2", 0)) > 40


def share(text: str) -> float | None:
    return float(text[:-1]) / 100 if re.fullmatch(r"\d+%", text) else None


def log_tokens(text: str) -> float | None:
    return math.log2(float(text.replace(",", ""))) if re.fullmatch(r"[\d,]+", text) and text != "0" else None


points = st.lists(
    st.tuples(st.floats(4, 4000), st.floats(0, 1)), min_size=2, max_size=7, unique_by=lambda pair: round(pair[0])
)


@given(points=points)
@settings(max_examples=6, deadline=None)
def test_the_points_are_where_the_axes_say(points: list[tuple[float, float]]) -> None:
    points = [*points, (4.0, 0.5), (4000.0, 0.5)]  # enough of both axes for two labels each
    spots = tuple(Spot(x, y, max(0, y - 0.05), min(1, y + 0.05)) for x, y in points)
    found = marks(panels_picture([Panel("", (Series("one", spots),), "tokens")], "title"))
    across, up = axis(found, log_tokens, "x"), axis(found, share, "y")
    read = sorted((across(m.x), up(m.y)) for m in symbols(found, HUES[0], keyed=False))
    assert len(read) == len(points)
    for (x, y), (wanted_x, wanted_y) in zip(read, sorted((math.log2(x), y) for x, y in points), strict=True):
        assert x == pytest.approx(wanted_x, abs=0.03)
        assert y == pytest.approx(wanted_y, abs=0.006)


def test_panels_share_one_accuracy_axis_and_series_look_alike_in_all() -> None:
    low = Series("a", (Spot(8, 0.1, 0.05, 0.2), Spot(64, 0.2, 0.1, 0.3)))
    high = Series("a", (Spot(8, 0.8, 0.7, 0.9), Spot(64, 0.9, 0.8, 1.0)))
    other = Series("b", (Spot(8, 0.1), Spot(64, 0.9)), joined=False)
    found = marks(panels_picture([Panel("one", (low, other), "x"), Panel("two", (high, other), "x")], "title"))
    up = axis(found, share, "y")
    assert sorted(round(up(m.y), 2) for m in symbols(found, HUES[0])) == [0.1, 0.2, 0.8, 0.9]
    assert sorted(round(up(m.y), 2) for m in symbols(found, HUES[1])) == [0.1, 0.1, 0.9, 0.9]
    assert sum(m.text == "accuracy" and m.element.tag == f"{SVG}text" for m in found) == 1
    titles = {m.text: m.y for m in found if m.text in ("one", "two") and m.element.tag == f"{SVG}text"}
    assert titles["one"] == titles["two"]


def test_series_differ_without_colour() -> None:
    series = tuple(Series(f"s{i}", (Spot(8, 0.1),)) for i in range(6))
    found = list(looks([Panel("", series, "x")]).values())
    assert len({(look.shape, look.dash) for look in found}) == len(found)


def test_published_points_are_hollow() -> None:
    series = Series("printed", (Spot(1000, 0.5), Spot(100_000, 0.6)), joined=False, hollow=True)
    found = marks(panels_picture([Panel("p", (series,), "examples", "count")], "title"))
    assert not symbols(found, HUES[0])
    assert len([m for m in symbols(found, "var(--paper)") if m.element.get("stroke") == HUES[0]]) == 2
    assert {"1k", "10k", "100k"} <= {m.text for m in found}


def test_names_neither_touch_each_other_nor_leave_the_panel() -> None:
    spots = tuple(Spot(2.0**k, 0.5 + 0.001 * k, name=f"setting {k}") for k in range(3, 14))
    found = marks(panels_picture([Panel("", (Series("a", spots),), "x")], "title"))
    boxes = []
    for m in found:
        if m.element.tag == f"{SVG}text" and m.text.startswith("setting"):
            wide = 4.6 * len(m.text)
            left = m.x - {"start": 0, "middle": wide / 2, "end": wide}[m.element.get("text-anchor", "start")]
            boxes.append((left, m.y, left + wide, m.y + 9))
    assert len(boxes) >= 5
    edge = min(m.x for m in found if share(m.text) is not None)
    assert all(box[0] >= edge for box in boxes)
    for index, a in enumerate(boxes):
        for b in boxes[index + 1 :]:
            assert min(a[2], b[2]) <= max(a[0], b[0]) or min(a[3], b[3]) <= max(a[1], b[1]), (a, b)


def test_a_name_stands_by_its_own_point_where_a_line_falls_at_the_edge() -> None:
    """As it would be read: the nearest point to a name is its own."""
    spots = (Spot(8, 0.24), Spot(60, 0.63), *(Spot(x, y, y - 0.06, y + 0.06, n) for x, y, n in _FALLING))
    found = marks(panels_picture([Panel(n, (Series("s", spots),), "tokens") for n in "abc"], "title"))
    dots = symbols(found, HUES[0], keyed=False)
    for panel in range(3):
        own = sorted(dots, key=lambda m: m.x)[5 * panel + 2 : 5 * panel + 5]
        for (_, _, name), dot in zip(_FALLING, own, strict=True):
            labels = [m for m in found if m.text == name and m.element.tag == f"{SVG}text"]
            label = min(labels, key=lambda m: math.hypot(m.x - dot.x, m.y - dot.y))
            assert min(own, key=lambda m: math.hypot(m.x - label.x, m.y - label.y)) is dot


_FALLING = ((184, 0.84, "2x"), (294, 0.755, "4x"), (401, 0.54, "6x"))


def test_hostile_names_are_text() -> None:
    series = (Series(HOSTILE, (Spot(8, 0.2, name=HOSTILE), Spot(900, 0.8))), Series("b", (Spot(9, 0.3),)))
    views = [bars_view([Count(HOSTILE, 3)], HOSTILE)]
    for picture in (panels_picture([Panel(HOSTILE, series, HOSTILE)], HOSTILE), picture_of(views, HOSTILE)):
        drawn = picture.svg()
        found = ElementTree.fromstring(drawn)
        assert {element.tag for element in found.iter()} <= {
            f"{SVG}{tag}" for tag in ("svg", "style", "rect", "g", "path", "line", "text", "defs", "clipPath")
        }
        assert any("<script>" in "".join(element.itertext()) for element in found.iter(f"{SVG}text"))
        assert "\x1b" not in drawn


def test_equal_input_gives_equal_bytes() -> None:
    panel = Panel("p", (Series("a", (Spot(8, 0.2, 0.1, 0.3, "x"), Spot(900, 0.8))),), "tokens")
    assert panels_picture([panel], "t").svg() == panels_picture([panel], "t").svg()
    other = replace(panel, series=(Series("a", (Spot(8, 0.21),)),))
    assert panels_picture([panel], "t").svg() != panels_picture([other], "t").svg()


@pytest.mark.parametrize("millimetres", [COLUMN, PAGE])
def test_a_pdf_is_one_page_of_the_asked_width_with_its_letters(millimetres: float) -> None:
    panel = Panel("p", (Series("a", (Spot(8, 0.2), Spot(900, 0.8))),), "tokens")
    picture = panels_picture([panel], "t")
    page = picture.pdf(millimetres)
    assert page.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", page)) == 1
    box = re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", page)
    assert box is not None
    assert float(box[1]) == pytest.approx(millimetres / 25.4 * 72, abs=0.5)
    assert float(box[2]) / float(box[1]) == pytest.approx(picture.size[1] / picture.size[0], abs=0.01)
    assert b"/BaseFont" in page


def test_a_file_follows_light_and_dark_and_a_print_is_light() -> None:
    picture = panels_picture([Panel("", (Series("a", (Spot(8, 0.2),)),), "tokens")], "t")
    drawn = picture.svg()
    assert "prefers-color-scheme: dark" in drawn
    assert LIGHT["paper"] in drawn
    assert DARK["paper"] in drawn
    assert picture.png(1).startswith(b"\x89PNG")


def test_bars_are_as_long_as_their_counts() -> None:
    counts = [Count(f"d{i}", 40 - 2 * i) for i in range(22)]
    own = shown(counts)
    assert len(own) == MOST
    assert sum(row.count for row in own) == sum(row.count for row in counts)
    assert own[-1].name == "7 others"
    found = marks(picture_of([bars_view(counts, "domains")], "t"))
    bars = [m.element.get("d", "") for m in found if m.element.get("fill") == "var(--muted)"]
    lengths = [float(re.match(r"M[-\d.]+,[-\d.]+h([\d.]+)", d)[1]) for d in bars]  # type: ignore[index]
    for length, row in zip(lengths, own, strict=True):
        assert length / max(lengths) == pytest.approx(row.count / max(r.count for r in own), abs=0.01)
    assert {str(row.count) for row in own} <= {m.text for m in found}


def test_the_key_stays_within_its_width_and_its_entries_apart() -> None:
    names = ["one thought, made longer", "majority", "REBASE", "REBASE random", "MMMM", "own end"]
    spots = rows(names, INNER)
    for name, (x, _) in zip(names, spots, strict=True):
        assert x + 28 + breadth(name) <= INNER
    for (x0, y0), (x1, y1), name in zip(spots, spots[1:], names, strict=False):
        assert y1 > y0 or x1 >= x0 + 28 + breadth(name)


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="without a point"):
        panels_picture([Panel("", (Series("a", ()),), "x")], "t")
    with pytest.raises(ValueError, match="without a row"):
        bars_view([], "t")
    assert heading("", WIDTH) == []


def test_a_run_s_curve_is_its_cut_own_and_extended_points() -> None:
    def point(mark: Mark_, tokens: float, accuracy: float) -> Marked:
        values = {"label": f"{mark} {tokens:g}", "thinking_mean": tokens, "accuracy": accuracy, "interval": None}
        values |= {"accuracy_low": accuracy, "accuracy_high": accuracy, "n_questions": 40}
        return Marked(Point.model_construct(**values), mark)

    given: list[tuple[Mark_, float, float]] = [
        ("truncation", 8, 0.2), ("natural", 64, 0.6), ("extension", 128, 0.7), ("placebo", 128, 0.5),
    ]  # fmt: skip
    found = marks(curve_picture([point(*one) for one in given]))
    across, up = axis(found, log_tokens, "x"), axis(found, share, "y")
    read = {(round(across(m.x), 1), round(up(m.y), 2)) for hue in HUES for m in symbols(found, hue)}
    assert read == {(3.0, 0.2), (6.0, 0.6), (7.0, 0.7)}
    assert {"extension 128"} == {m.text for m in found if m.text.startswith(("extension", "placebo", "truncation"))}
