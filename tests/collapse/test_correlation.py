import numpy as np
import pytest
from scipy import stats

from imprint_core.collapse.correlation import correlate


def test_correlations_and_line_match_scipy_and_numpy():
    rng = np.random.default_rng(0)
    nc1 = rng.lognormal(size=30)
    gain = 3 * np.log10(nc1) + 2 + rng.normal(size=30)
    correlation = correlate(nc1, gain)
    assert correlation.spearman == pytest.approx(stats.spearmanr(nc1, gain).statistic)
    assert correlation.pearson == pytest.approx(np.corrcoef(nc1, gain)[0, 1])
    assert correlation.pearson_log == pytest.approx(np.corrcoef(np.log10(nc1), gain)[0, 1])
    slope, intercept = np.polyfit(np.log10(nc1), gain, 1)
    assert (correlation.slope, correlation.intercept) == (pytest.approx(slope), pytest.approx(intercept))
    assert correlation.predict(10.0) == pytest.approx(slope + intercept)
    assert correlation.tasks == 30


def test_nc1_without_a_logarithm_is_left_out():
    assert correlate([0.0, 1.0, 2.0, 4.0, np.inf], [9, 1, 2, 3, 9]).tasks == 3


@pytest.mark.parametrize("nc1", [[1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 0.0, np.inf, 1.0]])
def test_too_few_tasks_have_no_correlation(nc1):
    assert correlate(nc1, list(range(len(nc1)))) is None
    assert correlate([1.0, 2.0, 3.0], [5.0, 5.0, 5.0]) is None
