import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.utils.estimator_checks import parametrize_with_checks

from imprint_core.classifier import ImprintingClassifier
from imprint_core.errors import ImprintError
from imprint_core.generation import GENERATORS
from imprint_core.recipe import PRESETS

OURS = {"mean", "kmeans", "all", "cov_max"}


def too_little_for(estimator):
    """The training check has blobs of two features, in which shots hardly covary."""
    if estimator.gen == "cov_max":
        return {
            "check_classifiers_train": "covariance maximisation chooses badly in two dimensions, as its source does"
        }
    return {}


@parametrize_with_checks([ImprintingClassifier(gen=gen) for gen in GENERATORS], expected_failed_checks=too_little_for)
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


def test_official_predictions(reference):
    """Every mean, k-means, all and cov-max configuration with max aggregation and none/L2 norms."""
    seen = 0
    for c in reference.expected["configurations"]:
        if c["gen"] not in OURS or c["agg"] != "max" or c["norm_post"] == "quantile":
            continue
        model = ImprintingClassifier(
            c["gen"],
            max(c["k"], 1),
            c["norm_pre"],
            c["norm_post"],
            c["norm_inf"],
            random_state=c["seed"],
        ).fit(reference.X_train, reference.y_train)
        predicted = model.predict(reference.X_test)
        assert (predicted == reference.predictions[c["id"]]).mean() >= 0.995, c
        assert 100 * (predicted == reference.y_test).mean() == pytest.approx(c["accuracy"], abs=0.5)
        seen += 1
    assert seen == 24


def test_paper_figures_on_squeezenet_mnist(squeezenet_mnist):
    """300 shots, 100 test samples a class: about 85.8 % for one mean, 92.6 % for k-means, k = 20."""
    s = squeezenet_mnist
    for preset, wanted in (("qi", 85.8), ("own", 92.6)):
        model = ImprintingClassifier.from_recipe(PRESETS[preset], 17121997).fit(s.X_train, s.y_train)
        assert 100 * model.score(s.X_test, s.y_test) == pytest.approx(wanted, abs=2)


def test_mean_without_norms_by_distance_is_nearest_centroid(vit_digits):
    """On unit proxies the largest inner product is the smallest distance."""
    s = vit_digits
    ours = ImprintingClassifier("mean").fit(s.X_train, s.y_train)
    theirs = NearestCentroid().fit(ours.proxies_, ours.proxy_class_)
    unit = s.X_test / np.linalg.norm(s.X_test, axis=1, keepdims=True)
    np.testing.assert_array_equal(ours.predict(s.X_test), theirs.predict(unit))


def test_all_is_the_nearest_neighbour(vit_digits):
    s = vit_digits
    ours = ImprintingClassifier("all").fit(s.X_train, s.y_train).predict(s.X_test)
    theirs = KNeighborsClassifier(1, metric="cosine").fit(s.X_train, s.y_train).predict(s.X_test)
    assert (ours == theirs).mean() >= 0.998


@given(st.integers(0, 999), st.sampled_from(["mean", "kmeans", "all"]), st.sampled_from([0.01, 3.0, 500.0]))
@settings(deadline=None, max_examples=30)
def test_scale_means_nothing_under_l2(seed, gen, scale):
    rng = np.random.default_rng(seed)
    X, y, T = rng.normal(size=(30, 6)), rng.integers(0, 3, 30), rng.normal(size=(20, 6))
    plain = ImprintingClassifier(gen, 3).fit(X, y).predict(T)
    np.testing.assert_array_equal(plain, ImprintingClassifier(gen, 3).fit(scale * X, y).predict(scale * T))


@given(st.integers(0, 999), st.sampled_from(["mean", "all"]))
@settings(deadline=None, max_examples=30)
def test_order_of_samples_and_names_of_classes_mean_nothing(seed, gen):
    rng = np.random.default_rng(seed)
    X, y, T = rng.normal(size=(30, 6)), rng.integers(0, 3, 30), rng.normal(size=(20, 6))
    names = np.array(["zebra", "ant", "mole"])
    plain = ImprintingClassifier(gen).fit(X, y).predict(T)
    order = rng.permutation(30)
    renamed = ImprintingClassifier(gen).fit(X[order], names[y[order]]).predict(T)
    np.testing.assert_array_equal(names[plain], renamed)


def test_proxies_say_what_they_are(vit_digits):
    s = vit_digits
    model = ImprintingClassifier("random", 3).fit(s.X_train, s.y_train)
    assert model.proxies_.shape == (30, 192)
    np.testing.assert_array_equal(model.proxy_class_, np.repeat(np.arange(10), 3))
    np.testing.assert_array_equal(s.y_train[model.proxy_source_], model.classes_[model.proxy_class_])
    np.testing.assert_allclose(np.linalg.norm(model.proxies_, axis=1), 1, rtol=1e-5)
    assert set(ImprintingClassifier("kmeans", 3).fit(s.X_train, s.y_train).proxy_source_) == {-1}


def test_zero_vectors_and_one_class():
    X = np.zeros((4, 3))
    model = ImprintingClassifier("kmeans", 2).fit(X, [0, 0, 1, 1])
    assert np.isfinite(model.decision_function(X)).all()
    assert ImprintingClassifier("mean").fit(np.ones((2, 3)), [7, 7]).predict(np.ones((1, 3))).tolist() == [7]


def test_wrong_parameters_are_told_at_fit():
    with pytest.raises(ImprintError, match="No GEN method is called 'magic'"):
        ImprintingClassifier("magic").fit([[0.0], [1.0]], [0, 1])
