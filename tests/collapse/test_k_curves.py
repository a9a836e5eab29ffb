import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from imprint_core.collapse.k_curves import elbow, nc1_of_split, split_classes, split_ks, task_curve
from imprint_core.collapse.measures import nc1
from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.task import choose_classes
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.normalization import l2
from imprint_core.framework.recipe import Recipe
from tests.collapse.naive_measures import NaiveMeasures, published_nc1


def test_a_curve_has_the_accuracy_of_the_estimator_and_nc1_of_the_shots(vit_digits):
    pool = choose_classes(vit_digits, "5in1")
    recipe = Recipe("kmeans", 1, "l2", "l2", "l2")
    curve = task_curve(pool, recipe, (1, 5), None, 3)
    for k, accuracy in zip((1, 5), curve.accuracy, strict=True):
        model = ImprintingClassifier(gen="kmeans", k=k, random_state=3).fit(pool.X_train, pool.y_train)
        # The estimator gets the shots in another order, so k-means starts differently.
        assert accuracy == pytest.approx(100 * model.score(pool.X_test, pool.y_test), abs=0.01 if k == 1 else 6)
    X = l2(pool.X_train)
    assert curve.nc1["textbook"] == pytest.approx(nc1(X, pool.y_train), rel=1e-4)
    assert curve.nc1["published"] == pytest.approx(published_nc1(X, pool.y_train), rel=1e-4)
    single = choose_classes(vit_digits, "3")
    with pytest.raises(ImprintError, match="NC1 needs at least two classes"):
        task_curve(single, recipe, (1, 5), None, 3)


@given(st.integers(2, 8), st.integers(11, 15), st.floats(0.5, 5), st.floats(-0.4, 0.4))
def test_elbow_is_where_two_lines_meet(bend, last, rise, after):
    ks = np.arange(1, last + 1)
    y = np.where(ks <= bend, rise * ks, rise * bend + after * rise * (ks - bend))
    assert elbow(ks, y) == bend


def test_elbow_without_inner_points_is_the_first_k():
    assert elbow([3, 5], np.array([1.0, 2.0])) == 3


@given(st.lists(st.integers(4, 9), min_size=2, max_size=4), st.integers(1, 5), st.integers(0, 5))
@settings(deadline=None, max_examples=25)
def test_clusters_belong_to_one_class_and_are_numbered_without_gaps(sizes, k, seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(sizes)) + 2, sizes))
    X = rng.normal(size=(len(y), 6)).astype(np.float32)
    clusters = split_classes(X, y, k, seed)
    assert set(clusters) == set(range(clusters.max() + 1))
    members = [set(y[clusters == p]) for p in range(clusters.max() + 1)]
    assert all(len(classes) == 1 for classes in members)
    assert [min(classes) for classes in members] == sorted(min(classes) for classes in members)
    assert clusters.max() + 1 <= sum(min(k, size) for size in sizes)


def test_clusters_are_those_of_scikit_learn_and_nc1_is_the_naive_one(bundled):
    s = open_set(bundled["squeezenet1_1", "mnist"])
    rows = np.concatenate([np.flatnonzero(s.y_train == c)[:60] for c in range(4)])
    X, y = l2(s.X_train[rows]), s.y_train[rows]
    clusters = split_classes(X, y, 3, 11)
    for c in range(4):
        theirs = KMeans(3, random_state=11).fit(X[y == c]).labels_
        pairs = set(zip(clusters[y == c].tolist(), theirs.tolist(), strict=True))
        assert len(pairs) == 3
    assert nc1_of_split(X, y, 3, 11) == pytest.approx(NaiveMeasures(X, clusters).nc1(), rel=1e-4)
    assert nc1_of_split(X, y, 1, 11) == pytest.approx(nc1(X, y), rel=1e-6)
    assert nc1_of_split(X, y, 3, 11, "published") > nc1_of_split(X, y, 3, 11)
    with pytest.raises(ImprintError, match="NC1 needs at least two classes"):
        nc1_of_split(X[y == 0], y[y == 0], 3, 11)


def test_nc1_of_merged_classes_falls_when_split_into_their_modes(bundled):
    pool = choose_classes(open_set(bundled["vit_tiny_patch16_224", "tiny_imagenet_100"]), "3in1")
    X, y = l2(pool.X_train), pool.y_train
    values = [nc1_of_split(X, y, k, 0) for k in (1, 2, 3, 8)]
    assert min(values[1:3]) < values[0] < values[3]


def test_meaningless_splits_are_left_out():
    sizes = np.array([100, 40])
    assert split_ks(sizes, 512, (1, 5, 20, 30)) == (1, 5, 20)
    assert split_ks(np.full(10, 300), 192, (1, 5, 9, 10, 20)) == (1, 5, 9)
    assert split_ks(np.full(100, 60), 192, (1, 2)) == (1,)
    assert split_ks(np.array([1, 1]), 8, (1, 2)) == (1,)
