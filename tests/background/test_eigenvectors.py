import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint_core.background.eigenvectors import eigenvectors


@given(st.integers(1, 40), st.sampled_from(["float32", "float64"]), st.integers(0, 99))
def test_they_are_orthonormal_and_restore_the_matrix(n, dtype, seed):
    x = np.random.default_rng(seed).standard_normal((n, n)).astype(dtype)
    symmetric = x @ x.T
    before = symmetric.copy()
    values, vectors = eigenvectors(symmetric)
    assert values.dtype == vectors.dtype == dtype
    np.testing.assert_array_equal(symmetric, before)
    tolerance = 200 * n * np.finfo(dtype).eps
    np.testing.assert_allclose(values, np.linalg.eigvalsh(symmetric), rtol=0, atol=tolerance * values[-1])
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(n), atol=tolerance)
    np.testing.assert_allclose(vectors * values @ vectors.T, symmetric, atol=tolerance * values[-1])


def test_nan_raises():
    with pytest.raises(np.linalg.LinAlgError):
        eigenvectors(np.full((4, 4), np.nan, np.float32))


def test_other_threads_run_meanwhile():
    x = np.random.default_rng(0).standard_normal((1000, 1000)).astype(np.float32)
    ended = threading.Event()
    thread = threading.Thread(target=lambda: (eigenvectors(x @ x.T), ended.set()))
    eigenvectors(np.eye(2, dtype=np.float32))
    thread.start()
    turns = 0
    while not ended.is_set():
        time.sleep(0.001)
        turns += 1
    thread.join()
    # A function that keeps Python's global lock leaves two or three.
    assert turns > 10
