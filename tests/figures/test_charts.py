import json

import numpy as np
import pytest

from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.figures import charts
from imprint_core.framework.selection import Candidate
from imprint_core.recognition.calibration import Bins
from tests.figures.plotly_objects import validated


def test_accuracy_curve_shows_median_range_and_current_k():
    runs = [summarize([70, 72, 75]), summarize([80, 81, 85])]
    figure = validated(
        charts.accuracy_over_k([1, 20], runs, "k-means", (20, runs[1], "k = 20"), [("one mean per class", runs[0])])
    )
    by_name = {t.name: t for t in figure.data}
    assert list(by_name["k-means"].y) == [72, 81]
    assert list(by_name["range"].y) == [75, 85, 80, 70]
    assert (list(by_name["k = 20"].x), list(by_name["k = 20"].y)) == ([20], [81])
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.yaxis.title.text == "accuracy (%)"


def test_one_point_has_an_error_bar_and_a_tick():
    run = summarize([60, 70, 90])
    figure = validated(charts.accuracy_over_k([1], [run], "k-means", None, [("now: mean", run)]))
    assert figure.data[0].error_y.array == (20.0,)
    assert figure.layout.xaxis.tickvals == (1,)


def test_nc1_curve_accepts_infinity():
    runs = [Summary(float("inf"), 2.0, float("inf"), 3), summarize([2.0, 3.0])]
    figure = validated(charts.nc1_curve([2, 100], runs, "NC1", "shots per class, n", (100, runs[1], "n = 100")))
    assert figure.layout.yaxis.range[1] == pytest.approx(1.08 * 3)


@pytest.mark.parametrize("classes", [2, 40])
def test_confusion_matrix_has_numbers_for_few_classes(classes):
    figure = validated(charts.confusion_matrix(np.eye(classes) * 100, [f"class {c}" for c in range(classes)]))
    assert (figure.data[0].texttemplate is None) == (classes > 12)
    assert figure.layout.xaxis.title.text == "predicted class"
    json.loads(figure.to_json())


def test_repeated_and_long_class_names_keep_their_rows():
    names = ["crane", "crane", "a name that is much too long to stand beside a picture"]
    figure = validated(charts.confusion_matrix(np.eye(3) * 100, names))
    assert len(set(figure.data[0].x)) == 3
    assert figure.data[0].x[2] == names[2]
    assert list(figure.layout.xaxis.ticktext) == ["crane", "crane", "a name that is mu…"]


def test_reliability_diagram_omits_empty_bins():
    bins = Bins(np.array([0.0, 0.3, 0.6, 0.9]), np.array([0.0, 0.25, 0.5, 1.0]), np.array([0, 4, 12_345, 1]))
    diagonal, curve, counts = validated(charts.reliability_diagram(bins)).data
    assert diagonal.x == diagonal.y
    np.testing.assert_allclose(curve.x, [30, 60, 90])
    np.testing.assert_allclose(curve.y, [25, 50, 100])
    assert list(curve.customdata[0]) == ["25 to 50 %", "4"]
    assert (list(counts.x), list(counts.y)) == ([37.5, 62.5, 87.5], [4, 12_345, 1])
    assert list(counts.text) == ["4", "12k", "1"]


def test_log_loss_is_compared_with_one_proxy():
    tried = [
        Candidate(1, 0.5, 10.0, 0.9),
        Candidate(2, 0.5, 10.0, 0.6, 0.3, 0.1),
        # Validated in the first fold, where its log-loss is 0.2 above that of k = 1.
        Candidate(5, 0.5, 10.0, 2.0, -0.2, 0.05, 1),
    ]
    band, curve, level, mark = validated(charts.log_loss_over_k(tried, 2)).data
    np.testing.assert_allclose(curve.y, [0.9, 0.6, 1.1])
    np.testing.assert_allclose(band.y, [0.9, 0.7, 1.15, 1.05, 0.5, 0.9])
    assert curve.customdata[2][0] == "+0.200 ± 0.050 from k = 1, 1 fold"
    assert level.y == (0.9, 0.9)
    assert (list(mark.x), mark.name) == ([2], "selected: k = 2")
