import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, f1_score

from imprint_core.evaluation.metrics import confusion, macro_f1, signed, signed_difference, summarize, wilson_interval


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=9))
def test_summary_is_median_and_range(values):
    s = summarize(values)
    assert s.low <= s.median <= s.high
    assert (s.median, s.low, s.high, s.runs) == (np.median(values), min(values), max(values), len(values))


@pytest.mark.parametrize("values", [[np.nan], [1, np.nan, 3], [np.inf, 2], [1, 2, np.inf]])
def test_summary_of_nan_and_infinity_is_numpys(values):
    s = summarize(values)
    np.testing.assert_equal([s.median, s.low, s.high], [np.median(values), np.min(values), np.max(values)])


def test_summary_text_has_range_and_seeds():
    assert summarize([1, -2, 3]).text() == "1.0 (−2.0 to 3.0 over 3 seeds)"
    assert summarize([1, 1]).text("{:.0f} %") == "1 % (2 seeds)"
    assert summarize([1]).text() == "1.0 (1 draw)"
    assert summarize([1]).range_text() == ""


def test_signed_numbers_have_a_minus_sign_and_no_negative_zero():
    assert [signed(v) for v in (-1.25, -0.04, 0, 3)] == ["−1.2", "+0.0", "+0.0", "+3.0"]


def test_confusion_is_scikit_learns_over_all_runs():
    rng = np.random.default_rng(0)
    truth, predictions = rng.integers(0, 4, 50), rng.integers(0, 5, (3, 50))
    theirs = confusion_matrix(np.tile(truth, 3), predictions.ravel(), labels=range(5), normalize="true")
    np.testing.assert_allclose(confusion(truth, predictions, 5), 100 * theirs)


def test_macro_f1_is_scikit_learns():
    rng = np.random.default_rng(0)
    truth, predicted = np.arange(60) % 4, rng.integers(0, 3, 60)
    assert macro_f1(truth, predicted, 4) == pytest.approx(
        100 * f1_score(truth, predicted, average="macro", zero_division=0)
    )


@pytest.mark.parametrize(("correct", "count"), [(0, 9), (9, 9), (1, 1), (33, 36), (18, 36), (70, 99)])
def test_wilson_interval_is_scipys(correct, count):
    interval = binomtest(correct, count).proportion_ci(method="wilson")
    assert wilson_interval(correct, count) == pytest.approx((100 * interval.low, 100 * interval.high), abs=1e-3)


def test_a_signed_difference_adds_up_with_the_displayed_numbers():
    assert signed_difference(33.36, 47.04) == "−13.6"
    assert signed_difference(33.36, 47.04, 2) == "−13.68"
    assert signed_difference(0.04, 0.0) == "+0.0"
