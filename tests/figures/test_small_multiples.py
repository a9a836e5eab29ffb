import json
import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from imprint_core.evaluation.metrics import summarize
from imprint_core.figures import small_multiples as figures
from imprint_core.figures.small_multiples import AXES, Curve, PublishedCurve
from imprint_core.sweeps.run_measures import MEASURES
from tests.figures.plotly_objects import validated


def curve(i=0, name="One", xs=(1, 2, 5, 10), flat=False, values=(70.0, 80.0, 90.0, 85.0)):
    runs = tuple(summarize([v - 1, v, v + 2]) for v in values[: len(xs)])
    return Curve(name, figures.curve_style(i), xs, runs, flat)


def test_styles_differ_and_never_by_colour_alone():
    styles = [figures.curve_style(i) for i in range(90)]
    assert len({(s.color, s.symbol) for s in styles}) == 90
    for first, second in pairwise(styles):
        assert first.dash != second.dash
        assert first.symbol != second.symbol
    marks = [*styles, *(figures.published_style(i) for i in range(4))]
    assert figures.CURRENT_STYLE.symbol not in {s.symbol for s in marks}


def test_legend_symbols_differ():
    styles = [*map(figures.curve_style, range(90)), *map(figures.published_style, range(4)), figures.CURRENT_STYLE]
    symbols = [figures.legend_symbol(style) for style in styles]
    assert len(set(symbols)) == len(symbols)
    for style, symbol in zip(styles, symbols, strict=True):
        paths = list(ElementTree.fromstring(symbol))  # noqa: S314 - generated here
        assert [p.get("stroke") for p in paths] == [style.color] * (2 if style.dash else 1)
        assert paths[-1].get("fill") == ("none" if style.symbol.endswith("-open") else style.color)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("axis", AXES)
def test_a_panel_has_bands_below_lines_and_the_given_range(measure, axis):
    curves = [curve(0), curve(1, "<b>", xs=(1, 10), flat=True, values=(60.0, 60.0))]
    published = [PublishedCurve("paper", figures.published_style(0), (1, 2), (50.0, math.nan))]
    mark = (5, curves[0].runs[2], "k = 5")
    figure = validated(figures.panel(curves, published, measure, axis, (1, 2, 5, 10), (20.0, 100.0), mark))
    filled = [t.fill == "toself" for t in figure.data]
    assert filled == [True, True, False, False, False, False]
    lines = figure.data[2:4]
    assert [t.line.dash for t in lines] == ["solid", "dash"]
    assert [t.marker.symbol for t in lines] == ["circle", "square"]
    assert list(lines[0].y) == [70.0, 80.0, 90.0, 85.0]
    assert "&lt;b&gt;" in lines[1].hovertemplate
    assert f" for all {AXES[axis].symbol}<br>" in lines[1].hovertemplate
    assert "over %{customdata[2]} seeds" in lines[0].hovertemplate
    assert (list(figure.data[5].x), list(figure.data[5].y)) == ([5], [90.0])
    assert figure.layout.showlegend is False
    assert figure.layout.xaxis.type == "log"
    low, high = figure.layout.yaxis.range
    assert (low, high) == pytest.approx((math.log10(20), 2) if measure == "nc1" else (20, 100))
    assert json.loads(figure.to_json())["data"][4]["y"] == [50.0, None]


def test_an_empty_panel_has_its_axes():
    figure = validated(figures.panel([], [], "accuracy", "k", (), figures.shared_range("accuracy", [])))
    assert not figure.data
    assert tuple(figure.layout.yaxis.range) == (0, 100)


def test_the_range_moves_in_steps_and_leaves_room():
    assert figures.shared_range("accuracy", [71.2, 93.0, math.nan]) == (70, 95)
    assert figures.shared_range("accuracy", [71.3, 92.9]) == (70, 95)
    assert figures.shared_range("macro_f1", [0.0, 100.0]) == (0, 100)
    assert figures.shared_range("nc1", [0.13, 4.0, math.inf]) == (0.1, 5)
    low, high = figures.shared_range("nc1", [0.0])
    assert low < 1 < high


def test_descriptions_have_the_best_value_or_the_nc1_of_most_shots():
    text = figures.describe_curves(
        [curve(), curve(1, "Two", xs=(1, 10), flat=True, values=(60.0, 60.0))], "accuracy", "k"
    )
    assert text == "One: best 90.0 % at k = 5; Two: 60.0 % for all k"
    assert figures.describe_curves([curve(values=(0.1, 0.9, 0.5, 0.456))], "nc1", "n") == "One: 0.46 at n = 10"
    assert figures.describe_curves([curve(values=(math.nan,) * 4)], "accuracy", "k") == ""


def test_a_flat_curve_spans_the_axis():
    assert figures.flat_xs((1, 2, 50)) == (1, 50)
    assert figures.flat_xs((1,)) == (0.5, 1.5)
