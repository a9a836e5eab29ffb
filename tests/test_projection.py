import numpy as np
import pytest
from sklearn.decomposition import PCA

from imprint_core.normalization import l2
from imprint_core.projection import MAP_METHODS, pca_map, place, umap_map


def test_pca_map_is_the_first_two_components(vit_digits):
    ours = pca_map(vit_digits.X_train)
    theirs = PCA(2).fit_transform(vit_digits.X_train)
    for i in range(2):
        assert abs(np.corrcoef(ours[:, i], theirs[:, i])[0, 1]) > 0.9999
    assert np.abs(ours).max() == pytest.approx(1)


def test_umap_map_is_the_same_every_time_and_keeps_neighbours(vit_digits):
    X = l2(vit_digits.X_train[:400])
    first, second = umap_map(X), umap_map(X)
    np.testing.assert_array_equal(first, second)
    from sklearn.manifold import trustworthiness

    assert trustworthiness(X, first, n_neighbors=10) > 0.9


@pytest.mark.parametrize("method", MAP_METHODS)
@pytest.mark.parametrize("X", [np.zeros((1, 3)), np.ones((5, 4)), np.random.default_rng(0).normal(size=(3, 2))])
def test_tiny_and_constant_data_get_a_map(method, X):
    positions = MAP_METHODS[method].function(X.astype(np.float32))
    assert positions.shape == (len(X), 2)
    assert np.isfinite(positions).all()


def test_one_dimension_gets_a_map():
    positions = pca_map(np.arange(5, dtype=np.float32)[:, None])
    assert np.ptp(positions[:, 0]) == pytest.approx(2)
    assert not positions[:, 1].any()


def test_an_embedding_is_placed_where_it_is(vit_digits):
    X = vit_digits.X_train
    positions = np.random.default_rng(0).uniform(-1, 1, (len(X), 2)).astype(np.float32)
    np.testing.assert_allclose(place(X[:50], X, positions), positions[:50], atol=1e-6)


def test_a_proxy_is_not_placed_in_the_void():
    """Three neighbours in one group, two in another: it stands in the larger group."""
    X = np.array([[1, 0], [1, 0.1], [1, -0.1], [1, 0.2], [1, -0.2]], dtype=np.float32)
    positions = np.array([[0, 0], [0.1, 0], [0, 0.1], [9, 9], [9, 9]], dtype=np.float32)
    assert (place(np.array([[1.01, 0]], dtype=np.float32), X, positions) < 1).all()


def test_fewer_embeddings_than_neighbours():
    X = np.eye(2, dtype=np.float32)
    assert place(X, X, X).shape == (2, 2)
