import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import l2
from imprint_core.maps import neighbours
from imprint_core.maps.neighbours import nearest_samples, place_points


def test_nearest_samples_of_real_embeddings(vit_digits):
    X = l2(vit_digits.X_train)
    rows, distances = nearest_samples(X[7], X, 12)
    assert (rows[0], distances[0]) == (7, 0)
    exact = np.linalg.norm(X.astype(np.float64) - X[7], axis=1)
    np.testing.assert_array_equal(rows, np.argsort(exact, kind="stable")[:12])
    np.testing.assert_allclose(distances, np.sort(exact)[:12])
    others, _ = nearest_samples(X[7], X, 11, exclude=7)
    np.testing.assert_array_equal(others, rows[1:])


@given(st.integers(0, 999), st.integers(1, 30), st.integers(0, 40), st.booleans())
@settings(deadline=None, max_examples=60)
def test_ties_go_to_the_lower_row_in_every_block(seed, n, count, without):
    rng = np.random.default_rng(seed)
    X, x = rng.integers(-1, 2, (n, 3)).astype(np.float32), rng.integers(-1, 2, 3).astype(np.float32)
    exclude = n // 2 if without else None
    # Not `monkeypatch`, which would last for all examples of hypothesis.
    before, neighbours._BLOCK = neighbours._BLOCK, 4
    try:
        rows, distances = nearest_samples(x, X, count, exclude)
    finally:
        neighbours._BLOCK = before
    expected = sorted((float(np.square(X[i] - x).sum()), i) for i in range(n) if i != exclude)[:count]
    assert rows.tolist() == [i for _, i in expected]
    np.testing.assert_allclose(distances**2, [square for square, _ in expected], atol=1e-12)


def test_rotation_does_not_change_neighbours():
    rng = np.random.default_rng(0)
    X, rotation = rng.normal(size=(50, 5)), np.linalg.qr(rng.normal(size=(5, 5)))[0]
    rows, distances = nearest_samples(X[0], X, 9)
    rotated, rotated_distances = nearest_samples(X[0] @ rotation, X @ rotation, 9)
    np.testing.assert_array_equal(rows, rotated)
    np.testing.assert_allclose(distances, rotated_distances, atol=1e-12)


def test_empty_input_and_mismatched_shapes():
    rows, distances = nearest_samples(np.ones(3), np.empty((0, 3)), 5)
    assert (rows.shape, distances.shape) == ((0,), (0,))
    assert nearest_samples(np.ones(3), np.ones((1, 3)), 5, exclude=0)[0].shape == (0,)
    with pytest.raises(ImprintError, match=r"x has the shape \(2,\)"):
        nearest_samples(np.ones(2), np.ones((4, 3)), 5)


def test_an_embedding_keeps_its_position(vit_digits):
    X = vit_digits.X_train
    positions = np.random.default_rng(0).uniform(-1, 1, (len(X), 2)).astype(np.float32)
    placed = place_points(X[:50], X, positions)
    np.testing.assert_allclose(placed, positions[:50], atol=1e-6)
    np.testing.assert_array_equal(place_points(X[:50], X, positions, np.einsum("ij,ij->i", X, X)), placed)


def test_points_are_placed_alike_in_blocks(vit_digits, monkeypatch):
    X, points = vit_digits.X_train, vit_digits.X_test[:50]
    positions = np.random.default_rng(0).normal(size=(len(X), 2)).astype(np.float32)
    whole = place_points(points, X, positions)
    monkeypatch.setattr(neighbours, "_MOST_DISTANCES", 7 * len(X))
    np.testing.assert_allclose(place_points(points, X, positions), whole, rtol=1e-5)


def test_a_proxy_is_placed_in_the_larger_group_of_neighbours():
    """Three neighbours in one group, two in another."""
    X = np.array([[1, 0], [1, 0.1], [1, -0.1], [1, 0.2], [1, -0.2]], dtype=np.float32)
    positions = np.array([[0, 0], [0.1, 0], [0, 0.1], [9, 9], [9, 9]], dtype=np.float32)
    assert (place_points(np.array([[1.01, 0]], dtype=np.float32), X, positions) < 1).all()


def test_fewer_embeddings_than_neighbours_are_accepted():
    X = np.eye(2, dtype=np.float32)
    assert place_points(X, X, X).shape == (2, 2)
