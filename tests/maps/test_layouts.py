import numpy as np
import pytest
from sklearn.decomposition import PCA

from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import l2
from imprint_core.maps.layouts import (
    LAYOUT_GRID,
    MAP_METHODS,
    MIN_DISTS,
    N_NEIGHBORS,
    Layout,
    pca_map,
    set_numba_cache,
    trustworthiness,
    umap_map,
)

rng = np.random.default_rng(0)


def test_keys_identify_layouts():
    assert Layout().key == "umap_15_0.1_0"
    assert Layout(min_dist=0).key == Layout(min_dist=-0.0).key == "umap_15_0.0_0"
    assert Layout("pca", 50, 0.8, 3).key == "pca"
    assert Layout("pca", 50, 0.8, 3).canonical() == Layout("pca")
    assert Layout(n_neighbors=50).canonical() == Layout(n_neighbors=50)
    options = {Layout("umap", n, dist) for n in N_NEIGHBORS for dist in MIN_DISTS}
    assert len({layout.key for layout in options}) == len(options)
    assert set(LAYOUT_GRID) - options == set()
    for layout in [*options, Layout("pca"), Layout(seed=2**32 - 1)]:
        assert Layout.from_key(layout.key) == layout


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"method": "tsne"}, "Unknown map method 'tsne'. Use one of: umap, pca."),
        ({"n_neighbors": 1}, "n_neighbors is 1; it must be a whole number from 2 to 200."),
        ({"n_neighbors": 2.5}, "n_neighbors is 2.5; it must be a whole number"),
        ({"min_dist": 1.0}, "min_dist is 1.0; it must be a number from 0 to 0.99."),
        ({"min_dist": float("nan")}, "min_dist is nan; it must be a number from 0 to 0.99."),
        ({"seed": -1}, "The seed is -1; it must be a whole number from 0 to 4,294,967,295."),
        ({"seed": True}, "The seed is True; it must be a whole number"),
    ],
)
def test_parameters_out_of_range_are_rejected(values, sentence):
    with pytest.raises(ImprintError, match=sentence):
        Layout(**values)


@pytest.mark.parametrize("key", ["", "tsne", "umap_x_0.1_0", "umap_15_0.1", "../umap"])
def test_invalid_keys_are_rejected(key):
    with pytest.raises(ImprintError):
        Layout.from_key(key)


def test_pca_map_shows_the_first_two_components(vit_digits):
    components = pca_map(vit_digits.X_train)
    expected = PCA(2).fit_transform(vit_digits.X_train)
    for i in range(2):
        assert abs(np.corrcoef(components[:, i], expected[:, i])[0, 1]) > 0.9999
    assert np.abs(components).max() == pytest.approx(1)


def test_umap_is_deterministic_preserves_neighbours_and_reports_progress(vit_digits):
    X = l2(vit_digits.X_train[:400])
    reports = []
    first, second = umap_map(X, progress=lambda *report: reports.append(report)), umap_map(X)
    np.testing.assert_array_equal(first, second)
    assert trustworthiness(X, first) > 0.9
    shares = [share for _, share in reports]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1
    assert [stage for stage, _ in reports if stage != "laying out"] == [
        "finding the principal components",
        "finding neighbours",
        "preparing the layout",
    ]
    assert reports[-1] == ("laying out", 1.0)


def test_parameters_and_seed_change_the_map(vit_digits):
    X = l2(vit_digits.X_train[:200])
    maps = [umap_map(X, Layout(**values)) for values in ({}, {"n_neighbors": 5}, {"min_dist": 0.8}, {"seed": 1})]
    assert len({positions.tobytes() for positions in maps}) == 4


EDGE_CASES = {
    "one": np.zeros((1, 3)),
    "two": np.eye(2, 3),
    "identical": np.ones((5, 4)),
    "identical, more than neighbours": np.ones((40, 4)),
    "all zero": np.zeros((20, 4)),
    "fewer than neighbours": rng.normal(size=(6, 5)),
    "two different": np.repeat(np.eye(2, 6), 30, axis=0),
    "five different, each more often than neighbours": np.repeat(rng.normal(size=(5, 6)), 30, axis=0),
    "far groups": np.concatenate([rng.normal(size=(40, 4)) + 1e4 * c for c in range(3)]),
    "one dimension": rng.normal(size=(30, 1)),
    "two dimensions": rng.normal(size=(30, 2)),
    "some dimensions constant": np.pad(rng.normal(size=(30, 3)), ((0, 0), (2, 2)), constant_values=3),
    "huge": 1e30 * rng.normal(size=(30, 4)),
    "tiny": 1e-30 * rng.normal(size=(30, 4)),
    "read-only": rng.normal(size=(30, 4)),
}


@pytest.mark.parametrize("method", MAP_METHODS)
@pytest.mark.parametrize("kind", EDGE_CASES)
def test_every_edge_case_gives_a_finite_map(method, kind):
    X = EDGE_CASES[kind].astype(np.float32)
    X.setflags(write=False)
    positions = MAP_METHODS[method].function(X, Layout(method, n_neighbors=15))
    assert positions.shape == (len(X), 2)
    assert positions.dtype == np.float32
    assert np.isfinite(positions).all()
    if len(np.unique(X, axis=0)) > 1:
        assert np.abs(positions).max() == pytest.approx(1)
    trust = trustworthiness(X, positions)
    assert np.isnan(trust) == (len(X) < 6 or len(np.unique(X, axis=0)) == 1)


@pytest.mark.parametrize("method", MAP_METHODS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_rejected(method, value):
    X = rng.normal(size=(9, 3)).astype(np.float32)
    X[2, 1] = value
    with pytest.raises(ImprintError, match="contain values that are not finite"):
        MAP_METHODS[method].function(X, Layout(method))


def test_two_dimensions_stay_as_they_are():
    X = rng.normal(size=(50, 2)).astype(np.float32)
    positions = umap_map(X)
    assert trustworthiness(X, positions) == 1
    for axis in range(2):
        assert np.corrcoef(positions[:, axis], X[:, axis])[0, 1] > 0.9999


def test_one_dimension_becomes_a_line():
    for method in (pca_map, umap_map):
        positions = method(np.arange(5, dtype=np.float32)[:, None])
        assert np.ptp(positions[:, 0]) == pytest.approx(2)
        assert not positions[:, 1].any()


def test_trustworthiness_separates_good_and_random_maps(vit_digits):
    from sklearn.manifold import trustworthiness as sklearn_trustworthiness

    X = l2(vit_digits.X_train)
    good, bad = pca_map(X), rng.normal(size=(len(X), 2)).astype(np.float32)
    assert trustworthiness(X, good) == sklearn_trustworthiness(X, good, n_neighbors=15)
    assert trustworthiness(X, good) > 0.7 > trustworthiness(X, bad)
    assert trustworthiness(X[:, :2], X[:, :2]) == 1


def test_trustworthiness_of_many_samples_uses_a_subset():
    X = rng.normal(size=(9000, 3)).astype(np.float32)
    positions = X[:, :2]
    subset_trust = trustworthiness(X, positions)
    assert subset_trust == trustworthiness(X, positions)
    assert subset_trust == pytest.approx(trustworthiness(X[:3000], positions[:3000]), abs=0.02)


@pytest.mark.parametrize("writable", [True, False])
def test_compiled_functions_are_stored_where_that_is_possible(writable, tmp_path, monkeypatch):
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr("os.access", lambda path, mode: writable)
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path))
    set_numba_cache()
    assert ("" if writable else str(tmp_path / "numba")) == numba.config.CACHE_DIR
