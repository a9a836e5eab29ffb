import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from imprint_core.evaluation.paired_tests import mcnemar, paired_difference, unpaired_difference


def test_one_seed_gives_the_paired_t_test_over_samples():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 1, 400)) < np.array([0.8, 0.6])[:, None, None]
    difference = paired_difference(a, b)
    theirs = stats.ttest_rel(a[0].astype(float), b[0].astype(float)).confidence_interval(0.95)
    assert (difference.low, difference.high) == pytest.approx((100 * theirs.low, 100 * theirs.high))
    assert difference.mean == pytest.approx(100 * (a.mean() - b.mean()))
    assert difference.significant


def test_the_interval_covers_over_seeds_and_samples():
    """95 % intervals cover the expected difference in 92 to 99.5 % of the cases if accuracy varies with both."""
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        seeds, samples = rng.normal(0, 0.4, (5, 1)), rng.normal(0, 1, (1, 300))
        sides = [rng.random((5, 300)) < stats.norm.cdf(0.5 + shift + samples) for shift in (0.2 + seeds, 0.0)]
        # Expectation over seeds and samples.
        expected = 100 * (stats.norm.cdf(0.7 / np.sqrt(2.16)) - stats.norm.cdf(0.5 / np.sqrt(2)))
        difference = paired_difference(*sides)
        hits += difference.low <= expected <= difference.high
    assert 0.92 <= hits / 300 <= 0.995


@given(st.integers(1, 4), st.integers(1, 30), st.randoms())
def test_swapping_sides_negates_the_difference(seeds, samples, random):
    a, b = (np.array([[random.random() < 0.5 for _ in range(samples)] for _ in range(seeds)]) for _ in range(2))
    forward, other = paired_difference(a, b), paired_difference(b, a)
    assert (forward.mean, forward.low, forward.high) == pytest.approx((-other.mean, -other.high, -other.low))
    assert forward.low <= forward.mean <= forward.high
    same = paired_difference(a, a)
    assert (same.mean, same.low, same.high, same.significant) == (0, 0, 0, False)
    assert mcnemar(a[0], b[0]).p == mcnemar(b[0], a[0]).p


def test_unpaired_sides_have_wider_intervals():
    rng = np.random.default_rng(2)
    a = rng.random((5, 500)) < 0.8
    b = a & (rng.random((5, 500)) < 0.97)
    paired, unpaired = paired_difference(a, b), unpaired_difference(a, b)
    assert unpaired.mean == pytest.approx(paired.mean)
    assert unpaired.high - unpaired.low > paired.high - paired.low
    assert unpaired_difference(a, b[:, :100]).mean == pytest.approx(100 * (a.mean() - b[:, :100].mean()))


def test_mcnemar_is_the_exact_binomial_test():
    a = np.array([True] * 9 + [False] * 2 + [True] * 5 + [False] * 4)
    b = np.array([False] * 9 + [True] * 2 + [True] * 5 + [False] * 4)
    test = mcnemar(a, b)
    assert (test.only_a, test.only_b) == (9, 2)
    assert test.p == pytest.approx(2 * stats.binom.cdf(2, 11, 0.5))
    assert mcnemar(a, a).p == 1
