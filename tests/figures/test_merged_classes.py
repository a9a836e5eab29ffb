import json

import numpy as np
import pytest

from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.figures.merged_classes import PublishedCurve, accuracy_by_d, merged_color, nc1_by_d
from tests.figures.plotly_objects import validated


def by_name(figure):
    return {t.name: t for t in figure.data}


def test_each_d_has_a_colour_and_a_mark_at_k_equal_to_d():
    assert len({merged_color(d, 10) for d in range(1, 11)}) == 10
    assert merged_color(1, 1) == merged_color(1, 10)
    curves = {d: [summarize([10.0 * d + k, 10.0 * d + k + 1]) for k in range(1, 5)] for d in (1, 2, 3)}
    figure = validated(accuracy_by_d((1, 2, 3, 4), curves, 3, {2: PublishedCurve("Paper's", (1.0, 2.0))}, {3: 4, 9: 1}))
    named = by_name(figure)
    assert (list(named["k = d"].x), list(named["k = d"].y)) == ([1, 2, 3], [11.5, 22.5, 33.5])
    # The suggestion for a missing curve is not drawn.
    assert (list(named["suggested k"].x), list(named["suggested k"].y)) == ([4], [34.5])
    dotted = [t for t in figure.data if t.line.dash == "dot"]
    assert [list(t.y) for t in dotted] == [[1, 2]]
    assert dotted[0].line.color == named["2"].line.color
    # Curves also differ in symbols, and none has the symbol of k = d.
    assert len({named[n].marker.symbol for n in ("d = 1", "2", "3", "k = d")}) == 4
    assert "published" in dotted[0].hovertemplate
    assert json.loads(figure.to_json())


def test_nc1_over_d_shows_the_line_at_one_and_all_published_values():
    figure = validated(nc1_by_d({1: summarize([0.3, 0.5]), 2: summarize([1.0])}, PublishedCurve("P", (0.5, 9.0)), 10))
    assert list(by_name(figure)["NC1 = 1"].x) == [1, 10]
    assert figure.layout.yaxis.range[1] == pytest.approx(9.9)
    infinite = validated(nc1_by_d({1: Summary(np.inf, np.inf, np.inf, 1)}, None, 1))
    assert infinite.layout.yaxis.range[1] == pytest.approx(1.1)
