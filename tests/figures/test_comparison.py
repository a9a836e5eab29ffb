import numpy as np

from imprint_core.evaluation.ranking import rank
from imprint_core.figures.comparison import critical_difference, differences
from tests.figures.plotly_objects import validated


def test_ranks_are_in_order_and_bars_join_tied_methods():
    scores = np.random.default_rng(0).normal([0.0, 9.0, 0.1, 18.0], size=(12, 4))
    ranking = rank(scores)
    figure = validated(critical_difference(["a", "b", "<c>", "d"], ranking))
    points, *bars = figure.data
    assert list(points.x) == sorted(ranking.ranks)
    assert list(points.customdata[:2]) == ["d", "b"]
    assert set(figure.layout.yaxis.ticktext[2:]) == {"a", "&lt;c&gt;"}
    assert ranking.groups
    assert [sorted(bar.y) for bar in bars] == [[2, 3]]
    assert bars[0].hovertemplate.startswith("not significantly different: ")


def test_differences_are_sorted_with_signed_values():
    figure = validated(differences(["a", "b", "c"], np.array([1.25, -0.5, 0.0]), ["A: 1", "B: 2", "<C>"], "A", "B"))
    (bars,) = figure.data
    assert list(bars.x) == [-0.5, 0.0, 1.25]
    assert list(bars.text) == ["−0.5", "+0.0", "+1.2"]
    assert list(bars.customdata) == ["B: 2", "&lt;C&gt;", "A: 1"]
    assert list(figure.layout.yaxis.ticktext) == ["b", "c", "a"]
    assert bars.marker.color[0] != bars.marker.color[1] == bars.marker.color[2]


def test_many_bars_have_no_values_and_no_labels():
    values = np.arange(41.0)
    figure = validated(differences([str(v) for v in values], values, [""] * 41, "A", "B"))
    assert figure.data[0].text is None
    assert list(figure.layout.yaxis.ticktext) == []
