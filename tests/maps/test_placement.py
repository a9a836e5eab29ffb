import numpy as np

from imprint_core.maps.placement import place_points


def test_an_embedding_keeps_its_position(vit_digits):
    X = vit_digits.X_train
    positions = np.random.default_rng(0).uniform(-1, 1, (len(X), 2)).astype(np.float32)
    placed = place_points(X[:50], X, positions)
    np.testing.assert_allclose(placed, positions[:50], atol=1e-6)
    np.testing.assert_array_equal(place_points(X[:50], X, positions, np.einsum("ij,ij->i", X, X)), placed)


def test_a_proxy_is_placed_in_the_larger_group_of_neighbours():
    """Three neighbours in one group, two in another."""
    X = np.array([[1, 0], [1, 0.1], [1, -0.1], [1, 0.2], [1, -0.2]], dtype=np.float32)
    positions = np.array([[0, 0], [0.1, 0], [0, 0.1], [9, 9], [9, 9]], dtype=np.float32)
    assert (place_points(np.array([[1.01, 0]], dtype=np.float32), X, positions) < 1).all()


def test_fewer_embeddings_than_neighbours_are_accepted():
    X = np.eye(2, dtype=np.float32)
    assert place_points(X, X, X).shape == (2, 2)
