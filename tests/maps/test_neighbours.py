import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import l2
from imprint_core.maps import neighbours
from imprint_core.maps.neighbours import nearest_samples, won_by


def test_the_nearest_samples_of_real_embeddings(vit_digits):
    X = l2(vit_digits.X_train)
    rows, distances = nearest_samples(X[7], X, 12)
    assert (rows[0], distances[0]) == (7, 0)
    every = np.linalg.norm(X.astype(np.float64) - X[7], axis=1)
    np.testing.assert_array_equal(rows, np.argsort(every, kind="stable")[:12])
    np.testing.assert_allclose(distances, np.sort(every)[:12])
    others, _ = nearest_samples(X[7], X, 11, exclude=7)
    np.testing.assert_array_equal(others, rows[1:])


@given(st.integers(0, 999), st.integers(1, 30), st.integers(0, 40), st.booleans())
@settings(deadline=None, max_examples=60)
def test_ties_go_to_the_lower_row_and_all_parts_count(seed, n, count, without):
    rng = np.random.default_rng(seed)
    X, x = rng.integers(-1, 2, (n, 3)).astype(np.float32), rng.integers(-1, 2, 3).astype(np.float32)
    exclude = n // 2 if without else None
    # Not by `monkeypatch`, which lasts for all of hypothesis' examples.
    before, neighbours._PART = neighbours._PART, 4
    try:
        rows, distances = nearest_samples(x, X, count, exclude)
    finally:
        neighbours._PART = before
    wanted = sorted((float(np.square(X[i] - x).sum()), i) for i in range(n) if i != exclude)[:count]
    assert rows.tolist() == [i for _, i in wanted]
    np.testing.assert_allclose(distances**2, [square for square, _ in wanted], atol=1e-12)


def test_a_rotation_changes_no_neighbour():
    rng = np.random.default_rng(0)
    X, rotation = rng.normal(size=(50, 5)), np.linalg.qr(rng.normal(size=(5, 5)))[0]
    rows, distances = nearest_samples(X[0], X, 9)
    turned, same = nearest_samples(X[0] @ rotation, X @ rotation, 9)
    np.testing.assert_array_equal(rows, turned)
    np.testing.assert_allclose(distances, same, atol=1e-12)


def test_no_samples_and_other_shapes():
    rows, distances = nearest_samples(np.ones(3), np.empty((0, 3)), 5)
    assert (rows.shape, distances.shape) == ((0,), (0,))
    assert nearest_samples(np.ones(3), np.ones((1, 3)), 5, exclude=0)[0].shape == (0,)
    with pytest.raises(ImprintError, match=r"x has the shape \(2,\)"):
        nearest_samples(np.ones(2), np.ones((4, 3)), 5)


def test_every_sample_is_won_by_one_proxy():
    winner = np.array([4, 0, 4, 2, 0, 4])
    assert [rows.tolist() for rows in won_by(winner, np.arange(5))] == [[1, 4], [], [3], [], [0, 2, 5]]
    assert [rows.tolist() for rows in won_by(winner, np.array([4, 3]))] == [[0, 2, 5], []]
    assert won_by(winner, np.array([], dtype=int)) == []
    assert [rows.tolist() for rows in won_by(np.array([], dtype=int), np.arange(2))] == [[], []]
