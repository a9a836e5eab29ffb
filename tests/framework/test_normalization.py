from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imprint_core.framework.normalization import NORMALIZATIONS, l2, quantile, quantile_published

LARGE = float(np.float32(1e30))
vectors = arrays(
    np.float32, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.floats(-LARGE, LARGE, width=32)
)


@given(vectors)
def test_l2_gives_unit_vectors_or_zero(x):
    lengths = np.linalg.norm(l2(x).astype(np.float64), axis=1)
    zero = (x == 0).all(axis=1)
    np.testing.assert_allclose(lengths[~zero], 1, rtol=1e-5)
    assert not lengths[zero].any()


@given(vectors, st.sampled_from([2.0**-20, 0.5, 4.0, 2.0**20]))
def test_l2_ignores_scale(x, scale):
    wide = x.astype(np.float64)
    np.testing.assert_allclose(l2(wide), l2(wide * scale), atol=1e-12)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_scale_does_what_the_function_does(name):
    entry = NORMALIZATIONS[name]
    x = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    x[3] = 0
    scaled = x * entry.scale((x**2).sum(axis=1))[:, None]
    np.testing.assert_allclose(scaled, entry.function(x), rtol=1e-5)


# --- quantiles -----------------------------------------------------------------------------


def published_by_the_book(proxies, starts):
    """One flattened distribution after the other, by `np.quantile`."""
    mapped = proxies.copy()
    d = proxies.shape[1]
    for start, end in pairwise([*starts[1:], len(proxies)]):
        levels = np.quantile(mapped[:start], (np.arange(d) + 0.5) / d)
        for i in range(start, end):
            mapped[i, np.argsort(proxies[i], kind="stable")] = levels
    return mapped


@given(st.integers(0, 999), st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(1, 9))
def test_published_quantiles_by_the_book(seed, sizes, d):
    proxies = np.random.default_rng(seed).normal(size=(sum(sizes), d))
    starts = np.cumsum([0, *sizes[:-1]])
    np.testing.assert_allclose(quantile_published(proxies, starts), published_by_the_book(proxies, starts), atol=1e-12)


@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 9))
def test_quantiles_keep_ranks_and_give_all_one_distribution(seed, p, d):
    proxies = np.random.default_rng(seed).normal(size=(p, d))
    mapped = quantile(proxies, np.array([0]))
    np.testing.assert_array_equal(np.argsort(mapped, axis=1), np.argsort(proxies, axis=1))
    np.testing.assert_allclose(np.sort(mapped, axis=1), np.sort(mapped, axis=1)[:1].repeat(p, axis=0))
    order = np.random.default_rng(seed).permutation(p)
    np.testing.assert_allclose(quantile(proxies[order], np.array([0])), mapped[order])


def test_equal_entries_stay_equal_and_a_zero_proxy_is_even():
    proxies = np.array([[1.0, 5, 2, 9], [0, 0, 0, 0], [3, 3, 1, 7]])
    for function in (quantile, quantile_published):
        mapped = function(proxies, np.array([0, 1, 2]))
        assert len(set(mapped[1])) == 1
        assert mapped[2, 0] == mapped[2, 1] > mapped[2, 2]
