import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from imprint_core.evaluation.paired_tests import mcnemar, paired_difference, unpaired_difference


def test_one_seed_is_the_paired_t_test_over_samples():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 1, 400)) < np.array([0.8, 0.6])[:, None, None]
    found = paired_difference(a, b)
    theirs = stats.ttest_rel(a[0].astype(float), b[0].astype(float)).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((100 * theirs.low, 100 * theirs.high))
    assert found.mean == pytest.approx(100 * (a.mean() - b.mean()))
    assert found.clear


def test_the_interval_covers_over_seeds_and_samples():
    """Of accuracies that vary with both, 95 % intervals hold the truth in most of the cases, and not always."""
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        seeds, samples = rng.normal(0, 0.4, (5, 1)), rng.normal(0, 1, (1, 300))
        own = [rng.random((5, 300)) < stats.norm.cdf(0.5 + shift + samples) for shift in (0.2 + seeds, 0.0)]
        # Over many seeds and samples, by the law of large numbers.
        truth = 100 * (stats.norm.cdf(0.7 / np.sqrt(2.16)) - stats.norm.cdf(0.5 / np.sqrt(2)))
        found = paired_difference(*own)
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 300 <= 0.995


@given(st.integers(1, 4), st.integers(1, 30), st.randoms())
def test_swapped_sides_are_the_negative(seeds, samples, random):
    a, b = (np.array([[random.random() < 0.5 for _ in range(samples)] for _ in range(seeds)]) for _ in range(2))
    one, other = paired_difference(a, b), paired_difference(b, a)
    assert (one.mean, one.low, one.high) == pytest.approx((-other.mean, -other.high, -other.low))
    assert one.low <= one.mean <= one.high
    np.testing.assert_allclose(one.per_seed.mean(), one.mean)
    same = paired_difference(a, a)
    assert (same.mean, same.low, same.high, same.clear) == (0, 0, 0, False)
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
    found = mcnemar(a, b)
    assert (found.only_a, found.only_b) == (9, 2)
    assert found.p == pytest.approx(2 * stats.binom.cdf(2, 11, 0.5))
    assert mcnemar(a, a).p == 1
