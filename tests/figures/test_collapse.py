import json

import numpy as np
import pytest

from imprint_core.collapse.spectra import Spectra
from imprint_core.evaluation.metrics import summarize
from imprint_core.figures.collapse import nc1_by_class, nc1_over_split, spectra_panels
from tests.figures.plotly_objects import validated


def test_minimum_of_nc1_over_split_is_marked():
    figure = validated(nc1_over_split([1, 2, 3], [summarize([3.0]), summarize([1.5]), summarize([2.0])]))
    assert list({t.name: t for t in figure.data}["minimum at k = 2"].y) == [1.5]


def test_selected_k_are_marked_on_nc1_over_split():
    runs = [summarize([3.0]), summarize([1.5]), summarize([2.0])]
    figure = validated(nc1_over_split([1, 2, 3], runs, {3, 20}))
    assert list(figure.data[-1].x) == [3]
    assert list(figure.data[-1].y) == [2.0]


@pytest.mark.parametrize("count", [3, 40])
def test_classes_are_in_descending_order_of_nc1(count):
    runs = [summarize([c + 1.0, c + 2.0]) for c in range(count)]
    figure = validated(nc1_by_class([f"<{c}>" for c in range(count)], runs, [float(c) for c in range(count)]))
    assert list(figure.data[0].y) == sorted(figure.data[0].y, reverse=True)
    assert figure.data[0].customdata[0][0] == f"&lt;{count - 1}&gt;"
    assert list(figure.data[1].y) == sorted(range(count), reverse=True)
    assert figure.layout.xaxis.showticklabels == (count == 3)


def test_spectra_are_relative_to_the_mean_variance_within_classes():
    flat = Spectra(np.full(4, 0.5), np.array([8.0]), 0.0, 4, 1.25, 1.5)
    figure = validated(spectra_panels({"none": flat, "whiten": flat}))
    assert [list(t.y) for t in figure.data] == [[1, 1, 1, 1], [16], [1, 1, 1, 1], [16]]
    assert figure.layout.annotations[0].text == "unchanged: NC1 1.25"
    assert sum(bool(t.showlegend) for t in figure.data) == 2
    points = Spectra(np.zeros(0), np.array([1.0]), 0.0, 2, 0.0, 0.0)
    assert json.loads(validated(spectra_panels({"l2": points})).to_json())
