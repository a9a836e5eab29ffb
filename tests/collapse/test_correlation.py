import numpy as np
import pytest
from scipy import stats

from imprint_core.collapse.correlation import relate


def test_correlations_and_line_are_scipys_and_numpys():
    rng = np.random.default_rng(0)
    nc1 = rng.lognormal(size=30)
    gain = 3 * np.log10(nc1) + 2 + rng.normal(size=30)
    found = relate(nc1, gain)
    assert found.spearman == pytest.approx(stats.spearmanr(nc1, gain).statistic)
    assert found.pearson == pytest.approx(np.corrcoef(nc1, gain)[0, 1])
    assert found.pearson_log == pytest.approx(np.corrcoef(np.log10(nc1), gain)[0, 1])
    slope, intercept = np.polyfit(np.log10(nc1), gain, 1)
    assert (found.slope, found.intercept) == (pytest.approx(slope), pytest.approx(intercept))
    assert found.at(10.0) == pytest.approx(slope + intercept)
    assert found.tasks == 30


def test_what_has_no_logarithm_is_left_out():
    assert relate([0.0, 1.0, 2.0, 4.0, np.inf], [9, 1, 2, 3, 9]).tasks == 3


@pytest.mark.parametrize("nc1", [[1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 0.0, np.inf, 1.0]])
def test_too_few_tasks_say_nothing(nc1):
    assert relate(nc1, list(range(len(nc1)))) is None
    assert relate([1.0, 2.0, 3.0], [5.0, 5.0, 5.0]) is None
