import numpy as np

from imprint_core.evaluation.lesson_experiments import PredictionCounts
from imprint_core.evaluation.metrics import summarize
from imprint_core.evaluation.synthetic import NAMES, imprint_data, make_data
from imprint_core.figures import lessons
from imprint_core.figures.embedding_map import base_layer
from imprint_core.figures.lessons import Line, Mark
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
    figure = validated(lessons.name_classes(make_figure([]), positions, np.array([0, 0, 1]), ["a", "<b>"]))
    first, second = figure.layout.annotations
    assert (first.x, first.y, first.text) == (0, 1, "<b>a</b>")
    assert second.text == "<b>&lt;b&gt;</b>"


def test_names_of_some_classes_are_larger():
    positions = np.array([[0, 0], [4, 4]], dtype=np.float32)
    figure = base_layer(positions, np.arange(2), np.arange(2), ["a", "b"], (positions[0], positions[1]), True)
    first, second = validated(lessons.enlarge_names(figure, [1])).layout.annotations
    assert second.font.size > first.font.size


def test_predictions_are_shaded_and_labelled_within_the_chart():
    xs = (1, 2, 5, 10, 100)
    figure = lessons.curves([Line("a", [5], [summarize([70.0, 71.0])])], xs, "n")
    low, high = figure["layout"]["yaxis"]["range"]
    marks = [Mark("5 % <at> n = 1", y=(0, 5)), Mark("early", (1, 2)), Mark("late", (90, 110))]
    marked = validated(lessons.mark_predictions(figure, marks))
    band, early, late = marked.layout.shapes
    assert (band.y0, band.y1, band.xref, band.label.text) == (
        0,
        5,
        "x domain",
        "your prediction<br>5 % &lt;at&gt; n = 1",
    )
    assert (early.x0, early.x1, early.yref) == (1, 2, "y domain")
    # Labels of narrow ranges continue to the middle, on the logarithmic axis of n.
    assert [shape.label.textposition for shape in (early, late)] == ["bottom left", "top right"]
    assert marked.layout.yaxis.range[0] == 0
    assert marked.layout.yaxis.range[1] > high > low
    assert lessons.with_predictions("A chart", marks[1:]) == "A chart; your prediction: early; your prediction: late"
    assert lessons.mark_predictions(figure, []) == figure


def test_confused_pairs_are_in_the_order_of_their_ranks():
    (bars,) = validated(lessons.confused_pairs(["3 and 5", "0 and 9"], [13.5, 0.8], 1)).data
    assert bars.x == (1, 2)
    assert bars.text == ("", "0 and 9")
    assert bars.marker.color[0] != bars.marker.color[1]


def test_points_of_the_example_have_neither_regions_nor_proxies_without_a_result():
    data = make_data()
    assert [trace.name for trace in validated(lessons.synthetic_figure(data, None)).data] == list(NAMES)


def test_figure_has_regions_points_and_proxies():
    data = make_data()
    run = imprint_data(data, 3, True)
    regions, *points, stars = validated(lessons.synthetic_figure(data, run)).data
    assert np.array_equal(regions.z, run.regions)
    assert [trace.name for trace in points] == list(NAMES)
    assert sum(len(trace.x) for trace in points) == len(data.y_test)
    assert len(stars.x) == 6
