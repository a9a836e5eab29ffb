import json
import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from imprint_core.evaluation.metrics import summarize
from imprint_core.figures import small_multiples as figures
from imprint_core.figures.small_multiples import AXES, Curve, Published
from imprint_core.sweeps.sweep_table import MEASURES


def curve(place=0, name="One", xs=(1, 2, 5, 10), flat=False, values=(70.0, 80.0, 90.0, 85.0)):
    runs = tuple(summarize([v - 1, v, v + 2]) for v in values[: len(xs)])
    return Curve(name, figures.style_of(place), xs, runs, flat)


def test_no_two_styles_are_alike_and_none_is_told_by_its_colour_alone():
    styles = [figures.style_of(place) for place in range(90)]
    assert len({(s.color, s.symbol) for s in styles}) == 90
    for first, second in pairwise(styles):
        assert first.dash != second.dash
        assert first.symbol != second.symbol
    marks = [*styles, *(figures.published_style(place) for place in range(4))]
    assert figures.NOW.symbol not in {s.symbol for s in marks}


def test_every_sign_of_the_legend_is_a_picture_of_its_own():
    styles = [*map(figures.style_of, range(90)), *map(figures.published_style, range(4)), figures.NOW]
    signs = [figures.swatch(style) for style in styles]
    assert len(set(signs)) == len(signs)
    for style, sign in zip(styles, signs, strict=True):
        paths = list(ElementTree.fromstring(sign))  # noqa: S314 - our own
        assert [p.get("stroke") for p in paths] == [style.color] * (2 if style.dash else 1)
        assert paths[-1].get("fill") == ("none" if style.symbol.endswith("-open") else style.color)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("axis", AXES)
def test_a_panel_has_bands_below_lines_and_the_given_range(measure, axis):
    curves = [curve(0), curve(1, "<b>", xs=(1, 10), flat=True, values=(60.0, 60.0))]
    over = [Published("paper", figures.published_style(0), (1, 2), (50.0, math.nan))]
    mark = (5, curves[0].runs[2], "k = 5")
    figure = figures.panel(curves, over, measure, axis, (1, 2, 5, 10), (20.0, 100.0), mark)
    filled = [t.fill == "toself" for t in figure.data]
    assert filled == [True, True, False, False, False, False]
    lines = figure.data[2:4]
    assert [t.line.dash for t in lines] == ["solid", "dash"]
    assert [t.marker.symbol for t in lines] == ["circle", "square"]
    assert list(lines[0].y) == [70.0, 80.0, 90.0, 85.0]
    assert "&lt;b&gt;" in lines[1].hovertemplate
    assert "whatever" in lines[1].hovertemplate
    assert "over %{customdata[2]} seeds" in lines[0].hovertemplate
    assert (list(figure.data[5].x), list(figure.data[5].y)) == ([5], [90.0])
    assert figure.layout.showlegend is False
    assert figure.layout.xaxis.type == "log"
    low, high = figure.layout.yaxis.range
    assert (low, high) == pytest.approx((math.log10(20), 2) if measure == "nc1" else (20, 100))
    assert json.loads(figure.to_json())["data"][4]["y"] == [50.0, None]


def test_a_panel_without_anything_yet_keeps_its_place():
    figure = figures.panel([], [], "accuracy", "k", (), figures.shared_range("accuracy", []))
    assert not figure.data
    assert tuple(figure.layout.yaxis.range) == (0, 100)


def test_the_range_moves_in_steps_and_leaves_room():
    assert figures.shared_range("accuracy", [71.2, 93.0, math.nan]) == (70, 95)
    assert figures.shared_range("accuracy", [71.3, 92.9]) == (70, 95)
    assert figures.shared_range("macro_f1", [0.0, 100.0]) == (-2, 102)
    assert figures.shared_range("nc1", [0.13, 4.0, math.inf]) == (0.1, 5)
    low, high = figures.shared_range("nc1", [0.0])
    assert low < 1 < high


def test_words_tell_the_best_value_or_the_nc1_of_most_shots():
    told = figures.in_words([curve(), curve(1, "Two", xs=(1, 10), flat=True, values=(60.0, 60.0))], "accuracy", "k")
    assert told == "One: best 90.0 % at k = 5; Two: 60.0 % whatever k is"
    assert figures.in_words([curve(values=(0.1, 0.9, 0.5, 0.456))], "nc1", "n") == "One: 0.46 at n = 10"
    assert figures.in_words([curve(values=(math.nan,) * 4)], "accuracy", "k") == ""


def test_a_flat_curve_goes_across():
    assert figures.ends_of((1, 2, 50)) == (1, 50)
    assert figures.ends_of((1,)) == (0.5, 1.5)
