import json

import numpy as np
import pytest

from imprint_core.collapse.correlation import relate
from imprint_core.collapse.spectra import Spectra
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.figures import collapse as figures
from imprint_core.figures.collapse import Dot, Published

FMS, DATA = ("FM 0", "FM 1"), tuple(f"Data ({i})" for i in range(5))


def by_name(figure):
    return {t.name: t for t in figure.data}


def test_merged_classes_have_a_colour_each_and_a_mark_at_k_d():
    assert len({figures.merged_color(d, 10) for d in range(1, 11)}) == 10
    assert figures.merged_color(1, 1) == figures.merged_color(1, 10)
    curves = {d: [summarize([10.0 * d + k, 10.0 * d + k + 1]) for k in range(1, 5)] for d in (1, 2, 3)}
    figure = figures.accuracy_by_merging((1, 2, 3, 4), curves, 3, {2: Published("Paper's", (1.0, 2.0))}, {3: 4, 9: 1})
    named = by_name(figure)
    assert (list(named["k = d"].x), list(named["k = d"].y)) == ([1, 2, 3], [11.5, 22.5, 33.5])
    # A suggestion for a curve that isn't there yet is not drawn.
    assert (list(named["suggested k"].x), list(named["suggested k"].y)) == ([4], [34.5])
    dotted = [t for t in figure.data if t.line.dash == "dot"]
    assert [list(t.y) for t in dotted] == [[1, 2]]
    assert dotted[0].line.color == named["2"].line.color
    # Never by colour alone, and no curve has the mark of k = d.
    assert len({named[n].marker.symbol for n in ("d = 1", "2", "3", "k = d")}) == 4
    assert "published" in dotted[0].hovertemplate
    assert json.loads(figure.to_json())


def test_nc1_over_d_has_the_line_at_one_and_room_for_what_is_published():
    figure = figures.nc1_by_merging({1: summarize([0.3, 0.5]), 2: summarize([1.0])}, Published("P", (0.5, 9.0)), 10)
    assert list(by_name(figure)["NC1 = 1"].x) == [1, 10]
    assert figure.layout.yaxis.range[1] == pytest.approx(9.9)
    alone = figures.nc1_by_merging({1: Summary(np.inf, np.inf, np.inf, 1)}, None, 1)
    assert alone.layout.yaxis.range[1] == pytest.approx(1.1)


def test_the_least_split_is_marked():
    figure = figures.nc1_over_split([1, 2, 3], [summarize([3.0]), summarize([1.5]), summarize([2.0])])
    assert list(by_name(figure)["least at k = 2"].y) == [1.5]


@pytest.mark.parametrize("count", [3, 40])
def test_classes_come_in_order_of_their_spread(count):
    runs = [summarize([c + 1.0, c + 2.0]) for c in range(count)]
    figure = figures.nc1_of_classes([f"<{c}>" for c in range(count)], runs, [float(c) for c in range(count)])
    assert list(figure.data[0].y) == sorted(figure.data[0].y, reverse=True)
    assert figure.data[0].customdata[0][0] == f"&lt;{count - 1}&gt;"
    assert list(figure.data[1].y) == sorted(range(count), reverse=True)
    assert figure.layout.xaxis.showticklabels == (count == 3)


def test_spectra_are_in_units_of_the_mean_variance_within():
    flat = Spectra(np.full(4, 0.5), np.array([8.0]), 0.0, 4, 1.25, 1.5)
    figure = figures.spectra_panels({"none": flat, "whiten": flat})
    assert [list(t.y) for t in figure.data] == [[1, 1, 1, 1], [16], [1, 1, 1, 1], [16]]
    assert figure.layout.annotations[0].text == "as they are: NC1 1.25"
    assert sum(bool(t.showlegend) for t in figure.data) == 2
    points = Spectra(np.zeros(0), np.array([1.0]), 0.0, 2, 0.0, 0.0)
    assert json.loads(figures.spectra_panels({"l2": points}).to_json())


def dots(nc1, gains):
    return [
        Dot(f"FM {i % 2}", f"Data ({i})", f"task {i}", summarize([x]), summarize([g - 1, g, g + 2]), i == 1)
        for i, (x, g) in enumerate(zip(nc1, gains, strict=True))
    ]


def test_gains_have_a_line_a_legend_of_colours_and_symbols_and_the_task_in_force():
    own = dots([0.5, 1.0, 2.0, 4.0], [1.0, 2.0, 3.0, 4.0])
    relation = relate([0.5, 1.0, 2.0, 4.0], [1.0, 2.0, 3.0, 4.0])
    figure = figures.gain_over_nc1(own, relation, [("Paper's", 0.1, 7.0)], FMS, DATA)
    named = by_name(figure)
    line = named[f"2.0 + {relation.slope:.1f} log NC1"]
    np.testing.assert_allclose(line.y, [1, 4])
    assert (list(named["now"].x), list(named["now"].y)) == ([1.0], [2.0])
    assert {"FM 0", "FM 1", "Data", "published"} <= set(named)
    assert named["FM 0"].marker.symbol != named["FM 1"].marker.symbol
    assert figure.layout.xaxis.range[0] < np.log10(0.1)
    assert list(figure.data[1].error_y.array) == [2.0]


def test_tasks_of_no_spread_are_drawn_too():
    own = dots([0.0, 1.0, 2.0, 4.0, np.inf], [1.0, 2.0, 3.0, 5.0, 0.0])
    relation = relate([dot.nc1.median for dot in own], [dot.gain.median for dot in own])
    assert json.loads(figures.gain_over_nc1(own, relation, [], FMS, DATA).to_json())
    bars = figures.nc1_of_sets(own, FMS, DATA)
    assert bars.layout.yaxis.type == "log"
    assert list(by_name(bars)["NC1 = 1"].y) == [1] * 5
    assert figures.gain_over_nc1(own[:1], None, [], FMS, DATA).data
