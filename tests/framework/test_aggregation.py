import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from imprint_core.framework.aggregation import AGGREGATIONS, Voting
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.distances import DISTANCES, compare, smallest

PLAIN = {"norm_pre": "none", "norm_post": "none", "norm_inf": "none"}


def problem(seed, p, m, d, classes):
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.choice(np.arange(1, p), classes - 1, replace=False))
    return rng.normal(size=(p, d)), rng.normal(size=(m, d)), np.concatenate([[0], starts])


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("shape", [(9, 4), (5, 12)])
def test_distances_are_scipys(name, shape):
    proxies, samples, starts = problem(0, shape[0], 20, shape[1], 3)
    more = {"VI": np.linalg.inv(np.cov(proxies.T) + 1e-6 * np.eye(shape[1]))} if name == "mahalanobis" else {}
    expected = cdist(proxies, samples, {"manhattan": "cityblock"}.get(name, name), **more)
    near, gaps = DISTANCES[name].nearest(compare(proxies, samples, starts), 99)
    np.testing.assert_allclose(gaps, np.take_along_axis(expected.T, near, axis=1), rtol=1e-5)
    np.testing.assert_allclose(gaps, np.sort(expected.T, axis=1), rtol=1e-5)


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sample_that_is_a_proxy_is_at_distance_0(name, dtype):
    proxies, _, starts = problem(1, 30, 1, 64, 3)
    proxies = (proxies * 40).astype(dtype)
    near, gaps = DISTANCES[name].nearest(compare(proxies, proxies, starts), 2)
    np.testing.assert_array_equal(near[:, 0], np.arange(30))
    # Mahalanobis divides what rounding leaves outside the proxies' span by 1e-6.
    assert (gaps[:, 0] <= (1e-3 if name == "mahalanobis" else 0)).all()
    assert (gaps[:, 1] > 1e-3).all()


@pytest.mark.parametrize("name", DISTANCES)
def test_poor_proxies_do_no_harm(name):
    for proxies in (np.zeros((4, 3)), np.ones((4, 3)), np.eye(3)[:1], np.repeat(np.eye(3)[:2], 2, axis=0)):
        samples = np.array([[0.0, 0, 0], [1, 0, 0], [5, 5, 5]])
        for vote in ("uniform", "distance"):
            voting = Voting(distance=name, m=3, vote=vote)
            scores = AGGREGATIONS["mnn"].function(compare(proxies, samples, np.array([0])), voting)
            assert np.isfinite(scores).all()


@given(st.integers(0, 999), st.integers(1, 9), st.sampled_from(["cosine", "euclidean", "manhattan"]))
@settings(deadline=None, max_examples=40)
def test_votes_by_the_book(seed, m, distance):
    """One sample after the other, in plain Python."""
    proxies, samples, starts = problem(seed, 8, 12, 3, 3)
    owner = np.searchsorted(starts, np.arange(8), side="right") - 1
    metric = {"manhattan": "cityblock"}.get(distance, distance)
    comparison = compare(proxies, samples, starts)
    for vote in ("uniform", "distance"):
        scores = AGGREGATIONS["mnn"].function(comparison, Voting(distance=distance, m=m, vote=vote))
        for i, gaps in enumerate(cdist(samples, proxies, metric)):
            near = np.argsort(gaps)[:m]
            votes = {c: [gaps[j] for j in near if owner[j] == c] for c in range(3)}
            if vote == "distance":
                best = max(range(3), key=lambda c: sum(1 / g for g in votes[c]))
            else:
                best = max(range(3), key=lambda c: (len(votes[c]), -np.mean(votes[c]) if votes[c] else 0))
            assert np.argmax(scores[:, i]) == best


def test_ties_by_distance_never_overrule_a_vote():
    """Two votes from afar beat one at distance zero; of one vote each the nearer wins."""
    proxies = np.array([[9.0], [9.5], [0.0], [2.0]])
    starts = np.array([0, 2, 3])
    far = AGGREGATIONS["mnn"].function(compare(proxies, np.array([[0.0]]), starts), Voting(m=4))
    assert far.argmax() == 0
    near = AGGREGATIONS["mnn"].function(compare(proxies, np.array([[1.5]]), starts), Voting(m=2))
    assert near.argmax() == 2
    published = Voting(m=2, ties="published")
    assert AGGREGATIONS["mnn"].function(compare(proxies, np.array([[1.5]]), starts), published).argmax() == 1


def test_max_and_sum():
    comparison = compare(np.array([[3.0], [-2.0], [2.0], [1.5]]), np.array([[1.0], [-1.0]]), np.array([0, 2]))
    voting = Voting()
    np.testing.assert_allclose(AGGREGATIONS["max"].function(comparison, voting), [[3, 2], [2, -1.5]])
    np.testing.assert_allclose(AGGREGATIONS["sum"].function(comparison, voting), [[1, -1], [3.5, -3.5]])


@given(st.integers(0, 999), st.integers(1, 9), st.sampled_from([9, 64, 333, 640]), st.integers(0, 2))
@settings(deadline=None)
def test_smallest_are_the_smallest_in_order(seed, m, p, decimals):
    values = np.random.default_rng(seed).normal(size=(p, 7)).round(decimals)
    rows, nearest = smallest(values, m)
    np.testing.assert_array_equal(nearest, np.sort(values, axis=0)[:m].T)
    np.testing.assert_array_equal(np.take_along_axis(values.T, rows, axis=1), nearest)
    assert all(len(set(row)) == m for row in rows)


def test_mean_and_euclidean_nearest_neighbour_are_nearest_centroid(vit_digits):
    X, y = vit_digits.X_train.astype(float), vit_digits.y_train
    ours = ImprintingClassifier("mean", agg="mnn", m=1, **PLAIN).fit(X, y)
    theirs = NearestCentroid().fit(X, y)
    np.testing.assert_allclose(ours.proxies_, theirs.centroids_)
    np.testing.assert_array_equal(ours.predict(vit_digits.X_test), theirs.predict(vit_digits.X_test))


@pytest.mark.parametrize("m", [1, 3, 5, 20])
@pytest.mark.parametrize("vote", ["uniform", "distance"])
@pytest.mark.parametrize("distance", ["cosine", "euclidean", "manhattan"])
def test_all_and_m_nearest_neighbours_are_k_neighbors_classifier(vit_digits, m, vote, distance):
    """With the published rule for ties, which is scikit-learn's."""
    X, y, T = vit_digits.X_train.astype(float), vit_digits.y_train, vit_digits.X_test.astype(float)
    theirs = KNeighborsClassifier(m, weights=vote, metric=distance).fit(X, y)
    ours = ImprintingClassifier("all", agg="mnn", m=m, vote=vote, distance=distance, ties="published", **PLAIN)
    np.testing.assert_array_equal(ours.fit(X, y).predict(T), theirs.predict(T))
