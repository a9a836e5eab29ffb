import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imprint_core.normalization import NORMALIZATIONS, l2

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
