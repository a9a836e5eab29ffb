import numpy as np

from imprint_core.evaluation.lesson_experiments import PredictionCounts
from imprint_core.evaluation.metrics import summarize
from imprint_core.evaluation.synthetic import NAMES, imprint_data, make_data
from imprint_core.figures import lessons
from imprint_core.figures.lessons import Line
from imprint_core.figures.plotly_json import make_figure
from imprint_core.figures.style import THEME_TEXT
from tests.figures.plotly_objects import validated


def test_predictions_are_drawn_for_both_recipes_and_the_true_classes():
    classes = np.array([1, 0])
    counts = PredictionCounts(classes, np.array([2.0, 1.0]), np.array([3, 4]), np.array([7, 0]), np.array([2, 5]))
    figure = validated(lessons.predictions_by_length(counts, [f"<{c}>" for c in classes]))
    assert [sum(trace.y) for trace in figure.data] == [7] * 3
    assert figure.data[0].x[0].startswith("&lt;")


def test_predictions_of_a_class_are_numbered_bars_in_the_order_of_the_options():
    options = ["<k = 1>", "neither, within 0.5 points of the other", "k = 20"]
    figure = validated(lessons.class_predictions(options, [2, 0, 30]))
    (bars,) = figure.data
    assert bars.y == ("&lt;k = 1&gt;", "neither, within 0.5<br>points of the other", "k = 20")
    assert (bars.x, bars.texttemplate) == ((2, 0, 30), "%{x}")
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.xaxis.range[1] > 30
    # A single prediction does not fill the chart.
    assert validated(lessons.class_predictions(options, [1, 0, 0])).layout.xaxis.range[1] >= 5


def test_curves_keep_the_axis_with_a_single_point():
    figure = validated(
        lessons.curves([Line("a", [5], [summarize([70.0, 71.0])]), Line("b", [], [])], range(1, 16), "k", 5)
    )
    low, high = figure.layout.yaxis.range
    assert high - low >= 20
    assert [trace.name for trace in figure.data] == ["a"]
    assert figure.layout.shapes[0].line.color == THEME_TEXT


def test_names_are_at_the_median_of_their_classes():
    positions = np.array([[0, 0], [0, 2], [4, 4]], dtype=np.float32)
    figure = validated(lessons.name_classes(make_figure([]), positions, np.array([0, 0, 1]), ["a", "<b>"], (1, 1)))
    first, second = figure.layout.annotations
    assert (first.x, first.y, first.text) == (0, 1, "<b>a</b>")
    assert second.text == "<b>&lt;b&gt;</b>"
    assert second.font.size > first.font.size


def test_figure_has_regions_points_and_proxies():
    data = make_data()
    run = imprint_data(data, 3, True)
    regions, *points, stars = validated(lessons.synthetic_figure(data, run)).data
    assert np.array_equal(regions.z, run.regions)
    assert [trace.name for trace in points] == list(NAMES)
    assert sum(len(trace.x) for trace in points) == len(data.y_test)
    assert len(stars.x) == 6
